//! The inbox: gates that wait for a person.

use crate::{Database, DbError, Readable, call};
use mw_core::run::Run;
use mw_core::status::GateName;
use serde::Deserialize;
use serde_json::json;

/// Filters of the inbox; all of them must match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    pub gate: Option<GateName>,
    pub project: Option<String>,
    /// Deadline (as the database wrote it) and run of the last gate of the page before.
    pub after: Option<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// Each waits at its gate. A run that this version cannot read is left out: the list of runs shows it.
    pub runs: Vec<Run>,
    /// Where the next page goes on.
    pub next: Option<(String, String)>,
}

#[derive(Deserialize)]
struct PageRow {
    gates: Vec<GateRow>,
    more: bool,
}

#[derive(Deserialize)]
struct GateRow {
    deadline: String,
    run_id: String,
    run: Readable<Run>,
}

/// Lists runs that wait for a person, the most urgent first, one page by key.
pub fn open(db: &mut dyn Database, filter: &Filter, limit: u32) -> Result<Page, DbError> {
    let after = filter.after.as_ref().map(|(deadline, run_id)| json!({"deadline": deadline, "run_id": run_id}));
    let request = json!({"gate": filter.gate, "project": filter.project, "after": after, "limit": limit});
    let row: PageRow = call(db, "gates_open", &request)?;
    let last = row.gates.last().map(|gate| (gate.deadline.clone(), gate.run_id.clone()));
    Ok(Page {
        next: last.filter(|_| row.more),
        runs: row.gates.into_iter().filter_map(|gate| gate.run.0.ok()).collect(),
    })
}
