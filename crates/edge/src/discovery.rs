//! What no route takes. Clients of MCP ask, before they send the key that they have, whether there is an authorization server, and
//! take only a 404 in JSON for a no; other strangers learn nothing.

use crate::context::Context;
use crate::problem::{self, Problem};
use crate::request::Request;
use crate::response::Response;
use crate::route;

/// Where RFC 8414, RFC 9728 and OpenID have their metadata, below the host or below our path, and where a client would register.
fn asks_for_login(path: &str) -> bool {
    path == "/register" || path.split('/').take(3).any(|segment| segment == ".well-known")
}

/// Answers a path that no route takes.
pub fn answer(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    if asks_for_login(&request.path) {
        // `error` is the member in which such a client expects the reason.
        return Err(problem::not_found("there is no authorization server: send your key as x-api-key")
            .with_member("error", "not_found"));
    }
    route::answer(&[], request, context)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn only_who_looks_for_a_login_is_answered_without_a_key() {
        let status = |path: &str| {
            let mut context = Context::new(Config::of(&[("api_key", "k")]), "r".to_owned());
            answer(&mut Request::in_memory("GET", path, &[], ""), &mut context).err().unwrap().status
        };
        for asked in ["/.well-known/oauth-protected-resource/mcp", "/mcp/.well-known/openid-configuration", "/register"]
        {
            assert_eq!(status(asked), 404, "{asked}");
        }
        for other in ["/", "/v1/nothing", "/registered", "/a/b/.well-known", "/.git/config"] {
            assert_eq!(status(other), 401, "{other}");
        }
    }
}
