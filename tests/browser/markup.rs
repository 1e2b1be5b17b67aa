//! What strangers and models write is text: no script of theirs runs, nothing of theirs is loaded, whatever it is written
//! into.

use crate::support::{Run, service, unique};
use crate::{Browser, Scripts, pages};
use serde_json::json;

/// Script, markup that closes what surrounds it, an image that fails, a text that turns direction, a very long word.
fn hostile() -> String {
    let word = "Donaudampfschifffahrt".repeat(12);
    format!(
        "<script>document.title='broken in'</script>\"><img src=x onerror=\"document.title='broken in'\">'</textarea>\
         <svg onload=\"document.title='broken in'\"> \u{202e}gnp.exe\u{2066} {word}"
    )
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A run whose every text is hostile.
pub(crate) fn hostile_run() -> Run {
    let user = unique("user");
    let text: String = hostile().chars().take(200).collect();
    let body = json!({
        "project": "aismr",
        "input": {"object": text, "modifiers": [text]},
        "options": {"user_id": user},
    });
    let answer = service().post("/v1/runs/start").json(&body).send().expect(200).json();
    Run { service: service().clone(), id: answer["runId"].as_str().unwrap().to_owned(), user }
}

#[track_caller]
pub(crate) fn nothing_broke_in(browser: &Browser) {
    assert_eq!(browser.complaints(), [""; 0], "the policy had to forbid something");
    let title = browser.evaluate("return document.title");
    assert!(title.as_str().unwrap().ends_with("MyloWare"), "{title}");
    let foreign =
        browser.evaluate("return document.querySelectorAll('script:not([src]), img, svg[onload], iframe').length");
    assert_eq!(foreign, 0);
    let turned = browser.evaluate(
        "return [...document.querySelectorAll('b, strong, small')].filter(e => getComputedStyle(e).unicodeBidi !== 'isolate').length",
    );
    assert_eq!(turned, 0, "what turns direction turns its surroundings too");
}

#[test]
fn markup_in_titles_and_prompts_is_shown_as_text_at_every_gate() {
    let run = hostile_run();
    let browser = Browser::open(Scripts::On);
    for gate in ["workflow", "ideate"] {
        run.wait_for(crate::support::run::waiting_status(gate));
        browser.visit(&run.link(gate));
        browser.see("onerror=");
        nothing_broke_in(&browser);
        pages::examine(&browser, &format!("link-{gate}-hostile"));
        browser.click("Approve");
        browser.see("It goes on");
    }
}

#[test]
fn markup_in_reasons_breaks_into_no_page() {
    let run = Run::start();
    let browser = Browser::open(Scripts::On);
    let late = run.link_for("workflow", Some("bob"));
    let name: String = hostile().chars().take(64).collect();
    let path = format!("/v1/hitl/link/{}/workflow?approver={}", run.id, encode(&name));
    service().get(&path).send().expect_invalid("query:approver");
    browser.visit(&run.link_for("workflow", Some("ann")));
    browser.click("Reject the run");
    browser.fill("Reason", &hostile());
    browser.click("Reject");
    browser.see("Stopped.");
    nothing_broke_in(&browser);
    browser.visit(&late);
    browser.see("ann decided on");
    assert!(browser.complaints().iter().all(|complaint| complaint.contains("409")), "only the status is noted");
    nothing_broke_in(&browser);
    pages::examine(&browser, "link-already-decided-hostile");
    // But for what turns direction, which nobody sees.
    let seen: String = hostile().chars().filter(|c| !matches!(c, '\u{202e}' | '\u{2066}')).collect();
    assert_eq!(run.artifacts("hitl.approval")[0]["metadata"]["comment"], seen);
}
