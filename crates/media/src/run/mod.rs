//! Media runs: from a request to the published video. What is true of every run is the kernel's ([`mw_kernel::run`]).
//!
//! A run walks its `pipeline` step by step. [`advance`] enters the next step: a gate opens and waits for a person, a
//! persona works, jobs are requested of providers. [`kind`] answers what the kernel asks of a kind, one file for each question:
//!
//! ```text
//! command ─► commands      events (or a refusal): finish_job, finish_persona, submit_job, retry, …
//! event   ─► evolve        the next body (body.rs)
//! event   ─► rows          jobs and effects; artifact: what people and reports see
//! run     ─► brief, why, view, guardrail   what a gate decides about, what the run waits for, what the API shows
//!         ─► page, trace   what pages show, and what collectors of traces get
//! ```

mod advance;
mod artifact;
mod body;
mod brief;
pub(crate) mod edit;
mod event;
mod evolve;
mod finish_job;
mod finish_persona;
mod gate;
pub(crate) mod guardrail;
mod kind;
#[cfg(test)]
mod model;
mod page;
mod repeat_submission;
mod restore;
mod retry;
mod rows;
mod start;
mod submit_job;
mod successor;
#[cfg(test)]
mod table;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod trace;
mod view;
mod why;

pub use body::{Clip, ClipState, Job, JobPhase, Media, PersonaSource, Status};
pub use brief::{About, ClipBrief, Cost};
pub use edit::{Editable, Field};
pub use event::{MediaEvent, MediaEventName, Plan, PlannedClip};
pub(crate) use gate::SUMMARY_PLACES;
pub use guardrail::Check;
pub use kind::MediaCommand;
pub use mw_kernel::run::{
    AnyRun, Artifact, Attachment, Body, Change, Common, CommonName, Context, DecidedGate, DefinitionRef,
    EXTEND_DAYS_MAX, Edit, EditableField, Effect, EffectKind, EffectState, Facts, FieldError, GateDecision, GateKey,
    GateRow, JobRow, MARKED_FAILED, NOTIFICATION, OpenEffect, OpenGate, Order, PAUSE_DAYS, Parent, Pause, Quorum,
    Rearmed, Refusal, Remains, Rows, RunError, Succession, TERMINATED, Text, Why, marked_failed, rfc3339, terminated,
};
pub use retry::SUBMISSION_UNANSWERED;
pub use start::{Input, InputError, StartRequest, optional_steps};
pub use successor::Inheritance;

pub use mw_kernel::Run as RunOf;

/// A media run.
pub type Run = mw_kernel::Run<Media>;
/// Everything that may be asked of a media run.
pub type Command = mw_kernel::run::Command<MediaCommand>;
/// What can happen to a media run.
pub type Event = mw_kernel::run::Event<Media>;
/// What a media run starts with.
pub type Started = mw_kernel::run::Started<Plan>;
/// An event with its place in the timeline.
pub type Recorded = mw_kernel::run::Recorded<Event>;
/// A decision about a media run.
pub type Decided = mw_kernel::run::Decided<Media>;
/// What an open gate of a media run decides about.
pub type Brief = mw_kernel::run::Brief<About>;
pub(crate) type Draft = mw_kernel::run::Draft<Media>;

pub use mw_kernel::run::{apply, decide, fold, succeed};

/// Starts a run.
pub fn start(request: StartRequest, context: &mut Context<'_>) -> Result<Decided, InputError> {
    let actor = request.user_id.clone();
    let run_id = request.run_id.clone();
    let events = start::decide(request, context)?;
    Ok(mw_kernel::run::record(Run::empty(run_id), events, context.now, &actor))
}
