//! The state machine of a run, on one page.
//!
//! ```text
//! command ─► decide(run, command, context) ─► events (or a refusal)      one file per command
//! event   ─► evolve(run, event)            ─► the next state (state.rs)  evolve.rs
//! event   ─► rows(run, event)              ─► artifacts, jobs, gates, effects   rows.rs
//! ```
//!
//! A run walks its `pipeline` step by step. [`advance`] enters the next step: a gate opens and waits for a person, a
//! persona works, jobs are requested of providers. Every non-terminal state carries the deadline of its step;
//! [`deadline`] says what happens when it passes. What operators ask for by name goes through [`order`], which opens a
//! [`successor`] where the run has ended; [`why`] explains what a run waits for, [`brief`] what an open gate decides about. Terminal states absorb: every command on
//! them is refused or changes nothing. The state is the fold of the events, so the timeline alone rebuilds it.

mod advance;
mod artifact;
mod attach;
mod brief;
mod cancel;
mod deadline;
pub(crate) mod edit;
mod event;
mod evolve;
mod extend;
mod finish_job;
mod finish_persona;
mod gate;
pub(crate) mod guardrail;
#[cfg(test)]
mod model;
mod order;
mod pause;
mod repeat_submission;
mod retry;
mod rows;
mod start;
mod state;
mod submit_job;
mod successor;
#[cfg(test)]
mod table;
mod terminate;
#[cfg(test)]
pub(crate) mod testing;
mod view;
mod warn;
mod why;

pub use artifact::{Artifact, NOTIFICATION};
pub use attach::Attachment;
pub use brief::{Brief, ClipBrief, Cost, EditableField, Quorum, Text};
pub use edit::{Change, Edit, Field};
pub use event::{DefinitionRef, Event, EventKind, Recorded};
pub use extend::DAYS_MAX as EXTEND_DAYS_MAX;
pub use gate::GateDecision;
pub use guardrail::Check;
pub use order::Order;
pub use pause::PAUSE_DAYS;
pub use retry::SUBMISSION_UNANSWERED;
pub use rows::{Effect, EffectKind, GateRow, JobRow, Rearmed, Rows};
pub use start::{FieldError, Input, InputError, StartRequest, optional_steps};
pub use state::{Clip, ClipState, DecidedGate, Job, JobPhase, OpenGate, Pause, PersonaSource, Run, RunError};
pub use successor::{Inheritance, Succession};
pub use terminate::TERMINATED;
pub use why::{EffectState, Facts, OpenEffect, Why};

use crate::Timestamp;
use crate::gate_policy::Editable;
use crate::persona::PersonaOutput;
use crate::status::{GateName, Status};

/// Everything that may be asked of an existing run.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
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
    /// An operator moves the deadline to a later moment.
    Extend { until: Timestamp, reason: String },
    /// An operator asks for the failed jobs of the current step again.
    Retry { reason: String },
    /// An open gate has waited for long: its policy says who is told, and who is called in.
    WarnGate,
    /// A persona's answer came.
    FinishPersona { step: u32, output: PersonaOutput, source: String },
    /// A persona's work failed for good.
    FailPersona { step: u32, code: String, message: String },
    /// A provider accepted a job; `adopted` when a callback told us, not the answer.
    SubmitJob { job_id: String, task_id: String, adopted: bool },
    /// A submission whose outcome stayed unknown goes out once more.
    RepeatSubmission { job_id: String, reason: String },
    /// A provider finished a job.
    FinishJob { job_id: String, url: String },
    /// A provider, or the rules of retry, gave a job up.
    FailJob { job_id: String, code: String, message: String },
    /// A provider gave a job up in a way that may pass.
    ReplaceJob { job_id: String, code: String, message: String },
    /// The step's deadline passed.
    PassDeadline,
    /// Somebody attaches an artifact.
    Attach(Attachment),
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
    AlreadyTerminal { run_id: String, status: Status },
    #[error("Run {run_id} is not waiting at gate {gate}")]
    NotWaiting { run_id: String, gate: GateName },
    #[error("gate {gate} was {} by {} at {}", .decided.verdict.outcome(), .decided.approver, rfc3339(.decided.at))]
    AlreadyDecided { gate: GateName, decided: Box<DecidedGate> },
    /// A link of an earlier opening of the gate.
    #[error("invalid or expired token")]
    StaleLink,
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
    EditNotAllowed { field: Field, allowed: Vec<Editable> },
    #[error("the edit is not valid")]
    InvalidEdit { errors: Vec<FieldError> },
    #[error("no persona works before gate {gate}: approve, edit or reject")]
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
    NotEnded { run_id: String, status: Status },
    #[error("run {run_id} is {status}: nothing failed; rerun opens a successor at a step that you name")]
    NothingToRetry { run_id: String, status: Status },
    #[error("there is no step {step}; the steps of this run are {}", .known.join(", "))]
    UnknownStep { step: String, known: Vec<String> },
    #[error("step {step} was never reached; the run came as far as {reached}")]
    StepNotReached { step: String, reached: String },
    #[error("the deadline may be {latest} at the latest")]
    DeadlineTooFar { latest: String },
}

fn edits_allowed(allowed: &[Editable]) -> String {
    match allowed {
        [] => "its policy allows no edits".to_owned(),
        _ => format!("its policy allows {}", allowed.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ")),
    }
}

/// Decides one command. Ok with no events means that the wish is already fulfilled.
pub fn decide(run: &Run, command: &Command, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::DecideGate(decision) => gate::decide(run, decision, context),
        Command::ReopenGate { gate, reason } => gate::reopen(run, *gate, reason),
        Command::Cancel { reason, actor } => cancel::decide(run, reason, actor),
        Command::Pause { reason, actor, until } => pause::pause(run, reason, actor, *until),
        Command::Resume { reason } => pause::resume(run, reason, context),
        Command::Terminate { reason, actor } => terminate::decide(run, reason, actor),
        Command::Extend { until, reason } => extend::decide(run, *until, reason, context),
        Command::Retry { reason } => retry::decide(run, reason, context),
        Command::WarnGate => warn::decide(run, context.now),
        Command::FinishPersona { step, output, source } => finish_persona::decide(run, *step, output, source, context),
        Command::FailPersona { step, code, message } => finish_persona::fail(run, *step, code, message),
        Command::SubmitJob { job_id, task_id, adopted } => submit_job::decide(run, job_id, task_id, *adopted),
        Command::RepeatSubmission { job_id, reason } => repeat_submission::decide(run, job_id, reason),
        Command::FinishJob { job_id, url } => finish_job::decide(run, job_id, url, context),
        Command::FailJob { job_id, code, message } => finish_job::fail(run, job_id, code, message, context),
        Command::ReplaceJob { job_id, code, message } => retry::replace(run, job_id, code, message, context),
        Command::PassDeadline => deadline::decide(run, context.now),
        Command::Attach(attachment) => Ok(attach::decide(attachment)),
    }
}

/// A change of one run, ready to be committed: the events, the state after them, and the rows that follow from them.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// Version (number of events) that the run must still have.
    pub expected_version: u64,
    pub run: Run,
    pub events: Vec<Recorded>,
    pub rows: Rows,
}

/// Starts a run.
pub fn start(request: StartRequest, context: &mut Context<'_>) -> Result<Transition, InputError> {
    let actor = request.user_id.clone();
    let run_id = request.run_id.clone();
    let events = start::decide(request, context)?;
    Ok(record(Run::unborn(run_id), events, context.now, &actor))
}

/// Opens a run that goes on from one that has ended. The parent does not move.
pub fn succeed(parent: &Run, wish: &Succession, actor: &str, context: &mut Context<'_>) -> Result<Transition, Refusal> {
    let events = successor::decide(parent, wish, context)?;
    Ok(record(Run::unborn(wish.run_id.clone()), events, context.now, actor))
}

/// Decides a command and gathers what must be committed. `None` when nothing changes.
pub fn apply(
    run: &Run,
    command: &Command,
    actor: &str,
    context: &mut Context<'_>,
) -> Result<Option<Transition>, Refusal> {
    let events = decide(run, command, context)?;
    Ok(if events.is_empty() { None } else { Some(record(run.clone(), events, context.now, actor)) })
}

fn record(mut run: Run, events: Vec<Event>, at: Timestamp, actor: &str) -> Transition {
    let expected_version = run.version;
    let mut rows = Rows::default();
    let mut recorded = Vec::with_capacity(events.len());
    for event in events {
        let entry = Recorded { seq: run.version + 1, at, actor: actor.to_owned(), event };
        run.evolve(&entry);
        rows.extend(&run, &entry);
        recorded.push(entry);
    }
    Transition { expected_version, run, events: recorded, rows }
}

/// Rebuilds a run from its whole timeline.
pub fn fold(run_id: &str, events: &[Recorded]) -> Run {
    let mut run = Run::unborn(run_id.to_owned());
    for event in events {
        run.evolve(event);
    }
    run
}

fn refuse_terminal(run: &Run) -> Result<(), Refusal> {
    if run.status.is_terminal() {
        return Err(Refusal::AlreadyTerminal { run_id: run.run_id.clone(), status: run.status });
    }
    Ok(())
}

fn refuse_paused(run: &Run) -> Result<(), Refusal> {
    match run.pause {
        Some(_) => Err(Refusal::Paused { run_id: run.run_id.clone() }),
        None => Ok(()),
    }
}

/// A timestamp as it stands in every text of ours.
pub fn rfc3339(at: Timestamp) -> String {
    at.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}
