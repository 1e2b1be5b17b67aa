//! The model of a kind: every state that its runs can reach, found by applying every command at several moments to every state
//! found so far, until there is nothing new. What the kernel promises of every run is checked in each of them; a kind adds
//! what only it promises.

use mw_kernel::run::{Command, Context, Event, Facts, Recorded, Refusal, Run, subject_sha256};
use mw_kernel::{Kind, Timestamp};
use std::collections::{BTreeSet, VecDeque};
use time::Duration;

/// The kernel's decision function, or one without some guard.
pub type Decide<B> = fn(&Run<B>, &Command<<B as Kind>::Command>, &mut Context<'_>) -> Result<Vec<Event<B>>, Refusal>;

/// What the model needs to know of a kind.
pub trait Model {
    type Kind: Kind;

    /// A run that has begun.
    fn first_run() -> Run<Self::Kind>;

    /// Every command that could be meant for this run, and some that could not.
    fn commands(run: &Run<Self::Kind>) -> Vec<Command<<Self::Kind as Kind>::Command>>;

    /// What tells two states apart: everything but names, times and the length of the timeline.
    fn shape(run: &Run<Self::Kind>) -> String;

    /// What the kind promises of every state and is broken.
    fn state_faults(run: &Run<Self::Kind>) -> Vec<&'static str>;

    /// The same of a step from one state to the next.
    fn step_faults(
        run: &Run<Self::Kind>,
        command: &Command<<Self::Kind as Kind>::Command>,
        events: &[Event<Self::Kind>],
    ) -> Vec<&'static str>;
}

/// What a visit found.
#[derive(Debug, Default)]
pub struct Visit {
    pub states: usize,
    pub steps: usize,
    pub faults: BTreeSet<String>,
    /// Shapes of the open states that terminate does not end.
    pub unendable: Vec<String>,
}

/// The rules that do not hold.
pub fn broken(rules: impl IntoIterator<Item = (bool, &'static str)>) -> Vec<&'static str> {
    rules.into_iter().filter(|(holds, _)| !holds).map(|(_, rule)| rule).collect()
}

/// Visits every reachable state with a decision function, up to so many.
pub fn visit<M: Model>(decide: Decide<M::Kind>, states_max: usize) -> Visit {
    let mut found = BTreeSet::from([M::shape(&M::first_run())]);
    let mut queue = VecDeque::from([M::first_run()]);
    let mut visit = Visit::default();
    let note = |faults: &mut BTreeSet<String>, broken: Vec<&str>| faults.extend(broken.into_iter().map(str::to_owned));
    while let Some(run) = queue.pop_front() {
        visit.states += 1;
        note(&mut visit.faults, state_faults(&run));
        note(&mut visit.faults, M::state_faults(&run));
        let mut ends = run.is_ended();
        for command in M::commands(&run) {
            for now in moments(&run) {
                let Ok(events) = with_context(now, run.version, |context| decide(&run, &command, context)) else {
                    continue;
                };
                let next = follow(&run, &events, now);
                visit.steps += 1;
                note(&mut visit.faults, step_faults(&run, &command, &next, &events));
                note(&mut visit.faults, M::step_faults(&run, &command, &events));
                ends |= matches!(command, Command::Terminate { .. }) && next.is_ended();
                if found.len() < states_max && found.insert(M::shape(&next)) {
                    queue.push_back(next);
                }
            }
        }
        if !ends {
            visit.unendable.push(M::shape(&run));
        }
    }
    visit
}

/// What the kernel promises of every state.
fn state_faults<B: Kind>(run: &Run<B>) -> Vec<&'static str> {
    let ended = run.is_ended();
    let why = run.why(&Facts::default());
    let read_back = || run.erase().and_then(|erased| erased.read::<B>());
    broken([
        (ended == run.finished_at.is_some(), "an end and its moment go together"),
        (ended == run.deadline.is_none(), "every open state has a deadline, no ended one has"),
        ((run.status.to_string() == "paused") == run.pause.is_some(), "paused means held"),
        (B::STATUSES.contains(&run.status.to_string().as_str()), "a status is one of the kind's words"),
        (B::standing(&run.status.to_string()).is_some(), "every status has words for people"),
        (!ended || run.gates.is_empty(), "no gate is open in an ended run"),
        (
            run.gates.iter().all(|open| subject_sha256(run, open.key()) == open.subject_sha256),
            "what a gate decides about changes with a new opening only",
        ),
        (!why.waiting_for.is_empty() && !why.then.is_empty(), "every state can be explained"),
        (read_back().is_ok_and(|read| read == *run), "a run is read as it was written, whatever knows its kind"),
    ])
}

/// What the kernel promises of every step.
fn step_faults<B: Kind>(
    run: &Run<B>,
    command: &Command<B::Command>,
    next: &Run<B>,
    events: &[Event<B>],
) -> Vec<&'static str> {
    let same = Run { version: run.version, ..next.clone() } == *run;
    let is_note = matches!(command, Command::Attach(_));
    broken([
        (!run.is_ended() || same, "an ended run never moves"),
        (!run.is_ended() || is_note || events.is_empty(), "an ended run's timeline only grows by notes"),
        (next.version == run.version + events.len() as u64, "the version counts the events"),
    ])
}

/// The moments at which a command may come.
fn moments<B: Kind>(run: &Run<B>) -> Vec<Timestamp> {
    let begun = run.started_at;
    let Some(deadline) = run.deadline else { return vec![begun] };
    vec![begun, begun + Duration::HOUR, deadline - Duration::SECOND, deadline]
}

fn follow<B: Kind>(run: &Run<B>, events: &[Event<B>], at: Timestamp) -> Run<B> {
    let mut next = run.clone();
    for event in events {
        next.evolve(&Recorded { seq: next.version + 1, at, actor: "model".to_owned(), event: event.clone() });
    }
    next
}

/// No two decisions about a run give the same id.
fn with_context<T>(now: Timestamp, version: u64, call: impl FnOnce(&mut Context<'_>) -> T) -> T {
    let mut number = 0;
    let mut new_id = || {
        number += 1;
        format!("id-{version}-{number}")
    };
    call(&mut Context { now, new_id: &mut new_id })
}
