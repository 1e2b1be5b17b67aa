//! What `runs_commit` is told: the decisions of a commit, and the rows that follow from them, of all runs together. A run has
//! one decision in it: several that were built on one another are told as one.

use crate::chat::Turn;
use crate::commit::{Committed, Decision, Idempotency, Settle};
use crate::effects::{BreakerChange, Observed};
use crate::text;
use mw_core::Timestamp;
use mw_core::notification::Notice;
use mw_core::run::DecidedGate;
use mw_core::run::{Artifact, Effect, GateRow, JobRow, Rearmed, Recorded, Run, Transition};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Lists that would be empty are left out: each that is there costs a statement.
#[derive(Serialize)]
pub(crate) struct Batch<'a> {
    now: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    decisions: Vec<Moved<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<Of<'a, EventRow<'a>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    jobs: Vec<Of<'a, &'a JobRow>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gates: Vec<Of<'a, &'a GateRow>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    votes: Vec<Of<'a, Vote<'a>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    artifacts: Vec<Of<'a, &'a Artifact>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    effects: Vec<Of<'a, &'a Effect>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rearmed: Vec<Of<'a, &'a Rearmed>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notices: Vec<Of<'a, Told<'a>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    settles: Vec<Concerning<'a, Settle>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    observed: Vec<Concerning<'a, Observed>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chat: Option<&'a Turn>,
    /// Places of decisions that this commit cannot take beside an earlier one of their run.
    #[serde(skip)]
    postponed: Vec<usize>,
}

/// A run as it shall be.
#[derive(Serialize)]
struct Moved<'a> {
    run_id: &'a str,
    expected_version: u64,
    run: &'a Run,
    result: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency: Option<&'a Idempotency>,
}

/// A row that goes with its run.
#[derive(Serialize)]
struct Of<'a, T> {
    run_id: &'a str,
    #[serde(flatten)]
    row: T,
}

/// What an effect came to: goes with its run where that is decided about, and else stands for itself.
#[derive(Serialize)]
struct Concerning<'a, T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    run_id: Option<&'a str>,
    #[serde(flatten)]
    row: &'a T,
}

#[derive(Serialize)]
struct EventRow<'a> {
    seq: u64,
    #[serde(rename = "type")]
    event_type: &'static str,
    at: String,
    actor: &'a str,
    /// Hashed as this text; PostgreSQL derives the jsonb from it.
    body: String,
}

#[derive(Serialize)]
struct Vote<'a> {
    decision: &'a DecidedGate,
}

#[derive(Serialize)]
struct Told<'a> {
    notice: &'a Notice,
}

/// What `runs_commit` says.
#[derive(Deserialize)]
pub(crate) struct Answer {
    refused: BTreeMap<String, Committed>,
    /// Effects whose lease is somebody else's now.
    fenced: Vec<i64>,
    pub(crate) kick: bool,
    pub(crate) breakers: Vec<BreakerChange>,
}

impl<'a> Batch<'a> {
    pub(crate) fn of(now: Timestamp, decisions: &'a [Decision]) -> Batch<'a> {
        let mut batch = Batch {
            now: text(now),
            decisions: Vec::new(),
            events: Vec::new(),
            jobs: Vec::new(),
            gates: Vec::new(),
            votes: Vec::new(),
            artifacts: Vec::new(),
            effects: Vec::new(),
            rearmed: Vec::new(),
            notices: Vec::new(),
            settles: Vec::new(),
            observed: Vec::new(),
            chat: decisions.iter().find_map(|decision| decision.chat.as_ref()),
            postponed: Vec::new(),
        };
        let mut known = BTreeMap::new();
        for (place, decision) in decisions.iter().enumerate() {
            let run_id = decision.transition.as_ref().map(|transition| transition.run.run_id.as_str());
            if let Some(transition) = &decision.transition
                && !batch.add_run(transition, decision.idempotency.as_ref(), &mut known)
            {
                batch.postponed.push(place);
                continue;
            }
            batch.settles.extend(decision.settle.as_ref().map(|row| Concerning { run_id, row }));
            batch.observed.extend(decision.observed.as_ref().map(|row| Concerning { run_id, row }));
        }
        for moved in &mut batch.decisions {
            moved.result = moved.run.result();
        }
        batch
    }

    /// False when the run has a gate open after what is known of it here: whatever closes a gate is told in another
    /// commit than what opens it.
    fn add_run(
        &mut self,
        transition: &'a Transition,
        idempotency: Option<&'a Idempotency>,
        known: &mut BTreeMap<&'a str, usize>,
    ) -> bool {
        let run = &transition.run;
        match known.get(run.run_id.as_str()).and_then(|place| self.decisions.get_mut(*place)) {
            Some(before) if before.run.gate.is_some() => return false,
            Some(before) => before.run = run,
            None => {
                known.insert(&run.run_id, self.decisions.len());
                self.decisions.push(Moved {
                    run_id: &run.run_id,
                    expected_version: transition.expected_version,
                    run,
                    result: Value::Null,
                    payload: (transition.expected_version == 0).then(|| run.payload()),
                    idempotency,
                });
            }
        }
        self.add_rows(transition);
        true
    }

    fn add_rows(&mut self, Transition { run, events, rows, .. }: &'a Transition) {
        fn of<'a, T>(run: &'a Run, rows: impl IntoIterator<Item = T>) -> impl Iterator<Item = Of<'a, T>> {
            rows.into_iter().map(|row| Of { run_id: &run.run_id, row })
        }
        self.events.extend(of(run, events.iter().map(EventRow::of)));
        self.jobs.extend(of(run, &rows.jobs));
        self.gates.extend(of(run, &rows.gates));
        self.votes.extend(of(run, rows.votes.iter().map(|decision| Vote { decision })));
        self.artifacts.extend(of(run, &rows.artifacts));
        self.effects.extend(of(run, &rows.effects));
        self.rearmed.extend(of(run, &rows.rearmed));
        self.notices.extend(of(run, rows.notifications.iter().map(|notice| Told { notice })));
    }

    /// What became of each decision.
    pub(crate) fn results(&self, decisions: &[Decision], answer: &Answer) -> Vec<Committed> {
        let one = |(place, decision): (usize, &Decision)| {
            let run_id = decision.transition.as_ref().map(|transition| transition.run.run_id.as_str());
            let refused = run_id.and_then(|run_id| answer.refused.get(run_id));
            let is_fenced = decision.settle.as_ref().is_some_and(|settle| answer.fenced.contains(&settle.effect_id));
            match refused {
                // Another effect of its run is somebody else's now, or none of them could be told yet.
                Some(Committed::Fenced { run }) if !is_fenced => Committed::Conflict { run: run.clone() },
                Some(refused) => refused.clone(),
                None if self.postponed.contains(&place) => {
                    let before = self.decisions.iter().find(|moved| Some(moved.run_id) == run_id);
                    Committed::Conflict { run: before.map(|moved| Box::new(moved.run.clone())) }
                }
                None if is_fenced => Committed::Fenced { run: None },
                None => Committed::Committed,
            }
        };
        decisions.iter().enumerate().map(one).collect()
    }
}

impl<'a> EventRow<'a> {
    fn of(event: &'a Recorded) -> EventRow<'a> {
        EventRow {
            seq: event.seq,
            event_type: event.event.name(),
            at: text(event.at),
            actor: &event.actor,
            body: serde_json::to_string(event).unwrap_or_default(),
        }
    }
}
