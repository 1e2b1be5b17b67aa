//! Runs as clients see them, on every way in: a page of them, one, its timeline, and what it waits for.

use mw_edge::clock::normalise_times;
use mw_edge::cursor::Cursor;
use mw_edge::ids::is_run_id;
use mw_edge::{Context, Problem, clock, problem, refusal, shape};
use mw_kernel::run::Kinds;
use mw_kernel::status::StatusWord;
use mw_store::runs::{Explained, Filter};
use serde_json::{Value, json};

/// A page of runs as clients see it, with the cursor of the next one.
pub fn page(context: &mut Context, filter: &Filter, limit: u32) -> Result<(Value, Option<String>), Problem> {
    let mut page = mw_store::runs::list(context.database()?, filter, limit)?;
    let next = page.runs.last().filter(|_| page.more).and_then(Cursor::after);
    page.runs.iter_mut().for_each(normalise_times);
    Ok((json!({"runs": page.runs, "next_cursor": next}), next))
}

/// The status that a word names.
pub fn status_of(kinds: Kinds, word: &str, pointer: &str) -> Result<StatusWord, Problem> {
    let known = kinds.statuses();
    known.contains(&word).then(|| StatusWord::of(word)).ok_or_else(|| {
        let words: Vec<String> = known.iter().map(|status| format!("'{status}'")).collect();
        problem::invalid_field(pointer, format!("Input should be one of {}", words.join(", ")))
    })
}

/// A run as clients see it, with its artifacts.
pub fn one(run_id: &str, context: &mut Context) -> Result<Value, Problem> {
    let not_found = || problem::not_found("run not found");
    if !is_run_id(run_id) {
        return Err(not_found());
    }
    context.log.about_run(run_id);
    let mut view = mw_store::runs::view(context.database()?, run_id)?.ok_or_else(not_found)?;
    normalise_times(&mut view);
    if let Some(artifacts) = view.get_mut("artifacts").and_then(Value::as_array_mut) {
        artifacts.iter_mut().for_each(normalise_times);
    }
    Ok(view)
}

/// A page of a run's timeline after a sequence number.
pub fn timeline(run_id: &str, after: u64, limit: u32, context: &mut Context) -> Result<Value, Problem> {
    let not_found = || problem::not_found("run not found");
    if !is_run_id(run_id) {
        return Err(not_found());
    }
    context.log.about_run(run_id);
    let page = mw_store::runs::timeline(context.database()?, run_id, after, limit)?.ok_or_else(not_found)?;
    let next = page.events.last().filter(|_| page.more).and_then(|event| event.get("seq").cloned());
    Ok(json!({"runId": run_id, "events": page.events, "next_after": next}))
}

shape! {
    #[serde(rename_all = "camelCase")]
    pub struct Why {
        pub run_id: String,
        #[schemars(with = "mw_kernel::status::StatusWord")]
        pub status: String,
        pub waiting_for: String,
        #[schemars(extend("format" = "date-time"))]
        pub since: Option<String>,
        #[schemars(extend("format" = "date-time"))]
        pub until: Option<String>,
        pub then: String,
        pub details: Vec<String>,
        /// Commands.
        pub can: Vec<String>,
    }
}

/// What the run waits for, in plain words.
pub fn why(run_id: &str, context: &mut Context) -> Result<Why, Problem> {
    let not_found = || problem::not_found("run not found");
    if !is_run_id(run_id) {
        return Err(not_found());
    }
    context.log.about_run(run_id);
    let kinds = context.kinds;
    let explained = mw_store::runs::facts(context.database()?, kinds, run_id)?;
    let Explained { run, facts } = explained.ok_or_else(not_found)?;
    let why = kinds.of(&run).and_then(|kind| kind.why(&run, &facts));
    let why = why.map_err(|refusal| refusal::of_run(&refusal))?;
    Ok(Why {
        run_id: run.run_id,
        status: run.status.to_string(),
        waiting_for: why.waiting_for,
        since: why.since.map(clock::rfc3339),
        until: why.until.map(clock::rfc3339),
        then: why.then,
        details: why.details,
        can: why.can,
    })
}
