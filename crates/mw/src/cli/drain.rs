//! `mw drain`: refuse new runs while everything in flight goes on, and wait until nothing is running.

use super::{Context, runs};
use crate::{
    api::{Api, text},
    error::{Error, Result},
};
use clap::Subcommand;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const PATH: &str = "/admin/drain";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Refuse new runs and chats (503); webhooks, gates and work in flight go on.
    #[command(after_help = "Example:\n  mw drain on --reason 'upgrade to 0.2'")]
    On {
        /// Why; callers that are refused read it.
        #[arg(long)]
        reason: Option<String>,
        /// Who.
        #[arg(long, env = "MW_ACTOR")]
        actor: Option<String>,
    },
    /// Take new runs again.
    Off {
        /// Who.
        #[arg(long, env = "MW_ACTOR")]
        actor: Option<String>,
    },
    /// Count what is left, and say whether it is safe to stop.
    #[command(after_help = "\
Example:
  mw drain status --wait --timeout 900

With --wait: 0 when nothing is running, 1 when something still is after the time-out.")]
    Status {
        /// Wait until nothing is running.
        #[arg(long)]
        wait: bool,
        /// Give up waiting after this many seconds.
        #[arg(long, default_value_t = 600)]
        timeout: u64,
        /// Look every so many seconds.
        #[arg(long, default_value_t = 2.0)]
        poll_interval: f64,
    },
}

pub(crate) fn run(context: &Context, command: Command) -> Result<u8> {
    let api = Api::new(&context.settings)?;
    let (status, waits) = match command {
        Command::On { reason, actor } => {
            (api.post(PATH, json!({"on": true, "reason": reason, "actor": actor}))?, false)
        }
        Command::Off { actor } => (api.post(PATH, json!({"on": false, "actor": actor}))?, false),
        Command::Status { wait: false, .. } => (api.get(PATH)?, false),
        Command::Status { wait: true, timeout, poll_interval } => {
            (idle(&api, Duration::from_secs(timeout), runs::pause(poll_interval)?)?, true)
        }
    };
    context.print(&status, |status| print!("{}", shown(status)))?;
    if waits && at_work(&status) {
        return Err(Error::failed("work is still running: see above"));
    }
    Ok(0)
}

fn at_work(status: &Value) -> bool {
    status.get("at_work").and_then(Value::as_bool).unwrap_or(true)
}

/// The first status without work, or the last one before the time-out.
fn idle(api: &Api, limit: Duration, pause: Duration) -> Result<Value> {
    let api = api.with_patience(limit);
    let began = Instant::now();
    loop {
        let status = api.get(PATH)?;
        if !at_work(&status) || began.elapsed() + pause > limit {
            return Ok(status);
        }
        crate::signals::pause(pause)?;
    }
}

fn shown(status: &Value) -> String {
    let on = status.get("on").and_then(Value::as_bool).unwrap_or_default();
    let since = text(status, "since");
    let mut shown = format!("drain {} since {since} by {}", if on { "on" } else { "off" }, text(status, "actor"));
    if !text(status, "reason").is_empty() {
        shown += &format!(": {}", text(status, "reason"));
    }
    let left = status.get("left").and_then(Value::as_object).into_iter().flatten();
    for (name, value) in left {
        let counts = match value {
            Value::Object(counts) => counts.iter().map(|(name, count)| format!("{count} {name}")).collect(),
            count => vec![count.to_string()],
        };
        shown += &format!(
            "\n  {:<20} {}",
            name.replace('_', " "),
            if counts.is_empty() { "0".to_owned() } else { counts.join(", ") }
        );
    }
    format!("{shown}\n{}\n", text(status, "summary"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_shows_every_count() {
        let status = json!({"on": true, "reason": "upgrade", "actor": "ann", "since": "2026", "at_work": true,
            "summary": "running: 1 run", "left": {"runs": {"running": 1}, "jobs": {}, "dead_letters": 3}});
        let shown = shown(&status);
        for part in [
            "drain on since 2026 by ann: upgrade",
            "runs                 1 running",
            "jobs                 0",
            "dead letters         3",
            "running: 1 run\n",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(at_work(&status) && at_work(&json!({})));
    }
}
