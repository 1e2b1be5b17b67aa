//! Guards of the SQL functions, taken away one by one: each time the named promise is seen to be broken. A promise whose
//! check does not notice the missing guard would prove nothing.

use mw_media::run::MediaCommand;

use crate::fixture::*;
use mw_engine::World;
use mw_media::run::{Command, Context, Order, PersonaSource, Run, apply};
use mw_media::status::ProvidersMode;
use mw_store::commit::{Committed, Decision, Outcome, Settle, commit, order};
use mw_store::effects::{self, Claimed, Contact, Observed};
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
        function: "effects_settle",
        text: "USING (effect_id, fence)",
        instead: "USING (effect_id)",
        promise: a_holder_whose_lease_ran_out_changes_nothing,
    },
    Mutant {
        guard: "the version guard",
        function: "runs_commit",
        text: "FILTER (WHERE version IS DISTINCT FROM expected_version)",
        instead: "FILTER (WHERE false)",
        promise: of_two_decisions_on_one_version_one_happens,
    },
    Mutant {
        guard: "all of a run's effects or none",
        function: "effects_settle",
        text: "AND NOT EXISTS (SELECT FROM lost WHERE lost.run_id = wanted.run_id)",
        instead: "",
        promise: an_effect_whose_run_is_not_told_is_not_settled,
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
        function: "runs_end",
        text: "PERFORM runs_fence(run_ids, a_now);",
        instead: "",
        promise: an_ended_run_sends_nothing,
    },
    Mutant {
        guard: "the hold on a paused run",
        function: "runs_commit",
        text: "PERFORM runs_hold(request->'held', a_now);",
        instead: "",
        promise: a_paused_run_has_nothing_to_claim,
    },
    Mutant {
        guard: "the mark of what may have been sent",
        function: "effects_lease",
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
    let stale = of(apply(&run, &cancel, "late", &mut context).unwrap().unwrap());
    let pause = Order::Pause { until: now + Duration::days(7) };
    order(&mut engine.db(), KINDS, run.erase().unwrap(), &pause, "r", "a", &mut context).unwrap();
    // Without the guard the second write takes the place of the first, or breaks on its sequence number.
    let answer = commit(&mut engine.db(), now, &[stale]);
    matches!(answer.map(|answer| answer.results), Ok(results) if matches!(results.as_slice(), [Committed::Conflict { .. }]))
}

/// Of two effects of one run, one is somebody else's by now: what a commit of both says, and the run before it.
fn two_told_of_which_one_is_lost(engine: &mut Engine) -> (Run, Vec<Committed>) {
    let run = engine.generating("test_video_gen");
    let (now, mut new_id) = (engine.now(), fresh_id);
    let mut context = Context { now, new_id: &mut new_id };
    let (mut known, mut decisions) = (run.clone(), Vec::new());
    for (place, effect) in claimed(engine).iter().take(2).enumerate() {
        let job_id = effect.job_id.clone().unwrap();
        let command =
            Command::Own(MediaCommand::SubmitJob { job_id, task_id: format!("task {}", fresh_id()), adopted: false });
        let transition = apply(&known, &command, "kieai", &mut context).unwrap().unwrap();
        known = transition.run.clone();
        let (effect_id, fence) = (effect.effect_id, effect.fence - place as i64);
        let settle = Settle { effect_id, fence, outcome: Outcome::Done, error: None };
        let observed = Observed {
            effect_id,
            provider: effect.provider.clone(),
            kind: effect.kind,
            lane: effect.lane,
            contact: Contact::Answered,
            seconds: 0.1,
            used: None,
            hold_seconds: None,
            moved_to: None,
        };
        decisions.push(Decision { settle: Some(settle), observed: Some(observed), ..of(transition) });
    }
    (run, commit(&mut engine.db(), now, &decisions).unwrap().results)
}

/// The run hears of neither, and the other may be told again.
fn an_effect_whose_run_is_not_told_is_not_settled(engine: &mut Engine) -> bool {
    let (run, results) = two_told_of_which_one_is_lost(engine);
    let told = engine.run(&run.run_id).version > run.version;
    matches!(results.as_slice(), [Committed::Conflict { .. }, Committed::Fenced { .. }])
        && !told
        && engine.count("SELECT count(*) FROM outbox WHERE state = 'leased'") == 2
}

#[test]
fn what_is_told_again_is_not_observed_twice() {
    let mut engine = Engine::new();
    two_told_of_which_one_is_lost(&mut engine);
    let observed = "SELECT sum(value)::bigint FROM metric_observations WHERE name = 'effect_attempts_total'";
    assert_eq!(engine.count(observed), 1, "that of the lost effect, which nobody tells again");
}

#[test]
fn what_was_built_on_a_refused_decision_does_not_happen() {
    let mut engine = Engine::new();
    let run = engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules);
    let (now, mut new_id) = (engine.now(), fresh_id);
    let mut context = Context { now, new_id: &mut new_id };
    let extend = |days| Command::Extend { until: now + Duration::days(days), reason: "r".into() };
    let first = apply(&run, &extend(10), "a", &mut context).unwrap().unwrap();
    let second = apply(&first.run, &extend(20), "a", &mut context).unwrap().unwrap();
    // Somebody else moves the run to the very version that the second one was built on.
    engine.tell(&run.run_id, &extend(15));
    let decisions = [first, second].map(of);
    let results = commit(&mut engine.db(), now, &decisions).unwrap().results;
    assert!(results.iter().all(|result| matches!(result, Committed::Conflict { .. })), "{results:?}");
}

#[test]
fn what_closes_a_gate_is_committed_after_what_opened_it() {
    let mut engine = Engine::new();
    let run = engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules);
    let (now, mut new_id) = (engine.now(), fresh_id);
    let mut context = Context { now, new_id: &mut new_id };
    // It waits at its first gate after the first of these, as before it.
    let extend = Command::Extend { until: now + Duration::days(10), reason: "r".into() };
    let first = apply(&run, &extend, "a", &mut context).unwrap().unwrap();
    let cancel = Command::Cancel { reason: "r".into(), actor: "a".into() };
    let second = apply(&first.run, &cancel, "a", &mut context).unwrap().unwrap();
    let decisions = [first, second].map(of);
    let results = commit(&mut engine.db(), now, &decisions).unwrap().results;
    let [Committed::Committed, Committed::Conflict { run: Some(known) }] = results.as_slice() else {
        panic!("{results:?}");
    };
    assert_eq!(typed(known), engine.run(&run.run_id), "the other decision is made again on what was committed");
}

fn a_delivery_counts_once(engine: &mut Engine) -> bool {
    let run = engine.generating("test_video_gen");
    let job_id = run.body.step_jobs().next().map(|(id, _)| id.clone());
    let delivery = Delivery {
        provider: "kieai",
        key: "the same",
        headers: json!({}),
        query: "",
        signature_status: "valid",
        trusted: false,
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
