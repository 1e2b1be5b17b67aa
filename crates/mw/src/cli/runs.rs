//! `mw runs`: look at runs, follow them. What is done to them is in `verbs`.

use super::verbs::{Bulk, Order, Said, Successor, Until};
use super::{Context, debug_persona, show, target::Target};
use crate::{
    api::{Api, escaped, list, text},
    error::{Error, Result},
    signals,
};
use clap::Subcommand;
use serde_json::Value;
use std::time::{Duration, Instant};

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
        #[command(flatten)]
        target: Target,
        /// Say in which project of LangSmith the run's traces are.
        #[arg(long)]
        langsmith_project: Option<String>,
        /// Give up after this many seconds.
        #[arg(long, default_value_t = 900)]
        timeout: u64,
        /// Look every so many seconds.
        #[arg(long, default_value_t = 2.0)]
        poll_interval: f64,
    },
    /// Show what a persona said in a run; asks nobody.
    DebugPersona(debug_persona::Options),
    /// Cancel a run; its pipeline stops.
    Cancel {
        run: String,
        #[command(flatten)]
        said: Said,
    },
    /// Hold a run: nothing new is sent, nobody decides; what is in flight is still collected.
    #[command(
        after_help = "Example:\n  mw runs pause RUN --for 2d --reason 'provider on fire'\n\nWithout --for or --until: 7 days, then it expires."
    )]
    Pause {
        run: String,
        #[command(flatten)]
        until: Until,
        #[command(flatten)]
        said: Said,
    },
    /// Let a paused run go on where it was.
    Resume {
        run: String,
        #[command(flatten)]
        said: Said,
    },
    /// End a run, whatever it is doing; works in every state.
    Terminate {
        run: String,
        #[command(flatten)]
        said: Said,
    },
    /// Give a run more time: its step, its gate or its pause.
    #[command(after_help = "Example:\n  mw runs extend RUN --for 12h")]
    Extend {
        run: String,
        #[command(flatten)]
        until: Until,
        #[command(flatten)]
        said: Said,
    },
    /// Try again what failed; of an ended run, in a successor that goes on where it stopped.
    Retry {
        run: String,
        #[command(flatten)]
        successor: Successor,
        #[command(flatten)]
        said: Said,
    },
    /// Open a successor of an ended run at a step: workflow, iggy, ideate, generate, render, prepublish, publish, …
    #[command(after_help = "Example:\n  mw runs rerun RUN --from render")]
    Rerun {
        run: String,
        /// The step to start at; one that the run has reached.
        #[arg(long)]
        from: String,
        #[command(flatten)]
        successor: Successor,
        #[command(flatten)]
        said: Said,
    },
    /// A verb for all runs that match a filter; shows what would happen until you say --yes.
    #[command(
        after_help = "Examples:\n  mw runs bulk cancel --project aismr --older-than 7d\n  mw runs bulk retry --status failed --yes\n  mw runs bulk rerun --status failed --from render --yes"
    )]
    Bulk(Bulk),
}

pub(crate) fn run(context: &Context, command: Command) -> Result<u8> {
    let usual = Target::default();
    let target = if let Command::Watch { target, .. } = &command { target } else { &usual };
    let mut api = target.api(&context.settings)?;
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
        Command::DebugPersona(options) => debug_persona::run(context, &api, &options),
        Command::Watch { run, timeout, poll_interval, langsmith_project, target: _ } => {
            if let Some(project) = langsmith_project {
                eprintln!("traces: project {project} at https://smith.langchain.com, with run_id {run}");
            }
            api.patience = Duration::from_secs(30).min(Duration::from_secs(timeout));
            watch(context, &api, &run, Duration::from_secs(timeout), pause(poll_interval)?)
        }
        Command::Cancel { run, said } => Order::new("cancel", &said).carry_out(context, &api, &run),
        Command::Pause { run, until, said } => Order::new("pause", &said).until(&until).carry_out(context, &api, &run),
        Command::Resume { run, said } => Order::new("resume", &said).carry_out(context, &api, &run),
        Command::Terminate { run, said } => Order::new("terminate", &said).carry_out(context, &api, &run),
        Command::Extend { run, until, said } => {
            Order::new("extend", &said).until(&until).carry_out(context, &api, &run)
        }
        Command::Retry { run, successor, said } => {
            Order::new("retry", &said).successor(&successor, None).carry_out(context, &api, &run)
        }
        Command::Rerun { run, from, successor, said } => {
            Order::new("rerun", &said).successor(&successor, Some(&from)).carry_out(context, &api, &run)
        }
        Command::Bulk(bulk) => bulk.carry_out(context, &api),
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

/// A path with the parameters that are given.
pub(crate) fn with_query(path: &str, filters: &[(&str, Option<String>)]) -> String {
    let given = filters.iter().filter_map(|(name, value)| Some(format!("{name}={}", escaped(value.as_deref()?))));
    let query = given.collect::<Vec<_>>().join("&");
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

fn list_runs(context: &Context, api: &Api, filters: &[(&str, Option<String>)]) -> Result<u8> {
    let page = api.get(&with_query("/v1/runs", filters))?;
    context.print(&page, |page| {
        list(page, "runs").iter().for_each(|run| println!("{}", show::run_line(run)));
        if let Some(cursor) = page.get("next_cursor").and_then(Value::as_str) {
            println!("more: mw runs list --cursor {cursor}");
        }
    })
}

/// All events after the sequence number, which moves on.
pub(crate) fn events_after(api: &Api, run: &str, cursor: &mut Option<u64>) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    loop {
        let query = cursor.map(|after| format!("?after={after}")).unwrap_or_default();
        let page = api.get(&format!("{}/events{query}", run_path(run)))?;
        let events = list(&page, "events");
        found.extend_from_slice(events);
        *cursor = events.last().and_then(|event| event.get("seq")?.as_u64()).or(*cursor);
        if page.get("next_after").is_none_or(Value::is_null) {
            return Ok(found);
        }
    }
}

/// Remembers how far the events were shown already.
#[derive(Default)]
pub(crate) struct Timeline {
    shown: Option<u64>,
}

impl Timeline {
    /// The events that are new since the last call.
    pub(crate) fn news(&mut self, api: &Api, run: &str) -> Result<Vec<Value>> {
        events_after(api, run, &mut self.shown)
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
        assert_eq!(with_query("/v1/runs", &filters), "/v1/runs?project=a%20b&limit=5");
    }

    #[test]
    fn endings() {
        assert!(is_final("rejected") && is_final("published"));
        assert!(!is_final("publishing") && !is_final("awaiting_ideate") && !is_final("paused"));
        assert_eq!(pause(0.0).unwrap(), Duration::from_millis(50));
        assert!(pause(f64::INFINITY).is_err());
    }
}
