//! Turns what came of effects into decisions and commits them, several in one statement. A run that moved on meanwhile
//! is decided again; after [`TRIES_MAX`] tries or [`TRY_SECONDS`] the effect stays due with its attempt uncounted.

use crate::perform::{Met, Performed};
use crate::{Landed, World};
use mw_kernel::run::{AnyCommand, AnyRun, Context, Kinds};
use mw_media::retry::{FaultClass, outage_wait_seconds, retry_wait_seconds};
use mw_store::DbError;
use mw_store::commit::{CommitAnswer, Committed, Decision, Outcome, Settle, commit};
use mw_store::effects::{BreakerChange, Claimed, Contact, Observed};
use std::collections::BTreeMap;
use time::Duration;

const TRIES_MAX: u32 = 20;
const TRY_SECONDS: i64 = 1;
/// Tries of a commit while the database has no connection for us.
const DATABASE_TRIES_MAX: u32 = 20;
const DATABASE_WAIT_MILLISECONDS: i64 = 250;

/// What finalising a batch did.
#[derive(Debug, Default)]
pub(crate) struct Finalised {
    pub(crate) committed: usize,
    pub(crate) again: usize,
    /// Something became due at once.
    pub(crate) kick: bool,
    pub(crate) breakers: Vec<BreakerChange>,
}

pub(crate) fn finalise(
    world: &mut dyn World,
    kinds: Kinds,
    runs: &mut BTreeMap<String, AnyRun>,
    mut outcomes: Vec<Landed>,
) -> Result<Finalised, DbError> {
    let mut finalised = Finalised::default();
    let give_up_at = world.now() + Duration::seconds(TRY_SECONDS);
    for attempt in 1.. {
        let last = attempt >= TRIES_MAX || world.now() >= give_up_at;
        let decisions: Vec<Decision> =
            outcomes.iter().map(|landed| observing(landed, decide(world, kinds, runs, landed, last))).collect();
        let answer = commit_patiently(world, &decisions)?;
        finalised.kick |= answer.kick;
        finalised.breakers.extend(answer.breakers);
        let mut conflicts = Vec::new();
        for (landed, result) in outcomes.into_iter().zip(answer.results) {
            let run_id = &landed.effect.run_id;
            match result {
                Committed::Committed => note(&mut finalised, &landed.performed),
                Committed::Conflict { run: Some(fresh) } => {
                    runs.insert(run_id.clone(), *fresh);
                    conflicts.push(landed);
                }
                // Whoever holds the lease now, or gets it when ours ends, is answerable. What we thought of the run
                // never happened.
                Committed::Fenced { run: Some(fresh) } => {
                    runs.insert(run_id.clone(), *fresh);
                }
                Committed::Fenced { run: None }
                | Committed::Conflict { run: None }
                | Committed::Replay { .. }
                | Committed::Mismatch { .. }
                | Committed::OverBudget { .. }
                | Committed::Draining { .. } => {
                    runs.remove(run_id);
                }
            }
        }
        if conflicts.is_empty() {
            break;
        }
        outcomes = conflicts;
    }
    Ok(finalised)
}

/// The work is done and only has to be told: a database without a free connection is asked again for a while. Repeating
/// is safe, since a commit that did happen makes its repetition a conflict or fenced.
fn commit_patiently(world: &mut dyn World, decisions: &[Decision]) -> Result<CommitAnswer, DbError> {
    for _ in 0..DATABASE_TRIES_MAX {
        let now = world.now();
        let answer = world.database().and_then(|mut db| commit(&mut *db, now, decisions));
        match answer {
            Err(DbError::Unavailable(_)) => world.sleep(Duration::milliseconds(DATABASE_WAIT_MILLISECONDS)),
            answer => return answer,
        }
    }
    Err(DbError::Unavailable(format!("not within {DATABASE_TRIES_MAX} tries")))
}

fn note(finalised: &mut Finalised, performed: &Performed) {
    match performed {
        Performed::Tell(_) => finalised.committed += 1,
        Performed::Again(_) | Performed::Retry { .. } => finalised.again += 1,
        Performed::Repeat { .. } => finalised.kick = true,
        Performed::Told { .. }
        | Performed::Untold(_)
        | Performed::Held
        | Performed::Stale
        | Performed::Unreadable(_) => {}
    }
}

fn decide(
    world: &mut dyn World,
    kinds: Kinds,
    runs: &mut BTreeMap<String, AnyRun>,
    Landed { effect, performed, .. }: &Landed,
    last: bool,
) -> Decision {
    if last {
        return settled(effect, later(world, 0.0, false, true), Some("the run is changing too quickly".to_owned()));
    }
    match performed {
        Performed::Tell(command) => tell(world, kinds, runs, effect, command, Outcome::Done),
        Performed::Again(again) => {
            settled(effect, later(world, again.wait_seconds, again.not_sent, again.uncounted), again.error.clone())
        }
        // A provider that is down for everybody burns nobody's attempts; the step's deadline bounds the wait.
        Performed::Retry { fault, not_sent, .. } if effect.in_outage && fault.class == FaultClass::Unavailable => {
            let wait_seconds = outage_wait_seconds(effect.attempt, world.random());
            settled(effect, later(world, wait_seconds, *not_sent, true), Some(fault.to_string()))
        }
        Performed::Retry { fault, not_sent, give_up } => {
            match retry_wait_seconds(effect.attempt, fault.retry_after_seconds, world.random()) {
                Some(wait) => settled(effect, later(world, wait, *not_sent, false), Some(fault.to_string())),
                None => {
                    let mut decision = match give_up {
                        Some(give_up) => tell(world, kinds, runs, effect, give_up, Outcome::Dead),
                        None => settled(effect, Outcome::Dead, None),
                    };
                    if let Some(settle) = &mut decision.settle {
                        settle.error = Some(fault.to_string());
                    }
                    decision
                }
            }
        }
        Performed::Told { note } => settled(effect, Outcome::Done, note.clone()),
        Performed::Untold(fault) => settled(effect, Outcome::Dead, Some(fault.to_string())),
        Performed::Repeat { command, .. } => {
            let outcome = later(world, 0.0, true, true);
            tell(world, kinds, runs, effect, command, outcome)
        }
        Performed::Held => settled(effect, Outcome::Hold { not_sent: effect.sent_before.is_none() }, None),
        Performed::Stale => settled(effect, Outcome::Done, Some("the run is elsewhere".to_owned())),
        Performed::Unreadable(error) => {
            settled(effect, Outcome::Dead, Some(format!("this version cannot read the run's state: {error}")))
        }
    }
}

/// Adds what the effect taught about its provider. A probe reports also that it had nothing to ask, so that another may go.
fn observing(Landed { effect, performed, met, used, seconds, .. }: &Landed, mut decision: Decision) -> Decision {
    let Met { contact, hold_seconds } = *met;
    let moved_to = if let Performed::Retry { fault, .. } = performed { fault.moved_to.clone() } else { None };
    if contact != Contact::None || effect.probe {
        decision.observed = Some(Observed {
            effect_id: effect.effect_id,
            provider: effect.provider.clone(),
            kind: effect.kind,
            lane: effect.lane,
            contact,
            seconds: *seconds,
            used: used.clone(),
            hold_seconds,
            moved_to,
        });
    }
    decision
}

fn later(world: &dyn World, wait_seconds: f64, not_sent: bool, uncounted: bool) -> Outcome {
    Outcome::Again { due_at: world.now() + Duration::seconds_f64(wait_seconds), not_sent, uncounted }
}

fn settled(effect: &Claimed, outcome: Outcome, error: Option<String>) -> Decision {
    let settle = Settle { effect_id: effect.effect_id, fence: effect.fence, outcome, error };
    Decision { settle: Some(settle), ..Decision::default() }
}

/// Applies a command to the run as we know it; the next decision of the batch builds on it.
fn tell(
    world: &mut dyn World,
    kinds: Kinds,
    runs: &mut BTreeMap<String, AnyRun>,
    effect: &Claimed,
    command: &AnyCommand,
    outcome: Outcome,
) -> Decision {
    let Some(run) = runs.get(&effect.run_id) else {
        return settled(effect, Outcome::Done, Some("the run is gone".to_owned()));
    };
    let now = world.now();
    let mut new_id = || world.new_id();
    let mut context = Context { now, new_id: &mut new_id };
    match kinds.of(run).and_then(|kind| kind.apply(run, command, &effect.provider, &mut context)) {
        Ok(transition) => {
            if let Some(transition) = &transition {
                runs.insert(effect.run_id.clone(), transition.run.clone());
            }
            Decision { transition, ..settled(effect, outcome, None) }
        }
        Err(refusal) => settled(effect, Outcome::Done, Some(refusal.to_string())),
    }
}
