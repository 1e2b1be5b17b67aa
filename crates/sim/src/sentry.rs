//! Sentry: takes envelopes with events, as strictly as its contract reads.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::fault::{Fault, On, Own};
use crate::player::{Player, Provider};
use crate::world::App;

const LIMIT_WITH_SUCCESS: Fault = Fault::named("limit_with_success");
const ENVELOPE_REFUSED: Fault = Fault::named("envelope_refused");

pub(crate) static PLAYER: Player = Player {
    faults: &[&[
        Own::call(
            LIMIT_WITH_SUCCESS,
            "takes the event, and wants no errors for `retry_after_seconds` (default 1): X-Sentry-Rate-Limits on a 200",
        ),
        Own::call(ENVELOPE_REFUSED, "refuses with HTTP 400 and X-Sentry-Error (`text`)"),
    ]],
    ..Player::new("sentry", "/sentry/<project>", routes, error)
};

const PROVIDER: Provider = Provider(&PLAYER);

fn error(_status: StatusCode, message: &str) -> Value {
    json!({"detail": message})
}

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/api/{project}/envelope/", post(take))
}

async fn take(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Response {
    let auth = headers.get("x-sentry-auth").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let key = auth.split(", ").find_map(|part| part.strip_prefix("sentry_key="));
    if !auth.starts_with("Sentry sentry_version=7") || !app.config.accepts(PROVIDER, key) {
        return refused(&app, StatusCode::FORBIDDEN, "who are you?");
    }
    if let Some(rule) = app.strikes(PROVIDER, ENVELOPE_REFUSED, On::Create) {
        return refused(&app, StatusCode::BAD_REQUEST, rule.text.as_deref().unwrap_or("invalid envelope"));
    }
    let event = match event(&body) {
        Ok(event) => event,
        Err(reason) => return refused(&app, StatusCode::BAD_REQUEST, reason),
    };
    let mut answer = Json(json!({"id": event.get("event_id")})).into_response();
    if let Some(rule) = app.strikes(PROVIDER, LIMIT_WITH_SUCCESS, On::Create) {
        let limits =
            format!("60:transaction:key, {}:default;error:organization", rule.retry_after_seconds.unwrap_or(1));
        if let Ok(limits) = HeaderValue::from_str(&limits) {
            answer.headers_mut().insert("x-sentry-rate-limits", limits);
        }
    }
    let mut world = app.world();
    world.count(PROVIDER).creates += 1;
    world.telemetry.keep_error(event);
    answer
}

fn refused(app: &App, status: StatusCode, reason: &str) -> Response {
    app.world().count(PROVIDER).refusals += 1;
    let reason = HeaderValue::from_str(reason).unwrap_or(HeaderValue::from_static("refused"));
    (status, [("x-sentry-error", reason)], Json(json!({"detail": "refused"}))).into_response()
}

/// The event of an envelope of one: lines of head, item and payload, whose length the item counts in bytes.
fn event(body: &[u8]) -> Result<Value, &'static str> {
    let text = std::str::from_utf8(body).map_err(|_| "not UTF-8")?;
    let (head, rest) = text.split_once('\n').ok_or("no head")?;
    let (item, payload) = rest.split_once('\n').ok_or("no item")?;
    let payload = payload.strip_suffix('\n').unwrap_or(payload);
    let json = |text: &str| serde_json::from_str::<Value>(text).map_err(|_| "not JSON");
    let (head, item, event) = (json(head)?, json(item)?, json(payload)?);
    let id = event.get("event_id").and_then(Value::as_str).unwrap_or_default();
    let is_id = id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit());
    if item.get("type") != Some(&json!("event")) || item.get("length") != Some(&json!(payload.len())) {
        return Err("wrong item");
    }
    if !is_id || head.get("event_id") != event.get("event_id") || head.get("sent_at").is_none() {
        return Err("wrong event id or no sent_at");
    }
    Ok(event)
}
