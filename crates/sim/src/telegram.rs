//! Telegram's Bot API: what a bot calls, kept as it came.

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
    control: Some((control, "POST /_sim/say")),
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
    Router::new().route("/say", post(say))
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
}

impl Default for Bot {
    fn default() -> Bot {
        Bot { updates: unix_ms(), webhook: None }
    }
}

/// Somebody writes to the bot.
#[derive(Debug, Deserialize)]
struct Words {
    chat_id: i64,
    from: i64,
    text: String,
    #[serde(flatten)]
    way: Way,
}

async fn say(State(app): State<App>, Json(body): Json<Value>) -> Response {
    let words: Words = match serde_json::from_value(body) {
        Ok(words) => words,
        Err(error) => return bad(&error.to_string()),
    };
    let message = json!({
        "message_id": 1, "chat": {"id": words.chat_id}, "from": {"id": words.from}, "text": words.text, "date": 0,
    });
    to_webhook(&app, "message", message, words.way).await
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

/// An error: its code, and its description.
type Refusal = (u16, String);

async fn call(State(app): State<App>, Path((bot, method)): Path<(String, String)>, body: Bytes) -> Response {
    match taken(&app, &bot, &method, &body) {
        Ok(result) => Json(json!({"ok": true, "result": result})).into_response(),
        Err((code, description)) => {
            app.world().count(PROVIDER).refusals += 1;
            let status = StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST);
            (status, Json(json!({"ok": false, "error_code": code, "description": description}))).into_response()
        }
    }
}

fn taken(app: &App, bot: &str, method: &str, body: &[u8]) -> Result<Value, Refusal> {
    if !app.config.accepts(PROVIDER, bot.strip_prefix("bot")) {
        return Err((401, "Unauthorized".to_owned()));
    }
    if let Some(rule) = app.strikes(PROVIDER, MESSAGE_REFUSED, On::Create) {
        return Err((403, rule.text.unwrap_or_else(|| "Forbidden: bot was blocked by the user".to_owned())));
    }
    let body = serde_json::from_slice(body).map_err(|_| (400, "Bad Request: can't parse JSON object".to_owned()))?;
    done(app, method, body)
}

fn done(app: &App, method: &str, body: Value) -> Result<Value, Refusal> {
    let bad = |description: &str| Err((400, format!("Bad Request: {description}")));
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let chat = body.get("chat_id").map(|chat| chat.as_str().map_or_else(|| chat.to_string(), str::to_owned));
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
        _ => return Err((404, "Not Found".to_owned())),
    };
    Ok(result)
}

fn keep(app: &App, method: &str, address: String, body: Value) -> u64 {
    let mut world = app.world();
    world.count(PROVIDER).creates += 1;
    world.messages.keep(PROVIDER, method, address, body)
}

fn has_long_data(body: &Value) -> bool {
    let rows = body.pointer("/reply_markup/inline_keyboard").and_then(Value::as_array);
    let mut keys = rows.into_iter().flatten().filter_map(Value::as_array).flatten();
    keys.any(|key| key.get("callback_data").and_then(Value::as_str).is_some_and(|data| data.len() > DATA_BYTES_MAX))
}
