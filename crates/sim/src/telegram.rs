//! Telegram's Bot API: what a bot calls, kept as it came.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::fault::{Fault, On, Provider};
use crate::world::App;

const PROVIDER: Provider = Provider::Telegram;
const TEXT_UNITS_MAX: usize = 4096;
const DATA_BYTES_MAX: usize = 64;

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/{bot}/{method}", post(call))
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
    if let Some(rule) = app.strikes(PROVIDER, Fault::MessageRefused, On::Create) {
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
            let mut world = app.world();
            world.telegram_webhook = Some((url, secret));
            drop(world);
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
