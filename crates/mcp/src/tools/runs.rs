//! Reading runs: how one stands, which there are, what one waits for.

use crate::tool::{Call, Session, Tool, ToolOutcome};
use mw_edge::Problem;
use mw_edge::body::Fields;
use mw_edge::cursor::Cursor;
use mw_kernel::principal::Role;
use mw_operations::runs::view;
use mw_store::runs::Filter;
use serde_json::{Value, json};

const RUN_ID_LENGTH_MAX: usize = 128;
const PAGE_DEFAULT: u32 = 20;
const PAGE_MAX: u32 = 100;
/// As many as a model reads with profit, the newest.
const ARTIFACTS_MAX: usize = 50;

pub(crate) const GET_RUN_STATUS: Tool = Tool {
    name: "get_run_status",
    role: Role::Viewer,
    call: |session, call| {
        let mut run = view::one(&run_id(call)?, session.context)?;
        let mut left_off = 0;
        if let Some(artifacts) = run.get_mut("artifacts").and_then(Value::as_array_mut) {
            left_off = artifacts.len().saturating_sub(ARTIFACTS_MAX);
            artifacts.drain(..left_off);
        }
        if let Some(members) = run.as_object_mut() {
            members.insert("artifactsLeftOff".to_owned(), json!(left_off));
        }
        Ok(ToolOutcome::facts(run))
    },
};

pub(crate) const LIST_RUNS: Tool = Tool { name: "list_runs", role: Role::Viewer, call: list };

pub(crate) const EXPLAIN_RUN: Tool = Tool {
    name: "explain_run",
    role: Role::Viewer,
    call: |session, call| Ok(ToolOutcome::facts(json!(view::why(&run_id(call)?, session.context)?))),
};

fn list(session: &mut Session<'_>, call: &Call<'_>) -> Result<ToolOutcome, Problem> {
    let mut fields = Fields::new(call.arguments, "#");
    let status = fields.text("status", 1, 64);
    let project = fields.text("project", 1, 64);
    let limit = limit(&mut fields);
    let before = cursor(&mut fields, Cursor::parse).map(|cursor| (cursor.created_at, cursor.run_id));
    fields.finish()?;
    let status = status.map(|word| view::status_of(session.context.kinds, &word, "#/status")).transpose()?;
    let filter = Filter { status, project, before, ..Filter::default() };
    let (page, _) = view::page(session.context, &filter, limit)?;
    Ok(ToolOutcome::facts(page))
}

/// The key that a list goes on from.
/// Where a list goes on; a text that `read` does not know is a fault.
pub(super) fn cursor<T>(fields: &mut Fields<'_>, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
    let sent = fields.text("cursor", 1, 400)?;
    let cursor = read(&sent);
    if cursor.is_none() {
        fields.fail("cursor", "Input should be a next_cursor of ours");
    }
    cursor
}

pub(super) fn run_id(call: &Call<'_>) -> Result<String, Problem> {
    let mut fields = Fields::new(call.arguments, "#");
    let run_id = fields.required_text("runId", 1, RUN_ID_LENGTH_MAX);
    fields.finish().map(|()| run_id)
}

/// How many on a page.
pub(super) fn limit(fields: &mut Fields<'_>) -> u32 {
    fields.number("limit", 1, PAGE_MAX).unwrap_or(PAGE_DEFAULT)
}
