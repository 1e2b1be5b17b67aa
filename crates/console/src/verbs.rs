//! What can be done to a run by name: only what would change something is offered, found by deciding it and throwing the
//! decision away.

use super::form::Form;
use super::runs::run_path;
use super::visitor::Visitor;
use super::{Answer, see_other};
use mw_edge::body::Fields;
use mw_edge::{Context, Request, clock, ids, kick};
use mw_kernel::principal::Role;
use mw_kernel::run::{self, AnyKind, AnyRun, Kinds, Order, PAUSE_DAYS, Progress};
use mw_kernel::status::Verb;
use mw_operations::verbs::{VerbRequest, perform};
use time::Duration;

/// A verb that would do something now.
pub(super) struct Offer {
    pub(super) verb: Verb,
    pub(super) label: &'static str,
    /// What it does, before somebody confirms it.
    pub(super) effect: &'static str,
    /// It ends the run.
    pub(super) grave: bool,
    /// Moments to choose from: as the form sends them, and in words.
    pub(super) moments: Vec<(String, &'static str)>,
    /// Steps to choose from.
    pub(super) steps: Vec<String>,
}

/// How much more time can be given.
const MORE: [(Duration, &str); 4] = [
    (Duration::hours(1), "1 hour more"),
    (Duration::days(1), "1 day more"),
    (Duration::days(3), "3 days more"),
    (Duration::days(7), "7 days more"),
];

/// The verbs of a run; of one that cannot be read only the end.
pub(super) fn offers(kinds: Kinds, run: Option<&AnyRun>, ended: bool, visitor: &Visitor) -> Vec<Offer> {
    if !visitor.may(Role::Operator) {
        return Vec::new();
    }
    let Some((run, kind)) = run.and_then(|run| Some((run, kinds.of(run).ok()?))) else {
        return if ended { Vec::new() } else { vec![offer(Verb::Terminate, None, &[])] };
    };
    let steps = reached(kind, run);
    Verb::ALL
        .iter()
        .filter(|verb| changes(kind, run, &steps, **verb))
        .map(|verb| offer(*verb, Some(run), &steps))
        .collect()
}

/// The steps that a successor could begin with.
fn reached(kind: &dyn AnyKind, run: &AnyRun) -> Vec<String> {
    let steps = kind.steps(run).unwrap_or_default().into_iter();
    steps.filter(|step| step.progress != Progress::Ahead).map(|step| step.name).collect()
}

fn changes(kind: &dyn AnyKind, run: &AnyRun, steps: &[String], verb: Verb) -> bool {
    let now = clock::now();
    let order = match verb {
        Verb::Cancel => Order::Cancel,
        Verb::Pause => Order::Pause { until: now + Duration::days(PAUSE_DAYS) },
        Verb::Resume => Order::Resume,
        Verb::Terminate => Order::Terminate,
        Verb::Extend => Order::Extend { until: run.deadline.unwrap_or(now).max(now) + Duration::hours(1) },
        Verb::Retry => Order::Retry { key: String::new(), fresh: false },
        Verb::Rerun => {
            Order::Rerun { from: steps.last().cloned().unwrap_or_default(), key: String::new(), fresh: false }
        }
    };
    let mut new_id = ids::new_id;
    let context = &mut run::Context { now, new_id: &mut new_id };
    matches!(kind.order(run, &order, "offer", "console", context), Ok(Some(_)))
}

fn offer(verb: Verb, run: Option<&AnyRun>, steps: &[String]) -> Offer {
    let (label, effect, grave) = match verb {
        Verb::Cancel => ("Cancel", "The run ends; what is in flight is dropped.", true),
        Verb::Pause => {
            ("Pause", "Nothing new is sent and nothing decided; what is in flight is still collected.", false)
        }
        Verb::Resume => ("Resume", "The run goes on where it was.", false),
        Verb::Terminate => ("Terminate", "The run ends as failed, whatever it is doing.", true),
        Verb::Extend => ("Give more time", "The deadline of this step moves.", false),
        Verb::Retry => ("Try again", "What failed is asked for again; of an ended run a successor opens.", false),
        Verb::Rerun => ("Run again from a step", "A successor opens at the step; what came before is kept.", false),
    };
    let deadline = run.and_then(|run| run.deadline).unwrap_or_else(clock::now).max(clock::now());
    let moments = match verb {
        Verb::Extend => MORE.iter().map(|(span, words)| (clock::rfc3339(deadline + *span), *words)).collect(),
        Verb::Cancel | Verb::Pause | Verb::Resume | Verb::Terminate | Verb::Retry | Verb::Rerun => Vec::new(),
    };
    let steps = match verb {
        Verb::Rerun => steps.to_vec(),
        Verb::Cancel | Verb::Pause | Verb::Resume | Verb::Terminate | Verb::Extend | Verb::Retry => Vec::new(),
    };
    Offer { verb, label, effect, grave, moments, steps }
}

/// POST /console/runs/:id/verbs/:verb.
pub(super) fn act(run_id: &str, verb: Verb, visitor: &Visitor, mut form: Form, context: &mut Context) -> Answer {
    form.set("actor", visitor.principal.name.clone());
    let mut fields = Fields::new(form.members(), "#");
    let request = VerbRequest::read(verb, &mut fields, String::new(), clock::now());
    fields.finish()?;
    let done = perform(run_id, request, context)?;
    let shown = done.after.map_or_else(|| run_id.to_owned(), |run| run.run_id);
    let response = see_other(format!("{}?done={verb}", run_path(&shown)));
    Ok(if done.kick { response.then(kick::dispatch) } else { response })
}

/// What the verb before this page did, in our words.
pub(super) fn done(request: &Request) -> Option<String> {
    let words = match Verb::parse(&request.query("done")?)? {
        Verb::Cancel => "Cancelled.",
        Verb::Pause => "Paused.",
        Verb::Resume => "Resumed.",
        Verb::Terminate => "Terminated.",
        Verb::Extend => "The run has more time.",
        Verb::Retry => "It is tried again.",
        Verb::Rerun => "This successor goes on.",
    };
    Some(words.to_owned())
}
