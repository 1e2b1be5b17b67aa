//! Telegram: what is sent, what its errors mean, and what is believed of an update.

use crate::common::*;
use http::HeaderMap;
use mw_integrations::post::{self, Buttons, Post};
use mw_integrations::telegram::{
    Incoming, MESSENGER, Update, answer_press, is_chat_id, is_from_telegram, is_person_id, parse, say, take_buttons_off,
};
use mw_integrations::{Fault, FaultClass, Settings, TransportError};
use mw_media::notification::Message;
use proptest::prelude::*;
use serde_json::{Value, json};

fn bot() -> Settings {
    Settings { base_url: "https://telegram.example/".into(), api_key: "12:token-of-the-bot".into() }
}

fn message() -> Message {
    Message { title: "Make <these> clips?".into(), text: "A & B\n<script>".into(), asked: None }
}

fn sent(client: &Client) -> Result<(), Fault> {
    let buttons = Buttons { approve: "a1.x".into(), reject: "r1.y".into() };
    let post = Post { message: &message(), link: Some("https://x.example/?a=1&b=\""), buttons: Some(&buttons) };
    now(post::send(client, &MESSENGER, &bot(), "-100123", &post))
}

#[test]
fn a_message_is_escaped_and_has_its_buttons_and_link() {
    let client = Client::json(200, json!({"ok": true, "result": {"message_id": 7}}));
    assert_eq!(sent(&client), Ok(()));
    assert_eq!(client.request().uri(), "https://telegram.example/bot12:token-of-the-bot/sendMessage");
    let body = client.request_body();
    assert_eq!((&body["chat_id"], &body["parse_mode"]), (&json!(-100_123), &json!("HTML")));
    assert_eq!(
        body["text"],
        "<b>Make &lt;these&gt; clips?</b>\nA &amp; B\n&lt;script&gt;\n\
         <a href=\"https://x.example/?a=1&amp;b=&quot;\">Look and decide</a>"
    );
    let row = &body["reply_markup"]["inline_keyboard"][0];
    assert_eq!((&row[0]["callback_data"], &row[1]["text"]), (&json!("a1.x"), &json!("Reject")));
}

#[test]
fn plain_words_go_as_they_are_and_fit() {
    let client = Client::json(200, json!({"ok": true}));
    let long = format!("<b>{}", "😀".repeat(4000));
    now(say(&client, &bot(), "5", &long)).unwrap();
    let body = client.request_body();
    assert_eq!((&body["chat_id"], &body["disable_web_page_preview"]), (&json!(5), &json!(true)));
    assert_eq!(body.get("parse_mode"), None);
    let text = body["text"].as_str().unwrap();
    assert!(text.starts_with("<b>") && text.encode_utf16().count() <= 4096);
}

#[test]
fn a_press_is_answered_and_the_buttons_go() {
    let client = Client::answering([answer(200, json!({"ok": true})), answer(200, json!({"ok": true}))]);
    now(answer_press(&client, &bot(), "q1", &"x".repeat(300), true)).unwrap();
    let body = client.request_body();
    assert_eq!((body["text"].as_str().unwrap().len(), &body["show_alert"]), (200, &json!(true)));
    now(take_buttons_off(&client, &bot(), "5", 9)).unwrap();
    let gone = json!({"chat_id": 5, "message_id": 9, "reply_markup": {"inline_keyboard": []}});
    assert_eq!(client.request_body(), gone);
}

#[test]
fn errors_say_whether_to_try_again_and_never_quote_the_token() {
    let told = |status: u16, body: Value| sent(&Client::json(status, body)).unwrap_err();
    let slow = told(
        429,
        json!({"ok": false, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 7}}),
    );
    assert_eq!((slow.class, slow.retry_after_seconds), (FaultClass::RateLimited, Some(7)));
    let blocked = told(403, json!({"ok": false, "error_code": 403, "description": "Forbidden: bot was blocked"}));
    assert_eq!((blocked.is_final(), blocked.message.as_str()), (true, "Forbidden: bot was blocked"));
    let echo = told(400, json!({"ok": false, "error_code": 400, "description": "bot12:token-of-the-bot/x"}));
    assert!(!echo.to_string().contains("token-of-the-bot"), "{echo}");
    assert_eq!(told(502, json!({"ok": false})).class, FaultClass::Unavailable);
    assert_eq!(told(200, json!({"fine": 1})).class, FaultClass::Retryable);
    assert_eq!(told(200, json!({"ok": false, "error_code": 400})).class, FaultClass::Final);
    let away = TransportError::NotSent("https://telegram.example/bot12:token-of-the-bot/sendMessage refused".into());
    let away = sent(&Client::answering([Err(away)])).unwrap_err();
    assert_eq!(away.class, FaultClass::Unavailable);
    assert!(!away.to_string().contains("token-of-the-bot"), "{away}");
}

#[test]
fn only_the_webhooks_secret_opens() {
    let headers = |value: &str| {
        let mut headers = HeaderMap::new();
        headers.insert("x-telegram-bot-api-secret-token", value.parse().unwrap());
        headers
    };
    assert!(is_from_telegram(&headers("new"), &["new", "old"]));
    assert!(is_from_telegram(&headers("old"), &["new", "old"]));
    for wrong in ["", "ne", "newx", "NEW"] {
        assert!(!is_from_telegram(&headers(wrong), &["new", "old"]), "{wrong}");
    }
    assert!(!is_from_telegram(&HeaderMap::new(), &["new"]));
    assert!(!is_from_telegram(&headers(""), &["", " "]), "without a secret nobody gets in");
}

#[test]
fn updates_are_read_and_have_one_key() {
    let message = json!({"message_id": 3, "chat": {"id": 5}, "from": {"id": 6}, "text": "hello"});
    let incoming = Incoming::Message { chat_id: 5, from: Some(6), text: "hello".into() };
    let update = |key: &str, incoming| Some(Update { key: key.into(), incoming });
    assert_eq!(parse(&json!({"update_id": 9, "message": message})), update("9", incoming.clone()));
    assert_eq!(parse(&json!({"update_id": 9, "edited_message": message})), update("9", incoming.clone()));
    assert_eq!(parse(&json!({"message": message})), update("message:5:3", incoming));
    let query = json!({"id": "q", "from": {"id": 6}, "data": "a1.x", "message": {"message_id": 3, "chat": {"id": 5}}});
    let press =
        Incoming::Press { query_id: "q".into(), from: 6, chat_id: Some(5), message_id: Some(3), data: "a1.x".into() };
    assert_eq!(parse(&json!({"update_id": 10, "callback_query": query})), update("10", press));
    for nothing in [
        json!({}),
        json!({"update_id": 1, "message": {"chat": {"id": 5}, "message_id": 2}}),
        json!({"update_id": 1, "message": {"text": "x"}}),
        json!({"update_id": 1, "callback_query": {"id": "q", "from": {"id": 6}}}),
        json!({"message": {"chat": {"id": 5}, "text": "x"}}),
        json!({"update_id": 1, "message": {"chat": {"id": -5}, "from": {"id": 6}, "sender_chat": {"id": -7}, "text": "x"}}),
        json!({"update_id": 1, "message": {"chat": {"id": -5}, "from": {"id": 1_087_968_824}, "text": "x"}}),
        json!({"update_id": 1, "message": {"chat": {"id": -5}, "from": {"id": 136_817_688}, "text": "x"}}),
        json!({"update_id": 1, "edited_message": {"chat": {"id": -5}, "from": {"id": 777_000}, "text": "x"}}),
        json!([1]),
    ] {
        assert_eq!(parse(&nothing), None, "{nothing}");
    }
}

#[test]
fn a_chat_has_one_id_and_a_person_is_no_group() {
    for (text, is_chat, is_one) in [
        ("5", true, true),
        ("-1001234567890", true, false),
        ("9223372036854775807", true, true),
        ("1087968824", true, false),
        ("777000", true, false),
        ("05", false, false),
        ("+5", false, false),
        ("-05", false, false),
        ("-0", false, false),
        ("0", false, false),
        ("5 ", false, false),
        ("\u{665}", false, false),
        ("9223372036854775808", false, false),
        ("@channel", false, false),
        ("", false, false),
    ] {
        assert_eq!((is_chat_id(text), is_person_id(text)), (is_chat, is_one), "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_is_too_much(text in "\\PC{0,300}") {
        let client = Client::json(200, json!({"ok": true}));
        prop_assert!(now(say(&client, &bot(), &text, &text)).is_ok());
    }
}
