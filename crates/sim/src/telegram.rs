//! Telegram's Bot API: what a bot calls, kept as it came.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures::FutureExt;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fault::On;
use crate::messages::{MESSAGE_FAULTS, MESSAGE_REFUSED, Sent};
use crate::person::{Press, Way, bad, deliver};
use crate::player::{Player, Provider, Setting};
use crate::world::{App, unix_ms};

pub(crate) static PLAYER: Player = Player {
    settings: &[
        Setting::secret("telegram_bot_token", "The only token that Telegram accepts [default: any]"),
        Setting::plain(WEBHOOK_URL, "Where Telegram's updates go, until a bot says where"),
        Setting::secret(WEBHOOK_SECRET, "What Telegram shows there"),
    ],
    key: Some("telegram_bot_token"),
    faults: &[MESSAGE_FAULTS],
    press: Some(|app, press, message, data| pressed(app, press, message, data).boxed()),
    control: Some((control, "POST /_sim/say, /_sim/upgrade")),
    too_many: Some(too_many),
    ..Player::new("telegram", "/telegram", routes, error)
};

const PROVIDER: Provider = Provider(&PLAYER);
const WEBHOOK_URL: &str = "telegram_webhook_url";
const WEBHOOK_SECRET: &str = "telegram_webhook_secret";
const TEXT_UNITS_MAX: usize = 4096;
const DATA_BYTES_MAX: usize = 64;

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/{bot}/{method}", post(call))
}

fn control() -> Router<App> {
    Router::new().route("/say", post(say)).route("/upgrade", post(upgrade))
}

fn error(status: StatusCode, message: &str) -> Value {
    json!({"ok": false, "error_code": status.as_u16(), "description": message})
}

/// It says in the body when to come again, and only there.
fn too_many(seconds: u64) -> Value {
    let description = format!("Too Many Requests: retry after {seconds}");
    json!({"ok": false, "error_code": 429, "description": description, "parameters": {"retry_after": seconds}})
}

/// What is remembered of the bot.
struct Bot {
    /// Updates so far.
    updates: u64,
    /// Where updates go, and the secret that they show, once the bot has said so.
    webhook: Option<(String, String)>,
    /// Groups that became supergroups, and the ids that they have by now.
    upgraded: BTreeMap<String, i64>,
}

impl Default for Bot {
    fn default() -> Bot {
        Bot { updates: unix_ms(), webhook: None, upgraded: BTreeMap::new() }
    }
}

/// Somebody writes to the bot, or changes what they wrote.
#[derive(Debug, Deserialize)]
struct Words {
    chat_id: i64,
    from: i64,
    text: String,
    /// Which message; a new one unless it is given.
    #[serde(default)]
    message_id: Option<u64>,
    /// When it was changed, in Unix seconds: then it is an `edited_message`.
    #[serde(default)]
    edit_date: Option<u64>,
    /// When it was written; one that was changed just now, unless it is given.
    #[serde(default)]
    date: Option<u64>,
    /// The topic of its group.
    #[serde(default)]
    topic: Option<i64>,
    #[serde(flatten)]
    way: Way,
}

async fn say(State(app): State<App>, Json(body): Json<Value>) -> Response {
    let words: Words = match serde_json::from_value(body) {
        Ok(words) => words,
        Err(error) => return bad(&error.to_string()),
    };
    let kind = if words.chat_id < 0 { "supergroup" } else { "private" };
    let mut message = json!({
        "message_id": words.message_id.unwrap_or_else(unix_ms), "chat": {"id": words.chat_id, "type": kind},
        "from": {"id": words.from, "is_bot": false}, "text": words.text,
        "date": words.date.unwrap_or(if words.edit_date.is_some() { unix_ms() / 1000 } else { 1 }),
    });
    if let (Some(topic), Value::Object(members)) = (words.topic, &mut message) {
        members.insert("message_thread_id".to_owned(), json!(topic));
        members.insert("is_topic_message".to_owned(), json!(true));
    }
    let Some(edit_date) = words.edit_date else { return to_webhook(&app, "message", message, words.way).await };
    if let Value::Object(members) = &mut message {
        members.insert("edit_date".to_owned(), json!(edit_date));
    }
    to_webhook(&app, "edited_message", message, words.way).await
}

/// A group becomes a supergroup. Both chats say so, unless the bot is to learn it from a refusal alone.
#[derive(Debug, Deserialize)]
struct Upgrade {
    chat_id: i64,
    to: i64,
    #[serde(default)]
    silent: bool,
}

async fn upgrade(State(app): State<App>, Json(body): Json<Value>) -> Response {
    let Upgrade { chat_id, to, silent } = match serde_json::from_value(body) {
        Ok(upgrade) => upgrade,
        Err(error) => return bad(&error.to_string()),
    };
    app.world().memory::<Bot>().upgraded.insert(chat_id.to_string(), to);
    if silent {
        return Json(json!({"upgraded": true})).into_response();
    }
    // In the group's own name: an anonymous administrator did it.
    let service = |chat: i64, kind: &str, member: &str, other: i64| {
        json!({
            "message_id": 1, "date": 1, "chat": {"id": chat, "type": kind}, "from": {"id": 1_087_968_824, "is_bot": true},
            "sender_chat": {"id": chat, "type": kind}, member: other,
        })
    };
    to_webhook(&app, "message", service(chat_id, "group", "migrate_to_chat_id", to), Way::default()).await;
    to_webhook(&app, "message", service(to, "supergroup", "migrate_from_chat_id", chat_id), Way::default()).await
}

async fn pressed(app: App, press: Press, message: Sent, data: String) -> Response {
    let chat: Value = serde_json::from_str(&press.address).unwrap_or_default();
    let from: Value = serde_json::from_str(&press.from).unwrap_or_default();
    let query = json!({
        "id": Uuid::new_v4().simple().to_string(), "from": {"id": from, "is_bot": false}, "data": data,
        "message": {"message_id": message.message_id, "chat": {"id": chat}},
    });
    to_webhook(&app, "callback_query", query, press.way).await
}

async fn to_webhook(app: &App, kind: &str, content: Value, way: Way) -> Response {
    let (told, next) = {
        let mut world = app.world();
        let bot: &mut Bot = world.memory();
        bot.updates += 1;
        (bot.webhook.clone(), bot.updates)
    };
    let configured = || {
        let secret = app.config.setting(WEBHOOK_SECRET).unwrap_or_default();
        Some((app.config.setting(WEBHOOK_URL)?.to_owned(), secret.to_owned()))
    };
    let Some((url, secret)) = told.or_else(configured) else { return bad("no webhook is set") };
    let mut update = json!({"update_id": way.update_id.unwrap_or(next)});
    if let Value::Object(members) = &mut update {
        members.insert(kind.to_owned(), content);
    }
    let secret = way.secret.unwrap_or(secret);
    let headers = vec![("x-telegram-bot-api-secret-token", secret), ("content-type", "application/json".to_owned())];
    deliver(app, url, headers, update.to_string(), json!({"update_id": update.get("update_id")})).await
}

/// An error: its code, its description, and where there is one the new id of the chat.
struct Refusal {
    code: u16,
    description: String,
    moved_to: Option<i64>,
}

fn refusal(code: u16, description: impl Into<String>) -> Refusal {
    Refusal { code, description: description.into(), moved_to: None }
}

const NOT_MODIFIED: &str = "message is not modified: specified new message content and reply markup are exactly the same as a current \
     content and reply markup of the message";

async fn call(State(app): State<App>, Path((bot, method)): Path<(String, String)>, body: Bytes) -> Response {
    match taken(&app, &bot, &method, &body) {
        Ok(result) => Json(json!({"ok": true, "result": result})).into_response(),
        Err(Refusal { code, description, moved_to }) => {
            app.world().count(PROVIDER).refusals += 1;
            let status = StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST);
            let mut error = json!({"ok": false, "error_code": code, "description": description});
            if let (Some(id), Value::Object(members)) = (moved_to, &mut error) {
                members.insert("parameters".to_owned(), json!({"migrate_to_chat_id": id}));
            }
            (status, Json(error)).into_response()
        }
    }
}

fn taken(app: &App, bot: &str, method: &str, body: &[u8]) -> Result<Value, Refusal> {
    if !app.config.accepts(PROVIDER, bot.strip_prefix("bot")) {
        return Err(refusal(401, "Unauthorized"));
    }
    if let Some(rule) = app.strikes(PROVIDER, MESSAGE_REFUSED, On::Create) {
        return Err(refusal(403, rule.text.unwrap_or_else(|| "Forbidden: bot was blocked by the user".to_owned())));
    }
    let body = serde_json::from_slice(body).map_err(|_| refusal(400, "Bad Request: can't parse JSON object"))?;
    done(app, method, body)
}

fn done(app: &App, method: &str, body: Value) -> Result<Value, Refusal> {
    let bad = |description: &str| Err(refusal(400, format!("Bad Request: {description}")));
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let chat = body.get("chat_id").map(|chat| chat.as_str().map_or_else(|| chat.to_string(), str::to_owned));
    let upgraded = chat.as_ref().and_then(|chat| app.world().memory::<Bot>().upgraded.get(chat).copied());
    if let Some(id) = upgraded {
        let description = "Bad Request: group chat was upgraded to a supergroup chat";
        return Err(Refusal { moved_to: Some(id), ..refusal(400, description) });
    }
    let result = match method {
        "sendMessage" => {
            let Some(chat) = chat else { return bad("chat_id is empty") };
            let content = text("text");
            if content.trim().is_empty() || content.encode_utf16().count() > TEXT_UNITS_MAX {
                return bad("message text is empty or too long");
            }
            if has_long_data(&body) {
                return bad("BUTTON_DATA_INVALID");
            }
            let id = keep(app, method, chat, body.clone());
            json!({"message_id": id, "chat": {"id": body.get("chat_id")}, "text": content})
        }
        "editMessageReplyMarkup" => match (chat, body.get("message_id").and_then(Value::as_u64)) {
            (Some(chat), Some(id)) if is_bare(app, &chat, id) => return bad(NOT_MODIFIED),
            (Some(chat), Some(_)) => json!({"message_id": keep(app, method, chat, body)}),
            _ => return bad("message identifier is not specified"),
        },
        "answerCallbackQuery" if !text("callback_query_id").is_empty() => {
            keep(app, method, String::new(), body);
            json!(true)
        }
        "setWebhook" => {
            let (url, secret) = (text("url"), text("secret_token"));
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            if secret.len() > 256 || !secret.bytes().all(fits) {
                return bad("secret token contains unallowed characters");
            }
            app.world().memory::<Bot>().webhook = Some((url, secret));
            keep(app, method, String::new(), body);
            json!(true)
        }
        _ => return Err(refusal(404, "Not Found")),
    };
    Ok(result)
}

fn keep(app: &App, method: &str, address: String, body: Value) -> u64 {
    let mut world = app.world();
    world.count(PROVIDER).creates += 1;
    world.messages.keep(PROVIDER, method, address, body)
}

/// Whether the buttons of a message have gone already.
fn is_bare(app: &App, chat: &str, message_id: u64) -> bool {
    let sent = app.world().messages.of(Some(chat));
    let edits = sent.iter().filter(|sent| sent.provider == PROVIDER && sent.method == "editMessageReplyMarkup");
    edits.into_iter().any(|sent| sent.body.get("message_id").and_then(Value::as_u64) == Some(message_id))
}

fn has_long_data(body: &Value) -> bool {
    let rows = body.pointer("/reply_markup/inline_keyboard").and_then(Value::as_array);
    let mut keys = rows.into_iter().flatten().filter_map(Value::as_array).flatten();
    keys.any(|key| key.get("callback_data").and_then(Value::as_str).is_some_and(|data| data.len() > DATA_BYTES_MAX))
}
