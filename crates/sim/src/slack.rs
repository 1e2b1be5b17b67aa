//! Slack: `chat.postMessage`, and the response URLs that come with presses. Errors come with HTTP 200.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::fault::{Fault, On, Provider};
use crate::world::App;

const PROVIDER: Provider = Provider::Slack;

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
    if let Some(rule) = app.strikes(PROVIDER, Fault::MessageRefused, On::Create) {
        return refused(&app, rule.text.as_deref().unwrap_or("channel_not_found"));
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else { return refused(&app, "invalid_json") };
    let Some(channel) = body.get("channel").and_then(Value::as_str).map(str::to_owned) else {
        return refused(&app, "channel_not_found");
    };
    if body.get("text").and_then(Value::as_str).is_none_or(str::is_empty) {
        return refused(&app, "no_text");
    }
    let id = keep(&app, "chat.postMessage", channel.clone(), body);
    Json(json!({"ok": true, "channel": channel, "ts": format!("{id}.000100")})).into_response()
}

/// The address is the press that the URL was made for.
async fn respond(State(app): State<App>, Path(press): Path<String>, Json(body): Json<Value>) -> Response {
    keep(&app, "response_url", press, body);
    "ok".into_response()
}

fn keep(app: &App, method: &str, address: String, body: Value) -> u64 {
    let mut world = app.world();
    world.count(PROVIDER).creates += 1;
    world.messages.keep(PROVIDER, method, address, body)
}
