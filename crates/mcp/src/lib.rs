//! The Model Context Protocol, stateless over HTTP, and the plainer calls that were there before it.
//!
//! ```text
//! /mcp  ─► origin ─► key ─► limit ─┬► protocol: one message, one answer    message   JSON-RPC
//! /mcp/tools/list, /mcp/tools/call ┤        │                              revision  eras, headers
//!                                  │        └► offer: what we have ─► tool, tools/*   resources   state
//!                                  │                    └► direct: the original's methods
//!                                  └► plain: the same tools for HotDash
//! ```
//!
//! No tool decides a gate; docs/mcp.md is for those who connect.

mod direct;
pub mod message;
mod offer;
mod origin;
mod plain;
pub mod protocol;
mod resources;
pub mod revision;
mod state;
mod tool;
mod tools;

use message::{PARSE_ERROR, RpcError};
use mw_edge::limits::{MCP, WINDOW_SECONDS};
use mw_edge::request::BODY_LIMIT_BYTES;
use mw_edge::{Context, Problem, Request, Response, auth, body, clock, problem, route};
use mw_store::Taken;
use offer::Ours;
use serde_json::Value;
use tool::Session;

pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    if !origin::is_allowed(request, &context.config) {
        return Err(Problem::new(403, "origin-refused", "this origin may not ask"));
    }
    // Each tool names its own role.
    auth::require_any(request, context)?;
    if let Some(answer) = route::allow(request)? {
        return Ok(answer);
    }
    admit(request, context)?;
    let key = auth::sent_key(request).unwrap_or_default().to_owned();
    let mut session = Session { context, key };
    match path.as_slice() {
        ["mcp"] => mcp(request, &mut session),
        ["mcp", "tools", "list"] => Ok(plain::list()),
        ["mcp", "tools", "call"] => body::json_object(request).and_then(|body| plain::call(&body, &mut session)),
        _ => Err(problem::not_found("Not Found")),
    }
}

/// A body with `jsonrpc` is MCP; one that cannot be read is answered so, too.
fn mcp(request: &mut Request, session: &mut Session<'_>) -> Result<Response, Problem> {
    let bytes = request.body(BODY_LIMIT_BYTES)?;
    match serde_json::from_slice::<Value>(&bytes) {
        Err(_) => Ok(RpcError::new(400, PARSE_ERROR, "Parse error").into_response(None, 400)),
        Ok(Value::Object(body)) if !body.contains_key("jsonrpc") => plain::answer(&body, session),
        Ok(message) => Ok(protocol::answer(request, message, &mut Ours { session })),
    }
}

/// Whose key it is, and one from the limit.
fn admit(request: &Request, context: &mut Context) -> Result<(), Problem> {
    let caller = auth::limiter_subject(request, context);
    let limit = MCP.limit(&context.config, &caller)?;
    let key_hash = context.claimed_key();
    let admitted = mw_store::principals::admit(context.connection()?, clock::now(), key_hash.as_deref(), &limit)?;
    context.admit(admitted.principal)?;
    let Some(taken) = admitted.limit else { return Ok(()) };
    add_older_headers(context, &taken);
    context.limit(MCP, Some(&taken)).map_err(|problem| {
        let detail = "Rate limit exceeded";
        let problem = Problem { detail: detail.to_owned(), ..problem };
        problem.with_member("error", detail).with_member("retryAfter", taken.reset_seconds.max(1))
    })
}

/// As HotDash's clients know them; the reset is a moment in unix seconds.
fn add_older_headers(context: &mut Context, taken: &Taken) {
    let reset_at = clock::unix_seconds().saturating_add(i64::from(taken.reset_seconds.min(WINDOW_SECONDS)));
    context.answer_with_header("x-ratelimit-limit", taken.limit.to_string());
    context.answer_with_header("x-ratelimit-remaining", taken.remaining.to_string());
    context.answer_with_header("x-ratelimit-reset", reset_at.to_string());
}
