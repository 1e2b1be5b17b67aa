//! Telegram and Slack: what a bot may send, and what people do with it.

use mw_integrations::post::{self, Buttons, Post};
use mw_integrations::{Settings, slack, telegram};
use mw_media::notification::Message;
use serde_json::{Value, json};

use crate::common::*;

fn message() -> Message {
    Message { title: "Publish?".into(), text: "run 1".into(), asked: None }
}

fn buttons() -> Buttons {
    Buttons { approve: "a1.x".into(), reject: "r1.y".into() }
}

fn place(chat_id: &str, topic: Option<i64>) -> telegram::Place<'_> {
    telegram::Place { chat_id, topic }
}

fn settings(sim: &Sim, path: &str) -> Settings {
    Settings { base_url: format!("{}{path}", sim.url), api_key: "12:token".into() }
}

fn sent(sim: &Sim, address: &str) -> Vec<Value> {
    sim.get(&format!("/_sim/messages?address={address}")).1["messages"].as_array().unwrap().clone()
}

#[test]
fn what_a_bot_sends_is_kept_in_its_order() {
    let sim = Sim::start();
    let (bot, buttons) = (settings(&sim, "/telegram"), buttons());
    let post = Post { message: &message(), link: None, buttons: Some(&buttons) };
    sim.run(post::send(&sim.client, &telegram::MESSENGER, &bot, "-100", &post)).unwrap();
    sim.run(telegram::take_buttons_off(&sim.client, &bot, "-100", 1)).unwrap();
    sim.run(post::send(&sim.client, &slack::MESSENGER, &settings(&sim, "/slack/api"), "C01", &post)).unwrap();
    let methods: Vec<Value> = sent(&sim, "-100").into_iter().map(|message| message["method"].clone()).collect();
    assert_eq!(methods, ["sendMessage", "editMessageReplyMarkup"]);
    assert_eq!(sent(&sim, "C01").len(), 1);
    assert_eq!(sim.state()["counts"]["telegram"]["creates"], 2);
}

#[test]
fn what_telegram_would_refuse_is_refused() {
    let sim = Sim::start();
    let bot = settings(&sim, "/telegram");
    let long = Buttons { approve: "a".repeat(65), reject: "r".into() };
    let post = Post { message: &message(), link: None, buttons: Some(&long) };
    let refused = sim.run(post::send(&sim.client, &telegram::MESSENGER, &bot, "5", &post)).unwrap_err();
    assert!(refused.is_final() && refused.message.contains("BUTTON_DATA_INVALID"), "{refused}");
    assert!(sim.run(telegram::say(&sim.client, &bot, place("5", None), " ")).unwrap_err().is_final());
    assert!(sim.run(telegram::set_webhook(&sim.client, &bot, "https://x", "no spaces")).unwrap_err().is_final());
    assert_eq!(sim.post("/telegram/bot12:token/getMe", json!({})).0, 404);
    assert_eq!(sim.state()["counts"]["telegram"]["refusals"], 4);
}

#[test]
fn limits_and_refusals_come_in_each_messengers_words() {
    let sim = Sim::start();
    for provider in ["telegram", "slack"] {
        sim.control(
            "faults",
            json!({"provider": provider, "fault": "status_429", "retry_after_seconds": 7, "times": 1}),
        );
        sim.control("faults", json!({"provider": provider, "fault": "message_refused", "times": 1}));
    }
    let post = Post { message: &message(), link: None, buttons: None };
    let (bot, workspace) = (settings(&sim, "/telegram"), settings(&sim, "/slack/api"));
    let told = |first: bool| {
        let telegram = sim.run(post::send(&sim.client, &telegram::MESSENGER, &bot, "5", &post)).unwrap_err();
        let slack = sim.run(post::send(&sim.client, &slack::MESSENGER, &workspace, "C01", &post)).unwrap_err();
        if first {
            [telegram.retry_after_seconds, slack.retry_after_seconds]
        } else {
            [telegram.is_final().then_some(0), slack.is_final().then_some(0)]
        }
    };
    assert_eq!(told(true), [Some(7), Some(7)]);
    assert_eq!(told(false), [Some(0), Some(0)]);
}

#[test]
fn an_upgraded_group_is_refused_with_its_new_id() {
    let sim = Sim::start();
    let bot = settings(&sim, "/telegram");
    sim.control("upgrade", json!({"chat_id": -5, "to": -1005, "silent": true}));
    let post = Post { message: &message(), link: None, buttons: None };
    let refused = sim.run(post::send(&sim.client, &telegram::MESSENGER, &bot, "-5", &post)).unwrap_err();
    assert_eq!(refused.moved_to.as_deref(), Some("-1005"), "{refused}");
    assert_eq!(
        sim.run(telegram::say(&sim.client, &bot, place("-5", Some(77)), "hello")).unwrap().as_deref(),
        Some("-1005")
    );
    assert_eq!(sent(&sim, "-1005").len(), 1);
}

#[test]
fn buttons_that_are_gone_are_not_taken_off_again() {
    let sim = Sim::start();
    let body = json!({"chat_id": 5, "message_id": 1, "reply_markup": {"inline_keyboard": []}});
    let edit = || sim.post("/telegram/bot12:token/editMessageReplyMarkup", body.clone());
    assert_eq!(edit().0, 200);
    let (status, again) = edit();
    assert_eq!(status, 400);
    assert!(again["description"].as_str().unwrap().starts_with("Bad Request: message is not modified"), "{again}");
}

#[test]
fn slack_takes_no_text_over_its_limits() {
    let sim = Sim::start();
    let section = |length: usize| json!({"type": "section", "text": {"type": "mrkdwn", "text": "x".repeat(length)}});
    let refused = |text: usize, blocks: Value| {
        let body = json!({"channel": "C01", "text": "x".repeat(text), "blocks": blocks});
        let post =
            http::Request::post(format!("{}/slack/api/chat.postMessage", sim.url)).header("authorization", "Bearer k");
        let post = post.header("content-type", "application/json").body(body.to_string().into_bytes()).unwrap();
        sim.call(post).1["error"].clone()
    };
    assert_eq!(refused(5, json!([section(3000)])), Value::Null);
    assert_eq!(refused(5, json!([section(3001)])), "invalid_blocks");
    assert_eq!(refused(5, Value::from(vec![section(1); 51])), "invalid_blocks");
    assert_eq!(refused(40_001, json!([])), "msg_too_long");
}

#[test]
fn nobody_presses_a_button_that_is_not_there() {
    let sim = Sim::start();
    let press = json!({"provider": "telegram", "address": "5", "button": "Approve", "from": "6"});
    assert_eq!(sim.post("/_sim/press", press).0, 400);
    assert_eq!(sim.post("/_sim/say", json!({"chat_id": 5, "from": 6, "text": "hi"})).0, 400, "no webhook is set");
}
