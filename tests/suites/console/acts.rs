//! What people do in the console: only from its own forms, only what their role allows, in their own name.

use super::{Browser, field, opening};
use crate::support::{Run, service, unique};
use serde_json::json;

fn decide(browser: &Browser, run: &Run, fields: &[(&str, &str)]) -> crate::support::Call {
    let opening = opening(browser, run);
    let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("opening", opening.as_str())]).collect();
    browser.post(&format!("/console/runs/{}/gates/workflow", run.id), &fields)
}

#[test]
fn a_form_from_elsewhere_or_without_its_token_does_nothing() {
    let (browser, other) = (Browser::operator(), Browser::operator());
    let run = Run::start();
    let (token, foreign, seen) = (browser.token(), other.token(), opening(&browser, &run));
    let gate = format!("/console/runs/{}/gates/workflow", run.id);
    let verb = format!("/console/runs/{}/verbs/cancel", run.id);
    for path in [&gate, &verb] {
        let post = |token: &str| {
            let fields = [("token", token), ("decision", "approve"), ("opening", &seen)];
            browser.post_bare(path, &fields)
        };
        for token in ["", "x", foreign.as_str()] {
            assert!(post(token).header("sec-fetch-site", "same-origin").send().expect(403).is_html());
        }
        post(&token).send().expect(403);
        for site in ["cross-site", "same-site", "none"] {
            post(&token).header("sec-fetch-site", site).header("origin", &service().base_url).send().expect(403);
        }
        for origin in ["null", "https://evil.example"] {
            post(&token).header("origin", origin).send().expect(403);
        }
    }
    let elsewhere = service().call("POST", "/console/login").header("sec-fetch-site", "cross-site");
    elsewhere.body("application/x-www-form-urlencoded", format!("key={}", service().api_key)).send().expect(403);
    assert_eq!(run.status(), "pending_workflow");
}

#[test]
fn a_decision_bears_the_name_of_whoever_is_signed_in() {
    let (browser, name, _) = Browser::with_role("approver");
    let run = Run::start();
    let answer = decide(&browser, &run, &[("decision", "approve"), ("approver", "somebody else")]).send().expect(303);
    assert_eq!(answer.location(), Some("/console?decided=approved"));
    run.wait_for("awaiting_ideate");
    let event = run.events().into_iter().find(|event| event["type"] == "gate.decided").unwrap();
    assert_eq!((&event["data"]["approver"], &event["data"]["channel"]), (&json!(name), &json!("console")));
    let page = browser.page(&format!("/console/runs/{}", run.id));
    assert!(page.contains("Approved at the workflow gate") && page.contains("in the console, from 127.0.0.1"));
}

#[test]
fn a_page_of_another_opening_decides_nothing() {
    let browser = Browser::operator();
    let run = Run::start();
    let path = format!("/console/runs/{}/gates/workflow", run.id);
    browser.post(&path, &[("decision", "approve"), ("opening", "7")]).send().expect(403);
    browser.post(&path, &[("decision", "approve")]).send().expect(422);
    browser.post(&path, &[("opening", "1")]).send().expect(422);
    assert_eq!(run.status(), "pending_workflow");
    let seen = opening(&browser, &run);
    let reject = [("decision", "reject"), ("comment", "too dull"), ("opening", seen.as_str()), ("from", "run")];
    let answer = browser.post(&path, &reject).send().expect(303);
    assert_eq!(answer.location(), Some(format!("/console/runs/{}?decided=rejected", run.id).as_str()));
    assert_eq!(run.status(), "rejected");
    let late = browser.post(&path, &[("decision", "approve"), ("opening", &seen)]).send().expect(409).text();
    assert!(late.contains("rejected by operator"), "{late}");
}

#[test]
fn buttons_of_other_roles_are_absent_or_refused() {
    let run = Run::start();
    let path = format!("/console/runs/{}", run.id);
    let (viewer, _, _) = Browser::with_role("viewer");
    let (approver, _, _) = Browser::with_role("approver");
    let operator = Browser::operator();
    for (browser, decides, operates) in [(&viewer, false, false), (&approver, true, false), (&operator, true, true)] {
        let page = browser.page(&path);
        assert_eq!((page.contains("value=\"approve\""), page.contains("id=\"verbs\"")), (decides, operates));
        assert_eq!(browser.page("/console/runs").contains("id=\"bulk\""), operates);
        assert_eq!(browser.page("/console/system").contains("/console/drain"), operates);
        assert_eq!(browser.page("/console/start").contains("name=\"object\""), decides);
        assert_eq!(browser.page("/console/chat").contains("name=\"message\""), decides);
    }
    let seen = opening(&operator, &run);
    let gate = format!("{path}/gates/workflow");
    let decision = [("decision", "approve"), ("opening", seen.as_str())];
    let refused = viewer.post(&gate, &decision).send().expect(403).text();
    assert!(refused.contains("this needs the role approver"), "{refused}");
    viewer.post("/console/start/begin", &[("project", "test_video_gen"), ("object", "x")]).send().expect(403);
    viewer.post("/console/chat/say", &[("message", "hello")]).send().expect(403);
    for browser in [&viewer, &approver] {
        let refused = browser.post(&format!("{path}/verbs/terminate"), &[]).send().expect(403).text();
        assert!(refused.contains("this needs the role operator"), "{refused}");
        browser.post("/console/bulk", &[("verb", "cancel"), ("project", "aismr")]).send().expect(403);
        browser.post("/console/drain", &[("drain", "on")]).send().expect(403);
        let letter = format!("/console/letters/{}/discard", uuid::Uuid::new_v4());
        browser.post(&letter, &[("reason", "x")]).send().expect(403);
    }
    assert_eq!(run.status(), "pending_workflow");
}

#[test]
fn verbs_are_carried_out_in_the_operators_name() {
    let (browser, name, _) = Browser::with_role("operator");
    let run = Run::start();
    let verb = |verb: &str, fields: &[(&str, &str)]| {
        browser.post(&format!("/console/runs/{}/verbs/{verb}", run.id), fields).send()
    };
    let answer = verb("pause", &[("reason", "lunch"), ("actor", "somebody else")]).expect(303);
    assert_eq!(answer.location(), Some(format!("/console/runs/{}?done=pause", run.id).as_str()));
    assert!(run.events().iter().any(|event| event["type"] == "run.paused" && event["actor"] == name.as_str()));
    let page = browser.page(&format!("/console/runs/{}?done=pause", run.id));
    assert!(page.contains("id=\"verb-resume\"") && !page.contains("id=\"verb-pause\""), "only what changes something");
    verb("resume", &[]).expect(303);
    verb("cancel", &[]).expect(303);
    verb("cancel", &[]).expect(409);
    let answer = verb("rerun", &[("from", "workflow")]).expect(303);
    let successor = answer.location().unwrap().split('?').next().unwrap().to_owned();
    assert!(browser.page(&successor).contains(&format!("/console/runs/{}", run.id)), "a successor names its parent");
}

#[test]
fn a_bulk_verb_is_previewed_and_then_does_what_was_shown() {
    let browser = Browser::operator();
    let user = unique("bulk");
    let start = || {
        let body = json!({"project": "test_video_gen", "input": {"object": "o"}, "options": {"user_id": user}});
        service().post("/v1/runs/start").json(&body).send().expect(200).json()["runId"].as_str().unwrap().to_owned()
    };
    let shown: Vec<String> = (0..3).map(|_| start()).collect();
    let preview = browser.post("/console/bulk", &[("verb", "cancel"), ("user", &user), ("reason", "<b>old</b>")]);
    let page = preview.send().expect(200).text();
    assert!(page.contains("Preview: cancel 3 runs") && page.contains("&#60;b&#62;old"), "{page}");
    let status = |id: &str| service().get(&format!("/v1/runs/{id}")).send().expect(200).json()["status"].clone();
    assert!(shown.iter().all(|id| page.contains(id.as_str()) && status(id) == "pending_workflow"));
    let later = start();
    let shown_at = field(&page, "shown_at");
    let confirm = [("verb", "cancel"), ("user", user.as_str()), ("shown_at", &shown_at), ("confirmed", "yes")];
    let done = browser.post("/console/bulk", &confirm).send().expect(200).text();
    assert!(done.contains("3 runs moved by cancel"), "{done}");
    assert!(shown.iter().all(|id| status(id) == "cancelled"));
    assert_eq!(status(&later), "pending_workflow", "a run that was not shown is left alone");
    browser.post("/console/bulk", &confirm[..2]).send().expect(200);
    browser.post("/console/bulk", &[("verb", "rerun"), ("user", &user)]).send().expect(422);
    browser.post("/console/bulk", &[("verb", "cancel"), ("user", &user), ("confirmed", "yes")]).send().expect(422);
}

#[test]
fn a_run_starts_from_its_form_and_the_same_form_starts_it_once() {
    let (browser, name, _) = Browser::with_role("approver");
    let once = field(&browser.page("/console/start"), "once");
    let fields = [("project", "test_video_gen"), ("object", "lantern"), ("once", once.as_str())];
    let first = browser.post("/console/start/begin", &fields).send().expect(303);
    let again = browser.post("/console/start/begin", &fields).send().expect(303);
    assert_eq!(first.location(), again.location());
    let id = first.location().unwrap().rsplit('/').next().unwrap().to_owned();
    let view = service().get(&format!("/v1/runs/{id}")).send().expect(200).json();
    assert_eq!(view["userId"], name.as_str());
    let wrong = browser.post("/console/start/begin", &[("project", "test_video_gen")]).send().expect(422).text();
    assert!(wrong.contains("Provide at least one of"), "{wrong}");
}

#[test]
fn a_conversation_is_the_visitors_own() {
    let (browser, _, _) = Browser::with_role("approver");
    let (other, _, _) = Browser::with_role("approver");
    let word = unique("moon");
    let said = format!("make a test video about {word}");
    browser.post("/console/chat/say", &[("message", &said)]).send().expect(303);
    let page = browser.page("/console/chat");
    assert!(page.contains(&word) && page.contains("Open run <code>"), "{page}");
    assert!(!page.contains("token=") && !other.page("/console/chat").contains(&word));
}

#[test]
fn a_dead_letter_is_replayed_and_discarded_with_a_reason() {
    let browser = Browser::operator();
    let task = unique("nobody");
    let body = json!({"type": "edit", "action": "render", "id": task, "status": "done", "url": "https://x/<b>.mp4"});
    service().call("POST", "/v1/webhooks/shotstack").json(&body).send().expect(200);
    let sql = "SELECT id FROM webhook_dlq WHERE match->'match'->>'task_id' = $1";
    let id = service().database().row(sql, &[&task])["id"].as_str().unwrap().to_owned();
    let path = format!("/console/letters/{id}");
    let page = browser.page(&path);
    assert!(
        page.contains(&task) && page.contains("provider does not sign") && page.contains("&#60;b&#62;.mp4"),
        "{page}"
    );
    let answer = browser.post(&format!("{path}/replay"), &[]).send().expect(303);
    assert!(answer.location().unwrap().ends_with("?done=no_job"));
    browser.post(&format!("{path}/discard"), &[]).send().expect(422);
    browser.post(&format!("{path}/discard"), &[("reason", "<i>known</i>")]).send().expect(303);
    let settled = browser.page(&path);
    assert!(settled.contains("Discarded by operator") && settled.contains("&#60;i&#62;known"), "{settled}");
}
