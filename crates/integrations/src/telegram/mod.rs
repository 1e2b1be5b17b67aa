//! Telegram's Bot API.
//!
//! * [`MESSENGER`], [`say`]: a message with markup and buttons, and a plain one. [`answer_press`], [`take_buttons_off`]: what
//!   follows a press. [`set_webhook`]: where updates go.
//! * [`is_from_telegram`], [`parse`]: the receiving side. The secret header covers nothing of the body, so the bot's
//!   token and this secret are all that stands between strangers and a bot; rights go by the sender's id.
//!
//! A message whose answer was lost may be sent twice: Telegram takes no idempotency key, and a person who reads the same
//! thing twice is harmed less than one who never reads it.

mod system;

use http::HeaderMap;
use mw_media::retry::{FaultClass, Trouble};
use serde_json::{Value, json};

use crate::answer::{Answer, Authorization, Call, NoAnswer, joined};
use crate::outcome::{Fault, Settings};
use crate::pieces::pieces;
use crate::port::HttpClient;
use crate::post::{Messenger, Post, escaped};
use crate::retry_after;
use crate::signature::{header, same, usable};

pub use system::SYSTEM;

/// The updates that the bot understands; Telegram sends no others.
const ALLOWED_UPDATES: [&str; 3] = ["message", "edited_message", "callback_query"];
/// Accounts of Telegram's own, in whose name anonymous administrators and channels write: no one person's.
const SHARED_ACCOUNTS: [i64; 3] = [777_000, 1_087_968_824, 136_817_688];
/// Telegram's limit for a message is 4,096 UTF-16 units, of what stands there without markup.
const TEXT_UNITS_MAX: usize = 4096;
/// Of a notice: room for its title, and for the words of its link.
const NOTICE_UNITS_MAX: usize = 2500;
/// Messages of one answer; a longer one ends there, and says so.
const PIECES_MAX: usize = 10;
/// Telegram's limit for what a press is answered with.
const ANSWER_CHARS_MAX: usize = 200;
const SECRET_HEADER: &str = "x-telegram-bot-api-secret-token";

/// Messages to chats.
pub struct Bot;

pub static MESSENGER: Bot = Bot;

impl Messenger for Bot {
    fn message(&self, to: &Settings, chat_id: &str, post: &Post<'_>) -> Call {
        request(to, "sendMessage", &message(chat_id, post))
    }

    fn read(&self, to: &Settings, answer: &Answer) -> Result<(), Fault> {
        read(to, answer)
    }
}

fn message(chat_id: &str, post: &Post<'_>) -> Value {
    // A notice stays one message, with its buttons: what does not fit is on the page behind the link.
    let shown = |text: &str| match pieces(text, NOTICE_UNITS_MAX, char::len_utf16).as_slice() {
        [] => String::new(),
        [whole] => escaped(whole),
        [first, ..] => format!("{} …", escaped(first)),
    };
    let mut text = format!("<b>{}</b>\n{}", escaped(&post.message.title), shown(&post.message.text));
    if let Some(link) = post.link {
        text.push_str(&format!("\n<a href=\"{}\">Look and decide</a>", escaped(link).replace('"', "&quot;")));
    }
    let mut body = json!({
        "chat_id": chat(chat_id), "text": text, "parse_mode": "HTML", "disable_web_page_preview": true,
    });
    if let (Some(buttons), Value::Object(members)) = (post.buttons, &mut body) {
        let button = |text: &str, data: &str| json!({"text": text, "callback_data": data});
        let row = json!([button("Approve", &buttons.approve), button("Reject", &buttons.reject)]);
        members.insert("reply_markup".to_owned(), json!({"inline_keyboard": [row]}));
    }
    body
}

/// Where something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    pub chat_id: &'a str,
    /// The topic of a group that has some: without it an answer would land in the general one.
    pub topic: Option<i64>,
}

/// Says something at a place, word for word, in as many messages as it takes. A chat that has moved hears the rest where it is
/// now; the answer says where that is.
pub async fn say(
    client: &impl HttpClient,
    settings: &Settings,
    place: Place<'_>,
    text: &str,
) -> Result<Option<String>, Fault> {
    let pieces = pieces(text, TEXT_UNITS_MAX - " …".len(), char::len_utf16);
    // What is blank is Telegram's to refuse.
    let pieces = if pieces.is_empty() { vec![text] } else { pieces };
    let mut moved = None;
    for (number, piece) in pieces.into_iter().take(PIECES_MAX).enumerate() {
        let text = if number + 1 == PIECES_MAX { format!("{piece} …") } else { piece.to_owned() };
        let now = moved.as_deref().map_or(place, |chat_id| Place { chat_id, ..place });
        let said = say_one(client, settings, now, &text).await;
        match said.map_err(|fault| (fault.moved_to.clone(), fault)) {
            Ok(()) => {}
            Err((Some(address), _)) if moved.is_none() => {
                say_one(client, settings, Place { chat_id: &address, ..place }, &text).await?;
                moved = Some(address);
            }
            Err((_, fault)) => return Err(fault),
        }
    }
    Ok(moved)
}

async fn say_one(client: &impl HttpClient, settings: &Settings, place: Place<'_>, text: &str) -> Result<(), Fault> {
    let mut body = json!({"chat_id": chat(place.chat_id), "text": text, "disable_web_page_preview": true});
    if let (Some(topic), Some(members)) = (place.topic, body.as_object_mut()) {
        members.insert("message_thread_id".to_owned(), json!(topic));
    }
    call(client, settings, "sendMessage", body).await
}

/// Tells the person who pressed what came of it; `alert` shows it until it is read.
pub async fn answer_press(
    client: &impl HttpClient,
    settings: &Settings,
    query_id: &str,
    text: &str,
    alert: bool,
) -> Result<(), Fault> {
    let text = pieces(text, ANSWER_CHARS_MAX, char::len_utf16).first().copied().unwrap_or_default();
    let body = json!({"callback_query_id": query_id, "text": text, "show_alert": alert});
    overtaken(call(client, settings, "answerCallbackQuery", body).await, &PRESS_IS_OVER)
}

/// Takes the buttons off a message: there is nothing left to decide.
pub async fn take_buttons_off(
    client: &impl HttpClient,
    settings: &Settings,
    chat_id: &str,
    message_id: i64,
) -> Result<(), Fault> {
    let body = json!({
        "chat_id": chat(chat_id), "message_id": message_id, "reply_markup": {"inline_keyboard": []},
    });
    overtaken(call(client, settings, "editMessageReplyMarkup", body).await, &BUTTONS_ARE_GONE)
}

/// What Telegram says where the person who pressed waits no longer.
const PRESS_IS_OVER: [&str; 2] = ["query is too old", "query ID is invalid"];
/// What it says where another press was first, or where the message has gone or moved with its group.
const BUTTONS_ARE_GONE: [&str; 4] =
    ["message is not modified", "message to edit not found", "message can't be edited", "group chat was upgraded"];

/// Telegram's refusal of what has become true without us is no fault.
fn overtaken(answer: Result<(), Fault>, words: &[&str]) -> Result<(), Fault> {
    answer.or_else(|fault| match fault.code == "400" && words.iter().any(|words| fault.message.contains(words)) {
        true => Ok(()),
        false => Err(fault),
    })
}

/// Tells Telegram where updates go, and with which secret.
pub async fn set_webhook(client: &impl HttpClient, settings: &Settings, url: &str, secret: &str) -> Result<(), Fault> {
    let body = json!({"url": url, "secret_token": secret, "allowed_updates": ALLOWED_UPDATES});
    call(client, settings, "setWebhook", body).await
}

async fn call(client: &impl HttpClient, settings: &Settings, method: &str, body: Value) -> Result<(), Fault> {
    let answer = request(settings, method, &body).send(client).await.map_err(NoAnswer::into_fault)?;
    read(settings, &answer)
}

fn request(settings: &Settings, method: &str, body: &Value) -> Call {
    let url = joined(&settings.base_url, &format!("/bot{}/{method}", settings.api_key));
    Call::post_json(&SYSTEM, url, Authorization::InUrl(settings.api_key.clone()), body)
}

fn read(settings: &Settings, answer: &Answer) -> Result<(), Fault> {
    if answer.status.is_success() && answer.body.get("ok").and_then(Value::as_bool) == Some(true) {
        return Ok(());
    }
    Err(fault(answer, settings))
}

/// `{"ok":false,"error_code","description","parameters":{"retry_after"}}`; the code is that of HTTP.
fn fault(answer: &Answer, settings: &Settings) -> Fault {
    if answer.status.is_success() && answer.body.get("ok").is_none() {
        return answer.malformed("the answer has no ok");
    }
    let code = answer.body.get("error_code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let code = code.unwrap_or(answer.status.as_u16());
    let asked = answer.body.get("parameters").and_then(|parameters| parameters.get("retry_after")?.as_u64());
    let told = answer.body.get("description").and_then(Value::as_str);
    let message = told.map_or_else(|| answer.http_fault(&settings.api_key).message, str::to_owned);
    let moved_to = answer.body.get("parameters").and_then(|parameters| parameters.get("migrate_to_chat_id")?.as_i64());
    // A group that became a supergroup has another id, and is reached there.
    let class = if moved_to.is_some() { FaultClass::Retryable } else { answer.class_of(&Trouble::Status(code)) };
    let fault = Fault::new(class, code.to_string(), message);
    Fault { moved_to: moved_to.map(|id| id.to_string()), ..fault }
        .after(asked.or_else(|| retry_after::of_answer(&answer.headers)))
}

/// A chat's id is a number; a public channel may have a name.
fn chat(chat_id: &str) -> Value {
    chat_id.parse::<i64>().map_or_else(|_| Value::from(chat_id), Value::from)
}

/// Whether an update comes from Telegram: it shows the secret that the webhook was set with.
pub fn is_from_telegram(headers: &HeaderMap, secrets: &[&str]) -> bool {
    let given = header(headers, SECRET_HEADER).unwrap_or_default();
    usable(secrets).iter().any(|secret| same(given, secret))
}

/// Whether this is a chat's id as Telegram writes it, so that one chat has one id; those of groups and channels are negative.
pub fn is_chat_id(text: &str) -> bool {
    text.parse::<i64>().is_ok_and(|id| id != 0 && id.to_string() == text)
}

/// Whether it is one person's.
pub fn is_person_id(text: &str) -> bool {
    is_chat_id(text) && text.parse().is_ok_and(is_person)
}

fn is_person(id: i64) -> bool {
    id > 0 && !SHARED_ACCOUNTS.contains(&id)
}

/// An update, as far as the bot understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The same for every delivery of it.
    pub key: String,
    pub incoming: Incoming,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// Somebody wrote to the bot, or changed what they had written.
    Message {
        chat_id: i64,
        /// The topic of its chat, where it has some.
        topic: Option<i64>,
        from: Option<i64>,
        /// Also what stands under a picture.
        text: String,
        version: Version,
    },
    /// Somebody pressed a button under a message of the bot.
    Press { query_id: String, from: i64, chat_id: Option<i64>, message_id: Option<i64>, data: String },
    /// A group became a supergroup, which has another id. Both chats say so.
    Moved { from: i64, to: i64 },
}

/// Which message of its chat, and as of when: a message that is changed comes again under its old id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// `None` where an update does not say.
    pub message_id: Option<i64>,
    /// Unix seconds; 0 where an update does not say.
    pub said_at: i64,
    /// When the message was written that this changes.
    pub changes: Option<i64>,
}

/// Reads an update; `None` for one without anything to answer. A message in the name of a group or channel is one: nobody
/// knows who wrote it, so nobody's rights go with it.
pub fn parse(update: &Value) -> Option<Update> {
    let number = |value: &Value, path: &[&str]| path.iter().try_fold(value, |value, name| value.get(name))?.as_i64();
    if let Some(query) = update.get("callback_query") {
        let query_id = query.get("id")?.as_str()?.to_owned();
        let key = number(update, &["update_id"]).map_or_else(|| format!("query:{query_id}"), |id| id.to_string());
        let incoming = Incoming::Press {
            query_id,
            from: number(query, &["from", "id"])?,
            chat_id: number(query, &["message", "chat", "id"]),
            message_id: number(query, &["message", "message_id"]),
            data: query.get("data")?.as_str()?.to_owned(),
        };
        return Some(Update { key, incoming });
    }
    let message = update.get("message").or_else(|| update.get("edited_message"))?;
    let from = number(message, &["from", "id"]);
    let chat_id = number(message, &["chat", "id"])?;
    let message_id = number(message, &["message_id"]);
    let key = |what: &str| match (number(update, &["update_id"]), message_id) {
        (Some(update_id), _) => Some(update_id.to_string()),
        (None, Some(message_id)) => Some(format!("{what}:{chat_id}:{message_id}")),
        (None, None) => None,
    };
    // Telegram's own word, whoever upgraded the group, and whether in their own name or not.
    let moved = match (number(message, &["migrate_to_chat_id"]), number(message, &["migrate_from_chat_id"])) {
        (Some(to), _) => Some(Incoming::Moved { from: chat_id, to }),
        (None, Some(from)) => Some(Incoming::Moved { from, to: chat_id }),
        (None, None) => None,
    };
    if let Some(incoming) = moved {
        return Some(Update { key: key("moved")?, incoming });
    }
    if message.get("sender_chat").is_some() || from.is_some_and(|from| !is_person(from)) {
        return None;
    }
    let text = message.get("text").or_else(|| message.get("caption"))?.as_str();
    let text = text.filter(|text| !text.trim().is_empty())?.to_owned();
    let written_at = number(message, &["date"]).unwrap_or_default();
    let said_at = number(message, &["edit_date"]).unwrap_or(written_at);
    // Threads of answers have a number, too, in groups that have no topics.
    let is_in_topic = message.get("is_topic_message").and_then(Value::as_bool) == Some(true);
    let topic = number(message, &["message_thread_id"]).filter(|_| is_in_topic);
    let changes = update.get("message").is_none().then_some(written_at);
    // Without an update's number, a change is told from the message by its time.
    let key = if update.get("message").is_some() { key("message")? } else { key(&format!("edited:{said_at}"))? };
    let version = Version { message_id, said_at, changes };
    Some(Update { key, incoming: Incoming::Message { chat_id, topic, from, text, version } })
}
