//! Which component answers a path, and what the component learns about the match.
//!
//! - `Router`: exact paths, `:name` segments and a trailing `/...`; the most specific route wins. The matching itself
//!   is the `routefinder` crate's, which is Spin's too.
//! - `Match::headers`: Spin's `spin-*` request headers.

use std::net::SocketAddr;

use anyhow::{Context, Result, anyhow};

use crate::logs;
use crate::manifest::HttpTrigger;

/// Spin keeps these paths for itself.
const WELL_KNOWN_PREFIX: &str = "/.well-known/spin/";

pub struct Router {
    routes: routefinder::Router<Route>,
}

#[derive(Debug)]
struct Route {
    component: String,
    /// As the manifest has it.
    raw: String,
}

/// A path found its component.
#[derive(Debug, PartialEq)]
pub struct Match {
    pub component: String,
    raw_route: String,
    /// What a trailing `/...` matched, with its leading slash.
    path_info: String,
    named: Vec<(String, String)>,
}

impl Router {
    pub fn new(triggers: &[HttpTrigger]) -> Result<Self> {
        let mut by_path: Vec<(&str, &str)> = Vec::new();
        for trigger in triggers {
            let Some(route) = trigger.route.as_deref() else {
                continue;
            };
            if route.starts_with(WELL_KNOWN_PREFIX) {
                logs::note(&format!("route {route:?} is under {WELL_KNOWN_PREFIX} and will never be reached"));
            }
            // As on Spin, the last of two equal routes wins.
            if let Some((_, component)) = by_path.iter_mut().find(|(path, _)| *path == route) {
                logs::note(&format!("route {route:?} is given twice: {} hides {component}", trigger.component));
                *component = &trigger.component;
            } else {
                by_path.push((route, &trigger.component));
            }
        }
        let mut routes = routefinder::Router::new();
        for (raw, component) in by_path {
            let pattern = pattern_of(raw);
            let route = Route { component: component.to_owned(), raw: raw.to_owned() };
            routes.add(pattern.as_str(), route).map_err(|reason| anyhow!("route {raw:?} of {component}: {reason}"))?;
        }
        Ok(Self { routes })
    }

    pub fn find(&self, path: &str) -> Option<Match> {
        let best = self.routes.best_match(path)?;
        let captures = best.captures();
        let path_info = captures.wildcard().map(|rest| path_info_of(rest, path)).unwrap_or_default();
        Some(Match {
            component: best.handler().component.clone(),
            raw_route: best.handler().raw.clone(),
            path_info,
            named: captures.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        })
    }
}

impl Match {
    /// Service chaining: the component sees the request as if its route were `/...`.
    pub fn chained(component: &str, path: &str) -> Self {
        Self {
            component: component.to_owned(),
            raw_route: "/...".to_owned(),
            path_info: path.to_owned(),
            named: Vec::new(),
        }
    }

    /// The headers Spin adds, in its order.
    pub fn headers(&self, uri: &http::Uri, host: &str, client: SocketAddr) -> Result<Vec<(String, String)>> {
        let path_and_query = uri.path_and_query().context("the request has no path")?;
        let scheme = uri.scheme_str().unwrap_or("http");
        let fixed = [
            ("spin-path-info", self.path_info.clone()),
            ("spin-full-url", format!("{scheme}://{host}{path_and_query}")),
            ("spin-matched-route", based(&self.raw_route)),
            ("spin-base-path", "/".to_owned()),
            ("spin-raw-component-route", self.raw_route.clone()),
            ("spin-component-route", self.raw_route.strip_suffix("/...").unwrap_or(&self.raw_route).to_owned()),
            ("spin-client-addr", client.to_string()),
        ];
        let fixed = fixed.into_iter().map(|(name, value)| (name.to_owned(), value));
        let named = self.named.iter().map(|(name, value)| {
            (format!("spin-path-match-{}", name.to_ascii_lowercase().replace('_', "-")), value.clone())
        });
        Ok(fixed.chain(named).collect())
    }
}

/// The route under the application's base path, which is always `/`.
fn based(raw: &str) -> String {
    let absolute = if raw.starts_with('/') { raw.to_owned() } else { format!("/{raw}") };
    absolute.strip_suffix('/').map(str::to_owned).unwrap_or(absolute)
}

fn pattern_of(raw: &str) -> String {
    let based = based(raw);
    match based.strip_suffix("/...") {
        Some(prefix) => format!("{prefix}/*"),
        None => based,
    }
}

/// Spin keeps a trailing slash, which routefinder drops.
fn path_info_of(rest: &str, path: &str) -> String {
    match (rest.is_empty(), path.ends_with('/')) {
        (true, false) => String::new(),
        (true, true) => "/".to_owned(),
        (false, false) => format!("/{rest}"),
        (false, true) => format!("/{rest}/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(routes: &[(&str, &str)]) -> Router {
        let trigger = |(route, component): &(&str, &str)| HttpTrigger {
            component: component.to_string(),
            route: (*route != "private").then(|| route.to_string()),
        };
        Router::new(&routes.iter().map(trigger).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn the_most_specific_route_wins() {
        let router = router(&[
            ("/...", "all"),
            ("/v1/runs", "runs"),
            ("/v1/runs/start", "start"),
            ("/v1/runs/:id", "one"),
            ("/v1/runs/:id/events", "events"),
            ("/v1/hitl/approve/:run/ideate", "ideate"),
            ("/v1/hitl/...", "hitl"),
            ("/deep/:a/...", "deep"),
            ("private", "hidden"),
        ]);
        let cases = [
            ("/", "all"),
            ("/v1", "all"),
            ("/v1/runs", "runs"),
            ("/v1/runs/", "runs"),
            ("/v1/runs/start", "start"),
            ("/v1/runs/7", "one"),
            ("/v1/runs/7/events", "events"),
            ("/v1/runs/7/other", "all"),
            ("/v1/hitl/approve/7/ideate", "ideate"),
            ("/v1/hitl/approve/7/other", "hitl"),
            ("/v1/hitl", "hitl"),
            ("/deep/x", "deep"),
            ("/deep/x/y/z/", "deep"),
            ("/private", "all"),
        ];
        for (path, component) in cases {
            assert_eq!(router.find(path).unwrap().component, component, "{path}");
        }
    }

    #[test]
    fn without_a_catch_all_a_path_may_match_nothing() {
        let router = router(&[("/a", "a"), ("/b/:x", "b")]);
        for path in ["/", "/c", "/a/b", "/b", "/b/x/y"] {
            assert_eq!(router.find(path), None, "{path}");
        }
    }

    #[test]
    fn the_last_of_two_equal_routes_wins() {
        assert_eq!(router(&[("/a", "first"), ("/a", "second")]).find("/a").unwrap().component, "second");
    }

    #[test]
    fn wildcards_keep_their_slashes() {
        let router = router(&[("/foo/...", "foo")]);
        let cases = [("/foo", ""), ("/foo/", "/"), ("/foo/bar", "/bar"), ("/foo/bar/", "/bar/")];
        for (path, path_info) in cases {
            assert_eq!(router.find(path).unwrap().path_info, path_info, "{path}");
        }
    }

    #[test]
    fn headers_tell_the_match() {
        let router = router(&[("/v1/:the_id/...", "one")]);
        let uri = "http://h:1/v1/7/rest?q=1".parse().unwrap();
        let headers = router.find("/v1/7/rest").unwrap().headers(&uri, "h:1", ([127, 0, 0, 1], 9).into()).unwrap();
        let expected = [
            ("spin-path-info", "/rest"),
            ("spin-full-url", "http://h:1/v1/7/rest?q=1"),
            ("spin-matched-route", "/v1/:the_id/..."),
            ("spin-base-path", "/"),
            ("spin-raw-component-route", "/v1/:the_id/..."),
            ("spin-component-route", "/v1/:the_id"),
            ("spin-client-addr", "127.0.0.1:9"),
            ("spin-path-match-the-id", "7"),
        ];
        let expected: Vec<_> = expected.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        assert_eq!(headers, expected);
    }
}
