//! Calls for the tests of this folder.

use super::{Call, ToolError, read};
use crate::brendan::{KnownProject, KnownRun, Proposal};
use crate::run::testing::definition;
use crate::status::Status;
use serde_json::{Value, json};

fn projects() -> Vec<KnownProject> {
    let known =
        |key: &str, has_runs| KnownProject { key: key.into(), title: key.into(), has_runs, ..KnownProject::default() };
    vec![known("aismr", true), known("test_video_gen", true), known("general", false)]
}

fn runs() -> Vec<KnownRun> {
    vec![KnownRun {
        run_id: "mine".into(),
        project: "aismr".into(),
        status: Status::Running.into(),
        awaiting_gate: None,
    }]
}

pub(super) fn called(name: &str, arguments: Value) -> Result<Call, ToolError> {
    read(name, &arguments, &projects(), &runs())
}

/// Right arguments of `propose_run`, changed.
pub(super) fn proposal(change: impl FnOnce(&mut Value)) -> Value {
    let mut arguments = json!({"project": "aismr", "subject": "candles", "prompt": null, "clips": null, "options": null,
                          "confidence": 0.9});
    change(&mut arguments);
    arguments
}

pub(super) fn proposed(change: impl FnOnce(&mut Value)) -> Result<Proposal, ToolError> {
    let Call::ProposeRun(arguments) = called("propose_run", proposal(change))? else { panic!() };
    let definition = definition(&arguments.project);
    arguments.against(&definition)
}

/// Right arguments of every tool.
pub(super) fn right() -> Vec<(&'static str, Value)> {
    vec![
        ("search_knowledge", json!({"query": "how long is a clip?", "project": "aismr"})),
        ("list_runs", json!({})),
        ("explain_run", json!({"run_id": "mine"})),
        ("propose_run", proposal(|_| {})),
        ("start_run", json!({"proposal": "p1"})),
        ("resend_link", json!({"run_id": "mine"})),
    ]
}
