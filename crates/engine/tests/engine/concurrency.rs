//! Every pair of things that can happen to a run, at the same time: none waits for ever, no deadlock, and what is left is
//! the fold of its timeline.

use crate::fixture::*;
use mw_engine::World;
use mw_media::Timestamp;
use mw_media::principal::Principal;
use mw_media::run::{Command, Context, GateDecision, MediaCommand, Order, Run};
use mw_media::status::{Channel, ProvidersMode, Verdict};
use mw_store::commit::{self, Decision, Outcome, Settle, TransitionError};
use mw_store::native::Client;
use mw_store::webhooks::{Delivery, Match, accept};
use mw_store::{DbError, effects, runs, sweep};
use serde_json::json;
use std::sync::Barrier;
use time::Duration;

/// One thing that happens to a run, on a connection of its own.
type Happening = fn(&mut Client, &str, Timestamp) -> Result<(), DbError>;

fn told(
    db: &mut Client,
    run_id: &str,
    now: Timestamp,
    command: impl Fn(&Run) -> Option<Command>,
) -> Result<(), DbError> {
    let Some(run) = runs::load(db, now, run_id, None)?.run else { return Ok(()) };
    let Some(command) = command(&typed(&run)).map(Command::erase) else { return Ok(()) };
    let mut new_id = fresh_id;
    let mut context = Context { now, new_id: &mut new_id };
    judged(commit::transition(db, KINDS, run, &command, "tester", &mut context).map(|_| ()))
}

fn ordered(db: &mut Client, run_id: &str, now: Timestamp, order: &Order) -> Result<(), DbError> {
    let Some(run) = runs::load(db, now, run_id, None)?.run else { return Ok(()) };
    let mut new_id = fresh_id;
    let mut context = Context { now, new_id: &mut new_id };
    judged(commit::order(db, KINDS, run, order, "why", "tester", &mut context).map(|_| ()))
}

/// A refusal is an answer; only the database may not fail.
fn judged(result: Result<(), TransitionError>) -> Result<(), DbError> {
    match result {
        Ok(()) | Err(TransitionError::Refused(_)) => Ok(()),
        Err(TransitionError::Database(error)) => Err(error),
        Err(other) => Err(DbError::Failed(format!("{other}"))),
    }
}

fn decide(run: &Run, verdict: Verdict) -> Option<Command> {
    let gate = run.gates.first().map_or(mw_media::gate!("workflow"), |open| open.gate);
    Some(Command::DecideGate(GateDecision::new(gate, verdict, Principal::operator(), Channel::Api)))
}

fn first_job(run: &Run) -> Option<String> {
    run.body.step_jobs().next().map(|(id, _)| id.clone())
}

fn claimed_and_settled(db: &mut Client, now: Timestamp) -> Result<(), DbError> {
    let claim = effects::claim(db, now, 16, 45)?;
    let outcome = Outcome::Again { due_at: now, not_sent: true, uncounted: true };
    let again = |effect: &effects::Claimed| {
        let (effect_id, fence, outcome) = (effect.effect_id, effect.fence, outcome.clone());
        Decision { settle: Some(Settle { effect_id, fence, outcome, error: None }), ..Decision::default() }
    };
    let decisions: Vec<Decision> = claim.effects.iter().map(again).collect();
    if decisions.is_empty() { Ok(()) } else { commit::commit(db, now, &decisions).map(|_| ()) }
}

fn called_back(db: &mut Client, run_id: &str, now: Timestamp) -> Result<(), DbError> {
    let job_id = runs::load(db, now, run_id, None)?.run.as_ref().map(typed).as_ref().and_then(first_job);
    let delivery = Delivery {
        provider: "kieai",
        key: &fresh_id(),
        headers: json!({}),
        query: "",
        signature_status: "valid",
        trusted: false,
        ignore: false,
        matching: Match { job_id, ..Match::default() },
        hint: json!({"task_id": "t"}),
    };
    accept(db, now, &delivery, b"{}").map(|_| ())
}

const HAPPENINGS: [(&str, Happening); 20] = [
    ("approve", |db, id, now| told(db, id, now, |run| decide(run, Verdict::Approve))),
    ("reject", |db, id, now| told(db, id, now, |run| decide(run, Verdict::Reject))),
    ("cancel", |db, id, now| ordered(db, id, now, &Order::Cancel)),
    ("pause", |db, id, now| ordered(db, id, now, &Order::Pause { until: now + Duration::days(7) })),
    ("resume", |db, id, now| ordered(db, id, now, &Order::Resume)),
    ("terminate", |db, id, now| ordered(db, id, now, &Order::Terminate)),
    ("extend", |db, id, now| ordered(db, id, now, &Order::Extend { until: now + Duration::days(20) })),
    ("retry", |db, id, now| ordered(db, id, now, &Order::Retry { key: String::new(), fresh: false })),
    ("rerun", |db, id, now| {
        ordered(db, id, now, &Order::Rerun { from: "workflow".into(), key: String::new(), fresh: false })
    }),
    ("job submitted", |db, id, now| {
        told(db, id, now, |run| {
            first_job(run).map(|job_id| {
                Command::Own(MediaCommand::SubmitJob { task_id: format!("t-{job_id}"), job_id, adopted: false })
            })
        })
    }),
    ("job done", |db, id, now| {
        told(db, id, now, |run| {
            first_job(run).map(|job_id| Command::Own(MediaCommand::FinishJob { job_id, url: "https://u".into() }))
        })
    }),
    ("job fails", |db, id, now| {
        told(db, id, now, |run| {
            first_job(run)
                .map(|job_id| Command::Own(MediaCommand::FailJob { job_id, code: "c".into(), message: "m".into() }))
        })
    }),
    ("deadline", |db, id, now| told(db, id, now + Duration::days(90), |_| Some(Command::PassDeadline))),
    ("warning", |db, id, now| told(db, id, now + Duration::days(6), |_| Some(Command::WarnGate))),
    ("claim and settle", |db, _, now| claimed_and_settled(db, now)),
    ("leases expire", |db, _, now| sweep::expire_leases(db, now + Duration::hours(1), 100).map(|_| ())),
    ("callback", called_back),
    ("effects looked for", |db, _, now| sweep::lost_effects(db, now + Duration::hours(1), 100).map(|_| ())),
    ("effects restored", |db, id, now| {
        told(db, id, now, |run| Some(Command::RestoreEffects { job_ids: run.body.jobs.keys().cloned().collect() }))
    }),
    ("marked failed", |db, id, now| {
        let by_hand = "UPDATE runs SET status = 'failed' WHERE run_id = $1 AND finished_at IS NULL";
        db.driver().execute(by_hand, &[&id]).map_err(|error| DbError::Failed(error.to_string()))?;
        told(db, id, now, |_| Some(Command::MarkFailed { role: "tester".into() }))
    }),
];

/// A run at a gate, at work, or paused at work, in turn.
fn scene(engine: &mut Engine, turn: usize) -> Run {
    let run = match turn % 3 {
        0 => return engine.start("test_video_gen", ProvidersMode::Sim, mw_media::run::PersonaSource::Rules),
        _ => engine.generating("test_video_gen"),
    };
    if turn % 3 == 2 {
        let until = engine.now() + Duration::days(7);
        return engine.tell(&run.run_id, &Command::Pause { reason: "r".into(), actor: "a".into(), until });
    }
    run
}

/// Lets two things happen at the same moment.
fn at_once(engine: &Engine, run: &Run, first: &Happening, second: &Happening) -> [Result<(), DbError>; 2] {
    let now = engine.now();
    let both = Barrier::new(2);
    let happen = |happening: &Happening| {
        let mut db = engine.db();
        db.driver().batch_execute("SET lock_timeout = '5s'").unwrap();
        both.wait();
        happening(&mut db, &run.run_id, now)
    };
    std::thread::scope(|scope| {
        let theirs = scope.spawn(|| happen(second));
        [happen(first), theirs.join().unwrap()]
    })
}

#[test]
fn every_pair_of_happenings_at_once_ends_without_deadlock_and_keeps_the_timeline_true() {
    let mut engine = Engine::new();
    let mut pairs = 0;
    for (place, (one, first)) in HAPPENINGS.iter().enumerate() {
        for (other, second) in &HAPPENINGS[place..] {
            let run = scene(&mut engine, place + pairs);
            let results = at_once(&engine, &run, first, second);
            assert_eq!(results, [Ok(()), Ok(())], "{one} and {other} on a run that is {}", run.status);
            engine.events(&run.run_id);
            pairs += 1;
        }
    }
    println!("{pairs} pairs");
}

#[test]
fn of_two_deciders_at_once_one_decides() {
    let mut engine = Engine::new();
    for _ in 0..20 {
        let run = engine.start("test_video_gen", ProvidersMode::Mock, mw_media::run::PersonaSource::Rules);
        let now = engine.now();
        let both = Barrier::new(2);
        let decided = |verdict| {
            let mut db = engine.db();
            both.wait();
            told(&mut db, &run.run_id, now, |run| decide(run, verdict)).unwrap();
        };
        std::thread::scope(|scope| {
            scope.spawn(|| decided(Verdict::Approve));
            decided(Verdict::Reject);
        });
        assert_eq!(engine.count_events(&run.run_id, "gate.decided"), 1);
        let approvals = format!("SELECT count(*) FROM hitl_approvals WHERE run_id = '{}'", run.run_id);
        assert_eq!(engine.count(&approvals), 1);
    }
}

#[test]
fn a_verb_that_waits_for_a_run_holds_nothing_else() {
    let mut engine = Engine::new();
    let run = engine.generating("test_video_gen");
    let mut holder = engine.db();
    let mut transaction = holder.driver().transaction().unwrap();
    transaction.query_one("SELECT 1 FROM runs WHERE run_id = $1 FOR UPDATE", &[&run.run_id]).unwrap();
    let now = engine.now();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| ordered(&mut engine.db(), &run.run_id, now, &Order::Terminate));
        let blocked = "SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0
                          AND datname = current_database()";
        while engine.count(blocked) == 0 {
            std::thread::yield_now();
        }
        // Who has the run can take everything else of it at once, so the run is what comes first.
        for table in ["outbox", "provider_jobs", "gates"] {
            transaction
                .execute(&format!("SELECT FROM {table} WHERE run_id = $1 FOR UPDATE NOWAIT"), &[&run.run_id])
                .unwrap();
        }
        transaction.commit().unwrap();
        assert_eq!(waiting.join().unwrap(), Ok(()));
    });
    assert!(engine.run(&run.run_id).status.is_terminal());
}
