//! How events change a run. `evolve` never decides: it believes every event.

use crate::Timestamp;
use crate::run::event::{Common, Event, Opened, Recorded, Started};
use crate::run::kind::{Body, Kind};
use crate::run::state::{DecidedGate, DefinitionRef, OpenGate, Pause, Run, RunError};
use crate::status::{End, ProvidersMode};
use time::Duration;

/// The least that anything has left after a pause: its work may have ended meanwhile and has to be collected.
const LEFT_SECONDS_MIN: i64 = 60;

impl<B: Kind> Run<B> {
    /// A run before its first event.
    pub fn empty(run_id: String) -> Self {
        let mut run = Run {
            run_id,
            kind: B::NAME.to_owned(),
            version: 0,
            status: B::Status::default(),
            definition: DefinitionRef { key: String::new(), version: String::new(), digest: String::new() },
            title: String::new(),
            user_id: String::new(),
            started_by: None,
            parent: None,
            mode: ProvidersMode::Mock,
            gates: Vec::new(),
            decided: Vec::new(),
            pause: None,
            error: None,
            cancelled_by: None,
            started_at: Timestamp::UNIX_EPOCH,
            work_deadline: None,
            deadline: None,
            end: None,
            finished_at: None,
            body: B::empty(),
        };
        run.settle();
        run
    }

    /// Folds one event into the state.
    pub fn evolve(&mut self, recorded: &Recorded<Event<B>>) {
        self.version = recorded.seq;
        match &recorded.event {
            Event::Started(started) => {
                self.evolve_started(started, recorded.at);
                B::evolve_started(self, started);
            }
            Event::Common(event) => self.evolve_common(event, recorded.at),
            Event::Own(event) => B::evolve(self, event, recorded.at),
        }
        self.settle();
    }

    fn evolve_started(&mut self, started: &Started<B::Plan>, at: Timestamp) {
        self.definition = started.definition.clone();
        self.title = started.title.clone();
        self.user_id = started.user_id.clone();
        self.started_by = started.started_by.clone();
        self.parent = started.parent.clone();
        self.mode = started.mode;
        self.started_at = at;
    }
}

impl<B: Body> Run<B> {
    /// Folds an event that every kind has, without what follows from it.
    pub(super) fn evolve_common(&mut self, event: &Common, at: Timestamp) {
        match event {
            Common::GateOpened(opened) => self.gates.push(OpenGate::new(opened, at)),
            Common::GateReopened { previous, opening, summary, subject_sha256, .. } => {
                self.change_gate(*previous, |open| {
                    open.opening = *opening;
                    open.summary.clone_from(summary);
                    open.subject_sha256.clone_from(subject_sha256);
                    open.votes.clear();
                });
            }
            Common::GateWarned { opening, .. } => self.change_gate(*opening, |open| open.warned = true),
            Common::GateEscalated { opening, .. } => self.change_gate(*opening, |open| open.escalated = true),
            Common::GateExtended { opening, deadline, .. } => self.change_gate(*opening, |open| {
                open.deadline = *deadline;
                open.extended = true;
                open.warned = false;
            }),
            Common::GateVoted(vote) => {
                B::edit(self, &vote.edits);
                self.change_gate(vote.opening, |open| open.votes.push(vote.as_ref().clone()));
            }
            Common::GateDecided(decided) => {
                B::edit(self, &decided.edits);
                self.close_gate(decided.opening);
                self.decided.push(DecidedGate::clone(decided));
            }
            Common::GateExpired { opening, .. } | Common::GateWithdrawn { opening, .. } => self.close_gate(*opening),
            Common::RunRetried { .. } | Common::ArtifactAttached(_) => {}
            Common::RunPaused { reason, actor, until } => {
                let (reason, actor) = (reason.clone(), actor.clone());
                self.pause = Some(Pause { since: at, until: *until, reason, actor });
            }
            Common::RunResumed { .. } => self.evolve_resumed(at),
            Common::DeadlineExtended { deadline, .. } => self.evolve_extended(*deadline),
            Common::RunRejected { .. } => self.end(End::Rejected, at),
            Common::RunExpired { .. } => self.end(End::Expired, at),
            Common::RunFailed { error_type, error_message } => {
                self.error = Some(RunError { error_type: error_type.clone(), error_message: error_message.clone() });
                self.end(End::Failed, at);
            }
            Common::RunCancelled { actor, .. } => {
                self.cancelled_by = Some(actor.clone());
                self.end(End::Cancelled, at);
            }
        }
    }

    /// What was left when the pause began comes back.
    fn evolve_resumed(&mut self, at: Timestamp) {
        let Some(pause) = self.pause.take() else { return };
        let later = |deadline: Timestamp| at + (deadline - pause.since).max(Duration::seconds(LEFT_SECONDS_MIN));
        self.work_deadline = self.work_deadline.map(later);
        for open in &mut self.gates {
            open.deadline = later(open.deadline);
        }
    }

    fn evolve_extended(&mut self, until: Timestamp) {
        if let Some(pause) = &mut self.pause {
            pause.until = pause.until.max(until);
            return;
        }
        self.work_deadline = self.work_deadline.map(|deadline| deadline.max(until));
        for open in self.gates.iter_mut().filter(|open| open.deadline < until) {
            open.deadline = until;
            open.warned = false;
        }
    }

    fn change_gate(&mut self, opening: u32, change: impl FnOnce(&mut OpenGate)) {
        if let Some(open) = self.gates.iter_mut().find(|open| open.opening == opening) {
            change(open);
        }
    }

    fn close_gate(&mut self, opening: u32) {
        self.gates.retain(|open| open.opening != opening);
    }

    /// The run has ended: nothing waits any more.
    pub fn end(&mut self, end: End, at: Timestamp) {
        self.gates.clear();
        self.pause = None;
        self.work_deadline = None;
        self.end = Some(end);
        self.finished_at = Some(at);
    }

    /// Brings up to date what follows from the rest: the deadline and the status.
    pub(super) fn settle(&mut self) {
        let gates = self.gates.iter().map(|open| open.deadline);
        self.deadline = match (self.end, &self.pause) {
            (Some(_), _) => None,
            (None, Some(pause)) => Some(pause.until),
            (None, None) => gates.chain(self.work_deadline).min(),
        };
        self.status = B::status(self);
    }
}

impl OpenGate {
    fn new(opened: &Opened, at: Timestamp) -> Self {
        OpenGate {
            id: opened.id.clone(),
            gate: opened.gate,
            opening: opened.opening,
            summary: opened.summary.clone(),
            subject_sha256: opened.subject_sha256.clone(),
            policy: opened.policy.clone(),
            limit_seconds: opened.limit_seconds,
            opened_at: at,
            deadline: opened.deadline,
            warned: false,
            escalated: false,
            extended: false,
            votes: Vec::new(),
        }
    }
}
