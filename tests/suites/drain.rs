//! Drain, on stacks of these tests' own: no new run starts, everything in flight goes on, and what is left is counted.

use crate::support::{Answer, Run, Service, eventually, stack, unique};
use mw::mode::Mode;
use mw_stack::stack::Stack;
use mw_stack::with::environment;
use serde_json::{Value, json};
use std::process::Command;

fn fresh(mode: Mode) -> (Stack, Service) {
    let stack = stack::builder().mode(mode).start().unwrap();
    let service = stack::service_of(&stack);
    (stack, service)
}

fn switch(service: &Service, on: bool) -> Value {
    let body = json!({"on": on, "reason": on.then_some("upgrade"), "actor": "ann"});
    service.post("/admin/drain").json(&body).send().expect(200).json()
}

fn start(service: &Service, key: &str) -> Answer {
    let body = json!({"project": "test_video_gen", "input": {"topic": "candles"}});
    service.post("/v1/runs/start").header("idempotency-key", key).json(&body).try_send().unwrap()
}

#[track_caller]
fn is_refused(answer: Answer) {
    assert_eq!(answer.header("retry-after"), Some("60"));
    let problem = answer.expect(503).json();
    assert_eq!((&problem["code"], &problem["reason"]), (&json!("draining"), &json!("upgrade")));
    assert!(problem["detail"].as_str().unwrap().ends_with(": upgrade"), "{problem}");
}

#[test]
fn nothing_new_starts_and_what_is_in_flight_goes_on() {
    let (_stack, service) = fresh(Mode::Mock);
    let (waiting, working) = (Run::start_at(&service, "test_video_gen"), Run::start_at(&service, "test_video_gen"));
    let status = switch(&service, true);
    assert_eq!((&status["on"], &status["actor"]), (&json!(true), &json!("ann")));

    is_refused(start(&service, "k"));
    let chat = |message: &str| {
        service.post("/v1/chat/brendan").json(&json!({"user_id": "u", "message": message})).try_send().unwrap()
    };
    is_refused(chat("Make a Test Video Gen run about candles"));
    is_refused(chat("how are my runs?"));
    assert_eq!(service.database().count("SELECT FROM runs", &[]), 2);
    assert_eq!(service.database().count("SELECT FROM chat_messages WHERE role = 'user'", &[]), 0);
    assert_eq!(service.database().count("SELECT FROM idempotency_keys", &[]), 0, "no key is burnt");

    let health = service.call("GET", "/health").send().expect(200).json();
    assert_eq!(health["drain"], json!({"on": true}), "strangers learn neither why nor by whom");
    let metrics = service.call("GET", "/metrics").send().expect(200).text();
    assert!(metrics.contains("\ndrain_active 1\n"), "{metrics}");

    // Reads, gates, webhooks, the dispatcher and the sweep go on.
    let working = working.published();
    let copy = json!({"type": "serve", "action": "copy", "id": unique("copy")});
    service.call("POST", "/v1/webhooks/shotstack").json(&copy).send().expect(200);
    service.sweep();
    assert_eq!(service.get(&format!("/v1/runs/{}", working.id)).send().expect(200).json()["status"], "published");
    let status = eventually("nothing is at work", || {
        let status = service.get("/admin/drain").send().expect(200).json();
        (status["at_work"] == false).then_some(status)
    });
    assert_eq!(status["left"]["runs"], json!({"pending_workflow": 1}));
    assert_eq!(
        status["summary"],
        "nothing is running; 1 run waits for people and survives a restart; it is safe to stop"
    );

    let off = switch(&service, false);
    assert_eq!((&off["on"], &off["reason"]), (&json!(false), &Value::Null));
    start(&service, "k").expect(200);
    chat("hello").expect(200);
    waiting.published();
}

#[test]
fn who_changes_a_message_hears_what_became_of_its_run() {
    let (_stack, service) = fresh(Mode::Sim);
    let simulator = crate::support::simulator::Simulator::of(&service);
    let ann = json!({"name": unique("ann"), "role": "approver", "telegram": "1234567"});
    service.post("/v1/principals").json(&ann).send().expect(201);
    let say = |more: Value| {
        let mut words = json!({"chat_id": 1_234_567, "from": 1_234_567, "message_id": 7});
        words.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        simulator.say(&words)["body"].clone()
    };
    say(json!({"text": "Make a Test Video Gen run about candles"}));
    switch(&service, true);
    let answer = say(json!({"text": "Make a Test Video Gen run about lanterns", "edit_date": 10}));
    assert!(answer["error"].as_str().unwrap().contains("draining"), "{answer}");
    let said = simulator.messages(Some("1234567"));
    let is_told = |message: &Value| {
        let text = message["body"]["text"].as_str().unwrap_or_default();
        text.starts_with("You changed your message, so run ") && text.ends_with("Try again later.")
    };
    assert!(said.iter().any(is_told), "{said:?}");
}

#[test]
fn what_is_left_is_counted_while_providers_work() {
    let (_stack, service) = fresh(Mode::Sim);
    crate::support::simulator::Simulator::of(&service).latency(json!({"kieai_ms": 600_000}));
    let run = Run::start_at(&service, "test_video_gen").approved("workflow").approved("ideate");
    eventually("both clips are submitted", || {
        let submitted = run.jobs("generate").iter().filter(|job| job["state"] == "submitted").count();
        (submitted == 2).then_some(())
    });
    switch(&service, true);
    let status = service.get("/admin/drain").send().expect(200).json();
    assert_eq!((&status["at_work"], &status["left"]["runs"]), (&json!(true), &json!({"running": 1})));
    assert_eq!(status["left"]["jobs"], json!({"submitted": 2}));
    let effects = &status["left"]["effects"];
    assert_eq!(effects["due"].as_u64().unwrap() + effects["leased"].as_u64().unwrap(), 2, "{status}");
    assert!(status["summary"].as_str().unwrap().starts_with("running: 1 run,"), "{status}");
}

#[test]
fn no_run_starts_behind_the_switch() {
    let (_stack, service) = fresh(Mode::Mock);
    let count = || service.database().count("SELECT FROM runs", &[]);
    std::thread::scope(|scope| {
        let starters: Vec<_> = (0..8)
            .map(|starter| {
                let service = &service;
                scope.spawn(move || {
                    // Starts until it is refused.
                    let mut started = 0;
                    while start(service, &format!("{starter}-{started}")).status == 200 {
                        started += 1;
                    }
                    started
                })
            })
            .collect();
        eventually("runs start", || (count() >= 8).then_some(()));
        switch(&service, true);
        let behind = count();
        let started: usize = starters.into_iter().map(|starter| starter.join().unwrap()).sum();
        assert_eq!(count(), behind, "no run started after the switch had answered");
        assert_eq!(started, behind, "every start that was answered is there");
    });
}

#[test]
fn a_switch_without_a_direction_is_refused_and_changes_nothing() {
    let (_stack, service) = fresh(Mode::Mock);
    for body in [json!({}), json!({"on": null}), json!({"on": 1}), json!({"on": "yes"})] {
        service.post("/admin/drain").json(&body).send().expect_invalid("#/on");
    }
    service
        .post("/admin/drain")
        .json(&json!({"on": true, "reason": "x".repeat(501)}))
        .send()
        .expect_invalid("#/reason");
    assert_eq!(service.get("/admin/drain").send().expect(200).json()["on"], false);
}

#[test]
fn the_command_switches_and_waits_until_nothing_is_at_work() {
    let (stack, service) = fresh(Mode::Sim);
    let mw = |arguments: &[&str]| {
        let mut command = Command::new(mw_stack::prerequisites::own_program("mw").unwrap());
        let output = command.args(arguments).envs(environment(&stack)).env("MWPY_SKIP_DOTENV", "1").output().unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        (output.status.code().unwrap(), text)
    };
    let simulator = crate::support::simulator::Simulator::of(&service);
    simulator.latency(json!({"kieai_ms": 600_000}));
    let run = Run::start_at(&service, "test_video_gen").approved("workflow").approved("ideate");
    let (code, text) = mw(&["drain", "on", "--reason", "upgrade", "--actor", "ann"]);
    assert!(code == 0 && text.starts_with("drain on since ") && text.contains("by ann: upgrade"), "{text}");
    let (code, text) = mw(&["drain", "status", "--wait", "--timeout", "0"]);
    assert!(code == 1 && text.contains("1 running") && text.contains("still running"), "{text}");
    assert_eq!(mw(&["drain", "status"]).0, 0);
    service.post(&format!("/v1/runs/{}/cancel", run.id)).send().expect(200);
    let (code, text) = mw(&["drain", "status", "--wait", "--timeout", "30", "--poll-interval", "0.1"]);
    assert!(code == 0 && text.contains("it is safe to stop"), "{text}");
    let (code, text) = mw(&["drain", "off"]);
    assert!(code == 0 && text.starts_with("drain off since "), "{text}");
}
