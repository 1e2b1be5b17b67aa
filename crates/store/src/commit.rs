//! Committing decisions. [`commit`] is the only statement that changes runs; it takes one decision (a gate) or many
//! (the dispatcher), each guarded by its run's version and answered for itself.

use crate::batch::{Answer, Batch};
use crate::chat::Turn;
use crate::effects::{BreakerChange, Observed};
use crate::metrics::Beside;
use crate::{Database, DbError, call_beside, runs, text};
use mw_kernel::Timestamp;
use mw_kernel::run::{AnyCommand, AnyRun, Context, Kinds, Order, Refusal, Transition};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Tries of one person's decision against a run that keeps moving.
const TRIES_MAX: u32 = 20;

/// How an effect ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Settle {
    pub effect_id: i64,
    /// The token of the claim; an older one changes nothing.
    pub fence: i64,
    pub outcome: Outcome,
    pub error: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Done,
    /// Given up; visible, and replayable by an operator.
    Dead,
    /// Due again at a time. `not_sent`: surely nothing reached the provider. `uncounted`: the attempt was not its own.
    Again {
        due_at: Timestamp,
        not_sent: bool,
        uncounted: bool,
    },
    /// Waits for its run to be resumed; the attempt does not count.
    Hold {
        not_sent: bool,
    },
}

mw_kernel::words! {
    /// Where an effect stands after its attempt.
    OutboxState {
        Due = "due",
        Held = "held",
        Done = "done",
        Dead = "dead",
    }
}

/// What the outbox says of an effect after its attempt.
#[derive(Serialize)]
pub(crate) struct SettleRow<'a> {
    effect_id: i64,
    fence: i64,
    state: OutboxState,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
    /// Whether the attempt does.
    counts: bool,
    not_sent: bool,
    gives_up: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl Settle {
    pub(crate) fn row(&self) -> SettleRow<'_> {
        let (state, due_at, counts, not_sent) = match self.outcome {
            Outcome::Done => (OutboxState::Done, None, true, false),
            Outcome::Dead => (OutboxState::Dead, None, true, false),
            Outcome::Again { due_at, not_sent, uncounted } => {
                (OutboxState::Due, Some(text(due_at)), !uncounted, not_sent)
            }
            Outcome::Hold { not_sent } => (OutboxState::Held, None, false, not_sent),
        };
        let (effect_id, fence, error) = (self.effect_id, self.fence, self.error.as_deref());
        SettleRow { effect_id, fence, state, due_at, counts, not_sent, gives_up: state == OutboxState::Dead, error }
    }
}

/// A client's Idempotency-Key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Idempotency {
    pub caller: String,
    pub key: String,
    /// Hash of the request: the same key with another request is an error.
    pub fingerprint: String,
}

/// One thing to commit: a run's transition, an effect's end, or both at once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    pub transition: Option<Transition>,
    pub settle: Option<Settle>,
    pub idempotency: Option<Idempotency>,
    pub chat: Option<Turn>,
    /// What the effect taught about its provider.
    pub observed: Option<Observed>,
}

impl Decision {
    /// The run that is decided about.
    pub(crate) fn run_id(&self) -> Option<&str> {
        self.transition.as_ref().map(|transition| transition.run.run_id.as_str())
    }
}

/// What became of one decision.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Committed {
    Committed,
    /// The run moved on; here it is, for another try, unless this version cannot read it.
    Conflict {
        #[serde(default, deserialize_with = "if_readable")]
        run: Option<Box<AnyRun>>,
    },
    /// The effect's lease is somebody else's now; the run, if the decision had one and it can be read, is this.
    Fenced {
        #[serde(default, deserialize_with = "if_readable")]
        run: Option<Box<AnyRun>>,
    },
    /// The idempotency key is known, or the parent has this successor; this run was made then.
    Replay {
        run_id: String,
    },
    /// The idempotency key is known for another request.
    Mismatch {
        run_id: String,
    },
    /// The project's clips of this UTC day are used up; nothing was recorded.
    OverBudget {
        used: u32,
        limit: u32,
    },
    /// The service drains: no run starts. Nothing was written.
    Draining {
        reason: Option<String>,
    },
}

/// One unreadable run must not make the whole answer, with what was committed, unreadable.
fn if_readable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<AnyRun>>, D::Error> {
    // As text once more, since a second reader for values would be as large as the first.
    Ok(Option::<Value>::deserialize(deserializer)?.and_then(|state| serde_json::from_str(&state.to_string()).ok()))
}

#[derive(Debug, Clone, PartialEq)]
pub struct CommitAnswer {
    /// One per decision, in order.
    pub results: Vec<Committed>,
    /// Whether a dispatcher should be kicked.
    pub kick: bool,
    /// Circuit breakers that this commit opened or closed.
    pub breakers: Vec<BreakerChange>,
}

/// Commits decisions, each with its own guard.
pub fn commit(db: &mut dyn Database, now: Timestamp, decisions: &[Decision]) -> Result<CommitAnswer, DbError> {
    let batch = Batch::of(now, decisions)?;
    let run_id =
        decisions.first().and_then(|decision| decision.transition.as_ref()).map(|moved| moved.run.run_id.as_str());
    let beside = Beside { run_id, unless: Some("exists($.refused.*) || exists($.fenced[*])") };
    let answer: Answer = call_beside(db, "runs_commit", &batch, None, beside)?;
    let results = batch.results(decisions, &answer);
    Ok(CommitAnswer { results, kick: answer.kick, breakers: answer.breakers })
}

/// Why a transition was not committed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TransitionError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Database(#[from] DbError),
    /// The run kept moving; nothing was recorded.
    #[error("the run is changing too quickly")]
    Contended,
    /// A successor would plan more clips than its project may start in a day.
    #[error("the project's budget is used up: {used} of {limit} clips today")]
    OverBudget { used: u32, limit: u32 },
    /// A successor would start a run, and none starts now.
    #[error("the service drains")]
    Draining { reason: Option<String> },
}

/// A committed (or already fulfilled) transition.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    pub run: AnyRun,
    pub kick: bool,
}

/// Decides a command on a loaded run and commits it; decides again when the run moved on meanwhile.
pub fn transition(
    db: &mut dyn Database,
    kinds: Kinds,
    run: AnyRun,
    command: &AnyCommand,
    actor: &str,
    context: &mut Context<'_>,
) -> Result<Moved, TransitionError> {
    decided(db, run, context, |run, context| kinds.of(run)?.apply(run, command, actor, context))
}

/// Carries out an operator's order on a loaded run. The run that comes back is another one when a successor opened, or
/// was there already.
pub fn order(
    db: &mut dyn Database,
    kinds: Kinds,
    run: AnyRun,
    order: &Order,
    reason: &str,
    actor: &str,
    context: &mut Context<'_>,
) -> Result<Moved, TransitionError> {
    decided(db, run, context, |run, context| kinds.of(run)?.order(run, order, reason, actor, context))
}

/// Cancels a run that nobody has decided anything about; what somebody has decided is refused as decided.
pub fn withdraw(
    db: &mut dyn Database,
    kinds: Kinds,
    run: AnyRun,
    reason: &str,
    actor: &str,
    context: &mut Context<'_>,
) -> Result<Moved, TransitionError> {
    decided(db, run, context, |run, context| match run.decided.last() {
        Some(decided) => Err(Refusal::AlreadyDecided { gate: decided.gate, decided: Box::new(decided.clone()) }),
        None => kinds.of(run)?.order(run, &Order::Cancel, reason, actor, context),
    })
}

/// Carries out an operator's order on many runs, in one statement; one that moved on meanwhile is taken again by itself.
/// The answers are in the runs' order.
pub fn order_all(
    db: &mut dyn Database,
    kinds: Kinds,
    runs: &[&AnyRun],
    wish: &Order,
    reason: &str,
    actor: &str,
    context: &mut Context<'_>,
) -> Result<Vec<Result<Moved, TransitionError>>, DbError> {
    let planned: Vec<Result<Option<Transition>, Refusal>> =
        runs.iter().map(|run| kinds.of(run)?.order(run, wish, reason, actor, context)).collect();
    let transitions = planned.iter().filter_map(|plan| plan.as_ref().ok().cloned().flatten());
    let decisions: Vec<Decision> =
        transitions.map(|transition| Decision { transition: Some(transition), ..Decision::default() }).collect();
    let answer = match decisions.is_empty() {
        true => CommitAnswer { results: Vec::new(), kick: false, breakers: Vec::new() },
        false => commit(db, context.now, &decisions)?,
    };
    let mut results = answer.results.into_iter();
    let mut all = Vec::with_capacity(runs.len());
    for (run, plan) in runs.iter().zip(planned) {
        all.push(match plan {
            Err(refusal) => Err(refusal.into()),
            Ok(None) => Ok(Moved { run: (*run).clone(), kick: false }),
            Ok(Some(transition)) => match settled(db, transition.run, answer.kick, results.next(), context.now) {
                Ok(Try::Done(moved)) => Ok(moved),
                Ok(Try::Again(fresh)) => order(db, kinds, fresh, wish, reason, actor, context),
                Err(error) => Err(error),
            },
        });
    }
    Ok(all)
}

fn decided(
    db: &mut dyn Database,
    mut run: AnyRun,
    context: &mut Context<'_>,
    decide: impl Fn(&AnyRun, &mut Context<'_>) -> Result<Option<Transition>, Refusal>,
) -> Result<Moved, TransitionError> {
    for _ in 0..TRIES_MAX {
        let Some(transition) = decide(&run, context)? else {
            return Ok(Moved { run, kick: false });
        };
        let next = transition.run.clone();
        let decision = Decision { transition: Some(transition), ..Decision::default() };
        let answer = commit(db, context.now, std::slice::from_ref(&decision))?;
        match settled(db, next, answer.kick, answer.results.into_iter().next(), context.now)? {
            Try::Done(moved) => return Ok(moved),
            Try::Again(fresh) => run = fresh,
        }
    }
    Err(TransitionError::Contended)
}

/// What one try came to.
enum Try {
    Done(Moved),
    /// The run moved on; here it is.
    Again(AnyRun),
}

fn settled(
    db: &mut dyn Database,
    next: AnyRun,
    kick: bool,
    result: Option<Committed>,
    now: Timestamp,
) -> Result<Try, TransitionError> {
    match result {
        Some(Committed::Committed) => Ok(Try::Done(Moved { run: next, kick })),
        Some(Committed::Conflict { run: Some(fresh) }) => Ok(Try::Again(*fresh)),
        Some(Committed::Replay { run_id }) => {
            let known = runs::load(db, now, &run_id, None)?.run;
            let run = known.ok_or_else(|| DbError::Failed("a known successor is gone".to_owned()))?;
            Ok(Try::Done(Moved { run, kick: false }))
        }
        Some(Committed::OverBudget { used, limit }) => Err(TransitionError::OverBudget { used, limit }),
        Some(Committed::Draining { reason }) => Err(TransitionError::Draining { reason }),
        Some(Committed::Conflict { run: None } | Committed::Fenced { .. } | Committed::Mismatch { .. }) | None => {
            Err(DbError::Failed("unexpected result of runs_commit".to_owned()).into())
        }
    }
}
