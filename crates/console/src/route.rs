//! Which page or action a path names, and who may use it.

use mw_edge::{Method, Request};
use mw_kernel::principal::Role;
use mw_kernel::status::{GateName, Verb};
use mw_store::dead_letters::Action;

pub(super) enum Route {
    Inbox,
    Login,
    Logout,
    Asset,
    Runs,
    Bulk,
    Run(String),
    Raw(String),
    Verb(String, Verb),
    Gate(String, GateName),
    Webhooks,
    DeadLetter(String),
    Settle(String, Action),
    Providers,
    System,
    Drain,
    Start,
    Chat,
    /// Starts a run.
    Begin,
    /// Says something to Brendan.
    Say,
}

impl Route {
    pub(super) fn of(request: &Request) -> Option<Route> {
        let segments = request.segments();
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        let route = match path.as_slice() {
            ["console"] => Route::Inbox,
            ["console", "login"] => Route::Login,
            ["console", "logout"] => Route::Logout,
            ["console", "assets", _] => Route::Asset,
            ["console", "runs"] => Route::Runs,
            ["console", "bulk"] => Route::Bulk,
            ["console", "runs", id] => Route::Run((*id).to_owned()),
            ["console", "runs", id, "raw"] => Route::Raw((*id).to_owned()),
            ["console", "runs", id, "verbs", verb] => Route::Verb((*id).to_owned(), Verb::parse(verb)?),
            ["console", "runs", id, "gates", gate] => Route::Gate((*id).to_owned(), GateName::parse(gate)?),
            ["console", "webhooks"] => Route::Webhooks,
            ["console", "letters", id] => Route::DeadLetter((*id).to_owned()),
            ["console", "letters", id, "replay"] => Route::Settle((*id).to_owned(), Action::Replay),
            ["console", "letters", id, "discard"] => Route::Settle((*id).to_owned(), Action::Discard),
            ["console", "providers"] => Route::Providers,
            ["console", "system"] => Route::System,
            ["console", "drain"] => Route::Drain,
            ["console", "start"] => Route::Start,
            ["console", "chat"] => Route::Chat,
            ["console", "start", "begin"] => Route::Begin,
            ["console", "chat", "say"] => Route::Say,
            _ => return None,
        };
        Some(route)
    }

    /// For metrics and traces; ids never stand in it.
    pub(super) fn template(&self) -> &'static str {
        match self {
            Route::Inbox => "/console",
            Route::Login => "/console/login",
            Route::Logout => "/console/logout",
            Route::Asset => "/console/assets/{name}",
            Route::Runs => "/console/runs",
            Route::Bulk => "/console/bulk",
            Route::Run(_) => "/console/runs/{run_id}",
            Route::Raw(_) => "/console/runs/{run_id}/raw",
            Route::Verb(..) => "/console/runs/{run_id}/verbs/{verb}",
            Route::Gate(..) => "/console/runs/{run_id}/gates/{gate}",
            Route::Webhooks => "/console/webhooks",
            Route::DeadLetter(_) => "/console/letters/{id}",
            Route::Settle(..) => "/console/letters/{id}/{action}",
            Route::Providers => "/console/providers",
            Route::System => "/console/system",
            Route::Drain => "/console/drain",
            Route::Start => "/console/start",
            Route::Chat => "/console/chat",
            Route::Begin => "/console/start/begin",
            Route::Say => "/console/chat/say",
        }
    }

    pub(super) fn methods(&self) -> &'static [Method] {
        match self {
            Route::Inbox
            | Route::Asset
            | Route::Runs
            | Route::Run(_)
            | Route::Raw(_)
            | Route::Webhooks
            | Route::DeadLetter(_)
            | Route::Providers
            | Route::System
            | Route::Start
            | Route::Chat => &[Method::Get],
            Route::Login => &[Method::Get, Method::Post],
            Route::Logout
            | Route::Bulk
            | Route::Verb(..)
            | Route::Gate(..)
            | Route::Settle(..)
            | Route::Drain
            | Route::Begin
            | Route::Say => &[Method::Post],
        }
    }

    /// The role that the action asks for; looking asks for a session only.
    pub(super) fn acts_as(&self) -> Role {
        match self {
            Route::Inbox
            | Route::Login
            | Route::Logout
            | Route::Asset
            | Route::Runs
            | Route::Run(_)
            | Route::Raw(_)
            | Route::Webhooks
            | Route::DeadLetter(_)
            | Route::Providers
            | Route::System
            | Route::Start
            | Route::Chat => Role::Viewer,
            Route::Gate(..) | Route::Begin | Route::Say => Role::Approver,
            Route::Bulk | Route::Verb(..) | Route::Settle(..) | Route::Drain => Role::Operator,
        }
    }
}
