//! GET /v1/projects and /v1/projects/:key: what is loaded, and how providers are talked to.

use mw_edge::{Context, Problem, Request, Response, problem, route, startup};
use mw_operations::projects::{all, show};

const KEY_LENGTH_MAX: usize = 64;

pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    if let Some(answer) = route::enter(request, context)? {
        return Ok(answer);
    }
    let mode = startup::mode(&context.config)?;
    let key = request.segment(2);
    if key.is_empty() {
        return Ok(Response::ok(&all(context, mode)?));
    }
    let not_found = || problem::not_found("project not found");
    if key.len() > KEY_LENGTH_MAX || key.contains('\0') {
        return Err(not_found());
    }
    let projects = mw_store::projects::list(context.database()?, Some(&key))?;
    let project = projects.first().ok_or_else(not_found)?;
    Ok(Response::ok(&show(project, mode)))
}
