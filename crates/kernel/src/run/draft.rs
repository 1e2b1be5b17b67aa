//! A decision while it is being made: events, and the state after them.

use crate::Timestamp;
use crate::gate_policy::GatePolicy;
use crate::run::event::{Common, Event, Opened, Recorded};
use crate::run::kind::Kind;
use crate::run::state::{GateKey, Run};
use crate::run::{Context, gate};
use crate::status::GateName;
use time::Duration;

/// Events and the state after them, growing together.
pub struct Draft<B: Kind> {
    pub run: Run<B>,
    pub events: Vec<Event<B>>,
}

impl<B: Kind> Draft<B> {
    pub fn of(run: &Run<B>) -> Self {
        Draft { run: run.clone(), events: Vec::new() }
    }

    /// Adds an event. What only the kind has may change what an open gate decides about: that gate opens once more, so that
    /// nobody decides about what they have not seen.
    pub fn push(&mut self, event: impl Into<Event<B>>, context: &Context<'_>) {
        let event = event.into();
        let is_own = matches!(event, Event::Own(_));
        self.record(event, context);
        if is_own {
            self.reopen_changed(context);
        }
    }

    fn record(&mut self, event: Event<B>, context: &Context<'_>) {
        let recorded = Recorded { seq: self.run.version + 1, at: context.now, actor: String::new(), event };
        self.run.evolve(&recorded);
        self.events.push(recorded.event);
    }

    fn reopen_changed(&mut self, context: &Context<'_>) {
        for open in self.run.gates.clone() {
            if open.subject_sha256 != gate::subject_sha256(&self.run, open.key()) {
                let reason = "what it decides about has changed".to_owned();
                self.record(gate::reopened(&self.run, &open, reason).into(), context);
            }
        }
    }

    /// Opens a gate for as long as it has. The id is the gate's own: no other gate of the run has it.
    pub fn open_gate(&mut self, key: GateKey<'_>, policy: GatePolicy, limit_seconds: u32, context: &Context<'_>) {
        let opened = Opened {
            id: key.id.to_owned(),
            gate: key.gate,
            opening: self.run.next_opening(),
            summary: B::summary(&self.run, key),
            subject_sha256: gate::subject_sha256(&self.run, key),
            policy,
            limit_seconds,
            deadline: deadline_after(context.now, limit_seconds),
        };
        self.push(Common::GateOpened(Box::new(opened)), context);
    }

    pub fn fail(&mut self, error_type: impl Into<String>, error_message: impl Into<String>, context: &Context<'_>) {
        self.push(Common::RunFailed { error_type: error_type.into(), error_message: error_message.into() }, context);
    }

    pub fn end_rejected(&mut self, gate: GateName, context: &Context<'_>) {
        self.push(Common::RunRejected { gate }, context);
    }
}

/// When something that has so many seconds is overdue.
pub fn deadline_after(now: Timestamp, limit_seconds: u32) -> Timestamp {
    now + Duration::seconds(i64::from(limit_seconds))
}
