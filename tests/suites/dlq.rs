//! Dead letters for operators: over HTTP and with `mw`. What settles many at once has a stack of its own, since other
//! tests count on their letters.

use crate::readme::{commands, root};
use crate::support::shell::{self, shell};
use crate::support::{Answer, Run, Service, service, simulator, stack, unique};
use crate::webhooks::{kieai, kieai_body, receipts};
use mw::mode::Mode;
use mw_stack::stack::Stack;
use serde_json::{Value, json};
use std::process::Output;

/// A delivery for a task that nobody knows yet, and its letter's id.
fn letter(task: &str) -> String {
    let answer = kieai("", task, &kieai_body(task, "https://x.example/1.mp4")).header("x-forge-token", "hush").send();
    assert_eq!(answer.expect(200).json()["status"], "dlq");
    receipts(task)[0]["id"].as_str().unwrap().to_owned()
}

fn look(id: &str) -> Value {
    service().get(&format!("/v1/dlq/{id}")).send().expect(200).json()
}

fn settle(id: &str, verb: &str, body: &Value) -> Answer {
    service().post(&format!("/v1/dlq/{id}/{verb}")).json(body).send()
}

/// Its automatic tries are used up: what happens from now on is the test's doing.
fn spend(id: &str) {
    service().database().execute("UPDATE webhook_dlq SET next_retry_at = NULL WHERE id = $1::text::uuid", &[&id]);
}

/// The job's task is known from now on.
fn learn(service: &Service, run: &Run, kind: &str, task: &str) {
    let job = run.jobs(kind).remove(0);
    let sql = "UPDATE provider_jobs SET task_id = $1 WHERE job_id = $2";
    assert_eq!(service.database().execute(sql, &[&task, &job["job_id"].as_str()]), 1);
}

#[test]
fn a_dead_letter_is_explained_without_secrets() {
    let task = unique("task");
    let id = letter(&task);
    let page = service().get("/v1/dlq?provider=kieai&reason=unknown_job&exhausted=false&limit=200").send().expect(200);
    let page = page.json();
    let listed = page["letters"].as_array().unwrap().iter().find(|letter| letter["id"] == id.as_str()).unwrap().clone();
    assert_eq!((&listed["match"]["task_id"], &listed["attempts"].is_u64()), (&json!(task), &true));
    let shown = look(&id);
    assert_eq!((&shown["outcome"], &shown["signatureStatus"]), (&json!("dlq"), &json!("valid")));
    assert!(shown["explanation"].as_str().unwrap().contains("The sweep tries it again at"), "{shown}");
    assert_eq!(shown["payload"]["encoding"], "text");
    assert!(shown["payload"]["data"].as_str().unwrap().contains(&task));
    assert!(shown["headers"].get("x-webhook-timestamp").is_some());
    assert!(!shown.to_string().contains("hush"), "{shown}");
    spend(&id);
    assert!(look(&id)["explanation"].as_str().unwrap().contains("tries no more"));
    let spent = service().get("/v1/dlq?exhausted=true&limit=200").send().expect(200).json().to_string();
    assert!(spent.contains(&id));
}

#[test]
fn a_replay_keeps_the_receipt_and_is_done_once() {
    let _calm = simulator::calm();
    let run = Run::rendered();
    let (task, before) = (unique("task"), run.view());
    let id = letter(&task);
    spend(&id);
    let none = settle(&id, "replay", &json!({})).expect(200).json();
    assert_eq!((&none["result"], &none["reason"]), (&json!("no_job"), &json!("unknown_job")));
    assert_eq!(look(&id)["outcome"], "dlq", "it stays");
    learn(service(), &run, "generate", &task);
    let pretended = settle(&id, "replay", &json!({"dry_run": true})).expect(200).json();
    assert_eq!(pretended["result"], "processed");
    let done = settle(&id, "replay", &json!({"actor": "ann", "reason": "task stored late"})).expect(200).json();
    assert_eq!((&done["result"], &done["receipt"], &done["runId"]), (&json!("processed"), &json!(id), &json!(run.id)));
    let again = settle(&id, "replay", &json!({})).expect(200).json();
    assert_eq!((&again["result"], &again["receipt"]), (&json!("already_processed"), &json!(id)));
    let receipt = receipts(&task);
    assert_eq!((receipt.len(), &receipt[0]["outcome"], &receipt[0]["id"]), (1, &json!("accepted"), &json!(id)));
    assert!(look(&id)["explanation"].as_str().unwrap().starts_with("Processed by ann at "));
    assert_eq!(run.view()["result"], before["result"], "a late delivery changes nothing");
}

#[test]
fn a_replay_on_an_ended_run_is_recorded_and_moves_it_not() {
    let _calm = simulator::calm();
    let run = Run::rendered();
    let task = unique("task");
    let id = letter(&task);
    spend(&id);
    service().post(&format!("/v1/runs/{}/cancel", run.id)).send().expect(200);
    let before = run.view();
    learn(service(), &run, "generate", &task);
    assert_eq!(settle(&id, "replay", &json!({})).expect(200).json()["result"], "processed");
    assert_eq!(receipts(&task)[0]["outcome"], "accepted");
    assert_eq!(run.view(), before);
}

#[test]
fn a_redelivery_closes_the_letter_once_its_job_is_known() {
    let _calm = simulator::calm();
    let run = Run::rendered();
    let task = unique("task");
    let id = letter(&task);
    spend(&id);
    learn(service(), &run, "generate", &task);
    let again = kieai("", &task, &kieai_body(&task, "https://x.example/1.mp4")).send().expect(200).json();
    assert_eq!(again["status"], "duplicate");
    let closed = look(&id);
    assert_eq!((&closed["settledBy"], &closed["runId"]), (&json!("redelivery"), &json!(run.id)));
}

#[test]
fn a_discard_says_why_and_keeps_the_receipt() {
    let id = letter(&unique("task"));
    settle(&id, "discard", &json!({})).expect_invalid("#/reason");
    let done = settle(&id, "discard", &json!({"reason": "not ours", "actor": "ann"})).expect(200).json();
    assert_eq!(done["result"], "discarded");
    let shown = look(&id);
    let said = shown["explanation"].as_str().unwrap();
    assert!(said.starts_with("Discarded by ann at ") && said.ends_with(": not ours."), "{said}");
    for verb in ["discard", "replay"] {
        let again = settle(&id, verb, &json!({"reason": "again"})).expect(200).json();
        assert_eq!(again["result"], "already_discarded");
    }
    assert_eq!(look(&id), shown);
}

#[test]
fn what_is_no_letter_is_404() {
    let unknown = uuid::Uuid::new_v4().to_string();
    for id in [unknown.as_str(), "x", "%00", "00000000-0000-0000-0000-00000000000g"] {
        service().get(&format!("/v1/dlq/{id}")).send().expect_problem(404, "dead letter not found");
        settle(id, "replay", &json!({})).expect_problem(404, "dead letter not found");
        settle(id, "discard", &json!({"reason": "r"})).expect_problem(404, "dead letter not found");
    }
}

/// A stack in which nobody sweeps, with letters of Shotstack: five for one render of a run, three for none.
fn with_letters() -> (Stack, Service, Run, String) {
    let stack = stack::builder().mode(Mode::Mock).cron(false).start().unwrap();
    let service = stack::service_of(&stack);
    let run = Run::start_at(&service, "test_video_gen").published();
    let render = unique("render");
    for number in 0..8 {
        let id = if number < 5 { render.clone() } else { unique("nobody") };
        let body = json!({"type": "edit", "action": "render", "id": id, "status": "done", "url": format!("https://x.example/{number}")});
        let answer = service.call("POST", "/v1/webhooks/shotstack").json(&body).send().expect(200);
        assert_eq!(answer.json()["status"], "dlq");
    }
    (stack, service, run, render)
}

fn count(service: &Service, outcome: &str) -> usize {
    service.database().count("SELECT FROM webhook_events WHERE outcome = $1", &[&outcome])
}

#[test]
fn by_filter_it_is_a_dry_run_first_and_goes_page_by_page() {
    let (_stack, service, run, render) = with_letters();
    let before = run.view();
    learn(&service, &run, "render", &render);
    let replay = |body: Value| service.post("/v1/dlq/replay").json(&body).send().expect(200).json();
    let pretended = replay(json!({"filter": {"provider": "shotstack"}}));
    assert_eq!((&pretended["dry_run"], &pretended["counts"]), (&json!(true), &json!({"processed": 5, "no_job": 3})));
    assert_eq!(count(&service, "dlq"), 8, "nothing was changed");
    assert_eq!(replay(json!({"filter": {"provider": "kieai"}}))["letters"], json!([]));
    let (mut cursor, mut pages, mut processed) = (Value::Null, 0, 0);
    loop {
        let page = replay(json!({"dry_run": false, "limit": 3, "cursor": cursor}));
        pages += 1;
        processed += page["counts"]["processed"].as_u64().unwrap_or_default();
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!((pages, processed), (3, 5), "five in, five applied");
    assert_eq!((count(&service, "accepted"), count(&service, "dlq")), (5, 3));
    assert_eq!(replay(json!({"dry_run": false}))["counts"], json!({"no_job": 3}));
    let discard = |body: Value| service.post("/v1/dlq/discard").json(&body).send().expect(200).json();
    assert_eq!(discard(json!({"reason": "r", "filter": {"exhausted": true}}))["letters"], json!([]));
    let gone = discard(json!({"reason": "r", "dry_run": false, "filter": {"reason": "unknown_job"}}));
    assert_eq!(gone["counts"], json!({"discarded": 3}));
    assert_eq!((count(&service, "discarded"), count(&service, "dlq")), (3, 0));
    assert_eq!(run.view(), before);
}

fn mw(stack: &Stack, line: &str, letter: &str) -> Output {
    shell(stack, line, &[("LETTER", letter)])
}

#[track_caller]
fn says(stack: &Stack, line: &str, letter: &str, part: &str) {
    shell::says(stack, line, &[("LETTER", letter)], part);
}

#[test]
fn the_command_shows_and_settles_letters_and_pretends_first() {
    let (stack, service, run, render) = with_letters();
    let newest = service.database().row("SELECT id FROM webhook_dlq ORDER BY created_at DESC LIMIT 1", &[]);
    let id = newest["id"].as_str().unwrap();
    says(&stack, "mw dlq list --provider shotstack --why unknown_job", id, id);
    says(&stack, "mw dlq list --exhausted", id, "no dead letter");
    says(&stack, "mw dlq show $LETTER", id, "No job of ours has");
    says(&stack, "mw dlq replay $LETTER", id, "1 no_job\nnothing was changed; --yes does it");
    assert_eq!(mw(&stack, "mw dlq discard $LETTER", id).status.code(), Some(2), "a discard says why");
    says(&stack, "mw dlq discard $LETTER --reason test", id, "nothing was changed");
    assert_eq!(count(&service, "dlq"), 8);
    says(&stack, "mw dlq discard $LETTER --reason test --actor ann --yes", id, "1 discarded");
    learn(&service, &run, "render", &render);
    says(&stack, "mw dlq replay-webhooks --limit 50 --dry-run", id, "2 no_job, 5 processed\nnothing was changed");
    says(&stack, "mw dlq replay --provider shotstack --yes", id, "2 no_job, 5 processed");
    says(&stack, "mw dlq replay-webhooks --limit 1", id, "1 no_job");
    assert_eq!((count(&service, "accepted"), count(&service, "dlq")), (5, 2));
}

#[test]
fn every_command_of_the_page_about_webhooks_works() {
    let (stack, service, ..) = with_letters();
    let newest = service.database().row("SELECT id FROM webhook_dlq ORDER BY created_at DESC LIMIT 1", &[]);
    let lines = commands(&root().join("docs/webhooks.md"));
    assert!(lines.len() >= 8, "{lines:?}");
    for line in lines {
        says(&stack, &line, newest["id"].as_str().unwrap(), "");
    }
}
