use crate::fixture::*;
use mw_media::run::{Command, Run};
use mw_media::status::ProvidersMode;
use mw_store::native::Client;
use mw_store::upkeep::{Kept, Seeded, Why, purge_runs, purge_runs_before, seed_social};
use time::Duration;

/// Tables with rows of a run, and the column that says so.
const TABLES: [&str; 9] = [
    "runs",
    "run_events",
    "artifacts",
    "gates",
    "provider_jobs",
    "outbox",
    "webhook_events",
    "chat_messages",
    "idempotency_keys",
];

/// A cancelled run that has rows everywhere.
fn ended(db: &mut Client) -> Run {
    let run = generating(db, ProvidersMode::Sim);
    let run = tell(db, &run, &Command::Cancel { reason: "r".into(), actor: "a".into() });
    db.driver()
        .execute(
            "INSERT INTO webhook_events (idempotency_key, provider, headers, payload, signature_status, outcome, received_at,
                                         run_id, job_id)
             SELECT $1, 'kieai', '{}', '', 'valid', 'accepted', now(), $1, min(job_id) FROM provider_jobs WHERE run_id = $1",
            &[&run.run_id],
        )
        .unwrap();
    let chat =
        "INSERT INTO chat_messages (user_id, role, content, run_id, created_at) VALUES ($1, 'user', 'x', $2, now())";
    db.driver().execute(chat, &[&run.user_id, &run.run_id]).unwrap();
    let key = "INSERT INTO idempotency_keys VALUES ('c', $1, 'f', $1, now())";
    db.driver().execute(key, &[&run.run_id]).unwrap();
    run
}

/// The tables that still know of a run.
fn known_by(db: &mut Client, run: &Run) -> Vec<&'static str> {
    let knows = |table: &&str| {
        let sql = format!("SELECT count(*) FROM {table} WHERE run_id = $1");
        db.driver().query_one(&sql, &[&run.run_id]).unwrap().get::<_, i64>(0) > 0
    };
    TABLES.into_iter().filter(knows).collect()
}

#[test]
fn a_purged_run_leaves_nothing_and_others_keep_everything() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let (gone, stays) = (ended(&mut db), ended(&mut db));
    let open = started(&mut db, "aismr", ProvidersMode::Mock);
    assert_eq!(known_by(&mut db, &gone), TABLES);
    let ids = [gone.run_id.clone(), open.run_id.clone(), "nobody".to_owned()];
    let preview = purge_runs(&mut db, &ids, true).unwrap();
    assert_eq!(known_by(&mut db, &gone), TABLES, "a dry run deletes nothing");
    let purged = purge_runs(&mut db, &ids, false).unwrap();
    assert_eq!(purged, preview);
    assert_eq!(purged.purged, std::slice::from_ref(&gone.run_id));
    let mut kept =
        [Kept { run_id: open.run_id.clone(), why: Why::Open }, Kept { run_id: "nobody".to_owned(), why: Why::Missing }];
    kept.sort_by(|one, other| one.run_id.cmp(&other.run_id));
    assert_eq!(purged.kept, kept);
    assert_eq!(known_by(&mut db, &gone), Vec::<&str>::new());
    assert_eq!(known_by(&mut db, &stays), TABLES);
    assert_eq!(folded(&mut db, &open.run_id), open);
}

#[test]
fn by_age_only_what_ended_before_goes_a_page_at_a_time_and_never_the_parent_of_an_open_run() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let old: Vec<Run> = (0..3).map(|_| ended(&mut db)).collect();
    let young = ended(&mut db);
    let open = started(&mut db, "aismr", ProvidersMode::Mock);
    for run in &old {
        let sql = "UPDATE runs SET finished_at = finished_at - interval '91 days' WHERE run_id = $1";
        db.driver().execute(sql, &[&run.run_id]).unwrap();
    }
    let child = "UPDATE runs SET parent_run_id = $2, successor_key = 'k' WHERE run_id = $1";
    db.driver().execute(child, &[&open.run_id, &old[1].run_id]).unwrap();
    let (mut after, mut purged, mut kept) = (None, Vec::new(), Vec::new());
    loop {
        let page = purge_runs_before(&mut db, now() - Duration::days(90), after.as_ref(), 1, false).unwrap();
        assert!(page.purged.len() + page.kept.len() <= 1);
        purged.extend(page.purged);
        kept.extend(page.kept);
        let Some(next) = page.after else { break };
        after = Some(next);
    }
    purged.sort();
    let mut expected = [old[0].run_id.clone(), old[2].run_id.clone()];
    expected.sort();
    assert_eq!(purged, expected);
    assert_eq!(kept, [Kept { run_id: old[1].run_id.clone(), why: Why::OpenSuccessor }]);
    assert_eq!(known_by(&mut db, &young), TABLES);
}

#[test]
fn a_project_has_one_primary_account_however_often_it_is_seeded() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    started(&mut db, "test_video_gen", ProvidersMode::Mock);
    assert_eq!(seed_social(&mut db, now(), "upload-post", "AISMR", "nothing").unwrap(), Seeded::UnknownProject);
    assert_eq!(seed_social(&mut db, now(), "upload-post", "AISMR", "test_video_gen").unwrap(), Seeded::Added);
    assert_eq!(seed_social(&mut db, now(), "upload-post", "AISMR", "test_video_gen").unwrap(), Seeded::Unchanged);
    assert_eq!(seed_social(&mut db, now(), "upload-post", "OTHER", "test_video_gen").unwrap(), Seeded::Added);
    assert_eq!(seed_social(&mut db, now(), "upload-post", "AISMR", "test_video_gen").unwrap(), Seeded::Added);
    let sql = "SELECT account_id FROM project_socials JOIN socials ON socials.id = social_id WHERE is_primary";
    let primary: Vec<String> = db.driver().query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(primary, ["AISMR"]);
}

#[test]
fn each_project_has_a_primary_account_of_its_own() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let projects = ["test_video_gen", "aismr"];
    for project in projects {
        started(&mut db, project, ProvidersMode::Mock);
        assert_eq!(seed_social(&mut db, now(), "upload-post", "AISMR", project).unwrap(), Seeded::Added);
    }
    for project in projects {
        assert_eq!(seed_social(&mut db, now(), "upload-post", "AISMR", project).unwrap(), Seeded::Unchanged);
    }
}

#[test]
fn two_seeds_of_a_project_wait_for_each_other() {
    let own = OwnDatabase::new();
    let (mut db, mut holder, mut watch) = (own.connect(), own.connect(), own.connect());
    started(&mut db, "aismr", ProvidersMode::Mock);
    let pid: i32 = db.driver().query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0);
    // What another seed holds; a row that only refers to the project would not wait for it.
    holder.driver().batch_execute("BEGIN; SELECT FROM projects WHERE key = 'aismr' FOR NO KEY UPDATE").unwrap();
    std::thread::scope(|scope| {
        let seeded = scope.spawn(move || seed_social(&mut db, now(), "upload-post", "AISMR", "aismr").unwrap());
        blocked(&mut watch, pid);
        holder.driver().batch_execute("COMMIT").unwrap();
        assert_eq!(seeded.join().unwrap(), Seeded::Added);
    });
}
