//! What no other route takes: 401 before any 404, a gate that doesn't exist is 422, everything else 404, always in our
//! shape.

use mw_edge::{Context, Problem, Request, Response, auth, problem};
use mw_operations::gate::refusal::unknown_gate;

pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let gate_route = matches!(path.as_slice(), ["v1", "hitl", "approve", _run, _gate]);
    // A signed link stands for a key on the approve routes, also when its gate is misspelt.
    let has_link = gate_route && request.query("token").is_some();
    if !has_link {
        auth::require_any(request, context)?;
    }
    if gate_route {
        return Err(unknown_gate());
    }
    Err(problem::not_found("Not Found"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_edge::config::Config;

    fn status(target: &str, key: &str) -> u16 {
        let mut context = Context::new(Config::of(&[("api_key", "the-key")]), "r".to_owned());
        let mut request = Request::in_memory("GET", target, &[("x-api-key", key)], "");
        handle(&mut request, &mut context).err().unwrap().status
    }

    #[test]
    fn a_stranger_gets_401_and_a_friend_404_or_422() {
        assert_eq!(status("/v1/nowhere", "wrong"), 401);
        assert_eq!(status("/v1/nowhere", "the-key"), 404);
        assert_eq!(status("/v1/hitl/approve/run-1/final", "wrong"), 401);
        assert_eq!(status("/v1/hitl/approve/run-1/final", "the-key"), 422);
        assert_eq!(status("/v1/hitl/approve/run-1/final?token=1:ab", "wrong"), 422);
    }
}
