use crate::fixture::*;
use crate::webhooks::{by_job, delivery};
use mw_media::Timestamp;
use mw_media::run::MediaCommand;
use mw_media::run::{Command, Run};
use mw_media::status::ProvidersMode;
use mw_store::dead_letters::{Action, Ending, Filter, Order, Reason, Settled, list, retry, settle, view};
use mw_store::native::Client;
use mw_store::webhooks::{Delivery, Match, Receipt, accept};
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};
use time::Duration;

/// A retry takes every letter that is due: tests that retry do so one after the other.
static RETRYING: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    RETRYING.lock().unwrap_or_else(PoisonError::into_inner)
}

const REPLAY: Order<'static> = Order { action: Action::Replay, actor: "ann", reason: "fixed", dry_run: false };
const DISCARD: Order<'static> = Order { action: Action::Discard, actor: "ann", reason: "not ours", dry_run: false };

fn by_task(task_id: &str) -> Match {
    Match { task_id: Some(task_id.to_owned()), ..Match::default() }
}

/// A dead letter, by its receipt's id.
fn letter(db: &mut Client, at: Timestamp, delivery: &Delivery<'_>) -> String {
    assert_eq!(accept(db, at, delivery, b"{\"a\":1}").unwrap().status, Receipt::Dlq);
    let sql = "SELECT id::text FROM webhook_events WHERE idempotency_key = $1";
    db.driver().query_one(sql, &[&delivery.key]).unwrap().get(0)
}

/// A job of the run that learns its task only now.
fn learns(db: &mut Client, run: &Run, task_id: &str) {
    tell(
        db,
        run,
        &Command::Own(MediaCommand::SubmitJob { job_id: job_id(run, 0), task_id: task_id.to_owned(), adopted: false }),
    );
}

fn settled(db: &mut Client, id: &str, order: &Order<'_>) -> Settled {
    settle(db, now(), id, order).unwrap()
}

fn seen(db: &mut Client, id: &str) -> Value {
    view(db, id, 100).unwrap().unwrap()
}

#[test]
fn a_delivery_that_overtook_its_job_is_a_dead_letter_until_the_sweep_finds_the_job() {
    let _alone = alone();
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let (task_id, key) = (fresh_id(), fresh_id());
    let id = letter(&mut db, now(), &delivery(&key, by_task(&task_id)));
    let soon = now() + Duration::seconds(10);
    while retry(&mut db, soon, 1000).unwrap().acted > 0 {}
    let kept = seen(&mut db, &id);
    assert_eq!(
        (&kept["reason"], &kept["attempts"], &kept["outcome"]),
        (&json!("unknown_job"), &json!(1), &json!("dlq"))
    );
    learns(&mut db, &run, &task_id);
    while retry(&mut db, soon + Duration::hours(2), 1000).unwrap().acted > 0 {}
    let processed = seen(&mut db, &id);
    assert_eq!((&processed["outcome"], &processed["settledBy"]), (&json!("accepted"), &json!("sweep")));
    assert_eq!(processed["runId"], run.run_id.as_str());
}

#[test]
fn three_batches_without_a_job_do_not_hide_the_letter_behind_them() {
    let _alone = alone();
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    // Long before every other test's letters.
    let past = now() - Duration::days(1000);
    for number in 0..30 {
        letter(&mut db, past + Duration::seconds(number), &delivery(&fresh_id(), by_task(&fresh_id())));
    }
    let task_id = fresh_id();
    let last = letter(&mut db, past + Duration::seconds(60), &delivery(&fresh_id(), by_task(&task_id)));
    learns(&mut db, &run, &task_id);
    let mut processed = 0;
    for _ in 0..4 {
        processed += retry(&mut db, past + Duration::seconds(66), 10).unwrap().processed;
    }
    assert_eq!((processed, &seen(&mut db, &last)["outcome"]), (1, &json!("accepted")));
}

#[test]
fn a_retry_locks_runs_in_the_order_of_transitions_and_so_never_deadlocks_with_them() {
    let _alone = alone();
    let mut db = connect();
    let mut runs: Vec<Run> = (0..2).map(|_| generating(&mut db, ProvidersMode::Sim)).collect();
    runs.sort_by(|one, other| one.run_id.cmp(&other.run_id));
    // Long before every other test's letters, that of the second run first.
    let past = now() - Duration::days(3000);
    for (seconds, run) in [(0, &runs[1]), (1, &runs[0])] {
        let task_id = fresh_id();
        letter(&mut db, past + Duration::seconds(seconds), &delivery(&fresh_id(), by_task(&task_id)));
        let sql = "UPDATE provider_jobs SET task_id = $1 WHERE job_id = $2";
        db.driver().execute(sql, &[&task_id, &job_id(run, 0)]).unwrap();
    }
    let cancel = Command::Cancel { reason: "r".into(), actor: "a".into() };
    let mut batch = connect();
    batch.driver().batch_execute("BEGIN").unwrap();
    tell(&mut batch, &runs[0], &cancel);
    let mut sweep = connect();
    let pid: i32 = sweep.driver().query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    std::thread::scope(|scope| {
        let retried = scope.spawn(|| retry(&mut sweep, past + Duration::seconds(60), 10).unwrap());
        blocked(&mut db, pid);
        tell(&mut batch, &runs[1], &cancel);
        batch.driver().batch_execute("COMMIT").unwrap();
        assert_eq!(retried.join().unwrap().processed, 2);
    });
}

#[test]
fn tries_come_later_and_later_and_then_the_letter_waits_for_an_operator() {
    let _alone = alone();
    let mut db = connect();
    let mut at = now() - Duration::days(2000);
    let id = letter(&mut db, at, &delivery(&fresh_id(), by_task(&fresh_id())));
    let mut waits = Vec::new();
    let due = |db: &mut Client| {
        let sql = "SELECT next_retry_at FROM webhook_dlq WHERE id = $1::text::uuid";
        let text = "SELECT to_char(next_retry_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM (";
        let sql = format!("{text}{sql}) AS found");
        let text: Option<String> = db.driver().query_one(&sql, &[&id]).unwrap().get(0);
        text.map(|text| Timestamp::parse(&text, &time::format_description::well_known::Rfc3339).unwrap())
    };
    while let Some(next) = due(&mut db) {
        waits.push((next - at).whole_seconds());
        assert_eq!(retry(&mut db, next - Duration::seconds(1), 10).unwrap().acted, 0, "not before its time");
        assert_eq!(retry(&mut db, next, 10).unwrap().acted, 1);
        at = next;
    }
    assert_eq!(waits, [5, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600, 3600, 3600]);
    let spent = seen(&mut db, &id);
    assert_eq!((&spent["exhausted"], &spent["attempts"]), (&json!(true), &json!(13)));
}

#[test]
fn a_letter_says_why_it_is_one() {
    let mut db = connect();
    let account = fresh_id();
    let run = generating(&mut db, ProvidersMode::Sim);
    for place in 0..2 {
        let sql = "UPDATE provider_jobs SET provider = 'upload-post', account = $1 WHERE job_id = $2";
        db.driver().execute(sql, &[&account, &job_id(&run, place)]).unwrap();
    }
    let twice = fresh_id();
    let other = generating(&mut db, ProvidersMode::Sim);
    for (place, provider) in [(0, "kieai"), (1, "shotstack")] {
        let sql = "UPDATE provider_jobs SET provider = $1, task_id = $2 WHERE job_id = $3";
        db.driver().execute(sql, &[&provider, &twice, &job_id(&other, place)]).unwrap();
    }
    let by_account = Match { account: Some(account), ..Match::default() };
    for (provider, matching, reason) in [
        ("kieai", Match::default(), Reason::NoReference),
        ("kieai", by_task("nobody's"), Reason::UnknownJob),
        ("kieai", by_job(&fresh_id()), Reason::UnknownJob),
        ("upload-post", by_account.clone(), Reason::AmbiguousAccount),
        ("kieai", by_account, Reason::UnknownJob),
        ("std:replicate", by_task(&twice), Reason::AmbiguousTask),
    ] {
        let key = fresh_id();
        let id = letter(&mut db, now(), &Delivery { provider, ..delivery(&key, matching) });
        let seen = seen(&mut db, &id);
        assert_eq!((&seen["reason"], &seen["provider"]), (&json!(reason), &json!(provider)), "{seen}");
    }
    // Each provider's own webhook still knows its own task.
    let answer = accept(&mut db, now(), &delivery(&fresh_id(), by_task(&twice)), b"{}").unwrap();
    assert_eq!(answer.status, Receipt::Accepted);
}

#[test]
fn a_source_of_standard_webhooks_may_speak_of_any_job_and_a_provider_only_of_its_own() {
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    for (provider, status) in [("std:replicate", Receipt::Accepted), ("shotstack", Receipt::Dlq)] {
        let key = fresh_id();
        let delivery = Delivery { provider, ..delivery(&key, by_job(&job_id(&run, 0))) };
        assert_eq!(accept(&mut db, now(), &delivery, b"{}").unwrap().status, status, "{provider}");
    }
}

#[test]
fn a_replay_processes_the_stored_delivery_under_its_receipt_and_once() {
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let (task_id, key) = (fresh_id(), fresh_id());
    let id = letter(&mut db, now(), &delivery(&key, by_task(&task_id)));
    let still = settled(&mut db, &id, &REPLAY);
    assert_eq!((still.result, still.reason), (Ending::NoJob, Some(Reason::UnknownJob)));
    assert_eq!(seen(&mut db, &id)["attempts"], 0, "a person's try takes none of the sweep's");
    learns(&mut db, &run, &task_id);
    db.driver()
        .execute("UPDATE outbox SET due_at = now() + interval '1 hour' WHERE run_id = $1", &[&run.run_id])
        .unwrap();

    let would = settled(&mut db, &id, &Order { dry_run: true, ..REPLAY });
    assert_eq!((would.result, would.run_id.as_deref()), (Ending::Processed, Some(run.run_id.as_str())));
    assert_eq!(seen(&mut db, &id)["outcome"], "dlq", "a dry run changes nothing");

    let first = settled(&mut db, &id, &REPLAY);
    assert_eq!((first.result, first.run_id.as_deref()), (Ending::Processed, Some(run.run_id.as_str())));
    let poked = "SELECT count(*) FROM outbox WHERE run_id = $1 AND kind = 'poll' AND due_at <= now()";
    assert_eq!(count(&mut db, poked, &run.run_id), 1, "the job is due for a look");
    let receipt = seen(&mut db, &id);
    assert_eq!(
        (&receipt["outcome"], &receipt["settledBy"], &receipt["settledReason"]),
        (&json!("accepted"), &json!("ann"), &json!("fixed"))
    );

    let second = settled(&mut db, &id, &REPLAY);
    assert_eq!((second.result, second.run_id), (Ending::AlreadyProcessed, Some(run.run_id)));
    assert_eq!(settled(&mut db, &id, &DISCARD).result, Ending::AlreadyProcessed);
    assert_eq!(seen(&mut db, &id), receipt);
    assert_eq!(settled(&mut db, &fresh_id(), &REPLAY).result, Ending::Unknown);
}

#[test]
fn a_discarded_letter_keeps_its_receipt_with_who_and_why() {
    let mut db = connect();
    let key = fresh_id();
    let id = letter(&mut db, now(), &delivery(&key, Match::default()));
    assert_eq!(settled(&mut db, &id, &Order { dry_run: true, ..DISCARD }).result, Ending::Discarded);
    assert_eq!(seen(&mut db, &id)["outcome"], "dlq");
    assert_eq!(settled(&mut db, &id, &DISCARD).result, Ending::Discarded);
    let receipt = seen(&mut db, &id);
    assert_eq!(
        (&receipt["outcome"], &receipt["settledBy"], &receipt["settledReason"]),
        (&json!("discarded"), &json!("ann"), &json!("not ours"))
    );
    assert_eq!((receipt["id"].as_str(), receipt["provider"].as_str()), (Some(id.as_str()), Some("kieai")));
    assert_eq!(settled(&mut db, &id, &REPLAY).result, Ending::AlreadyDiscarded);
    assert_eq!(accept(&mut db, now(), &delivery(&key, Match::default()), b"{}").unwrap().status, Receipt::Duplicate);
    assert_eq!(seen(&mut db, &id), receipt, "a repetition does not wake it");
}

#[test]
fn a_redelivery_whose_job_is_known_by_now_closes_the_letter() {
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let (task_id, key) = (fresh_id(), fresh_id());
    let again = delivery(&key, by_task(&task_id));
    let id = letter(&mut db, now(), &again);
    assert_eq!(accept(&mut db, now(), &again, b"{}").unwrap().status, Receipt::Duplicate);
    assert_eq!(seen(&mut db, &id)["outcome"], "dlq");
    learns(&mut db, &run, &task_id);
    let answer = accept(&mut db, now(), &again, b"{}").unwrap();
    assert_eq!((answer.status, answer.run_id.as_deref()), (Receipt::Duplicate, Some(run.run_id.as_str())));
    let receipt = seen(&mut db, &id);
    assert_eq!((&receipt["outcome"], &receipt["settledBy"]), (&json!("accepted"), &json!("redelivery")));
}

#[test]
fn twenty_replays_and_a_redelivery_at_once_process_a_letter_once() {
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let (task_id, key) = (fresh_id(), fresh_id());
    let id = letter(&mut db, now(), &delivery(&key, by_task(&task_id)));
    learns(&mut db, &run, &task_id);
    let endings: Vec<Ending> = std::thread::scope(|scope| {
        let replays: Vec<_> = (0..20).map(|_| scope.spawn(|| settled(&mut connect(), &id, &REPLAY).result)).collect();
        let repetition =
            scope.spawn(|| accept(&mut connect(), now(), &delivery(&key, by_task(&task_id)), b"{}").unwrap());
        assert_eq!(repetition.join().unwrap().status, Receipt::Duplicate);
        replays.into_iter().map(|replay| replay.join().unwrap()).collect()
    });
    let by_whom = seen(&mut db, &id)["settledBy"].clone();
    let processed = endings.iter().filter(|ending| **ending == Ending::Processed).count();
    assert_eq!(processed, usize::from(by_whom == "ann"), "{by_whom} {endings:?}");
    assert!(endings.iter().all(|ending| matches!(ending, Ending::Processed | Ending::AlreadyProcessed)));
}

#[test]
fn a_replay_for_an_ended_run_is_recorded_and_changes_nothing() {
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let task_id = fresh_id();
    let id = letter(&mut db, now(), &delivery(&fresh_id(), by_task(&task_id)));
    learns(&mut db, &run, &task_id);
    let run = loaded(&mut db, &run.run_id);
    let ended = tell(&mut db, &run, &Command::Cancel { reason: "r".into(), actor: "a".into() });
    let answer = settled(&mut db, &id, &REPLAY);
    assert_eq!((answer.result, answer.kick), (Ending::Processed, false));
    assert_eq!(loaded(&mut db, &run.run_id), ended);
}

#[test]
fn pages_of_letters_follow_each_other_and_obey_their_filters() {
    let mut db = connect();
    let source = format!("std:x{}", &fresh_id()[..8]);
    let ids: Vec<String> = (0..5)
        .map(|number| {
            let (key, matching) = (fresh_id(), if number == 4 { Match::default() } else { by_task("nobody's") });
            letter(&mut db, now(), &Delivery { provider: &source, ..delivery(&key, matching) })
        })
        .collect();
    let spent = "UPDATE webhook_dlq SET next_retry_at = NULL WHERE id = $1::text::uuid";
    db.driver().execute(spent, &[&ids[0]]).unwrap();
    let ids_of = |page: &[Value]| page.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let mut filter = Filter { provider: Some(source), ..Filter::default() };
    let mut found = Vec::new();
    loop {
        let page = list(&mut db, &filter, 2).unwrap();
        found.extend(ids_of(&page.letters));
        if !page.more {
            break;
        }
        let last = &page.letters[1];
        filter.before = Some((last["createdAt"].as_str().unwrap().into(), last["id"].as_str().unwrap().into()));
    }
    found.reverse();
    assert_eq!(found, ids);
    filter.before = None;
    let exhausted = list(&mut db, &Filter { exhausted: Some(true), ..filter.clone() }, 10).unwrap();
    assert_eq!(ids_of(&exhausted.letters), [ids[0].clone()]);
    let nameless = list(&mut db, &Filter { reason: Some(Reason::NoReference), ..filter }, 10).unwrap();
    assert_eq!(ids_of(&nameless.letters), [ids[4].clone()]);
}

#[test]
fn the_words_of_the_reasons_are_the_schemas() {
    let mut db = connect();
    let sql = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'webhook_dlq_error_check'";
    let check: String = db.driver().query_one(sql, &[]).unwrap().get(0);
    assert_eq!(check.matches("::text").count(), Reason::ALL.len(), "{check}");
    for reason in Reason::ALL {
        assert!(check.contains(&format!("'{}'", reason.as_str())), "{check}");
        assert_eq!((Reason::parse(reason.as_str()), json!(reason)), (Some(*reason), json!(reason.as_str())));
        assert!(reason.explanation().len() > 40);
    }
}

#[test]
fn a_retry_locks_the_run_before_its_effects() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let task_id = fresh_id();
    letter(&mut db, now(), &delivery(&fresh_id(), by_task(&task_id)));
    learns(&mut db, &run, &task_id);
    let later = "UPDATE outbox SET due_at = now() + interval '1 day' WHERE run_id = $1";
    db.driver().execute(later, &[&run.run_id]).unwrap();
    let (mut holder, mut watch) = (own.connect(), own.connect());
    holder.driver().batch_execute("BEGIN").unwrap();
    holder.driver().execute("SELECT FROM runs WHERE run_id = $1 FOR UPDATE", &[&run.run_id]).unwrap();
    let pid: i32 = db.driver().query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    let processed = std::thread::scope(|scope| {
        let retried = scope.spawn(move || retry(&mut db, now() + Duration::hours(2), 10).unwrap().processed);
        blocked(&mut watch, pid);
        // A transition locks the run first, too, and then these.
        holder.driver().execute("SELECT FROM outbox WHERE run_id = $1 FOR UPDATE NOWAIT", &[&run.run_id]).unwrap();
        holder.driver().batch_execute("COMMIT").unwrap();
        retried.join().unwrap()
    });
    assert_eq!(processed, 1);
    let poked =
        "SELECT count(*) FROM outbox WHERE run_id = $1 AND kind = 'poll' AND due_at < now() + interval '3 hours'";
    assert_eq!(count(&mut watch, poked, &run.run_id), 1, "its provider is asked at once");
}

#[test]
fn a_letter_that_was_tried_meanwhile_is_not_tried_again() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let id = letter(&mut db, now(), &delivery(&fresh_id(), by_task(&fresh_id())));
    let (mut holder, mut watch) = (own.connect(), own.connect());
    holder.driver().batch_execute("BEGIN").unwrap();
    let tried = "UPDATE webhook_dlq SET next_retry_at = now() + interval '1 day'";
    holder.driver().execute(tried, &[]).unwrap();
    let pid: i32 = db.driver().query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    std::thread::scope(|scope| {
        let retried = scope.spawn(move || retry(&mut db, now() + Duration::seconds(10), 10).unwrap());
        blocked(&mut watch, pid);
        holder.driver().batch_execute("COMMIT").unwrap();
        retried.join().unwrap()
    });
    assert_eq!(seen(&mut watch, &id)["attempts"], 0);
}

#[test]
fn a_retry_takes_a_page_of_letters() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    for _ in 0..3 {
        letter(&mut db, now(), &delivery(&fresh_id(), by_task(&fresh_id())));
    }
    let soon = now() + Duration::seconds(10);
    let pages: Vec<u64> = (0..3).map(|_| retry(&mut db, soon, 2).unwrap().acted).collect();
    assert_eq!(pages, [2, 1, 0]);
}
