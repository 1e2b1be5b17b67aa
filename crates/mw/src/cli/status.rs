//! `mw status`: the whole system on one screen, from what it shows over HTTP.

use super::{Context, runs};
use crate::{
    api::{Api, Call, list, text},
    error::{Error, Result},
    exposition::Exposition,
    signals,
};
use clap::Args;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

#[derive(Debug, Args)]
#[command(after_help = "\
Reads /health, /ready, /version, /metrics, /admin/drain, /v1/gates and /v1/principals. What the key may not see is left out.

Exit codes: 0 ready; 1 not ready, or no answer.

Examples:
  mw status
  mw status --watch --every 5")]
pub(crate) struct Options {
    /// Look again and again, until Ctrl-C.
    #[arg(long)]
    watch: bool,
    /// Seconds between two looks.
    #[arg(long, default_value_t = 2.0)]
    every: f64,
}

pub(crate) fn run(context: &Context, options: &Options) -> Result<u8> {
    let api = Api::new(&context.settings)?;
    if !options.watch {
        let status = look(&api)?;
        context.print(&status, |status| print!("{}", screen(status)))?;
        return Ok(u8::from(!is_ready(&status)));
    }
    signals::listen()?;
    let pause = runs::pause(options.every)?;
    while !signals::asked_to_stop() {
        match look(&api) {
            Ok(status) => context.print(&status, |status| print!("\x1b[2J\x1b[H{}", screen(status)))?,
            Err(error) => context.print(&json!({ "error": error.to_string() }), |_| println!("{error}"))?,
        };
        if signals::pause(pause).is_err() {
            break;
        }
    }
    Ok(0)
}

fn is_ready(status: &Value) -> bool {
    status.pointer("/ready/status").and_then(Value::as_str) == Some("ready")
}

/// No answer from /health is an error; all else is shown as far as it goes.
fn look(api: &Api) -> Result<Value> {
    let health = api.get("/health")?;
    let ready = api.send("/ready", &Call { headers: vec![api.key_header()], ..Call::default() })?.body;
    let mut unknown = Map::new();
    let scrape = seen(&mut unknown, "/metrics", api.metrics());
    let mut get = |path: &str| seen(&mut unknown, path, api.get(path)).unwrap_or_default();
    let version = get("/version");
    let projects = get("/v1/projects");
    let drain = get("/admin/drain");
    let waiting = get("/v1/gates?limit=100");
    let principals = get("/v1/principals");
    let by = |name: &str, label: &str| scrape.as_ref().map(|scrape| scrape.by(name, label, &[]));
    let sum = |name: &str| scrape.as_ref().map(|scrape| scrape.sum(name, &[]));
    Ok(json!({
        "health": health.get("status"), "ready": ready, "unknown": unknown,
        "version": version.get("version"), "environment": version.get("environment"),
        "mode": projects.pointer("/0/providers/mode"),
        "drain": drain.get("on"),
        "sweep_lag_seconds": sum("sweep_lag_seconds"),
        "runs": by("runs_active", "status"),
        "ages_seconds": scrape.as_ref().map(ages),
        "gates": (!waiting.is_null()).then(|| gates(&waiting)),
        "outbox": by("outbox_depth", "state"),
        "dead_letters": by("webhook_dlq_depth", "provider"),
        "dead_letters_given_up": sum("webhook_dlq_exhausted"),
        "breakers": scrape.as_ref().map(breakers),
        "principals": principals.get("principals").and_then(Value::as_array).map(Vec::len),
    }))
}

/// What was answered. What the key may not see is left out; what could not be answered is named in `unknown`, so that a database that
/// is away does not look like one where nothing runs.
fn seen<T>(unknown: &mut Map<String, Value>, path: &str, answer: Result<T>) -> Option<T> {
    match answer {
        Ok(answer) => return Some(answer),
        Err(Error::Misuse(_)) => {}
        Err(Error::Failed(why)) => {
            unknown.insert(path.to_owned(), why.into());
        }
    }
    None
}

/// Every gauge of an age, and of what is overdue, by name and labels: the oldest run of a status, effect, dead letter.
fn ages(scrape: &Exposition) -> Map<String, Value> {
    let is_age = |name: &str| name.contains("oldest") || name.ends_with("_overdue");
    let shown = scrape.all().filter(|sample| is_age(&sample.name)).map(|sample| {
        let labels: Vec<&str> = sample.labels.values().map(String::as_str).collect();
        (format!("{} {}", sample.name, labels.join(" ")).trim_end().to_owned(), json!(sample.value))
    });
    shown.collect()
}

fn gates(page: &Value) -> Value {
    let gates = list(page, "gates");
    let times =
        |name: &str| gates.iter().filter_map(|gate| Some(gate.get("brief")?.get(name)?.as_str()?.to_owned())).min();
    let is_more = page.get("next_cursor").is_some_and(Value::is_string);
    json!({"waiting": gates.len(), "more": is_more, "oldest_opened_at": times("opened_at"), "next_deadline": times("deadline")})
}

fn breakers(scrape: &Exposition) -> Map<String, Value> {
    let word = |state: f64| match state {
        state if state >= 2.0 => "open",
        state if state >= 1.0 => "half open",
        _ => "closed",
    };
    scrape
        .by("provider_breaker_state", "provider", &[])
        .into_iter()
        .map(|(name, state)| (name, word(state).into()))
        .collect()
}

fn screen(status: &Value) -> String {
    let unknown = status.get("unknown").and_then(Value::as_object).filter(|paths| !paths.is_empty());
    let nothing = if unknown.is_some() { "unknown" } else { "-" };
    let at = |pointer: &str| match status.pointer(pointer) {
        None | Some(Value::Null) => nothing.to_owned(),
        Some(Value::String(word)) => word.clone(),
        Some(other) => other.to_string(),
    };
    let counts = |name: &str| match status.get(name).and_then(Value::as_object) {
        None => nothing.to_owned(),
        Some(counts) if counts.is_empty() => "none".to_owned(),
        Some(counts) => {
            let shown: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {}", plain(count))).collect();
            shown.join(", ")
        }
    };
    let number = |name: &str, unit: &str| match status.get(name) {
        None | Some(Value::Null) => nothing.to_owned(),
        Some(number) => format!("{}{unit}", plain(number)),
    };
    let gates = status.get("gates").cloned().unwrap_or_default();
    let more = if gates.get("more") == Some(&Value::Bool(true)) { " or more" } else { "" };
    let reasons: Vec<&str> = status
        .pointer("/ready/reasons")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let lines = [
        ("health", at("/health")),
        ("ready", if is_ready(status) { "yes".to_owned() } else { format!("NO: {}", reasons.join("; ")) }),
        ("unanswered", unknown.map(unanswered).unwrap_or_default()),
        ("version", format!("{} ({})", at("/version"), at("/environment"))),
        ("providers", at("/mode")),
        (
            "drain",
            match status.get("drain") {
                Some(Value::Bool(true)) => "ON: no new runs".to_owned(),
                Some(Value::Bool(false)) => "off".to_owned(),
                _ => nothing.to_owned(),
            },
        ),
        ("last sweep", number("sweep_lag_seconds", " s ago")),
        ("runs", counts("runs")),
        ("gates waiting", format!("{}{more}", at("/gates/waiting"))),
        ("  oldest since", text(&gates, "oldest_opened_at").to_owned()),
        ("  next until", text(&gates, "next_deadline").to_owned()),
        ("outbox", counts("outbox")),
        ("dead letters", format!("{}; tries used up {}", counts("dead_letters"), number("dead_letters_given_up", ""))),
        ("breakers", counts("breakers")),
        ("principals", at("/principals")),
    ];
    let ages = status.get("ages_seconds").and_then(Value::as_object).into_iter().flatten();
    let lines = lines.into_iter().map(|(name, value)| (name.to_owned(), value));
    let lines = lines.chain(ages.map(|(name, age)| (format!("  {name}"), plain(age))));
    lines.filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name:<15} {value}\n")).collect()
}

/// Each reason once, with what it keeps from being seen.
fn unanswered(unknown: &Map<String, Value>) -> String {
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (path, why) in unknown {
        by_reason.entry(why.as_str().unwrap_or_default()).or_default().push(path);
    }
    let reasons = by_reason.iter().map(|(why, paths)| format!("{why}: {}", paths.join(", ")));
    reasons.collect::<Vec<_>>().join("; ")
}

/// Numbers to one digit, words as they are.
fn plain(value: &Value) -> String {
    match value {
        Value::Number(number) => {
            let shown = format!("{:.1}", number.as_f64().unwrap_or_default());
            shown.strip_suffix(".0").unwrap_or(&shown).to_owned()
        }
        Value::String(word) => word.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_screen_tells_what_is_wrong() {
        let scrape = Exposition::parse(
            "provider_breaker_state{provider=\"p\"} 2\nruns_oldest_age_seconds{status=\"running\"} 12.34\n",
        );
        let status = json!({
            "health": "ok", "ready": {"status": "not ready", "reasons": ["API_KEY is not set"]}, "drain": true,
            "breakers": breakers(&scrape), "ages_seconds": ages(&scrape), "runs": {"running": 2.0},
            "gates": gates(&json!({"gates": [{"brief": {"opened_at": "b", "deadline": "y"}},
                {"brief": {"opened_at": "a", "deadline": "x"}}], "next_cursor": "c"})),
        });
        let screen = screen(&status);
        for part in [
            "NO: API_KEY is not set",
            "ON: no new runs",
            "p open",
            "running 2\n",
            "2 or more",
            "oldest since  a",
            "runs_oldest_age_seconds running 12.3",
        ] {
            assert!(screen.contains(part), "{part}: {screen}");
        }
        assert!(!is_ready(&status));
    }

    #[test]
    fn what_is_not_known_is_no_zero() {
        let mut unknown = Map::new();
        let away = || Error::failed("The database is not available (503)");
        for path in ["/metrics", "/admin/drain"] {
            assert!(seen::<Value>(&mut unknown, path, Err(away())).is_none());
        }
        assert!(
            seen::<Value>(&mut unknown, "/v1/principals", Err(Error::misuse("this needs the role operator"))).is_none()
        );
        let ready = json!({"status": "not ready", "reasons": ["the database does not answer"]});
        let screen = screen(&json!({"health": "ok", "ready": ready, "unknown": unknown}));
        for part in [
            "NO: the database does not answer",
            "The database is not available (503): /admin/drain, /metrics\n",
            "drain           unknown\n",
            "runs            unknown\n",
            "gates waiting   unknown\n",
            "last sweep      unknown\n",
            "outbox          unknown\n",
        ] {
            assert!(screen.contains(part), "{part}: {screen}");
        }
        assert!(!screen.contains("none") && !screen.contains("off"), "{screen}");
    }
}
