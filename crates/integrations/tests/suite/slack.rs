//! Slack: what is sent, what its errors mean, and what a signature proves.

use crate::common::*;
use http::HeaderMap;
use mw_integrations::post::{self, Buttons, Post};
use mw_integrations::slack::{MESSENGER, Press, Reply, Told, event, is_from_slack, parse, respond};
use mw_integrations::{Fault, FaultClass, Settings};
use mw_media::notification::Message;
use serde_json::{Value, json};

fn workspace() -> Settings {
    Settings { base_url: "https://slack.example/api".into(), api_key: "xoxb-0123456789".into() }
}

fn sent(client: &Client) -> Result<(), Fault> {
    let message = Message { title: "Publish?".into(), text: "<!channel> & more".into(), asked: None };
    let buttons = Buttons { approve: "a1.x".into(), reject: "r1.y".into() };
    let post = Post { message: &message, link: Some("https://x.example/l"), buttons: Some(&buttons) };
    now(post::send(client, &MESSENGER, &workspace(), "C123", &post))
}

#[test]
fn a_message_is_escaped_and_has_its_buttons_and_link() {
    let client = Client::json(200, json!({"ok": true, "ts": "1.2"}));
    assert_eq!(sent(&client), Ok(()));
    let request = client.request();
    assert_eq!(request.uri(), "https://slack.example/api/chat.postMessage");
    assert_eq!(request.headers()["authorization"], "Bearer xoxb-0123456789");
    assert!(request.headers()["authorization"].is_sensitive());
    let body = client.request_body();
    assert_eq!(body["channel"], "C123");
    assert_eq!(body["blocks"][0]["text"]["text"], "*Publish?*\n&lt;!channel&gt; &amp; more");
    assert_eq!(body["text"], "Publish?\n&lt;!channel&gt; &amp; more");
    let elements = body["blocks"][1]["elements"].as_array().unwrap();
    let (approve, reject, look) = (&elements[0], &elements[1], &elements[2]);
    assert_eq!((&approve["value"], &approve["action_id"]), (&json!("a1.x"), &json!("approve")));
    assert_eq!((&reject["value"], &look["url"]), (&json!("r1.y"), &json!("https://x.example/l")));
}

#[test]
fn a_long_notice_is_divided_into_sections_that_fit() {
    let text = "One sentence & another. ".repeat(900);
    let message = Message { title: "<".repeat(600), text, asked: None };
    let buttons = Buttons { approve: "a1.x".into(), reject: "r1.y".into() };
    let post = Post { message: &message, link: None, buttons: Some(&buttons) };
    let client = Client::json(200, json!({"ok": true}));
    now(post::send(&client, &MESSENGER, &workspace(), "C123", &post)).unwrap();
    let body = client.request_body();
    let blocks = body["blocks"].as_array().unwrap();
    let sections: Vec<&str> = blocks.iter().filter_map(|block| block["text"]["text"].as_str()).collect();
    assert_eq!((sections.len(), &blocks[5]["type"]), (5, &json!("actions")));
    for section in &sections {
        assert!(section.encode_utf16().count() <= 3000 && section.ends_with(['.', '…']), "{section}");
        assert_eq!(section.matches('&').count(), section.matches(';').count(), "no entity is divided");
    }
}

#[test]
fn an_event_challenges_or_moves_a_channel() {
    let challenge = json!({"type": "url_verification", "token": "t", "challenge": "c3"});
    assert_eq!(event(&challenge), Some(Told::Challenge("c3".into())));
    let told = |event: Value| json!({"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": event});
    let moved = json!({"type": "channel_id_changed", "old_channel_id": "G012Y48650T", "new_channel_id": "C012Y48650T",
        "event_ts": "1612206778.000000"});
    let expected = Told::Moved { from: "G012Y48650T".into(), to: "C012Y48650T".into() };
    assert_eq!(event(&told(moved.clone())), Some(expected));
    for (name, odd) in [("type", "channel_rename"), ("new_channel_id", "U012Y48650T"), ("old_channel_id", "general")] {
        let mut other = moved.clone();
        other[name] = json!(odd);
        assert_eq!(event(&told(other)), None, "{name}");
    }
}

#[test]
fn errors_come_with_http_200_too() {
    let told = |answer| sent(&Client::answering([answer])).unwrap_err();
    let gone = told(answer(200, json!({"ok": false, "error": "channel_not_found"})));
    assert_eq!((gone.class, gone.code.as_str()), (FaultClass::Final, "channel_not_found"));
    let limited = with_header(answer(200, json!({"ok": false, "error": "ratelimited"})), "retry-after", "30");
    let limited = told(limited);
    assert_eq!((limited.class, limited.retry_after_seconds), (FaultClass::RateLimited, Some(30)));
    let limited = told(with_header(answer(429, json!({"ok": false, "error": "ratelimited"})), "retry-after", "9"));
    assert_eq!((limited.class, limited.retry_after_seconds), (FaultClass::RateLimited, Some(9)));
    assert_eq!(told(answer(200, json!({"ok": false, "error": "fatal_error"}))).class, FaultClass::Unavailable);
    assert_eq!(told(answer(503, json!({}))).class, FaultClass::Unavailable);
    assert_eq!(told(text(200, "<html>")).class, FaultClass::Retryable);
    let echo = told(answer(200, json!({"ok": false, "error": "bad xoxb-0123456789"})));
    assert!(!echo.to_string().contains("0123456789"), "{echo}");
}

#[test]
fn a_press_is_answered_in_place_or_aside_and_the_url_is_told_nobody() {
    let url = "https://hooks.example/actions/T/1/secret-of-the-press";
    let client = Client::answering([text(200, "ok"), text(200, "ok"), text(404, "expired_url")]);
    now(respond(&client, url, &Reply::Instead("ann <approved>".into()))).unwrap();
    let body = client.request_body();
    assert_eq!((&body["replace_original"], &body["text"]), (&json!(true), &json!("ann &lt;approved&gt;")));
    assert_eq!(body["blocks"].as_array().unwrap().len(), 1, "without its buttons");
    now(respond(&client, url, &Reply::Aside("no".into()))).unwrap();
    assert_eq!(client.request_body()["response_type"], "ephemeral");
    let gone = now(respond(&client, url, &Reply::Aside("no".into()))).unwrap_err();
    assert!(gone.is_final() && !gone.to_string().contains("secret-of-the-press"), "{gone}");
}

/// The vector that Slack publishes.
const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const TIME: &str = "1531420618";
const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&\
    channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&\
    response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&\
    trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

fn headers(time: &str, signature: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-slack-request-timestamp", time.parse().unwrap());
    headers.insert("x-slack-signature", signature.parse().unwrap());
    headers
}

#[test]
fn the_published_vector_is_valid_for_five_minutes_and_nothing_else_is() {
    let at: u64 = TIME.parse().unwrap();
    let check =
        |headers: &HeaderMap, body: &str, secrets: &[&str], now| is_from_slack(headers, body.as_bytes(), secrets, now);
    let good = headers(TIME, SIGNATURE);
    assert!(check(&good, BODY, &[SECRET], at));
    assert!(check(&good, BODY, &["the-new-one", SECRET], at + 300));
    assert!(!check(&good, BODY, &[SECRET], at + 301) && !check(&good, BODY, &[SECRET], at - 301));
    assert!(!check(&good, &BODY.replace("roadrunner", "coyote"), &[SECRET], at));
    assert!(!check(&good, BODY, &["other"], at) && !check(&good, BODY, &["", " "], at) && !check(&good, BODY, &[], at));
    assert!(!check(&headers("1531420619", SIGNATURE), BODY, &[SECRET], at), "the time is signed");
    for odd in [&SIGNATURE[3..], &SIGNATURE.to_uppercase(), "v0="] {
        assert!(!check(&headers(TIME, odd), BODY, &[SECRET], at), "{odd}");
    }
    assert!(!check(&HeaderMap::new(), BODY, &[SECRET], at));
}

#[test]
fn presses_are_read_and_other_interactions_are_none() {
    let payload = json!({
        "type": "block_actions", "user": {"id": "U1"}, "channel": {"id": "C1"}, "response_url": "https://h/x",
        "actions": [{"action_id": "approve", "value": "a1.x"}],
    });
    let press = Press {
        user: "U1".into(),
        channel: Some("C1".into()),
        value: "a1.x".into(),
        response_url: Some("https://h/x".into()),
    };
    assert_eq!(parse(&payload), Some(press));
    let without = |name: &str| {
        let mut payload = payload.clone();
        payload.as_object_mut().unwrap().remove(name);
        payload
    };
    for nothing in
        [without("type"), without("user"), without("actions"), json!({"type": "view_submission"}), Value::Null]
    {
        assert_eq!(parse(&nothing), None, "{nothing}");
    }
    let look = json!({"type": "block_actions", "user": {"id": "U1"}, "actions": [{"action_id": "look"}]});
    assert_eq!(parse(&look), None);
}
