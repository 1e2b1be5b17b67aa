//! One handler; each path exercises one thing and answers what it saw as JSON. A host is right when its answers are
//! Spin's: `crates/host/tests/conformance.rs` has them, and runs against any base URL.
//!
//! - this file: routing, `/headers`, `/echo`, `/log`, `/environment`, `/trap`, `/silent`, `/sleep`, `/spin`, `/stream`, `/after-answer`
//! - `cron`: the same component under a cron trigger
//! - `database`: `/pg/...`; `services`: `/kv/...`, `/variables`, `/outbound`

// The SDK's macro exports the handler by hand.
#![allow(unsafe_code)]
// The SDK's error type is large where the compiler runs.
#![allow(clippy::result_large_err)]

mod cron;
mod database;
mod services;

use std::time::Duration;

use futures::SinkExt;
use serde_json::{Value, json};
use spin_sdk::http::{Fields, IncomingRequest, OutgoingResponse, ResponseOutparam};
use spin_sdk::http_component;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let uri = request.path_with_query().unwrap_or_default();
    let (path, query) = uri.split_once('?').unwrap_or((&uri, ""));
    match path {
        "/after-answer" => after_answer(query, out).await,
        "/stream" => stream(query, out).await,
        "/trap-after-answer" => {
            answer(out, 200, &json!("answered")).await;
            std::process::abort();
        }
        // Ends without an answer.
        "/silent" => {}
        "/trap" => std::process::abort(),
        "/spin" => loop {
            std::hint::black_box(query);
        },
        "/echo" => {
            let body = request.into_body().await.unwrap_or_default();
            answer(out, 200, &json!({ "length": body.len(), "text": String::from_utf8_lossy(&body) })).await;
        }
        _ => match respond(&request, path, query).await {
            Some(value) => answer(out, 200, &value).await,
            None => answer(out, 404, &json!({ "no such check": path })).await,
        },
    }
}

async fn respond(request: &IncomingRequest, path: &str, query: &str) -> Option<Value> {
    Some(match path {
        "/log" => {
            println!("a line on stdout");
            eprint!("a line on stderr ");
            eprint!("in two pieces, without an end");
            json!("logged")
        }
        "/environment" => json!(std::env::vars().collect::<Vec<_>>()),
        "/sleep" => {
            // So that a check knows that the guest is at work.
            println!("sleeping");
            sleep(query);
            json!("slept")
        }
        _ => {
            if let Some(value) = database::respond(path, query) {
                return Some(value);
            }
            if let Some(value) = services::respond(path, query).await {
                return Some(value);
            }
            return is_headers(path).then(|| headers(request));
        }
    })
}

/// Any path that ends so, to be reached by every kind of route.
fn is_headers(path: &str) -> bool {
    path == "/headers" || path.starts_with("/headers/")
}

fn headers(request: &IncomingRequest) -> Value {
    let headers: Vec<(String, String)> = request
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
        .collect();
    json!({
        "method": format!("{:?}", request.method()),
        "authority": request.authority(),
        "path": request.path_with_query(),
        "headers": headers,
    })
}

/// Answers, then works on: the key-value store shows when it came to its end.
async fn after_answer(query: &str, out: ResponseOutparam) {
    answer(out, 200, &json!("answered")).await;
    sleep(query);
    services::remember("after-answer", "done");
}

/// Two pieces with a pause between them.
async fn stream(query: &str, out: ResponseOutparam) {
    let response = OutgoingResponse::new(Fields::new());
    let mut body = response.take_body();
    out.set(response);
    // A client that hangs up is no concern of this check.
    let _ = body.send(b"first,".to_vec()).await;
    sleep(query);
    let _ = body.send(b"second".to_vec()).await;
}

fn sleep(query: &str) {
    let milliseconds = parameter(query, "ms").and_then(|text| text.parse().ok()).unwrap_or(0);
    std::thread::sleep(Duration::from_millis(milliseconds));
}

async fn answer(out: ResponseOutparam, status: u16, value: &Value) {
    let headers = Fields::new();
    // The two calls fail on malformed arguments only.
    let _ = headers.append("content-type", b"application/json");
    let response = OutgoingResponse::new(headers);
    let _ = response.set_status_code(status);
    let _ = out.set_with_body(response, value.to_string().into_bytes()).await;
}

/// A query parameter, percent-decoding left out: no check needs it.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}
