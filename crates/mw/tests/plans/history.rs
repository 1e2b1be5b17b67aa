//! A scratch database with a long history, made in about a minute.

use mw::{folder, migrations};
use mw_media::Timestamp;
use mw_media::definition::Definition;
use mw_media::run::{Context, Decided, Input, PersonaSource, Run, StartRequest, start};
use mw_media::status::ProvidersMode;
use mw_stack::{database::Database, history::fill};
use mw_store::commit::{Decision, commit};
use mw_store::native::Client;
use mw_store::projects;

pub(crate) struct History {
    pub(crate) db: Client,
    /// A real run that waits at its first gate.
    pub(crate) run: Run,
    _scratch: Database,
}

impl History {
    pub(crate) fn make() -> History {
        let given = std::env::var("DATABASE_URL").ok();
        let scratch = Database::scratch(&folder::root().unwrap(), given.as_deref(), true).unwrap();
        let mut db = Client::connect(scratch.url()).unwrap();
        migrations::migrate(db.driver(), &migrations::embedded().unwrap()).unwrap();
        for key in ["test_video_gen", "aismr", "general"] {
            projects::apply(&mut db, &definition(key)).unwrap();
        }
        let transition = new_run();
        let run = transition.run.clone();
        commit(&mut db, now(), &[Decision { transition: Some(transition.erase().unwrap()), ..Decision::default() }])
            .unwrap();
        fill(db.driver(), &run.run_id, 1_000_000).unwrap();
        History { db, run, _scratch: scratch }
    }
}

fn definition(key: &str) -> Definition {
    let path = format!("{}/../../projects/{key}.json", env!("CARGO_MANIFEST_DIR"));
    Definition::from_json(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn new_run() -> Decided {
    let definition = definition("test_video_gen");
    let request = StartRequest {
        run_id: new_id(),
        digest: definition.digest(),
        definition,
        input: Input { topic: Some("candles".into()), ..Input::default() },
        options: serde_json::json!({}),
        user_id: "user-1".into(),
        started_by: None,
        mode: ProvidersMode::Sim,
        personas: PersonaSource::Rules,
        skip: Vec::new(),
        add: Vec::new(),
    };
    start(request, &mut Context { now: now(), new_id: &mut new_id }).unwrap()
}

pub(crate) fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Now, to the microsecond that PostgreSQL keeps.
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now_utc();
    now.replace_nanosecond(now.nanosecond() / 1000 * 1000).unwrap()
}
