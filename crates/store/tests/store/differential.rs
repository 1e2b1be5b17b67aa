//! The same random commands are told to the pure model and to PostgreSQL, where others sometimes get in between: at each
//! step the stored state, its timeline and the rows beside it agree with the model.

use mw_media::run::MediaCommand;

use crate::fixture::*;
use mw_media::definition::Step;
use mw_media::gate_policy::{GatePolicy, OnExpiry};
use mw_media::persona::PersonaOutput;
use mw_media::principal::{Principal, Role};
use mw_media::run::{Command, Context, Decided, EffectKind, Field, GateDecision, JobPhase, Order, Refusal, Run, apply};
use mw_media::status::{Channel, GateName, ProvidersMode, Status, Verdict};
use mw_store::commit::{Committed, TransitionError};
use mw_store::doctor::{Scope, examine};
use mw_store::native::Client;
use proptest::prelude::*;
use std::collections::BTreeSet;
use time::Duration;

/// One thing that happens; jobs are chosen by a number, so that every choice means something in every state.
#[derive(Debug, Clone)]
enum Happening {
    /// Who, what, and whether with an edit.
    Decide(GateName, Verdict, &'static str, bool),
    Reopen(GateName),
    Order(Order),
    Submit(usize),
    Repeat(usize),
    Finish(usize),
    Fail(usize),
    Warn,
    Overdue,
    Persona,
}

fn happenings() -> impl Strategy<Value = Happening> {
    let gate =
        prop::sample::select(["workflow", "ideate", "prepublish"].map(|name| GateName::parse(name).unwrap()).to_vec());
    let until = now() + Duration::days(40);
    let orders = vec![
        Order::Pause { until },
        Order::Resume,
        Order::Resume,
        Order::Extend { until },
        Order::Retry { key: String::new(), fresh: false },
    ];
    let verdict =
        prop_oneof![8 => Just(Verdict::Approve), 1 => Just(Verdict::RequestChanges), 1 => Just(Verdict::Reject)];
    let ends = vec![Order::Cancel, Order::Terminate];
    prop_oneof![
        8 => (gate.clone(), verdict, prop::sample::select(vec!["operator", "ann", "bob"]), prop::bool::weighted(0.1))
            .prop_map(|(gate, verdict, who, edits)| Happening::Decide(gate, verdict, who, edits)),
        1 => gate.prop_map(Happening::Reopen),
        4 => prop::sample::select(orders).prop_map(Happening::Order),
        1 => prop::sample::select(ends).prop_map(Happening::Order),
        5 => (0..4_usize).prop_map(Happening::Submit),
        1 => (0..4_usize).prop_map(Happening::Repeat),
        5 => (0..4_usize).prop_map(Happening::Finish),
        2 => (0..4_usize).prop_map(Happening::Fail),
        1 => Just(Happening::Warn),
        1 => Just(Happening::Overdue),
        1 => Just(Happening::Persona),
    ]
}

fn command(run: &Run, happening: &Happening) -> Option<Command> {
    let job = |place: &usize| {
        let ids: Vec<&String> = run.body.jobs.keys().collect();
        ids.get(place % ids.len().max(1)).map_or("unknown".to_owned(), |id| (*id).clone())
    };
    Some(match happening {
        Happening::Decide(gate, verdict, who, edits) => {
            let mut decision =
                GateDecision::new(*gate, *verdict, Principal::known(*who, Role::Approver, Vec::new()), Channel::Api);
            decision.comment = Some("because".into());
            if *edits {
                decision.edit.insert(Field::Title.to_string(), format!("{who}'s title"));
            }
            Command::DecideGate(decision)
        }
        Happening::Reopen(gate) => Command::ReopenGate { gate: *gate, reason: "r".into() },
        Happening::Submit(place) => {
            Command::Own(MediaCommand::SubmitJob { job_id: job(place), task_id: fresh_id(), adopted: false })
        }
        Happening::Repeat(place) => {
            Command::Own(MediaCommand::RepeatSubmission { job_id: job(place), reason: "r".into() })
        }
        Happening::Finish(place) => {
            Command::Own(MediaCommand::FinishJob { job_id: job(place), url: "https://u".into() })
        }
        Happening::Fail(place) => {
            Command::Own(MediaCommand::FailJob { job_id: job(place), code: "c".into(), message: "m".into() })
        }
        Happening::Warn => Command::WarnGate,
        Happening::Overdue => Command::PassDeadline,
        Happening::Persona => Command::Own(MediaCommand::FinishPersona {
            step: run.body.step,
            output: PersonaOutput::default(),
            source: "m".into(),
        }),
        Happening::Order(_) => return None,
    })
}

/// A command or an order, told in the same words to both.
enum Told<'a> {
    Command(Box<Command>),
    Order(&'a Order),
}

fn told<'a>(run: &Run, happening: &'a Happening) -> Told<'a> {
    match (command(run, happening), happening) {
        (Some(command), _) => Told::Command(Box::new(command)),
        (None, Happening::Order(wish)) => Told::Order(wish),
        (None, other) => panic!("{other:?}"),
    }
}

/// What happens to a run, decided and not committed.
fn decide(run: &Run, told: &Told<'_>, context: &mut Context<'_>) -> Result<Option<Decided>, Refusal> {
    match told {
        Told::Command(command) => apply(run, command, "tester", context),
        Told::Order(wish) => wish.decide(run, "why", "tester", context),
    }
}

/// Tells PostgreSQL and the model the same, with the same ids and at the same moment; both must say the same of it.
fn tell_both(db: &mut Client, model: &Run, stored: &Run, happening: &Happening, seed: u32) -> Run {
    let at = match happening {
        Happening::Overdue => model.deadline.unwrap_or_else(now),
        _ => now(),
    };
    let ids = |count: &mut u32| {
        *count += 1;
        format!("{}-{seed}-{count}", model.run_id)
    };
    let (mut first, mut second) = (0, 0);
    let (mut model_ids, mut stored_ids) = (|| ids(&mut first), || ids(&mut second));
    let mut model_context = Context { now: at, new_id: &mut model_ids };
    let mut stored_context = Context { now: at, new_id: &mut stored_ids };
    let mut unused = fresh_id;
    let peek = decide(stored, &told(stored, happening), &mut Context { now: at, new_id: &mut unused });
    // Who finds nothing to commit on the run as loaded is answered from that.
    let known = if matches!(peek, Ok(Some(_))) { stored.clone() } else { model.clone() };
    let told = told(&known, happening);
    let expected = decide(model, &told, &mut model_context);
    let answer = match &told {
        Told::Command(command) => transition(db, &known, command, "tester", &mut stored_context),
        Told::Order(wish) => order(db, &known, wish, "tester", &mut stored_context),
    };
    match (expected, answer) {
        // A successor; the same one when it is asked for again.
        (Ok(Some(transition)), Ok(moved)) if transition.expected_version == 0 => {
            assert_eq!(moved.body.inheritance, transition.run.body.inheritance);
            assert_eq!(&loaded(db, &model.run_id), model, "the parent does not move");
            moved
        }
        (Ok(Some(transition)), Ok(moved)) => {
            assert_eq!(shape(&moved), shape(&transition.run));
            moved
        }
        (Ok(None), Ok(moved)) => {
            assert_eq!(moved, *model);
            model.clone()
        }
        (Err(expected), Err(TransitionError::Refused(refusal))) => {
            assert_eq!(refusal, expected);
            model.clone()
        }
        (expected, answer) => panic!("{happening:?}: the model says {expected:?}, PostgreSQL {answer:?}"),
    }
}

/// A run without the ids of its jobs and gates, which are made anew at each try.
fn shape(run: &Run) -> (Run, Vec<(u32, String)>) {
    let mut jobs: Vec<_> = run.body.jobs.values().map(|job| (job.step, format!("{:?}", job.phase))).collect();
    jobs.sort();
    let jobs = jobs.into_iter().map(|(step, phase)| (step, phase.split([' ', '{']).next().unwrap().to_owned()));
    let mut shape = run.clone();
    shape.body.jobs.clear();
    shape.gates.iter_mut().for_each(|gate| gate.id.clear());
    shape.decided.iter_mut().for_each(|gate| gate.id.clear());
    (shape, jobs.collect())
}

/// The rows beside a run follow from its state.
fn check_rows(db: &mut Client, run: &Run) {
    let open = "SELECT count(*) FROM gates WHERE run_id = $1 AND state = 'open'";
    assert_eq!(count(db, open, &run.run_id), run.gates.len() as i64);
    let jobs: BTreeSet<String> = run
        .body
        .jobs
        .iter()
        .filter(|(_, job)| matches!(job.phase, JobPhase::Requested | JobPhase::Submitted { .. }))
        .map(|(id, _)| id.clone())
        .filter(|_| !run.status.is_terminal())
        .collect();
    let sql = "SELECT job_id FROM provider_jobs WHERE run_id = $1 AND state IN ('requested', 'submitted')";
    let rows = db.driver().query(sql, &[&run.run_id]).unwrap();
    assert_eq!(rows.iter().map(|row| row.get::<_, String>(0)).collect::<BTreeSet<_>>(), jobs);
    let sql = "SELECT job_id, kind, state FROM outbox WHERE run_id = $1 AND state IN ('due', 'leased', 'held')";
    let rows = db.driver().query(sql, &[&run.run_id]).unwrap();
    let worked_on: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(jobs.is_subset(&worked_on), "somebody works on every open job: {jobs:?} {worked_on:?}");
    for row in &rows {
        let (kind, state): (String, String) = (row.get(1), row.get(2));
        let held = run.status == Status::Paused && kind == "submit";
        assert_eq!(state == "held", held, "{kind} {state} in {}", run.status);
        assert!(
            [EffectKind::Submit, EffectKind::Poll]
                .iter()
                .any(|known| { serde_json::to_value(known).unwrap() == kind.as_str() })
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_model_and_postgresql_agree(
        happenings in prop::collection::vec(happenings(), 1..40), late in 0..10_usize, approvals in 1..3_u32,
    ) {
        let mut db = connect();
        let edits = vec!["plan".into()];
        let policy = |edits| GatePolicy { approvals, edits, on_expiry: OnExpiry::ExtendOnce, ..GatePolicy::default() };
        let mut definition = definition("test_video_gen");
        for step in &mut definition.steps {
            if let Step::Gate { gate, policy: held, .. } = step {
                *held = policy(if *gate == mw_media::gate!("prepublish") { Vec::new() } else { edits.clone() });
            }
        }
        let mut model = born(&mut db, start_of(definition, ProvidersMode::Sim));
        // Somebody who loaded the run long ago: told of the conflict, decides again on the fresh run.
        let mut stale = model.clone();
        for (place, happening) in happenings.iter().enumerate() {
            model = tell_both(&mut db, &model, &stale, happening, place as u32);
            if place % (late + 1) == 0 || stale.run_id != model.run_id {
                stale = model.clone();
            }
            prop_assert_eq!(&loaded(&mut db, &model.run_id), &model);
        }
        let findings = examine(&mut db, mw_kinds::KINDS, now(), &Scope::run(&model.run_id), &mut |_| {}).unwrap().findings;
        prop_assert_eq!(findings, Vec::new());
        prop_assert_eq!(folded(&mut db, &model.run_id), model.clone());
        check_rows(&mut db, &model);
    }
}

#[test]
fn a_decision_of_yesterday_changes_nothing_by_itself() {
    let mut db = connect();
    let run = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    let mut new_id = fresh_id;
    let mut context = Context { now: now(), new_id: &mut new_id };
    let late = apply(&run, &approve(mw_media::gate!("workflow"), "ann"), "ann", &mut context).unwrap().unwrap();
    let ended = tell(&mut db, &run, &Command::Cancel { reason: "r".into(), actor: "a".into() });
    assert!(
        matches!(commit_one(&mut db, of(late)), Committed::Conflict { run: Some(fresh) } if typed(&fresh) == ended)
    );
    assert_eq!(loaded(&mut db, &run.run_id), ended);
}
