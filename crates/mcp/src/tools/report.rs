//! How the last days went: a report for people, and the figures that it is made of.

use crate::tool::{Call, Session, Tool, ToolOutcome};
use mw_edge::body::Fields;
use mw_edge::{Problem, clock, problem};
use mw_kernel::principal::Role;
use mw_store::insight::{self, Insight};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;

pub(crate) const INSIGHT_REPORT: Tool = Tool { name: "insight_report", role: Role::Viewer, call: report };

const WINDOW_DEFAULT: &str = "7d";
const DAYS_MAX: u32 = 90;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Markdown,
    Text,
    Json,
}

fn report(session: &mut Session<'_>, call: &Call<'_>) -> Result<ToolOutcome, Problem> {
    let mut fields = Fields::new(call.arguments, "#");
    let window = fields.text("window", 1, 10).unwrap_or_else(|| WINDOW_DEFAULT.to_owned());
    let word = fields.text("format", 1, 20).unwrap_or_else(|| "md".to_owned());
    fields.finish()?;
    let days = days_of(&window)
        .ok_or_else(|| problem::bad_request(&format!("Invalid window: {window}. Must be days, 1d to {DAYS_MAX}d")))?;
    let format = match word.as_str() {
        "md" => Format::Markdown,
        "txt" => Format::Text,
        "json" => Format::Json,
        _ => return Err(problem::bad_request(&format!("Invalid format: {word}. Must be one of: md, json, txt"))),
    };
    let now = clock::now();
    let figures = insight::read(session.context.database()?, now, days)?;
    let facts = json!({"window": window, "format": word, "generatedAt": clock::rfc3339(now), "figures": figures});
    let text = match format {
        Format::Json => None,
        Format::Markdown | Format::Text => Some(written(&figures, days, format)),
    };
    Ok(ToolOutcome::Done { facts, text })
}

/// `7d`
fn days_of(window: &str) -> Option<u32> {
    let digits = window.strip_suffix('d').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    digits.parse().ok().filter(|days| (1..=DAYS_MAX).contains(days))
}

/// The report in words; as plain text, headings and items stand without their marks.
fn written(figures: &Insight, days: u32, format: Format) -> String {
    let (heading, item) = if format == Format::Markdown { ("## ", "- ") } else { ("", "  ") };
    let title = if format == Format::Markdown { "# " } else { "" };
    let mut text = String::new();
    let mut line = |line: String| {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{line}");
    };
    line(format!("{title}The last {days} days, since {}", clock::minute(figures.since)));
    line(String::new());
    let published = with_status(figures, "published");
    let failed = with_status(figures, "failed");
    let of = if figures.more { "the newest " } else { "" };
    line(format!("Of {of}{} runs, {published} are published and {failed} failed.", figures.counted));
    if let (Some(p50), Some(p95)) = (figures.publish_seconds.p50, figures.publish_seconds.p95) {
        line(format!("From start to publication: median {}, 95 % within {}.", lasted(p50), lasted(p95)));
    }
    section(&mut line, heading, "Projects", projects(figures), item);
    let gates = figures.gates.iter().map(|gate| {
        let median = gate.p50_seconds.map(|seconds| format!(", median {}", lasted(seconds))).unwrap_or_default();
        format!("{} {}: {}{median}", gate.gate, gate.state, gate.openings)
    });
    section(&mut line, heading, "Gates", gates.collect(), item);
    let errors = figures.errors.iter().map(|error| format!("{}: {} runs", error.error_type, error.runs));
    section(&mut line, heading, "Failures", errors.collect(), item);
    let oldest = figures.oldest_open_at.map(|at| format!(", the oldest since {}", clock::minute(at)));
    section(
        &mut line,
        heading,
        "Now",
        vec![format!("{} gates wait for a person{}", figures.open_gates, oldest.unwrap_or_default())],
        item,
    );
    text
}

fn section(line: &mut impl FnMut(String), heading: &str, name: &str, items: Vec<String>, mark: &str) {
    line(String::new());
    line(format!("{heading}{name}"));
    line(String::new());
    if items.is_empty() {
        line(format!("{mark}none"));
    }
    items.into_iter().for_each(|item| line(format!("{mark}{item}")));
}

fn projects(figures: &Insight) -> Vec<String> {
    let mut projects: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for of in &figures.projects {
        projects.entry(&of.project).or_default().push(format!("{} {}", of.runs, of.status.replace('_', " ")));
    }
    projects.into_iter().map(|(project, counts)| format!("{project}: {}", counts.join(", "))).collect()
}

fn with_status(figures: &Insight, status: &str) -> u64 {
    figures.projects.iter().filter(|of| of.status == status).map(|of| of.runs).sum()
}

/// `42 s`, `3 min`, `5 h`
fn lasted(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..90 => format!("{seconds} s"),
        90..5400 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h", (seconds + 1800) / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_store::insight::{ErrorRuns, GateOpenings, ProjectRuns, Quantiles};
    use time::macros::datetime;

    fn figures() -> Insight {
        let of = |status: &str, runs| ProjectRuns { project: "aismr".into(), status: status.into(), runs };
        Insight {
            since: datetime!(2026-01-01 12:00 UTC),
            counted: 5,
            more: false,
            projects: vec![of("awaiting_ideate", 1), of("failed", 1), of("published", 3)],
            publish_seconds: Quantiles { p50: Some(75.4), p95: Some(20_000.0) },
            gates: vec![GateOpenings {
                gate: "ideate".into(),
                state: "approved".into(),
                openings: 4,
                p50_seconds: Some(300.0),
            }],
            errors: vec![ErrorRuns { error_type: "provider".into(), runs: 1 }],
            open_gates: 1,
            oldest_open_at: Some(datetime!(2026-01-02 08:30 UTC)),
        }
    }

    #[test]
    fn a_report_says_every_figure() {
        let text = written(&figures(), 7, Format::Markdown);
        for said in [
            "# The last 7 days, since 2026-01-01 12:00 UTC",
            "Of 5 runs, 3 are published and 1 failed.",
            "median 75 s, 95 % within 6 h",
            "- aismr: 1 awaiting ideate, 1 failed, 3 published",
            "- ideate approved: 4, median 5 min",
            "- provider: 1 runs",
            "- 1 gates wait for a person, the oldest since 2026-01-02 08:30 UTC",
        ] {
            assert!(text.contains(said), "{said}\n{text}");
        }
        let plain = written(&figures(), 7, Format::Text);
        assert!(!plain.contains('#') && plain.contains("\n  provider: 1 runs"), "{plain}");
    }

    #[test]
    fn a_window_is_some_days() {
        assert_eq!([days_of("1d"), days_of("7d"), days_of("90d")], [Some(1), Some(7), Some(90)]);
        for wrong in ["0d", "91d", "7", "d", "-7d", "7h", "+7d", "7dd", "٣d", "99999999999d"] {
            assert_eq!(days_of(wrong), None, "{wrong}");
        }
    }
}
