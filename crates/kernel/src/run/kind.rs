//! What a kind of run adds to the kernel: a body, events and commands of its own, and answers to what the kernel asks.

use crate::Timestamp;
use crate::run::artifact::Artifact;
use crate::run::brief::EditableField;
use crate::run::deadline::STEP_TIMEOUT;
use crate::run::draft::Draft;
use crate::run::edit::{Change, Edit};
use crate::run::event::{Common, Event, Recorded, Started};
use crate::run::page::{Matter, Product, Standing, Step};
use crate::run::rows::{Budget, Rows};
use crate::run::state::{DecidedGate, GateKey, OpenGate, Run};
use crate::run::successor::Succession;
use crate::run::why::Working;
use crate::run::{Context, Refusal};
use crate::status::GateName;
use crate::trace::{Line, Tree};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt::Debug;

/// What a body is made of. A body that nobody reads here is one too: [`crate::run::AnyBody`].
pub trait Body: Debug + Clone + PartialEq + Serialize + DeserializeOwned {
    /// By default the status before the run's first event.
    type Status: Debug + Clone + Default + PartialEq + std::fmt::Display + Serialize + DeserializeOwned;

    /// The status of a run as everything else in it stands.
    fn status(run: &Run<Self>) -> Self::Status;

    /// Puts texts in that an approver changed. Fields have been checked by [`Kind::changes`].
    fn edit(run: &mut Run<Self>, changes: &[Change]);
}

/// An event of a kind. Its JSON has the members `type` and `data`.
pub trait OwnEvent: Debug + Clone + PartialEq + Serialize + DeserializeOwned {
    /// The event's name, as in its JSON.
    fn name(&self) -> &'static str;
}

/// A kind of run. Every function is pure.
pub trait Kind: Body {
    /// Its name, as it stands in `runs.kind`.
    const NAME: &'static str;
    /// Every status of its runs.
    const STATUSES: &'static [&'static str];
    /// The event that begins a step, by which the time of steps is measured.
    const STEP_EVENT: Option<&'static str> = None;
    /// Names of the texts that its gates let people change, as examples for whoever names another.
    const FIELDS: &'static [&'static str];
    /// What only this kind's `run.started` says.
    type Plan: Debug + Clone + PartialEq + Serialize + DeserializeOwned;
    type Event: OwnEvent;
    type Command: Debug + Clone + PartialEq + Send + Sync + 'static;
    /// What people are shown at a gate beside what every gate has.
    type About: Debug + Clone + PartialEq + Serialize;

    /// The body before the run's first event.
    fn empty() -> Self;

    /// Folds the plan of the run's first event into the body.
    fn evolve_started(run: &mut Run<Self>, started: &Started<Self::Plan>);

    /// Folds an event of this kind into the run. It never decides: it believes every event.
    fn evolve(run: &mut Run<Self>, event: &Self::Event, at: Timestamp);

    /// Decides a command of this kind.
    fn decide(run: &Run<Self>, command: &Self::Command, context: &mut Context<'_>)
    -> Result<Vec<Event<Self>>, Refusal>;

    /// A gate was approved: goes on.
    fn approved(draft: &mut Draft<Self>, decided: &DecidedGate, context: &mut Context<'_>);

    /// A gate was rejected: as a rule, that ends the run.
    fn rejected(draft: &mut Draft<Self>, decided: &DecidedGate, context: &mut Context<'_>) {
        draft.end_rejected(decided.gate, context);
    }

    /// Nobody decided at a gate in time: as a rule, that ends the run.
    fn expired(draft: &mut Draft<Self>, gate: GateName, context: &mut Context<'_>) {
        draft.push(Common::RunExpired { gate: Some(gate) }, context);
    }

    /// Somebody is to work on the subject of this gate again; `false` when nobody is there to ask.
    fn request_changes(draft: &mut Draft<Self>, key: GateKey<'_>, context: &mut Context<'_>) -> bool {
        let _ = (draft, key, context);
        false
    }

    /// A pause is over: goes on with what came in meanwhile.
    fn resumed(draft: &mut Draft<Self>, context: &mut Context<'_>) {
        let _ = (draft, context);
    }

    /// What an operator's retry sets off in a run that has not ended; nothing where nothing failed.
    fn retry(run: &Run<Self>, context: &mut Context<'_>) -> Vec<Event<Self>> {
        let _ = (run, context);
        Vec::new()
    }

    /// Gives open jobs that nobody works on their effects back; by default a kind has no jobs.
    fn restore(run: &Run<Self>, job_ids: &[String]) -> Vec<Event<Self>> {
        let _ = (run, job_ids);
        Vec::new()
    }

    /// The deadline of the work passed: as a rule, that fails the run.
    fn overdue(draft: &mut Draft<Self>, context: &mut Context<'_>) {
        let message = format!("{} did not end in time", Self::overdue_work(&draft.run));
        draft.fail(STEP_TIMEOUT, message, context);
    }

    /// What did not end in time, for people.
    fn overdue_work(run: &Run<Self>) -> String;

    /// What is decided at a gate, in one sentence.
    fn summary(run: &Run<Self>, key: GateKey<'_>) -> String;

    /// The facts that a gate decides about; a decision is bound to their hash, so that they change only with a new opening.
    fn subject(run: &Run<Self>, key: GateKey<'_>) -> Value;

    /// What people are shown at a gate beside what every gate has.
    fn about(run: &Run<Self>, key: GateKey<'_>) -> Self::About;

    /// What an approval sets off.
    fn releases(run: &Run<Self>, key: GateKey<'_>) -> String;

    /// Who works on the gate's subject when changes are asked for; none when nobody does.
    fn changes_go_to(run: &Run<Self>, key: GateKey<'_>) -> Option<String> {
        let _ = (run, key);
        None
    }

    /// The texts that the gate's policy lets an approver change.
    fn fields(run: &Run<Self>, open: &OpenGate) -> Vec<EditableField>;

    /// The changes that the gate's policy allows; fields that keep their text are no changes.
    fn changes(run: &Run<Self>, open: &OpenGate, edit: &Edit) -> Result<Vec<Change>, Refusal>;

    /// A text's name for people; none where the kind has no such text.
    fn field_label(field: &str) -> Option<String> {
        let _ = field;
        None
    }

    /// What a run waits for that waits for no person.
    fn working(run: &Run<Self>) -> Working;

    /// The definition and the plan of a successor, and what it does first.
    fn succeed(parent: &Run<Self>, wish: &Succession, context: &mut Context<'_>) -> Result<Vec<Event<Self>>, Refusal>;

    /// Where a successor would go on, for people; none where there is nothing to go on with.
    fn goes_on_at(run: &Run<Self>) -> Option<String>;

    /// The artifacts of an event of this kind (or of `run.started`, or of an end), given the run after it.
    fn artifacts(run: &Run<Self>, recorded: &Recorded<Event<Self>>) -> Vec<Artifact>;

    /// The rows that follow from an event of this kind.
    fn rows(run: &Run<Self>, event: &Self::Event, at: Timestamp, rows: &mut Rows);

    /// The name by which artifacts say who asked at a gate.
    fn asked_by(run: &Run<Self>) -> Option<String> {
        let _ = run;
        None
    }

    /// What people are asked at a gate, and what they are shown beside its summary.
    fn question(run: &Run<Self>, key: GateKey<'_>) -> Question;

    /// What people are told when the run has done what it was started for.
    fn done(run: &Run<Self>) -> Question;

    /// The metric that says how long this run took, when it has done its work.
    fn done_metric(run: &Run<Self>) -> Option<&'static str> {
        let _ = run;
        None
    }

    /// What a new run takes of its project's budget of the day; none where the project has none.
    fn budget(run: &Run<Self>) -> Option<Budget> {
        let _ = run;
        None
    }

    /// What the run was asked to be, as the API shows it; written once.
    fn payload(run: &Run<Self>) -> Value;

    /// What has been made so far, as the API shows it.
    fn result(run: &Run<Self>) -> Value;

    /// Whether the run only waits for its deadline: a timer, and no effect is due.
    fn rests(run: &Run<Self>) -> bool {
        let _ = run;
        false
    }

    /// A status for people; none for another kind's word.
    fn standing(status: &str) -> Option<Standing>;

    /// Its steps, in their order: what is behind it, where it is, and what is to come.
    fn steps(run: &Run<Self>) -> Vec<Step>;

    /// What a gate decides about, for its page.
    fn matter(run: &Run<Self>, key: GateKey<'_>) -> Matter {
        let _ = (run, key);
        Matter::default()
    }

    /// What has been made so far, for the run's page.
    fn product(run: &Run<Self>) -> Product {
        let _ = run;
        Product::default()
    }

    /// An event of this kind in one sentence, from the members of its JSON: typed events would make every component that shows
    /// them half as large again. None for what a later version wrote.
    fn sentence(event: &str, data: &Value) -> Option<String>;

    /// What of the run's trace begins with the run itself.
    fn trace_started(tree: &mut Tree<'_>, line: &Line) {
        let _ = (tree, line);
    }

    /// What an event of this kind is in the run's trace.
    fn trace(tree: &mut Tree<'_>, line: &Line) {
        tree.mark_run(line);
    }
}

/// A question or a piece of news, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub title: String,
    /// Lines of ours: addresses in them are live.
    pub lines: Vec<String>,
}
