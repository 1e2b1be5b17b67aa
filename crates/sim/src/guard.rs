//! The faults that any provider can have around one call.

use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

use crate::fault::{Fault, On, Provider};
use crate::llm;
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
    if let Some(rule) = app.strikes(provider, Fault::Delay, on) {
        tokio::time::sleep(Duration::from_millis(rule.delay_ms())).await;
    }
    spoilt(&app, provider, on, answer).await
}

/// An answer without any work done.
fn refusal(app: &App, provider: Provider, on: On) -> Option<Response> {
    if app.strikes(provider, Fault::Status500, on).is_some() {
        return Some(in_own_words(provider, StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"));
    }
    let rule = app.strikes(provider, Fault::Status429, on)?;
    let seconds = rule.retry_after_seconds.unwrap_or(1);
    let mut answer = in_own_words(provider, StatusCode::TOO_MANY_REQUESTS, "Too many requests");
    if provider == Provider::Telegram {
        // It says so in the body, and only there.
        let description = format!("Too Many Requests: retry after {seconds}");
        let body =
            json!({"ok": false, "error_code": 429, "description": description, "parameters": {"retry_after": seconds}});
        return Some((StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response());
    }
    let wait = HeaderValue::from(seconds);
    answer.headers_mut().insert(header::RETRY_AFTER, wait);
    Some(answer)
}

/// An error as the provider itself would write it.
pub(crate) fn in_own_words(provider: Provider, status: StatusCode, message: &str) -> Response {
    let body = match provider {
        Provider::Kieai => json!({"code": status.as_u16(), "msg": message, "data": null}),
        Provider::Shotstack => {
            json!({"success": false, "message": message, "response": {"error": message}})
        }
        Provider::UploadPost => json!({"success": false, "error": message, "details": "simulated"}),
        Provider::Telegram => json!({"ok": false, "error_code": status.as_u16(), "description": message}),
        Provider::Slack => match status {
            StatusCode::TOO_MANY_REQUESTS => json!({"ok": false, "error": "ratelimited"}),
            _ => json!({"ok": false, "error": "internal_error"}),
        },
        Provider::Sentry => json!({"detail": message}),
        // A collector's errors are of gRPC.
        Provider::Otlp => json!({"code": 13, "message": message}),
        Provider::Anthropic => llm::anthropic::error(status, message),
        Provider::Openai => {
            json!({"error": {"message": message, "type": "server_error", "param": null, "code": null}})
        }
    };
    (status, Json(body)).into_response()
}

/// The answer, after what may happen to it on its way.
async fn spoilt(app: &App, provider: Provider, on: On, mut answer: Response) -> Response {
    if app.strikes(provider, Fault::DropConnection, on).is_some() {
        answer.extensions_mut().insert(HangUp);
        return answer;
    }
    if app.strikes(provider, Fault::GatewayErrorAfterWork, on).is_some() {
        return (StatusCode::BAD_GATEWAY, Html("<html><h1>502 Bad Gateway</h1></html>")).into_response();
    }
    if app.strikes(provider, Fault::OversizedAnswer, on).is_some() {
        return Json(json!({"padding": "x".repeat(1_100_000)})).into_response();
    }
    match app.strikes(provider, Fault::MalformedJson, on) {
        Some(_) => halved(answer).await,
        None => answer,
    }
}

async fn halved(answer: Response) -> Response {
    let (mut parts, body) = answer.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.remove(header::CONTENT_LENGTH);
    let half = bytes.slice(..bytes.len() / 2);
    Response::from_parts(parts, Body::from(half))
}
