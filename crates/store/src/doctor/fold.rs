//! What SQL cannot see of a run: whether its state can be read, is the fold of its timeline, and agrees with its columns.

use super::{Finding, Invariant};
use mw_media::Timestamp;
use mw_media::run::{Recorded, Run, fold};
use mw_media::status::{GateName, Status};
use serde::Deserialize;
use serde_json::Value;
use time::format_description::well_known::Rfc3339;

/// A run as its row and its timeline have it.
#[derive(Debug, Deserialize)]
pub(super) struct Stored {
    pub(super) run_id: String,
    status: String,
    version: u64,
    awaiting_gate: Option<String>,
    deadline: Option<String>,
    finished_at: Option<String>,
    state: Value,
    /// The bodies of its events, in order.
    events: Vec<String>,
}

impl Stored {
    /// The run that the timeline tells of.
    pub(super) fn folded(&self) -> Result<Run, Finding> {
        let mut events = Vec::with_capacity(self.events.len());
        for (place, body) in self.events.iter().enumerate() {
            let event: Recorded = serde_json::from_str(body).map_err(|error| {
                self.finding(Invariant::TimelineUnreadable, format!("event {}: {error}", place + 1))
            })?;
            events.push(event);
        }
        Ok(fold(&self.run_id, &events))
    }

    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let folded = self.folded().map_err(|finding| findings.push(finding)).ok();
        match serde_json::from_value::<Run>(self.state.clone()) {
            Err(error) => findings.push(self.finding(Invariant::StateUnreadable, error.to_string())),
            Ok(run) => {
                findings.extend(folded.and_then(|folded| self.state_differs(&run, &folded)));
                findings.extend(self.columns_differ(&run));
            }
        }
        findings
    }

    fn state_differs(&self, run: &Run, folded: &Run) -> Option<Finding> {
        if run == folded {
            return None;
        }
        let (Ok(Value::Object(stored)), Ok(Value::Object(told))) =
            (serde_json::to_value(run), serde_json::to_value(folded))
        else {
            return None;
        };
        let names = stored.keys().chain(told.keys().filter(|name| !stored.contains_key(*name)));
        let different: Vec<&str> =
            names.filter(|name| stored.get(*name) != told.get(*name)).map(String::as_str).collect();
        Some(self.finding(Invariant::StateDiffers, format!("different: {}", different.join(", "))))
    }

    fn columns_differ(&self, run: &Run) -> Option<Finding> {
        // Nobody can decide at the gate of a paused run.
        let gate = run.gates.first().map(|open| open.gate).filter(|_| run.status != Status::Paused);
        let columns = [
            ("status", Status::parse(&self.status) == Some(run.status)),
            ("version", self.version == run.version),
            ("awaiting_gate", self.awaiting_gate.as_deref() == gate.as_ref().map(GateName::as_str)),
            ("deadline", same_moment(self.deadline.as_deref(), run.deadline)),
            ("finished_at", same_moment(self.finished_at.as_deref(), run.finished_at)),
        ];
        let different: Vec<&str> = columns.iter().filter(|(_, same)| !same).map(|(name, _)| *name).collect();
        if different.is_empty() {
            return None;
        }
        Some(self.finding(Invariant::RunColumnsDiffer, format!("not as in the state: {}", different.join(", "))))
    }

    fn finding(&self, invariant: Invariant, detail: String) -> Finding {
        Finding { invariant, run_id: Some(self.run_id.clone()), detail }
    }
}

/// A column keeps microseconds, a text may have more.
fn same_moment(column: Option<&str>, state: Option<Timestamp>) -> bool {
    match (column, state) {
        (None, None) => true,
        (Some(column), Some(state)) => Timestamp::parse(column, &Rfc3339)
            .is_ok_and(|column| (column - state).abs() <= time::Duration::microseconds(1)),
        (Some(_), None) | (None, Some(_)) => false,
    }
}
