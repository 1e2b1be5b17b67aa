//! What SQL cannot see of a run: whether its state can be read, is the fold of its timeline, and agrees with its columns.

use super::{Finding, Invariant};
use mw_kernel::Timestamp;
use mw_kernel::run::{AnyKind, AnyRun, Folded, Kinds};
use mw_kernel::status::GateName;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
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
    state: Box<RawValue>,
    /// The bodies of its events, in order.
    events: Vec<String>,
}

/// What is looked for in a state or in a run's first event, before anybody reads it as some kind's.
#[derive(Deserialize)]
struct OfKind {
    kind: String,
}

impl Stored {
    /// The run's kind, by its timeline; by its state, where the first event is missing.
    fn kind(&self, kinds: Kinds) -> Option<&'static dyn AnyKind> {
        #[derive(Deserialize)]
        struct First {
            data: OfKind,
        }
        let first = self.events.first().and_then(|body| serde_json::from_str(body).ok()).map(|First { data }| data);
        let OfKind { kind } = first.or_else(|| serde_json::from_str(self.state.get()).ok())?;
        kinds.named(&kind)
    }

    /// The run that the timeline tells of.
    pub(super) fn folded(&self, kinds: Kinds) -> Result<Folded, Finding> {
        let unreadable = |detail| self.finding(Invariant::TimelineUnreadable, detail);
        let kind = self.kind(kinds).ok_or_else(|| unreadable("its kind is not one of this version's".to_owned()))?;
        kind.fold(&self.run_id, &self.events).map_err(|error| unreadable(error.to_string()))
    }

    /// The run as it is stored.
    fn read(&self, kinds: Kinds) -> Result<Folded, String> {
        let run: AnyRun = serde_json::from_str(self.state.get()).map_err(|error| error.to_string())?;
        kinds.of(&run).and_then(|kind| kind.reread(&run)).map_err(|refusal| refusal.to_string())
    }

    /// What is wrong with the run, and whether it only waits for its deadline.
    pub(super) fn look(&self, kinds: Kinds) -> (Vec<Finding>, bool) {
        let mut findings = Vec::new();
        let folded = self.folded(kinds).map_err(|finding| findings.push(finding)).ok();
        let rests = folded.as_ref().is_some_and(|folded| folded.rests);
        match self.read(kinds) {
            Err(error) => findings.push(self.finding(Invariant::StateUnreadable, error)),
            Ok(Folded { run, .. }) => {
                findings.extend(folded.and_then(|folded| self.state_differs(&run, &folded.run)));
                findings.extend(self.columns_differ(&run));
            }
        }
        (findings, rests)
    }

    fn state_differs(&self, run: &AnyRun, folded: &AnyRun) -> Option<Finding> {
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

    fn columns_differ(&self, run: &AnyRun) -> Option<Finding> {
        // Nobody can decide at the gate of a paused run.
        let gate = run.gates.first().map(|open| open.gate).filter(|_| run.pause.is_none());
        let columns = [
            ("status", self.status == run.status.as_str()),
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
