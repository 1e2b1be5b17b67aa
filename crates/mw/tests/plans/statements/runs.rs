//! Reading and committing runs, their gates and their projects.

use super::{FEW, HISTORY, PAGE, Statement, limit, statement};
use crate::history::{new_id, new_run, now};
use mw_kinds::KINDS;
use mw_media::principal::Principal;
use mw_media::run::{Command, Context, GateDecision, Run, apply};
use mw_media::status::{Channel, Status, Verdict};
use mw_store::commit::{Committed, Decision, Idempotency, Outcome, Settle, commit};
use mw_store::native::Client;
use mw_store::runs::Filter;
use mw_store::{effects, gates, insight, projects, runs, unreadable};

/// A page, what is under a lease (bounded by limits), and the marks that earlier claims left in the index.
const CLAIM: i64 = 1_500;

pub(crate) fn all() -> Vec<Statement> {
    [reads(), lists(), commits()].into_iter().flatten().collect()
}

fn reads() -> Vec<Statement> {
    vec![
        statement("run_fetch", FEW, |db, run| {
            assert!(runs::load(db, now(), &run.run_id, Some(&limit())).unwrap().run.is_some());
        }),
        statement("run_view", FEW, |db, _| assert!(runs::view(db, "old-1000").unwrap().is_some())),
        statement("run_timeline", FEW, |db, run| {
            assert!(!runs::timeline(db, &run.run_id, 0, 50).unwrap().unwrap().events.is_empty());
        }),
        statement("start_load", FEW, |db, _| {
            assert!(runs::start_load(db, now(), None, "aismr", Some("user-1"), &limit()).unwrap().project.is_some());
        }),
        // The newest 20,000 runs of 90 days with their gates: an operator or an agent waits for a report.
        statement("insight_read", HISTORY, |db, _| assert!(insight::read(db, now(), 90).unwrap().counted > 0)),
        statement("run_facts", FEW, |db, run| {
            assert!(runs::facts(db, KINDS, &run.run_id).unwrap().unwrap().facts.step_since.is_some());
        }),
        statement("run_states", PAGE, |db, _| {
            let filter = Filter { project: Some("aismr".into()), ..Filter::default() };
            assert_eq!(runs::states(db, now(), &filter, 50, &limit()).unwrap().runs.len(), 50);
        }),
        statement("gates_open", PAGE, |db, _| {
            assert!(gates::open(db, &gates::Filter::default(), 50).unwrap().next.is_some());
        }),
        statement("gates_open of a gate", PAGE, |db, _| {
            let filter = gates::Filter { gate: Some(mw_media::gate!("workflow")), ..gates::Filter::default() };
            assert!(gates::open(db, &filter, 50).unwrap().next.is_some());
        }),
        statement("project_definition", FEW, |db, _| {
            let _ = projects::definition(db, "aismr", "1.3.0").unwrap();
        }),
        statement("project_list", FEW, |db, _| assert_eq!(projects::list(db, None).unwrap().len(), 3)),
        statement("project_apply", FEW, |db, _| {
            let definition = projects::list(db, Some("aismr")).unwrap().remove(0);
            projects::apply(db, &definition).unwrap();
        }),
    ]
}

fn lists() -> Vec<Statement> {
    let filter = |status: Option<Status>, project: Option<&str>, user: Option<&str>| Filter {
        status: status.map(Into::into),
        project: project.map(str::to_owned),
        user_id: user.map(str::to_owned),
        ..Filter::default()
    };
    let deep = |filter: Filter| Filter { before: Some(("2026-06-01T00:00:00Z".into(), "x".into())), ..filter };
    let (failed, open) = (Some(Status::Failed), Some(Status::PendingWorkflow));
    [
        ("run_list", filter(None, None, None), 50),
        ("run_list, second half", deep(filter(None, None, None)), 50),
        ("run_list by status", filter(failed, None, None), 50),
        ("run_list by status, second half", deep(filter(failed, None, None)), 50),
        ("run_list by open status", filter(open, None, None), 50),
        ("run_list by a status that no run has", filter(Some(Status::Paused), None, None), 0),
        ("run_list by project", filter(None, Some("aismr"), None), 50),
        ("run_list by unknown project", filter(None, Some("nobody"), None), 0),
        ("run_list by user", filter(None, None, Some("user-7")), 50),
        ("run_list by unknown user", filter(None, None, Some("nobody")), 0),
        ("run_list by status and project", filter(failed, Some("aismr"), None), 50),
        ("run_list by a pair that no run has", filter(Some(Status::Expired), Some("aismr"), None), 0),
        ("run_list by project and user", filter(None, Some("aismr"), Some("user-7")), 50),
        ("run_list by status and user", filter(failed, None, Some("user-5")), 50),
    ]
    .into_iter()
    .map(|(name, filter, found)| {
        statement(name, PAGE, move |db, _| assert_eq!(runs::list(db, &filter, 50).unwrap().runs.len(), found, "{name}"))
    })
    .collect()
}

fn commits() -> Vec<Statement> {
    vec![
        statement("runs_commit of a start", PAGE, |db, _| {
            let idempotency = Idempotency { caller: "ann".into(), key: new_id(), fingerprint: "f".into() };
            committed(
                db,
                Decision {
                    transition: Some(new_run().erase().unwrap()),
                    idempotency: Some(idempotency),
                    ..Decision::default()
                },
            );
        }),
        statement("runs_commit of a gate", PAGE, |db, run| {
            let decision =
                GateDecision::new(mw_media::gate!("workflow"), Verdict::Approve, Principal::operator(), Channel::Api);
            act(db, run, &Command::DecideGate(decision));
        }),
        statement("runs_commit of an end", PAGE, |db, run| {
            act(db, run, &Command::Cancel { reason: "no".into(), actor: "ann".into() });
        }),
        statement("runs_commit of an effect", CLAIM, |db, _| {
            let claim = effects::claim(db, now(), 1, 45).unwrap();
            let (effect_id, fence) = (claim.effects[0].effect_id, claim.effects[0].fence);
            let outcome = Outcome::Again { due_at: now(), not_sent: false, uncounted: false };
            let settle = Settle { effect_id, fence, outcome, error: None };
            committed(db, Decision { settle: Some(settle), ..Decision::default() });
        }),
        statement("runs_remains", PAGE, |db, run| {
            let error = mw_media::run::terminated("odd", "ann");
            let wanted = unreadable::Wanted { run_id: run.run_id.clone(), error, actor: "ann".into() };
            assert_eq!(unreadable::end(db, now(), &[wanted]).unwrap().ends, [unreadable::Ended::Ended]);
        }),
        statement("effects_lease", CLAIM, |db, _| {
            assert_eq!(effects::claim(db, now(), 16, 45).unwrap().effects.len(), 16);
        }),
    ]
}

fn act(db: &mut Client, run: &Run, command: &Command) {
    let transition = apply(run, command, "ann", &mut Context { now: now(), new_id: &mut new_id }).unwrap();
    let transition = transition.map(|decided| decided.erase().unwrap());
    committed(db, Decision { transition, ..Decision::default() });
}

fn committed(db: &mut Client, decision: Decision) {
    assert_eq!(commit(db, now(), &[decision]).unwrap().results, [Committed::Committed]);
}
