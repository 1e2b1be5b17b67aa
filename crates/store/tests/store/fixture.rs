//! A database, and runs in it.

use crate::migrated::migrate;
use mw_kernel::run::AnyRun;
use mw_kinds::KINDS;
use mw_media::Timestamp;
use mw_media::definition::Definition;
use mw_media::principal::{Principal, Role};
use mw_media::run::{
    Command, Context, Decided, GateDecision, Input, Order, PersonaSource, Recorded, Run, StartRequest, start,
};
use mw_media::status::{Channel, GateName, ProvidersMode, Verdict};
use mw_store::commit::{Committed, Decision, TransitionError, commit};
use mw_store::native::Client;
use mw_store::{Database, projects, runs};

/// Now, to the microsecond that PostgreSQL keeps.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now_utc();
    now.replace_nanosecond(now.nanosecond() / 1000 * 1000).unwrap()
}

fn url() -> String {
    std::env::var("DATABASE_URL").expect("DATABASE_URL: run the tests with `mw-stack with -- cargo test`")
}

pub(crate) fn connect() -> Client {
    Client::connect(&url()).unwrap()
}

/// A migrated database of one test's own, for what every test would share: limits, and whatever is due.
pub(crate) struct OwnDatabase {
    url: String,
    name: String,
}

impl OwnDatabase {
    pub(crate) fn new() -> OwnDatabase {
        let name = format!("store_{}", fresh_id().replace('-', ""));
        connect().driver().batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
        let (server, query) = url()
            .split_once('?')
            .map_or((url(), String::new()), |(server, query)| (server.to_owned(), format!("?{query}")));
        let (server, _) = server.rsplit_once('/').unwrap();
        let own = OwnDatabase { url: format!("{server}/{name}{query}"), name };
        migrate(&mut own.connect());
        own
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(&self.url).unwrap()
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        let _ = connect().driver().batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

pub(crate) fn fresh_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

pub(crate) fn definition(key: &str) -> Definition {
    let path = format!("{}/../../projects/{key}.json", env!("CARGO_MANIFEST_DIR"));
    Definition::from_json(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn start_transition(project: &str, mode: ProvidersMode) -> Decided {
    start_of(definition(project), mode)
}

pub(crate) fn start_of(definition: Definition, mode: ProvidersMode) -> Decided {
    let request = StartRequest {
        run_id: fresh_id(),
        digest: definition.digest(),
        definition,
        input: Input { topic: Some("candles".into()), ..Input::default() },
        options: serde_json::json!({}),
        user_id: fresh_id(),
        started_by: None,
        mode,
        personas: PersonaSource::Rules,
        skip: Vec::new(),
        add: Vec::new(),
    };
    let mut new_id = fresh_id;
    start(request, &mut Context { now: now(), new_id: &mut new_id }).unwrap()
}

pub(crate) fn commit_one(db: &mut dyn Database, decision: Decision) -> Committed {
    commit(db, now(), &[decision]).unwrap().results.remove(0)
}

pub(crate) fn of(transition: Decided) -> Decision {
    Decision { transition: Some(transition.erase().unwrap()), ..Decision::default() }
}

/// A committed run at its first gate.
pub(crate) fn started(db: &mut dyn Database, project: &str, mode: ProvidersMode) -> Run {
    projects::apply(db, &definition(project)).unwrap();
    born(db, start_transition(project, mode))
}

/// Commits a run's birth.
pub(crate) fn born(db: &mut dyn Database, transition: Decided) -> Run {
    let run = transition.run.clone();
    assert_eq!(commit_one(db, of(transition)), Committed::Committed);
    run
}

pub(crate) fn approve(gate: GateName, approver: &str) -> Command {
    Command::DecideGate(GateDecision::new(
        gate,
        Verdict::Approve,
        Principal::known(approver, Role::Approver, Vec::new()),
        Channel::Api,
    ))
}

/// What [`mw_store::commit::transition`] does, for a media run.
pub(crate) fn transition(
    db: &mut dyn Database,
    run: &Run,
    command: &Command,
    actor: &str,
    context: &mut Context<'_>,
) -> Result<Run, TransitionError> {
    let command = command.clone().erase();
    mw_store::commit::transition(db, KINDS, run.erase()?, &command, actor, context).map(|moved| typed(&moved.run))
}

/// What [`mw_store::commit::order`] does, for a media run.
pub(crate) fn order(
    db: &mut dyn Database,
    run: &Run,
    wish: &Order,
    actor: &str,
    context: &mut Context<'_>,
) -> Result<Run, TransitionError> {
    mw_store::commit::order(db, KINDS, run.erase()?, wish, "why", actor, context).map(|moved| typed(&moved.run))
}

/// A media run that was loaded.
pub(crate) fn typed(run: &AnyRun) -> Run {
    run.read().unwrap()
}

pub(crate) fn tell(db: &mut dyn Database, run: &Run, command: &Command) -> Run {
    let mut new_id = fresh_id;
    transition(db, run, command, "tester", &mut Context { now: now(), new_id: &mut new_id }).unwrap()
}

/// A committed run whose clips are requested of kie.ai.
pub(crate) fn generating(db: &mut dyn Database, mode: ProvidersMode) -> Run {
    let run = started(db, "test_video_gen", mode);
    let run = tell(db, &run, &approve(mw_media::gate!("workflow"), "operator"));
    tell(db, &run, &approve(mw_media::gate!("ideate"), "operator"))
}

/// A job id of the run's current step.
pub(crate) fn job_id(run: &Run, place: usize) -> String {
    run.body.step_jobs().nth(place).unwrap().0.clone()
}

pub(crate) fn loaded(db: &mut dyn Database, run_id: &str) -> Run {
    typed(&runs::load(db, now(), run_id, None).unwrap().run.unwrap())
}

/// The run rebuilt from its stored timeline.
pub(crate) fn folded(db: &mut Client, run_id: &str) -> Run {
    let rows = db.driver().query("SELECT body FROM run_events WHERE run_id = $1 ORDER BY seq", &[&run_id]).unwrap();
    let events: Vec<Recorded> = rows.iter().map(|row| serde_json::from_str(row.get(0)).unwrap()).collect();
    mw_media::run::fold(run_id, &events)
}

/// One number from the database.
pub(crate) fn count(db: &mut Client, sql: &str, run_id: &str) -> i64 {
    db.driver().query_one(sql, &[&run_id]).unwrap().get(0)
}

/// Waits until this backend waits for a lock.
pub(crate) fn blocked(db: &mut Client, pid: i32) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'";
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while db.driver().query_one(sql, &[&pid]).unwrap().get::<_, i64>(0) == 0 {
        assert!(std::time::Instant::now() < until, "it waits for no lock");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}
