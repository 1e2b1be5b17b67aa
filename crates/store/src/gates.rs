//! The inbox: gates that wait for a person.

use crate::{Database, DbError, Readable, call};
use mw_kernel::run::AnyRun;
use mw_kernel::status::GateName;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Filters of the inbox; all of them must match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    pub gate: Option<GateName>,
    pub project: Option<String>,
    /// The last gate of the page before.
    pub after: Option<Place>,
}

/// A gate's place in the inbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// As the database wrote it.
    pub deadline: String,
    pub run_id: String,
    pub opening: u32,
}

/// A gate that waits, with its run.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    pub run: AnyRun,
    pub opening: u32,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// A run that this version cannot read is left out: the list of runs shows it.
    pub gates: Vec<Waiting>,
    /// Where the next page goes on.
    pub next: Option<Place>,
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
    opening: u32,
    run: Readable<AnyRun>,
}

/// Lists runs that wait for a person, the most urgent first, one page by key.
pub fn open(db: &mut dyn Database, filter: &Filter, limit: u32) -> Result<Page, DbError> {
    let request = json!({"gate": filter.gate, "project": filter.project, "after": filter.after, "limit": limit});
    let row: PageRow = call(db, "gates_open", &request)?;
    let place =
        |gate: &GateRow| Place { deadline: gate.deadline.clone(), run_id: gate.run_id.clone(), opening: gate.opening };
    let last = row.gates.last().map(place);
    let waiting = |gate: GateRow| gate.run.0.ok().map(|run| Waiting { run, opening: gate.opening });
    Ok(Page { next: last.filter(|_| row.more), gates: row.gates.into_iter().filter_map(waiting).collect() })
}
