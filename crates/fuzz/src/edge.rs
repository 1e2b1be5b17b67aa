//! The product's edge as the checks use it: the only file that names its modules, so that a move is followed in one place.

pub(crate) use mw_api::gates::approve::handle as gates;
pub(crate) use mw_api::gates::inbox::handle as inbox;
pub(crate) use mw_api::gates::link::handle as gate_link;
pub(crate) use mw_api::operator::handle as operations;
pub(crate) use mw_api::runs::{handle as runs, parse_attachment as artifact_body};
pub(crate) use mw_api::start::handle as run_start;
pub(crate) use mw_api::verbs::handle as run_verbs;
pub(crate) use mw_channels::slack::handle as slack;
pub(crate) use mw_channels::telegram::handle as telegram;
pub(crate) use mw_chat::handle as chat;
pub(crate) use mw_console::{actions as console_actions, pages as console_pages};
pub(crate) use mw_edge::component::Handler;
pub(crate) use mw_edge::config::Config;
pub(crate) use mw_edge::cursor::Cursor;
pub(crate) use mw_edge::database::{Answer, Way};
pub(crate) use mw_edge::request::{form_pairs, form_value, percent_decode, percent_encode};
pub(crate) use mw_edge::request_id::choose as request_id;
pub(crate) use mw_edge::{Context, Problem, Request, Response, clock, idempotency, ids};
pub(crate) use mw_mcp::handle as mcp;
pub(crate) use mw_mcp::message::{Message as RpcMessage, read as rpc_message};
pub(crate) use mw_operations::start::body::parse as run_start_body;
pub(crate) use mw_operations::turn::parse as chat_body;

use mw_api::{health, metrics, not_found, projects, webhooks};
use mw_operations::gate::DecisionRequest;
use mw_operations::gate::request::parse;

/// A decision at a gate, of any kind of run that the product has.
pub(crate) fn decision_body(request: &mut Request) -> Result<DecisionRequest, Problem> {
    parse(request, mw_kinds::KINDS)
}

/// The components of webhooks.
pub(crate) fn webhooks(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    match request.segment(2).as_str() {
        "std" => webhooks::standard::handle(request, context),
        "shotstack" => webhooks::shotstack(request, context),
        "upload-post" => webhooks::upload_post(request, context),
        _ => webhooks::kieai(request, context),
    }
}

/// The components that read no body.
pub(crate) fn without_body(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    match (request.segment(0).as_str(), request.segment(1).as_str()) {
        ("health" | "ready" | "version", _) => health::handle(request, context),
        ("metrics", _) => metrics::handle(request, context),
        (_, "projects") => projects::handle(request, context),
        _ => not_found::handle(request, context),
    }
}
