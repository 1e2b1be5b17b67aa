//! What the tests of render jobs share.

use crate::asset::AssetRef;
use crate::engine::Engine;
use crate::failure::FailureCode;
use crate::job::{JobBody, JobDefaults};
use crate::run::{
    Claim, Command, Engines, Failed, FinishedSegment, FinishedVideo, Render, RenderCommand, Run, StartRequest, start,
};
use crate::spec::{MadeSegment, RenderSpec};
use crate::verify::{AudioStream, ControlReport, FileReport, VideoStream};
use crate::work::{Assignment, Held, Place};
use mw_kernel::Timestamp;
use mw_kernel::run::{Context, Decided, Refusal, apply};
use mw_kernel::status::ProvidersMode;
use serde_json::{Value, json};

pub(crate) const T0: Timestamp = time::macros::datetime!(2026-01-02 03:04:05 UTC);
pub(crate) const JOB: &str = "0123456789abcdef0123456789abcdef";

/// Ids that no two decisions share, as in life: they follow from the run's version.
pub(crate) fn with_context<T>(now: Timestamp, seed: u64, call: impl FnOnce(&mut Context<'_>) -> T) -> T {
    let mut number = 0;
    let mut new_id = || {
        number += 1;
        format!("id-{seed}-{number}")
    };
    call(&mut Context { now, new_id: &mut new_id })
}

pub(crate) fn spec(changes: Value) -> RenderSpec {
    let mut body = json!({"preset_id": "product_hero_clean", "prompt": "a red shoe", "target_duration_seconds": 6});
    body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    serde_json::from_value::<JobBody>(body).unwrap().accept(JobDefaults::default()).unwrap()
}

pub(crate) fn started_with(changes: Value, engines: Engines) -> Decided<Render> {
    let request = StartRequest {
        job_id: JOB.to_owned(),
        spec: spec(changes),
        user_id: "ann".to_owned(),
        started_by: Some("key-1".to_owned()),
        mode: ProvidersMode::Sim,
        ordered_by: None,
        engines,
    };
    with_context(T0, 0, |context| start(&request, "key-1", context))
}

pub(crate) fn started(changes: Value) -> Run {
    started_with(changes, Engines::assumed()).run
}

pub(crate) fn only(healthy: &[Engine]) -> Engines {
    Engines { healthy: healthy.iter().copied().collect(), ..Engines::assumed() }
}

pub(crate) fn try_command(run: &Run, command: RenderCommand, now: Timestamp) -> Result<Run, Refusal> {
    try_any(run, &Command::Own(command), now)
}

pub(crate) fn try_any(run: &Run, command: &Command, now: Timestamp) -> Result<Run, Refusal> {
    let decided = with_context(now, run.version, |context| apply(run, command, "tester", context))?;
    Ok(decided.map_or_else(|| run.clone(), |decided| decided.run))
}

/// The try that waits or is under way there.
pub(crate) fn try_id(run: &Run, place: Place) -> String {
    run.body.work(place).unwrap().one().unwrap_or_else(|| panic!("nothing to do at {place}")).id.clone()
}

pub(crate) fn assignment(run: &Run, place: Place) -> Assignment {
    run.body.work(place).unwrap().one().unwrap().assignment
}

/// What a worker holds there.
pub(crate) fn held(run: &Run, place: Place) -> Held {
    let fence = run.body.work(place).unwrap().lease().map_or(0, |lease| lease.fence);
    Held { try_id: try_id(run, place), fence }
}

pub(crate) fn claim_of(try_id: &str, fence: u64, engines: Engines) -> RenderCommand {
    let (worker, lease_id) = ("worker-1".to_owned(), format!("lease-{try_id}-{fence}"));
    RenderCommand::Claim(Claim { try_id: try_id.to_owned(), worker, lease_id, fence, engines })
}

pub(crate) fn claim(run: &Run, place: Place) -> Run {
    try_command(run, claim_of(&try_id(run, place), 1, Engines::assumed()), T0).unwrap()
}

pub(crate) fn asset(digit: char) -> AssetRef {
    AssetRef::parse(&format!("asset:{}", digit.to_string().repeat(64))).unwrap()
}

/// What an honest worker measures of what it was asked for.
pub(crate) fn report(run: &Run, assignment: Assignment) -> FileReport {
    let (seconds, has_sound) = match assignment.place() {
        Place::Segment(index) => {
            let planned = &run.body.segment(index).unwrap().planned;
            (run.body.spec.segment_demands(planned, run.body.count()).duration_seconds, false)
        }
        Place::Video => {
            let finish = match assignment {
                Assignment::VideoTemplate => run.body.spec.finish_of_template(),
                _ => run.body.spec.finish_of_assembly(),
            };
            (finish.output.picture.duration_seconds, finish.output.audio.is_some())
        }
    };
    FileReport {
        container: "mp4".to_owned(),
        size_bytes: 1000,
        sha256: "ab".repeat(32),
        duration_seconds: seconds,
        bitrate_kbps: 900,
        faststart: true,
        video: Some(VideoStream {
            codec: "h264".to_owned(),
            pixel_format: "yuv420p".to_owned(),
            width: 1080,
            height: 1920,
            fps: 30.0,
        }),
        audio: has_sound.then(|| AudioStream {
            codec: "aac".to_owned(),
            integrated_lufs: -14.0,
            true_peak_db: -1.5,
            range_lu: 5.0,
        }),
        ..FileReport::default()
    }
}

pub(crate) fn control(report: &FileReport) -> ControlReport {
    ControlReport {
        size_bytes: report.size_bytes,
        sha256: report.sha256.clone(),
        faststart: report.faststart,
        duration_seconds: report.duration_seconds,
        video_tracks: u32::from(report.video.is_some()),
        audio_tracks: u32::from(report.audio.is_some()),
        width: 1080,
        height: 1920,
    }
}

pub(crate) fn finish_of(run: &Run, held: Held, assignment: Assignment, engines: Engines) -> RenderCommand {
    let report = report(run, assignment);
    match assignment.place() {
        Place::Segment(_) => {
            let (sha256, milliseconds) = (report.sha256.clone(), (report.duration_seconds * 1000.0) as u32);
            let file = MadeSegment { asset: asset('a'), sha256, milliseconds };
            RenderCommand::FinishSegment(FinishedSegment { held, file, report, engines })
        }
        Place::Video => {
            let control = control(&report);
            let (video, thumbnail) = (asset('b'), asset('c'));
            RenderCommand::FinishVideo(FinishedVideo { held, video, thumbnail, report, control, engines })
        }
    }
}

pub(crate) fn finish(run: &Run, place: Place) -> Run {
    let command = finish_of(run, held(run, place), assignment(run, place), Engines::assumed());
    try_command(run, command, T0).unwrap()
}

pub(crate) fn make(run: &Run, place: Place) -> Run {
    finish(&claim(run, place), place)
}

pub(crate) fn failed(held: Held, code: FailureCode, engines: Engines) -> RenderCommand {
    RenderCommand::Fail(Failed { held, code, message: "detail".to_owned(), engines })
}

/// Claims the work there and fails it.
pub(crate) fn lose(run: &Run, place: Place, code: FailureCode, engines: &Engines) -> Run {
    let run = claim(run, place);
    try_command(&run, failed(held(&run, place), code, engines.clone()), T0).unwrap()
}
