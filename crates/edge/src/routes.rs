//! The routes, each on one line: which methods it takes, which role each asks of its caller, and who checks that. Reading is for
//! viewers; talking to Brendan, starting runs and deciding gates for approvers; all else for operators. A test walks spin.toml
//! and openapi.json, so that no route is forgotten; what is not listed is the operator's all the same.

use crate::request::{Method, Request};
use Guard::{Handler, Key, Open};
use Method::{Delete, Get, Post};
use mw_kernel::principal::Role::{self, Approver, Operator, Viewer};

/// Who checks the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Nobody is asked for a key; the handler may look at a signature.
    Open,
    /// The route: there is no way in but by a key.
    Key,
    /// The handler: something else than a key may speak for the caller.
    Handler,
}

/// A route.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// As metrics and OpenAPI name it; spin.toml writes `:name` for `{name}`.
    pub template: &'static str,
    pub guard: Guard,
    /// HEAD is wherever GET is.
    pub methods: &'static [Method],
    /// The role of each method that takes a key.
    pub roles: &'static [(Method, Role)],
}

const fn key(template: &'static str, roles: &'static [(Method, Role)]) -> Route {
    Route { template, guard: Key, methods: &[], roles }
}

const fn own(template: &'static str, roles: &'static [(Method, Role)]) -> Route {
    Route { template, guard: Handler, methods: &[], roles }
}

const fn open(template: &'static str, methods: &'static [Method]) -> Route {
    Route { template, guard: Open, methods, roles: &[] }
}

const fn own_open(template: &'static str, methods: &'static [Method]) -> Route {
    Route { template, guard: Handler, methods, roles: &[] }
}

/// All of them; the first match wins.
pub const ROUTES: &[Route] = &[
    own("/v1/chat/brendan", &[(Post, Approver)]),
    // One's own; another's are the environment's key's: crates/chat/src/conversation.rs.
    key("/v1/chat/conversations/{user_id}", &[(Get, Viewer), (Delete, Viewer)]),
    key("/v1/runs/start", &[(Post, Approver)]),
    key("/v1/runs/bulk", &[(Post, Operator)]),
    key("/v1/runs", &[(Get, Viewer)]),
    key("/v1/runs/{run_id}", &[(Get, Viewer)]),
    key("/v1/runs/{run_id}/events", &[(Get, Viewer)]),
    key("/v1/runs/{run_id}/why", &[(Get, Viewer)]),
    key("/v1/runs/{run_id}/artifacts", &[(Post, Operator)]),
    key("/v1/runs/{run_id}/cancel", &[(Post, Operator)]),
    key("/v1/runs/{run_id}/pause", &[(Post, Operator)]),
    key("/v1/runs/{run_id}/resume", &[(Post, Operator)]),
    key("/v1/runs/{run_id}/terminate", &[(Post, Operator)]),
    key("/v1/runs/{run_id}/extend", &[(Post, Operator)]),
    key("/v1/runs/{run_id}/retry", &[(Post, Operator)]),
    key("/v1/runs/{run_id}/rerun", &[(Post, Operator)]),
    key("/v1/projects", &[(Get, Viewer)]),
    key("/v1/projects/{key}", &[(Get, Viewer)]),
    // GET with a key decides.
    own("/v1/hitl/approve/{run_id}/workflow", &[(Get, Approver), (Post, Approver)]),
    own("/v1/hitl/approve/{run_id}/ideate", &[(Get, Approver), (Post, Approver)]),
    own("/v1/hitl/approve/{run_id}/prepublish", &[(Get, Approver), (Post, Approver)]),
    own("/v1/hitl/approve/{run_id}/{gate}", &[(Get, Approver), (Post, Approver)]),
    key("/v1/hitl/link/{run_id}/{gate}", &[(Get, Approver)]),
    key("/v1/gates", &[(Get, Viewer)]),
    key("/v1/gates/{run_id}/{gate}", &[(Get, Viewer), (Post, Approver)]),
    key("/v1/gates/{run_id}/{gate}/reopen", &[(Post, Operator)]),
    open("/v1/webhooks/kieai", &[Post]),
    open("/v1/webhooks/shotstack", &[Post]),
    open("/v1/webhooks/upload-post", &[Post]),
    open("/v1/webhooks/std/{source}", &[Post]),
    own("/v1/sweep", &[(Post, Operator)]),
    key("/v1/dlq/replay", &[(Post, Operator)]),
    key("/v1/dlq/discard", &[(Post, Operator)]),
    key("/v1/dlq", &[(Get, Viewer)]),
    key("/v1/dlq/{id}", &[(Get, Viewer)]),
    key("/v1/dlq/{id}/replay", &[(Post, Operator)]),
    key("/v1/dlq/{id}/discard", &[(Post, Operator)]),
    key("/v1/channels", &[(Get, Viewer), (Post, Operator)]),
    key("/v1/channels/replay", &[(Post, Operator)]),
    key("/v1/channels/{id}/remove", &[(Post, Operator)]),
    open("/v1/telegram/webhook", &[Post]),
    open("/v1/slack/interactions", &[Post]),
    key("/admin/drain", &[(Get, Viewer), (Post, Operator)]),
    // Who has which key, and which account elsewhere, is nobody else's business.
    key("/v1/principals", &[(Get, Operator), (Post, Operator)]),
    key("/v1/principals/{name}", &[(Post, Operator)]),
    key("/v1/principals/{name}/keys", &[(Post, Operator)]),
    key("/v1/principals/{name}/keys/{key_id}/revoke", &[(Post, Operator)]),
    key("/v1/principals/{name}/disable", &[(Post, Operator)]),
    key("/v1/principals/{name}/enable", &[(Post, Operator)]),
    key("/v1/principals/{name}/identities", &[(Post, Operator)]),
    // Sessions, not keys: crates/console/src/route.rs has the roles.
    own_open("/console", &[Get]),
    // Each tool names its own role: crates/mcp/src/tools.
    own("/mcp", &[(Post, Viewer)]),
    own("/mcp/tools/list", &[(Post, Viewer)]),
    own("/mcp/tools/call", &[(Post, Viewer)]),
    // By a key of its own, where one is set.
    own_open("/metrics", &[Get]),
    open("/health", &[Get]),
    open("/ready", &[Get]),
    open("/openapi.json", &[Get]),
    key("/version", &[(Get, Viewer)]),
    key("/v1/ping", &[(Get, Viewer)]),
];

impl Route {
    /// The methods that the route takes, but for HEAD and OPTIONS.
    pub fn methods(&self) -> impl Iterator<Item = Method> + '_ {
        self.methods.iter().copied().chain(self.roles.iter().map(|(method, _)| *method))
    }

    /// The role that a method asks for; `None` where there is no such request, or nobody is asked for a key.
    pub fn role(&self, method: Method) -> Option<Role> {
        self.roles.iter().find(|(listed, _)| *listed == method).map(|(_, role)| *role)
    }

    fn fits(&self, segments: &[String]) -> bool {
        let mut pattern = self.template.split('/').filter(|segment| !segment.is_empty());
        let same = |wanted: &str, segment: &str| wanted.starts_with('{') || wanted == segment;
        segments.iter().all(|segment| pattern.next().is_some_and(|wanted| same(wanted, segment)))
            && pattern.next().is_none()
    }
}

/// The route of a request.
pub fn of(request: &Request) -> Option<&'static Route> {
    let segments = request.segments();
    ROUTES.iter().find(|route| route.fits(&segments))
}

/// The role that this request needs.
pub fn needed(request: &Request) -> Role {
    let method = match request.method {
        // They change nothing, and learn no more than which methods there are.
        Method::Options | Method::Other => return Viewer,
        Method::Head => Get,
        method @ (Method::Get | Method::Post | Method::Delete) => method,
    };
    of(request).and_then(|route| route.role(method)).unwrap_or(Operator)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &str, target: &str) -> Request {
        Request::in_memory(method, target, &[], "")
    }

    #[test]
    fn a_request_needs_the_role_of_its_own_line() {
        for route in ROUTES {
            for (name, method) in [("GET", Get), ("HEAD", Get), ("POST", Post), ("DELETE", Delete)] {
                let role = needed(&asked(name, &route.template.replace(['{', '}'], "")));
                assert_eq!(role, route.role(method).unwrap_or(Operator), "{name} {}", route.template);
            }
        }
    }

    #[test]
    fn a_template_names_no_id() {
        let template = |target: &str| of(&asked("GET", target)).map(|route| route.template);
        assert_eq!(template("/v1/projects/aismr"), Some("/v1/projects/{key}"));
        assert_eq!(template("/health"), Some("/health"));
        assert_eq!(template("/v1/nothing"), None);
    }

    #[test]
    fn what_is_not_listed_is_the_operators() {
        for target in ["/", "/v1/new", "/v1/runs/a/b/c", "/v1/principals/ann/keys/k"] {
            assert_eq!(needed(&asked("POST", target)), Operator, "{target}");
        }
        assert_eq!(needed(&asked("OPTIONS", "/v1/runs/start")), Viewer);
    }
}
