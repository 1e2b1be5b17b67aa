//! POST /v1/webhooks/upload-post.

use mw_web::{Context, Problem, Request, Response, webhooks};

fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    webhooks::receive(&webhooks::UPLOAD_POST, request, context)
}

mw_web::component!(handle, Pooled);
