//! A new project needs no code: a definition is applied and its runs walk its own steps.

use crate::support::{Run, service, simulator, unique};
use mw_media::definition::Definition;
use mw_store::projects::{Applied, apply};
use serde_json::{Value, json};

/// Three clips, no ideate gate, no editor.
fn definition(key: &str, version: &str) -> Value {
    json!({
        "key": key, "version": version, "title": "Postcards", "description": "Three clips of one place.",
        "steps": [
            {"kind": "gate", "gate": "workflow", "waiting_status": "pending_workflow", "expires_after_seconds": 600},
            {"kind": "persona", "persona": "wanda", "role": "write", "instructions": "Write one prompt per clip.",
             "by_rule": {"prompt": "A postcard of {subject}, {seconds} seconds."}},
            {"kind": "generate", "provider": "kieai"},
            {"kind": "render", "provider": "shotstack"},
            {"kind": "gate", "gate": "prepublish", "waiting_status": "awaiting_prepublish"},
            {"kind": "persona", "persona": "quinn", "role": "caption", "by_rule": {"caption": "{title}"}},
            {"kind": "publish", "provider": "upload-post"},
        ],
        "settings": {
            "clips": {"count": 3, "duration_seconds": 5.0, "aspect_ratio": "16:9", "quality": "720p", "model": "veo3_fast",
                      "subjects": {"from": "request"}},
            "render": {"resolution": "hd"},
            "publish": {"account": "Postcards", "platforms": ["youtube"]},
        },
    })
}

fn applied(definition: &Value) -> Applied {
    let definition = Definition::from_json(&definition.to_string()).unwrap();
    let mut client = mw_store::native::Client::connect(&service().database_url).unwrap();
    apply(&mut client, &definition).unwrap()
}

fn new_key() -> String {
    unique("postcards").replace('-', "_")
}

#[test]
fn a_new_definition_runs_without_new_code() {
    let _calm = simulator::calm();
    let key = new_key();
    assert_eq!(applied(&definition(&key, "1")), Applied::Added);
    let single = service().get(&format!("/v1/projects/{key}")).send().expect(200).json();
    assert_eq!(single["metadata"]["version"], "1");
    let run = Run::start_at(service(), &key).approved("workflow").approved("prepublish").waiting_for("published");
    assert_eq!(run.view()["result"]["totalVideos"], 3);
    assert_eq!(run.count_events("gate.decided"), 2);
    assert!(!run.event_types().iter().any(|kind| kind == "gate.expired"));
    run.assert_healthy();
}

#[test]
fn a_run_keeps_the_version_that_it_started_with() {
    let _calm = simulator::calm();
    let key = new_key();
    applied(&definition(&key, "1"));
    let run = Run::start_at(service(), &key);
    let mut changed = definition(&key, "2");
    changed["settings"]["clips"]["count"] = json!(1);
    assert_eq!(applied(&changed), Applied::Added);
    let newer = Run::start_at(service(), &key);
    let run = run.approved("workflow").approved("prepublish").waiting_for("published");
    assert_eq!(run.view()["result"]["totalVideos"], 3);
    assert_eq!(newer.view()["result"]["totalVideos"], 1);
}

#[test]
fn a_stored_version_never_changes() {
    let key = new_key();
    applied(&definition(&key, "1"));
    assert_eq!(applied(&definition(&key, "1")), Applied::Unchanged);
    let mut changed = definition(&key, "1");
    changed["title"] = json!("Other");
    assert_eq!(applied(&changed), Applied::Conflict);
    assert_eq!(service().get(&format!("/v1/projects/{key}")).send().expect(200).json()["title"], "Postcards");
}
