//! `mw runs`: look at runs, follow them, cancel them.

use super::{Context, show};
use crate::{
    api::{Api, escaped, list, text},
    dev::signals,
    error::{Error, Result},
};
use clap::Subcommand;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List runs, newest first.
    #[command(after_help = "Examples:\n  mw runs list\n  mw runs list --status awaiting_ideate --project aismr --json")]
    List {
        /// Only runs of this status, like running, awaiting_ideate, published, failed.
        #[arg(long)]
        status: Option<String>,
        /// Only runs of this project.
        #[arg(long)]
        project: Option<String>,
        /// At most this many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// Go on after an earlier page (its next_cursor).
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show one run: status, clips, artifacts.
    Show { run: String },
    /// Show a run's timeline.
    Events { run: String },
    /// Follow a run until it ends: 0 published, 1 otherwise or time-out, 2 unknown run.
    Watch {
        run: String,
        /// Give up after this many seconds.
        #[arg(long, default_value_t = 900)]
        timeout: u64,
        /// Look every so many seconds.
        #[arg(long, default_value_t = 2.0)]
        poll_interval: f64,
    },
    /// Cancel a run; its pipeline stops.
    Cancel {
        run: String,
        /// Why, for the timeline.
        #[arg(long)]
        reason: Option<String>,
        /// Who, for the timeline.
        #[arg(long)]
        actor: Option<String>,
    },
}

pub(crate) fn run(context: &Context, command: Command) -> Result<u8> {
    let mut api = Api::new(&context.settings)?;
    match command {
        Command::List { status, project, limit, cursor } => {
            let limit = Some(limit.to_string());
            let filters =
                [("status", status), ("project", project.map(|name| key(&name))), ("limit", limit), ("cursor", cursor)];
            list_runs(context, &api, &filters)
        }
        Command::Show { run } => {
            let found = api.get(&run_path(&run))?;
            context.print(&found, |run| print!("{}", show::run(run)))
        }
        Command::Events { run } => {
            let events = Value::Array(events_after(&api, &run, &mut None)?);
            context.print(&events, |events| {
                events.as_array().into_iter().flatten().for_each(|event| println!("{}", show::event(event)))
            })
        }
        Command::Watch { run, timeout, poll_interval } => {
            api.patience = Duration::from_secs(30).min(Duration::from_secs(timeout));
            watch(context, &api, &run, Duration::from_secs(timeout), pause(poll_interval)?)
        }
        Command::Cancel { run, reason, actor } => {
            let mut body = json!({});
            for (name, value) in [("reason", reason), ("actor", actor)] {
                if let (Some(value), Some(body)) = (value, body.as_object_mut()) {
                    body.insert(name.to_owned(), value.into());
                }
            }
            let answer = api.post(&format!("{}/cancel", run_path(&run)), body)?;
            context.print(&answer, |answer| println!("{} is {}", run, text(answer, "status")))
        }
    }
}

/// `test-video-gen` and `Test Video Gen` mean test_video_gen.
pub(crate) fn key(project: &str) -> String {
    project.trim().to_lowercase().replace(['-', ' '], "_")
}

pub(crate) fn pause(seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds.max(0.05))
        .map_err(|_| Error::misuse("--poll-interval must be a number of seconds"))
}

pub(crate) fn run_path(run: &str) -> String {
    format!("/v1/runs/{}", escaped(run))
}

/// Statuses out of which no run comes.
pub(crate) fn is_final(status: &str) -> bool {
    matches!(status, "published" | "completed" | "failed" | "error" | "cancelled" | "rejected" | "expired")
}

pub(crate) fn runs_path(filters: &[(&str, Option<String>)]) -> String {
    let given = filters.iter().filter_map(|(name, value)| Some(format!("{name}={}", escaped(value.as_deref()?))));
    format!("/v1/runs?{}", given.collect::<Vec<_>>().join("&"))
}

fn list_runs(context: &Context, api: &Api, filters: &[(&str, Option<String>)]) -> Result<u8> {
    let page = api.get(&runs_path(filters))?;
    context.print(&page, |page| {
        list(page, "runs").iter().for_each(|run| println!("{}", show::run_line(run)));
        if let Some(cursor) = page.get("next_cursor").and_then(Value::as_str) {
            println!("more: mw runs list --cursor {cursor}");
        }
    })
}

/// All events after the cursor, which moves on. Pages end when one brings nothing new.
pub(crate) fn events_after(api: &Api, run: &str, cursor: &mut Option<String>) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    loop {
        let query = cursor.as_deref().map(|cursor| format!("?cursor={}", escaped(cursor))).unwrap_or_default();
        let page = api.get(&format!("{}/events{query}", run_path(run)))?;
        let events = list(&page, "events");
        found.extend_from_slice(events);
        match page.get("next_cursor").and_then(Value::as_str) {
            Some(next) if !events.is_empty() => *cursor = Some(next.to_owned()),
            _ => return Ok(found),
        }
    }
}

/// Remembers which events were shown already.
#[derive(Default)]
pub(crate) struct Timeline {
    cursor: Option<String>,
    seen: BTreeSet<u64>,
}

impl Timeline {
    /// The events that are new since the last call.
    pub(crate) fn news(&mut self, api: &Api, run: &str) -> Result<Vec<Value>> {
        let mut events = events_after(api, run, &mut self.cursor)?;
        events.retain(|event| self.seen.insert(event.get("seq").and_then(Value::as_u64).unwrap_or_default()));
        Ok(events)
    }
}

fn watch(context: &Context, api: &Api, run: &str, limit: Duration, pause: Duration) -> Result<u8> {
    let began = Instant::now();
    let mut timeline = Timeline::default();
    loop {
        let state = api.get(&run_path(run))?;
        for event in timeline.news(api, run)? {
            context.print(&event, |event| println!("{}", show::event(event)))?;
        }
        let status = text(&state, "status");
        if is_final(status) {
            context.print(&state, |state| print!("{}", show::ending(state)))?;
            return Ok(u8::from(!matches!(status, "published" | "completed")));
        }
        if began.elapsed() + pause > limit {
            return Err(Error::failed(format!("run {run} is still {status} after {} s", limit.as_secs())));
        }
        signals::pause(pause)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_names_are_forgiving() {
        assert_eq!(key("Test-Video Gen"), "test_video_gen");
    }

    #[test]
    fn filters_that_are_not_given_stay_out() {
        let filters = [("status", None), ("project", Some("a b".to_owned())), ("limit", Some("5".to_owned()))];
        assert_eq!(runs_path(&filters), "/v1/runs?project=a%20b&limit=5");
    }

    #[test]
    fn endings() {
        assert!(is_final("rejected") && is_final("published"));
        assert!(!is_final("publishing") && !is_final("awaiting_ideate") && !is_final("paused"));
        assert_eq!(pause(0.0).unwrap(), Duration::from_millis(50));
        assert!(pause(f64::INFINITY).is_err());
    }
}
