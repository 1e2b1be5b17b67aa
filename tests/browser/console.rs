//! What operators and approvers do in the console all day, as they do it.

use crate::support::{Run, service, unique};
use crate::{Browser, Scripts};
use serde_json::json;

const ENTER: &str = "\u{e007}";

/// A window of somebody who has signed in with this key.
pub(crate) fn signed_in(scripts: Scripts, key: &str) -> Browser {
    let browser = Browser::open(scripts);
    browser.visit("/console");
    browser.fill("API key", key);
    browser.click("Sign in");
    browser.see("Log out");
    browser
}

fn operator(scripts: Scripts) -> Browser {
    signed_in(scripts, &service().api_key)
}

/// A new principal with this role: name and key.
fn principal(role: &str) -> (String, String) {
    let name = unique(role);
    let made = service().post("/v1/principals").json(&json!({"name": name, "role": role})).send().expect(201).json();
    (name, made["key"].as_str().unwrap().to_owned())
}

/// Another run of the same user.
fn again(run: &Run) -> Run {
    let body = json!({"project": "test_video_gen", "input": {"object": "moss"}, "options": {"user_id": run.user}});
    let answer = service().post("/v1/runs/start").json(&body).send().expect(200).json();
    Run { id: answer["runId"].as_str().unwrap().to_owned(), ..run.clone() }
}

#[test]
fn a_gate_is_decided_in_the_console_without_javascript() {
    let (name, key) = principal("approver");
    let run = Run::start();
    let browser = signed_in(Scripts::Off, &key);
    browser.visit(&format!("/console/runs/{}", run.id));
    browser.click("Approve");
    run.wait_for("awaiting_ideate");
    let sql = "SELECT approver, channel FROM hitl_approvals WHERE run_id = $1";
    assert_eq!(service().database().row(sql, &[&run.id]), json!({"approver": name, "channel": "console"}));
    browser.visit(&format!("/console/runs/{}", run.id));
    browser.click("Reject or ask for changes…");
    browser.fill("Why?", "Not this one.");
    browser.click("Reject and end the run");
    run.wait_for("rejected");
}

#[test]
fn the_inbox_is_decided_with_the_keyboard_alone() {
    let run = Run::start();
    let browser = operator(Scripts::On);
    browser.visit("/console");
    browser.see("Inbox");
    let here = format!(
        "return new URL(document.activeElement.dataset.open, document.baseURI).pathname === '/console/runs/{}'",
        run.id
    );
    let mut moves = 0;
    while browser.evaluate(&here) != true {
        browser.press("j");
        moves += 1;
        assert!(moves < 200, "the gate is not in the inbox");
    }
    browser.press("a");
    assert_eq!(browser.focus(), "Approve");
    assert_eq!(run.status(), "pending_workflow", "a key alone decides nothing");
    browser.press(ENTER);
    run.wait_for("awaiting_ideate");
}

#[test]
fn a_page_follows_its_run_without_being_loaded_again() {
    let run = Run::start();
    let browser = operator(Scripts::On);
    browser.visit(&format!("/console/runs/{}", run.id));
    browser.see("Start this run?");
    browser.evaluate("window.sameWindow = true");
    let run = run.approved("workflow");
    browser.see("Make these clips?");
    assert_eq!(browser.evaluate("return window.sameWindow === true"), true);
    run.approved("ideate");
    browser.see("Publish this video?");
    assert_eq!(browser.evaluate("return window.sameWindow === true"), true);
}

#[test]
fn runs_are_cancelled_in_bulk_after_a_preview() {
    let first = Run::start();
    let second = again(&first);
    let browser = operator(Scripts::On);
    browser.visit(&format!("/console/runs?user={}", first.user));
    browser.choose("Do", "cancel");
    browser.fill("Reason", "Not needed <any> more");
    browser.click("Preview");
    browser.see("Preview: cancel 2 runs");
    for run in [&first, &second] {
        assert!(browser.text().contains(&run.id));
        assert_eq!(run.status(), "pending_workflow", "a preview changes nothing");
    }
    browser.click("Confirm: cancel 2 runs");
    browser.confirm();
    browser.see("2 runs moved by cancel");
    for run in [&first, &second] {
        assert_eq!(run.status(), "cancelled");
    }
    assert!(first.events().iter().any(|event| event.to_string().contains("Not needed <any> more")));
}

#[test]
fn a_dead_letter_is_replayed_until_its_job_is_known() {
    let run = Run::rendered();
    let task = unique("task");
    let body =
        json!({"type": "edit", "action": "render", "id": task, "status": "done", "url": "https://x.example/a.mp4"});
    service().call("POST", "/v1/webhooks/shotstack").json(&body).send().expect(200);
    let sql = "SELECT id FROM webhook_dlq WHERE match->'match'->>'task_id' = $1";
    let letter = service().database().row(sql, &[&task])["id"].as_str().unwrap().to_owned();
    // Its automatic tries are used up: what happens from now on is the operator's doing.
    let spend = "UPDATE webhook_dlq SET next_retry_at = NULL WHERE id = $1::text::uuid";
    service().database().execute(spend, &[&letter]);
    let browser = operator(Scripts::Off);
    browser.visit("/console/webhooks");
    browser.see(&letter);
    browser.visit(&format!("/console/letters/{letter}"));
    browser.click("Replay");
    browser.see("still no job fits");
    let job = run.jobs("render").remove(0);
    let learn = "UPDATE provider_jobs SET task_id = $1 WHERE job_id = $2";
    service().database().execute(learn, &[&task, &job["job_id"].as_str()]);
    browser.click("Replay");
    browser.see("its job is asked about now");
    assert!(!browser.offers("Replay"));
    assert_eq!(service().database().count(sql, &[&task]), 0);
}

#[test]
fn signing_in_again_repeats_no_form() {
    let (name, key) = principal("operator");
    let run = Run::start();
    let browser = signed_in(Scripts::Off, &key);
    let path = format!("/console/runs/{}", run.id);
    browser.visit(&path);
    browser.see("Start this run?");
    let listed = service().get("/v1/principals?limit=200").send().expect(200).json();
    let found = listed["principals"].as_array().unwrap().iter().find(|one| one["name"] == name.as_str()).unwrap();
    let key_id = found["keys"][0]["keyId"].as_str().unwrap();
    service().post(&format!("/v1/principals/{name}/keys/{key_id}/revoke")).send().expect(200);
    browser.click("Approve");
    browser.see("Your session has ended");
    assert_eq!(run.status(), "pending_workflow");
    browser.fill("API key", &service().api_key);
    browser.click("Sign in");
    browser.see("Start this run?");
    assert_eq!(browser.path(), path);
    assert_eq!(run.status(), "pending_workflow", "what was pressed too late is not repeated");
}

#[test]
fn a_page_of_another_origin_cannot_press_the_consoles_buttons() {
    let run = Run::start();
    let browser = operator(Scripts::On);
    let path = format!("/console/runs/{}", run.id);
    browser.visit(&path);
    let token = browser.evaluate("return document.querySelector('input[name=token]').value");
    // Another port is another origin on the same site, whose requests carry the cookie: the hardest case.
    for (token, opening) in [(json!(""), "1"), (token, "1")] {
        browser.visit_foreign(&format!("{}/_sim/state", service().sim_url.as_deref().unwrap()));
        let action = format!("{}{path}/gates/workflow", service().base_url);
        browser.evaluate(&format!(
            "const form = document.createElement('form');
             form.method = 'post';
             form.action = {action:?};
             for (const [name, value] of [['token', {token}], ['decision', 'approve'], ['opening', {opening:?}], ['from', 'run']]) {{
               const field = document.createElement('input');
               field.name = name;
               field.value = value;
               form.append(field);
             }}
             document.body.append(form);
             form.submit();"
        ));
        browser.wait_until(&format!("return location.href.startsWith({:?})", service().base_url));
        assert!(!browser.offers("Approve"), "{}", browser.text());
        assert_eq!(run.status(), "pending_workflow");
    }
}

#[test]
fn who_may_only_look_is_offered_nothing_to_press() {
    let (_, key) = principal("viewer");
    let run = Run::start();
    let browser = signed_in(Scripts::Off, &key);
    browser.visit(&format!("/console/runs/{}", run.id));
    browser.see("Start this run?");
    for button in ["Approve", "Reject and end the run", "Cancel", "Pause"] {
        assert!(!browser.offers(button), "{button}");
    }
}
