//! For operators: /v1/dlq (dead letters) and /admin/drain.

use mw_web::{Context, Problem, Request, Response, dead_letters, drain};

fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    match request.segment(0).as_str() {
        "admin" => drain::handle(request, context),
        _ => dead_letters::handle(request, context),
    }
}

mw_web::component!(handle);
