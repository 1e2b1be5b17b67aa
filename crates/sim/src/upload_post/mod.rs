//! upload-post: posts to several platforms, one result and one event for each.

mod answers;
mod faults;
mod signature;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use axum::extract::{Multipart, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::config::Config;
use crate::delivery::{self, Delivery};
use crate::fault::{Fault, On};
use crate::player::{Jobs, Player, Provider, Setting};
use crate::signer::Signer;
use crate::world::{App, NewTask, Task, World};
use faults::*;

pub(crate) static PLAYER: Player = Player {
    settings: &[
        Setting::secret("upload_post_api_key", "The only key that upload-post accepts [default: any]"),
        Setting::secret(SIGNING_SECRET, "Signs upload-post's events"),
        Setting::plain(WEBHOOK_URL, "Where upload-post's events go, for the whole account"),
    ],
    key: Some("upload_post_api_key"),
    faults: &[FAULTS],
    jobs: Some(&Posts),
    control: Some((control, "POST /_sim/upload-post-webhook-url")),
    ..Player::new("upload-post", "/upload-post/api", routes, error)
};

const PROVIDER: Provider = Provider(&PLAYER);
const SIGNING_SECRET: &str = "upload_post_signing_secret";
const WEBHOOK_URL: &str = "upload_post_webhook_url";
/// Failures in a row after which the account's channel rests, and how long.
const FAILURES_MAX: u32 = 5;
const REST: Duration = Duration::from_secs(1800);

struct Posts;

impl Jobs for Posts {
    fn latency_ms(&self) -> u64 {
        300
    }

    /// One URL for the account.
    fn target(&self, app: &App, _task: &Task) -> Option<String> {
        let told = app.world().memory::<Account>().webhook_url.clone();
        let url = told.unwrap_or_else(|| app.config.setting(WEBHOOK_URL).map(str::to_owned));
        url.filter(|url| !url.trim().is_empty())
    }

    fn is_resting(&self, world: &mut World) -> bool {
        world.memory::<Account>().rests_until.is_some_and(|until| Instant::now() < until)
    }

    fn note(&self, world: &mut World, delivered: bool, config: &Config) {
        let account: &mut Account = world.memory();
        account.failures = if delivered { 0 } else { account.failures + 1 };
        if account.failures >= FAILURES_MAX {
            account.failures = 0;
            account.rests_until = Some(Instant::now() + REST.mul_f64(config.retry_scale));
        }
    }

    fn lie(&self, task_id: &str, url: &str, secret: &str, at_unix: u64) -> (Vec<(&'static str, String)>, Value) {
        let body = json!({
            "event": "upload_completed", "job_id": task_id, "platform": "tiktok", "result": {"success": true, "url": url},
        });
        (signature::headers(secret, at_unix, body.to_string().as_bytes()), body)
    }
}

/// What is remembered of the account.
#[derive(Default)]
struct Account {
    /// Where its events go, once somebody has said so.
    webhook_url: Option<Option<String>>,
    failures: u32,
    rests_until: Option<Instant>,
}

fn error(_status: StatusCode, message: &str) -> Value {
    json!({"success": false, "error": message, "details": "simulated"})
}

fn control() -> Router<App> {
    Router::new().route("/upload-post-webhook-url", post(set_webhook_url))
}

#[derive(Deserialize)]
struct WebhookUrl {
    url: Option<String>,
}

async fn set_webhook_url(State(app): State<App>, Json(body): Json<WebhookUrl>) -> Json<Value> {
    app.world().memory::<Account>().webhook_url = Some(body.url.clone());
    Json(json!({"url": body.url}))
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/api/upload", post(upload))
        .route("/api/uploadposts/status", get(status))
        .route("/api/uploadposts/history", get(history))
        .route("/api/uploadposts/users/notifications", post(notifications))
        .route("/api/uploadposts/notification-config", post(notifications))
        .fallback(|| async { refused(StatusCode::NOT_FOUND, "Not found") })
}

fn refused(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({"success": false, "message": message}))).into_response()
}

fn unauthorized(app: &App, headers: &HeaderMap) -> Option<Response> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = value.and_then(|value| value.strip_prefix("Apikey "));
    let refusal = || refused(StatusCode::UNAUTHORIZED, "Invalid or expired token");
    (!app.config.accepts(PROVIDER, key)).then(refusal)
}

async fn upload(State(app): State<App>, headers: HeaderMap, form: Option<Multipart>) -> Response {
    let checked = match (unauthorized(&app, &headers), form) {
        (Some(refusal), _) => Err(refusal),
        (None, None) => Err(refused(StatusCode::BAD_REQUEST, "multipart/form-data is required")),
        (None, Some(form)) => fields(form).await,
    };
    match checked {
        Ok(form) => accept(&app, &headers, form).await,
        Err(refusal) => {
            app.world().count(PROVIDER).refusals += 1;
            refusal
        }
    }
}

/// The form as JSON: texts, `platform` as a list, a file as a note that there was one.
async fn fields(mut form: Multipart) -> Result<Map<String, Value>, Response> {
    let broken = |_| refused(StatusCode::BAD_REQUEST, "The form cannot be read");
    let mut fields = Map::new();
    let mut platforms = Vec::new();
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        let value = match field.file_name() {
            Some(_) => format!("<file of {} bytes>", field.bytes().await.map_err(broken)?.len()),
            None => field.text().await.map_err(broken)?,
        };
        match name.as_str() {
            "platform[]" => platforms.push(json!(value)),
            _ => {
                fields.insert(name, json!(value));
            }
        }
    }
    fields.insert("platform".to_owned(), Value::Array(platforms));
    match objection(&fields) {
        Some(message) => Err(refused(StatusCode::BAD_REQUEST, &message)),
        None => Ok(fields),
    }
}

fn objection(form: &Map<String, Value>) -> Option<String> {
    for name in ["user", "video"] {
        if text(form, name).is_empty() {
            return Some(format!("{name} is required"));
        }
    }
    let platforms = form.get("platform").and_then(Value::as_array);
    let known =
        ["tiktok", "youtube", "instagram", "linkedin", "facebook", "x", "threads", "pinterest", "reddit", "bluesky"];
    let platforms: Vec<&str> = platforms.into_iter().flatten().filter_map(Value::as_str).collect();
    if platforms.is_empty() {
        return Some("platform[] is required".to_owned());
    }
    if let Some(unknown) = platforms.iter().find(|platform| !known.contains(platform)) {
        return Some(format!("unsupported platform: {unknown}"));
    }
    let needs_title = platforms.iter().any(|platform| ["youtube", "reddit"].contains(platform));
    (needs_title && text(form, "title").is_empty()).then(|| "title is required".to_owned())
}

fn text<'a>(form: &'a Map<String, Value>, name: &str) -> &'a str {
    form.get(name).and_then(Value::as_str).unwrap_or_default()
}

async fn accept(app: &App, headers: &HeaderMap, form: Map<String, Value>) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let key = header("idempotency-key");
    if let Some(known) = key.as_deref().and_then(|key| replayed(app, key)) {
        let is_conflict = app.strikes(PROVIDER, REPLAY_ANSWERS_409, On::Create).is_some();
        let status = if is_conflict { StatusCode::CONFLICT } else { StatusCode::OK };
        return (status, Json(answers::accepted(&known))).into_response();
    }
    let named = Some(text(&form, "request_id").to_owned()).filter(|id| !id.is_empty());
    let request_id = named.or_else(|| header("x-request-id"));
    let is_async = text(&form, "async_upload") == "true";
    let is_scheduled = !text(&form, "scheduled_date").is_empty();
    let task = app.world().create(NewTask {
        provider: PROVIDER,
        kind: "upload",
        task_id: request_id.clone().unwrap_or_else(|| Uuid::new_v4().simple().to_string()),
        job_id: request_id,
        callback_url: None,
        idempotency_key: key,
        request: Value::Object(form),
    });
    call_back(app, &task);
    if is_scheduled {
        let body = json!({"success": true, "job_id": task.task_id});
        return (StatusCode::ACCEPTED, Json(body)).into_response();
    }
    if is_async && !task.has(ANSWERS_SYNCHRONOUSLY) {
        return Json(answers::accepted(&task)).into_response();
    }
    tokio::time::sleep(task.latency).await;
    Json(answers::synchronous(app, &task)).into_response()
}

/// The job that this key has made before.
fn replayed(app: &App, key: &str) -> Option<Task> {
    let mut world = app.world();
    let is_it = |task: &&mut Task| task.provider == PROVIDER && task.idempotency_key.as_deref() == Some(key);
    let task = world.tasks.iter_mut().find(is_it)?;
    task.creates += 1;
    let task = task.clone();
    world.count(PROVIDER).replays += 1;
    Some(task)
}

/// One event per platform, to the account's URL.
fn call_back(app: &App, task: &Task) {
    let Some(url) = delivery::target(app, task) else {
        return;
    };
    let signer = || match task.has(UNSIGNED_DELIVERY) {
        true => Signer::unsigned(),
        false => signature::of("upload_completed", Uuid::new_v4().to_string()),
    };
    let events = answers::events(app, task);
    let lie = || Delivery::forged(task, &url, answers::forged_event(task), signature::forged());
    let forged = task.has(Fault::CALLBACK_FORGED).then(lie);
    let real = events.into_iter().map(|event| Delivery::of(task, &url, event, signer())).collect();
    delivery::schedule(app, task, real, forged.into_iter().collect());
}

async fn status(State(app): State<App>, headers: HeaderMap, Query(query): Query<HashMap<String, String>>) -> Response {
    if let Some(refusal) = unauthorized(&app, &headers) {
        return refusal;
    }
    let id = query.get("request_id").or_else(|| query.get("job_id")).filter(|id| !id.is_empty());
    let Some(id) = id else {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "request_id is required"}))).into_response();
    };
    let task = app.world().queried(PROVIDER, id);
    match task {
        Some(task) => Json(answers::status(&app, &task)).into_response(),
        None => {
            let body = json!({"request_id": id, "status": "not_found", "message": "Upload not found"});
            (StatusCode::NOT_FOUND, Json(body)).into_response()
        }
    }
}

async fn history(State(app): State<App>, headers: HeaderMap, Query(query): Query<HashMap<String, String>>) -> Response {
    if let Some(refusal) = unauthorized(&app, &headers) {
        return refusal;
    }
    let wanted = query.get("external_id");
    let tasks = app.world().tasks.clone();
    let is_wanted = |task: &&Task| {
        let given = task.request.get("external_id").and_then(Value::as_str);
        task.provider == PROVIDER && wanted.is_none_or(|wanted| given == Some(wanted))
    };
    let rows: Vec<Value> = tasks.iter().filter(is_wanted).map(|task| answers::status(&app, task)).collect();
    Json(json!({"history": rows, "total": rows.len(), "page": 1})).into_response()
}

/// Both spellings of the account's notification settings.
async fn notifications(State(app): State<App>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    if let Some(refusal) = unauthorized(&app, &headers) {
        return refusal;
    }
    if let Some(url) = body.get("webhook_url").and_then(Value::as_str) {
        app.world().memory::<Account>().webhook_url = Some(Some(url.to_owned()));
    }
    Json(json!({"success": true})).into_response()
}
