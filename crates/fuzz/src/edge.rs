//! The product's edge as the checks use it: the only file that names its modules, so that a move is followed in one place.

pub(crate) use mw_web::chat::{handle as chat, parse as chat_body};
pub(crate) use mw_web::component::Handler;
pub(crate) use mw_web::config::Config;
pub(crate) use mw_web::console::{actions as console_actions, pages as console_pages};
pub(crate) use mw_web::cursor::Cursor;
pub(crate) use mw_web::database::Way;
pub(crate) use mw_web::gate_link::handle as gate_link;
pub(crate) use mw_web::idempotency;
pub(crate) use mw_web::inbox::handle as inbox;
pub(crate) use mw_web::mcp::handle as mcp;
pub(crate) use mw_web::mcp::message::{Message as RpcMessage, read as rpc_message};
pub(crate) use mw_web::request::{form_pairs, form_value, percent_decode, percent_encode};
pub(crate) use mw_web::request_id::choose as request_id;
pub(crate) use mw_web::run_start::{handle as run_start, parse as run_start_body};
pub(crate) use mw_web::runs::{handle as runs, parse_attachment as artifact_body};
pub(crate) use mw_web::slack::handle as slack;
pub(crate) use mw_web::telegram::handle as telegram;
pub(crate) use mw_web::verbs::handle as run_verbs;
pub(crate) use mw_web::verdict::parse as decision_body;
pub(crate) use mw_web::{Context, Problem, Request, Response, clock, commands};

use mw_web::{
    channels, dead_letters, drain, gates, health, metrics, principals, projects, unmatched, webhooks, webhooks_std,
};

/// The three gates' components, which differ in the gate.
pub(crate) fn gates(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let gate = match request.segment(4).as_str() {
        "ideate" => gates::GateName::Ideate,
        "prepublish" => gates::GateName::Prepublish,
        _ => gates::GateName::Workflow,
    };
    gates::handle(gate, request, context)
}

/// The component `operations`.
pub(crate) fn operations(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    match (request.segment(0).as_str(), request.segment(1).as_str()) {
        ("admin", _) => drain::handle(request, context),
        (_, "channels") => channels::handle(request, context),
        (_, "principals") => principals::handle(request, context),
        _ => dead_letters::handle(request, context),
    }
}

/// The components of webhooks.
pub(crate) fn webhooks(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    match request.segment(2).as_str() {
        "std" => webhooks_std::handle(request, context),
        "shotstack" => webhooks::receive(&webhooks::SHOTSTACK, request, context),
        "upload-post" => webhooks::receive(&webhooks::UPLOAD_POST, request, context),
        _ => webhooks::receive(&webhooks::KIEAI, request, context),
    }
}

/// The components that read no body.
pub(crate) fn without_body(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    match (request.segment(0).as_str(), request.segment(1).as_str()) {
        ("health" | "ready" | "version", _) => health::handle(request, context),
        ("metrics", _) => metrics::handle(request, context),
        (_, "projects") => projects::handle(request, context),
        _ => unmatched::handle(request, context),
    }
}
