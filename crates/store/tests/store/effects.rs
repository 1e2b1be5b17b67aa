use crate::fixture::*;
use mw_core::Timestamp;
use mw_core::run::Command;
use mw_core::status::ProvidersMode;
use mw_store::commit::{Committed, Decision, Outcome, Settle, commit};
use mw_store::effects::{Claimed, claim};
use mw_store::native::Client;
use mw_store::sweep;
use std::sync::{Mutex, MutexGuard, PoisonError};
use time::Duration;

/// A claim takes whatever is due, other tests' effects too: one test at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Claims until the effects of this run are among the claimed; gives the others back.
fn claim_of(db: &mut Client, run_id: &str, at: Timestamp) -> Vec<Claimed> {
    let (mine, others): (Vec<_>, Vec<_>) =
        claim(db, at, 1000, 45).unwrap().effects.into_iter().partition(|effect| effect.run_id == run_id);
    let back: Vec<Decision> = others
        .iter()
        .map(|effect| {
            settle(effect, Outcome::Again { due_at: at, not_sent: effect.sent_before.is_none(), uncounted: true })
        })
        .collect();
    commit(db, at, &back).unwrap();
    mine
}

fn settle(effect: &Claimed, outcome: Outcome) -> Decision {
    let settle = Settle { effect_id: effect.effect_id, fence: effect.fence, outcome, error: None };
    Decision { settle: Some(settle), ..Decision::default() }
}

#[test]
fn a_claimed_effect_is_nobody_elses() {
    let _alone = alone();
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let first = claim_of(&mut db, &run.run_id, now());
    let second = claim_of(&mut db, &run.run_id, now());
    assert_eq!(first.len() + second.len(), 2);
    assert!(first.iter().all(|effect| !second.iter().any(|other| other.effect_id == effect.effect_id)));
}

#[test]
fn an_old_fencing_token_changes_neither_effect_nor_run() {
    let _alone = alone();
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let mut effects = Vec::new();
    while effects.len() < 2 {
        effects.extend(claim_of(&mut db, &run.run_id, now()));
    }
    let effect = &effects[0];
    // The lease runs out and somebody else claims.
    let later = now() + Duration::seconds(60);
    sweep::expire_leases(&mut db, later, 1000).unwrap();
    let job_id = effect.job_id.clone().unwrap();
    let mut new_id = fresh_id;
    let mut context = mw_core::run::Context { now: now(), new_id: &mut new_id };
    let command = Command::SubmitJob { job_id, task_id: fresh_id(), adopted: false };
    let transition = mw_core::run::apply(&run, &command, "t", &mut context).unwrap();
    let decision = Decision { transition, ..settle(effect, Outcome::Done) };
    assert_eq!(commit_one(&mut db, decision), Committed::Fenced { run: Some(Box::new(run.clone())) });
    assert_eq!(loaded(&mut db, &run.run_id), run);
}

#[test]
fn a_submission_counts_as_sent_from_its_claim_until_it_is_known_not_to_be() {
    let _alone = alone();
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let at = now();
    let effect = loop {
        if let Some(effect) = claim_of(&mut db, &run.run_id, at).into_iter().next() {
            break effect;
        }
    };
    assert_eq!((effect.attempt, effect.sent_before), (1, None));
    let sent = |db: &mut Client| -> Option<i64> {
        let sql = "SELECT extract(epoch FROM sent_at)::bigint FROM outbox WHERE effect_id = $1";
        db.driver().query_one(sql, &[&effect.effect_id]).unwrap().get(0)
    };
    assert!(sent(&mut db).is_some());
    // Its holder went silent: due again, still marked as sent.
    let later = at + Duration::seconds(60);
    sweep::expire_leases(&mut db, later, 1000).unwrap();
    assert!(sent(&mut db).is_some());
    let again = claim_of(&mut db, &run.run_id, later).into_iter().find(|e| e.effect_id == effect.effect_id).unwrap();
    assert_eq!(again.sent_before, Some(at));
    // Known not to have reached the provider: unmarked.
    let outcome = Outcome::Again { due_at: later, not_sent: true, uncounted: false };
    commit(&mut db, later, &[settle(&again, outcome)]).unwrap();
    assert_eq!(sent(&mut db), None);
}

#[test]
fn a_poke_wakes_a_poll_and_reaches_one_that_is_leased() {
    let _alone = alone();
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let id = job_id(&run, 0);
    let task_id = fresh_id();
    tell(&mut db, &run, &Command::SubmitJob { job_id: id.clone(), task_id: task_id.clone(), adopted: false });
    let due = |db: &mut Client| -> bool {
        let sql =
            "SELECT count(*) FROM outbox WHERE job_id = $1 AND kind = 'poll' AND state = 'due' AND due_at <= now()";
        count(db, sql, &id) == 1
    };
    assert!(!due(&mut db));
    let poke = |db: &mut Client| {
        let sql = "SELECT job_poke($1, '{}', now())";
        db.driver().query_one(sql, &[&id]).unwrap().get::<_, bool>(0)
    };
    assert!(poke(&mut db));
    assert!(due(&mut db));
    let effect = loop {
        let mine = claim_of(&mut db, &run.run_id, now());
        if let Some(effect) = mine.into_iter().find(|effect| {
            effect.job_id.as_deref() == Some(&id)
                && effect.sent_before.is_none()
                && effect.payload.is_object()
                && effect.kind == mw_core::run::EffectKind::Poll
        }) {
            break effect;
        }
    };
    assert!(poke(&mut db));
    let outcome = Outcome::Again { due_at: now() + Duration::hours(1), not_sent: false, uncounted: false };
    commit(&mut db, now(), &[settle(&effect, outcome)]).unwrap();
    assert!(due(&mut db), "a poke during the lease makes it due at once");
}

#[test]
fn a_submission_that_is_sent_once_more_has_a_whole_lease_for_it() {
    let _alone = alone();
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let at = now();
    let effect = loop {
        if let Some(effect) = claim_of(&mut db, &run.run_id, at).into_iter().next() {
            break effect;
        }
    };
    // Asking the provider took most of the claim's 45 seconds.
    let later = at + Duration::seconds(40);
    commit(&mut db, later, &[settle(&effect, Outcome::Resend { lease_seconds: 45 })]).unwrap();
    sweep::expire_leases(&mut db, at + Duration::seconds(60), 1000).unwrap();
    let sql = "SELECT count(*) FROM outbox WHERE effect_id::text = $1 AND state = 'leased'";
    assert_eq!(count(&mut db, sql, &effect.effect_id.to_string()), 1);
}
