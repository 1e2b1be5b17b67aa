//! Every page of the console, empty or full, for everybody: the same looks as `pages`.

use crate::console::signed_in;
use crate::markup::{hostile_run, nothing_broke_in};
use crate::support::{Run, service, unique};
use crate::{Browser, Scripts, pages};
use serde_json::json;

#[test]
fn the_pages_of_the_console_are_for_everybody() {
    let run = Run::rendered();
    let task = unique("task");
    let letter =
        json!({"type": "edit", "action": "render", "id": task, "status": "done", "url": "https://x.example/a.mp4"});
    service().call("POST", "/v1/webhooks/shotstack").json(&letter).send().expect(200);
    let sql = "SELECT id FROM webhook_dlq WHERE match->'match'->>'task_id' = $1";
    let letter = service().database().row(sql, &[&task])["id"].as_str().unwrap().to_owned();
    let browser = Browser::open(Scripts::On);
    browser.visit("/console");
    browser.see("Sign in");
    pages::examine(&browser, "console-login");
    let browser = signed_in(Scripts::On, &service().api_key);
    let open = [
        ("inbox", "/console".to_owned()),
        ("runs", "/console/runs".to_owned()),
        ("runs-none", "/console/runs?user=nobody-at-all".to_owned()),
        ("run", format!("/console/runs/{}", run.id)),
        ("webhooks", "/console/webhooks".to_owned()),
        ("letter", format!("/console/letters/{letter}")),
        ("providers", "/console/providers".to_owned()),
        ("system", "/console/system".to_owned()),
        ("start", "/console/start".to_owned()),
        ("chat", "/console/chat".to_owned()),
    ];
    for (name, path) in open {
        browser.visit(&path);
        browser.see("Log out");
        pages::examine(&browser, &format!("console-{name}"));
    }
    browser.visit(&format!("/console/runs?user={}", run.user));
    browser.choose("Do", "cancel");
    browser.fill("Reason", "To see");
    browser.click("Preview");
    browser.see("Preview: cancel 1 run");
    pages::examine(&browser, "console-bulk");
}

#[test]
fn markup_is_text_everywhere_in_the_console() {
    let run = hostile_run();
    let browser = signed_in(Scripts::On, &service().api_key);
    for (name, path) in
        [("runs", format!("/console/runs?user={}", run.user)), ("run", format!("/console/runs/{}", run.id))]
    {
        browser.visit(&path);
        browser.see("onerror=");
        nothing_broke_in(&browser);
        pages::examine(&browser, &format!("console-{name}-hostile"));
    }
}
