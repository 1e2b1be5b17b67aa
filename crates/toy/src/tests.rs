//! What the kernel promises, kept for a kind with two gates open at once, an effect and a timer.

use super::*;
use mw_kernel::principal::Principal;
use mw_kernel::run::{AnyCommand, Command, Decided, Facts, GateDecision, Order, OwnCommand, apply, decide, fold};
use mw_kernel::status::{Channel, Verdict};
use mw_model::{Model, broken, visit};
use std::collections::BTreeSet;
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

struct CounterModel;

impl Model for CounterModel {
    type Kind = Counter;

    fn first_run() -> Run<Counter> {
        started().run
    }

    fn commands(_: &Run<Counter>) -> Vec<Command<CounterCommand>> {
        let (reason, actor) = (|| "r".to_owned(), || "a".to_owned());
        let mut commands = vec![
            Command::Cancel { reason: reason(), actor: actor() },
            Command::Terminate { reason: reason(), actor: actor() },
            Command::Pause { reason: reason(), actor: actor(), until: T0 + Duration::days(7) },
            Command::Resume { reason: reason() },
            Command::Retry { reason: reason() },
            Command::Extend { until: T0 + Duration::days(9), reason: reason() },
            Command::WarnGate,
            Command::PassDeadline,
        ];
        commands.extend((0..4).map(count));
        for name in GATES {
            commands.extend(Verdict::ALL.iter().map(|verdict| say(name, *verdict)));
            commands.push(Command::ReopenGate { gate: gate(name), reason: reason() });
        }
        commands
    }

    fn shape(run: &Run<Counter>) -> String {
        let gates: Vec<_> = run.gates.iter().map(|open| (open.gate, open.warned)).collect();
        let verdicts: BTreeSet<_> = run.decided.iter().map(|decided| (decided.gate, decided.verdict)).collect();
        format!("{} {:?} {gates:?} {verdicts:?} {}", run.status, run.body, run.pause.is_some())
    }

    fn state_faults(run: &Run<Counter>) -> Vec<&'static str> {
        broken([
            (run.gates.is_empty() || run.body.count == 0, "nothing is counted before both gates"),
            (run.end != Some(End::Done) || run.body.count == run.body.target, "whoever is done has counted to the end"),
        ])
    }

    fn step_faults(run: &Run<Counter>, _: &Command<CounterCommand>, events: &[Event<Counter>]) -> Vec<&'static str> {
        let requested = events.iter().any(|event| matches!(event, Event::Own(CounterEvent::Requested { .. })));
        broken([(!requested || run.gates.len() < 2, "one approval of two asks for nothing")])
    }
}

#[test]
fn every_reachable_state_keeps_the_rules_and_can_be_ended() {
    let visit = visit::<CounterModel>(decide, 10_000);
    println!("{} states, {} steps", visit.states, visit.steps);
    assert_eq!((visit.faults, visit.unendable), (BTreeSet::new(), Vec::new()));
    assert!((40..10_000).contains(&visit.states), "{} states: fewer than there were, or not all", visit.states);
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
    let timeline: Vec<_> = events.iter().chain(&typed.events).cloned().collect();
    let bodies: Vec<String> = timeline.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
    assert_eq!(transition, typed.clone().erase().unwrap());
    assert_eq!(transition.events[0].body, bodies[events.len()]);
    assert_eq!(kind.fold("run-1", &bodies).unwrap().run, fold("run-1", &timeline).erase().unwrap());
    assert_eq!(kind.reread(&transition.run).unwrap().run, transition.run);
    assert_eq!(kind.why(&erased, &Facts::default()).unwrap(), run.why(&Facts::default()));
    assert_eq!(kind.brief(&erased, &erased.gates[1]).unwrap().gate_id, GATES[1]);
    let ended = with_context(T0, |context| kind.order(&erased, &Order::Terminate, "why", "ann", context));
    assert_eq!(ended.unwrap().unwrap().run.end, Some(End::Failed));
}

#[test]
fn a_command_of_another_kind_is_not_understood() {
    let erased = started().run.erase().unwrap();
    let command = AnyCommand::Own(OwnCommand::new("count"));
    let refused = with_context(T0, |context| KINDS.of(&erased).unwrap().apply(&erased, &command, "t", context));
    assert!(matches!(refused, Err(Refusal::Unreadable { .. })));
}

#[test]
fn a_run_of_an_unknown_kind_is_unreadable_and_says_so() {
    let mut erased = started().run.erase().unwrap();
    erased.status.0 = "levitating".to_owned();
    assert!(matches!(erased.read::<Counter>(), Err(Refusal::Unreadable { .. })));
    erased.kind = "sculpture".to_owned();
    assert!(matches!(KINDS.of(&erased), Err(Refusal::Unreadable { .. })));
}
