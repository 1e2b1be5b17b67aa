//! /health (alive), /ready (fit for traffic), /version, /v1/ping and /openapi.json.

use crate::context::Context;
use crate::log::Level;
use crate::problem::{self, Problem};
use crate::request::{Method, Request};
use crate::response::Response;
use crate::{auth, clock, config_check, route, startup};
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
        ["ready"] => ready(request, context),
        ["openapi.json"] => Ok(Response::new(200, "application/json", OPENAPI)),
        ["version"] => Ok(version(context)),
        ["v1", "ping"] => Ok(Response::ok(&json!({"message": "pong", "request_id": context.request_id}))),
        _ => Err(problem::not_found("Not Found")),
    }
}

/// Says only that this process answers: a restart would not cure a database.
///
/// Whether the service drains is shown beside that, where the database says so at once; why and by whom, /admin/drain tells
/// whoever has a key.
fn alive(context: &mut Context) -> Response {
    let drain = context.database().ok().and_then(|database| mw_store::drain::state(database).ok());
    Response::ok(&json!({
        "status": "ok",
        "drain": drain.map(|drain| json!({"on": drain.on})),
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

/// 503 while the configuration is unfit, the database is away, or migrations are behind. Why is told to whoever has a key, and to
/// the log: a stranger would learn where to knock.
fn ready(request: &Request, context: &mut Context) -> Result<Response, Problem> {
    let may_know = auth::holds_a_key(request, context);
    let mut reasons = config_check::reasons(context);
    let database = database_state(context);
    if let Err(reason) = &database {
        reasons.push(reason.clone());
    }
    let is_ready = reasons.is_empty();
    if !is_ready {
        context.log.write(Level::Warn, "myloware.api", "not ready", &[("reasons", json!(reasons))]);
    }
    let mut body = json!({
        "status": if is_ready { "ready" } else { "not ready" },
        "database": if database.is_ok() { "ok" } else { "not ready" },
        "request_id": context.request_id,
    });
    if let Some(members) = body.as_object_mut().filter(|_| may_know) {
        members.insert("reasons".to_owned(), json!(reasons));
    }
    let response = Response::json(if is_ready { 200 } else { 503 }, &body);
    Ok(if is_ready { response } else { response.with_header("retry-after", "5") })
}

fn database_state(context: &mut Context) -> Result<(), String> {
    let database = context.database().map_err(|problem| problem.detail)?;
    let needed = mw_store::MIGRATION;
    match mw_store::readiness::readiness(database) {
        Ok(readiness) if readiness.is_current() => Ok(()),
        Ok(readiness) if readiness.is_older => Err("migrations are behind: an older release made them".to_owned()),
        Ok(readiness) => Err(format!("migrations are behind: {} of {needed}", readiness.migration)),
        Err(DbError::Unavailable(_)) => Err("database is not reachable".to_owned()),
        // Before the first migration there is nothing to ask.
        Err(DbError::Failed(_)) => Err(format!("migrations are behind: 0 of {needed}")),
    }
}
