//! Telegram: what is sent, what its errors mean, and what is believed of an update.

use crate::common::*;
use http::HeaderMap;
use mw_integrations::post::{self, Buttons, Post};
use mw_integrations::telegram::{
    Incoming, MESSENGER, Place, Update, Version, answer_press, is_chat_id, is_from_telegram, is_person_id, parse, say,
    take_buttons_off,
};
use mw_integrations::{Fault, FaultClass, Settings, TransportError};
use mw_media::notification::Message;
use proptest::prelude::*;
use serde_json::{Value, json};

fn at(chat_id: &str) -> Place<'_> {
    Place { chat_id, topic: None }
}

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
    assert_eq!(now(say(&client, &bot(), at("5"), "<b>A & B")), Ok(None));
    let body = client.request_body();
    let plain = json!({"chat_id": 5, "text": "<b>A & B", "disable_web_page_preview": true});
    assert_eq!(body, plain);
    let client = Client::json(200, json!({"ok": true}));
    now(say(&client, &bot(), Place { chat_id: "5", topic: Some(77) }, "hello")).unwrap();
    assert_eq!(client.request_body()["message_thread_id"], 77, "in its topic");
}

#[test]
fn a_long_answer_goes_in_messages_that_end_at_sense() {
    let paragraph = format!("{}end.", "😀 words of it. ".repeat(200));
    let text = [&*paragraph, &paragraph, &paragraph].join("\n\n");
    let client = Client::answering((0..3).map(|_| answer(200, json!({"ok": true}))));
    now(say(&client, &bot(), at("5"), &text)).unwrap();
    let sent = client.request_bodies();
    assert_eq!(sent.iter().map(|body| body["text"].as_str().unwrap()).collect::<Vec<_>>(), [&paragraph; 3]);
    assert!(sent.iter().all(|body| body["text"].as_str().unwrap().encode_utf16().count() <= 4096));
}

#[test]
fn an_answer_has_an_end_and_says_that_more_is_left_out() {
    let client = Client::answering((0..10).map(|_| answer(200, json!({"ok": true}))));
    now(say(&client, &bot(), at("5"), &"x".repeat(50_000))).unwrap();
    let sent = client.request_bodies();
    let last = sent[9]["text"].as_str().unwrap();
    assert!(sent.len() == 10 && last.ends_with(" …") && last.encode_utf16().count() <= 4096);
}

#[test]
fn a_long_notice_stays_one_message_with_its_buttons() {
    let client = Client::json(200, json!({"ok": true}));
    let message = Message { title: "<".repeat(600), text: "& so on. ".repeat(2000), asked: None };
    let buttons = Buttons { approve: "a1.x".into(), reject: "r1.y".into() };
    let post = Post { message: &message, link: Some("https://x.example/"), buttons: Some(&buttons) };
    now(post::send(&client, &MESSENGER, &bot(), "5", &post)).unwrap();
    let text = client.request_body()["text"].as_str().unwrap().to_owned();
    let read = text.replace("&amp;", "&").replace("&lt;", "<");
    assert!(
        read.encode_utf16().count() <= 4096 && text.contains("so on. …\n<a href") && !text.contains("& "),
        "{text}"
    );
}

const UPGRADED: &str = "Bad Request: group chat was upgraded to a supergroup chat";

fn upgraded() -> Value {
    json!({"ok": false, "error_code": 400, "description": UPGRADED, "parameters": {"migrate_to_chat_id": -1_001_557_912_345_i64}})
}

#[test]
fn a_group_that_moved_hears_the_answer_where_it_is_now() {
    let fine = || answer(200, json!({"ok": true}));
    let client = Client::answering([answer(400, upgraded()), fine(), fine()]);
    let text = format!("{}\n\n{}", "a".repeat(4000), "b".repeat(4000));
    assert_eq!(now(say(&client, &bot(), at("-5"), &text)), Ok(Some("-1001557912345".into())));
    let chats: Vec<Value> = client.request_bodies().into_iter().map(|body| body["chat_id"].clone()).collect();
    assert_eq!(chats, [json!(-5), json!(-1_001_557_912_345_i64), json!(-1_001_557_912_345_i64)]);
}

#[test]
fn a_notice_to_a_group_that_moved_says_where_and_is_sent_again() {
    let fault = sent(&Client::json(400, upgraded())).unwrap_err();
    assert_eq!((fault.moved_to.as_deref(), fault.class), (Some("-1001557912345"), FaultClass::Retryable));
}

#[test]
fn a_press_that_was_overtaken_is_no_fault() {
    let refused = |text: &str| Client::json(400, json!({"ok": false, "error_code": 400, "description": text}));
    for text in [
        "Bad Request: message is not modified: specified new message content and reply markup are exactly the same",
        "Bad Request: message to edit not found",
        "Bad Request: message can't be edited",
    ] {
        assert_eq!(now(take_buttons_off(&refused(text), &bot(), "5", 9)), Ok(()), "{text}");
        assert!(now(answer_press(&refused(text), &bot(), "q", "x", true)).is_err(), "{text}");
    }
    let old = refused("Bad Request: query is too old and response timeout expired or query ID is invalid");
    assert_eq!(now(answer_press(&old, &bot(), "q", "x", true)), Ok(()));
    assert!(now(take_buttons_off(&refused("Bad Request: chat not found"), &bot(), "5", 9)).is_err());
}

#[test]
fn a_group_says_in_both_chats_that_it_moved() {
    let moved = Incoming::Moved { from: -5, to: -1005 };
    let update = |chat: i64, member: &str, other: i64| {
        parse(&json!({"update_id": 7, "message": {"message_id": 1, "date": 5, "from": {"id": 1_087_968_824},
            "sender_chat": {"id": chat}, "chat": {"id": chat}, member: other}}))
    };
    assert_eq!(update(-5, "migrate_to_chat_id", -1005).unwrap().incoming, moved);
    assert_eq!(update(-1005, "migrate_from_chat_id", -5).unwrap().incoming, moved);
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
    let message = json!({"message_id": 3, "date": 70, "chat": {"id": 5}, "from": {"id": 6}, "text": "hello"});
    let version = |said_at: i64, changes: Option<i64>| {
        let version = Version { message_id: Some(3), said_at, changes };
        Incoming::Message { chat_id: 5, topic: None, from: Some(6), text: "hello".into(), version }
    };
    let (written, changed) = (|said_at| version(said_at, None), |said_at| version(said_at, Some(70)));
    let update = |key: &str, incoming| Some(Update { key: key.into(), incoming });
    assert_eq!(parse(&json!({"update_id": 9, "message": message})), update("9", written(70)));
    assert_eq!(parse(&json!({"message": message})), update("message:5:3", written(70)));
    let mut edited = message.clone();
    edited["edit_date"] = json!(80);
    assert_eq!(parse(&json!({"update_id": 9, "edited_message": edited})), update("9", changed(80)));
    assert_eq!(parse(&json!({"edited_message": edited})), update("edited:80:5:3", changed(80)));
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
fn a_topic_is_known_and_a_caption_is_text() {
    let read = |more: Value| {
        let mut message = json!({"message_id": 3, "chat": {"id": -5}, "from": {"id": 6}, "message_thread_id": 77});
        message.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        match parse(&json!({"update_id": 9, "message": message}))?.incoming {
            Incoming::Message { topic, text, .. } => Some((topic, text)),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(read(json!({"text": "x", "is_topic_message": true})), Some((Some(77), "x".to_owned())));
    assert_eq!(read(json!({"text": "x"})), Some((None, "x".to_owned())), "a thread of answers is no topic");
    assert_eq!(read(json!({"photo": [], "caption": "cats"})), Some((None, "cats".to_owned())));
    assert_eq!(read(json!({"photo": []})), None);
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
        prop_assert!(now(say(&client, &bot(), at(&text), &text)).is_ok());
    }
}
