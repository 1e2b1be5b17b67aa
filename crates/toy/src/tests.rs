//! What the kernel promises, kept for a kind with two gates open at once, an effect and a timer.

use super::*;
use mw_kernel::principal::Principal;
use mw_kernel::run::{AnyCommand, AnyRun, Command, Decided, Facts, GateDecision, Order, apply, fold, subject_sha256};
use mw_kernel::status::{Channel, Verdict};
use std::collections::{BTreeSet, VecDeque};
use time::Duration;

const T0: Timestamp = time::macros::datetime!(2026-01-02 03:04:05 UTC);

fn with_context<T>(now: Timestamp, call: impl FnOnce(&mut Context<'_>) -> T) -> T {
    let mut number = 0;
    let mut new_id = || {
        number += 1;
        format!("id-{number}")
    };
    call(&mut Context { now, new_id: &mut new_id })
}

fn started() -> Decided<Counter> {
    with_context(T0, |context| start("run-1", 2, &GatePolicy::default(), context))
}

fn gate(name: &str) -> GateName {
    GateName::parse(name).unwrap()
}

fn say(name: &str, verdict: Verdict) -> Command<CounterCommand> {
    Command::DecideGate(GateDecision::new(gate(name), verdict, Principal::operator(), Channel::Api))
}

fn count(number: u32) -> Command<CounterCommand> {
    Command::Own(CounterCommand::Count { number })
}

fn step(run: &Run<Counter>, command: &Command<CounterCommand>, now: Timestamp) -> Result<Run<Counter>, Refusal> {
    let decided = with_context(now, |context| apply(run, command, "tester", context))?;
    Ok(decided.map_or_else(|| run.clone(), |decided| decided.run))
}

#[test]
fn two_gates_are_open_at_once_each_with_its_own_id() {
    let Decided { run, rows, .. } = started();
    let ids: Vec<_> = run.gates.iter().map(|open| (open.id.as_str(), open.opening)).collect();
    assert_eq!(ids, [("first_check", 1), ("second_check", 2)]);
    assert_eq!((rows.gates.len(), rows.notifications.len(), run.deadline), (2, 2, Some(run.gates[0].deadline)));
}

#[test]
fn it_counts_only_when_both_gates_are_approved_in_any_order() {
    for [first, second] in [GATES, [GATES[1], GATES[0]]] {
        let run = step(&started().run, &say(first, Verdict::Approve), T0).unwrap();
        assert_eq!((run.status, run.gates.len()), (CounterStatus::Checking, 1));
        assert!(matches!(step(&run, &count(1), T0), Err(Refusal::StaleStep { .. })));
        assert_eq!(step(&run, &say(second, Verdict::Approve), T0).unwrap().status, CounterStatus::Counting);
    }
}

#[test]
fn the_timer_ends_the_run_well_and_a_step_that_is_late_fails_it() {
    let mut run = started().run;
    for command in [say(GATES[0], Verdict::Approve), say(GATES[1], Verdict::Approve), count(1), count(2)] {
        run = step(&run, &command, T0).unwrap();
    }
    assert_eq!((run.status, run.deadline), (CounterStatus::Resting, Some(T0 + Duration::seconds(30))));
    assert_eq!(step(&run, &Command::PassDeadline, run.deadline.unwrap()).unwrap().status, CounterStatus::Counted);
    let counting = step(
        &step(&started().run, &say(GATES[0], Verdict::Approve), T0).unwrap(),
        &say(GATES[1], Verdict::Approve),
        T0,
    );
    let counting = counting.unwrap();
    let failed = step(&counting, &Command::PassDeadline, counting.deadline.unwrap()).unwrap();
    assert_eq!(failed.error.unwrap().error_message, "counting to 1 did not end in time");
}

#[test]
fn one_rejection_closes_the_other_gate_too() {
    let run = step(&started().run, &say(GATES[1], Verdict::Reject), T0).unwrap();
    assert_eq!((run.status, run.gates.len(), run.deadline), (CounterStatus::Rejected, 0, None));
}

#[test]
fn a_decision_about_what_was_not_shown_is_stale() {
    let run = started().run;
    let Command::DecideGate(decision) = say(GATES[0], Verdict::Approve) else { panic!() };
    let other = GateDecision { subject_sha256: Some("0".repeat(64)), ..decision.clone() };
    assert!(matches!(step(&run, &Command::DecideGate(other), T0), Err(Refusal::StaleSubject { .. })));
    let shown = run.gates[0].subject_sha256.clone();
    assert!(step(&run, &Command::DecideGate(GateDecision { subject_sha256: Some(shown), ..decision }), T0).is_ok());
}

#[test]
fn a_gate_that_expires_says_so_and_the_run_with_it() {
    let run = started().run;
    let expired = step(&run, &Command::PassDeadline, run.deadline.unwrap()).unwrap();
    assert_eq!(expired.status, CounterStatus::Expired);
}

/// Every command at every moment that could matter.
fn commands(run: &Run<Counter>) -> Vec<(Command<CounterCommand>, Timestamp)> {
    let reason = || "r".to_owned();
    let late = run.deadline.unwrap_or(T0);
    let mut commands = vec![
        (Command::Cancel { reason: reason(), actor: "a".into() }, T0),
        (Command::Terminate { reason: reason(), actor: "a".into() }, T0),
        (Command::Pause { reason: reason(), actor: "a".into(), until: T0 + Duration::days(7) }, T0),
        (Command::Resume { reason: reason() }, T0),
        (Command::Retry { reason: reason() }, T0),
        (Command::Extend { until: T0 + Duration::days(9), reason: reason() }, T0),
        (Command::WarnGate, late - Duration::SECOND),
        (Command::PassDeadline, late),
    ];
    commands.extend((0..4).map(|number| (count(number), T0)));
    for name in GATES {
        commands.extend(Verdict::ALL.iter().map(|verdict| (say(name, *verdict), T0)));
        commands.push((Command::ReopenGate { gate: gate(name), reason: reason() }, T0));
    }
    commands
}

/// What must hold in every state.
fn faults(run: &Run<Counter>) -> Vec<&'static str> {
    let ended = run.is_ended();
    let rules = [
        (ended == run.finished_at.is_some(), "an end has its moment"),
        (ended == run.deadline.is_none(), "every open state has a deadline, no ended one has"),
        ((run.status == CounterStatus::Paused) == run.pause.is_some(), "paused means held"),
        (!ended || run.gates.is_empty(), "no gate is open in an ended run"),
        (run.gates.is_empty() || run.body.count == 0, "nothing is counted before both gates"),
        (
            run.gates.iter().all(|open| subject_sha256(run, open.key()) == open.subject_sha256),
            "gates are about what was shown",
        ),
        (run.read_back() == *run, "a run is read as it was written, whatever knows its kind"),
    ];
    rules.into_iter().filter(|(holds, _)| !holds).map(|(_, rule)| rule).collect()
}

trait ReadBack {
    fn read_back(&self) -> Self;
}

impl ReadBack for Run<Counter> {
    fn read_back(&self) -> Self {
        let erased: AnyRun = serde_json::from_str(&serde_json::to_string(&self.erase().unwrap()).unwrap()).unwrap();
        assert_eq!(erased.status.as_str(), self.status.as_str());
        erased.read().unwrap()
    }
}

#[test]
fn every_reachable_state_keeps_the_rules_and_can_be_ended() {
    let mut known = BTreeSet::new();
    let mut open = VecDeque::from([started().run]);
    while let Some(run) = open.pop_front() {
        let shape =
            format!("{} {:?} {} {:?}", run.status, run.body, run.gates.len(), run.decided.last().map(|d| d.verdict));
        if !known.insert(shape) {
            continue;
        }
        assert_eq!(faults(&run), Vec::<&str>::new(), "{run:?}");
        let why = run.why(&Facts::default());
        assert!(!why.waiting_for.is_empty() && !why.then.is_empty());
        for (command, now) in commands(&run) {
            if let Ok(next) = step(&run, &command, now) {
                assert!(!run.is_ended() || next == run, "an ended run never moves");
                open.push_back(next);
            }
        }
        let ended = step(&run, &commands(&run)[1].0, T0);
        assert!(run.is_ended() || ended.unwrap().is_ended(), "terminate ends every open run");
    }
    assert!(known.len() >= 12, "{} states", known.len());
}

#[test]
fn whoever_does_not_know_the_kind_decides_folds_and_explains_the_same() {
    let Decided { run, events, .. } = started();
    let erased = run.erase().unwrap();
    let kind = KINDS.of(&erased).unwrap();
    let command = AnyCommand::DecideGate(GateDecision::new(
        gate(GATES[0]),
        Verdict::Approve,
        Principal::operator(),
        Channel::Api,
    ));
    let transition = with_context(T0, |context| kind.apply(&erased, &command, "t", context)).unwrap().unwrap();
    let typed =
        with_context(T0, |context| apply(&run, &say(GATES[0], Verdict::Approve), "t", context)).unwrap().unwrap();
    assert_eq!(transition.run, typed.run.erase().unwrap());
    assert_eq!(transition.rows, typed.rows);
    let timeline: Vec<_> = events.iter().chain(&typed.events).cloned().collect();
    let written: Vec<_> = serde_json::from_str(&serde_json::to_string(&timeline).unwrap()).unwrap();
    assert_eq!(kind.fold("run-1", written).unwrap(), fold("run-1", &timeline).erase().unwrap());
    assert_eq!(kind.why(&erased, &Facts::default()).unwrap(), run.why(&Facts::default()));
    assert_eq!(kind.briefs(&erased).unwrap().len(), 2);
    let ended = with_context(T0, |context| kind.order(&erased, &Order::Terminate, "why", "ann", context));
    assert_eq!(ended.unwrap().unwrap().run.end, Some(End::Failed));
}

#[test]
fn a_run_of_an_unknown_kind_is_unreadable_and_says_so() {
    let mut erased = started().run.erase().unwrap();
    erased.kind = "sculpture".to_owned();
    assert!(matches!(KINDS.of(&erased), Err(Refusal::Unreadable { .. })));
}
