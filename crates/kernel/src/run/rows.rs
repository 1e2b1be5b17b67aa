//! What a decision writes beside the run and its events: artifacts, jobs, gates and effects, each following from an
//! event. The database keeps them for people, for claims and for webhooks; the events alone would rebuild them.

use crate::Timestamp;
use crate::notification::{self, Notice};
use crate::run::artifact::{self, Artifact};
use crate::run::event::{Common, Event, Recorded};
use crate::run::kind::{Body, Kind};
use crate::run::state::{DecidedGate, OpenGate, Run};
use crate::run::warn;
use crate::status::{End, GateName};
use serde::Serialize;
use serde_json::Value;

/// The rows of one decision.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Rows {
    pub artifacts: Vec<Artifact>,
    pub jobs: Vec<JobRow>,
    pub gates: Vec<GateRow>,
    /// Approvals that do not decide yet, where a gate needs several.
    pub votes: Vec<DecidedGate>,
    pub effects: Vec<Effect>,
    /// Effects that ended, or were lost, and are to be done once more.
    pub rearmed: Vec<Rearmed>,
    /// What people are told; the database knows whom.
    pub notifications: Vec<Notice>,
    /// Set where the run is resumed: what was held is due again.
    pub resumed: bool,
    /// Set where the run has ended.
    pub ended: Option<EndRow>,
    /// Of a run that starts, in a project with a budget.
    pub budget: Option<Budget>,
}

/// What a new run takes of its project's budget of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Budget {
    pub wanted: u32,
    pub per_day: u32,
}

/// What the end of a run is counted and exported with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndRow {
    pub project: String,
    pub status: String,
    /// The number of events with the end: a trace goes as far.
    pub version: u64,
    /// The error tracker hears of it.
    pub reported: bool,
    /// The event that begins a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_event: Option<&'static str>,
    /// The metric that says how long a run took that has done its work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<&'static str>,
}

impl EndRow {
    pub(super) fn of<B: Kind>(run: &Run<B>) -> EndRow {
        let metric = (run.end == Some(End::Done)).then(|| B::done_metric(run)).flatten();
        EndRow { step_event: B::STEP_EVENT, metric, ..EndRow::of_unread(run) }
    }

    /// Of a run whose body nobody reads.
    fn of_unread<B: Body>(run: &Run<B>) -> EndRow {
        EndRow {
            project: run.definition.key.clone(),
            status: run.status.to_string(),
            version: run.version,
            reported: run.end == Some(End::Failed),
            step_event: None,
            metric: None,
        }
    }
}

/// An effect that ended, or was lost, and is to be done once more.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rearmed {
    pub effect: Effect,
    /// A submission that may have reached the provider: reconciled before it is sent.
    pub unanswered: bool,
}

/// A provider job, for webhooks to find and for operators to see.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobRow {
    pub job_id: String,
    /// What it makes, in a word of the run's kind.
    pub kind: String,
    pub provider: String,
    pub state: JobState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,
    /// The account at the provider, by which an event without a known id is matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// It has just ended: how long it took is a metric of its provider.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_over: bool,
}

crate::words! {
    /// How a job stands.
    JobState {
        Requested = "requested",
        Submitted = "submitted",
        Succeeded = "succeeded",
        Failed = "failed",
    }
}

/// A gate, open or closed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateRow {
    /// What only an open gate's row says, as the row of its closing keeps it.
    #[serde(flatten)]
    pub open: Option<OpenRow>,
    pub gate: GateName,
    pub opening: u32,
    /// `open`, `approved`, `rejected`, `changes_requested`, `expired`, `withdrawn`, or `closed` by a new opening.
    pub state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecidedGate>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OpenRow {
    pub gate_id: String,
    pub subject_sha256: String,
    /// How many different people must approve.
    pub approvals: u32,
    #[serde(with = "time::serde::rfc3339")]
    pub deadline: Timestamp,
    /// When the sweep next has to tell somebody that the gate waits; none when all are told.
    #[serde(with = "time::serde::rfc3339::option")]
    pub warn_at: Option<Timestamp>,
}

/// Work for the dispatcher: a row of the outbox.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effect {
    /// Unique for ever: the same cause never makes two effects.
    pub key: String,
    pub kind: EffectKind,
    /// What limits and circuit breakers go by; `mock` for nobody.
    pub provider: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    pub payload: Value,
    #[serde(with = "time::serde::rfc3339")]
    pub due_at: Timestamp,
}

crate::words! {
    /// What the dispatcher does with an effect.
    EffectKind {
        /// Ask the language model for a persona's answer.
        Persona = "persona",
        /// Hand a job to its provider.
        Submit = "submit",
        /// Ask the provider how a job stands.
        Poll = "poll",
        /// Do what only the run's kind knows.
        Own = "own",
        /// Tell somebody what happened. Made by the database, one for each address.
        Notify = "notify",
        /// Hand the trace of a run that has ended to the collector. Made by the database, where that is wanted.
        Trace = "trace",
        /// Report a failed run, or a dead effect, to the error tracker. Made by the database, where that is wanted.
        Report = "report",
    }
}

impl EffectKind {
    /// What asks somebody for something new: not while the run is paused. To look, and to tell people, goes on.
    pub const HELD_WHILE_PAUSED: &'static [EffectKind] = &[EffectKind::Persona, EffectKind::Submit, EffectKind::Own];
}

impl Rows {
    /// Of an end that is not the kind's own, of a run whose body nobody reads.
    pub(super) fn of_end<B: Body>(run: &Run<B>, event: &Common, at: Timestamp) -> Rows {
        Rows {
            artifacts: artifact::of_end(run, event, at),
            notifications: notification::of_end(run, run.version, at).into_iter().collect(),
            ended: Some(EndRow::of_unread(run)),
            ..Rows::default()
        }
    }

    pub(super) fn extend<B: Kind>(&mut self, run: &Run<B>, recorded: &Recorded<Event<B>>) {
        self.artifacts.extend(artifact::of(run, recorded));
        self.notifications.extend(notification::of(run, recorded));
        match &recorded.event {
            Event::Started(_) => {}
            Event::Common(event) => self.extend_common(run, event),
            Event::Own(event) => B::rows(run, event, recorded.at, self),
        }
    }

    fn extend_common<B: Kind>(&mut self, run: &Run<B>, event: &Common) {
        match event {
            Common::GateOpened(opened) => self.gate(run, opened.opening),
            Common::GateWarned { opening, .. }
            | Common::GateEscalated { opening, .. }
            | Common::GateExtended { opening, .. } => self.gate(run, *opening),
            Common::RunPaused { .. } | Common::RunResumed { .. } | Common::DeadlineExtended { .. } => {
                self.resumed |= matches!(event, Common::RunResumed { .. });
                self.gates.extend(run.gates.iter().map(|open| open_row(run, open)));
            }
            Common::GateVoted(vote) => self.votes.push(vote.as_ref().clone()),
            Common::GateReopened { gate, previous, opening, .. } => {
                self.close(*gate, *previous, "closed", None);
                self.gate(run, *opening);
            }
            Common::GateDecided(decided) => {
                self.close(decided.gate, decided.opening, decided.verdict.outcome(), Some(decided));
            }
            Common::GateExpired { gate, opening } => self.close(*gate, *opening, "expired", None),
            Common::GateWithdrawn { gate, opening, .. } => self.close(*gate, *opening, "withdrawn", None),
            Common::RunRetried { .. }
            | Common::ArtifactAttached(_)
            | Common::RunRejected { .. }
            | Common::RunExpired { .. }
            | Common::RunFailed { .. }
            | Common::RunCancelled { .. } => {}
        }
    }

    fn gate<B: Body>(&mut self, run: &Run<B>, opening: u32) {
        self.gates.extend(run.opening(opening).map(|open| open_row(run, open)));
    }

    fn close(&mut self, gate: GateName, opening: u32, state: &str, decision: Option<&DecidedGate>) {
        let (state, decision) = (state.to_owned(), decision.cloned());
        self.gates.push(GateRow { open: None, gate, opening, state, decision });
    }
}

/// The row of a gate that waits, as its deadline now stands.
fn open_row<B: Body>(run: &Run<B>, open: &OpenGate) -> GateRow {
    let row = OpenRow {
        gate_id: open.id.clone(),
        subject_sha256: open.subject_sha256.clone(),
        approvals: open.policy.approvals,
        deadline: open.deadline,
        warn_at: warn::due_at(run, open),
    };
    GateRow { open: Some(row), gate: open.gate, opening: open.opening, state: "open".to_owned(), decision: None }
}
