//! openapi.json and spin.toml name the same routes, and openapi.json hangs together.

use mw_edge::Method;
use mw_edge::routes::ROUTES;
use mw_kernel::principal::Role;
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
    let mut expected: Vec<&str> = mw_media::status::Status::ALL.iter().map(|status| status.as_str()).collect();
    let mut found = words.clone();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn every_route_of_the_manifest_has_its_line_in_the_table() {
    let listed: BTreeSet<String> = ROUTES.iter().map(|route| route.template.to_owned()).collect();
    assert_eq!((listed.len(), listed), (ROUTES.len(), manifest_routes()));
}

#[test]
fn a_route_is_described_with_its_methods_and_no_others() {
    let openapi = openapi();
    for route in ROUTES.iter().filter(|route| route.template != "/console") {
        let described: BTreeSet<&str> =
            openapi["paths"][route.template].as_object().unwrap().keys().map(String::as_str).collect();
        let described: BTreeSet<&str> =
            described.into_iter().filter(|word| METHODS.iter().any(|(_, m)| m == word)).collect();
        assert_eq!(described, route.methods().map(word).collect(), "{}", route.template);
    }
}

#[test]
fn a_route_that_takes_a_key_names_a_role_and_documents_its_403() {
    let openapi = openapi();
    for route in ROUTES {
        for (method, word) in METHODS {
            let (role, operation) =
                (route.role(method), openapi["paths"].get(route.template).and_then(|path| path.get(word)));
            let takes_key = operation.is_some_and(|operation| match operation.get("security") {
                None => true,
                Some(ways) => ways.as_array().unwrap().iter().any(|way| way.get("apiKey").is_some()),
            });
            assert_eq!(role.is_some(), takes_key, "{word} {}", route.template);
            if role.is_some_and(|role| role > Role::Viewer) {
                let forbidden = &operation.unwrap()["responses"]["403"]["$ref"];
                assert_eq!(forbidden, "#/components/responses/Forbidden", "{word} {}", route.template);
            }
        }
    }
}

const METHODS: [(Method, &str); 3] = [(Method::Get, "get"), (Method::Post, "post"), (Method::Delete, "delete")];

fn word(method: Method) -> &'static str {
    METHODS.iter().find(|(listed, _)| *listed == method).map_or("", |(_, word)| word)
}
