//! What `runs_commit` is told: the decisions of a commit, and the rows that follow from them, of all runs together. A run has
//! one decision in it: several that were built on one another are told as one.

use crate::chat::Turn;
use crate::commit::{Committed, Decision, Idempotency, Settle};
use crate::effects::{BreakerChange, Observed};
use crate::{DbError, text, with_member, write};
use mw_kernel::Timestamp;
use mw_kernel::run::{AnyRun, Budget, DecidedGate, EffectKind, Transition, Written};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Lists that would be empty are left out: each that is there costs a statement.
#[derive(Default, Serialize)]
pub(crate) struct Batch<'a> {
    now: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    decisions: Vec<Moved<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    jobs: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    gates: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    votes: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    artifacts: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    effects: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rearmed: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notices: Vec<Row>,
    /// Runs that are resumed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    released: Vec<Row>,
    /// Runs that are paused, with the kinds of effects that wait.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    held: Vec<Row>,
    /// Runs that end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ended: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    settles: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    observed: Vec<Row>,
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
    run: &'a AnyRun,
    result: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<Budget>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency: Option<&'a Idempotency>,
}

/// A row as text, with the id of its run.
type Row = Box<RawValue>;

#[derive(Serialize)]
struct EventRow<'a> {
    seq: u64,
    #[serde(rename = "type")]
    event_type: &'a str,
    at: String,
    actor: &'a str,
    /// Hashed as this text; PostgreSQL derives the jsonb from it.
    body: &'a str,
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
    pub(crate) fn of(now: Timestamp, decisions: &'a [Decision]) -> Result<Batch<'a>, DbError> {
        let chat = decisions.iter().find_map(|decision| decision.chat.as_ref());
        let mut batch = Batch { now: text(now), chat, ..Batch::default() };
        let mut known = BTreeMap::new();
        for (place, decision) in decisions.iter().enumerate() {
            if let Some(transition) = &decision.transition {
                if !batch.add_run(transition, decision.idempotency.as_ref(), &mut known) {
                    batch.postponed.push(place);
                    continue;
                }
                batch.add_rows(transition)?;
            }
            // What an effect came to goes with its run where that is decided about, and else stands for itself.
            let run_id = decision.run_id();
            extend(&mut batch.settles, run_id, decision.settle.as_ref().map(Settle::row))?;
            extend(&mut batch.observed, run_id, decision.observed.as_ref().map(Observed::row))?;
        }
        for moved in &batch.decisions {
            let held = moved.run.pause.as_ref().map(|_| json!({"kinds": EffectKind::HELD_WHILE_PAUSED}));
            extend(&mut batch.held, Some(moved.run_id), held)?;
        }
        Ok(batch)
    }

    /// False when this was not built on what is known of the run here, or that left a gate open: whatever closes a gate is
    /// told in another commit than what opens it.
    fn add_run(
        &mut self,
        transition: &'a Transition,
        idempotency: Option<&'a Idempotency>,
        known: &mut BTreeMap<&'a str, usize>,
    ) -> bool {
        let run = &transition.run;
        match known.get(run.run_id.as_str()).and_then(|place| self.decisions.get_mut(*place)) {
            Some(before) if !before.run.gates.is_empty() || before.run.version != transition.expected_version => {
                return false;
            }
            Some(before) => (before.run, before.result) = (run, &transition.result),
            None => {
                known.insert(&run.run_id, self.decisions.len());
                self.decisions.push(Moved {
                    run_id: &run.run_id,
                    expected_version: transition.expected_version,
                    run,
                    result: &transition.result,
                    payload: transition.payload.as_ref(),
                    budget: transition.rows.budget,
                    idempotency,
                });
            }
        }
        true
    }

    fn add_rows(&mut self, Transition { run, events, rows, .. }: &'a Transition) -> Result<(), DbError> {
        let run_id = Some(run.run_id.as_str());
        extend(&mut self.events, run_id, events.iter().map(EventRow::of))?;
        extend(&mut self.jobs, run_id, &rows.jobs)?;
        extend(&mut self.gates, run_id, &rows.gates)?;
        extend(&mut self.votes, run_id, rows.votes.iter().map(vote))?;
        extend(&mut self.artifacts, run_id, &rows.artifacts)?;
        extend(&mut self.effects, run_id, &rows.effects)?;
        extend(&mut self.rearmed, run_id, &rows.rearmed)?;
        extend(&mut self.released, run_id, rows.resumed.then(|| json!({})))?;
        extend(&mut self.ended, run_id, &rows.ended)?;
        extend(&mut self.notices, run_id, rows.notifications.iter().map(|notice| json!({"notice": notice})))
    }

    /// What became of each decision.
    pub(crate) fn results(&self, decisions: &[Decision], answer: &Answer) -> Vec<Committed> {
        let one = |(place, decision): (usize, &Decision)| {
            let run_id = decision.run_id();
            let refused = run_id.and_then(|run_id| answer.refused.get(run_id));
            let is_fenced = decision.settle.as_ref().is_some_and(|settle| answer.fenced.contains(&settle.effect_id));
            match refused {
                // Another effect of its run is somebody else's now: it may be told again.
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

/// An approval as its row has it.
fn vote(decision: &DecidedGate) -> Value {
    json!({"state": decision.verdict.outcome(), "decision": decision})
}

fn extend<T: Serialize>(
    list: &mut Vec<Row>,
    run_id: Option<&str>,
    rows: impl IntoIterator<Item = T>,
) -> Result<(), DbError> {
    for row in rows {
        let mut row = write(&row)?;
        if let Some(run_id) = run_id {
            row = with_member(&row, "run_id", &write(&run_id)?);
        }
        list.push(RawValue::from_string(row).map_err(|error| DbError::Failed(error.to_string()))?);
    }
    Ok(())
}

impl<'a> EventRow<'a> {
    fn of(event: &'a Written) -> EventRow<'a> {
        EventRow { seq: event.seq, event_type: event.name, at: text(event.at), actor: &event.actor, body: &event.body }
    }
}
