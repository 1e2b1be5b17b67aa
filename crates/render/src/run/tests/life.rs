//! From a request to a verified video, and every other end.

use crate::failure::FailureCode;
use crate::run::testing::{
    T0, assignment, claim, failed, finish, finish_of, held, lose, make, report, started, try_any, try_command,
};
use crate::run::{
    Command, Engines, FailureReason, JobStatus, JobView, Phase, RenderCommand, RenderEvent, Run, Status, TRIES_MAX,
};
use crate::verify::ControlReport;
use crate::work::{Assignment, Place};
use mw_kernel::run::{Order, Refusal, fold};
use mw_kernel::status::End;
use serde_json::json;
use time::Duration;

const FIRST: Place = Place::Segment(0);
const SECOND: Place = Place::Segment(1);

pub(super) fn rendered() -> Run {
    make(&make(&started(json!({})), FIRST), SECOND)
}

fn view(run: &Run) -> JobView {
    JobView::of(run, T0)
}

fn force_fail() -> RenderCommand {
    RenderCommand::ForceFail { error: None }
}

#[test]
fn a_job_goes_through_every_status_to_a_video() {
    let queued = started(json!({}));
    assert_eq!((view(&queued).status, view(&queued).progress_pct), (JobStatus::Queued, 0.0));
    let running = claim(&queued, FIRST);
    assert_eq!((view(&running).status, view(&running).progress_pct), (JobStatus::RenderingSegments, 0.0));
    let half = finish(&running, FIRST);
    assert_eq!(view(&half).progress_pct, 50.0);
    let all = make(&half, SECOND);
    assert_eq!((view(&all).status, view(&all).progress_pct), (JobStatus::Assembling, 90.0));
    assert_eq!(view(&all).output_uri, None, "nothing is handed out before it is verified");
    let done = make(&all, Place::Video);
    let view = view(&done);
    assert_eq!((view.status, view.progress_pct, done.end), (JobStatus::Done, 100.0, Some(End::Done)));
    assert!(view.output_uri.unwrap().starts_with("asset:") && view.thumbnail_uri.is_some());
    assert_eq!((view.fallback_used, view.fallback_reason, view.error), (false, None, None));
}

#[test]
fn the_first_claim_picks_the_job_up_and_plans_it() {
    let run = started(json!({}));
    let command = Command::Own(super::super::testing::claim_of(
        &super::super::testing::try_id(&run, SECOND),
        1,
        Engines::assumed(),
    ));
    let decided = super::super::testing::with_context(T0, 1, |context| {
        mw_kernel::run::apply(&run, &command, "worker-1", context).unwrap().unwrap()
    });
    let names: Vec<_> = decided.events.iter().map(|event| event.event.name()).collect();
    assert_eq!(names, ["job.picked_up", "job.planned", "work.started"]);
    assert!(decided.run.deadline.unwrap() > T0 + Duration::HOUR);
}

#[test]
fn segments_are_made_in_parallel() {
    let run = claim(&claim(&started(json!({})), FIRST), SECOND);
    assert!(run.body.segments.iter().all(|segment| segment.work.lease().is_some()));
    let run = finish(&run, SECOND);
    assert_eq!((run.body.done_count(), run.status), (1, Status::RenderingSegments));
    assert_eq!(finish(&run, FIRST).status, Status::Assembling);
}

#[test]
fn nothing_is_done_before_it_is_verified() {
    let run = claim(&rendered(), Place::Video);
    let good = report(&run, Assignment::Assembly);
    let mut finished = match finish_of(&run, held(&run, Place::Video), Assignment::Assembly, Engines::assumed()) {
        RenderCommand::FinishVideo(finished) => finished,
        other => panic!("{other:?}"),
    };
    finished.control = ControlReport { size_bytes: 3, ..super::super::testing::control(&good) };
    let again = try_command(&run, RenderCommand::FinishVideo(finished), T0).unwrap();
    assert_eq!((again.status, again.body.output.is_none()), (Status::Assembling, true));
    let failure = again.body.video.failures.last().unwrap();
    assert_eq!(failure.code, FailureCode::OutputInvalid);
    assert!(failure.message.contains("same_file"), "{}", failure.message);
    assert_eq!(assignment(&again, Place::Video), Assignment::Assembly, "it is made once more");
}

#[test]
fn a_segment_that_is_not_what_was_asked_for_does_not_count() {
    let run = claim(&started(json!({})), FIRST);
    let mut finished = match finish_of(&run, held(&run, FIRST), assignment(&run, FIRST), Engines::assumed()) {
        RenderCommand::FinishSegment(finished) => finished,
        other => panic!("{other:?}"),
    };
    finished.file.sha256 = "0".repeat(64);
    let other = try_command(&run, RenderCommand::FinishSegment(finished.clone()), T0).unwrap();
    assert_eq!((other.body.done_count(), other.body.segments[0].work.failures.len()), (0, 1));
    finished.file.sha256 = finished.report.sha256.clone();
    finished.report.size_bytes = 0;
    let empty = try_command(&run, RenderCommand::FinishSegment(finished), T0).unwrap();
    assert!(empty.body.segments[0].work.failures[0].message.contains("not_empty"));
}

#[test]
fn a_cancelled_job_says_by_whom() {
    for run in [started(json!({})), claim(&started(json!({})), FIRST), rendered()] {
        let cancel = Command::Cancel { reason: "changed my mind".to_owned(), actor: "key-2".to_owned() };
        let run = try_any(&run, &cancel, T0).unwrap();
        assert_eq!((view(&run).status, view(&run).error.as_deref()), (JobStatus::Failed, Some("Cancelled by key-2")));
        assert_eq!(FailureReason::of(&run), Some(FailureReason::Cancelled));
    }
}

#[test]
fn only_a_job_that_was_picked_up_can_be_force_failed() {
    let queued = started(json!({}));
    assert!(matches!(try_command(&queued, force_fail(), T0), Err(Refusal::WrongStatus { .. })));
    for run in [claim(&queued, FIRST), rendered()] {
        let failed = try_command(&run, force_fail(), T0).unwrap();
        assert_eq!(view(&failed).error.as_deref(), Some("Manual intervention: stuck job"));
        assert_eq!(FailureReason::of(&failed), Some(FailureReason::Forced));
        let said = RenderCommand::ForceFail { error: Some(" disk gone ".to_owned()) };
        assert_eq!(view(&try_command(&run, said, T0).unwrap()).error.as_deref(), Some("disk gone"));
    }
    let done = make(&rendered(), Place::Video);
    assert!(matches!(try_command(&done, force_fail(), T0), Err(Refusal::AlreadyTerminal { .. })));
}

#[test]
fn a_forced_failure_is_not_overwritten_by_a_late_worker() {
    let run = claim(&started(json!({})), FIRST);
    let late = finish_of(&run, held(&run, FIRST), assignment(&run, FIRST), Engines::assumed());
    let forced = try_command(&run, force_fail(), T0).unwrap();
    assert!(matches!(try_command(&forced, late, T0), Err(Refusal::AlreadyTerminal { .. })));
    let marked = try_any(&run, &Command::MarkFailed { role: "postgres".to_owned() }, T0).unwrap();
    assert_eq!(FailureReason::of(&marked), Some(FailureReason::Forced));
}

#[test]
fn a_job_that_is_late_fails_and_says_what_it_waited_for() {
    let queued = started(json!({}));
    let late = try_any(&queued, &Command::PassDeadline, queued.deadline.unwrap()).unwrap();
    assert_eq!(view(&late).error.as_deref(), Some("the job did not end in time: no worker picked it up"));
    let running = claim(&queued, FIRST);
    let late = try_any(&running, &Command::PassDeadline, running.deadline.unwrap()).unwrap();
    assert_eq!(FailureReason::of(&late), Some(FailureReason::Deadline));
    assert!(view(&late).error.unwrap().contains("segment 1 is made by local_ffmpeg on worker-1"));
}

#[test]
fn a_pause_starts_nothing_and_loses_nothing() {
    let run = claim(&started(json!({})), FIRST);
    let pause = Command::Pause { reason: "r".into(), actor: "a".into(), until: T0 + Duration::days(7) };
    let paused = try_any(&run, &pause, T0).unwrap();
    assert_eq!((paused.status, view(&paused).status), (Status::Paused, JobStatus::RenderingSegments));
    let claimed = super::super::testing::claim_of(&super::super::testing::try_id(&run, SECOND), 1, Engines::assumed());
    assert!(matches!(try_command(&paused, claimed, T0), Err(Refusal::Paused { .. })));
    let collected = finish(&paused, FIRST);
    assert_eq!(collected.body.done_count(), 1);
    let broken = try_command(&paused, failed(held(&paused, FIRST), FailureCode::Crashed, Engines::assumed()), T0);
    assert!(broken.as_ref().unwrap().body.segments[0].work.is_idle(), "nobody is asked while it is paused");
    let resumed = try_any(&broken.unwrap(), &Command::Resume { reason: "r".into() }, T0).unwrap();
    assert!(resumed.body.segments[0].work.one().is_some());
}

#[test]
fn a_video_that_comes_in_a_pause_is_done_when_it_is_over() {
    let run = claim(&rendered(), Place::Video);
    let pause = Command::Pause { reason: "r".into(), actor: "a".into(), until: T0 + Duration::days(7) };
    let made = finish(&try_any(&run, &pause, T0).unwrap(), Place::Video);
    assert_eq!((made.status, view(&made).output_uri), (Status::Paused, None));
    let resumed = try_any(&made, &Command::Resume { reason: "r".into() }, T0).unwrap();
    assert_eq!(resumed.status, Status::Done);
}

#[test]
fn a_retry_keeps_what_is_there() {
    let half = make(&started(json!({})), FIRST);
    let failed = try_command(&half, force_fail(), T0).unwrap();
    let order = |key: &str, fresh| Order::Retry { key: key.to_owned(), fresh };
    let retry = |run: &Run, fresh| {
        super::super::testing::with_context(T0, 99, |context| order("k", fresh).decide(run, "r", "ann", context))
    };
    let again = retry(&failed, false).unwrap().unwrap().run;
    assert_eq!((again.body.job_id.as_str(), again.body.attempt), (failed.body.job_id.as_str(), 2));
    assert_eq!((view(&again).status, view(&again).progress_pct), (JobStatus::Queued, 50.0));
    assert_eq!(again.body.segments[0].made, failed.body.segments[0].made);
    assert_eq!(again.body.created_at, failed.body.created_at);
    assert!(again.body.segments[1].work.one().is_some() && again.body.segments[0].work.one().is_none());
    let done = make(&make(&again, SECOND), Place::Video);
    assert_eq!(done.status, Status::Done);
    let fresh = retry(&failed, true).unwrap().unwrap().run;
    assert_eq!(view(&fresh).progress_pct, 0.0);
    assert!(matches!(retry(&done, false), Err(Refusal::NothingToRetry { .. })));
}

#[test]
fn a_retry_of_a_failed_assembly_only_assembles() {
    let failed = try_command(&claim(&rendered(), Place::Video), force_fail(), T0).unwrap();
    let order = Order::Retry { key: "k".to_owned(), fresh: false };
    let again = super::super::testing::with_context(T0, 99, |context| order.decide(&failed, "r", "ann", context));
    let again = again.unwrap().unwrap().run;
    assert_eq!((again.body.phase, assignment(&again, Place::Video)), (Phase::Queued, Assignment::Assembly));
    let assembling = claim(&again, Place::Video);
    assert_eq!(assembling.status, Status::Assembling);
    assert_eq!(finish(&assembling, Place::Video).status, Status::Done);
}

#[test]
fn a_rerun_names_a_step_that_was_reached() {
    let half = try_command(&make(&started(json!({})), FIRST), force_fail(), T0).unwrap();
    let rerun = |from: &str| {
        let order = Order::Rerun { from: from.to_owned(), key: "k".to_owned(), fresh: false };
        super::super::testing::with_context(T0, 99, |context| order.decide(&half, "r", "ann", context))
    };
    assert_eq!(rerun("plan").unwrap().unwrap().run.body.done_count(), 0);
    assert_eq!(rerun("render").unwrap().unwrap().run.body.done_count(), 1);
    assert!(matches!(rerun("assemble"), Err(Refusal::StepNotReached { .. })));
    assert!(matches!(rerun("publish"), Err(Refusal::UnknownStep { .. })));
}

#[test]
fn the_timeline_alone_rebuilds_the_job() {
    let first = super::super::testing::started_with(json!({}), Engines::assumed());
    let mut events = first.events.clone();
    let mut run = first.run;
    for place in [FIRST, SECOND, Place::Video] {
        for step in 0..2 {
            let command = match step {
                0 => {
                    super::super::testing::claim_of(&super::super::testing::try_id(&run, place), 1, Engines::assumed())
                }
                _ => finish_of(&run, held(&run, place), assignment(&run, place), Engines::assumed()),
            };
            let decided = super::super::testing::with_context(T0, run.version, |context| {
                mw_kernel::run::apply(&run, &Command::Own(command), "w", context).unwrap().unwrap()
            });
            events.extend(decided.events);
            run = decided.run;
        }
    }
    let text: Vec<String> = events.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
    let read: Vec<_> = text.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    assert_eq!((run.status, fold(&run.run_id, &read)), (Status::Done, run.clone()));
    assert!(matches!(&events.last().unwrap().event, mw_kernel::run::Event::Own(RenderEvent::Done)));
    assert_eq!(run.erase().unwrap().read::<crate::run::Render>().unwrap(), run);
}

#[test]
fn a_crash_of_every_worker_ends_in_a_failure_after_the_attempts() {
    let mut run = started(json!({"allow_template": false, "engine_policy": "local_only", "archetype": "OVERLAY"}));
    let engines = super::super::testing::only(&[crate::engine::Engine::LocalFfmpeg]);
    for attempt in 1..=TRIES_MAX {
        assert!(!run.is_ended(), "after {attempt}");
        run = lose(&run, FIRST, FailureCode::LeaseLost, &engines);
    }
    assert_eq!(FailureReason::of(&run), Some(FailureReason::SegmentsIncomplete));
    assert_eq!(run.body.segments[0].work.started, 3);
}
