//! `mw runs debug-persona`: what a persona said in a run, out of its timeline. Nobody is asked again, so that no provider and no
//! model is called, whichever persona it is.

use super::runs::{events_after, is_final, key, run_path};
use super::{Context, show};
use crate::{
    api::{Api, text},
    error::{Error, Result},
};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

/// A persona that failed its run.
const FAILED: u8 = 3;

#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 it has spoken; 1 it is being asked; 2 the run has not come to it, or there is no such run; 3 it failed its run.

Example:
  mw runs debug-persona alex RUN")]
pub(crate) struct Options {
    persona: String,
    run: String,
    /// The project that the run must be of.
    #[arg(long)]
    project: Option<String>,
    /// What is shown: what the timeline has of the persona, or what came out of the run.
    #[arg(long, value_enum, default_value = "checkpoint")]
    source: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Source {
    Checkpoint,
    Result,
}

pub(crate) fn run(context: &Context, api: &Api, options: &Options) -> Result<u8> {
    let Options { persona, run, project, source } = options;
    let state = api.get(&run_path(run))?;
    if let Some(project) = project.as_deref().map(key).filter(|key| key != text(&state, "project")) {
        return Err(Error::misuse(format!(
            "run {run} is of the project {}, not of {project}",
            text(&state, "project")
        )));
    }
    let mut events = events_after(api, run, &mut None)?;
    events.retain(|event| event.pointer("/data/persona").and_then(Value::as_str) == Some(persona));
    let finished = events.iter().rev().find(|event| text(event, "type") == "persona.finished");
    let code = match (finished, is_final(text(&state, "status"))) {
        _ if events.is_empty() => {
            return Err(Error::misuse(format!("run {run} has not come to {persona}: mw runs events {run}")));
        }
        (Some(_), _) => 0,
        (None, true) => FAILED,
        (None, false) => 1,
    };
    let shown = match source {
        Source::Checkpoint => finished.and_then(|event| event.pointer("/data/output")).cloned(),
        Source::Result => state.get("result").cloned(),
    };
    let said = json!({ "persona": persona, "run": run, "source": finished.and_then(|event| event.pointer("/data/source")),
        "output": shown, "events": events });
    context.print(&said, |_| {
        events.iter().for_each(|event| println!("{}", show::event(event)));
        let pretty = shown.as_ref().map(|output| format!("{output:#}"));
        println!("{}", pretty.unwrap_or_else(|| format!("{persona} has said nothing")));
        if code == FAILED {
            print!("{}", show::ending(&state));
        }
    })?;
    Ok(code)
}
