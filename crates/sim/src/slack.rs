//! Slack: `chat.postMessage`, and the response URLs that come with presses. Errors come with HTTP 200.

use std::collections::BTreeSet;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
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
use crate::signer::{hex, hmac, now_unix};
use crate::world::App;

pub(crate) static PLAYER: Player = Player {
    settings: &[
        Setting::secret("slack_bot_token", "The only token that Slack accepts [default: any]"),
        Setting::plain(INTERACTIONS_URL, "Where presses in Slack go"),
        Setting::secret(SIGNING_SECRET, "Signs presses in Slack"),
    ],
    key: Some("slack_bot_token"),
    faults: &[MESSAGE_FAULTS],
    press: Some(|app, press, message, data| pressed(app, press, message, data).boxed()),
    control: Some((control, "POST /_sim/convert")),
    ..Player::new("slack", "/slack/api", routes, error)
};

const PROVIDER: Provider = Provider(&PLAYER);
const INTERACTIONS_URL: &str = "slack_interactions_url";
const SIGNING_SECRET: &str = "slack_signing_secret";
const TEXT_CHARS_MAX: usize = 40_000;
const SECTION_CHARS_MAX: usize = 3000;
const BLOCKS_MAX: usize = 50;

/// Channels that have another id by now.
#[derive(Default)]
struct Converted(BTreeSet<String>);

fn control() -> Router<App> {
    Router::new().route("/convert", post(convert))
}

/// A channel becomes another kind of channel, and with that gets another id; the app is told so by an event.
#[derive(Debug, Deserialize)]
struct Convert {
    channel: String,
    to: String,
    #[serde(flatten)]
    way: Way,
}

async fn convert(State(app): State<App>, Json(body): Json<Value>) -> Response {
    let Convert { channel, to, way } = match serde_json::from_value(body) {
        Ok(convert) => convert,
        Err(error) => return bad(&error.to_string()),
    };
    let Some(url) = app.config.setting(INTERACTIONS_URL) else { return bad("no interactions URL is configured") };
    let url = url.replace("/interactions", "/events");
    app.world().memory::<Converted>().0.insert(channel.clone());
    let event = json!({
        "type": "channel_id_changed", "old_channel_id": channel, "new_channel_id": to, "event_ts": "1612206778.000000",
    });
    let body = json!({
        "token": "t", "team_id": "T1", "api_app_id": "A1", "type": "event_callback", "event_id": "Ev1",
        "event_time": now_unix(), "event": event,
    });
    let secret = way.secret.as_deref().or(app.config.setting(SIGNING_SECRET)).unwrap_or_default();
    let body = body.to_string();
    let mut headers = signature(secret, body.as_bytes());
    headers.push(("content-type", "application/json".to_owned()));
    deliver(&app, url, headers, body, json!({})).await
}

/// What of a message is longer than Slack takes it.
fn excess(body: &Value) -> Option<&'static str> {
    let length = |text: Option<&Value>| text.and_then(Value::as_str).map_or(0, |text| text.chars().count());
    let blocks = body.get("blocks").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if length(body.get("text")) > TEXT_CHARS_MAX {
        return Some("msg_too_long");
    }
    let is_long = |block: &Value| length(block.pointer("/text/text")) > SECTION_CHARS_MAX;
    (blocks.len() > BLOCKS_MAX || blocks.iter().any(is_long)).then_some("invalid_blocks")
}

fn error(status: StatusCode, _message: &str) -> Value {
    match status {
        StatusCode::TOO_MANY_REQUESTS => json!({"ok": false, "error": "ratelimited"}),
        _ => json!({"ok": false, "error": "internal_error"}),
    }
}

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/api/chat.postMessage", post(send)).route("/hooks/actions/{press}", post(respond))
}

fn refused(app: &App, error: &str) -> Response {
    app.world().count(PROVIDER).refusals += 1;
    Json(json!({"ok": false, "error": error})).into_response()
}

async fn send(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Response {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if !app.config.accepts(PROVIDER, value.and_then(|value| value.strip_prefix("Bearer "))) {
        return refused(&app, "invalid_auth");
    }
    if let Some(rule) = app.strikes(PROVIDER, MESSAGE_REFUSED, On::Create) {
        return refused(&app, rule.text.as_deref().unwrap_or("channel_not_found"));
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else { return refused(&app, "invalid_json") };
    let Some(channel) = body.get("channel").and_then(Value::as_str).map(str::to_owned) else {
        return refused(&app, "channel_not_found");
    };
    if body.get("text").and_then(Value::as_str).is_none_or(str::is_empty) {
        return refused(&app, "no_text");
    }
    if app.world().memory::<Converted>().0.contains(&channel) {
        return refused(&app, "channel_not_found");
    }
    if let Some(error) = excess(&body) {
        return refused(&app, error);
    }
    let id = keep(&app, "chat.postMessage", channel.clone(), body);
    Json(json!({"ok": true, "channel": channel, "ts": format!("{id}.000100")})).into_response()
}

/// The address is the press that the URL was made for.
async fn respond(State(app): State<App>, Path(press): Path<String>, Json(body): Json<Value>) -> Response {
    keep(&app, "response_url", press, body);
    "ok".into_response()
}

async fn pressed(app: App, press: Press, _message: Sent, data: String) -> Response {
    let Some(url) = app.config.setting(INTERACTIONS_URL).map(str::to_owned) else {
        return bad("no interactions URL is configured");
    };
    let id = Uuid::new_v4().simple().to_string();
    let base = app.config.public_url.trim_end_matches('/');
    let payload = json!({
        "type": "block_actions", "user": {"id": press.from}, "channel": {"id": press.address}, "trigger_id": "1.2",
        "response_url": format!("{base}/slack/hooks/actions/{id}"),
        "actions": [{"action_id": press.button.to_lowercase(), "block_id": "b", "value": data, "action_ts": "1.2"}],
    });
    let encoded: String = form_encoded(&payload.to_string());
    let body = format!("payload={encoded}");
    let ours = app.config.setting(SIGNING_SECRET).unwrap_or_default();
    let secret = press.way.secret.as_deref().unwrap_or(ours);
    let mut headers = signature(secret, body.as_bytes());
    headers.push(("content-type", "application/x-www-form-urlencoded".to_owned()));
    let sent = if press.way.altered { format!("{body}&more=1") } else { body };
    deliver(&app, url, headers, sent, json!({"press": id})).await
}

/// Over the time and the body.
fn signature(secret: &str, body: &[u8]) -> Vec<(&'static str, String)> {
    let timestamp = now_unix().to_string();
    let signed = [b"v0:", timestamp.as_bytes(), b":", body].concat();
    let signature = format!("v0={}", hex(&hmac(secret, &signed)));
    vec![("x-slack-request-timestamp", timestamp), ("x-slack-signature", signature)]
}

fn form_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

fn keep(app: &App, method: &str, address: String, body: Value) -> u64 {
    let mut world = app.world();
    world.count(PROVIDER).creates += 1;
    world.messages.keep(PROVIDER, method, address, body)
}
