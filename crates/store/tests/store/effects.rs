use crate::fixture::*;
use mw_media::run::MediaCommand;
use mw_media::run::{Command, EffectKind};
use mw_media::status::ProvidersMode;
use mw_store::commit::{Committed, Decision, Outcome, Settle, commit};
use mw_store::effects::{Claimed, Lane, claim};
use mw_store::native::Client;
use mw_store::sweep;
use time::Duration;

fn settle(effect: &Claimed, outcome: Outcome) -> Decision {
    let settle = Settle { effect_id: effect.effect_id, fence: effect.fence, outcome, error: None };
    Decision { settle: Some(settle), ..Decision::default() }
}

#[test]
fn a_claimed_effect_is_nobody_elses() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    generating(&mut db, ProvidersMode::Sim);
    let first = claim(&mut db, now(), 1, 45).unwrap().effects;
    let second = claim(&mut db, now(), 10, 45).unwrap().effects;
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first[0].effect_id, second[0].effect_id);
}

#[test]
fn an_old_fencing_token_changes_neither_effect_nor_run() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let effect = &claim(&mut db, now(), 10, 45).unwrap().effects[0];
    // The lease runs out and somebody else claims.
    let later = now() + Duration::seconds(60);
    sweep::expire_leases(&mut db, later, 1000).unwrap();
    let job_id = effect.job_id.clone().unwrap();
    let mut new_id = fresh_id;
    let mut context = mw_media::run::Context { now: now(), new_id: &mut new_id };
    let command = Command::Own(MediaCommand::SubmitJob { job_id, task_id: fresh_id(), adopted: false });
    let transition = mw_media::run::apply(&run, &command, "t", &mut context).unwrap();
    let transition = transition.map(|decided| decided.erase().unwrap());
    let decision = Decision { transition, ..settle(effect, Outcome::Done) };
    assert!(matches!(commit_one(&mut db, decision), Committed::Fenced { run: Some(fresh) } if typed(&fresh) == run));
    assert_eq!(loaded(&mut db, &run.run_id), run);
}

#[test]
fn a_submission_counts_as_sent_from_its_claim_until_it_is_known_not_to_be() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    generating(&mut db, ProvidersMode::Sim);
    let at = now();
    let effect = claim(&mut db, at, 1, 45).unwrap().effects.remove(0);
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
    let again =
        claim(&mut db, later, 10, 45).unwrap().effects.into_iter().find(|e| e.effect_id == effect.effect_id).unwrap();
    assert_eq!(again.sent_before, Some(at));
    // Known not to have reached the provider: unmarked.
    let outcome = Outcome::Again { due_at: later, not_sent: true, uncounted: false };
    commit(&mut db, later, &[settle(&again, outcome)]).unwrap();
    assert_eq!(sent(&mut db), None);
}

#[test]
fn a_poke_wakes_a_poll_and_reaches_one_that_is_leased() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let id = job_id(&run, 0);
    let task_id = fresh_id();
    tell(
        &mut db,
        &run,
        &Command::Own(MediaCommand::SubmitJob { job_id: id.clone(), task_id: task_id.clone(), adopted: false }),
    );
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
    let claimed = claim(&mut db, now(), 10, 45).unwrap().effects;
    let effect = claimed.into_iter().find(|effect| effect.kind == EffectKind::Poll).unwrap();
    assert_eq!(effect.job_id.as_deref(), Some(id.as_str()));
    assert!(poke(&mut db));
    let outcome = Outcome::Again { due_at: now() + Duration::hours(1), not_sent: false, uncounted: false };
    commit(&mut db, now(), &[settle(&effect, outcome)]).unwrap();
    assert!(due(&mut db), "a poke during the lease makes it due at once");
}

#[test]
fn a_callback_before_the_submissions_commit_makes_the_poll_due_at_once() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let poke = |db: &mut Client, id: &str| {
        db.driver().query_one("SELECT job_poke($1, '{\"task_id\": \"t\"}', now())", &[&id]).unwrap();
    };
    let due_now = |db: &mut Client, id: &str| {
        let sql = "SELECT count(*) FROM outbox WHERE job_id = $1 AND kind = 'poll' AND due_at <= now()";
        count(db, sql, id)
    };
    let [hinted, other] = [job_id(&run, 0), job_id(&run, 1)];
    poke(&mut db, &hinted);
    let submitted = |job_id: &str| {
        Command::Own(MediaCommand::SubmitJob { job_id: job_id.into(), task_id: fresh_id(), adopted: false })
    };
    let run = tell(&mut db, &run, &submitted(&hinted));
    tell(&mut db, &run, &submitted(&other));
    assert_eq!((due_now(&mut db, &hinted), due_now(&mut db, &other)), (1, 0));
}

#[test]
fn a_submission_to_be_repeated_is_a_start_again_with_a_whole_lease() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    generating(&mut db, ProvidersMode::Sim);
    let at = now();
    let sent = claim(&mut db, at, 1, 45).unwrap().effects.remove(0);
    commit(&mut db, at, &[settle(&sent, Outcome::Again { due_at: at, not_sent: false, uncounted: false })]).unwrap();
    let later = at + Duration::seconds(90);
    let claimed = claim(&mut db, later, 10, 45).unwrap().effects;
    let look = claimed.iter().find(|effect| effect.effect_id == sent.effect_id).unwrap();
    assert_eq!((look.lane, look.sent_before), (Lane::Look, Some(at)));
    // Asking the provider took most of the lease's 45 seconds.
    let repeated_at = later + Duration::seconds(40);
    let repeat = Outcome::Again { due_at: repeated_at, not_sent: true, uncounted: true };
    commit(&mut db, repeated_at, &[settle(look, repeat)]).unwrap();
    let again = claim(&mut db, repeated_at, 10, 45).unwrap().effects.remove(0);
    assert_eq!((again.effect_id, again.lane, again.sent_before), (sent.effect_id, Lane::Start, None));
    sweep::expire_leases(&mut db, later + Duration::seconds(60), 1000).unwrap();
    let sql = "SELECT count(*) FROM outbox WHERE effect_id::text = $1 AND state = 'leased'";
    assert_eq!(count(&mut db, sql, &again.effect_id.to_string()), 1);
}
