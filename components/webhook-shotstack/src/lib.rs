//! POST /v1/webhooks/shotstack.

use mw_web::{Context, Problem, Request, Response, webhooks};

fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    webhooks::receive(&webhooks::SHOTSTACK, request, context)
}

mw_web::component!(handle, Pooled);
