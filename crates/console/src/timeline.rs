//! The timeline in words: what happened, who did it, and from where. The event itself unfolds below.

use super::view::Moment;
use mw_kernel::run::Kinds;
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

pub(super) fn entry(kinds: Kinds, event: &Value) -> Entry {
    let kind = text(event, "type");
    let data = event.get("data").unwrap_or(&Value::Null);
    Entry {
        seq: event.get("seq").and_then(Value::as_u64).unwrap_or_default(),
        kind: kind.to_owned(),
        what: sentence(kind, data).or_else(|| kinds.sentence(kind, data)).unwrap_or_else(|| kind.to_owned()),
        who: text(event, "actor").to_owned(),
        place: place(data),
        at: Moment::read(text(event, "at")),
        payload: serde_json::to_string_pretty(data).unwrap_or_default(),
    }
}

fn text<'a>(data: &'a Value, name: &str) -> &'a str {
    data.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// From where a decision came.
fn place(data: &Value) -> Option<String> {
    let channel = match text(data, "channel") {
        "link" => "by link",
        "api" => "by API",
        "console" => "in the console",
        "telegram" => "in Telegram",
        "slack" => "in Slack",
        _ => return None,
    };
    Some(match text(data, "ip") {
        "" => channel.to_owned(),
        ip => format!("{channel}, from {ip}"),
    })
}

/// An event that every kind has, in words. Read from its JSON: the typed events would make the component half as large again.
fn sentence(kind: &str, data: &Value) -> Option<String> {
    let t = |name: &str| text(data, name);
    Some(match kind {
        "run.started" => format!("Started for {}: {}", t("user_id"), t("title")),
        "gate.opened" => format!("Asked at the {} gate: {}", t("gate"), t("summary")),
        "gate.decided" => decided(data),
        "gate.voted" => format!("{}; more approvals are needed", decided(data)),
        "gate.reopened" => format!("Asked once more at the {} gate: {}", t("gate"), t("reason")),
        "gate.escalated" => format!("Called others in at the {} gate", t("gate")),
        "gate.extended" => format!("The {} gate got its time once more", t("gate")),
        "gate.expired" => format!("Nobody decided at the {} gate in time", t("gate")),
        "gate.withdrawn" => format!("Withdrew the {} gate: {}", t("gate"), t("reason")),
        "gate.warned" => format!("Warned: the time of the {} gate is running out", t("gate")),
        "run.paused" => format!("Paused: {}", t("reason")),
        "run.resumed" => format!("Resumed: {}", t("reason")),
        "deadline.extended" => format!("Got more time: {}", t("reason")),
        "run.retried" => format!("Tried again: {}", t("reason")),
        "artifact.attached" => format!("Artifact attached: {}", t("artifact_type")),
        "run.rejected" => format!("Ended: rejected at the {} gate", t("gate")),
        "run.expired" if t("gate").is_empty() => "Ended: paused for too long".to_owned(),
        "run.expired" => format!("Ended: the {} gate expired", t("gate")),
        "run.failed" => format!("Failed: {}: {}", t("error_type"), t("error_message")),
        "run.cancelled" => format!("Cancelled: {}", t("reason")),
        _ => return None,
    })
}

fn decided(data: &Value) -> String {
    let verdict = match text(data, "verdict") {
        "approve" => "Approved",
        "reject" => "Rejected",
        "request_changes" => "Sent back",
        other => other,
    };
    let comment = text(data, "comment");
    let comment = if comment.is_empty() { String::new() } else { format!(": “{comment}”") };
    format!("{verdict} at the {} gate{comment}", text(data, "gate"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_kernel::run::CommonName;
    use mw_kinds::KINDS;
    use serde_json::json;

    #[test]
    fn an_event_says_what_who_and_from_where() {
        let decided = json!({"seq": 3, "at": "2026-01-01T12:00:00Z", "actor": "ann", "type": "gate.decided", "data": {
            "gate": "ideate", "opening": 1, "verdict": "reject", "approver": "ann", "channel": "console",
            "at": "2026-01-01T12:00:00Z", "comment": "too dull", "ip": "10.0.0.7"}});
        let entry = entry(KINDS, &decided);
        assert_eq!(entry.what, "Rejected at the ideate gate: “too dull”");
        assert_eq!((entry.who.as_str(), entry.place.as_deref()), ("ann", Some("in the console, from 10.0.0.7")));
        assert!(entry.payload.contains("\"comment\": \"too dull\""));
    }

    #[test]
    fn every_event_of_the_kernel_has_a_sentence() {
        let names = [CommonName::WORDS, &["run.started"]].concat();
        let silent: Vec<&str> = names.into_iter().filter(|name| sentence(name, &Value::Null).is_none()).collect();
        assert!(silent.is_empty(), "{silent:?}");
    }

    #[test]
    fn an_event_of_a_later_version_is_shown_by_its_type() {
        let entry = entry(KINDS, &json!({"seq": 9, "at": "soon", "actor": "x", "type": "run.teleported"}));
        assert_eq!((entry.what.as_str(), entry.at.is_none()), ("run.teleported", true));
    }
}
