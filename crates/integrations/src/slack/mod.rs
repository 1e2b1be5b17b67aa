//! Slack's Web API and its interactive messages.
//!
//! * [`MESSENGER`]: a message with buttons. [`respond`]: what follows a press, to the response URL that came with it.
//! * [`is_from_slack`], [`parse`], [`event`]: the receiving side. The signature covers the time and the raw bytes of the body.
//!
//! A message whose answer was lost may be sent twice, as with Telegram.

mod system;

use http::{HeaderMap, Method};
use mw_media::retry::Trouble;
use serde_json::{Value, json};

use crate::answer::{Answer, Authorization, Call, NoAnswer, joined};
use crate::outcome::{Fault, Settings};
use crate::pieces::pieces;
use crate::port::HttpClient;
use crate::post::{Messenger, Post, escaped};
use crate::retry_after;
use crate::signature::{header, hmac_hex, is_fresh, same, usable};

pub use system::SYSTEM;

const SIGNATURE_HEADER: &str = "x-slack-signature";
const TIME_HEADER: &str = "x-slack-request-timestamp";
const JSON: &str = "application/json; charset=utf-8";
/// Slack's limit for the text of a section, as it is sent.
const SECTION_CHARS_MAX: usize = 3000;
/// Of that a title takes no more.
const TITLE_CHARS_MAX: usize = 1000;
/// What stands around a title, and after a piece where more is left out.
const MARKS: usize = "**\n…".len();
/// Sections of one message: it takes 50 blocks, and a reader fewer. What does not fit is on the page behind the link.
const SECTIONS_MAX: usize = 5;

/// Whether this is the id of a channel, or of a person, whose own chat with the bot it names.
pub fn is_channel_id(text: &str) -> bool {
    text.starts_with(['C', 'D', 'G', 'U', 'W'])
        && (3..=21).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Whether it is one person's.
pub fn is_person_id(text: &str) -> bool {
    is_channel_id(text) && text.starts_with(['U', 'W'])
}

/// Messages to channels.
pub struct Bot;

pub static MESSENGER: Bot = Bot;

impl Messenger for Bot {
    fn message(&self, to: &Settings, channel: &str, post: &Post<'_>) -> Call {
        Call {
            system: &SYSTEM,
            method: Method::POST,
            url: joined(&to.base_url, "/chat.postMessage"),
            authorization: Authorization::Header("authorization", format!("Bearer {}", to.api_key)),
            headers: vec![("content-type", JSON.to_owned())],
            body: message(channel, post).to_string().into_bytes(),
        }
    }

    fn read(&self, to: &Settings, answer: &Answer) -> Result<(), Fault> {
        match answer.body.get("ok").and_then(Value::as_bool) {
            Some(true) if answer.status.is_success() => Ok(()),
            _ => Err(fault(answer, to)),
        }
    }
}

fn message(channel: &str, post: &Post<'_>) -> Value {
    let title = divided(&post.message.title, TITLE_CHARS_MAX).into_iter().next().unwrap_or_default();
    let pieces = divided(&post.message.text, SECTION_CHARS_MAX - TITLE_CHARS_MAX - MARKS);
    let (first, others) = pieces.split_first().map_or(("", &[][..]), |(first, others)| (first.as_str(), others));
    let mut blocks = vec![section(&format!("*{title}*\n{first}"))];
    blocks.extend(others.iter().map(|piece| section(piece)));
    let mut elements = Vec::new();
    if let Some(buttons) = post.buttons {
        elements.push(button("approve", "Approve", json!({"style": "primary", "value": buttons.approve})));
        elements.push(button("reject", "Reject", json!({"style": "danger", "value": buttons.reject})));
    }
    if let Some(link) = post.link {
        elements.push(button("look", "Look and decide", json!({"url": link})));
    }
    if !elements.is_empty() {
        blocks.push(json!({"type": "actions", "elements": elements}));
    }
    json!({
        "channel": channel, "text": format!("{title}\n{first}"), "blocks": blocks, "unfurl_links": false,
        "unfurl_media": false,
    })
}

/// The pieces of a text, escaped, each of which a section takes.
fn divided(text: &str, size_max: usize) -> Vec<String> {
    let size = |letter: char| match letter {
        '&' => "&amp;".len(),
        '<' | '>' => "&lt;".len(),
        other => other.len_utf16(),
    };
    let pieces = pieces(text, size_max, size);
    let is_cut = pieces.len() > SECTIONS_MAX;
    let mut shown: Vec<String> = pieces.into_iter().take(SECTIONS_MAX).map(escaped).collect();
    if let Some(last) = shown.last_mut().filter(|_| is_cut) {
        last.push('…');
    }
    shown
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
}

fn button(action: &str, text: &str, more: Value) -> Value {
    let mut button = json!({"type": "button", "action_id": action, "text": {"type": "plain_text", "text": text}});
    if let (Value::Object(button), Value::Object(more)) = (&mut button, more) {
        button.extend(more);
    }
    button
}

/// `{"ok":false,"error"}` with HTTP 200, else an HTTP status.
fn fault(answer: &Answer, settings: &Settings) -> Fault {
    let word = answer.body.get("error").and_then(Value::as_str);
    match word {
        Some(word) if answer.status.is_success() => {
            Fault::new(answer.class_of(&Trouble::Word(word)), word, format!("Slack says {word}"))
                .after(retry_after::of_answer(&answer.headers))
        }
        None if answer.status.is_success() => answer.malformed("the answer has no ok"),
        _ => answer.http_fault(&settings.api_key),
    }
}

/// What a press is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The message is replaced by this text, for everybody: its buttons are gone.
    Instead(String),
    /// Only the person who pressed reads it; the message stays.
    Aside(String),
}

/// Answers a press. The URL is a secret of that press, good for half an hour: the caller checks whose host it names.
pub async fn respond(client: &impl HttpClient, response_url: &str, reply: &Reply) -> Result<(), Fault> {
    let body = match reply {
        Reply::Instead(text) => {
            let pieces = divided(text, SECTION_CHARS_MAX - 1);
            let sections: Vec<Value> = pieces.iter().map(|piece| section(piece)).collect();
            json!({"replace_original": true, "text": pieces.first(), "blocks": sections})
        }
        Reply::Aside(text) => {
            json!({"response_type": "ephemeral", "replace_original": false, "text": escaped(text)})
        }
    };
    let call = Call {
        system: &SYSTEM,
        method: Method::POST,
        url: response_url.to_owned(),
        authorization: Authorization::InUrl(response_url.to_owned()),
        headers: vec![("content-type", JSON.to_owned())],
        body: body.to_string().into_bytes(),
    };
    let answer = call.send(client).await.map_err(NoAnswer::into_fault)?;
    if answer.status.is_success() { Ok(()) } else { Err(answer.http_fault(response_url)) }
}

/// Whether Slack signed these bytes, lately, with one of the secrets.
pub fn is_from_slack(headers: &HeaderMap, body: &[u8], secrets: &[&str], now_unix: u64) -> bool {
    let (Some(given), Some(time)) = (header(headers, SIGNATURE_HEADER), header(headers, TIME_HEADER)) else {
        return false;
    };
    let signed =
        |secret: &&str| same(given, &format!("v0={}", hmac_hex(secret, &[b"v0:", time.as_bytes(), b":", body])));
    is_fresh(time, now_unix) && usable(secrets).iter().any(signed)
}

/// A press of a button.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Press {
    /// The member who pressed.
    pub user: String,
    /// The channel of the message.
    pub channel: Option<String>,
    /// The button's value.
    pub value: String,
    pub response_url: Option<String>,
}

/// Reads the `payload` of an interaction; `None` for one that is no press of a button with a value (links have none).
pub fn parse(payload: &Value) -> Option<Press> {
    let text = |path: &[&str]| {
        let found = path.iter().try_fold(payload, |value, name| value.get(name))?;
        found.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    };
    if payload.get("type")?.as_str()? != "block_actions" {
        return None;
    }
    let value = payload.get("actions")?.as_array()?.iter().find_map(|action| action.get("value")?.as_str())?;
    Some(Press {
        user: text(&["user", "id"])?,
        channel: text(&["channel", "id"]).or_else(|| text(&["container", "channel_id"])),
        value: value.to_owned(),
        response_url: text(&["response_url"]),
    })
}

/// What Slack's events tell us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It wants to know whether the address is ours: this text is the answer.
    Challenge(String),
    /// A channel has another id, since it is private, shared or another kind of channel now.
    Moved { from: String, to: String },
}

/// Reads an event; `None` for one that changes nothing for us.
pub fn event(payload: &Value) -> Option<Told> {
    let text = |value: &Value, name: &str| value.get(name)?.as_str().map(str::to_owned);
    match payload.get("type")?.as_str()? {
        "url_verification" => text(payload, "challenge").map(Told::Challenge),
        "event_callback" => {
            let event =
                payload.get("event").filter(|event| text(event, "type").as_deref() == Some("channel_id_changed"))?;
            let id = |name: &str| text(event, name).filter(|id| is_channel_id(id) && !is_person_id(id));
            Some(Told::Moved { from: id("old_channel_id")?, to: id("new_channel_id")? })
        }
        _ => None,
    }
}
