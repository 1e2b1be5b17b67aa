//! openapi.json and spin.toml name the same routes, and openapi.json hangs together.

use mw_core::principal::Role;
use mw_edge::rights::ROUTES;
use serde_json::Value;
use std::collections::BTreeSet;

const MANIFEST: &str = include_str!("../../../spin.toml");

/// Null when it is no JSON, which no test survives.
fn openapi() -> Value {
    serde_json::from_str(mw_api::health::OPENAPI).unwrap_or_default()
}

/// Routes of spin.toml in OpenAPI's words; the catch-all, the second spelling of the list of projects and the console's
/// pages, which are for browsers, are none.
fn manifest_routes() -> BTreeSet<String> {
    let routes = MANIFEST.lines().filter_map(|line| line.strip_prefix("route = \"")?.strip_suffix('"'));
    let routes = routes.filter(|route| !matches!(*route, "/..." | "/v1/projects/") && !route.starts_with("/console/"));
    routes
        .map(|route| {
            let segments = route.split('/').map(|segment| match segment.strip_prefix(':') {
                Some(name) => format!("{{{name}}}"),
                None => segment.to_owned(),
            });
            segments.collect::<Vec<_>>().join("/")
        })
        .collect()
}

#[test]
fn every_route_is_described_and_every_description_has_a_route() {
    let described: BTreeSet<String> = openapi()["paths"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(described, manifest_routes());
}

#[test]
fn every_reference_leads_somewhere() {
    fn check(value: &Value, root: &Value) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(reference)) = map.get("$ref") {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(root.pointer(pointer).is_some(), "{reference}");
                }
                map.values().for_each(|value| check(value, root));
            }
            Value::Array(items) => items.iter().for_each(|value| check(value, root)),
            _ => {}
        }
    }
    let openapi = openapi();
    check(&openapi, &openapi);
}

#[test]
fn statuses_are_those_of_the_core() {
    let openapi = openapi();
    let words: Vec<&str> = openapi["components"]["schemas"]["Status"]["enum"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let mut expected: Vec<&str> = mw_core::status::Status::ALL.iter().map(|status| status.as_str()).collect();
    let mut found = words.clone();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

/// The method of a described route for which its caller needs a role.
fn operation<'a>(openapi: &'a Value, route: &str, method: &str) -> Option<&'a Value> {
    let path = route.split('/').map(|segment| match segment.strip_prefix(':') {
        Some(name) => format!("{{{name}}}"),
        None => segment.to_owned(),
    });
    openapi.get("paths")?.get(path.collect::<Vec<_>>().join("/"))?.get(method)
}

#[test]
fn every_route_of_the_manifest_has_its_line_in_the_table_of_rights() {
    let routes = MANIFEST.lines().filter_map(|line| line.strip_prefix("route = \"")?.strip_suffix('"'));
    let routes: BTreeSet<&str> =
        routes.filter(|route| !matches!(*route, "/..." | "/v1/projects/") && !route.starts_with("/console/")).collect();
    let listed: BTreeSet<&str> = ROUTES.iter().map(|(route, _, _)| *route).collect();
    assert_eq!((listed.len(), listed), (ROUTES.len(), routes));
}

#[test]
fn a_route_that_takes_a_key_names_a_role_and_documents_its_403() {
    let openapi = openapi();
    for (route, reading, writing) in ROUTES {
        for (method, role) in [("get", reading), ("post", writing)] {
            // What writes is a POST, but for what is deleted.
            let other = if method == "post" { "delete" } else { method };
            let operation = operation(&openapi, route, method).or_else(|| operation(&openapi, route, other));
            let takes_key = operation.is_some_and(|operation| match operation.get("security") {
                None => true,
                Some(ways) => ways.as_array().unwrap().iter().any(|way| way.get("apiKey").is_some()),
            });
            assert_eq!(role.is_some(), takes_key, "{method} {route}");
            if role.is_some_and(|role| role > Role::Viewer) {
                let forbidden = &operation.unwrap()["responses"]["403"]["$ref"];
                assert_eq!(forbidden, "#/components/responses/Forbidden", "{method} {route}");
            }
        }
    }
}
