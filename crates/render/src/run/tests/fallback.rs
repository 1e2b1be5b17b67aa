//! What happens when a segment fails, in the contract's order and within the policy.

use crate::engine::{Engine, Policy};
use crate::failure::FailureCode;
use crate::run::testing::{T0, assignment, claim, lose, make, only, started, started_with, try_command};
use crate::run::{Engines, FailureReason, Fallback, NO_ENGINE_SECONDS, RenderCommand, Run, Status};
use crate::work::{Assignment, Place};
use mw_kernel::Timestamp;
use serde_json::{Value, json};
use time::Duration;

const FIRST: Place = Place::Segment(0);

/// Whom a job asks, one after the other, when everything fails in this way.
fn asked(body: Value, engines: &Engines, code: FailureCode) -> (Vec<String>, Run) {
    let mut run = started_with(body, engines.clone()).run;
    let mut asked = Vec::new();
    while !run.is_ended() {
        asked.push(match assignment(&run, FIRST) {
            Assignment::Segment { engine, archetype, .. } => format!("{archetype} {engine}"),
            Assignment::SegmentTemplate { .. } => "template".to_owned(),
            other => panic!("{other:?}"),
        });
        assert!(asked.len() < 100, "it never ends");
        run = lose(&run, FIRST, code, engines);
    }
    (asked, run)
}

fn reroute(run: &Run, engines: &Engines, after_seconds: i64) -> Run {
    let now: Timestamp = T0 + Duration::seconds(after_seconds);
    try_command(run, RenderCommand::Reroute { engines: engines.clone() }, now).unwrap()
}

fn over(policy: Policy) -> Engines {
    Engines { over: Some(policy), ..Engines::assumed() }
}

fn fallbacks(run: &Run) -> Vec<Fallback> {
    run.body.hops.iter().map(|hop| hop.fallback).collect()
}

#[test]
fn a_failing_segment_falls_back_in_the_contracts_order() {
    let (asked, run) = asked(json!({}), &Engines::assumed(), FailureCode::EngineFailed);
    assert_eq!(
        asked,
        [
            "PRODUCT_HERO local_ffmpeg",
            "PRODUCT_HERO local_comfyui",
            "PRODUCT_HERO api_luma",
            "OVERLAY local_ffmpeg",
            "OVERLAY local_comfyui",
            "OVERLAY api_luma",
            "template",
        ]
    );
    assert_eq!(run.error.as_ref().unwrap().error_type, "segments_incomplete");
    let types = [Fallback::Engine, Fallback::Archetype, Fallback::Template];
    assert_eq!(run.body.counted_fallbacks().collect::<Vec<_>>(), types, "each is counted once");
}

#[test]
fn a_fault_that_may_pass_is_met_by_the_same_engine_first() {
    let (asked, _) = asked(json!({"archetype": "OVERLAY"}), &Engines::assumed(), FailureCode::Crashed);
    let thrice = |who: &str| vec![who.to_owned(); 3];
    let who = ["OVERLAY local_ffmpeg", "OVERLAY local_comfyui", "OVERLAY api_luma", "template"];
    assert_eq!(asked, who.map(thrice).concat());
}

#[test]
fn no_step_leaves_the_policy() {
    for (policy, engines) in [("local_only", vec!["ffmpeg", "comfyui"]), ("api_only", vec!["luma"])] {
        let body = json!({"engine_policy": policy, "archetype": "MEME_TEXT"});
        let (asked, _) = asked(body, &Engines::assumed(), FailureCode::EngineFailed);
        assert_eq!(asked.len(), engines.len() + 1, "{asked:?}");
        assert!(asked.iter().zip(&engines).all(|(asked, engine)| asked.ends_with(engine)), "{asked:?}");
        assert_eq!(asked.last().unwrap(), "template");
    }
}

#[test]
fn without_the_template_a_job_fails_when_engines_are_used_up() {
    let (asked, run) =
        asked(json!({"allow_template": false, "archetype": "OVERLAY"}), &Engines::assumed(), FailureCode::EngineFailed);
    assert_eq!((asked.len(), FailureReason::of(&run)), (3, Some(FailureReason::SegmentsIncomplete)));
    assert!(
        run.error.unwrap().error_message.starts_with("segment 1 of 2 could not be made: api_luma: the engine failed")
    );
}

#[test]
fn an_unhealthy_engine_is_passed_over() {
    let healthy = only(&[Engine::LocalFfmpeg, Engine::ApiLuma]);
    let (asked, _) = asked(json!({"archetype": "OVERLAY"}), &healthy, FailureCode::EngineFailed);
    assert_eq!(asked, ["OVERLAY local_ffmpeg", "OVERLAY api_luma", "template"]);
    assert_eq!(assignment(&started_with(json!({}), only(&[Engine::LocalComfyui])).run, FIRST).maker(), "local_comfyui");
}

#[test]
fn only_the_segment_that_failed_becomes_simpler() {
    let engines = only(&[Engine::LocalFfmpeg]);
    let run = lose(&started_with(json!({}), engines.clone()).run, FIRST, FailureCode::EngineFailed, &engines);
    let archetypes: Vec<_> = run.body.segments.iter().map(|segment| segment.archetype.as_str()).collect();
    assert_eq!((archetypes, fallbacks(&run)), (vec!["OVERLAY", "PRODUCT_HERO"], vec![Fallback::Archetype]));
    let one = |index: u32| assignment(&run, Place::Segment(index));
    assert!(matches!(one(0), Assignment::Segment { archetype: crate::presets::Archetype::Overlay, .. }));
    assert!(matches!(one(1), Assignment::Segment { archetype: crate::presets::Archetype::ProductHero, .. }));
}

#[test]
fn each_failing_segment_has_its_own_template() {
    let body = json!({"archetype": "OVERLAY", "engine_policy": "local_only"});
    let engines = only(&[Engine::LocalFfmpeg]);
    let mut run = started_with(body, engines.clone()).run;
    for place in [FIRST, Place::Segment(1)] {
        run = make(&lose(&run, place, FailureCode::EngineFailed, &engines), place);
    }
    let made: Vec<_> = run.body.segments.iter().map(|segment| segment.made.clone().unwrap().assignment).collect();
    assert_eq!(made, [Assignment::SegmentTemplate { index: 0 }, Assignment::SegmentTemplate { index: 1 }]);
    assert_eq!(run.body.counted_fallbacks().count(), 1, "one fallback counts once");
    assert!(run.body.has_template() && run.body.fallback_used());
}

#[test]
fn the_network_is_a_fallback_where_local_is_preferred() {
    let luma = only(&[Engine::ApiLuma]);
    assert_eq!(fallbacks(&started_with(json!({}), luma.clone()).run), [Fallback::Engine, Fallback::Engine]);
    assert_eq!(fallbacks(&started_with(json!({"engine_policy": "api_only"}), luma).run), []);
    assert_eq!(fallbacks(&started_with(json!({}), only(&[Engine::LocalComfyui])).run), []);
}

#[test]
fn an_override_moves_what_waits_but_not_what_runs() {
    let run = claim(&started(json!({})), FIRST);
    let moved = reroute(&run, &over(Policy::ApiOnly), 1);
    let engine = |index: u32| assignment(&moved, Place::Segment(index)).maker();
    assert_eq!((engine(0), engine(1)), ("local_ffmpeg", "api_luma"));
    assert!(moved.body.segments[0].work.lease().is_some());
    assert_eq!(fallbacks(&moved), [], "what an operator orders is no fallback");
    let back = reroute(&moved, &over(Policy::LocalOnly), 2);
    assert_eq!(assignment(&back, Place::Segment(1)).maker(), "local_ffmpeg");
}

#[test]
fn no_override_loosens_local_only() {
    let run = started(json!({"engine_policy": "local_only"}));
    for policy in Policy::ALL {
        assert_eq!(reroute(&run, &over(*policy), 1), run);
        let engines = Engines { healthy: [Engine::ApiLuma].into(), ..over(*policy) };
        let unserved = reroute(&run, &engines, 1);
        assert!(
            unserved.body.segments.iter().all(|one| one.work.one().unwrap().assignment.engine().unwrap().is_local())
        );
    }
}

#[test]
fn a_segment_that_waits_long_hops_where_its_policy_lets_it() {
    let hop = Engines { hop_after_seconds: Some(300), ..Engines::assumed() };
    let run = claim(&started(json!({})), FIRST);
    assert_eq!(reroute(&run, &hop, 299), run);
    let hopped = reroute(&run, &hop, 300);
    assert_eq!(assignment(&hopped, Place::Segment(1)).maker(), "api_luma");
    assert_eq!(assignment(&hopped, FIRST).maker(), "local_ffmpeg", "what is under way stays");
    assert_eq!(hopped.body.hops[0].reason, "local_ffmpeg was busy for more than 300 s");
    assert_eq!(fallbacks(&hopped), [Fallback::Engine]);
    let unhealthy = Engines { healthy: [Engine::LocalFfmpeg].into(), ..hop.clone() };
    assert_eq!(reroute(&run, &unhealthy, 9999), run);
    let local = started(json!({"engine_policy": "local_only"}));
    assert_eq!(reroute(&local, &hop, 9999), local);
}

#[test]
fn an_engine_that_goes_down_is_left_for_the_next_healthy_one() {
    let run = started(json!({}));
    let moved = reroute(&run, &only(&[Engine::LocalComfyui]), 1);
    assert_eq!((assignment(&moved, FIRST).maker(), fallbacks(&moved)), ("local_comfyui", vec![]));
    let remote = reroute(&run, &only(&[Engine::ApiLuma]), 1);
    assert_eq!((assignment(&remote, FIRST).maker(), fallbacks(&remote)), ("api_luma", vec![Fallback::Engine; 2]));
}

#[test]
fn a_segment_that_no_engine_takes_gets_the_template() {
    let down = Engines { healthy: Default::default(), ..Engines::assumed() };
    let run = started_with(json!({}), down.clone()).run;
    assert_eq!(assignment(&run, FIRST).maker(), "local_ffmpeg", "it may come back");
    let noted = reroute(&run, &down, 0);
    assert!(noted.body.segments[0].work.one().unwrap().unserved_since.is_some());
    let soon = i64::from(NO_ENGINE_SECONDS) - 1;
    assert_eq!(reroute(&noted, &down, soon), noted);
    let nobody = Engines { has_template: false, ..down.clone() };
    assert_eq!(reroute(&noted, &nobody, 9999), noted, "without any worker nothing is gained");
    let template = reroute(&noted, &down, soon + 1);
    assert_eq!(assignment(&template, FIRST), Assignment::SegmentTemplate { index: 0 });
    assert!(template.body.fallback_reason().unwrap().contains("no engine was healthy for 120 s"));
    let back = reroute(&noted, &only(&[Engine::LocalFfmpeg]), soon);
    assert!(back.body.segments[0].work.one().unwrap().unserved_since.is_none());
    let refused = started_with(json!({"allow_template": false}), down.clone()).run;
    let refused = reroute(&reroute(&refused, &down, 0), &down, 9999);
    assert_eq!(assignment(&refused, FIRST).maker(), "local_ffmpeg");
}

#[test]
fn a_lone_worker_that_dies_is_waited_for() {
    let down = Engines { healthy: Default::default(), ..Engines::assumed() };
    let run = lose(&started(json!({})), FIRST, FailureCode::LeaseLost, &down);
    assert_eq!((assignment(&run, FIRST).maker(), fallbacks(&run)), ("local_ffmpeg", vec![]));
}

#[test]
fn a_video_that_is_not_assembled_becomes_a_template() {
    let mut run = super::life::rendered();
    let mut asked = Vec::new();
    while !run.is_ended() {
        asked.push(assignment(&run, Place::Video));
        run = lose(&run, Place::Video, FailureCode::OutputInvalid, &Engines::assumed());
    }
    assert_eq!(asked, [Assignment::Assembly, Assignment::Assembly, Assignment::VideoTemplate]);
    assert_eq!((run.status, FailureReason::of(&run)), (Status::Failed, Some(FailureReason::OutputInvalid)));
    let run = lose(&super::life::rendered(), Place::Video, FailureCode::InputUnreadable, &Engines::assumed());
    let run = lose(&run, Place::Video, FailureCode::InputUnreadable, &Engines::assumed());
    let done = make(&run, Place::Video);
    assert_eq!((done.status, fallbacks(&done)), (Status::Done, vec![Fallback::Template]));
}

#[test]
fn a_retry_keeps_the_flag_of_what_it_keeps_and_counts_it_once() {
    let engines = only(&[Engine::LocalFfmpeg]);
    let run = lose(&started_with(json!({}), engines.clone()).run, FIRST, FailureCode::EngineFailed, &engines);
    let failed = try_command(&make(&run, FIRST), RenderCommand::ForceFail { error: None }, T0).unwrap();
    let order = mw_kernel::run::Order::Retry { key: "k".to_owned(), fresh: false };
    let again = super::super::testing::with_context(T0, 99, |context| order.decide(&failed, "r", "a", context));
    let again = again.unwrap().unwrap().run;
    assert_eq!((again.body.fallback_reason(), again.body.fallback_used()), (failed.body.fallback_reason(), true));
    let second = lose(&again, Place::Segment(1), FailureCode::EngineFailed, &engines);
    assert_eq!(second.body.hops.len(), 2);
    assert!(!second.body.hops[1].counted);
}
