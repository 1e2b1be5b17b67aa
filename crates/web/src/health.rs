//! /health (alive), /ready (fit for traffic), /version, /v1/ping and /openapi.json.

use crate::context::Context;
use crate::problem::{self, Problem};
use crate::request::{Method, Request};
use crate::response::Response;
use crate::{auth, clock, drain, route, startup};
use mw_store::DbError;
use serde_json::json;

/// Typed by hand; a test holds it against the routes.
pub const OPENAPI: &str = include_str!("../openapi.json");

pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let open = matches!(path.as_slice(), ["health"] | ["ready"] | ["openapi.json"]);
    if !open {
        auth::require(request, context)?;
    }
    if let Some(answer) = route::allow(request, &[Method::Get])? {
        return Ok(answer);
    }
    match path.as_slice() {
        ["health"] => Ok(alive(context)),
        ["ready"] => ready(context),
        ["openapi.json"] => Ok(Response::new(200, "application/json", OPENAPI)),
        ["version"] => Ok(version(context)),
        ["v1", "ping"] => Ok(Response::ok(&json!({"message": "pong", "request_id": context.request_id}))),
        _ => Err(problem::not_found("Not Found")),
    }
}

/// Says only that this process answers: a restart would not cure a database.
///
/// Whether the service drains is shown beside that, where the database says so at once.
fn alive(context: &mut Context) -> Response {
    let drain = context.database().ok().and_then(|database| mw_store::drain::state(database).ok());
    Response::ok(&json!({
        "status": "ok",
        "drain": drain.as_ref().map(drain::shown),
        "timestamp": clock::rfc3339_with_offset(clock::now()),
        "request_id": context.request_id,
    }))
}

fn version(context: &Context) -> Response {
    Response::ok(&json!({
        "version": context.config.or("version", env!("CARGO_PKG_VERSION")),
        "environment": startup::environment(&context.config),
        "request_id": context.request_id,
    }))
}

/// 503 with reasons while the configuration is unfit, the database is away, or migrations are behind.
fn ready(context: &mut Context) -> Result<Response, Problem> {
    let mut reasons = startup::reasons(&context.config);
    let database = database_state(context);
    if let Err(reason) = &database {
        reasons.push(reason.clone());
    }
    let body = json!({
        "status": if reasons.is_empty() { "ready" } else { "not ready" },
        "database": if database.is_ok() { "ok" } else { "not ready" },
        "reasons": reasons,
        "request_id": context.request_id,
    });
    let response = Response::json(if reasons.is_empty() { 200 } else { 503 }, &body);
    Ok(if reasons.is_empty() { response } else { response.with_header("retry-after", "5") })
}

fn database_state(context: &mut Context) -> Result<(), String> {
    let database = context.database().map_err(|problem| problem.detail)?;
    let needed = mw_store::MIGRATION;
    match mw_store::readiness::readiness(database) {
        Ok(readiness) if readiness.migration >= needed => Ok(()),
        Ok(readiness) => Err(format!("migrations are behind: {} of {needed}", readiness.migration)),
        Err(DbError::Unavailable(_)) => Err("database is not reachable".to_owned()),
        // Before the first migration there is nothing to ask.
        Err(DbError::Failed(_)) => Err(format!("migrations are behind: 0 of {needed}")),
    }
}
