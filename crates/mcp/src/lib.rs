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

mod arguments;
pub mod bodies;
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

use bodies::{OlderHeaders, RpcAnswer, RpcFault, RpcOrPlain, ToolAnswer, ToolCall, ToolList};
use message::{PARSE_ERROR, RpcError};
use mw_edge::about::{JSON, Nothing, Tag::Mcp};
use mw_edge::limits::{MCP, WINDOW_SECONDS};
use mw_edge::request::BODY_LIMIT_BYTES;
use mw_edge::route::{Route, post};
use mw_edge::{Context, Problem, Request, Response, auth, body, clock};
use mw_kernel::principal::Role::Viewer;
use mw_store::Taken;
use offer::Ours;
use serde_json::Value;
use tool::Session;

/// Reading is what a key is for here; each tool names its own role.
pub const ROUTES: &[Route] = &[
    post("/mcp", Viewer, |request, context| mcp(request, &mut begin(request, context)?))
        .guarded_by(let_in)
        .limited(MCP)
        .is(Mcp, "mcp", "One message of the Model Context Protocol")
        .more(
            "Stateless, for the revisions from 2024-11-05 to 2026-07-28: docs/mcp.md. A body without `jsonrpc` is a plain call of `tools/list` or `tools/call`.",
        )
        .takes::<RpcOrPlain>()
        .gives::<RpcAnswer>("What the method answers.")
        .gives_as::<Nothing>(202, JSON, "A notification.")
        .gives_as::<RpcFault>(400, JSON, "No message, or one whose headers do not match it.")
        .gives_as::<RpcFault>(404, JSON, "No such method (2026-07-28).")
        .with_headers::<OlderHeaders>()
        .refuses(&[400, 403, 404]),
    post("/mcp/tools/list", Viewer, |request, context| begin(request, context).map(|_| plain::list()))
        .guarded_by(let_in)
        .limited(MCP)
        .is(Mcp, "mcp_list_tools", "List the tools, without MCP")
        .gives::<ToolList>("The tools.")
        .with_headers::<OlderHeaders>()
        .refuses(&[403]),
    post("/mcp/tools/call", Viewer, call)
        .guarded_by(let_in)
        .limited(MCP)
        .is(Mcp, "mcp_call_tool", "Call a tool, without MCP")
        .takes::<ToolCall>()
        .gives::<ToolAnswer>("What the tool answers; a refusal has `isError`.")
        .with_headers::<OlderHeaders>()
        .refuses(&[400, 403]),
];

/// A page of somebody else's may not ask, with no key either.
fn let_in(request: &Request, context: &mut Context) -> Result<(), Problem> {
    if !origin::is_allowed(request, &context.config) {
        return Err(Problem::new(403, "origin-refused", "this origin may not ask"));
    }
    // Any role: clients ask with GET whether there is a stream, and take only 405 for a no.
    auth::require_any(request, context)
}

/// Whoever asks is known, and has something left of the limit.
fn begin<'a>(request: &Request, context: &'a mut Context) -> Result<Session<'a>, Problem> {
    admit(request, context)?;
    let key = auth::sent_key(request).unwrap_or_default().to_owned();
    Ok(Session { context, key })
}

fn call(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let mut session = begin(request, context)?;
    plain::call(&body::json_object(request)?, &mut session)
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
    let limit = context.limit(&caller)?;
    let key_hash = context.claimed_key();
    let admitted = mw_store::principals::admit(context.connection()?, clock::now(), key_hash.as_deref(), &limit)?;
    context.admit(admitted.principal)?;
    let Some(taken) = admitted.limit else { return Ok(()) };
    add_older_headers(context, &taken);
    context.count(Some(&taken)).map_err(|problem| {
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
