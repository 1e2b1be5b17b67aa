//! Gates: who decides, what a link may do, and what merely looking never does.

mod decisions;
mod looking;
mod page;
pub(crate) mod policies;
mod robots;
mod tokens;

use crate::support::{Run, service};
use serde_json::{Value, json};

/// Counts what decisions leave: rows for people, and events.
fn decisions(run: &Run) -> (usize, usize) {
    let rows = service().database().count("SELECT FROM hitl_approvals WHERE run_id = $1", &[&run.id]);
    (rows, run.count_events("gate.decided"))
}

fn approve() -> Value {
    json!({"decision": "approve"})
}

fn reject() -> Value {
    json!({"decision": "reject"})
}
