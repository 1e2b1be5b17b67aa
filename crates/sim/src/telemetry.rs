//! Spans and errors that came, as tests and people see them: one row each, newest last.

use serde_json::Value;

/// More rows than this are forgotten, oldest first.
const KEPT_MAX: usize = 50_000;

#[derive(Debug, Clone, Default)]
pub(crate) struct Telemetry {
    spans: Vec<Value>,
    errors: Vec<Value>,
}

impl Telemetry {
    pub(crate) fn keep_span(&mut self, span: Value) {
        keep(&mut self.spans, span);
    }

    /// An event that came before is not kept again, as Sentry has it.
    pub(crate) fn keep_error(&mut self, error: Value) {
        if !self.errors.iter().any(|kept| kept.get("event_id") == error.get("event_id")) {
            keep(&mut self.errors, error);
        }
    }

    pub(crate) fn spans_of(&self, run_id: Option<&str>) -> Vec<Value> {
        of_run(&self.spans, "/attributes/run_id", run_id)
    }

    pub(crate) fn errors_of(&self, run_id: Option<&str>) -> Vec<Value> {
        of_run(&self.errors, "/tags/run_id", run_id)
    }
}

fn keep(rows: &mut Vec<Value>, row: Value) {
    if rows.len() >= KEPT_MAX {
        rows.remove(0);
    }
    rows.push(row);
}

fn of_run(rows: &[Value], place: &str, run_id: Option<&str>) -> Vec<Value> {
    let wanted = |row: &&Value| run_id.is_none_or(|run_id| row.pointer(place).and_then(Value::as_str) == Some(run_id));
    rows.iter().filter(wanted).cloned().collect()
}
