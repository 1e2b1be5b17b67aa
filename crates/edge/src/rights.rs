//! What each route asks of its caller: the one table. Reading is for viewers; talking to Brendan, starting runs and deciding
//! gates for approvers; all else for operators. A test walks spin.toml and openapi.json, so that no route is forgotten; what
//! is not listed is the operator's all the same.

use crate::request::{Method, Request};
use mw_core::principal::Role::{self, Approver, Operator, Viewer};

/// A route as spin.toml writes it, and the role for GET and for POST and DELETE; `None` where there is no such request, or where
/// nobody is asked for a key. The first match wins.
pub const ROUTES: &[(&str, Option<Role>, Option<Role>)] = &[
    ("/v1/chat/brendan", None, Some(Approver)),
    // One's own; another's are the environment's key's: crates/chat/src/conversation.rs.
    ("/v1/chat/conversations/:user_id", Some(Viewer), Some(Viewer)),
    ("/v1/runs/start", None, Some(Approver)),
    ("/v1/runs/bulk", None, Some(Operator)),
    ("/v1/runs", Some(Viewer), None),
    ("/v1/runs/:run_id", Some(Viewer), None),
    ("/v1/runs/:run_id/events", Some(Viewer), None),
    ("/v1/runs/:run_id/why", Some(Viewer), None),
    ("/v1/runs/:run_id/artifacts", None, Some(Operator)),
    ("/v1/runs/:run_id/cancel", None, Some(Operator)),
    ("/v1/runs/:run_id/pause", None, Some(Operator)),
    ("/v1/runs/:run_id/resume", None, Some(Operator)),
    ("/v1/runs/:run_id/terminate", None, Some(Operator)),
    ("/v1/runs/:run_id/extend", None, Some(Operator)),
    ("/v1/runs/:run_id/retry", None, Some(Operator)),
    ("/v1/runs/:run_id/rerun", None, Some(Operator)),
    ("/v1/projects", Some(Viewer), None),
    ("/v1/projects/:key", Some(Viewer), None),
    // GET with a key decides.
    ("/v1/hitl/approve/:run_id/workflow", Some(Approver), Some(Approver)),
    ("/v1/hitl/approve/:run_id/ideate", Some(Approver), Some(Approver)),
    ("/v1/hitl/approve/:run_id/prepublish", Some(Approver), Some(Approver)),
    ("/v1/hitl/link/:run_id/:gate", Some(Approver), None),
    ("/v1/gates", Some(Viewer), None),
    ("/v1/gates/:run_id/:gate", Some(Viewer), Some(Approver)),
    ("/v1/gates/:run_id/:gate/reopen", None, Some(Operator)),
    ("/v1/webhooks/kieai", None, None),
    ("/v1/webhooks/shotstack", None, None),
    ("/v1/webhooks/upload-post", None, None),
    ("/v1/webhooks/std/:source", None, None),
    ("/v1/sweep", None, Some(Operator)),
    ("/v1/dlq/replay", None, Some(Operator)),
    ("/v1/dlq/discard", None, Some(Operator)),
    ("/v1/dlq", Some(Viewer), None),
    ("/v1/dlq/:id", Some(Viewer), None),
    ("/v1/dlq/:id/replay", None, Some(Operator)),
    ("/v1/dlq/:id/discard", None, Some(Operator)),
    ("/v1/channels", Some(Viewer), Some(Operator)),
    ("/v1/channels/replay", None, Some(Operator)),
    ("/v1/channels/:id/remove", None, Some(Operator)),
    ("/v1/telegram/webhook", None, None),
    ("/v1/slack/interactions", None, None),
    ("/admin/drain", Some(Viewer), Some(Operator)),
    // Who has which key, and which account elsewhere, is nobody else's business.
    ("/v1/principals", Some(Operator), Some(Operator)),
    ("/v1/principals/:name", None, Some(Operator)),
    ("/v1/principals/:name/keys", None, Some(Operator)),
    ("/v1/principals/:name/keys/:key_id/revoke", None, Some(Operator)),
    ("/v1/principals/:name/disable", None, Some(Operator)),
    ("/v1/principals/:name/enable", None, Some(Operator)),
    ("/v1/principals/:name/identities", None, Some(Operator)),
    // Sessions, not keys: crates/console/src/route.rs has the roles.
    ("/console", None, None),
    // Each tool names its own role: crates/mcp/src/tools.
    ("/mcp", None, Some(Viewer)),
    ("/mcp/tools/list", None, Some(Viewer)),
    ("/mcp/tools/call", None, Some(Viewer)),
    ("/metrics", None, None),
    ("/health", None, None),
    ("/ready", None, None),
    ("/openapi.json", None, None),
    ("/version", Some(Viewer), None),
    ("/v1/ping", Some(Viewer), None),
];

/// The role that this request needs.
pub fn needed(request: &Request) -> Role {
    let segments = request.segments();
    let found = ROUTES.iter().find(|(route, _, _)| fits(route, &segments));
    match (request.method, found) {
        // They change nothing, and learn no more than which methods there are.
        (Method::Options | Method::Other, _) => Viewer,
        (Method::Get | Method::Head, Some((_, Some(role), _)))
        | (Method::Post | Method::Delete, Some((_, _, Some(role)))) => *role,
        (Method::Get | Method::Head | Method::Post | Method::Delete, _) => Operator,
    }
}

/// The template of the request's route as metrics name it, `/v1/runs/{run_id}`; none where there is no such route.
pub fn template(request: &Request) -> Option<String> {
    let segments = request.segments();
    let (route, _, _) = ROUTES.iter().find(|(route, _, _)| fits(route, &segments))?;
    let braced = |segment: &str| match segment.strip_prefix(':') {
        Some(name) => format!("{{{name}}}"),
        None => segment.to_owned(),
    };
    Some(route.split('/').map(braced).collect::<Vec<_>>().join("/"))
}

fn fits(route: &str, segments: &[String]) -> bool {
    let pattern: Vec<&str> = route.split('/').filter(|segment| !segment.is_empty()).collect();
    let same = |(wanted, segment): (&&str, &String)| wanted.starts_with(':') || *wanted == segment.as_str();
    pattern.len() == segments.len() && pattern.iter().zip(segments).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_needs_the_role_of_its_own_line() {
        for (route, reading, writing) in ROUTES {
            for (method, role) in [("GET", reading), ("HEAD", reading), ("POST", writing), ("DELETE", writing)] {
                let asked = Request::in_memory(method, &route.replace(':', ""), &[], "");
                assert_eq!(needed(&asked), role.unwrap_or(Operator), "{method} {route}");
            }
        }
    }

    #[test]
    fn a_template_names_no_id() {
        let template = |target: &str| template(&Request::in_memory("GET", target, &[], ""));
        assert_eq!(template("/v1/projects/aismr").as_deref(), Some("/v1/projects/{key}"));
        assert_eq!(template("/health").as_deref(), Some("/health"));
        assert_eq!(template("/v1/nothing"), None);
    }

    #[test]
    fn what_is_not_listed_is_the_operators() {
        for target in ["/", "/v1/new", "/v1/runs/a/b/c", "/v1/principals/ann/keys/k"] {
            assert_eq!(needed(&Request::in_memory("POST", target, &[], "")), Operator, "{target}");
        }
        assert_eq!(needed(&Request::in_memory("OPTIONS", "/v1/runs/start", &[], "")), Viewer);
    }
}
