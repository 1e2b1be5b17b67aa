//! `mw runs <verb>`: what operators do to runs by name, one at a time or in bulk.

use super::Context;
use super::runs::{key, run_path};
use crate::api::{Answer, Api, Call, list, text};
use crate::error::{Error, Result};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// How long a limit or a restart of the host is waited for between two pages.
const PATIENCE: Duration = Duration::from_secs(90);

/// Why, and by whom; both go into the timeline.
#[derive(Debug, Clone, Args)]
pub(crate) struct Said {
    /// Why, for the timeline.
    #[arg(long)]
    reason: Option<String>,
    /// Who, for the timeline.
    #[arg(long)]
    actor: Option<String>,
}

/// Until when: by a moment or from now.
#[derive(Debug, Clone, Args)]
pub(crate) struct Until {
    /// A moment, like 2026-01-31T12:00:00Z.
    #[arg(long, conflicts_with = "within")]
    until: Option<String>,
    /// A time from now, like 90m, 12h or 2d.
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    within: Option<Duration>,
}

/// How a successor is made.
#[derive(Debug, Clone, Args)]
pub(crate) struct Successor {
    /// Make the clips anew, even those that are there.
    #[arg(long)]
    fresh: bool,
    /// Opens another successor than the one that is there: the same key means the same successor.
    #[arg(long)]
    key: Option<String>,
}

/// A verb for one run, with what it needs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Order {
    verb: &'static str,
    body: Map<String, Value>,
    key: Option<String>,
}

impl Order {
    pub(crate) fn new(verb: &'static str, said: &Said) -> Self {
        let mut order = Order { verb, ..Order::default() };
        order.put("reason", said.reason.clone().map(Value::from));
        order.put("actor", said.actor.clone().map(Value::from));
        order
    }

    fn put(&mut self, name: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.body.insert(name.to_owned(), value);
        }
    }

    pub(crate) fn until(mut self, until: &Until) -> Self {
        self.put("until", until.until.clone().map(Value::from));
        self.put("seconds", until.within.map(|within| within.as_secs().into()));
        self
    }

    pub(crate) fn successor(mut self, successor: &Successor, from: Option<&str>) -> Self {
        self.put("fresh", successor.fresh.then_some(Value::Bool(true)));
        self.put("from", from.map(Value::from));
        self.key.clone_from(&successor.key);
        self
    }

    fn post(&self, api: &Api, path: &str, body: Map<String, Value>) -> Result<Value> {
        let mut headers = vec![api.key_header()];
        headers.extend(self.key.clone().map(|key| ("idempotency-key", key)));
        let call = Call { post: Some(Value::Object(body)), headers };
        api.send(path, &call).and_then(|answer: Answer| answer.accepted(path))
    }

    /// Carries the order out on one run.
    pub(crate) fn carry_out(&self, context: &Context, api: &Api, run: &str) -> Result<u8> {
        let answer = self.post(api, &format!("{}/{}", run_path(run), self.verb), self.body.clone())?;
        context.print(&answer, |answer| println!("{}", line(run, answer)))
    }
}

/// One run's outcome as a line.
fn line(run: &str, answer: &Value) -> String {
    let status = text(answer, "status");
    match (text(answer, "outcome"), text(answer, "successor")) {
        ("refused", _) => format!("{run}  refused: {}", text(answer, "detail")),
        ("successor", "") => format!("{run}  a successor opens: {status}"),
        ("successor", successor) => format!("{run}  goes on as {successor}: {status}"),
        ("unchanged", _) => format!("{run}  unchanged: {status}"),
        _ => format!("{run}  is {status}"),
    }
}

/// The verbs that work in bulk.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum BulkVerb {
    Cancel,
    Pause,
    Resume,
    Terminate,
    Extend,
    Retry,
    Rerun,
}

impl BulkVerb {
    fn word(self) -> &'static str {
        match self {
            BulkVerb::Cancel => "cancel",
            BulkVerb::Pause => "pause",
            BulkVerb::Resume => "resume",
            BulkVerb::Terminate => "terminate",
            BulkVerb::Extend => "extend",
            BulkVerb::Retry => "retry",
            BulkVerb::Rerun => "rerun",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Bulk {
    verb: BulkVerb,
    /// Only runs of this status.
    #[arg(long)]
    status: Option<String>,
    /// Only runs of this project.
    #[arg(long)]
    project: Option<String>,
    /// Only runs of this user.
    #[arg(long)]
    user: Option<String>,
    /// Only runs older than this, like 90m, 12h or 2d.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    older_than: Option<Duration>,
    /// Do it; without this it is only shown what would happen.
    #[arg(long)]
    yes: bool,
    /// Go on where an earlier one stopped.
    #[arg(long)]
    cursor: Option<String>,
    /// The step to start at (rerun).
    #[arg(long)]
    from: Option<String>,
    #[command(flatten)]
    until: Until,
    #[command(flatten)]
    successor: Successor,
    #[command(flatten)]
    said: Said,
}

impl Bulk {
    /// Takes page after page, and prints each run's outcome as it comes.
    pub(crate) fn carry_out(self, context: &Context, api: &Api) -> Result<u8> {
        let order = Order::new(self.verb.word(), &self.said)
            .until(&self.until)
            .successor(&self.successor, self.from.as_deref());
        let filter = self.filter()?;
        let api = api.with_patience(PATIENCE);
        let mut cursor = self.cursor.clone();
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        loop {
            let mut body = order.body.clone();
            body.insert("verb".to_owned(), json!(order.verb));
            body.insert("filter".to_owned(), filter.clone());
            body.insert("dry_run".to_owned(), json!(!self.yes));
            body.insert("cursor".to_owned(), json!(cursor));
            let page = order.post(&api, "/v1/runs/bulk", body).map_err(|error| go_on(error, cursor.as_deref()))?;
            for result in list(&page, "results") {
                *counts.entry(text(result, "outcome").to_owned()).or_default() += 1;
                context.print(result, |result| println!("{}", line(text(result, "runId"), result)))?;
            }
            match page.get("next_cursor").and_then(Value::as_str) {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        self.summary(context, &counts);
        Ok(0)
    }

    fn filter(&self) -> Result<Value> {
        let mut filter = Map::new();
        let before = self.older_than.map(|age| SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH));
        let conditions = [
            ("status", self.status.clone()),
            ("project", self.project.as_deref().map(key)),
            ("user_id", self.user.clone()),
            ("created_before", before.map(|before| humantime::format_rfc3339_seconds(before).to_string())),
        ];
        for (name, value) in conditions {
            filter.extend(value.map(|value| (name.to_owned(), Value::from(value))));
        }
        if filter.is_empty() {
            return Err(Error::misuse("say which runs: --status, --project, --user or --older-than"));
        }
        Ok(Value::Object(filter))
    }

    fn summary(&self, context: &Context, counts: &BTreeMap<String, u64>) {
        if context.json {
            return;
        }
        let parts: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
        let parts = if parts.is_empty() { "no run".to_owned() } else { parts.join(", ") };
        match self.yes {
            true => println!("{parts}"),
            false => println!("{parts}; nothing was done: add --yes to do it"),
        }
    }
}

/// An interrupted bulk can be resumed where it stopped.
fn go_on(error: Error, cursor: Option<&str>) -> Error {
    match cursor {
        Some(cursor) => Error::failed(format!("{error}; go on with --cursor {cursor}")),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_sends_what_was_said_and_nothing_else() {
        let said = Said { reason: Some("r".into()), actor: None };
        let until = Until { until: None, within: Some(Duration::from_secs(7200)) };
        let order = Order::new("pause", &said).until(&until);
        assert_eq!(Value::Object(order.body), json!({"reason": "r", "seconds": 7200}));
        let successor = Successor { fresh: true, key: Some("k".into()) };
        let order = Order::new("rerun", &Said { reason: None, actor: None }).successor(&successor, Some("render"));
        assert_eq!(
            (Value::Object(order.body), order.key.as_deref()),
            (json!({"fresh": true, "from": "render"}), Some("k"))
        );
    }

    #[test]
    fn outcomes_are_told_in_words() {
        let line = |answer: Value| line("r1", &answer);
        assert_eq!(line(json!({"status": "paused", "outcome": "changed"})), "r1  is paused");
        assert_eq!(line(json!({"status": "running", "outcome": "unchanged"})), "r1  unchanged: running");
        let successor = json!({"status": "running", "outcome": "successor", "successor": "r2"});
        assert_eq!(line(successor), "r1  goes on as r2: running");
        assert_eq!(line(json!({"outcome": "refused", "detail": "no"})), "r1  refused: no");
    }

    #[test]
    fn an_interrupted_bulk_says_where_to_go_on() {
        assert!(go_on(Error::failed("away"), Some("c1")).to_string().ends_with("go on with --cursor c1"));
        assert_eq!(go_on(Error::failed("away"), None).to_string(), "away");
    }
}
