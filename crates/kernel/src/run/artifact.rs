//! Artifacts: what a run leaves for people and reports to see. Each follows from an event; the kernel's are those of gates, ends
//! and attachments.

use crate::Timestamp;
use crate::run::attach::Attachment;
use crate::run::event::{Common, Event, Recorded};
use crate::run::kind::{Body, Kind};
use crate::run::rfc3339;
use crate::run::state::{DecidedGate, Run};
use crate::speech::plain;
use crate::status::GateName;
use serde::Serialize;
use serde_json::{Value, json};

/// The type of artifacts that are told in the conversation of their user, too.
pub const NOTIFICATION: &str = "notification";

/// One artifact row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Artifact {
    #[serde(rename = "type")]
    pub artifact_type: String,
    pub provider: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    pub metadata: Value,
}

impl Artifact {
    pub fn new(artifact_type: &str, provider: &str, metadata: Value) -> Self {
        Artifact {
            artifact_type: artifact_type.to_owned(),
            provider: provider.to_owned(),
            url: None,
            checksum: None,
            persona: None,
            metadata,
        }
    }

    pub fn by(mut self, persona: Option<&str>) -> Self {
        self.persona = persona.map(str::to_owned);
        self
    }

    pub fn at(mut self, url: &str) -> Self {
        self.url = Some(url.to_owned());
        self
    }
}

/// The artifacts of one event, given the run after it. Each says which mode made it.
pub(super) fn of<B: Kind>(run: &Run<B>, recorded: &Recorded<Event<B>>) -> Vec<Artifact> {
    let mut artifacts = B::artifacts(run, recorded);
    if let Event::Common(event) = &recorded.event {
        artifacts.extend(of_common(run, event, recorded.at, B::asked_by));
    }
    say_mode(run, &mut artifacts);
    artifacts
}

/// The artifacts of an end that is not the kind's own, of a run whose body nobody reads.
pub(super) fn of_end<B: Body>(run: &Run<B>, event: &Common, at: Timestamp) -> Vec<Artifact> {
    let mut artifacts = of_common(run, event, at, |_| None);
    say_mode(run, &mut artifacts);
    artifacts
}

fn say_mode<B: Body>(run: &Run<B>, artifacts: &mut [Artifact]) {
    for artifact in artifacts {
        if let Value::Object(metadata) = &mut artifact.metadata {
            metadata.insert("providersMode".to_owned(), json!(run.mode));
        }
    }
}

fn of_common<B: Body>(
    run: &Run<B>,
    event: &Common,
    at: Timestamp,
    asked_by: impl FnOnce(&Run<B>) -> Option<String>,
) -> Vec<Artifact> {
    match event {
        Common::GateOpened(opened) => {
            let metadata = json!({
                "gate": opened.gate, "project": run.definition.key, "summary": opened.summary,
                "requested_at": rfc3339(at),
            });
            vec![
                Artifact::new("hitl.request", "orchestrator", metadata).by(asked_by(run).as_deref()),
                notification(run, &waiting(opened.gate), Some(opened.gate), &opened.summary),
            ]
        }
        Common::GateVoted(decided) | Common::GateDecided(decided) => vec![approval(decided)],
        Common::GateReopened { gate, summary, reason, .. } => {
            let message = format!("{summary} Links from before no longer work: {reason}.");
            vec![notification(run, &waiting(*gate), Some(*gate), &message)]
        }
        Common::GateEscalated { gate, .. } => {
            let message = format!("Nobody has decided at the {gate} gate yet: others were called in.");
            vec![notification(run, "escalated", Some(*gate), &message)]
        }
        Common::GateExtended { gate, deadline, .. } => {
            let message = format!("Nobody decided at the {gate} gate: it now closes at {}.", rfc3339(*deadline));
            vec![notification(run, &waiting(*gate), Some(*gate), &message)]
        }
        Common::GateWarned { gate, opening } => {
            let until = run.opening(*opening).map(|open| rfc3339(open.deadline)).unwrap_or_default();
            let message = format!("The {gate} gate closes at {until}: nobody has decided yet.");
            vec![notification(run, &waiting(*gate), Some(*gate), &message)]
        }
        Common::ArtifactAttached(attachment) => vec![attached(attachment)],
        Common::RunRejected { gate } => vec![notification(run, "rejected", Some(*gate), "The run was rejected.")],
        Common::RunExpired { gate } => {
            let message = if gate.is_some() { "Nobody decided in time." } else { "The run was paused for too long." };
            vec![notification(run, "expired", *gate, message)]
        }
        Common::RunFailed { error_type, error_message } => {
            let metadata =
                json!({"error_type": error_type, "error_message": error_message, "project": run.definition.key});
            vec![
                Artifact::new("run.failed", "orchestrator", metadata),
                notification(run, "failed", None, error_message),
            ]
        }
        Common::RunCancelled { reason, actor } => {
            vec![Artifact::new("run.cancelled", "api", json!({"reason": reason, "actor": actor}))]
        }
        Common::GateExpired { .. }
        | Common::GateWithdrawn { .. }
        | Common::RunPaused { .. }
        | Common::RunResumed { .. }
        | Common::DeadlineExtended { .. }
        | Common::RunRetried { .. } => Vec::new(),
    }
}

fn approval(decided: &DecidedGate) -> Artifact {
    let mut metadata = json!({
        "gate": decided.gate, "decision": decided.verdict.outcome(), "approver": decided.approver,
        "comment": decided.comment, "ip": decided.ip, "channel": decided.channel,
    });
    if let (false, Value::Object(fields)) = (decided.edits.is_empty(), &mut metadata) {
        fields.insert("edits".to_owned(), json!(decided.edits));
    }
    Artifact::new("hitl.approval", "api", metadata)
}

/// The type of a notification that asks for a decision.
fn waiting(gate: GateName) -> String {
    format!("awaiting_{gate}")
}

fn attached(attachment: &Attachment) -> Artifact {
    let mut metadata = attachment.metadata.clone();
    if let (NOTIFICATION, Some(message)) = (attachment.artifact_type.as_str(), metadata.get_mut("message")) {
        *message = plain(message.as_str().unwrap_or_default()).into();
    }
    Artifact {
        artifact_type: attachment.artifact_type.clone(),
        provider: attachment.provider.clone(),
        url: attachment.url.clone(),
        checksum: attachment.checksum.clone(),
        persona: attachment.persona.clone(),
        metadata,
    }
}

/// What the conversation of the run's user says when the run is done.
pub fn done<B: Kind>(run: &Run<B>) -> Artifact {
    notification(run, "completed", None, &format!("{}.", B::done(run).title))
}

/// What is told in the conversation of the run's user in our name, so that others' words in it bring no address.
fn notification<B: Body>(run: &Run<B>, kind: &str, gate: Option<GateName>, message: &str) -> Artifact {
    Artifact::new(
        NOTIFICATION,
        "orchestrator",
        json!({
            "type": kind, "message": plain(message), "user_id": run.user_id, "run_id": run.run_id,
            "gate": gate, "project": run.definition.key,
        }),
    )
}
