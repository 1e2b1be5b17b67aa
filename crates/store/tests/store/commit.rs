use crate::fixture::*;
use mw_media::run::MediaCommand;
use mw_media::run::{Command, Context, Run, apply};
use mw_media::status::{ProvidersMode, Status};
use mw_store::commit::{Committed, Decision, Idempotency, commit};
use std::sync::Barrier;

#[test]
fn a_commit_writes_the_run_its_timeline_and_its_rows_together() {
    let mut db = connect();
    let run = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    assert_eq!(loaded(&mut db, &run.run_id), run);
    assert_eq!(folded(&mut db, &run.run_id), run);
    for (table, rows) in [("run_events", run.version as i64), ("artifacts", 3), ("gates", 1), ("chat_messages", 1)] {
        let sql = format!("SELECT count(*) FROM {table} WHERE run_id = $1");
        assert_eq!(count(&mut db, &sql, &run.run_id), rows, "{table}");
    }
}

#[test]
fn a_decision_on_an_old_version_changes_nothing_and_answers_with_the_fresh_run() {
    let mut db = connect();
    let run = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    let moved = tell(&mut db, &run, &approve(mw_media::gate!("workflow"), "operator"));
    let mut new_id = fresh_id;
    let mut context = Context { now: now(), new_id: &mut new_id };
    let cancel = Command::Cancel { reason: "late".into(), actor: "me".into() };
    let late = apply(&run, &cancel, "me", &mut context).unwrap().unwrap();
    match commit_one(&mut db, of(late)) {
        Committed::Conflict { run: Some(fresh) } => assert_eq!(typed(&fresh), moved),
        other => panic!("{other:?}"),
    }
    assert_eq!(loaded(&mut db, &run.run_id), moved);
}

#[test]
fn twenty_people_at_one_gate_make_one_decision() {
    let run = started(&mut connect(), "test_video_gen", ProvidersMode::Mock);
    let barrier = Barrier::new(20);
    let outcomes: Vec<bool> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..20)
            .map(|index| {
                let (run, barrier) = (&run, &barrier);
                scope.spawn(move || {
                    let mut db = connect();
                    barrier.wait();
                    let mut new_id = fresh_id;
                    let mut context = Context { now: now(), new_id: &mut new_id };
                    let command = approve(mw_media::gate!("workflow"), &format!("person {index}"));
                    transition(&mut db, run, &command, "t", &mut context).is_ok()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|won| **won).count(), 1);
    let mut db = connect();
    assert_eq!(count(&mut db, "SELECT count(*) FROM hitl_approvals WHERE run_id = $1", &run.run_id), 1);
    assert_eq!(folded(&mut db, &run.run_id), loaded(&mut db, &run.run_id));
}

#[test]
fn many_decisions_are_each_answered_for_themselves() {
    let mut db = connect();
    let runs: Vec<_> = (0..3).map(|_| started(&mut db, "test_video_gen", ProvidersMode::Mock)).collect();
    tell(&mut db, &runs[1], &approve(mw_media::gate!("workflow"), "operator"));
    let mut new_id = fresh_id;
    let mut context = Context { now: now(), new_id: &mut new_id };
    let cancel = Command::Cancel { reason: "r".into(), actor: "a".into() };
    let decisions: Vec<Decision> =
        runs.iter().map(|run| of(apply(run, &cancel, "a", &mut context).unwrap().unwrap())).collect();
    let results = commit(&mut db, now(), &decisions).unwrap().results;
    assert_eq!(results[0], Committed::Committed);
    assert!(matches!(results[1], Committed::Conflict { .. }));
    assert_eq!(results[2], Committed::Committed);
    assert_eq!(loaded(&mut db, &runs[2].run_id).status, Status::Cancelled);
}

#[test]
fn of_two_decisions_on_one_version_in_one_commit_the_second_is_made_again_on_the_first() {
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Mock);
    let mut new_id = fresh_id;
    let mut context = Context { now: now(), new_id: &mut new_id };
    let cancel = Command::Cancel { reason: "r".into(), actor: "a".into() };
    let twice = [(); 2].map(|()| of(apply(&run, &cancel, "a", &mut context).unwrap().unwrap()));
    let results = commit(&mut db, now(), &twice).unwrap().results;
    let [Committed::Committed, Committed::Conflict { run: Some(known) }] = results.as_slice() else {
        panic!("{results:?}");
    };
    assert_eq!(typed(known), loaded(&mut db, &run.run_id));
}

#[test]
fn what_was_built_on_one_another_is_committed_as_one_and_the_timeline_has_it_all() {
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Mock);
    let mut new_id = fresh_id;
    let mut context = Context { now: now(), new_id: &mut new_id };
    let (mut known, mut decisions) = (run.clone(), Vec::new());
    for job_id in run.body.jobs.keys() {
        let task_id = format!("task {}", fresh_id());
        let submit = Command::Own(MediaCommand::SubmitJob { job_id: job_id.clone(), task_id, adopted: false });
        let transition = apply(&known, &submit, "kieai", &mut context).unwrap().unwrap();
        known = transition.run.clone();
        decisions.push(of(transition));
    }
    assert!(decisions.len() > 1);
    let results = commit(&mut db, now(), &decisions).unwrap().results;
    assert!(results.iter().all(|result| *result == Committed::Committed), "{results:?}");
    assert_eq!(loaded(&mut db, &run.run_id), known);
    assert_eq!(folded(&mut db, &run.run_id), known);
    let sql = "SELECT count(*) FROM provider_jobs WHERE run_id = $1 AND state = 'submitted'";
    assert_eq!(count(&mut db, sql, &run.run_id), decisions.len() as i64);
}

#[test]
fn an_idempotency_key_makes_one_run_and_refuses_another_request() {
    let mut db = connect();
    let key = |fingerprint: &str, caller: &str| {
        Some(Idempotency { caller: caller.into(), key: "k".into(), fingerprint: fingerprint.into() })
    };
    let caller = fresh_id();
    let first = start_transition("test_video_gen", ProvidersMode::Mock);
    let run_id = first.run.run_id.clone();
    let decision = |transition, idempotency| Decision { idempotency, ..of(transition) };
    assert_eq!(commit_one(&mut db, decision(first, key("a", &caller))), Committed::Committed);
    let again = start_transition("test_video_gen", ProvidersMode::Mock);
    let replay = Committed::Replay { run_id: run_id.clone() };
    assert_eq!(commit_one(&mut db, decision(again.clone(), key("a", &caller))), replay);
    let mismatch = Committed::Mismatch { run_id };
    assert_eq!(commit_one(&mut db, decision(again.clone(), key("b", &caller))), mismatch);
    assert_eq!(count(&mut db, "SELECT count(*) FROM runs WHERE run_id = $1", &again.run.run_id), 0);
}

#[test]
fn the_end_of_a_run_fences_everything_around_it() {
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    tell(&mut db, &run, &Command::Cancel { reason: "enough".into(), actor: "me".into() });
    for (sql, rows) in [
        ("SELECT count(*) FROM outbox WHERE run_id = $1 AND state = 'fenced'", 2),
        ("SELECT count(*) FROM outbox WHERE run_id = $1 AND state IN ('due', 'leased')", 0),
        ("SELECT count(*) FROM provider_jobs WHERE run_id = $1 AND state = 'fenced'", 2),
        ("SELECT count(*) FROM gates WHERE run_id = $1 AND state = 'open'", 0),
    ] {
        assert_eq!(count(&mut db, sql, &run.run_id), rows, "{sql}");
    }
}

#[test]
fn the_timeline_is_a_hash_chain_over_the_bodies_as_sent() {
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Mock);
    let broken = count(
        &mut db,
        "SELECT count(*) FROM (SELECT hash, run_event_hash(coalesce(lag(hash) OVER (ORDER BY seq),
            convert_to(run_id, 'UTF8')), body) AS expected FROM run_events WHERE run_id = $1) AS chain
          WHERE hash <> expected",
        &run.run_id,
    );
    assert_eq!(broken, 0);
    for sql in ["UPDATE run_events SET actor = 'x' WHERE run_id = $1", "DELETE FROM run_events WHERE run_id = $1"] {
        let error = db.driver().execute(sql, &[&run.run_id]).unwrap_err();
        assert!(error.as_db_error().unwrap().message().contains("append-only"));
    }
}

#[test]
fn a_run_and_its_timeline_are_deleted_together() {
    let mut db = connect();
    let run = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    db.driver().execute("DELETE FROM runs WHERE run_id = $1", &[&run.run_id]).unwrap();
    assert_eq!(count(&mut db, "SELECT count(*) FROM run_events WHERE run_id = $1", &run.run_id), 0);
}

#[test]
fn what_was_built_on_a_decision_that_did_not_happen_does_not_happen() {
    let mut db = connect();
    let run = generating(&mut db, ProvidersMode::Sim);
    let submit = |place: usize| {
        Command::Own(MediaCommand::SubmitJob { job_id: job_id(&run, place), task_id: fresh_id(), adopted: false })
    };
    let mut new_id = fresh_id;
    let mut context = Context { now: now(), new_id: &mut new_id };
    let first = apply(&run, &submit(0), "t", &mut context).unwrap().unwrap();
    let second = apply(&first.run, &submit(1), "t", &mut context).unwrap().unwrap();
    // Somebody else adds one event: the second decision's version now fits by accident.
    let moved = tell(&mut db, &run, &submit(0));
    assert_eq!(moved.version, second.expected_version);
    let results = commit(&mut db, now(), &[of(first), of(second)]).unwrap().results;
    assert!(results.iter().all(|result| matches!(result, Committed::Conflict { .. })), "{results:?}");
    assert_eq!(loaded(&mut db, &run.run_id), moved);
    assert_eq!(folded(&mut db, &run.run_id), moved);
}

#[test]
fn batches_over_the_same_runs_in_opposite_order_do_not_deadlock() {
    let runs: Vec<_> = (0..8).map(|_| started(&mut connect(), "test_video_gen", ProvidersMode::Mock)).collect();
    let barrier = Barrier::new(8);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (runs, barrier) = (&runs, &barrier);
            scope.spawn(move || {
                let mut db = connect();
                let mut new_id = fresh_id;
                let mut context = Context { now: now(), new_id: &mut new_id };
                let cancel = Command::Cancel { reason: "r".into(), actor: "a".into() };
                let mut decisions: Vec<Decision> =
                    runs.iter().map(|run| of(apply(run, &cancel, "a", &mut context).unwrap().unwrap())).collect();
                if thread % 2 == 0 {
                    decisions.reverse();
                }
                barrier.wait();
                commit(&mut db, now(), &decisions).unwrap();
            });
        }
    });
    let mut db = connect();
    assert!(runs.iter().all(|run| loaded(&mut db, &run.run_id).status == Status::Cancelled));
}

#[test]
fn a_conflict_with_a_run_that_cannot_be_read_leaves_the_other_answers_readable() {
    // Of its own: nobody else shall meet the damaged run.
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let odd = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    let fine = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    let damage = "UPDATE runs SET version = version + 1, state = '{\"from\": \"the future\"}' WHERE run_id = $1";
    db.driver().execute(damage, &[&odd.run_id]).unwrap();
    let approved = |run: &Run| {
        let mut new_id = fresh_id;
        let mut context = Context { now: now(), new_id: &mut new_id };
        apply(run, &approve(mw_media::gate!("workflow"), "operator"), "tester", &mut context).unwrap().unwrap()
    };
    let answer = commit(&mut db, now(), &[of(approved(&odd)), of(approved(&fine))]).unwrap();
    assert_eq!(answer.results, [Committed::Conflict { run: None }, Committed::Committed]);
}

#[test]
fn an_idempotency_key_is_its_callers_own() {
    let mut db = connect();
    let (ann, bob) = (fresh_id(), fresh_id());
    let mut start = |caller: &str, key: &str| {
        let transition = start_transition("test_video_gen", ProvidersMode::Mock);
        let run_id = transition.run.run_id.clone();
        let idempotency = Some(Idempotency { caller: caller.into(), key: key.into(), fingerprint: "f".into() });
        (run_id, commit_one(&mut db, Decision { idempotency, ..of(transition) }))
    };
    let keys = [(&ann, "k1"), (&bob, "k1"), (&ann, "k2")];
    let begun = keys.map(|(caller, key)| start(caller, key));
    for ((caller, key), (run_id, result)) in keys.into_iter().zip(begun) {
        assert_eq!(result, Committed::Committed);
        assert_eq!(start(caller, key).1, Committed::Replay { run_id });
    }
}
