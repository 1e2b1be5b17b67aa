//! /health (alive), /ready (fit for traffic), /version, /v1/ping and /openapi.json.

use crate::config_check;
use mw_edge::about::{JSON, Tag::Operations};
use mw_edge::log::Level;
use mw_edge::route::{Route, get, open_get};
use mw_edge::{Context, Problem, Request, Response, auth, clock, shape, startup};
use mw_kernel::principal::Role::Viewer;
use mw_store::DbError;
use serde_json::{Map, Value, json};

/// Made of the tables of routes and their types (`crates/routes`).
pub const OPENAPI: &str = include_str!("../openapi.json");

pub const ROUTES: &[Route] = &[
    open_get("/health", alive).is(Operations, "health", "Liveness").gives::<Health>("This instance answers."),
    open_get("/ready", ready)
        .is(Operations, "ready", "Readiness")
        .gives::<Readiness>("Fit for traffic.")
        .gives_as::<Readiness>(503, JSON, "Not fit; `reasons` says why to whoever has a key."),
    get("/version", Viewer, version)
        .is(Operations, "version", "Version and environment")
        .gives::<Version>("The version."),
    get("/v1/ping", Viewer, ping).is(Operations, "ping", "Check a key").gives::<Pong>("The key is right."),
    open_get("/openapi.json", openapi)
        .is(Operations, "openapi", "This description")
        .gives::<Map<String, Value>>("OpenAPI 3.1."),
];

shape! {
    pub struct Health {
        #[schemars(extend("const" = "ok"))]
        pub status: &'static str,
        /// Whether new runs are refused; null while the database does not say.
        pub drain: Option<Draining>,
        #[schemars(extend("format" = "date-time"))]
        pub timestamp: String,
        pub request_id: String,
    }

    #[schemars(inline)]
    pub struct Draining {
        pub on: bool,
    }

    pub struct Readiness {
        #[schemars(extend("enum" = ["ready", "not ready"]))]
        pub status: &'static str,
        #[schemars(extend("enum" = ["ok", "not ready"]))]
        pub database: &'static str,
        /// For whoever has a key.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Vec<String>")]
        pub reasons: Option<Vec<String>>,
        pub request_id: String,
    }

    pub struct Version {
        pub version: String,
        #[schemars(extend("enum" = ["local", "staging", "prod"]))]
        pub environment: String,
        pub request_id: String,
    }

    pub struct Pong {
        #[schemars(extend("const" = "pong"))]
        pub message: &'static str,
        pub request_id: String,
    }
}

fn openapi(_request: &mut Request, _context: &mut Context) -> Result<Response, Problem> {
    Ok(Response::new(200, JSON, OPENAPI))
}

fn ping(_request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    Ok(Response::ok(&Pong { message: "pong", request_id: context.request_id.clone() }))
}

/// Says only that this process answers: a restart would not cure a database.
///
/// Whether the service drains is shown beside that, where the database says so at once; why and by whom, /admin/drain tells
/// whoever has a key.
fn alive(_request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let drain = context.database().ok().and_then(|database| mw_store::drain::state(database).ok());
    Ok(Response::ok(&Health {
        status: "ok",
        drain: drain.map(|drain| Draining { on: drain.on }),
        timestamp: clock::rfc3339_with_offset(clock::now()),
        request_id: context.request_id.clone(),
    }))
}

fn version(_request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    Ok(Response::ok(&Version {
        version: context.config.or("version", env!("CARGO_PKG_VERSION")),
        environment: startup::environment(&context.config).to_string(),
        request_id: context.request_id.clone(),
    }))
}

/// 503 while the configuration is unfit, the database is away, or migrations are behind. The reasons are for whoever has a key, and for
/// the log: a stranger would learn where to knock.
fn ready(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
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
    let body = Readiness {
        status: if is_ready { "ready" } else { "not ready" },
        database: if database.is_ok() { "ok" } else { "not ready" },
        reasons: may_know.then_some(reasons),
        request_id: context.request_id.clone(),
    };
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
        // A name that another session has, or has forgotten.
        Err(DbError::Failed(text)) if ["26000", "42P05"].iter().any(|state| text.contains(state)) => Err(
            "a pooler loses prepared statements: it needs PgBouncer 1.21 with max_prepared_statements, or session mode"
                .to_owned(),
        ),
        Err(DbError::Failed(text)) if text.contains("42501") => {
            Err("the database's role lacks rights: run ops/postgres/roles.sql".to_owned())
        }
        // Before the first migration there is nothing to ask.
        Err(DbError::Failed(_)) => Err(format!("migrations are behind: 0 of {needed}")),
    }
}
