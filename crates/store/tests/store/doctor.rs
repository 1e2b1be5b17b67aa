//! Every invariant is broken on purpose, in a database of this test's own, and the doctor says exactly that.

use mw_media::run::Common;

use mw_media::run::MediaEvent;

use mw_media::run::MediaCommand;

use crate::fixture::*;
use crate::migrated::migrate;
use mw_media::Timestamp;
use mw_media::run::{Attachment, Command, Context, Event, Input, PersonaSource, Recorded, Run, StartRequest, start};
use mw_media::status::ProvidersMode;
use mw_store::doctor::{Checkup, Invariant, Rebuilt, Scope, examine, rebuild};
use mw_store::native::Client;
use serde_json::json;
use std::collections::BTreeSet;
use time::Duration;

/// A fresh, migrated database, and a healthy run of each kind in it. Dropped with this value.
struct Ward {
    db: Client,
    name: String,
    /// At its first gate.
    waiting: Run,
    /// Asks the language model.
    persona: Run,
    /// Two jobs requested.
    requested: Run,
    /// Two jobs at the provider.
    submitted: Run,
    cancelled: Run,
}

impl Ward {
    fn new() -> Ward {
        let name = format!("doctor_{}", uuid::Uuid::new_v4().simple());
        connect().driver().batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
        let url = std::env::var("DATABASE_URL").unwrap();
        let (server, _) = url.split('?').next().unwrap().rsplit_once('/').unwrap();
        let mut db = Client::connect(&format!("{server}/{name}")).unwrap();
        migrate(&mut db);
        let waiting = started(&mut db, "test_video_gen", ProvidersMode::Sim);
        let persona = at_persona(&mut db);
        let requested = generating(&mut db, ProvidersMode::Sim);
        let submitted = generating(&mut db, ProvidersMode::Sim);
        let jobs: Vec<String> = submitted.body.step_jobs().map(|(id, _)| id.clone()).collect();
        let submitted = jobs.into_iter().fold(submitted, |run, job_id| {
            tell(
                &mut db,
                &run,
                &Command::Own(MediaCommand::SubmitJob { task_id: format!("task-{job_id}"), job_id, adopted: false }),
            )
        });
        let cancelled = generating(&mut db, ProvidersMode::Sim);
        let cancelled = tell(&mut db, &cancelled, &Command::Cancel { reason: "r".into(), actor: "a".into() });
        Ward { db, name, waiting, persona, requested, submitted, cancelled }
    }

    fn examine(&mut self) -> Checkup {
        examine(&mut self.db, mw_kinds::KINDS, now(), &Scope::default(), &mut |_| {}).unwrap()
    }

    /// What the doctor says after `harm`, which is then undone.
    fn after(&mut self, harm: impl FnOnce(&mut Client)) -> Vec<(Invariant, Option<String>)> {
        self.db.driver().batch_execute("BEGIN").unwrap();
        harm(&mut self.db);
        let checkup = self.examine();
        self.db.driver().batch_execute("ROLLBACK").unwrap();
        checkup.findings.into_iter().map(|found| (found.invariant, found.run_id)).collect()
    }
}

impl Drop for Ward {
    fn drop(&mut self) {
        let _ = connect().driver().batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

fn at_persona(db: &mut Client) -> Run {
    let definition = definition("test_video_gen");
    let request = StartRequest {
        run_id: fresh_id(),
        digest: definition.digest(),
        definition,
        input: Input { topic: Some("candles".into()), ..Input::default() },
        options: json!({}),
        user_id: fresh_id(),
        started_by: None,
        mode: ProvidersMode::Sim,
        personas: PersonaSource::Model,
        skip: Vec::new(),
        add: Vec::new(),
    };
    let transition = start(request, &mut Context { now: now(), new_id: &mut fresh_id }).unwrap();
    let run = transition.run.clone();
    commit_one(db, of(transition));
    tell(db, &run, &approve(mw_media::gate!("workflow"), "operator"))
}

/// Appends an event behind the product's back, and moves the run as the event says.
fn append(db: &mut Client, run: &Run, seq: u64, event: Event) {
    let recorded = Recorded { seq, at: now(), actor: "x".into(), event };
    let mut moved = run.clone();
    moved.evolve(&recorded);
    let body = serde_json::to_string(&recorded).unwrap();
    append_body(db, &run.run_id, seq, recorded.event.name(), recorded.at, &body);
    let sql =
        "UPDATE runs SET version = ($2::text::jsonb->>'version')::bigint, state = $2::text::jsonb WHERE run_id = $1";
    db.driver().execute(sql, &[&run.run_id, &json!(moved).to_string()]).unwrap();
}

fn append_body(db: &mut Client, run_id: &str, seq: u64, name: &str, at: Timestamp, body: &str) {
    let events = json!([{"run_id": run_id, "seq": seq, "type": name, "at": mw_media::run::rfc3339(at), "actor": "x", "body": body}]);
    db.driver().execute("SELECT events_append($1::text::jsonb)", &[&events.to_string()]).unwrap();
}

#[test]
fn healthy_runs_have_no_finding_and_each_broken_invariant_is_found_and_nothing_else() {
    let mut ward = Ward::new();
    let healthy = ward.examine();
    assert_eq!((healthy.findings, healthy.runs, healthy.next), (Vec::new(), 5, None));
    let [waiting, persona, requested, submitted, cancelled] =
        [&ward.waiting, &ward.persona, &ward.requested, &ward.submitted, &ward.cancelled].map(|run| run.run_id.clone());
    let job = job_id(&ward.requested, 0);
    let insert_event = "INSERT INTO webhook_events (id, idempotency_key, provider, headers, payload, signature_status, \
                        outcome, received_at) VALUES ('00000000-0000-0000-0000-00000000000a', 'k', 'kieai', '{}', '', 'valid',";
    let mut found = BTreeSet::new();
    for (expected, run, harm) in [
        (
            &[Invariant::TimelineTampered][..],
            &waiting,
            "ALTER TABLE run_events DISABLE TRIGGER run_events_guard; \
             UPDATE run_events SET actor = 'somebody' WHERE run_id = '{run}' AND seq = 1"
                .to_owned(),
        ),
        (
            &[Invariant::TimelineTampered],
            &waiting,
            "ALTER TABLE run_events DISABLE TRIGGER run_events_guard; \
             UPDATE run_events SET body = body || ' ' WHERE run_id = '{run}' AND seq = 2"
                .to_owned(),
        ),
        (
            &[Invariant::StateUnreadable],
            &waiting,
            "UPDATE runs SET state = state - 'title' WHERE run_id = '{run}'".into(),
        ),
        (
            &[Invariant::StateDiffers],
            &waiting,
            "UPDATE runs SET state = jsonb_set(state, '{title}', '\"another\"') WHERE run_id = '{run}'".into(),
        ),
        (
            &[Invariant::RunColumnsDiffer],
            &waiting,
            "UPDATE runs SET deadline = deadline + interval '1 hour' WHERE run_id = '{run}'".into(),
        ),
        (
            &[Invariant::RunWithoutDeadline, Invariant::RunColumnsDiffer],
            &waiting,
            "ALTER TABLE runs DROP CONSTRAINT runs_end; UPDATE runs SET deadline = NULL WHERE run_id = '{run}'"
                .into(),
        ),
        (
            &[Invariant::RunOverdue, Invariant::RunColumnsDiffer],
            &waiting,
            "UPDATE runs SET deadline = now() - interval '5 minutes' WHERE run_id = '{run}'".into(),
        ),
        (&[Invariant::RunStuck], &persona, "UPDATE outbox SET state = 'done' WHERE run_id = '{run}'".into()),
        (
            &[Invariant::JobDiffers],
            &requested,
            format!("UPDATE provider_jobs SET state = 'submitted', task_id = 't' WHERE job_id = '{job}'"),
        ),
        (
            &[Invariant::JobDiffers],
            &cancelled,
            "UPDATE provider_jobs SET state = 'failed' WHERE job_id = (SELECT min(job_id) FROM provider_jobs WHERE run_id = '{run}')"
                .into(),
        ),
        (&[Invariant::JobOrphaned], &requested, format!("UPDATE outbox SET state = 'done' WHERE job_id = '{job}'")),
        (&[Invariant::JobOrphaned; 2], &submitted, "UPDATE outbox SET state = 'done' WHERE run_id = '{run}'".into()),
        (&[Invariant::EffectLost], &requested, format!("DELETE FROM outbox WHERE job_id = '{job}'")),
        (&[Invariant::EffectLost], &persona, "DELETE FROM outbox WHERE run_id = '{run}'".into()),
        (&[Invariant::EffectDead], &requested, format!("UPDATE outbox SET state = 'dead' WHERE job_id = '{job}'")),
        (&[Invariant::EffectDead], &persona, "UPDATE outbox SET state = 'dead' WHERE run_id = '{run}'".into()),
        (&[Invariant::EffectAfterEnd; 2], &cancelled, "UPDATE outbox SET state = 'due' WHERE run_id = '{run}'".into()),
        (
            &[Invariant::EffectAbandoned],
            &requested,
            format!(
                "UPDATE outbox SET state = 'leased', lease_until = now() - interval '2 minutes' WHERE job_id = '{job}'"
            ),
        ),
        (
            &[Invariant::EffectUnclaimable],
            &requested,
            format!("UPDATE outbox SET provider = 'of-yesterday' WHERE job_id = '{job}'"),
        ),
        (
            &[Invariant::GateDiffers],
            &waiting,
            "UPDATE gates SET state = 'closed', decided_at = now() WHERE run_id = '{run}'".into(),
        ),
        (
            &[Invariant::GateDiffers],
            &requested,
            "INSERT INTO gates (run_id, gate_id, gate, opening, subject_sha256, state, opened_at, deadline) \
             VALUES ('{run}', 'g', 'prepublish', 9, repeat('0', 64), 'open', now(), now() + interval '1 day')"
                .into(),
        ),
        (
            &[Invariant::GateWithoutDecision, Invariant::GateAgainstPolicy],
            &requested,
            "DELETE FROM hitl_approvals WHERE run_id = '{run}' AND gate = 'ideate'".into(),
        ),
        (
            &[Invariant::GateWithoutDecision],
            &requested,
            "UPDATE gates SET state = 'rejected' WHERE run_id = '{run}' AND gate = 'ideate'".into(),
        ),
        (
            &[Invariant::GateAgainstPolicy],
            &requested,
            "UPDATE gates SET approvals = 2 WHERE run_id = '{run}' AND gate = 'ideate'".into(),
        ),
        (
            &[Invariant::GateAgainstPolicy],
            &requested,
            "UPDATE gates SET deadline = decided_at - interval '1 minute' WHERE run_id = '{run}' AND gate = 'ideate'"
                .into(),
        ),
    ] {
        let findings = ward.after(|db| db.driver().batch_execute(&harm.replace("{run}", run)).expect(&harm));
        let mut expected: Vec<_> = expected.iter().map(|invariant| (*invariant, Some(run.clone()))).collect();
        let mut findings = findings;
        expected.sort();
        findings.sort();
        assert_eq!(findings, expected, "{harm}");
        found.extend(expected.into_iter().map(|(invariant, _)| invariant));
    }
    for (expected, harm) in [
        (Invariant::WebhookUnprocessed, format!("{insert_event} 'dlq', now())")),
        (Invariant::WebhookUnprocessed, format!("{insert_event} 'accepted', now())")),
        (
            Invariant::DeadLetterStalled,
            format!(
                "{insert_event} 'dlq', now()); INSERT INTO webhook_dlq (id, idempotency_key, provider, headers, payload, \
                 match, error, next_retry_at, last_error_at, created_at, updated_at) \
                 VALUES ('00000000-0000-0000-0000-00000000000a', 'k', 'kieai', '{{}}', '', '{{}}', 'unknown_job', \
                 now() - interval '5 minutes', now(), now(), now())"
            ),
        ),
    ] {
        assert_eq!(ward.after(|db| db.driver().batch_execute(&harm).unwrap()), [(expected, None)], "{harm}");
        found.insert(expected);
    }
    let missing: Vec<_> = Invariant::ALL.iter().filter(|invariant| !found.contains(invariant)).collect();
    let by_event = [Invariant::TimelineGap, Invariant::TimelineUnreadable, Invariant::JobSubmittedTwice];
    assert_eq!(missing, by_event.iter().collect::<Vec<_>>(), "these three are broken by the test below");
    assert_eq!(ward.examine().findings, [], "all of it was undone");
}

#[test]
fn events_written_behind_the_products_back_are_found() {
    let mut ward = Ward::new();
    let (waiting, submitted) = (ward.waiting.clone(), ward.submitted.clone());
    let attachment = Attachment {
        artifact_type: "note".into(),
        provider: "api".into(),
        url: None,
        checksum: None,
        persona: None,
        metadata: json!({}),
    };
    let id = |run: &Run| Some(run.run_id.clone());
    let gap = ward.after(|db| {
        append(db, &waiting, waiting.version + 2, Event::Common(Common::ArtifactAttached(Box::new(attachment))))
    });
    assert_eq!(gap, [(Invariant::TimelineGap, id(&waiting))]);
    let twice = ward.after(|db| {
        let job_id = job_id(&submitted, 0);
        db.driver().execute("UPDATE provider_jobs SET task_id = 'second' WHERE job_id = $1", &[&job_id]).unwrap();
        let event = Event::Own(MediaEvent::JobSubmitted { job_id, task_id: "second".into(), adopted: false });
        append(db, &submitted, submitted.version + 1, event);
    });
    assert_eq!(twice, [(Invariant::JobSubmittedTwice, id(&submitted))]);
    let unknown = ward.after(|db| {
        let seq = waiting.version + 1;
        let body = json!({"seq": seq, "at": mw_media::run::rfc3339(now()), "actor": "x", "type": "run.teleported", "data": {}});
        append_body(db, &waiting.run_id, seq, "run.teleported", now(), &body.to_string());
        let sql = "UPDATE runs SET version = version + 1, state = jsonb_set(state, '{version}', to_jsonb(version + 1)) WHERE run_id = $1";
        db.driver().execute(sql, &[&waiting.run_id]).unwrap();
    });
    assert_eq!(unknown, [(Invariant::TimelineUnreadable, id(&waiting))]);
}

#[test]
fn a_damaged_state_is_rebuilt_from_the_timeline_and_a_tampered_timeline_is_not_believed() {
    let mut ward = Ward::new();
    let runs = [ward.waiting.clone(), ward.submitted.clone(), ward.cancelled.clone()];
    for run in &runs {
        ward.db.driver().execute("UPDATE runs SET state = '{}' WHERE run_id = $1", &[&run.run_id]).unwrap();
    }
    assert!(ward.examine().findings.iter().filter(|found| found.invariant == Invariant::StateUnreadable).count() == 3);
    for run in &runs {
        assert_eq!(rebuild(&mut ward.db, mw_kinds::KINDS, now(), &run.run_id).unwrap(), Rebuilt::Done);
        assert_eq!(loaded(&mut ward.db, &run.run_id), *run);
    }
    assert_eq!(ward.examine().findings, []);
    assert_eq!(rebuild(&mut ward.db, mw_kinds::KINDS, now(), "nobody").unwrap(), Rebuilt::Unknown);
    let forge =
        "ALTER TABLE run_events DISABLE TRIGGER run_events_guard; UPDATE run_events SET hash = '\\x00' WHERE seq = 1";
    ward.db.driver().batch_execute(forge).unwrap();
    let refused = rebuild(&mut ward.db, mw_kinds::KINDS, now(), &runs[0].run_id).unwrap();
    assert!(matches!(refused, Rebuilt::Untrusted(findings) if !findings.is_empty()));
}

#[test]
fn pages_follow_each_other_and_a_limit_says_where_to_go_on() {
    let mut ward = Ward::new();
    ward.db.driver().batch_execute("UPDATE runs SET state = state - 'title'").unwrap();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let scope = Scope { after, runs_max: Some(2), ..Scope::default() };
        let checkup = examine(&mut ward.db, mw_kinds::KINDS, now(), &scope, &mut |_| {}).unwrap();
        seen.extend(checkup.findings.into_iter().filter_map(|found| found.run_id));
        after = checkup.next;
        if after.is_none() {
            break;
        }
    }
    let all: BTreeSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), all.len()), (5, 5));
    let one =
        examine(&mut ward.db, mw_kinds::KINDS, now(), &Scope::run(&ward.waiting.run_id.clone()), &mut |_| {}).unwrap();
    assert_eq!((one.runs, one.findings.len()), (1, 1));
}

#[test]
fn a_sweep_that_is_a_little_late_is_no_finding() {
    let mut ward = Ward::new();
    let deadline = ward.waiting.deadline.unwrap();
    let scope = Scope::run(&ward.waiting.run_id.clone());
    let mut at =
        |late: Duration| examine(&mut ward.db, mw_kinds::KINDS, deadline + late, &scope, &mut |_| {}).unwrap().findings;
    assert_eq!(at(Duration::seconds(50)), []);
    assert_eq!(at(Duration::seconds(70))[0].invariant, Invariant::RunOverdue);
}

#[test]
fn every_finding_explains_itself_and_names_its_run_in_the_repair() {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations/functions/doctor")).unwrap();
    let sql: String = folder.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    for invariant in Invariant::ALL {
        assert!(!invariant.meaning().is_empty());
        let repair = invariant.repair(Some("run-1"));
        assert!(!repair.contains("RUN") || repair.contains("RUNNING"), "{invariant}: {repair}");
        let rust = ["timeline_unreadable", "state_unreadable", "state_differs", "run_columns_differ"];
        assert!(
            rust.contains(&invariant.to_string().as_str()) || sql.contains(&format!("'{invariant}'")),
            "{invariant}"
        );
    }
}

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/doctor.md");

#[test]
fn the_page_of_the_doctor_lists_every_invariant() {
    let rows = Invariant::ALL
        .iter()
        .map(|invariant| format!("| `{invariant}` | {} | {} |\n", invariant.meaning(), invariant.repair(None)));
    let table = format!("| invariant | a finding means | repair |\n|---|---|---|\n{}", rows.collect::<String>());
    let (begin, end) = ("<!-- generated: invariants -->\n", "<!-- end -->");
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (head, rest) = page.split_once(begin).expect("the page has the table's marker");
    let (_, tail) = rest.split_once(end).expect("the page has the end marker");
    let expected = format!("{head}{begin}{table}{end}{tail}");
    if std::env::var("UPDATE_DOCS").is_ok() {
        std::fs::write(PAGE, expected).unwrap();
    } else {
        assert_eq!(page, expected, "docs/doctor.md is stale: UPDATE_DOCS=1 cargo test -p mw-store");
    }
}
