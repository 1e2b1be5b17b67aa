//! GET and POST /v1/hitl/approve/:run/ideate.

use mw_web::{Context, Problem, Request, Response, gates};

fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    gates::handle(gates::GateName::Ideate, request, context)
}

mw_web::component!(handle, Pooled);
