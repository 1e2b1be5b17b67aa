//! How runs and events look to a person.

use crate::api::{list, text};
use serde_json::Value;
use std::fmt::Write as _;

/// One line of a list of runs.
pub(crate) fn run_line(run: &Value) -> String {
    let created = [text(run, "createdAt"), text(run, "created_at")].concat();
    let time = created.get(..19).unwrap_or(&created);
    format!("{:<36}  {:<20}  {:<20}  {time}", text(run, "runId"), text(run, "status"), text(run, "project"))
}

/// One run, with its clips and artifacts.
pub(crate) fn run(run: &Value) -> String {
    let mut shown = format!("{}  {}  {}\n", text(run, "runId"), text(run, "project"), text(run, "status"));
    if let Some(gate) = run.get("awaiting_gate").and_then(Value::as_str) {
        let _ = writeln!(shown, "waits for a person: mw gates link {} {gate}", text(run, "runId"));
    }
    for artifact in list(run, "artifacts") {
        let time = text(artifact, "createdAt").get(11..19).unwrap_or_default();
        let _ = writeln!(
            shown,
            "  {time}  {:<18} {:<12} {}",
            text(artifact, "type"),
            text(artifact, "provider"),
            text(artifact, "url")
        );
    }
    shown.push_str(&ending(run));
    shown
}

/// What came out of it.
pub(crate) fn ending(run: &Value) -> String {
    let mut shown = String::new();
    let Some(result) = run.get("result").filter(|result| result.is_object()) else {
        return shown;
    };
    if let Some(error) = result.get("error") {
        let _ = writeln!(shown, "  failed     {}: {}", text(error, "error_type"), text(error, "error_message"));
    }
    for video in list(result, "videos") {
        let _ = writeln!(
            shown,
            "  clip {:<5} {}",
            video.get("index").map(ToString::to_string).unwrap_or_default(),
            text(video, "assetUrl")
        );
    }
    let render = [text(result, "finalRenderUrl"), text(result, "renderUrl")].into_iter().find(|url| !url.is_empty());
    if let Some(render) = render {
        let _ = writeln!(shown, "  video      {render}");
    }
    for url in list(result, "publishUrls") {
        let _ =
            writeln!(shown, "  published  {}", url.as_str().map_or_else(|| text(url, "url").to_owned(), str::to_owned));
    }
    shown
}

/// One line of a timeline: time, what happened, by whom, and the telling details.
pub(crate) fn event(event: &Value) -> String {
    let at = text(event, "at");
    let details = event
        .get("data")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| detail(key, value));
    format!(
        "{}  {:>3}  {:<26} {:<14} {}",
        at.get(11..23).or_else(|| at.get(11..19)).unwrap_or(at).trim_end_matches('Z'),
        event.get("seq").map(ToString::to_string).unwrap_or_default(),
        text(event, "type"),
        shortened(text(event, "actor"), 14),
        details.collect::<Vec<_>>().join(" ")
    )
    .trim_end()
    .to_owned()
}

/// What a line of a timeline leaves out; the JSON has it all.
const LEFT_OUT: [&str; 9] = ["at", "deadline", "effects", "ip", "opening", "personas", "step", "user_agent", "user_id"];

/// Short values only: a timeline is to be read at a glance.
fn detail(key: &str, value: &Value) -> Option<String> {
    let value = match value {
        Value::String(text) => shortened(text, if key.ends_with("_id") { 24 } else { 60 }),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (!value.is_empty() && !LEFT_OUT.contains(&key)).then(|| format!("{key}={value}"))
}

fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_one_line_of_short_details() {
        let line =
            event(&json!({"seq": 3, "type": "gate_opened", "at": "2026-01-02T03:04:05.678901Z", "actor": "system",
            "data": {"gate": "ideate", "long": "x".repeat(100), "nested": {"a": 1}}}));
        assert!(line.starts_with("03:04:05.678    3  gate_opened"), "{line}");
        assert!(line.contains("gate=ideate") && line.contains("x…") && !line.contains("nested"), "{line}");
    }

    #[test]
    fn a_run_shows_what_it_waits_for_and_what_came_out() {
        let shown =
            run(&json!({"runId": "r1", "project": "aismr", "status": "awaiting_ideate", "awaiting_gate": "ideate",
            "result": {"videos": [{"index": 0, "assetUrl": "https://clip"}], "renderUrl": "https://video",
                       "publishUrls": ["https://post"], "error": {"error_type": "T", "error_message": "M"}},
            "artifacts": [{"type": "run.start", "provider": "api", "createdAt": "2026-01-02T03:04:05.000000Z"}]}));
        for part in
            ["mw gates link r1 ideate", "03:04:05  run.start", "clip 0", "https://video", "https://post", "T: M"]
        {
            assert!(shown.contains(part), "{part} is missing in {shown}");
        }
    }
}
