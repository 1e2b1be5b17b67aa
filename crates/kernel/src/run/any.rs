//! Runs of any kind. Whoever stores, claims, sweeps or shows runs knows a run's envelope and not its body: [`AnyRun`]. What only
//! the kind knows is asked of it through [`Kinds`], the registry of all kinds that a program has.

use crate::notification::{self, Message, Occasion};
use crate::run::brief::Brief;
use crate::run::edit::Change;
use crate::run::event::{AnyEvent, Event, Recorded};
use crate::run::kind::{Body, Kind};
use crate::run::order::Order;
use crate::run::rows::Rows;
use crate::run::state::Run;
use crate::run::why::{Facts, Why};
use crate::run::{Command, Context, Decided, Refusal, apply, fold};
use crate::status::{End, StatusWord};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::marker::PhantomData;

/// A body that nobody has read yet: its JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AnyBody(Box<RawValue>);

/// A run whose body nobody has read yet.
pub type AnyRun = Run<AnyBody>;

/// A command for a run of any kind.
pub type AnyCommand = Command<Value>;

impl PartialEq for AnyBody {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

/// The words of the ends and of a pause are the kernel's; all else is the kind's, and stays what it was.
impl Body for AnyBody {
    type Status = StatusWord;

    fn status(run: &Run<Self>) -> StatusWord {
        match (run.end, &run.pause) {
            (Some(end @ (End::Failed | End::Cancelled | End::Rejected | End::Expired)), _) => {
                StatusWord(end.as_str().to_owned())
            }
            (None, Some(_)) => StatusWord("paused".to_owned()),
            (Some(End::Done), _) | (None, None) => run.status.clone(),
        }
    }

    /// Texts are a kind's own: only it can change them.
    fn edit(_: &mut Run<Self>, _: &[Change]) {}
}

impl<B: Kind> Run<B> {
    /// The same run, for whoever does not know its kind.
    pub fn erase(&self) -> Result<AnyRun, Refusal> {
        let unreadable = |_| self.unreadable();
        let body = serde_json::to_string(&self.body).and_then(RawValue::from_string).map_err(unreadable)?;
        Ok(self.with_body(AnyBody(body), StatusWord(self.status.to_string())))
    }
}

impl AnyRun {
    /// The run with its body read as this kind's.
    pub fn read<B: Kind>(&self) -> Result<Run<B>, Refusal> {
        let unreadable = |_| self.unreadable();
        if self.kind != B::NAME {
            return Err(self.unreadable());
        }
        let body = serde_json::from_str(self.body.0.get()).map_err(unreadable)?;
        let mut run = self.with_body(body, B::Status::default());
        run.settle();
        Ok(run)
    }
}

impl<B: Body> Run<B> {
    fn unreadable(&self) -> Refusal {
        Refusal::Unreadable { run_id: self.run_id.clone() }
    }

    fn with_body<C: Body>(&self, body: C, status: C::Status) -> Run<C> {
        Run {
            run_id: self.run_id.clone(),
            kind: self.kind.clone(),
            version: self.version,
            status,
            definition: self.definition.clone(),
            title: self.title.clone(),
            user_id: self.user_id.clone(),
            started_by: self.started_by.clone(),
            parent: self.parent.clone(),
            mode: self.mode,
            gates: self.gates.clone(),
            decided: self.decided.clone(),
            pause: self.pause.clone(),
            error: self.error.clone(),
            started_at: self.started_at,
            work_deadline: self.work_deadline,
            deadline: self.deadline,
            end: self.end,
            finished_at: self.finished_at,
            body,
        }
    }
}

/// A decision about one run of any kind, ready to be committed.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// Version (number of events) that the run must still have.
    pub expected_version: u64,
    pub run: AnyRun,
    pub events: Vec<Recorded<AnyEvent>>,
    pub rows: Rows,
    /// What has been made so far, as the API shows it.
    pub result: Value,
    /// What a new run was asked to be.
    pub payload: Option<Value>,
}

impl<B: Kind> Decided<B> {
    /// The same decision, for whoever does not know the run's kind.
    pub fn erase(&self) -> Result<Transition, Refusal> {
        let unreadable = |_: serde_json::Error| self.run.unreadable();
        let erased = |event: &Recorded<Event<B>>| {
            let text = serde_json::to_string(&event.event)?;
            let body = serde_json::from_str(&text)?;
            Ok(Recorded { seq: event.seq, at: event.at, actor: event.actor.clone(), event: body })
        };
        Ok(Transition {
            expected_version: self.expected_version,
            run: self.run.erase()?,
            events: self.events.iter().map(erased).collect::<Result<_, _>>().map_err(unreadable)?,
            rows: self.rows.clone(),
            result: B::result(&self.run),
            payload: (self.expected_version == 0).then(|| B::payload(&self.run)),
        })
    }
}

/// A kind, for whoever does not know its types.
pub trait AnyKind: Sync {
    /// Its name, as it stands in `runs.kind`.
    fn name(&self) -> &'static str;

    /// Every status of its runs.
    fn statuses(&self) -> Vec<String>;

    /// As [`apply`].
    fn apply(
        &self,
        run: &AnyRun,
        command: &AnyCommand,
        actor: &str,
        context: &mut Context<'_>,
    ) -> Result<Option<Transition>, Refusal>;

    /// As [`Order::decide`].
    fn order(
        &self,
        run: &AnyRun,
        order: &Order,
        reason: &str,
        actor: &str,
        context: &mut Context<'_>,
    ) -> Result<Option<Transition>, Refusal>;

    /// As [`fold`].
    fn fold(&self, run_id: &str, events: Vec<Recorded<AnyEvent>>) -> Result<AnyRun, Refusal>;

    /// As [`Run::why`].
    fn why(&self, run: &AnyRun, facts: &Facts) -> Result<Why, Refusal>;

    /// As [`Run::briefs`].
    fn briefs(&self, run: &AnyRun) -> Result<Vec<Brief<Value>>, Refusal>;

    /// As [`notification::message`]; that a run has failed is told even if nobody here can read its body.
    fn message(&self, run: &AnyRun, occasion: Occasion) -> Result<Option<Message>, Refusal>;
}

/// The kind `B`, as a value of a registry.
pub struct KindOf<B>(PhantomData<fn() -> B>);

impl<B> KindOf<B> {
    pub const fn new() -> Self {
        KindOf(PhantomData)
    }
}

impl<B> Default for KindOf<B> {
    fn default() -> Self {
        KindOf::new()
    }
}

impl<B: Kind> AnyKind for KindOf<B> {
    fn name(&self) -> &'static str {
        B::NAME
    }

    fn statuses(&self) -> Vec<String> {
        B::STATUSES.iter().map(|status| (*status).to_owned()).collect()
    }

    fn apply(
        &self,
        run: &AnyRun,
        command: &AnyCommand,
        actor: &str,
        context: &mut Context<'_>,
    ) -> Result<Option<Transition>, Refusal> {
        let command = command.read::<B>(run)?;
        erased(apply(&run.read::<B>()?, &command, actor, context)?)
    }

    fn order(
        &self,
        run: &AnyRun,
        order: &Order,
        reason: &str,
        actor: &str,
        context: &mut Context<'_>,
    ) -> Result<Option<Transition>, Refusal> {
        erased(order.decide(&run.read::<B>()?, reason, actor, context)?)
    }

    fn fold(&self, run_id: &str, events: Vec<Recorded<AnyEvent>>) -> Result<AnyRun, Refusal> {
        let unreadable = |_: serde_json::Error| Refusal::Unreadable { run_id: run_id.to_owned() };
        let read = |recorded: Recorded<AnyEvent>| {
            let Recorded { seq, at, actor, event } = recorded;
            Ok(Recorded { seq, at, actor, event: event.read::<B>()? })
        };
        let events: Vec<_> = events.into_iter().map(read).collect::<Result<_, _>>().map_err(unreadable)?;
        fold(run_id, &events).erase()
    }

    fn why(&self, run: &AnyRun, facts: &Facts) -> Result<Why, Refusal> {
        Ok(run.read::<B>()?.why(facts))
    }

    fn briefs(&self, run: &AnyRun) -> Result<Vec<Brief<Value>>, Refusal> {
        Ok(run.read::<B>()?.briefs().map(Brief::erase).collect())
    }

    fn message(&self, run: &AnyRun, occasion: Occasion) -> Result<Option<Message>, Refusal> {
        match run.read::<B>() {
            Ok(run) => Ok(notification::message(&run, occasion)),
            Err(refusal) => notification::message_of_unread(run, occasion).map(Some).ok_or(refusal),
        }
    }
}

fn erased<B: Kind>(decided: Option<Decided<B>>) -> Result<Option<Transition>, Refusal> {
    decided.map(|decided| decided.erase()).transpose()
}

impl AnyCommand {
    fn read<B: Kind>(&self, run: &AnyRun) -> Result<Command<B::Command>, Refusal> {
        Ok(match self {
            Command::DecideGate(decision) => Command::DecideGate(decision.clone()),
            Command::ReopenGate { gate, reason } => Command::ReopenGate { gate: *gate, reason: reason.clone() },
            Command::Cancel { reason, actor } => Command::Cancel { reason: reason.clone(), actor: actor.clone() },
            Command::Pause { reason, actor, until } => {
                Command::Pause { reason: reason.clone(), actor: actor.clone(), until: *until }
            }
            Command::Resume { reason } => Command::Resume { reason: reason.clone() },
            Command::Terminate { reason, actor } => Command::Terminate { reason: reason.clone(), actor: actor.clone() },
            Command::MarkFailed { role } => Command::MarkFailed { role: role.clone() },
            Command::Extend { until, reason } => Command::Extend { until: *until, reason: reason.clone() },
            Command::Retry { reason } => Command::Retry { reason: reason.clone() },
            Command::WarnGate => Command::WarnGate,
            Command::PassDeadline => Command::PassDeadline,
            Command::RestoreEffects { job_ids } => Command::RestoreEffects { job_ids: job_ids.clone() },
            Command::Attach(attachment) => Command::Attach(attachment.clone()),
            Command::Own(command) => {
                let unreadable = |_| run.unreadable();
                Command::Own(serde_json::from_str(&command.to_string()).map_err(unreadable)?)
            }
        })
    }
}

/// All kinds of runs that a program has.
#[derive(Clone, Copy)]
pub struct Kinds(pub &'static [&'static dyn AnyKind]);

impl Kinds {
    /// The kind of a run; a run of a kind that this program does not have cannot be read by it.
    pub fn of(&self, run: &AnyRun) -> Result<&'static dyn AnyKind, Refusal> {
        let found = self.0.iter().find(|kind| kind.name() == run.kind).copied();
        found.ok_or_else(|| run.unreadable())
    }

    /// Every status of every kind, each once, in the kinds' order.
    pub fn statuses(&self) -> Vec<String> {
        let mut statuses: Vec<String> = Vec::new();
        for status in self.0.iter().flat_map(|kind| kind.statuses()) {
            if !statuses.contains(&status) {
                statuses.push(status);
            }
        }
        statuses
    }
}
