//! For operators: /v1/dlq (dead letters), /v1/principals, /v1/channels (who is notified) and /admin/drain, which share
//! one component.

use crate::{channels, dead_letters, drain, principals};
use mw_edge::{Context, Problem, Request, Response};

pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    match (request.segment(0).as_str(), request.segment(1).as_str()) {
        ("admin", _) => drain::handle(request, context),
        (_, "channels") => channels::handle(request, context),
        (_, "principals") => principals::handle(request, context),
        _ => dead_letters::handle(request, context),
    }
}
