//! The faults that any provider can have around one call.

use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

use crate::fault::{Fault, On, Provider};
use crate::world::App;

/// Marks an answer that must not be sent.
#[derive(Clone, Copy)]
pub(crate) struct HangUp;

/// The provider's routes with the general faults around them.
pub(crate) fn around(routes: Router<App>, app: &App, provider: Provider) -> Router<App> {
    routes.layer(from_fn_with_state((app.clone(), provider), guard))
}

async fn guard(State((app, provider)): State<(App, Provider)>, request: Request, next: Next) -> Response {
    let on = match *request.method() {
        Method::GET => On::Query,
        _ => On::Create,
    };
    app.world().count(provider).requests += 1;
    if let Some(refusal) = refusal(&app, provider, on) {
        return refusal;
    }
    let answer = next.run(request).await;
    if let Some(rule) = app.strikes(provider, Fault::DELAY, on) {
        tokio::time::sleep(Duration::from_millis(rule.delay_ms())).await;
    }
    spoilt(&app, provider, on, answer).await
}

/// An answer without any work done.
fn refusal(app: &App, provider: Provider, on: On) -> Option<Response> {
    if app.strikes(provider, Fault::STATUS_500, on).is_some() {
        return Some(provider.refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"));
    }
    let rule = app.strikes(provider, Fault::STATUS_429, on)?;
    Some(provider.too_many(rule.retry_after_seconds.unwrap_or(1)))
}

/// The answer, after what may happen to it on its way.
async fn spoilt(app: &App, provider: Provider, on: On, mut answer: Response) -> Response {
    if app.strikes(provider, Fault::DROP_CONNECTION, on).is_some() {
        answer.extensions_mut().insert(HangUp);
        return answer;
    }
    if app.strikes(provider, Fault::GATEWAY_ERROR_AFTER_WORK, on).is_some() {
        return (StatusCode::BAD_GATEWAY, Html("<html><h1>502 Bad Gateway</h1></html>")).into_response();
    }
    if app.strikes(provider, Fault::OVERSIZED_ANSWER, on).is_some() {
        return Json(json!({"padding": "x".repeat(1_100_000)})).into_response();
    }
    if app.strikes(provider, Fault::DAMAGED_TEXT, on).is_some() {
        return changed(answer, damaged).await;
    }
    match app.strikes(provider, Fault::MALFORMED_JSON, on) {
        Some(_) => changed(answer, |bytes| bytes.get(..bytes.len() / 2).unwrap_or_default().to_vec()).await,
        None => answer,
    }
}

async fn changed(answer: Response, change: impl FnOnce(&[u8]) -> Vec<u8>) -> Response {
    let (mut parts, body) = answer.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(change(&bytes)))
}

/// A JSON object as somebody sends it who cuts texts between two bytes, or between two halves of a character.
pub(crate) fn damaged(json: &[u8]) -> Vec<u8> {
    match json.strip_prefix(b"{") {
        Some(rest) => [b"\xef\xbb\xbf{\"damaged\":\"\\ud83d \xf0\x9f \\u0000\",".as_slice(), rest].concat(),
        None => json.to_vec(),
    }
}
