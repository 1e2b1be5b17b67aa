//! GET /v1/projects and /v1/projects/:key: what is loaded, and how providers are talked to.

use mw_edge::{Context, Method, Problem, Request, Response, auth, problem, route, startup};
use mw_operations::projects::{all, show};

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
