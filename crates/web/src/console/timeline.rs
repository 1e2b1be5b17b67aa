//! The timeline in words: what happened, who did it, and from where. The event itself unfolds below.

use super::view::Moment;
use mw_core::job::JobSpec;
use mw_core::run::{Event, Recorded};
use mw_core::status::Channel;
use serde_json::Value;

/// An event as people read it.
pub(super) struct Entry {
    pub(super) seq: u64,
    pub(super) kind: String,
    pub(super) what: String,
    pub(super) who: String,
    pub(super) place: Option<String>,
    pub(super) at: Option<Moment>,
    pub(super) payload: String,
}

/// An event that a later version wrote is shown by its type.
pub(super) fn entry(event: &Value) -> Entry {
    let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let read = serde_json::from_value::<Recorded>(event.clone()).ok();
    let what = read.as_ref().map(|recorded| sentence(&recorded.event));
    Entry {
        seq: event.get("seq").and_then(Value::as_u64).unwrap_or_default(),
        kind: text("type"),
        what: what.unwrap_or_else(|| text("type")),
        who: text("actor"),
        place: read.as_ref().and_then(|recorded| place(&recorded.event)),
        at: Moment::read(&text("at")),
        payload: serde_json::to_string_pretty(event.get("data").unwrap_or(&Value::Null)).unwrap_or_default(),
    }
}

/// From where a decision came.
fn place(event: &Event) -> Option<String> {
    let Event::GateDecided(decided) = event else { return None };
    let channel = match decided.channel {
        Channel::Link => "by link",
        Channel::Api => "by API",
        Channel::Console => "in the console",
        Channel::Telegram => "in Telegram",
        Channel::Slack => "in Slack",
    };
    Some(match &decided.ip {
        Some(ip) => format!("{channel}, from {ip}"),
        None => channel.to_owned(),
    })
}

fn sentence(event: &Event) -> String {
    match event {
        Event::RunStarted(started) => format!("Started for {}: {}", started.user_id, started.title),
        Event::StepStarted { name, .. } => format!("Step {name} began"),
        Event::GateOpened { gate, summary, .. } => format!("Asked at the {gate} gate: {summary}"),
        Event::GateDecided(decided) => {
            let comment = decided.comment.as_ref().map(|comment| format!(": “{comment}”")).unwrap_or_default();
            format!("{} at the {} gate{comment}", capital(decided.verdict.outcome()), decided.gate)
        }
        Event::GateExpired { gate, .. } => format!("Nobody decided at the {gate} gate in time"),
        Event::GateWarned { gate, .. } => format!("Warned: the time of the {gate} gate is running out"),
        Event::PersonaRequested { persona, .. } => format!("Asked the language model to speak for {persona}"),
        Event::PersonaFinished { persona, source, .. } => format!("{} answered ({source})", capital(persona)),
        Event::JobRequested { spec, .. } => format!("Asked for {}", ordered(spec)),
        Event::JobSubmitted { task_id, adopted: true, .. } => format!("A callback told us the provider's task: {task_id}"),
        Event::JobSubmitted { task_id, adopted: false, .. } => format!("The provider took it as task {task_id}"),
        Event::JobSubmissionRepeated { reason, .. } => format!("Sent once more: {reason}"),
        Event::JobSucceeded { .. } => "The provider delivered".to_owned(),
        Event::JobFailed { code, message, .. } => format!("The provider failed: {code}: {message}"),
        Event::JobRetried { .. } => "Goes out again".to_owned(),
        Event::JobReplaced { .. } => "Asked for again as another job".to_owned(),
        Event::JobAdopted { spec, from_run, .. } => format!("Follows {} of run {from_run}", ordered(spec)),
        Event::ClipAdopted { index, from_run, .. } => format!("Took clip {} over from run {from_run}", index + 1),
        Event::RunPaused { reason, .. } => format!("Paused: {reason}"),
        Event::RunResumed { reason, .. } => format!("Resumed: {reason}"),
        Event::DeadlineExtended { reason, .. } => format!("Got more time: {reason}"),
        Event::RunRetried { reason } => format!("Tried again: {reason}"),
        Event::ArtifactAttached(attachment) => format!("Artifact attached: {}", attachment.artifact_type),
        Event::RunPublished => "Published".to_owned(),
        Event::RunRejected { gate } => format!("Ended: rejected at the {gate} gate"),
        Event::RunExpired { gate: Some(gate) } => format!("Ended: the {gate} gate expired"),
        Event::RunExpired { gate: None } => "Ended: paused for too long".to_owned(),
        Event::RunFailed { error_type, error_message } => format!("Failed: {error_type}: {error_message}"),
        Event::RunCancelled { reason, .. } => format!("Cancelled: {reason}"),
    }
}

fn ordered(spec: &JobSpec) -> String {
    match spec {
        JobSpec::Generate(spec) => format!("clip {} ({}) by {}", spec.index + 1, spec.header, spec.model),
        JobSpec::Render(spec) => format!("the final video of {} clips", spec.clips.len()),
        JobSpec::Publish(spec) => format!("the post to {}", spec.platforms.join(", ")),
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_says_what_who_and_from_where() {
        let decided = json!({"seq": 3, "at": "2026-01-01T12:00:00Z", "actor": "ann", "type": "gate.decided", "data": {
            "gate": "ideate", "opening": 1, "verdict": "reject", "approver": "ann", "channel": "console",
            "at": "2026-01-01T12:00:00Z", "comment": "too dull", "ip": "10.0.0.7"}});
        let entry = entry(&decided);
        assert_eq!(entry.what, "Rejected at the ideate gate: “too dull”");
        assert_eq!((entry.who.as_str(), entry.place.as_deref()), ("ann", Some("in the console, from 10.0.0.7")));
        assert!(entry.payload.contains("\"comment\": \"too dull\""));
    }

    #[test]
    fn an_event_of_a_later_version_is_shown_by_its_type() {
        let entry = entry(&json!({"seq": 9, "at": "soon", "actor": "x", "type": "run.teleported"}));
        assert_eq!((entry.what.as_str(), entry.at.is_none()), ("run.teleported", true));
    }
}
