//! `/_sim`: what tests and people see of the simulator, and how they steer it.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::config::Latency;
use crate::delivery;
use crate::fault::{Rule, known};
use crate::llm;
use crate::person;
use crate::player::PLAYERS;
use crate::world::{App, World};

pub(crate) fn routes() -> Router<App> {
    let own = PLAYERS.iter().filter_map(|player| Some(player.control?.0()));
    own.fold(Router::new(), Router::merge)
        .route("/", get(index))
        .route("/state", get(state))
        .route("/faults", get(faults).post(switch_on).delete(clear))
        .route("/callbacks/hold", post(hold))
        .route("/callbacks/release", post(release))
        .route("/latency", get(latency).post(set_latency))
        .route("/llm", post(tell_model))
        .route("/llm/requests", get(model_requests))
        .route("/messages", get(messages))
        .route("/spans", get(spans))
        .route("/errors", get(errors))
        .route("/press", post(person::press))
        .route("/reset", post(reset))
}

pub(crate) async fn index() -> Json<Value> {
    let providers: Map<String, Value> =
        PLAYERS.iter().map(|player| (player.name.to_owned(), json!(player.at))).collect();
    let own = PLAYERS.iter().filter_map(|player| Some(player.control?.1));
    let control: Vec<&str> = CONTROL.into_iter().chain(own).collect();
    Json(json!({"service": "mw-sim", "providers": providers, "control": control}))
}

const CONTROL: [&str; 13] = [
    "GET /_sim/state",
    "GET|POST|DELETE /_sim/faults",
    "POST /_sim/callbacks/hold",
    "POST /_sim/callbacks/release",
    "GET|POST /_sim/latency",
    "POST /_sim/llm",
    "GET /_sim/llm/requests?contains=",
    "GET /_sim/messages?address=",
    "GET /_sim/spans?run_id=",
    "GET /_sim/errors?run_id=",
    "POST /_sim/press",
    "POST /_sim/reset",
    "GET /_sim/media/<name>.mp4",
];

async fn state(State(app): State<App>) -> Json<Value> {
    let world = app.world();
    Json(json!({
        "tasks": world.tasks,
        "counts": world.counts,
        "submitted_twice": submitted_twice(&world),
        "held_callbacks": world.held.as_ref().map(Vec::len),
        "rules": world.rules,
    }))
}

/// Jobs of ours for which a provider has more than one task.
fn submitted_twice(world: &World) -> Vec<Value> {
    let mut jobs: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for task in &world.tasks {
        if let Some(job) = &task.job_id {
            jobs.entry((task.provider, job)).or_default().push(&task.task_id);
        }
    }
    jobs.into_iter()
        .filter(|(_, tasks)| tasks.len() > 1)
        .map(|((provider, job), tasks)| json!({"provider": provider, "job_id": job, "task_ids": tasks}))
        .collect()
}

async fn faults(State(app): State<App>) -> Json<Value> {
    Json(json!({"known": known(), "active": app.world().rules}))
}

/// One rule, or an array of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Rules {
    Many(Vec<Rule>),
    One(Box<Rule>),
}

async fn switch_on(State(app): State<App>, Json(body): Json<Value>) -> Response {
    let rules = match serde_json::from_value(body.clone()) {
        Ok(Rules::Many(rules)) => rules,
        Ok(Rules::One(rule)) => vec![*rule],
        // An untagged error says nothing, that of a single rule says what is wrong with it.
        Err(_) => match serde_json::from_value::<Rule>(body) {
            Ok(rule) => vec![rule],
            Err(error) => return bad_request(&error.to_string()),
        },
    };
    if let Some(objection) = rules.iter().find_map(Rule::objection) {
        return bad_request(&objection);
    }
    let mut world = app.world();
    world.rules.extend(rules);
    Json(json!({"active": world.rules})).into_response()
}

fn bad_request(message: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": message}))).into_response()
}

async fn clear(State(app): State<App>) -> Json<Value> {
    app.world().rules.clear();
    Json(json!({"active": []}))
}

async fn hold(State(app): State<App>) -> Json<Value> {
    let mut world = app.world();
    let held = world.held.get_or_insert_default().len();
    Json(json!({"held": held}))
}

async fn release(State(app): State<App>) -> Json<Value> {
    Json(json!({"released": delivery::release(&app)}))
}

async fn latency(State(app): State<App>) -> Json<Latency> {
    Json(app.world().latency.clone())
}

/// For jobs from now on; what is not named keeps its value.
async fn set_latency(State(app): State<App>, Json(changes): Json<Map<String, Value>>) -> Response {
    let mut world = app.world();
    match world.latency.with(&changes) {
        Ok(latency) => {
            world.latency = latency.clone();
            Json(latency).into_response()
        }
        Err(error) => bad_request(&error),
    }
}

/// What the model says from now on: see `llm::tell`.
async fn tell_model(State(app): State<App>, Json(answers): Json<Map<String, Value>>) -> Response {
    match llm::tell(&app, answers) {
        Ok(known) => Json(known).into_response(),
        Err(error) => bad_request(&error),
    }
}

#[derive(Deserialize)]
struct Containing {
    #[serde(default)]
    contains: String,
}

/// What the model was asked and said, oldest first.
async fn model_requests(State(app): State<App>, Query(wanted): Query<Containing>) -> Json<Value> {
    Json(llm::requests(&app, &wanted.contains))
}

#[derive(Deserialize)]
struct Addressed {
    address: Option<String>,
}

/// What bots have sent, oldest first: to one address, or all of it.
async fn messages(State(app): State<App>, Query(wanted): Query<Addressed>) -> Json<Value> {
    Json(json!({"messages": app.world().messages.of(wanted.address.as_deref())}))
}

#[derive(Deserialize)]
struct OfRun {
    run_id: Option<String>,
}

/// What the collector has of a run, or of all, in the order in which it came.
async fn spans(State(app): State<App>, Query(wanted): Query<OfRun>) -> Json<Value> {
    Json(json!({"spans": app.world().telemetry.spans_of(wanted.run_id.as_deref())}))
}

/// What Sentry has of a run, or of all, in the order in which it came.
async fn errors(State(app): State<App>, Query(wanted): Query<OfRun>) -> Json<Value> {
    Json(json!({"errors": app.world().telemetry.errors_of(wanted.run_id.as_deref())}))
}

async fn reset(State(app): State<App>) -> Json<Value> {
    app.reset();
    Json(json!({"reset": true}))
}
