//! The state machine of a run, on one page.
//!
//! ```text
//! command ─► decide(run, command, context) ─► events (or a refusal)          one file per command
//! event   ─► run.evolve(event)             ─► the next state (state.rs)      evolve.rs
//! event   ─► rows(run, event)              ─► artifacts, jobs, gates, effects   rows.rs
//! ```
//!
//! What every run has is its envelope ([`Run`]); what only a [`Kind`] has is its body. Every run that has not ended carries a
//! deadline; [`deadline`] says what happens when it passes. What operators ask for by name goes through [`order`], which opens a
//! successor where the run has ended; [`why`] explains what a run waits for, [`brief`] what an open gate decides about. Ends
//! absorb: every command on them is refused or changes nothing. The state is the fold of the events, so the timeline alone
//! rebuilds it.

mod any;
mod artifact;
mod attach;
mod brief;
mod cancel;
mod deadline;
mod draft;
mod edit;
mod event;
mod evolve;
mod extend;
mod gate;
mod kind;
mod order;
mod page;
mod pause;
mod rows;
mod state;
mod successor;
mod terminate;
#[cfg(test)]
pub(crate) mod testing;
mod unreadable;
mod warn;
mod why;

pub use any::{AnyBody, AnyCommand, AnyKind, AnyRun, KindOf, Kinds, OwnCommand, Transition, Written};
#[cfg(not(target_family = "wasm"))]
pub use any::{Folded, UnreadableEvent};
pub use artifact::{Artifact, NOTIFICATION, done as done_notification};
pub use attach::Attachment;
pub use brief::{Brief, EditableField, Quorum, Text};
pub use deadline::STEP_TIMEOUT;
pub use draft::{Draft, deadline_after};
pub use edit::{Change, Edit, FieldError};
pub use event::{AnyEvent, Common, CommonName, Event, Opened, RUN_STARTED, Recorded, Started};
pub use extend::DAYS_MAX as EXTEND_DAYS_MAX;
pub use gate::{GateDecision, ROUNDS_MAX, subject_sha256};
pub use kind::{Body, Kind, OwnEvent, Question};
pub use order::Order;
pub use page::{
    Check, Disclosure, Doer, Matter, Piece, Pieces, Post, Product, Progress, Standing, Step, Tone, Work, capital,
};
pub use pause::PAUSE_DAYS;
pub use rows::{Budget, Effect, EffectKind, EndRow, GateRow, JobRow, JobState, OpenRow, Rearmed, Rows};
pub use state::{DecidedGate, DefinitionRef, GateKey, OpenGate, Parent, Pause, Run, RunError};
pub use successor::Succession;
pub use terminate::{MARKED_FAILED, TERMINATED, marked_failed, terminated};
pub use unreadable::Remains;
pub use why::{EffectState, Facts, OpenEffect, Why, Working};

use crate::Timestamp;
use crate::status::GateName;

/// Everything that may be asked of an existing run.
#[derive(Debug, Clone, PartialEq)]
pub enum Command<C> {
    /// A person decides an open gate.
    DecideGate(GateDecision),
    /// An operator makes the links of the open gate void.
    ReopenGate { gate: GateName, reason: String },
    /// An operator or the owner ends the run.
    Cancel { reason: String, actor: String },
    /// An operator holds the run until a moment at which it expires.
    Pause { reason: String, actor: String, until: Timestamp },
    /// An operator lets a paused run go on.
    Resume { reason: String },
    /// An operator ends the run, whatever it is doing.
    Terminate { reason: String, actor: String },
    /// Somebody wrote `failed` into the run's row, as this role of the database.
    MarkFailed { role: String },
    /// An operator moves the deadline to a later moment.
    Extend { until: Timestamp, reason: String },
    /// An operator asks for what failed in the run again.
    Retry { reason: String },
    /// An open gate has waited for long: its policy says who is told, and who is called in.
    WarnGate,
    /// A deadline passed.
    PassDeadline,
    /// Nobody works on these open jobs of the run: their effects are lost.
    RestoreEffects { job_ids: Vec<String> },
    /// Somebody attaches an artifact.
    Attach(Attachment),
    /// What only this kind can be asked.
    Own(C),
}

/// What a decision may know beside the run and the command.
pub struct Context<'a> {
    pub now: Timestamp,
    /// A fresh unguessable id at each call; job ids come from here and travel in callback URLs.
    pub new_id: &'a mut dyn FnMut() -> String,
}

/// Why a command changes nothing. A value, not a failure: each has a documented answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("Run {run_id} is already {status}")]
    AlreadyTerminal { run_id: String, status: String },
    #[error("Run {run_id} is not waiting at gate {gate}")]
    NotWaiting { run_id: String, gate: GateName },
    #[error("several gates {gate} are open: name one by its id")]
    WhichGate { gate: GateName },
    #[error("gate {gate} was {} by {} at {}", .decided.verdict.outcome(), .decided.approver, rfc3339(.decided.at))]
    AlreadyDecided { gate: GateName, decided: Box<DecidedGate> },
    /// A link of an earlier opening of the gate.
    #[error("invalid or expired token")]
    StaleLink,
    #[error("what gate {gate} decides about has changed since it was shown: look at it again")]
    StaleSubject { gate: GateName },
    #[error("{name} may not decide at gate {gate}: {who} may")]
    NotAllowed { gate: GateName, name: String, who: String },
    /// The policy tells people apart, and only a link says who decides.
    #[error("gate {gate} takes decisions of principals only")]
    PrincipalsOnly { gate: GateName },
    #[error("whoever started the run may not approve it at gate {gate}")]
    SelfApproval { gate: GateName },
    #[error("gate {gate} needs a reason for this")]
    ReasonRequired { gate: GateName },
    #[error("{field} may not be edited at this gate; {}", edits_allowed(.allowed))]
    EditNotAllowed { field: String, allowed: Vec<String> },
    #[error("the edit is not valid")]
    InvalidEdit { errors: Vec<FieldError> },
    #[error("nobody works before gate {gate}: approve, edit or reject")]
    NobodyToAsk { gate: GateName },
    #[error("changes were asked for {rounds} times in this run: approve, edit or reject at gate {gate}")]
    TooManyRounds { gate: GateName, rounds: usize },
    #[error("run {run_id} has no job {job_id} in this phase")]
    StaleJob { run_id: String, job_id: String },
    #[error("run {run_id} is not at step {step}")]
    StaleStep { run_id: String, step: u32 },
    #[error("run {run_id} is not overdue")]
    NotDue { run_id: String },
    #[error("run {run_id} is paused: resume it first")]
    Paused { run_id: String },
    #[error("run {run_id} is {status}: end it first, with cancel or terminate")]
    NotEnded { run_id: String, status: String },
    #[error("run {run_id} is {status}: this is for runs that are {}", .needed.join(", "))]
    WrongStatus { run_id: String, status: String, needed: Vec<String> },
    #[error("run {run_id} is {status}: nothing failed; rerun opens a successor at a step that you name")]
    NothingToRetry { run_id: String, status: String },
    #[error("there is no step {step}; the steps of this run are {}", .known.join(", "))]
    UnknownStep { step: String, known: Vec<String> },
    #[error("step {step} was never reached; the run came as far as {reached}")]
    StepNotReached { step: String, reached: String },
    #[error("the deadline may be {latest} at the latest")]
    DeadlineTooFar { latest: String },
    #[error("run {run_id} cannot be read by this version ({reason}): terminate ends it")]
    Unreadable { run_id: String, reason: String },
}

fn edits_allowed(allowed: &[String]) -> String {
    if allowed.is_empty() {
        "its policy allows no edits".to_owned()
    } else {
        format!("its policy allows {}", allowed.join(", "))
    }
}

/// Decides one command. Ok with no events means that what was asked for is already so.
pub fn decide<B: Kind>(
    run: &Run<B>,
    command: &Command<B::Command>,
    context: &mut Context<'_>,
) -> Result<Vec<Event<B>>, Refusal> {
    decide_with(run, command, context, |command, context| B::decide(run, command, context))
}

/// The same, where `own` decides what only the kind can be asked.
fn decide_with<B: Kind, C>(
    run: &Run<B>,
    command: &Command<C>,
    context: &mut Context<'_>,
    own: impl FnOnce(&C, &mut Context<'_>) -> Result<Vec<Event<B>>, Refusal>,
) -> Result<Vec<Event<B>>, Refusal> {
    match command {
        Command::DecideGate(decision) => gate::decide(run, decision, context),
        Command::ReopenGate { gate, reason } => gate::reopen(run, *gate, reason, context),
        Command::Cancel { reason, actor } => cancel::decide(run, reason, actor),
        Command::Pause { reason, actor, until } => pause::pause(run, reason, actor, *until),
        Command::Resume { reason } => pause::resume(run, reason, context),
        Command::Terminate { reason, actor } => terminate::decide(run, terminate::terminated(reason, actor)),
        Command::MarkFailed { role } => terminate::decide(run, terminate::marked_failed(role)),
        Command::Extend { until, reason } => extend::decide(run, *until, reason, context),
        Command::Retry { reason } => retry(run, reason, context),
        Command::WarnGate => warn::decide(run, context.now),
        Command::PassDeadline => deadline::decide(run, context),
        Command::RestoreEffects { job_ids } => {
            refuse_ended(run)?;
            Ok(B::restore(run, job_ids))
        }
        Command::Attach(attachment) => Ok(attach::decide(attachment)),
        Command::Own(command) => own(command, context),
    }
}

fn retry<B: Kind>(run: &Run<B>, reason: &str, context: &mut Context<'_>) -> Result<Vec<Event<B>>, Refusal> {
    refuse_ended(run)?;
    let again = B::retry(run, context);
    let first = (!again.is_empty()).then(|| Common::RunRetried { reason: reason.to_owned() }.into());
    Ok(first.into_iter().chain(again).collect())
}

/// A decision about one run: the events, the state after them, and the rows that follow from them.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided<B: Kind> {
    /// Version (number of events) that the run must still have.
    pub expected_version: u64,
    pub run: Run<B>,
    pub events: Vec<Recorded<Event<B>>>,
    pub rows: Rows,
}

/// Decides a command and gathers what must be committed. `None` when nothing changes.
pub fn apply<B: Kind>(
    run: &Run<B>,
    command: &Command<B::Command>,
    actor: &str,
    context: &mut Context<'_>,
) -> Result<Option<Decided<B>>, Refusal> {
    let events = decide(run, command, context)?;
    Ok(if events.is_empty() { None } else { Some(record(run.clone(), events, context.now, actor)) })
}

/// Opens a run that goes on from one that has ended. The parent does not move.
pub fn succeed<B: Kind>(
    parent: &Run<B>,
    wish: &Succession,
    actor: &str,
    context: &mut Context<'_>,
) -> Result<Decided<B>, Refusal> {
    if !parent.is_ended() {
        return Err(Refusal::NotEnded { run_id: parent.run_id.clone(), status: parent.status.to_string() });
    }
    let events = B::succeed(parent, wish, context)?;
    Ok(record(Run::empty(wish.run_id.clone()), events, context.now, actor))
}

/// Numbers events, folds them into the run and gathers their rows.
pub fn record<B: Kind>(mut run: Run<B>, events: Vec<Event<B>>, at: Timestamp, actor: &str) -> Decided<B> {
    let expected_version = run.version;
    let mut rows = Rows::default();
    let mut recorded = Vec::with_capacity(events.len());
    for event in events {
        let entry = Recorded { seq: run.version + 1, at, actor: actor.to_owned(), event };
        let was_open = !run.is_ended();
        run.evolve(&entry);
        rows.extend(&run, &entry);
        if was_open && run.is_ended() {
            rows.ended = Some(EndRow::of(&run));
        }
        recorded.push(entry);
    }
    if expected_version == 0 {
        rows.budget = B::budget(&run);
    }
    Decided { expected_version, run, events: recorded, rows }
}

/// Rebuilds a run from its whole timeline.
pub fn fold<B: Kind>(run_id: &str, events: &[Recorded<Event<B>>]) -> Run<B> {
    let mut run = Run::empty(run_id.to_owned());
    for event in events {
        run.evolve(event);
    }
    run
}

/// Refuses what an ended run cannot do.
pub fn refuse_ended<B: Body>(run: &Run<B>) -> Result<(), Refusal> {
    match run.is_ended() {
        true => Err(Refusal::AlreadyTerminal { run_id: run.run_id.clone(), status: run.status.to_string() }),
        false => Ok(()),
    }
}

fn refuse_paused<B: Body>(run: &Run<B>) -> Result<(), Refusal> {
    match run.pause {
        Some(_) => Err(Refusal::Paused { run_id: run.run_id.clone() }),
        None => Ok(()),
    }
}

/// A timestamp as it stands in every text of ours.
pub fn rfc3339(at: Timestamp) -> String {
    at.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}
