//! /v1/chat: turns with Brendan, and the conversations that they make. He hands out links and never approves; he knows only
//! the runs of the user who asks.
//!
//! A turn is a pipeline, and `turn` has its stages in their order:
//!
//! ```text
//! read ─► load ─► plan ─────────────────────────────► commit ─► respond ─► afterwards
//!         │       model: rounds of calls, by tools    one statement  JSON, or stream   kick, summary
//!         │       rules: without a model, or when it fails
//!         one statement: key, limit, conversation, runs, projects
//! ```
//!
//! `settings` says which model there is; `reply` is what the person reads; `conversation` exports and deletes.

mod commit;
mod conversation;
mod model;
mod reply;
mod rules;
mod settings;
mod stream;
mod summary;
mod tools;
mod turn;

use mw_edge::{Context, Problem, Request, Response};

/// What `chat` serves.
pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    match request.segments().as_slice() {
        [_, _, conversations, user_id] if conversations == "conversations" => {
            conversation::handle(user_id, request, context)
        }
        _ => turn::handle(request, context),
    }
}
