//! Runs and timelines as resources.

use super::{error, legacy, modern, result};
use crate::support::{Run, service};
use serde_json::{Value, json};

fn read(uri: &str) -> Value {
    let found = result(modern(service(), "resources/read", json!({"uri": uri})).send());
    assert_eq!((&found["ttlMs"], &found["cacheScope"]), (&json!(0), &json!("private")));
    assert_eq!(found["contents"][0]["uri"], uri);
    serde_json::from_str(found["contents"][0]["text"].as_str().unwrap()).unwrap()
}

#[test]
fn a_run_and_its_timeline_are_read_by_their_addresses() {
    let run = Run::start();
    assert_eq!(read(&format!("run://{}", run.id))["status"], "pending_workflow");
    let timeline = read(&format!("run://{}/timeline", run.id));
    let seen: Vec<&Value> = timeline["events"].as_array().unwrap().iter().map(|event| &event["type"]).collect();
    assert_eq!(seen, run.event_types().iter().map(|kind| json!(kind)).collect::<Vec<_>>().iter().collect::<Vec<_>>());
    let later = read(&format!("run://{}/timeline?after=1", run.id));
    assert_eq!(later["events"].as_array().unwrap().len() + 1, seen.len());
}

#[test]
fn the_newest_runs_are_resources() {
    Run::start();
    let listed = result(legacy(service(), "resources/list", json!({})).send());
    let uri = listed["resources"][0]["uri"].as_str().unwrap();
    assert_eq!(read(uri)["runId"], listed["resources"][0]["name"]);
    if let Some(cursor) = listed["nextCursor"].as_str() {
        let more = result(legacy(service(), "resources/list", json!({"cursor": cursor})).send());
        assert_ne!(more["resources"][0]["uri"], uri);
    }
    assert_eq!(error(legacy(service(), "resources/list", json!({"cursor": "x"})).send(), 200), -32602);
    let templates = result(modern(service(), "resources/templates/list", json!({})).send());
    assert_eq!(templates["resourceTemplates"][0]["uriTemplate"], "run://{runId}");
}

#[test]
fn what_is_no_resource_is_said_so() {
    for uri in ["run://nowhere", "run://a/b/c", "file:///etc/passwd", "run://", "run://nowhere/timeline?after=-1"] {
        assert_eq!(error(modern(service(), "resources/read", json!({"uri": uri})).send(), 200), -32602, "{uri}");
    }
    assert_eq!(error(modern(service(), "resources/read", json!({})).send(), 200), -32602);
    assert_eq!(error(legacy(service(), "resources/read", json!({"uri": 7})).send(), 200), -32602);
}
