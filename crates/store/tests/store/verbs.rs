//! What the operators' verbs leave in the tables.

use mw_media::run::MediaCommand;

use crate::fixture::*;
use mw_media::run::{Command, Context, EffectState, Order, Run};
use mw_media::status::{ProvidersMode, Status};
use mw_store::commit::order_all;
use mw_store::native::Client;
use mw_store::runs::{Filter, facts, states};
use mw_store::unreadable::{self, Ended, Wanted};
use mw_store::{DbError, Limit};
use time::Duration;

fn carried_out(db: &mut Client, run: &Run, wish: &Order) -> Run {
    let mut new_id = fresh_id;
    order(db, run, wish, "ann", &mut Context { now: now(), new_id: &mut new_id }).unwrap()
}

fn pause() -> Order {
    Order::Pause { until: now() + Duration::days(7) }
}

fn retry() -> Order {
    Order::Retry { key: String::new(), fresh: false }
}

/// States of the run's effects of a kind.
fn effect_states(db: &mut Client, run_id: &str, kind: &str) -> Vec<String> {
    let sql = "SELECT state FROM outbox WHERE run_id = $1 AND kind = $2 ORDER BY effect_id";
    db.driver().query(sql, &[&run_id, &kind]).unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn a_pause_holds_what_would_go_out_and_leaves_what_only_looks() {
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let submit = Command::Own(MediaCommand::SubmitJob { job_id: job_id(&run, 0), task_id: fresh_id(), adopted: false });
    let run = tell(&mut db, &run, &submit);
    let held = carried_out(&mut db, &run, &pause());
    assert_eq!(effect_states(&mut db, &run.run_id, "submit"), ["held", "held"]);
    assert_eq!(effect_states(&mut db, &run.run_id, "poll"), ["due"]);
    let resumed = carried_out(&mut db, &held, &Order::Resume);
    assert_eq!(resumed.status, Status::Running);
    assert_eq!(effect_states(&mut db, &run.run_id, "submit"), ["due", "due"]);
    assert_eq!(folded(&mut db, &run.run_id), loaded(&mut db, &run.run_id));
}

#[test]
fn nobody_is_asked_for_a_decision_while_a_run_is_paused() {
    let mut db = connect();
    let run = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    let held = carried_out(&mut db, &run, &pause());
    let gates = "SELECT count(*) FROM gates WHERE run_id = $1 AND state = 'open' AND warn_at IS NULL";
    let awaiting = "SELECT count(*) FROM runs WHERE run_id = $1 AND awaiting_gate IS NULL AND status = 'paused'";
    assert_eq!((count(&mut db, gates, &run.run_id), count(&mut db, awaiting, &run.run_id)), (1, 1));
    carried_out(&mut db, &held, &Order::Resume);
    let gates = "SELECT count(*) FROM gates JOIN runs USING (run_id) WHERE run_id = $1 AND gates.state = 'open'
                    AND warn_at < gates.deadline AND gates.deadline = runs.deadline AND awaiting_gate = 'workflow'";
    assert_eq!(count(&mut db, gates, &run.run_id), 1);
}

#[test]
fn an_extended_gate_closes_later_and_warns_later() {
    let mut db = connect();
    let run = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    let until = now() + Duration::days(30);
    carried_out(&mut db, &run, &Order::Extend { until });
    let sql = "SELECT count(*) FROM gates JOIN runs USING (run_id) WHERE run_id = $1 AND gates.deadline = runs.deadline
                  AND gates.deadline > now() + interval '29 days' AND warn_at > now() + interval '20 days'";
    assert_eq!(count(&mut db, sql, &run.run_id), 1);
}

#[test]
fn retry_arms_the_dead_effect_of_an_open_run_again() {
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let job = job_id(&run, 0);
    let dead = "UPDATE outbox SET state = 'dead', attempt = 5, sent_at = now() WHERE key = 'submit:' || $1";
    db.driver().execute(dead, &[&job]).unwrap();
    let fail =
        Command::Own(MediaCommand::FailJob { job_id: job.clone(), code: "402".into(), message: "no credits".into() });
    let run = tell(&mut db, &run, &fail);
    let retried = carried_out(&mut db, &run, &retry());
    let sql = "SELECT count(*) FROM outbox JOIN provider_jobs USING (job_id) WHERE job_id = $1 AND outbox.state = 'due' AND attempt = 0
                  AND sent_at IS NULL AND last_error IS NULL AND provider_jobs.state = 'requested'";
    assert_eq!(count(&mut db, sql, &job), 1);
    let again = carried_out(&mut db, &retried, &retry());
    assert_eq!(again.version, retried.version, "a second retry changes nothing");
}

#[test]
fn a_terminated_run_leaves_nothing_at_work() {
    let mut db = connect();
    for paused in [false, true] {
        let mut run = generating(&mut db, ProvidersMode::Sim);
        if paused {
            run = carried_out(&mut db, &run, &pause());
        }
        let ended = carried_out(&mut db, &run, &Order::Terminate);
        assert_eq!(ended.status, Status::Failed);
        assert_eq!(effect_states(&mut db, &run.run_id, "submit"), ["fenced", "fenced"]);
        assert_eq!(
            count(&mut db, "SELECT count(*) FROM provider_jobs WHERE run_id = $1 AND state <> 'fenced'", &run.run_id),
            0
        );
        assert_eq!(folded(&mut db, &run.run_id), loaded(&mut db, &run.run_id));
    }
}

/// A cancelled run with one clip at work at its provider, and the task's id.
fn cancelled_at_work(db: &mut Client) -> (Run, String) {
    let run = generating(db, ProvidersMode::Sim);
    let task_id = fresh_id();
    let submit =
        Command::Own(MediaCommand::SubmitJob { job_id: job_id(&run, 0), task_id: task_id.clone(), adopted: false });
    let run = tell(db, &run, &submit);
    (carried_out(db, &run, &Order::Cancel), task_id)
}

#[test]
fn a_successor_follows_what_was_at_work_and_its_parent_does_not_move() {
    let mut db = connect();
    let (parent, task_id) = cancelled_at_work(&mut db);
    let successor = carried_out(&mut db, &parent, &retry());
    assert_ne!(successor.run_id, parent.run_id);
    assert_eq!(loaded(&mut db, &parent.run_id), parent);
    let sql = "SELECT count(*) FROM provider_jobs JOIN outbox USING (job_id) JOIN runs ON runs.run_id = provider_jobs.run_id
                WHERE provider_jobs.run_id = $1 AND provider_jobs.task_id = $2 AND provider_jobs.state = 'submitted' AND outbox.kind = 'poll'
                  AND outbox.state = 'due' AND parent_run_id = $3";
    let row = db.driver().query_one(sql, &[&successor.run_id, &task_id, &parent.run_id]).unwrap();
    assert_eq!(row.get::<_, i64>(0), 1);
    assert_eq!(effect_states(&mut db, &successor.run_id, "submit"), ["due"]);
    assert_eq!(folded(&mut db, &successor.run_id), successor);
}

#[test]
fn a_parent_has_one_successor_for_each_step_and_key_however_many_ask_at_once() {
    let mut db = connect();
    let (parent, _) = cancelled_at_work(&mut db);
    let ask = |wish: Order| {
        let parent = parent.clone();
        std::thread::spawn(move || carried_out(&mut connect(), &parent, &wish).run_id)
    };
    let threads: Vec<_> = (0..8).map(|_| ask(retry())).collect();
    let ids: std::collections::BTreeSet<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(ids.len(), 1);
    assert!(!ids.contains(&parent.run_id));
    let other_key = ask(Order::Retry { key: "again".into(), fresh: false }).join().unwrap();
    let other_step = ask(Order::Rerun { from: "workflow".into(), key: String::new(), fresh: false }).join().unwrap();
    assert!(!ids.contains(&other_key) && !ids.contains(&other_step) && other_key != other_step);
    assert!(ids.contains(&ask(retry()).join().unwrap()), "of several successors it is the one with this key");
    let sql = "SELECT count(*) FROM runs WHERE parent_run_id = $1";
    assert_eq!(count(&mut db, sql, &parent.run_id), 3);
}

fn ended(db: &mut Client, run_id: &str) -> Ended {
    let error = mw_media::run::terminated("unreadable", "ann");
    let wanted = Wanted { run_id: run_id.to_owned(), error, actor: "ann".to_owned() };
    unreadable::end(db, now(), &[wanted]).unwrap().ends[0]
}

#[test]
fn a_run_that_cannot_be_read_is_listed_and_can_be_ended() {
    let mut db = connect();
    let run = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    let sound = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    let damage = "UPDATE runs SET state = state - 'title', user_id = $2 WHERE run_id = $1";
    db.driver().execute(damage, &[&run.run_id, &sound.user_id]).unwrap();
    let filter = Filter { user_id: Some(sound.user_id.clone()), ..Filter::default() };
    let limit = Limit { name: "test", caller: &fresh_id(), limit: 1, window_seconds: 60 };
    let page = states(&mut db, now(), &filter, 10, &limit).unwrap();
    let readable: Vec<bool> = page.runs.iter().map(|listed| listed.run.is_ok()).collect();
    assert_eq!((readable.len(), readable.iter().filter(|ok| **ok).count(), page.more), (2, 1, false));
    assert!(states(&mut db, now(), &filter, 10, &limit).unwrap().runs.is_empty(), "the limit is used up");
    assert_eq!(ended(&mut db, &run.run_id), Ended::Ended);
    assert_eq!(ended(&mut db, &run.run_id), Ended::Before);
    assert_eq!(ended(&mut db, &fresh_id()), Ended::Missing);
    let sql = "SELECT count(*) FROM runs JOIN run_events USING (run_id) WHERE run_id = $1 AND status = 'failed'
                  AND deadline IS NULL AND actor = 'ann' AND type = 'run.failed'";
    assert_eq!(count(&mut db, sql, &run.run_id), 1);
}

#[test]
fn what_a_run_waits_for_is_told_with_its_effects() {
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let found = facts(&mut db, mw_kinds::KINDS, &run.run_id).unwrap().unwrap();
    assert_eq!(typed(&found.run), run);
    assert!(found.facts.step_since.is_some());
    let states: Vec<_> = found.facts.effects.iter().map(|effect| effect.state).collect();
    assert_eq!(states, [EffectState::Due, EffectState::Due]);
    assert_eq!(typed(&found.run).why(&found.facts).details.len(), 2);
    assert_eq!(facts(&mut db, mw_kinds::KINDS, "nobody").unwrap(), None);
}

#[test]
fn an_unreadable_run_answers_with_an_error_and_not_with_a_panic() {
    let mut db = connect();
    let run = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    db.driver().execute("UPDATE runs SET state = '{}' WHERE run_id = $1", &[&run.run_id]).unwrap();
    let loaded = mw_store::runs::load(&mut db, now(), &run.run_id, None);
    assert!(matches!(loaded, Err(DbError::Failed(_))));
    assert_eq!(ended(&mut db, &run.run_id), Ended::Ended);
}

#[test]
fn two_bulks_over_the_same_ended_runs_at_once_open_each_successor_once_and_never_deadlock() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let ended: Vec<Run> = (0..24)
        .map(|_| {
            let run = started(&mut db, "test_video_gen", ProvidersMode::Mock);
            carried_out(&mut db, &run, &Order::Cancel)
        })
        .collect();
    let together = std::sync::Barrier::new(2);
    let bulk = |runs: Vec<&Run>| {
        let mut db = own.connect();
        let mut new_id = fresh_id;
        let mut context = Context { now: now(), new_id: &mut new_id };
        together.wait();
        let runs: Vec<_> = runs.into_iter().map(|run| run.erase().unwrap()).collect();
        let runs: Vec<_> = runs.iter().collect();
        let moved = order_all(&mut db, mw_kinds::KINDS, &runs, &retry(), "why", "ann", &mut context).unwrap();
        moved.into_iter().map(|moved| moved.unwrap().run.run_id).collect::<std::collections::BTreeSet<_>>()
    };
    let [one, other] = std::thread::scope(|scope| {
        let other = scope.spawn(|| bulk(ended.iter().rev().collect()));
        [bulk(ended.iter().collect()), other.join().unwrap()]
    });
    assert_eq!((one.len(), one), (ended.len(), other));
}
