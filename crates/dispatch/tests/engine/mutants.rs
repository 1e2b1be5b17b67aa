//! Guards of the SQL functions, taken away one by one: each time the named promise is seen to be broken. A promise whose
//! check does not notice the missing guard would prove nothing.

use crate::fixture::*;
use mw_core::run::{Command, Context, Order, PersonaSource, apply};
use mw_core::status::ProvidersMode;
use mw_dispatch::World;
use mw_store::commit::{Committed, Decision, Outcome, Settle, commit, order};
use mw_store::effects::{self, Claimed};
use mw_store::webhooks::{Delivery, Match, Receipt, accept};
use serde_json::json;
use time::Duration;

/// Sees whether a promise is kept.
type Promise = fn(&mut Engine) -> bool;

struct Mutant {
    guard: &'static str,
    function: &'static str,
    text: &'static str,
    instead: &'static str,
    promise: Promise,
}

const MUTANTS: [Mutant; 7] = [
    Mutant {
        guard: "the fencing token",
        function: "effect_settle",
        text: "AND fence = (settle->>'fence')::bigint",
        instead: "",
        promise: a_holder_whose_lease_ran_out_changes_nothing,
    },
    Mutant {
        guard: "the version guard",
        function: "run_commit_one",
        text: "AND version = (decision->>'expected_version')::bigint",
        instead: "",
        promise: of_two_decisions_on_one_version_one_happens,
    },
    Mutant {
        guard: "the guard of a batch's successors",
        function: "run_commit",
        text: "a_run_id = broken_run_id",
        instead: "false",
        promise: what_was_built_on_a_refused_decision_does_not_happen,
    },
    Mutant {
        guard: "deduplication of webhooks",
        function: "webhook_accept",
        text: "VALUES (request->>'key'",
        instead: "VALUES (gen_random_uuid()::text",
        promise: a_delivery_counts_once,
    },
    Mutant {
        guard: "the fence around an ended run",
        function: "run_commit_one",
        text: "PERFORM run_fence(a_run_id, a_now);",
        instead: "",
        promise: an_ended_run_sends_nothing,
    },
    Mutant {
        guard: "the hold on a paused run",
        function: "run_commit_one",
        text: "PERFORM run_hold(a_run_id, a_now);",
        instead: "",
        promise: a_paused_run_has_nothing_to_claim,
    },
    Mutant {
        guard: "the mark of what may have been sent",
        function: "effects_claim",
        text: "coalesce(sent_at, start_at)",
        instead: "NULL::timestamptz",
        promise: a_claimed_submission_counts_as_sent,
    },
];

#[test]
fn each_guard_that_is_taken_away_is_noticed() {
    for mutant in MUTANTS {
        let Mutant { guard, function, text, instead, promise } = mutant;
        assert!(promise(&mut Engine::new()), "with {guard} the promise is kept");
        let mut engine = Engine::new();
        let source = "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = $1";
        let source: String = engine.db().driver().query_one(source, &[&function]).unwrap().get(0);
        assert!(source.contains(text), "{function} has no {text}");
        engine.db().driver().batch_execute(&source.replace(text, instead)).unwrap();
        assert!(!promise(&mut engine), "without {guard} nobody notices");
    }
}

fn claimed(engine: &mut Engine) -> Vec<Claimed> {
    effects::claim(&mut engine.db(), engine.now(), 16, 45).unwrap().effects
}

fn a_holder_whose_lease_ran_out_changes_nothing(engine: &mut Engine) -> bool {
    engine.generating("test_video_gen");
    let first = claimed(engine).remove(0);
    engine.ahead += Duration::minutes(2);
    engine.sweep();
    claimed(engine);
    let settle = Settle { effect_id: first.effect_id, fence: first.fence, outcome: Outcome::Done, error: None };
    let decision = Decision { settle: Some(settle), ..Decision::default() };
    let results = commit(&mut engine.db(), engine.now(), &[decision]).unwrap().results;
    matches!(results.as_slice(), [Committed::Fenced { .. }])
}

fn of_two_decisions_on_one_version_one_happens(engine: &mut Engine) -> bool {
    let run = engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules);
    let now = engine.now();
    let mut new_id = fresh_id;
    let mut context = Context { now, new_id: &mut new_id };
    let cancel = Command::Cancel { reason: "r".into(), actor: "a".into() };
    let stale = apply(&run, &cancel, "late", &mut context).unwrap();
    let pause = Order::Pause { until: now + Duration::days(7) };
    order(&mut engine.db(), run.clone(), &pause, "r", "a", &mut context).unwrap();
    let decision = Decision { transition: stale, ..Decision::default() };
    // Without the guard the second write takes the place of the first, or breaks on its sequence number.
    let answer = commit(&mut engine.db(), now, &[decision]);
    matches!(answer.map(|answer| answer.results), Ok(results) if matches!(results.as_slice(), [Committed::Conflict { .. }]))
}

fn what_was_built_on_a_refused_decision_does_not_happen(engine: &mut Engine) -> bool {
    let run = engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules);
    let now = engine.now();
    let mut new_id = fresh_id;
    let mut context = Context { now, new_id: &mut new_id };
    let extend = |days| Command::Extend { until: now + Duration::days(days), reason: "r".into() };
    let first = apply(&run, &extend(10), "a", &mut context).unwrap().unwrap();
    let second = apply(&first.run, &extend(20), "a", &mut context).unwrap().unwrap();
    // Somebody else moves the run to the very version that the second one was built on.
    engine.tell(&run.run_id, &extend(15));
    let decisions = [first, second].map(|transition| Decision { transition: Some(transition), ..Decision::default() });
    let results = commit(&mut engine.db(), now, &decisions).unwrap().results;
    results.iter().all(|result| matches!(result, Committed::Conflict { .. }))
}

fn a_delivery_counts_once(engine: &mut Engine) -> bool {
    let run = engine.generating("test_video_gen");
    let job_id = run.step_jobs().next().map(|(id, _)| id.clone());
    let delivery = Delivery {
        provider: "kieai",
        key: "the same",
        headers: json!({}),
        query: "",
        signature_status: "valid",
        ignore: false,
        matching: Match { job_id, ..Match::default() },
        hint: json!({}),
    };
    let receipt = || accept(&mut engine.db(), engine.now(), &delivery, b"{}").unwrap().status;
    (receipt(), receipt()) == (Receipt::Accepted, Receipt::Duplicate)
}

fn an_ended_run_sends_nothing(engine: &mut Engine) -> bool {
    let run = engine.generating("test_video_gen");
    engine.tell(&run.run_id, &Command::Terminate { reason: "r".into(), actor: "a".into() });
    claimed(engine).is_empty()
}

fn a_paused_run_has_nothing_to_claim(engine: &mut Engine) -> bool {
    let run = engine.generating("test_video_gen");
    let until = engine.now() + Duration::days(7);
    engine.tell(&run.run_id, &Command::Pause { reason: "r".into(), actor: "a".into(), until });
    claimed(engine).is_empty()
}

fn a_claimed_submission_counts_as_sent(engine: &mut Engine) -> bool {
    engine.generating("test_video_gen");
    claimed(engine);
    engine.count("SELECT count(*) FROM outbox WHERE state = 'leased' AND sent_at IS NULL") == 0
}
