//! GET /v1/projects and /v1/projects/:key: what is loaded, and how providers are talked to.

use mw_edge::about::Tag::Projects;
use mw_edge::route::{Route, get};
use mw_edge::{Context, Problem, Request, Response, problem, shape, startup};
use mw_kernel::principal::Role::Viewer;
use mw_operations::projects::{Project, all, show};

const KEY_LENGTH_MAX: usize = 64;

pub const ROUTES: &[Route] = &[
    get("/v1/projects", Viewer, list)
        .is(Projects, "list_projects", "List the projects that are loaded")
        .gives::<Vec<Project>>("Every project once, by key. `/v1/projects/` is the same."),
    get("/v1/projects/{key}", Viewer, one)
        .is(Projects, "show_project", "Show a project")
        .path::<ProjectPath>()
        .gives::<Project>("The project."),
];

shape! {
    pub struct ProjectPath {
        /// The project's key.
        pub key: String,
    }
}

fn list(_request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let mode = startup::mode(&context.config)?;
    Ok(Response::ok(&all(context, mode)?))
}

fn one(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let mode = startup::mode(&context.config)?;
    let key = request.parameter("key");
    let not_found = || problem::not_found("project not found");
    if key.len() > KEY_LENGTH_MAX || key.contains('\0') {
        return Err(not_found());
    }
    let projects = mw_store::projects::list(context.database()?, Some(&key))?;
    let project = projects.first().ok_or_else(not_found)?;
    Ok(Response::ok(&show(project, mode)))
}
