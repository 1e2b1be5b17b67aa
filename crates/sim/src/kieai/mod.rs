//! kie.ai: three families of one API. Whatever goes wrong, HTTP says 200 and only the JSON `code` decides.

mod answers;
mod faults;
mod requests;
mod signature;

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::delivery::{self, Delivery};
use crate::fault::{Fault, On};
use crate::player::{Jobs, Player, Provider, Setting};
use crate::signer::Signer;
use crate::world::{App, NewTask, Task, job_in};
use faults::*;

pub(crate) static PLAYER: Player = Player {
    settings: &[
        Setting::secret("kieai_api_key", "The only key that kie.ai accepts [default: any]"),
        Setting::secret(SIGNING_SECRET, "Signs kie.ai's callbacks"),
    ],
    key: Some("kieai_api_key"),
    faults: &[FAULTS],
    jobs: Some(&Clips),
    ..Player::new("kieai", "/kieai", routes, error)
};

const PROVIDER: Provider = Provider(&PLAYER);
const SIGNING_SECRET: &str = "kieai_signing_secret";

struct Clips;

impl Jobs for Clips {
    fn latency_ms(&self) -> u64 {
        300
    }

    fn attempts(&self) -> u64 {
        4
    }

    fn lie(&self, task_id: &str, url: &str, secret: &str, at_unix: u64) -> (Vec<(&'static str, String)>, Value) {
        let body = json!({"code": 200, "msg": "ok", "data": {"taskId": task_id, "info": {"resultUrls": [url]}}});
        (signature::headers(secret, task_id, at_unix), body)
    }
}

fn error(status: StatusCode, message: &str) -> Value {
    json!({"code": status.as_u16(), "msg": message, "data": null})
}

/// When the latest jobs were created, for the account's limit.
#[derive(Default)]
struct Recent(VecDeque<Instant>);

/// An account may make so many requests in so much time.
const REQUESTS_MAX: usize = 20;
const ACCOUNT_WINDOW: Duration = Duration::from_secs(10);

/// A family: how it reads a request, and how it reports a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Veo,
    Market,
    Runway,
}

impl Family {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Family::Veo => "veo",
            Family::Market => "market",
            Family::Runway => "runway",
        }
    }
}

pub(crate) fn routes() -> Router<App> {
    let create = |family| move |state, headers, body| create(family, state, headers, body);
    let record = |family| move |state, headers, query| record(family, state, headers, query);
    Router::new()
        .route("/api/v1/veo/generate", post(create(Family::Veo)))
        .route("/api/v1/veo/record-info", get(record(Family::Veo)))
        .route("/api/v1/jobs/createTask", post(create(Family::Market)))
        .route("/api/v1/jobs/recordInfo", get(record(Family::Market)))
        .route("/api/v1/runway/generate", post(create(Family::Runway)))
        .route("/api/v1/runway/record-detail", get(record(Family::Runway)))
        .route("/api/v1/chat/credit", get(credit))
        .fallback(|| async { refused(404, "The requested resource does not exist") })
}

fn refused(code: u16, message: &str) -> Json<Value> {
    Json(json!({"code": code, "msg": message, "data": null}))
}

fn is_authorized(app: &App, headers: &HeaderMap) -> bool {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    app.config.accepts(PROVIDER, value.and_then(|value| value.strip_prefix("Bearer ")))
}

async fn create(family: Family, State(app): State<App>, headers: HeaderMap, body: Bytes) -> Json<Value> {
    match accept(family, &app, &headers, &body) {
        Ok(task) => {
            let name = if task.has(IDS_AS_TASK_ID) { "task_id" } else { "taskId" };
            Json(json!({"code": 200, "msg": "success", "data": {name: task.task_id}}))
        }
        Err((code, message)) => {
            app.world().count(PROVIDER).refusals += 1;
            refused(code, &message)
        }
    }
}

fn accept(family: Family, app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Task, (u16, String)> {
    if !is_authorized(app, headers) {
        return Err((401, "You do not have access permissions".to_owned()));
    }
    let body: Value = serde_json::from_slice(body).map_err(|_| (400, "The request is not JSON".to_owned()))?;
    requests::check(family, &body).map_err(|message| (422, message))?;
    told_to_refuse(app)?;
    let callback_url = body.get("callBackUrl").and_then(Value::as_str).map(str::to_owned);
    let id = Uuid::new_v4().simple().to_string();
    let task = app.world().create(NewTask {
        provider: PROVIDER,
        kind: family.name(),
        task_id: if family == Family::Veo { format!("veo_task_{id}") } else { id },
        job_id: callback_url.as_deref().and_then(job_in),
        callback_url,
        idempotency_key: None,
        request: body,
    });
    call_back(family, app, &task);
    Ok(task)
}

fn told_to_refuse(app: &App) -> Result<(), (u16, String)> {
    let codes = [
        (CODE_402, 402, "The current credits are insufficient. Please top up."),
        (CODE_429, 429, "Your call frequency is too high. Please try again later."),
        (CODE_455, 455, "The server is under maintenance."),
        (CODE_501, 501, "Video generation failed."),
    ];
    for (fault, code, message) in codes {
        if app.strikes(PROVIDER, fault, On::Create).is_some() {
            return Err((code, message.to_owned()));
        }
    }
    match app.strikes(PROVIDER, ACCOUNT_LIMIT, On::Create).is_some() && is_over_limit(app) {
        true => Err((429, "Too many requests: 20 per 10 seconds.".to_owned())),
        false => Ok(()),
    }
}

fn is_over_limit(app: &App) -> bool {
    let mut world = app.world();
    let Recent(recent) = world.memory();
    while recent.front().is_some_and(|time| time.elapsed() > ACCOUNT_WINDOW) {
        recent.pop_front();
    }
    if recent.len() >= REQUESTS_MAX {
        return true;
    }
    recent.push_back(Instant::now());
    false
}

/// Both the real callback and what strangers send. Without a callback URL nobody knows where to send anything.
fn call_back(family: Family, app: &App, task: &Task) {
    let Some(url) = delivery::target(app, task) else {
        return;
    };
    let lie = |signer: Signer| Delivery::forged(task, &url, answers::forged_callback(family, task), signer);
    let signer = signature::of(&task.task_id);
    let mut forged = Vec::new();
    if task.has(FORGED_BODY_VALID_SIGNATURE) {
        forged.push(lie(signer.clone()));
    }
    if task.has(Fault::CALLBACK_FORGED) {
        forged.push(lie(signature::forged()));
    }
    let real = Delivery::of(task, &url, answers::callback(family, app, task), signer);
    delivery::schedule(app, task, vec![real], forged);
}

async fn record(
    family: Family,
    State(app): State<App>,
    headers: HeaderMap,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Value> {
    if !is_authorized(&app, &headers) {
        return refused(401, "You do not have access permissions");
    }
    let Some(task_id) = query.get("taskId").filter(|id| !id.is_empty()) else {
        return refused(422, "taskId is required");
    };
    let task = app.world().queried(PROVIDER, task_id);
    match task.filter(|task| task.kind == family.name()) {
        Some(task) => Json(json!({"code": 200, "msg": "success", "data": answers::record(family, &app, &task)})),
        None => refused(422, "recordInfo is null"),
    }
}

async fn credit(State(app): State<App>, headers: HeaderMap) -> Json<Value> {
    match is_authorized(&app, &headers) {
        true => Json(json!({"code": 200, "msg": "success", "data": 1000})),
        false => refused(401, "You do not have access permissions"),
    }
}
