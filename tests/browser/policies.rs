//! What a gate's policy makes of its page: texts that may be edited, changes that are asked for, several approvals.

use crate::support::{Run, service, signing, unique};
use crate::{Browser, Scripts, pages};
use mw_media::definition::Definition;
use mw_media::token::{Claims, issue};
use serde_json::{Value, json};

/// A project of a test's own: test_video_gen with this policy at its workflow gate.
fn project_with(key: &str, policy: Value) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../projects/test_video_gen.json");
    let mut project: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    project["key"] = json!(key);
    project["keywords"] = json!([]);
    project["steps"][0]["policy"] = policy;
    let definition = Definition::from_json(&project.to_string()).unwrap();
    let mut client = mw::projects::connect(&service().database_url).unwrap();
    mw::projects::apply(&mut client, &definition).unwrap();
}

#[test]
fn a_text_is_edited_while_approving_and_used_from_then_on() {
    let run = Run::start().approved("workflow").waiting_for("awaiting_ideate");
    let browser = Browser::open(Scripts::Off);
    browser.visit(&run.link_for("ideate", Some("ann")));
    browser.click("Change texts first");
    browser.fill("Clip 1: header", "hot & <spicy>");
    browser.fill("Clip 2: prompt", "A sun.\nNothing else.");
    browser.click("Approve");
    browser.see("hot & <spicy>");
    let view = run.wait_for("awaiting_prepublish");
    let videos = &view["result"]["videos"];
    assert_eq!(videos[0]["header"], "hot & <spicy>");
    assert_eq!(videos[1]["prompt"], "A sun.\nNothing else.");
    let events = run.events();
    let decided: Vec<&Value> = events.iter().filter(|event| event["type"] == "gate.decided").collect();
    let edits = decided.last().unwrap().to_string();
    // Only what was changed is a change: not the fields that the form sent back as they were.
    assert_eq!(edits.matches("\"after\"").count(), 2, "{edits}");
    assert!(edits.contains("cheeseburger"), "what stood there is kept: {edits}");
}

#[test]
fn asking_for_changes_opens_the_gate_again() {
    let run = Run::start().approved("workflow").waiting_for("awaiting_ideate");
    let browser = Browser::open(Scripts::Off);
    let link = run.link_for("ideate", Some("ann"));
    browser.visit(&link);
    browser.click("Ask for changes");
    browser.fill("What should be different?", "More salt.");
    browser.click("Send back");
    browser.see("Sent back.");
    run.wait_for("awaiting_ideate");
    browser.visit(&link);
    browser.see("This link no longer works");
    browser.visit(&run.link_for("ideate", Some("ann")));
    browser.see("Make these clips?");
    browser.see("More salt.");
    browser.click("Approve");
    browser.see("It goes on");
}

#[test]
fn two_of_two_approvers_see_how_far_it_is() {
    project_with("two_approvals", json!({"approvals": 2, "self_approval": false}));
    let run = Run::start_at(service(), "two_approvals");
    let names = ["ann", "bob"].map(unique);
    let links = [0, 1].map(|at| {
        service().introduce(&names[at], "approver");
        run.link_for("workflow", Some(&names[at]))
    });
    // The environment's key has started it.
    let own = run.link("workflow");
    let browser = Browser::open(Scripts::On);
    browser.visit(&own);
    browser.see("Start this run?");
    assert!(!browser.offers("Approve"), "whoever started it may only stop it");
    pages::examine(&browser, "link-own-run");
    browser.visit(&links[0]);
    browser.see("2 of 2 approvals are missing");
    pages::examine(&browser, "link-two-approvals");
    browser.click("Approve");
    browser.see("1 of 2 approvals are there");
    pages::examine(&browser, "link-one-of-two");
    browser.visit(&links[0]);
    browser.see("You have approved. 1 of 2 approvals are missing.");
    assert_eq!(run.status(), "pending_workflow");
    browser.visit(&links[1]);
    browser.see(&format!("1 of 2, by {}", names[0]));
    browser.click("Approve");
    browser.see("It goes on");
    run.wait_for("awaiting_ideate");
}

#[test]
fn who_may_not_decide_is_told_who_may() {
    project_with("only_ann", json!({"approvers": ["ann"], "reason_required": true}));
    let run = Run::start_at(service(), "only_ann");
    let browser = Browser::open(Scripts::Off);
    // No link is made for bob; one of before, or of another opening's policy, says why it does nothing.
    service().get(&format!("/v1/hitl/link/{}/workflow?approver=bob", run.id)).send().expect(403);
    let claims = Claims {
        opening: 1,
        subject_sha256: run.subject("workflow"),
        approver: "bob".into(),
        expires_at: signing::unix_now() + 60,
        nonce: "n".into(),
    };
    let token = issue(&service().hitl_secret, &run.id, mw_media::gate!("workflow"), &claims);
    browser.visit(&format!("{}?token={token}", run.gate_path("workflow")));
    browser.see("ann may");
    assert!(!browser.offers("Approve") && !browser.offers("Reject"));
    browser.visit(&run.link_for("workflow", Some("ann")));
    browser.click("Reject the run");
    browser.click("Reject");
    browser.fill("Reason", "No.");
    browser.click("Reject");
    browser.see("Stopped.");
}
