//! GET /v1/projects and /v1/projects/:key: what is loaded, and how providers are talked to.

use crate::context::Context;
use crate::problem::{self, Problem};
use crate::request::{Method, Request};
use crate::response::Response;
use crate::{auth, route, startup};
use mw_core::definition::Definition;
use mw_core::status::ProvidersMode;
use serde_json::{Value, json};

const KEY_LENGTH_MAX: usize = 64;

pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    auth::require(request, context)?;
    if let Some(answer) = route::allow(request, &[Method::Get])? {
        return Ok(answer);
    }
    let mode = startup::mode(&context.config)?;
    let key = request.segment(2);
    if key.is_empty() {
        context.route = "/v1/projects";
        return Ok(Response::ok(&all(context, mode)?));
    }
    context.route = "/v1/projects/{key}";
    let not_found = || problem::not_found("project not found");
    if key.len() > KEY_LENGTH_MAX || key.contains('\0') {
        return Err(not_found());
    }
    let projects = mw_store::projects::list(context.database()?, Some(&key))?;
    let project = projects.first().ok_or_else(not_found)?;
    Ok(Response::ok(&show(project, mode)))
}

/// Every project as clients see it.
pub(crate) fn all(context: &mut Context, mode: ProvidersMode) -> Result<Vec<Value>, Problem> {
    let projects = mw_store::projects::list(context.database()?, None)?;
    Ok(projects.iter().map(|project| show(project, mode)).collect())
}

fn show(project: &Definition, mode: ProvidersMode) -> Value {
    json!({
        "key": project.key,
        "title": project.title,
        "description": project.description,
        "metadata": {"version": project.version, "tags": project.tags},
        "providers": {
            "mode": mode.as_str(),
            "video": "kieai",
            "render": "shotstack",
            "publish": "upload-post",
        },
    })
}
