//! An open gate has waited for long: whoever should decide is told once, and whom the policy names for that is called in.
//! Times are counted back from the deadline, so that a pause moves them too.

use crate::Timestamp;
use crate::run::event::{Common, Event};
use crate::run::kind::{Body, Kind};
use crate::run::state::{OpenGate, Run};
use crate::run::{Refusal, refuse_ended};
use time::Duration;

/// A warning comes when this part of the gate's time is left, unless the policy says when.
const LEFT_DIVISOR: i32 = 5;

/// What is still to be told about an open gate, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reminders {
    warn_at: Option<Timestamp>,
    escalate_at: Option<Timestamp>,
}

impl OpenGate {
    fn reminders(&self) -> Reminders {
        let escalation = self.policy.escalate.as_ref().filter(|_| !self.escalated);
        Reminders {
            warn_at: (!self.warned).then(|| self.warn_at()),
            escalate_at: escalation.map(|escalation| self.before_deadline(escalation.after_seconds)),
        }
    }

    /// At four fifths of the gate's time, unless the policy says when.
    fn warn_at(&self) -> Timestamp {
        match self.policy.warn_after_seconds {
            Some(after) => self.before_deadline(after),
            None => self.deadline - (self.deadline - self.opened_at) / LEFT_DIVISOR,
        }
    }

    fn before_deadline(&self, after_seconds: u32) -> Timestamp {
        self.deadline - Duration::seconds(i64::from(self.limit_seconds.saturating_sub(after_seconds)))
    }

    /// When the sweep must look at the gate next; none when everything is told.
    pub fn reminder_due_at(&self) -> Option<Timestamp> {
        let Reminders { warn_at, escalate_at } = self.reminders();
        [warn_at, escalate_at].into_iter().flatten().min()
    }

    fn due_reminders(&self, now: Timestamp) -> impl Iterator<Item = Common> {
        let (gate, opening) = (self.gate, self.opening);
        let Reminders { warn_at, escalate_at } = self.reminders();
        let is_due = move |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        let warned = is_due(warn_at).then_some(Common::GateWarned { gate, opening });
        warned.into_iter().chain(is_due(escalate_at).then_some(Common::GateEscalated { gate, opening }))
    }
}

pub(super) fn decide<B: Kind>(run: &Run<B>, now: Timestamp) -> Result<Vec<Event<B>>, Refusal> {
    refuse_ended(run)?;
    let not_due = || Refusal::NotDue { run_id: run.run_id.clone() };
    if run.pause.is_some() || run.gates.is_empty() {
        return Err(not_due());
    }
    let waiting = || run.gates.iter().filter(|open| open.deadline > now);
    let events: Vec<Event<B>> = waiting().flat_map(|open| open.due_reminders(now)).map(Event::Common).collect();
    let all_told = waiting().next().is_some() && waiting().all(|open| open.reminder_due_at().is_none());
    if events.is_empty() && !all_told { Err(not_due()) } else { Ok(events) }
}

/// When the sweep must look at the gate next. Nobody is reminded while the run is held.
pub(super) fn due_at<B: Body>(run: &Run<B>, open: &OpenGate) -> Option<Timestamp> {
    open.reminder_due_at().filter(|_| run.pause.is_none())
}
