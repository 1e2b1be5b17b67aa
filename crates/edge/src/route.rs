//! Which methods a route takes. Asked after the key, so that a stranger learns nothing.

use crate::problem::{self, Problem};
use crate::request::{Method, Request};
use crate::response::Response;

/// Lets allowed methods through (HEAD wherever GET is), answers OPTIONS, and refuses the others with 405 and `Allow`.
///
/// `Ok(Some(answer))` is OPTIONS' answer; `Ok(None)` means: go on.
pub fn allow(request: &Request, methods: &[Method]) -> Result<Option<Response>, Problem> {
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

    #[test]
    fn other_methods_are_405_with_allow() {
        let refused = allow(&Request::in_memory("DELETE", "/", &[], ""), &[Method::Get]).err().unwrap();
        assert_eq!(refused.status, 405);
        assert_eq!(refused.headers, [("allow", "GET, HEAD, OPTIONS".to_owned())]);
        assert!(allow(&Request::in_memory("HEAD", "/", &[], ""), &[Method::Post]).is_err());
        assert!(allow(&Request::in_memory("HEAD", "/", &[], ""), &[Method::Get]).unwrap().is_none());
        let options =
            allow(&Request::in_memory("OPTIONS", "/", &[], ""), &[Method::Get, Method::Post]).unwrap().unwrap();
        assert_eq!(options.status, 204);
        assert_eq!(options.headers, [("allow", "GET, HEAD, POST, OPTIONS".to_owned())]);
    }
}
