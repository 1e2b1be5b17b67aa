//! The way into a handler, by the route's line in the table ([`routes`]): the key, then the methods, so that a stranger learns
//! nothing.

use crate::auth;
use crate::context::Context;
use crate::problem::{self, Problem};
use crate::request::{Method, Request};
use crate::response::Response;
use crate::routes::{self, Guard};

/// Checks the key where the route is guarded by one, and the method.
///
/// `Ok(Some(answer))` is OPTIONS' answer; `Ok(None)` means: go on. A path that is no route of the table needs a key, and is the
/// handler's matter.
pub fn enter(request: &Request, context: &mut Context) -> Result<Option<Response>, Problem> {
    match routes::of(request).map(|route| route.guard) {
        Some(Guard::Open | Guard::Handler) => {}
        Some(Guard::Key) | None => auth::require(request, context)?,
    }
    allow(request)
}

/// Checks the method, for handlers that look at the caller themselves.
pub fn allow(request: &Request) -> Result<Option<Response>, Problem> {
    match routes::of(request) {
        Some(route) => allow_only(request, &route.methods().collect::<Vec<_>>()),
        None => Ok(None),
    }
}

/// Lets these methods through (HEAD wherever GET is), answers OPTIONS, and refuses the others with 405 and `Allow`.
pub fn allow_only(request: &Request, methods: &[Method]) -> Result<Option<Response>, Problem> {
    let allowed = allow_header(methods);
    match request.method {
        Method::Options => Ok(Some(Response::empty(204).with_header("allow", allowed))),
        Method::Head if methods.contains(&Method::Get) => Ok(None),
        method if methods.contains(&method) => Ok(None),
        _ => Err(problem::method_not_allowed(&allowed)),
    }
}

fn allow_header(methods: &[Method]) -> String {
    let mut names = Vec::new();
    if methods.contains(&Method::Get) {
        names.extend(["GET", "HEAD"]);
    }
    if methods.contains(&Method::Post) {
        names.push("POST");
    }
    if methods.contains(&Method::Delete) {
        names.push("DELETE");
    }
    names.push("OPTIONS");
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn other_methods_are_405_with_allow() {
        let refused = allow_only(&Request::in_memory("DELETE", "/", &[], ""), &[Method::Get]).err().unwrap();
        assert_eq!(refused.status, 405);
        assert_eq!(refused.headers, [("allow", "GET, HEAD, OPTIONS".to_owned())]);
        assert!(allow_only(&Request::in_memory("HEAD", "/", &[], ""), &[Method::Post]).is_err());
        assert!(allow_only(&Request::in_memory("HEAD", "/", &[], ""), &[Method::Get]).unwrap().is_none());
        let options =
            allow_only(&Request::in_memory("OPTIONS", "/", &[], ""), &[Method::Get, Method::Post]).unwrap().unwrap();
        assert_eq!(options.status, 204);
        assert_eq!(options.headers, [("allow", "GET, HEAD, POST, OPTIONS".to_owned())]);
    }

    #[test]
    fn the_key_comes_before_the_method() {
        let entered = |method: &str, target: &str, key: &str| {
            let mut context = Context::new(Config::of(&[("api_key", "k")]), "r".to_owned());
            enter(&Request::in_memory(method, target, &[("x-api-key", key)], ""), &mut context).map_err(|p| p.status)
        };
        assert_eq!(entered("DELETE", "/v1/runs", "wrong").err(), Some(401));
        assert_eq!(entered("DELETE", "/v1/runs", "k").err(), Some(405));
        assert!(entered("GET", "/v1/runs", "k").is_ok_and(|answer| answer.is_none()));
        assert_eq!(entered("GET", "/v1/nowhere", "wrong").err(), Some(401));
        assert!(entered("GET", "/v1/nowhere", "k").is_ok_and(|answer| answer.is_none()), "the handler says 404");
        assert_eq!(entered("GET", "/v1/webhooks/kieai", "").err(), Some(405), "open to whoever signs");
    }
}
