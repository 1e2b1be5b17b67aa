use crate::fixture::*;
use mw_media::status::{ProvidersMode, Status};
use mw_store::commit::Committed;
use mw_store::projects::{Applied, apply, definition as stored, list};
use mw_store::readiness::readiness;
use mw_store::runs::{Filter, list as list_runs, load, start_load, timeline, view};
use mw_store::{Database, Limit, MIGRATION, Param, chat, metrics};
use serde_json::json;
use time::Duration;

#[test]
fn a_limit_counts_within_its_window_and_starts_anew_after_it() {
    let mut db = connect();
    let caller = fresh_id();
    let limit = Limit { name: "test", caller: &caller, limit: 2, window_seconds: 60 };
    let mut take = |at| load(&mut db, at, "unknown", Some(&limit)).unwrap().limit.unwrap();
    let start = now();
    assert_eq!((take(start).remaining, take(start).remaining), (1, 0));
    let over = take(start + Duration::seconds(30));
    assert_eq!((over.allowed, over.reset_seconds), (false, 30));
    assert!(take(start + Duration::seconds(60)).allowed);
}

#[test]
fn a_used_up_limit_loads_no_run() {
    let mut db = connect();
    let run = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    let caller = fresh_id();
    let limit = Limit { name: "test", caller: &caller, limit: 1, window_seconds: 60 };
    assert!(load(&mut db, now(), &run.run_id, Some(&limit)).unwrap().run.is_some());
    assert!(load(&mut db, now(), &run.run_id, Some(&limit)).unwrap().run.is_none());
}

#[test]
fn a_stored_definition_never_changes_under_its_version() {
    let mut db = connect();
    let mut changed = definition("test_video_gen");
    changed.key = format!("p{}", fresh_id().replace('-', ""));
    assert_eq!(apply(&mut db, &changed).unwrap(), Applied::Added);
    assert_eq!(apply(&mut db, &changed).unwrap(), Applied::Unchanged);
    let first = changed.clone();
    changed.title.push('!');
    assert_eq!(apply(&mut db, &changed).unwrap(), Applied::Conflict);
    changed.version = "2".into();
    assert_eq!(apply(&mut db, &changed).unwrap(), Applied::Added);
    assert_eq!(apply(&mut db, &first).unwrap(), Applied::Current);
    assert_eq!(list(&mut db, Some(&first.key)).unwrap(), std::slice::from_ref(&first));
    assert_eq!(stored(&mut db, &first.key, "2").unwrap(), Some(changed));
    let limit = Limit { name: "test", caller: "c", limit: 1_000_000, window_seconds: 60 };
    let loaded = start_load(&mut db, now(), None, &first.key, None, &limit).unwrap();
    assert_eq!(loaded.project.unwrap().digest, first.digest());
    assert!(loaded.known.contains(&first.key));
    db.driver().execute("DELETE FROM projects WHERE key = $1", &[&first.key]).unwrap();
}

#[test]
fn pages_of_runs_follow_each_other_without_gap_or_repetition() {
    let mut db = connect();
    let run = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    let mut filter = Filter {
        status: Some(Status::PendingWorkflow.into()),
        project: Some("test_video_gen".into()),
        user_id: Some(run.user_id.clone()),
        ..Filter::default()
    };
    let page = list_runs(&mut db, &filter, 1).unwrap();
    assert_eq!((page.runs[0]["runId"].as_str(), page.more), (Some(run.run_id.as_str()), false));
    filter.before = Some((page.runs[0]["createdAt"].as_str().unwrap().into(), run.run_id.clone()));
    assert!(list_runs(&mut db, &filter, 1).unwrap().runs.is_empty());
}

#[test]
fn the_view_and_the_timeline_show_the_run() {
    let mut db = connect();
    let run = started(&mut db, "aismr", ProvidersMode::Mock);
    let shown = view(&mut db, &run.run_id).unwrap().unwrap();
    assert_eq!(shown["status"], "pending_workflow");
    assert_eq!(shown["result"]["totalVideos"], 12);
    assert_eq!(shown["artifacts"][0]["type"], "run.start");
    let page = timeline(&mut db, &run.run_id, 0, 2).unwrap().unwrap();
    assert_eq!((page.events.len(), page.more), (2, true));
    assert_eq!(page.events[0]["type"], "run.started");
    assert!(!timeline(&mut db, &run.run_id, 2, 100).unwrap().unwrap().more);
    assert_eq!(view(&mut db, "unknown").unwrap(), None);
    assert_eq!(timeline(&mut db, "unknown", 0, 2).unwrap(), None);
}

#[test]
fn a_conversation_keeps_its_turns_and_tells_a_notice_once() {
    let mut db = connect();
    let run = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    let user = run.user_id.clone();
    let limit = Limit { name: "test", caller: &user, limit: 100, window_seconds: 60 };
    let first =
        chat::load(&mut db, now(), chat::Asking { key_hash: None, user_id: &user, reader: None, history: 5 }, &limit)
            .unwrap();
    assert_eq!(first.runs[0].known.run_id, run.run_id);
    assert_eq!((first.notices.len(), first.runs[0].waiting().map(|waiting| waiting.opening)), (1, Some(1)));
    let turn = chat::Turn {
        user_id: user.clone(),
        messages: vec![chat::Said { role: "user".into(), content: "hello".into() }],
        told_until: first.notices[0].message_id,
        ..chat::Turn::default()
    };
    chat::save(&mut db, now(), &turn).unwrap();
    let second =
        chat::load(&mut db, now(), chat::Asking { key_hash: None, user_id: &user, reader: None, history: 5 }, &limit)
            .unwrap();
    assert_eq!((second.notices.len(), second.history.len()), (0, 1));
    let stranger = chat::load(
        &mut db,
        now(),
        chat::Asking { key_hash: None, user_id: &fresh_id(), reader: None, history: 5 },
        &limit,
    )
    .unwrap();
    assert!(stranger.runs.is_empty() && stranger.history.is_empty());
}

#[test]
fn a_database_of_an_older_release_is_not_current() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let mut migrated_by = |migration: u64, release: &str| {
        let sql = format!(
            "TRUNCATE schema_migrations, schema_release; INSERT INTO schema_release (release) VALUES ('{release}');
             INSERT INTO schema_migrations (version, name, checksum) VALUES ({migration}, '', '')"
        );
        db.driver().batch_execute(&sql).unwrap();
        readiness(&mut db).unwrap().is_current()
    };
    let release = env!("CARGO_PKG_VERSION");
    assert!(migrated_by(MIGRATION, release) && migrated_by(MIGRATION, "99.0.0-rc.1"));
    assert!(migrated_by(MIGRATION + 1, "99.0.0"), "that of a newer release is good");
    assert!(!migrated_by(MIGRATION - 1, release), "a version of the tables is missing");
    assert!(!migrated_by(MIGRATION, "0.0.99"), "its functions are older");
    assert!(readiness(&mut connect()).unwrap().is_current());
}

#[test]
fn a_request_is_recorded_beside_its_write_unless_that_went_otherwise() {
    let mut db = connect();
    let labels = format!("path=\"/{}\"", fresh_id());
    let turn =
        json!({"now": "2026-01-01T00:00:00Z", "chat": chat::Turn { user_id: fresh_id(), ..chat::Turn::default() }});
    for (unless, recorded) in [(Some("$.saved == true"), 0), (Some("$.saved == false"), 1), (None, 2)] {
        let observation = metrics::Observation { labels: &labels, seconds: 0.5, run_id: Some("run-1"), unless };
        let observation = serde_json::to_string(&observation).unwrap();
        let params = [Param::Json(&turn.to_string()), Param::Observation(&observation)];
        assert_eq!(db.query("chat_save", &params).unwrap(), r#"{"saved": true}"#);
        let sql = "SELECT count(*) FILTER (WHERE value BETWEEN 0.5 AND 60 AND run_id = 'run-1')
                     FROM metric_observations WHERE labels = $1";
        assert_eq!(db.driver().query_one(sql, &[&labels]).unwrap().get::<_, i64>(0), recorded, "{unless:?}");
    }
}

#[test]
fn metrics_have_a_sample_of_every_gauge() {
    let mut db = connect();
    started(&mut db, "test_video_gen", ProvidersMode::Mock);
    let names: Vec<_> =
        metrics::read(&mut db, now(), 200).unwrap().gauges.into_iter().map(|sample| sample.name).collect();
    for name in [
        "runs_active",
        "webhook_dlq_depth",
        "webhook_dlq_exhausted",
        "drain_active",
        "outbox_depth",
        "sweep_last_success_timestamp_seconds",
    ] {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
}

/// PostgreSQL writes numbers without exponents; a number that came back as another, or not at all, would leave a run
/// that nobody can load.
#[test]
fn a_run_keeps_every_number_that_json_can_hold() {
    let mut db = connect();
    let mut transition = start_transition("test_video_gen", ProvidersMode::Mock);
    let numbers =
        json!([f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, 1.5e300, -2.2250738585e-313, 0.1, u64::MAX, i64::MIN]);
    transition.run.body.options = json!({"numbers": numbers});
    let run = transition.run.clone();
    assert_eq!(commit_one(&mut db, of(transition)), Committed::Committed);
    assert_eq!(loaded(&mut db, &run.run_id), run);
}
