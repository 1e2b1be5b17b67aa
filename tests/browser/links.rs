//! Deciding from a link, without JavaScript: what a mail or chat hands to a person.

use crate::support::{Run, service, signing};
use crate::{Browser, Scripts};
use mw_media::token::{Claims, issue};

fn decisions(run: &Run) -> usize {
    service().database().count("SELECT FROM hitl_approvals WHERE run_id = $1", &[&run.id])
}

#[test]
fn a_link_approves_without_javascript() {
    let run = Run::start();
    let browser = Browser::open(Scripts::Off);
    browser.visit(&run.link_for("workflow", Some("ann")));
    browser.see("Start this run?");
    assert_eq!(decisions(&run), 0);
    browser.click("Approve");
    browser.see("It goes on");
    run.wait_for("awaiting_ideate");
    let row = service()
        .database()
        .row("SELECT approver, channel, metadata FROM hitl_approvals WHERE run_id = $1", &[&run.id]);
    assert_eq!((&row["approver"], &row["channel"]), (&"ann".into(), &"link".into()));
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_link_rejects_with_a_reason_that_the_timeline_keeps() {
    let run = Run::start();
    let browser = Browser::open(Scripts::Off);
    browser.visit(&run.link("workflow"));
    browser.click("Reject the run");
    browser.fill("Reason", "Too dull.\nAnd too long.");
    browser.click("Reject");
    browser.see("Stopped.");
    run.wait_for("rejected");
    assert_eq!(run.artifacts("hitl.approval")[0]["metadata"]["comment"], "Too dull.\nAnd too long.");
}

#[test]
fn the_second_of_two_approvers_sees_who_decided_what_and_when() {
    let run = Run::start();
    let (ann, bob) = (Browser::open(Scripts::Off), Browser::open(Scripts::Off));
    ann.visit(&run.link_for("workflow", Some("ann")));
    bob.visit(&run.link_for("workflow", Some("bob")));
    bob.see("Start this run?");
    ann.click("Reject the run");
    ann.click("Reject");
    ann.see("Stopped.");
    bob.click("Approve");
    bob.see("There is nothing left to decide");
    for fact in ["ann", "rejected", "UTC"] {
        assert!(bob.text().contains(fact), "{fact:?} is not in {}", bob.text());
    }
    assert_eq!(run.status(), "rejected");
    assert_eq!(decisions(&run), 1);
}

#[test]
fn a_page_that_has_become_stale_decides_nothing() {
    let run = Run::start();
    let browser = Browser::open(Scripts::Off);
    browser.visit(&run.link_for("workflow", Some("ann")));
    service().post(&format!("/v1/runs/{}/cancel", run.id)).json(&serde_json::json!({})).send().expect(200);
    browser.click("Approve");
    browser.see(&format!("Run {} is already cancelled", run.id));
    assert_eq!(decisions(&run), 0);
}

#[test]
fn reloading_the_answer_is_no_second_decision() {
    let run = Run::start();
    let browser = Browser::open(Scripts::Off);
    browser.visit(&run.link_for("workflow", Some("ann")));
    browser.click("Approve");
    browser.see("It goes on");
    browser.reload();
    browser.see("It goes on");
    browser.back();
    browser.see("There is nothing left to decide");
    assert_eq!(decisions(&run), 1);
}

#[test]
fn an_expired_link_says_so_and_what_to_do() {
    let run = Run::start();
    let claims = Claims {
        opening: 1,
        subject_sha256: run.subject("workflow"),
        approver: "ann".to_owned(),
        expires_at: signing::unix_now() - 1,
        nonce: "n".to_owned(),
    };
    let token = issue(&service().hitl_secret, &run.id, mw_media::gate!("workflow"), &claims);
    let browser = Browser::open(Scripts::Off);
    browser.visit(&format!("{}?token={token}", run.gate_path("workflow")));
    browser.see("This link no longer works");
    browser.see("Ask Brendan for a new one");
    assert!(!browser.offers("Approve"));
}

#[test]
fn a_gate_is_approved_with_the_keyboard_alone() {
    let run = Run::start();
    let browser = Browser::open(Scripts::Off);
    browser.visit(&run.link("workflow"));
    browser.see("Start this run?");
    for _ in 0..20 {
        browser.press("\u{e004}");
        if browser.focus() == "Approve" {
            browser.press("\u{e007}");
            break;
        }
    }
    browser.see("It goes on");
    run.wait_for("awaiting_ideate");
}

#[test]
fn enter_in_a_field_approves_nothing() {
    let run = Run::start();
    let browser = Browser::open(Scripts::Off);
    browser.visit(&run.link("workflow"));
    browser.click("Change texts first");
    browser.fill("Title", "Another title");
    browser.press("\u{e007}");
    browser.see("Start this run?");
    assert_eq!(decisions(&run), 0);
    browser.click("Approve");
    browser.see("It goes on");
    assert_eq!(decisions(&run), 1);
}
