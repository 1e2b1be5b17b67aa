//! What people and programs see of a job.

use crate::failure::FailureCode;
use crate::run::testing::{JOB, T0, claim, lose, make, started, try_any, try_command};
use crate::run::{Command, Engines, JobView, Metadata, RenderCommand, RenderEventName, Run, SegmentView, Status};
use crate::work::Place;
use mw_kernel::Kind;
use mw_kernel::run::Facts;
use serde_json::json;
use time::Duration;

const FIRST: Place = Place::Segment(0);

#[test]
fn a_job_is_answered_in_the_shape_of_the_contract() {
    let run = claim(&started(json!({})), FIRST);
    assert_eq!(
        serde_json::to_value(JobView::of(&run, T0 + Duration::SECOND)).unwrap(),
        json!({
            "job_id": JOB, "status": "RENDERING_SEGMENTS", "archetype": "PRODUCT_HERO",
            "preset_id": "product_hero_clean", "target_duration_seconds": 6, "progress_pct": 0.0,
            "output_uri": null, "thumbnail_uri": null, "metadata_uri": null, "fallback_used": false,
            "fallback_reason": null, "error": null, "created_at": "2026-01-02T03:04:05Z",
            "updated_at": "2026-01-02T03:04:06Z",
        })
    );
    let segments: Vec<_> = run.body.segments.iter().map(SegmentView::of).collect();
    assert_eq!(
        serde_json::to_value(segments).unwrap(),
        json!([
            {"index": 0, "status": "RUNNING", "duration_seconds": 3, "engine_used": "local_ffmpeg",
             "artifact_uri": null, "error": null},
            {"index": 1, "status": "PENDING", "duration_seconds": 3, "engine_used": null,
             "artifact_uri": null, "error": null},
        ])
    );
}

#[test]
fn flag_reason_and_metadata_tell_one_story() {
    let lost = lose(&started(json!({})), FIRST, FailureCode::EngineFailed, &Engines::assumed());
    let mut run = lost;
    for place in [FIRST, Place::Segment(1)] {
        run = make(&run, place);
    }
    assert_eq!(Metadata::of(&run), None);
    let claimed = claim(&run, Place::Video);
    let command = crate::run::testing::finish_of(
        &claimed,
        crate::run::testing::held(&claimed, Place::Video),
        crate::run::testing::assignment(&claimed, Place::Video),
        Engines::assumed(),
    );
    let done = try_command(&claimed, command, T0 + Duration::MINUTE).unwrap();
    let (view, metadata) = (JobView::of(&done, T0), Metadata::of(&done).unwrap());
    assert_eq!(metadata.engine_used, "local_comfyui,local_ffmpeg");
    assert_eq!((view.fallback_used, &view.fallback_reason), (metadata.fallback_used, &metadata.fallback_reason));
    let reason =
        "engine_fallback of segment 1 from local_ffmpeg to local_comfyui: local_ffmpeg: the engine failed (detail)";
    assert_eq!(view.fallback_reason.as_deref(), Some(reason));
    assert!(metadata.completed_at > metadata.created_at);
    assert_eq!(metadata.seeds.len(), 2);
    assert_eq!(view.metadata_uri.unwrap(), format!("/api/v1/jobs/{JOB}/metadata"));
    let value = serde_json::to_value(&metadata).unwrap();
    let members: Vec<_> = value["segments"][0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(members.len(), 5, "{members:?}");
}

#[test]
fn why_says_who_is_waited_for() {
    let why = |run: &Run| run.why(&Facts::default());
    let queued = started(json!({}));
    assert_eq!(why(&queued).waiting_for, "a worker to pick it up: segment 1 waits for local_ffmpeg");
    let lost = lose(&queued, FIRST, FailureCode::Crashed, &Engines::assumed());
    assert_eq!(
        why(&claim(&lost, FIRST)).waiting_for,
        "0 of 2 segments are there; segment 1 is made by local_ffmpeg on worker-1 (before, local_ffmpeg: the renderer \
         crashed); segment 2 waits for local_ffmpeg"
    );
    let assembling = claim(&super::life::rendered(), Place::Video);
    assert_eq!(
        why(&assembling).waiting_for,
        "2 of 2 segments are there; the video is made by the assembly on worker-1"
    );
    assert!(why(&assembling).then.contains("a retry keeps the segments"));
}

#[test]
fn every_status_has_words_and_a_place_in_the_steps() {
    for status in Status::ALL {
        assert!(crate::run::Render::standing(status.as_str()).is_some());
    }
    let names: Vec<_> = crate::run::Render::steps(&started(json!({}))).into_iter().map(|step| step.name).collect();
    assert_eq!(names, ["plan", "render", "assemble"]);
}

#[test]
fn every_event_is_told_in_a_sentence() {
    for name in RenderEventName::ALL {
        let sentence = crate::run::Render::sentence(name.as_str(), &json!({})).unwrap();
        assert!(!sentence.is_empty());
    }
    let told = |event: &str, data| crate::run::Render::sentence(event, &data).unwrap();
    let assignment = json!({"what": "segment", "index": 1, "engine": "api_luma", "archetype": "OVERLAY"});
    assert_eq!(told("work.assigned", json!({"assignment": assignment})), "Segment 2 goes to api_luma");
    let failed = json!({"assignment": assignment, "code": "timed_out", "message": "300 s"});
    assert_eq!(told("work.failed", failed), "Segment 2 was not made by api_luma: it took too long (300 s)");
    let hop =
        json!({"place": {"segment": 1}, "fallback": "template_fallback", "to": "template", "reason": "all failed"});
    assert_eq!(told("work.fell_back", hop), "Segment 2 becomes the plain template: all failed");
    assert_eq!(told("job.planned", json!({"segments": 1})), "Planned 1 segment");
    assert_eq!(told("segment.done", json!({"index": 0})), "Segment 1 is there");
    assert_eq!(crate::run::Render::sentence("job.sculpted", &json!({})), None);
}

#[test]
fn the_page_shows_segments_work_and_video() {
    let run = claim(&make(&started(json!({})), FIRST), Place::Segment(1));
    let product = crate::run::Render::product(&run);
    assert_eq!((product.pieces.list.len(), product.work.len(), product.video), (2, 1, None));
    assert_eq!(product.work[0].note.as_deref(), Some("segment 2, on worker-1"));
    let done = make(&super::life::rendered(), Place::Video);
    assert_eq!(crate::run::Render::product(&done).video.unwrap(), format!("/api/v1/jobs/{JOB}/output"));
}

#[test]
fn a_report_of_every_check_is_kept_with_the_video() {
    let run = claim(&super::life::rendered(), Place::Video);
    let command = Command::Own(crate::run::testing::finish_of(
        &run,
        crate::run::testing::held(&run, Place::Video),
        crate::run::testing::assignment(&run, Place::Video),
        Engines::assumed(),
    ));
    let decided = crate::run::testing::with_context(T0, 50, |context| {
        mw_kernel::run::apply(&run, &command, "w", context).unwrap().unwrap()
    });
    let types: Vec<_> = decided.rows.artifacts.iter().map(|one| one.artifact_type.as_str()).collect();
    assert_eq!(types, ["render.video", "render.thumbnail", "render.verification", "notification"]);
    assert!(decided.rows.artifacts[2].metadata["findings"].as_array().unwrap().len() > 10);
    assert_eq!(decided.rows.artifacts[0].checksum.as_ref().unwrap().len(), 64);
}

#[test]
fn an_expired_pause_is_a_failure_with_a_reason() {
    let pause = Command::Pause { reason: "r".into(), actor: "a".into(), until: T0 + Duration::DAY };
    let paused = try_any(&started(json!({})), &pause, T0).unwrap();
    let expired = try_any(&paused, &Command::PassDeadline, T0 + Duration::DAY).unwrap();
    let view = JobView::of(&expired, T0);
    assert_eq!((view.status.as_str(), view.error.as_deref()), ("FAILED", Some("The job was paused for too long")));
    let forced = try_command(&expired, RenderCommand::ForceFail { error: None }, T0);
    assert!(forced.is_err());
}
