//! openapi.json is what the tables say, and the tables and spin.toml name the same routes.

use mw_routes::openapi::{document, text, word};
use mw_routes::{all, manifest};
use serde_json::Value;
use std::collections::BTreeSet;

const MANIFEST: &str = include_str!("../../../spin.toml");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../api/openapi.json");

#[test]
fn openapi_json_is_what_the_tables_say() {
    let expected = text(&document(MANIFEST));
    if std::env::var("UPDATE_DOCS").is_ok() {
        std::fs::write(PAGE, expected).unwrap();
    } else {
        assert!(mw_api::health::OPENAPI == expected, "openapi.json is stale: UPDATE_DOCS=1 cargo test -p mw-routes");
    }
}

#[test]
fn every_route_of_the_manifest_has_a_line_and_every_line_a_route() {
    let routes = manifest::routes(MANIFEST);
    let lines = all();
    for route in &routes {
        assert!(lines.iter().any(|line| manifest::is_served(route, line)), "{route} is in no table");
    }
    // The console's pages come by a wildcard.
    for line in lines.iter().filter(|line| !line.template.starts_with("/console/")) {
        assert!(routes.iter().any(|route| route == line.template), "{} is no route of spin.toml", line.template);
    }
}

#[test]
fn a_line_is_there_once() {
    let lines: Vec<(&str, &str)> = all().iter().map(|line| (word(line.method), line.template)).collect();
    assert_eq!(lines.iter().collect::<BTreeSet<_>>().len(), lines.len());
}

#[test]
fn every_line_of_the_api_is_described() {
    for line in all().iter().filter(|line| !line.template.starts_with("/console/")) {
        assert!(!line.about.id.is_empty() && !line.about.summary.is_empty(), "{}", line.template);
        assert!(line.about.gives.iter().flatten().next().is_some(), "{} gives nothing", line.template);
    }
}

#[test]
fn every_name_of_a_template_is_a_parameter() {
    let document = document(MANIFEST);
    for (path, operations) in document["paths"].as_object().unwrap() {
        let named: BTreeSet<&str> = path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}')).collect();
        for operation in operations.as_object().unwrap().values() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let described: BTreeSet<&str> =
                parameters.filter(|p| p["in"] == "path").filter_map(|p| p["name"].as_str()).collect();
            assert_eq!(described, named, "{path}");
        }
    }
}

#[test]
fn ids_of_operations_are_unique() {
    let document = document(MANIFEST);
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
    let ids: Vec<&str> = operations.filter_map(|operation| operation["operationId"].as_str()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
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
    let document = document(MANIFEST);
    check(&document, &document);
}

#[test]
fn whoever_needs_a_role_may_be_refused_for_it() {
    let document = document(MANIFEST);
    for line in all().iter().filter(|line| !line.template.starts_with("/console")) {
        let operation = &document["paths"][line.template][word(line.method)];
        let takes_key = match operation.get("security") {
            None => true,
            Some(ways) => ways.as_array().unwrap().iter().any(|way| way.get("apiKey").is_some()),
        };
        assert_eq!(line.role.is_some(), takes_key, "{}", line.template);
        if line.role.is_some() {
            assert_eq!(operation["responses"]["401"]["$ref"], "#/components/responses/Unauthorized");
        }
        if line.role.is_some_and(|role| role > mw_kernel::principal::Role::Viewer) {
            assert_eq!(operation["responses"]["403"]["$ref"], "#/components/responses/Forbidden", "{}", line.template);
        }
    }
}
