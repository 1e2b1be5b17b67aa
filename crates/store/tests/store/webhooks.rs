use crate::fixture::*;
use mw_media::run::Command;
use mw_media::run::MediaCommand;
use mw_media::status::ProvidersMode;
use mw_store::webhooks::{Delivery, Match, Receipt, Refusal, accept, refuse};
use serde_json::json;

pub(crate) fn delivery<'a>(key: &'a str, matching: Match) -> Delivery<'a> {
    Delivery {
        provider: "kieai",
        key,
        headers: json!({}),
        query: "",
        signature_status: "valid",
        trusted: true,
        ignore: false,
        matching,
        hint: json!({"task_id": "t"}),
    }
}

pub(crate) fn by_job(job_id: &str) -> Match {
    Match { job_id: Some(job_id.to_owned()), ..Match::default() }
}

#[test]
fn a_delivery_is_stored_once_and_a_duplicate_says_so() {
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let (job, key) = (job_id(&run, 0), fresh_id());
    let first = accept(&mut db, now(), &delivery(&key, by_job(&job)), b"{}").unwrap();
    assert_eq!((first.status, first.run_id.as_deref()), (Receipt::Accepted, Some(run.run_id.as_str())));
    let second = accept(&mut db, now(), &delivery(&key, by_job(&job)), b"{}").unwrap();
    assert_eq!(second.status, Receipt::Duplicate);
    assert_eq!(count(&mut db, "SELECT count(*) FROM webhook_events WHERE idempotency_key = $1", &key), 1);
    assert_eq!(loaded(&mut db, &run.run_id), run, "a callback changes no run");
}

#[test]
fn the_same_key_of_two_providers_is_two_events() {
    let mut db = connect();
    let key = fresh_id();
    for provider in ["kieai", "shotstack"] {
        let delivery = Delivery { provider, ..delivery(&key, Match::default()) };
        assert_eq!(accept(&mut db, now(), &delivery, b"{}").unwrap().status, Receipt::Dlq);
    }
}

#[test]
fn refused_deliveries_are_counted_cut_and_burn_no_key() {
    let mut db = connect();
    let key = fresh_id();
    let refusal = Refusal { provider: "kieai", signature_status: "invalid", body_hash: &key, headers: json!({}) };
    for _ in 0..3 {
        refuse(&mut db, now(), &refusal, &vec![b'x'; 10_000]).unwrap();
    }
    let sql = "SELECT count FROM webhook_events WHERE idempotency_key = $1 AND outcome = 'refused' AND length(payload) = 4096";
    assert_eq!(count(&mut db, sql, &key), 3);
    let accepted = accept(&mut db, now(), &delivery(&key, Match::default()), b"{}").unwrap();
    assert_eq!(accepted.status, Receipt::Dlq, "the key is still free");
}

#[test]
fn an_event_without_effect_is_stored_and_nothing_else() {
    let mut db = connect();
    let key = fresh_id();
    let ignored = Delivery { ignore: true, ..delivery(&key, Match::default()) };
    assert_eq!(accept(&mut db, now(), &ignored, b"{}").unwrap().status, Receipt::Accepted);
    assert_eq!(count(&mut db, "SELECT count(*) FROM webhook_dlq WHERE idempotency_key = $1", &key), 0);
}

#[test]
fn a_late_delivery_for_an_ended_run_is_recorded_and_wakes_nothing() {
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let ended = tell(&mut db, &run, &Command::Cancel { reason: "r".into(), actor: "a".into() });
    let answer = accept(&mut db, now(), &delivery(&fresh_id(), by_job(&job_id(&run, 0))), b"{}").unwrap();
    assert_eq!((answer.status, answer.kick), (Receipt::Accepted, false));
    assert_eq!(loaded(&mut db, &run.run_id), ended);
}

#[test]
fn a_callback_about_a_task_that_a_successor_follows_wakes_the_successor() {
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let task_id = fresh_id();
    let run = tell(
        &mut db,
        &run,
        &Command::Own(MediaCommand::SubmitJob { job_id: job_id(&run, 0), task_id: task_id.clone(), adopted: false }),
    );
    let run = tell(&mut db, &run, &Command::Cancel { reason: "r".into(), actor: "a".into() });
    let mut new_id = fresh_id;
    let mut context = mw_media::run::Context { now: now(), new_id: &mut new_id };
    let retry = mw_media::run::Order::Retry { key: String::new(), fresh: false };
    let successor = order(&mut db, &run, &retry, "a", &mut context).unwrap();
    let by_task = Match { task_id: Some(task_id), ..Match::default() };
    let accepted = accept(&mut db, now(), &delivery(&fresh_id(), by_task), b"{}").unwrap();
    assert_eq!((accepted.status, accepted.run_id), (Receipt::Accepted, Some(successor.run_id)));
}

#[test]
fn a_task_of_nobody_fits_no_job() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    generating(&mut db, ProvidersMode::Sim);
    let matching = Match { task_id: Some(fresh_id()), ..Match::default() };
    assert_eq!(accept(&mut db, now(), &delivery("k", matching), b"{}").unwrap().status, Receipt::Dlq);
    let sql = "SELECT count(*) FROM webhook_dlq WHERE idempotency_key = $1 AND error = 'unknown_job'";
    assert_eq!(count(&mut db, sql, "k"), 1);
}

/// What becomes of a delivery of a provider, beside one run of kie.ai's whose first job was changed like this.
fn fits(change: &str, provider: &str, matching: &Match) -> bool {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let sql = format!("UPDATE provider_jobs SET {change} WHERE job_id = $1");
    assert_eq!(db.driver().execute(&sql, &[&job_id(&run, 0)]).unwrap(), 1);
    let delivery = Delivery { provider, ..delivery("k", matching.clone()) };
    accept(&mut db, now(), &delivery, b"{}").unwrap().status == Receipt::Accepted
}

#[test]
fn a_task_is_of_its_provider_only() {
    let matching = Match { task_id: Some("t".into()), ..Match::default() };
    for change in ["task_id = 't'", "task_id = 't', state = 'fenced'"] {
        assert!(fits(change, "kieai", &matching), "{change}");
        assert!(!fits(change, "shotstack", &matching), "{change}");
    }
}

#[test]
fn an_account_fits_its_open_job_only() {
    let matching = Match { account: Some("a".into()), ..Match::default() };
    assert!(fits("account = 'a'", "kieai", &matching));
    assert!(!fits("account = 'a'", "upload-post", &matching));
    assert!(!fits("account = 'a', state = 'fenced'", "kieai", &matching));
}
