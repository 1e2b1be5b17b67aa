//! The routes: what each answers when all is well, and each documented refusal.

mod changes;
mod common;
mod limits;
mod reads;
mod start;

/// A route, with the method it takes.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    /// Open without a key.
    pub(crate) open: bool,
    /// What it answers to other methods.
    pub(crate) allow: &'static str,
}

const READ: &str = "GET, HEAD, OPTIONS";
const WRITE: &str = "POST, OPTIONS";

const fn route(method: &'static str, path: &'static str, open: bool, allow: &'static str) -> Route {
    Route { method, path, open, allow }
}

/// Every public route.
pub(crate) const ROUTES: [Route; 36] = [
    route("GET", "/", true, READ),
    route("GET", "/docs", true, READ),
    route("GET", "/redoc", true, READ),
    route("GET", "/health", true, READ),
    route("GET", "/ready", true, READ),
    route("GET", "/metrics", true, READ),
    route("GET", "/openapi.json", true, READ),
    route("GET", "/version", false, READ),
    route("GET", "/v1/ping", false, READ),
    route("POST", "/v1/chat/brendan", false, WRITE),
    route("POST", "/v1/runs/start", false, WRITE),
    route("GET", "/v1/runs", false, READ),
    route("GET", "/v1/runs/no-such-run", false, READ),
    route("GET", "/v1/runs/no-such-run/events", false, READ),
    route("POST", "/v1/runs/no-such-run/cancel", false, WRITE),
    route("POST", "/v1/runs/no-such-run/artifacts", false, WRITE),
    route("GET", "/v1/projects", false, READ),
    route("GET", "/v1/projects/", false, READ),
    route("GET", "/v1/projects/no_such_project", false, READ),
    route("GET", "/v1/hitl/link/no-such-run/workflow", false, READ),
    route("POST", "/v1/hitl/approve/no-such-run/workflow", false, "GET, HEAD, POST, OPTIONS"),
    route("POST", "/v1/webhooks/kieai", true, WRITE),
    route("POST", "/v1/webhooks/shotstack", true, WRITE),
    route("POST", "/v1/webhooks/upload-post", true, WRITE),
    route("POST", "/v1/webhooks/std/no-such-source", true, WRITE),
    route("POST", "/v1/sweep", false, WRITE),
    route("GET", "/v1/dlq", false, READ),
    route("POST", "/v1/dlq/replay", false, WRITE),
    route("POST", "/v1/dlq/discard", false, WRITE),
    route("GET", "/v1/dlq/no-such-letter", false, READ),
    route("POST", "/v1/dlq/no-such-letter/replay", false, WRITE),
    route("POST", "/v1/dlq/no-such-letter/discard", false, WRITE),
    route("POST", "/mcp", false, WRITE),
    route("POST", "/mcp/tools/list", false, WRITE),
    route("POST", "/mcp/tools/call", false, WRITE),
    route("GET", "/admin/drain", false, "GET, HEAD, POST, OPTIONS"),
];
