//! What Telegram and Slack bring. Only what was signed is theirs; ids and texts come out as they went in.

use crate::message::Message;
use crate::{Seen, edge, storable};
use mw_integrations::{slack as chat, telegram as bot};
use mw_media::button::{self, Press};
use serde_json::{Value, json};

/// The time of the signed seeds.
const NOW: u64 = 1_787_567_409;
const SLACK_SECRET: &str = "a-long-slack-secret";
const TELEGRAM_SECRET: &str = "a-long-telegram-secret";
const SLACK_SIGNATURES: [&str; 3] = [
    "v0=b5f7aabda8f7a224f3629057715cfd5ae064d627722158ae0e99d4d8a7f66938",
    "v0=54f18abf97bfc7d3b3bef0f12521192a0d6c54d3670b8727e69bec1f7189987c",
    "v0=bfedc5f79a25ab3e4ecad3ed54e2162aadaf14a397a5ca0fdbba8391b4bbe2a9",
];

pub(crate) fn telegram(bytes: &[u8]) -> Seen {
    let message = Message::read(bytes);
    let headers = message.header_map();
    if bot::is_from_telegram(&headers, &[TELEGRAM_SECRET]) {
        assert_eq!(headers.get("x-telegram-bot-api-secret-token").unwrap(), TELEGRAM_SECRET);
    }
    assert!(!bot::is_from_telegram(&headers, &[]) && !bot::is_from_telegram(&headers, &[""]));
    let Ok(update) = serde_json::from_slice::<Value>(&message.body) else { return Seen::Refused };
    let Some(update) = bot::parse(&update) else { return Seen::Refused };
    assert!(!update.key.is_empty());
    match update.incoming {
        bot::Incoming::Message { from, text, .. } => {
            assert!(!text.trim().is_empty());
            assert!(from.is_none_or(|from| bot::is_person_id(&from.to_string())), "nobody writes as {from:?}");
        }
        bot::Incoming::Press { data, .. } => assert_eq!(button::verify(&[""], &data), None),
        bot::Incoming::Moved { .. } => {}
    }
    Seen::Taken
}

pub(crate) fn slack(bytes: &[u8]) -> Seen {
    let message = Message::read(bytes);
    let headers = message.header_map();
    let signed = |secrets: &[&str]| chat::is_from_slack(&headers, &message.body, secrets, NOW);
    if signed(&[SLACK_SECRET]) {
        let signature = headers.get("x-slack-signature").unwrap().to_str().unwrap();
        assert!(SLACK_SIGNATURES.contains(&signature), "a forged interaction is Slack's");
        assert!(signed(&["other", SLACK_SECRET]));
    }
    assert!(!signed(&["other"]) && !signed(&[]) && !signed(&[""]));
    if let Some(chat::Told::Moved { from, to }) =
        serde_json::from_slice(&message.body).ok().as_ref().and_then(chat::event)
    {
        assert!([from, to].iter().all(|id| chat::is_channel_id(id) && !chat::is_person_id(id)));
    }
    let form = String::from_utf8_lossy(&message.body);
    let payload = edge::form_value(&form, "payload").and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let Some(press) = payload.as_ref().and_then(chat::parse) else { return Seen::Refused };
    assert!(!press.user.is_empty());
    assert!(press.response_url.is_none_or(|url| !url.is_empty()));
    let _ = button::verify(&["secret"], &press.value);
    Seen::Taken
}

/// Only buttons that were issued are good, each for one message and one verdict.
pub(crate) fn button(bytes: &[u8]) -> Seen {
    let text = String::from_utf8_lossy(bytes);
    let token = text.trim_end();
    let pressed = button::verify(&["secret"], token);
    if let Some((effect_id, press)) = pressed {
        // The last letter of the base64 has bits to spare.
        assert_eq!(&button::issue("secret", effect_id, press)[..token.len() - 1], &token[..token.len() - 1]);
        storable(&json!(token));
    }
    assert_eq!(button::verify(&["other", ""], token), None);
    let effect_id = i64::try_from(bytes.len()).unwrap();
    for press in [Press::Approve, Press::Reject] {
        let fresh = button::issue("secret", effect_id, press);
        assert_eq!(button::verify(&["new", "secret"], &fresh), Some((effect_id, press)));
    }
    Seen::from(pressed.is_some())
}
