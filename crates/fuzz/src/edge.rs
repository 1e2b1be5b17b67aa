//! The product's edge as the checks use it: the only file that names its modules, so that a move is followed in one place.

pub(crate) use mw_api::runs::parse_attachment as artifact_body;
pub(crate) use mw_console::{actions as console_actions, pages as console_pages};
pub(crate) use mw_edge::component::Handler;
pub(crate) use mw_edge::config::Config;
pub(crate) use mw_edge::cursor::Cursor;
pub(crate) use mw_edge::database::{Answer, Way};
pub(crate) use mw_edge::request::{form_pairs, form_value, percent_decode, percent_encode};
pub(crate) use mw_edge::request_id::choose as request_id;
pub(crate) use mw_edge::{Context, Problem, Request, Response, clock, idempotency, ids};
pub(crate) use mw_mcp::message::{Message as RpcMessage, read as rpc_message};
pub(crate) use mw_operations::start::body::parse as run_start_body;
pub(crate) use mw_operations::turn::parse as chat_body;

use mw_integrations::registry;
use mw_operations::gate::DecisionRequest;
use mw_operations::gate::request::parse;

/// A decision at a gate, of any kind of run that the product has.
pub(crate) fn decision_body(request: &mut Request) -> Result<DecisionRequest, Problem> {
    parse(request, mw_kinds::KINDS)
}

use mw_api::{channels, dead_letters, drain, gates as gate_routes, health, metrics, principals, projects};
use mw_edge::route::{Route, answer};

/// A component as `mw_edge::component!` makes it of its tables.
macro_rules! components {
    ($($name:ident: [$($table:path),*];)+) => { $(
        pub(crate) fn $name(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
            const TABLES: &[&[Route]] = &[$($table),*];
            answer(TABLES, request, context)
        }
    )+ };
}

components! {
    gates: [gate_routes::approve::ROUTES];
    inbox: [gate_routes::inbox::ROUTES];
    gate_link: [gate_routes::link::ROUTES];
    operations: [dead_letters::ROUTES, principals::ROUTES, channels::ROUTES, drain::ROUTES];
    runs: [mw_api::runs::ROUTES];
    run_start: [mw_api::start::ROUTES];
    run_verbs: [mw_api::verbs::ROUTES];
    slack: [mw_channels::slack::ROUTES];
    telegram: [mw_channels::telegram::ROUTES];
    chat: [mw_chat::ROUTES];
    mcp: [mw_mcp::ROUTES];
    standard_webhooks: [mw_api::webhooks::standard::ROUTES];
    without_body: [health::ROUTES, metrics::ROUTES, projects::ROUTES];
}

/// The components of webhooks.
pub(crate) fn webhooks(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    match request.segments().get(2).and_then(|name| registry::webhook(name)) {
        Some(webhook) => mw_api::webhooks::receive(webhook, request, context),
        None => standard_webhooks(request, context),
    }
}
