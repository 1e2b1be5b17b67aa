//! Runs of any kind. Whoever stores, claims, sweeps or shows runs knows a run's envelope and not its body: [`AnyRun`]. What only
//! the kind knows is asked of it through [`Kinds`], the registry of all kinds that a program has.

use crate::Timestamp;
use crate::notification::{self, Message, Occasion};
use crate::run::brief::Brief;
use crate::run::edit::Change;
use crate::run::event::{Event, Recorded};
use crate::run::kind::{Body, Kind};
use crate::run::order::Order;
use crate::run::page::{Product, Standing, Step};
use crate::run::rows::Rows;
use crate::run::state::{OpenGate, Run};
use crate::run::why::{Facts, Why};
use crate::run::{Command, Context, Decided, Refusal, decide_with, record};
use crate::status::{End, StatusWord};
use crate::trace::{self, Line, Span};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

/// A body that nobody has read yet: its JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AnyBody(Box<RawValue>);

/// A run whose body nobody has read yet.
pub type AnyRun = Run<AnyBody>;

/// A command for a run of any kind.
pub type AnyCommand = Command<OwnCommand>;

/// A command that only one kind takes, for whoever does not know its type.
#[derive(Debug, Clone)]
pub struct OwnCommand(Arc<dyn Erased>);

trait Erased: Any + Debug + Send + Sync {
    fn equals(&self, other: &OwnCommand) -> bool;
}

impl<C: Any + Debug + PartialEq + Send + Sync> Erased for C {
    fn equals(&self, other: &OwnCommand) -> bool {
        other.read::<C>() == Some(self)
    }
}

impl OwnCommand {
    pub fn new<C: Any + Debug + PartialEq + Send + Sync>(command: C) -> OwnCommand {
        OwnCommand(Arc::new(command))
    }

    /// The command of this type; none where it is another's.
    fn read<C: Any>(&self) -> Option<&C> {
        let command: &dyn Any = &*self.0;
        command.downcast_ref()
    }
}

impl PartialEq for OwnCommand {
    fn eq(&self, other: &Self) -> bool {
        (*self.0).equals(other)
    }
}

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
            (None, Some(_)) => StatusWord(crate::status::PAUSED.to_owned()),
            (Some(End::Done), _) | (None, None) => run.status.clone(),
        }
    }

    /// Texts are a kind's own: only it can change them.
    fn edit(_: &mut Run<Self>, _: &[Change]) {}
}

impl<B: Kind> Run<B> {
    /// The same run, for whoever does not know its kind.
    pub fn erase(&self) -> Result<AnyRun, Refusal> {
        let body = to_raw_value(&self.body).map_err(|error| self.unreadable(error))?;
        Ok(self.with_body(AnyBody(body), StatusWord(self.status.to_string())))
    }
}

impl AnyRun {
    /// The run with its body read as this kind's.
    pub fn read<B: Kind>(&self) -> Result<Run<B>, Refusal> {
        if self.kind != B::NAME {
            return Err(self.unreadable(format!("it is a {} run", self.kind)));
        }
        if !B::STATUSES.contains(&self.status.as_str()) {
            return Err(self.unreadable(format!("{} is no status of {} runs", self.status, self.kind)));
        }
        let body = serde_json::from_str(self.body.0.get()).map_err(|error| self.unreadable(error))?;
        let mut run = self.with_body(body, B::Status::default());
        run.settle();
        Ok(run)
    }
}

impl<B: Body> Run<B> {
    pub(super) fn unreadable(&self, reason: impl ToString) -> Refusal {
        Refusal::Unreadable { run_id: self.run_id.clone(), reason: reason.to_string() }
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
            cancelled_by: self.cancelled_by.clone(),
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
    pub events: Vec<Written>,
    pub rows: Rows,
    /// What has been made so far, as the API shows it.
    pub result: Value,
    /// What a new run was asked to be.
    pub payload: Option<Value>,
}

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub seq: u64,
    pub name: &'static str,
    pub at: Timestamp,
    pub actor: String,
    /// Its JSON, place included: the text that the hash chain covers.
    pub body: String,
}

impl<B: Kind> Decided<B> {
    /// The same decision, for whoever does not know the run's kind.
    pub fn erase(self) -> Result<Transition, Refusal> {
        let run = self.run.erase()?;
        let written = |event: Recorded<Event<B>>| {
            let body = serde_json::to_string(&event).map_err(|error| run.unreadable(error))?;
            Ok(Written { seq: event.seq, name: event.event.name(), at: event.at, actor: event.actor, body })
        };
        Ok(Transition {
            expected_version: self.expected_version,
            events: self.events.into_iter().map(written).collect::<Result<_, Refusal>>()?,
            rows: self.rows,
            result: B::result(&self.run),
            payload: (self.expected_version == 0).then(|| B::payload(&self.run)),
            run,
        })
    }
}

/// A kind, for whoever does not know its types.
pub trait AnyKind: Sync {
    /// Its name, as it stands in `runs.kind`.
    fn name(&self) -> &'static str;

    /// Every status of its runs.
    fn statuses(&self) -> &'static [&'static str];

    /// As [`Kind::STEP_EVENT`].
    fn step_event(&self) -> Option<&'static str>;

    /// As [`crate::run::apply`].
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

    /// As [`Run::why`].
    fn why(&self, run: &AnyRun, facts: &Facts) -> Result<Why, Refusal>;

    /// As [`Run::brief_of`].
    fn brief(&self, run: &AnyRun, open: &OpenGate) -> Result<Brief<Value>, Refusal>;

    /// As [`notification::message`]; that a run has failed is told even if nobody here can read its body.
    fn message(&self, run: &AnyRun, occasion: Occasion) -> Result<Option<Message>, Refusal>;

    /// As [`trace::spans`].
    fn spans(&self, run_id: &str, timeline: &[Line]) -> Vec<Span>;

    /// As [`Kind::FIELDS`].
    fn fields(&self) -> &'static [&'static str];

    /// As [`Kind::field_label`].
    fn field_label(&self, field: &str) -> Option<String>;

    /// As [`Kind::standing`].
    fn standing(&self, status: &str) -> Option<Standing>;

    /// As [`Kind::sentence`].
    fn sentence(&self, event: &str, data: &Value) -> Option<String>;

    /// As [`Kind::steps`].
    fn steps(&self, run: &AnyRun) -> Result<Vec<Step>, Refusal>;

    /// As [`Kind::goes_on_at`].
    fn goes_on_at(&self, run: &AnyRun) -> Result<Option<String>, Refusal>;

    /// As [`Kind::product`].
    fn product(&self, run: &AnyRun) -> Result<Product, Refusal>;

    /// As [`crate::run::fold`], from the bodies of the events as they are stored. No component folds: to read every event would
    /// make each of them half as large again.
    #[cfg(not(target_family = "wasm"))]
    fn fold(&self, run_id: &str, bodies: &[String]) -> Result<Folded, UnreadableEvent>;

    /// What a stored run is when it is read, and whether it only waits for its deadline.
    #[cfg(not(target_family = "wasm"))]
    fn reread(&self, run: &AnyRun) -> Result<Folded, Refusal>;
}

/// A run as whoever looks after it sees it.
#[cfg(not(target_family = "wasm"))]
#[derive(Debug, Clone, PartialEq)]
pub struct Folded {
    pub run: AnyRun,
    /// As [`Kind::result`].
    pub result: Value,
    /// As [`Kind::rests`].
    pub rests: bool,
}

/// An event that this version cannot read.
#[cfg(not(target_family = "wasm"))]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {place}: {error}")]
pub struct UnreadableEvent {
    /// From 1.
    pub place: usize,
    pub error: String,
}

#[cfg(not(target_family = "wasm"))]
impl Folded {
    fn of<B: Kind>(run: &Run<B>, erased: AnyRun) -> Folded {
        Folded { run: erased, result: B::result(run), rests: B::rests(run) }
    }
}

/// The kind `B`, as a value of a registry. `SHOWN`: whether people see its runs or give orders to them here; the dispatcher, which
/// does neither, is a tenth smaller without.
pub struct KindOf<B, const SHOWN: bool = true>(PhantomData<fn() -> B>);

impl<B, const SHOWN: bool> KindOf<B, SHOWN> {
    pub const fn new() -> Self {
        KindOf(PhantomData)
    }
}

impl<B, const SHOWN: bool> Default for KindOf<B, SHOWN> {
    fn default() -> Self {
        KindOf::new()
    }
}

/// The refusal where runs are not shown. Whoever asks compares the constant itself: what follows a call's answer is compiled whatever
/// the call would say, and a component has no room for what it never does.
fn unshown(run: &AnyRun) -> Refusal {
    run.unreadable("its runs are not shown here")
}

impl<B: Kind, const SHOWN: bool> AnyKind for KindOf<B, SHOWN> {
    fn name(&self) -> &'static str {
        B::NAME
    }

    fn statuses(&self) -> &'static [&'static str] {
        B::STATUSES
    }

    fn step_event(&self) -> Option<&'static str> {
        B::STEP_EVENT
    }

    fn apply(
        &self,
        run: &AnyRun,
        command: &AnyCommand,
        actor: &str,
        context: &mut Context<'_>,
    ) -> Result<Option<Transition>, Refusal> {
        let read = run.read::<B>()?;
        let events = decide_with(&read, command, context, |own, context| {
            let command = own.read::<B::Command>();
            B::decide(&read, command.ok_or_else(|| run.unreadable("it was given another kind's command"))?, context)
        })?;
        erased((!events.is_empty()).then(|| record(read, events, context.now, actor)))
    }

    fn order(
        &self,
        run: &AnyRun,
        order: &Order,
        reason: &str,
        actor: &str,
        context: &mut Context<'_>,
    ) -> Result<Option<Transition>, Refusal> {
        if !SHOWN {
            return Err(unshown(run));
        }
        erased(order.decide(&run.read::<B>()?, reason, actor, context)?)
    }

    fn why(&self, run: &AnyRun, facts: &Facts) -> Result<Why, Refusal> {
        if !SHOWN {
            return Err(unshown(run));
        }
        Ok(run.read::<B>()?.why(facts))
    }

    fn brief(&self, run: &AnyRun, open: &OpenGate) -> Result<Brief<Value>, Refusal> {
        if !SHOWN {
            return Err(unshown(run));
        }
        Ok(run.read::<B>()?.brief_of(open).erase())
    }

    fn message(&self, run: &AnyRun, occasion: Occasion) -> Result<Option<Message>, Refusal> {
        match run.read::<B>() {
            Ok(run) => Ok(notification::message(&run, occasion)),
            Err(refusal) => notification::message_of_unread(run, occasion).map(Some).ok_or(refusal),
        }
    }

    fn spans(&self, run_id: &str, timeline: &[Line]) -> Vec<Span> {
        trace::spans::<B>(run_id, timeline)
    }

    fn fields(&self) -> &'static [&'static str] {
        B::FIELDS
    }

    fn field_label(&self, field: &str) -> Option<String> {
        if SHOWN { B::field_label(field) } else { None }
    }

    fn standing(&self, status: &str) -> Option<Standing> {
        if SHOWN { B::standing(status) } else { None }
    }

    fn sentence(&self, event: &str, data: &Value) -> Option<String> {
        if SHOWN { B::sentence(event, data) } else { None }
    }

    fn steps(&self, run: &AnyRun) -> Result<Vec<Step>, Refusal> {
        if !SHOWN {
            return Err(unshown(run));
        }
        Ok(B::steps(&run.read::<B>()?))
    }

    fn goes_on_at(&self, run: &AnyRun) -> Result<Option<String>, Refusal> {
        Ok(B::goes_on_at(&run.read::<B>()?))
    }

    fn product(&self, run: &AnyRun) -> Result<Product, Refusal> {
        if !SHOWN {
            return Err(unshown(run));
        }
        Ok(B::product(&run.read::<B>()?))
    }

    #[cfg(not(target_family = "wasm"))]
    fn fold(&self, run_id: &str, bodies: &[String]) -> Result<Folded, UnreadableEvent> {
        let mut run = Run::<B>::empty(run_id.to_owned());
        for (body, place) in bodies.iter().zip(1..) {
            let event = serde_json::from_str::<Recorded<Event<B>>>(body);
            run.evolve(&event.map_err(|error| UnreadableEvent { place, error: error.to_string() })?);
        }
        let erased = run.erase();
        let erased = erased.map_err(|refusal| UnreadableEvent { place: bodies.len(), error: refusal.to_string() })?;
        Ok(Folded::of(&run, erased))
    }

    #[cfg(not(target_family = "wasm"))]
    fn reread(&self, run: &AnyRun) -> Result<Folded, Refusal> {
        let read = run.read::<B>()?;
        // What every run has stays as it is stored; the body is as it would be written.
        let reread = run.with_body(read.erase()?.body, run.status.clone());
        Ok(Folded::of(&read, reread))
    }
}

fn erased<B: Kind>(decided: Option<Decided<B>>) -> Result<Option<Transition>, Refusal> {
    decided.map(|decided| decided.erase()).transpose()
}

impl<C: Any + Debug + PartialEq + Send + Sync> Command<C> {
    /// The same command, for whoever does not know its kind.
    pub fn erase(self) -> AnyCommand {
        match self {
            Command::Own(command) => Command::Own(OwnCommand::new(command)),
            Command::DecideGate(decision) => Command::DecideGate(decision),
            Command::ReopenGate { gate, reason } => Command::ReopenGate { gate, reason },
            Command::Cancel { reason, actor } => Command::Cancel { reason, actor },
            Command::Pause { reason, actor, until } => Command::Pause { reason, actor, until },
            Command::Resume { reason } => Command::Resume { reason },
            Command::Terminate { reason, actor } => Command::Terminate { reason, actor },
            Command::MarkFailed { role } => Command::MarkFailed { role },
            Command::Extend { until, reason } => Command::Extend { until, reason },
            Command::Retry { reason } => Command::Retry { reason },
            Command::WarnGate => Command::WarnGate,
            Command::PassDeadline => Command::PassDeadline,
            Command::RestoreEffects { job_ids } => Command::RestoreEffects { job_ids },
            Command::Attach(attachment) => Command::Attach(attachment),
        }
    }
}

/// All kinds of runs that a program has.
#[derive(Clone, Copy, Default)]
pub struct Kinds(pub &'static [&'static dyn AnyKind]);

impl Kinds {
    /// The kind of a run; a run of a kind that this program does not have cannot be read by it.
    pub fn of(&self, run: &AnyRun) -> Result<&'static dyn AnyKind, Refusal> {
        self.named(&run.kind).ok_or_else(|| run.unreadable(format!("there is no kind {}", run.kind)))
    }

    /// The kind of a name.
    pub fn named(&self, name: &str) -> Option<&'static dyn AnyKind> {
        self.0.iter().find(|kind| kind.name() == name).copied()
    }

    /// Every status of every kind, each once, in the kinds' order.
    pub fn statuses(&self) -> Vec<&'static str> {
        let mut statuses = Vec::new();
        for status in self.0.iter().flat_map(|kind| kind.statuses()) {
            if !statuses.contains(status) {
                statuses.push(*status);
            }
        }
        statuses
    }

    /// The events that begin steps, by kind.
    pub fn step_events(&self) -> BTreeMap<&'static str, &'static str> {
        self.0.iter().filter_map(|kind| Some((kind.name(), kind.step_event()?))).collect()
    }

    /// As [`AnyKind::message`]: that a run has failed is told even if this program does not have its kind.
    pub fn message(&self, run: &AnyRun, occasion: Occasion) -> Result<Option<Message>, Refusal> {
        match self.of(run) {
            Ok(kind) => kind.message(run, occasion),
            Err(refusal) => notification::message_of_unread(run, occasion).map(Some).ok_or(refusal),
        }
    }

    /// A status for people: of the first kind that has it.
    pub fn standing(&self, status: &str) -> Option<Standing> {
        self.0.iter().find_map(|kind| kind.standing(status))
    }

    /// An event of some kind in one sentence.
    pub fn sentence(&self, event: &str, data: &Value) -> Option<String> {
        self.0.iter().find_map(|kind| kind.sentence(event, data))
    }

    /// Names of texts that can be changed at gates, as examples.
    pub fn fields(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().flat_map(|kind| kind.fields()).copied()
    }

    /// The name for people of a text that can be changed at a gate.
    pub fn field_label(&self, field: &str) -> Option<String> {
        self.0.iter().find_map(|kind| kind.field_label(field))
    }
}
