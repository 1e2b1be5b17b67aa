//! One owner for each piece of work, whoever dies.

use crate::engine::Policy;
use crate::failure::FailureCode;
use crate::run::testing::{
    T0, assignment, claim, claim_of, failed, finish, finish_of, held, make, started, try_command, try_id, with_context,
};
use crate::run::{Command, Engines, RenderCommand, RenderEvent, Run, Stage, heartbeat};
use crate::spec::WorkSpec;
use crate::work::{Held, Place};
use mw_kernel::run::{EffectKind, Refusal, apply};
use serde_json::json;
use time::Duration;

const FIRST: Place = Place::Segment(0);

fn stale<T: std::fmt::Debug>(result: Result<T, Refusal>) -> bool {
    matches!(result, Err(Refusal::StaleJob { .. }))
}

fn expire(run: &Run, after_seconds: i64) -> Run {
    let command = RenderCommand::ExpireLease { held: held(run, FIRST), engines: Engines::assumed() };
    try_command(run, command, T0 + Duration::seconds(after_seconds)).unwrap()
}

#[test]
fn a_stale_fence_changes_nothing() {
    let run = claim(&started(json!({})), FIRST);
    let old = held(&run, FIRST);
    let assigned = assignment(&run, FIRST);
    let taken_over = expire(&run, 31);
    let late = |held: &Held| finish_of(&run, held.clone(), assigned, Engines::assumed());
    assert!(stale(try_command(&taken_over, late(&old), T0)));
    assert!(stale(try_command(&taken_over, failed(old.clone(), FailureCode::Crashed, Engines::assumed()), T0)));
    assert!(taken_over.body.held(&old).is_none(), "the next heartbeat says so");
    let other = Held { fence: 7, ..held(&run, FIRST) };
    assert!(stale(try_command(&run, late(&other), T0)));
    assert!(stale(try_command(&run, late(&Held { try_id: "unknown".to_owned(), fence: 1 }), T0)));
}

#[test]
fn a_heartbeat_tells_a_worker_whether_to_go_on() {
    let run = claim(&started(json!({})), FIRST);
    let mine = held(&run, FIRST);
    assert_eq!(heartbeat(&run, &mine, T0 + Duration::seconds(5)).unwrap(), T0 + Duration::seconds(35));
    assert!(stale(heartbeat(&run, &mine, T0 + Duration::seconds(120))), "it may take no longer");
    assert!(stale(heartbeat(&expire(&run, 31), &mine, T0 + Duration::seconds(31))), "it is another's");
    let ended = try_command(&run, RenderCommand::ForceFail { error: None }, T0).unwrap();
    assert!(matches!(heartbeat(&ended, &mine, T0), Err(Refusal::AlreadyTerminal { .. })));
}

#[test]
fn a_segment_belongs_to_one_worker_at_a_time() {
    let run = started(json!({}));
    let id = try_id(&run, FIRST);
    let run = claim(&run, FIRST);
    assert!(stale(try_command(&run, claim_of(&id, 0, Engines::assumed()), T0)));
    let same = try_command(&run, claim_of(&id, 1, Engines::assumed()), T0).unwrap();
    assert_eq!(same, run, "the same claim again is the same lease");
}

#[test]
fn whoever_claims_a_lapsed_try_learns_that_it_is_over() {
    let run = claim(&started(json!({})), FIRST);
    let next = try_command(&run, claim_of(&try_id(&run, FIRST), 2, Engines::assumed()), T0).unwrap();
    let work = &next.body.segments[0].work;
    assert_eq!(work.failures[0].code, FailureCode::LeaseLost);
    assert!(matches!(&work.stage, Stage::Waiting { one } if one.id != try_id(&run, FIRST)));
    let resumed = claim(&next, FIRST);
    assert_eq!(resumed.body.segments[0].work.started, 2);
}

#[test]
fn a_lost_worker_costs_one_segment_at_most() {
    let run = claim(&claim(&started(json!({})), FIRST), Place::Segment(1));
    let run = finish(&run, Place::Segment(1));
    let taken_over = expire(&run, 31);
    assert_eq!(taken_over.body.done_count(), 1);
    assert_eq!(assignment(&taken_over, FIRST), assignment(&run, FIRST), "the same engine makes it again");
    assert!(!taken_over.body.fallback_used());
}

#[test]
fn work_that_takes_too_long_is_taken_away() {
    let run = claim(&started(json!({})), FIRST);
    let failure = |run: &Run| run.body.segments[0].work.failures[0].code;
    assert_eq!(failure(&expire(&run, 119)), FailureCode::LeaseLost);
    assert_eq!(failure(&expire(&run, 120)), FailureCode::TimedOut);
    let lease = run.body.segments[0].work.lease().unwrap();
    assert_eq!(lease.renewed(T0 + Duration::seconds(110)), Some(T0 + Duration::seconds(120)));
}

#[test]
fn to_finish_twice_is_to_finish_once() {
    let run = claim(&started(json!({})), FIRST);
    let command = finish_of(&run, held(&run, FIRST), assignment(&run, FIRST), Engines::assumed());
    let once = try_command(&run, command.clone(), T0).unwrap();
    assert_eq!(try_command(&once, command, T0).unwrap(), once);
    let run = claim(&super::life::rendered(), Place::Video);
    let command = finish_of(&run, held(&run, Place::Video), assignment(&run, Place::Video), Engines::assumed());
    let done = try_command(&run, command.clone(), T0).unwrap();
    assert_eq!(try_command(&done, command, T0).unwrap(), done);
}

#[test]
fn a_segment_is_no_video_and_a_video_no_segment() {
    let run = claim(&started(json!({})), FIRST);
    let as_video = match finish_of(
        &super::life::rendered(),
        held(&run, FIRST),
        crate::work::Assignment::Assembly,
        Engines::assumed(),
    ) {
        RenderCommand::FinishVideo(finished) => RenderCommand::FinishVideo(finished),
        other => panic!("{other:?}"),
    };
    assert!(stale(try_command(&run, as_video, T0)));
}

#[test]
fn the_policy_is_held_at_the_claim_too() {
    let run = started(json!({}));
    let over = Engines { over: Some(Policy::ApiOnly), ..Engines::assumed() };
    let next = try_command(&run, claim_of(&try_id(&run, FIRST), 1, over.clone()), T0).unwrap();
    assert_eq!(assignment(&next, FIRST).maker(), "api_luma");
    assert!(next.body.segments[0].work.lease().is_none(), "the claimer gets nothing");
    let local = started(json!({"engine_policy": "local_only"}));
    let granted = try_command(&local, claim_of(&try_id(&local, FIRST), 1, over), T0).unwrap();
    assert_eq!(granted.body.segments[0].work.lease().unwrap().worker, "worker-1");
}

#[test]
fn a_worker_that_stops_gives_its_work_back_free_of_charge() {
    let mut run = started(json!({}));
    for _ in 0..5 {
        run = super::super::testing::lose(&run, FIRST, FailureCode::HandedBack, &Engines::assumed());
    }
    assert_eq!(assignment(&run, FIRST).maker(), "local_ffmpeg");
    assert_eq!(run.body.segments[0].work.one().unwrap().due_at, T0, "at once");
}

#[test]
fn each_try_is_an_effect_of_its_own() {
    let decided = super::super::testing::started_with(json!({}), Engines::assumed());
    let effects = &decided.rows.effects;
    assert_eq!((effects.len(), effects[0].kind, effects[0].provider.as_str()), (2, EffectKind::Own, "local-ffmpeg"));
    assert_eq!(effects[0].key, format!("render:{}", try_id(&decided.run, FIRST)));
    assert!(effects[0].key != effects[1].key);
    let run = claim(&decided.run, FIRST);
    let command = Command::Own(failed(held(&run, FIRST), FailureCode::Crashed, Engines::assumed()));
    let rows = with_context(T0, 50, |context| apply(&run, &command, "w", context)).unwrap().unwrap().rows;
    assert!(rows.jobs.is_empty(), "no provider's job");
    assert_eq!((rows.effects.len(), rows.effects[0].due_at), (1, T0 + Duration::seconds(2)));
}

#[test]
fn work_whose_effect_was_lost_gets_it_back() {
    let run = started(json!({}));
    let ids = vec![try_id(&run, FIRST), "unknown".to_owned()];
    let command = Command::RestoreEffects { job_ids: ids.clone() };
    let decided = with_context(T0, 50, |context| apply(&run, &command, "sweep", context)).unwrap().unwrap();
    assert_eq!(decided.rows.rearmed[0].effect.key, format!("render:{}", ids[0]));
    assert_eq!((decided.events.len(), decided.run.body), (1, run.body));
    let done = make(&started(json!({})), FIRST);
    assert_eq!(super::super::testing::try_any(&done, &command, T0).unwrap(), done);
}

#[test]
fn a_claim_hands_out_all_that_the_work_needs() {
    let run = claim(&started(json!({})), FIRST);
    let WorkSpec::Segment(spec) = run.body.spec_of_held(&held(&run, FIRST)).unwrap() else { panic!() };
    assert_eq!((spec.index, spec.count, spec.render_seconds), (0, 2, 3.15));
    assert_eq!(run.body.spec_of(crate::work::Assignment::Assembly), None, "no segment is left out silently");
    let run = super::life::rendered();
    let WorkSpec::Assembly(spec) = run.body.spec_of(assignment(&run, Place::Video)).unwrap() else { panic!() };
    assert_eq!(spec.segments.len(), 2);
}

#[test]
fn texts_of_workers_are_cut_and_cleaned() {
    let run = claim(&started(json!({})), FIRST);
    let RenderCommand::Fail(mut failed) = failed(held(&run, FIRST), FailureCode::Crashed, Engines::assumed()) else {
        panic!()
    };
    failed.message = format!("a\u{0}b\n{}", "x".repeat(1000));
    let command = Command::Own(RenderCommand::Fail(failed));
    let decided = with_context(T0, 50, |context| apply(&run, &command, "w", context)).unwrap().unwrap();
    let mw_kernel::run::Event::Own(RenderEvent::Failed { message, .. }) = &decided.events[0].event else { panic!() };
    assert!(message.starts_with("abx") && message.chars().count() == 300);
}
