//! `mw-stack kb-bench`: a large corpus in a database of its own, and how long searches in it take.

use crate::{
    corpus::{Script, Writer},
    database::Database,
};
use mw::{
    error::{Error, Result},
    folder,
    knowledge::evaluation::{Case, Latencies, ask},
    migrations,
    progress::Step,
    projects,
    settings::Settings,
    signals,
};
use mw_media::Timestamp;
use mw_store::{knowledge::apply, native::Client};
use serde_json::json;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Needs a PostgreSQL server (DATABASE_URL, else the private one); makes a database there and drops it.

Exit codes: 0 the p95 is at most 0.5 s; 1 it is more.

Example:
  mw-stack kb-bench --passages 100000")]
pub(crate) struct Options {
    /// How many passages.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    passages: u32,
    /// How many questions.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    queries: u32,
    /// Whether the texts have spaces between their words.
    #[arg(long, value_enum, default_value_t = Script::Spaced)]
    script: Script,
    /// Print JSON for programs instead of text for people.
    #[arg(long)]
    json: bool,
}

/// The service level of a search, seconds.
const P95_SECONDS: f64 = 0.5;

pub(crate) fn run(options: &Options) -> Result<u8> {
    signals::listen()?;
    let root = folder::root()?;
    let settings = Settings::load(Some(&root))?;
    let database = Database::scratch(&root, settings.given("DATABASE_URL"), true)?;
    let mut db = projects::connect(database.url())?;
    migrations::migrate(db.driver(), &migrations::embedded()?)?;
    let mut writer = Writer::new(1, options.script);
    fill(&mut db, &mut writer, options.passages as usize, options.json)?;
    let seconds = (0..options.queries)
        .map(|number| {
            let project = (number % 2 == 1).then(|| "aismr".to_owned());
            let case = Case { query: writer.question(), project, persona: None, expected: Vec::new() };
            ask(&mut db, &case, None).map(|outcome| outcome.seconds)
        })
        .collect::<Result<Vec<f64>>>()?;
    let latencies = Latencies::of(&seconds);
    let (texts, index) = sizes(&mut db)?;
    if options.json {
        let mut measured = json!(latencies);
        if let Some(members) = measured.as_object_mut() {
            members.extend([("text_bytes".to_owned(), json!(texts)), ("index_bytes".to_owned(), json!(index))]);
        }
        println!("{measured}");
    } else {
        let megabytes = |bytes: i64| format!("{} MB", bytes / 1_000_000);
        let (texts, index) = (megabytes(texts), megabytes(index));
        println!("passages  {}\ntexts     {texts}\nindex     {index}\nlatency   {latencies}", options.passages);
    }
    Ok(u8::from(latencies.p95_seconds.is_none_or(|p95| p95 > P95_SECONDS)))
}

/// Bytes of the passages' texts, and of the index of their words.
fn sizes(db: &mut Client) -> Result<(i64, i64)> {
    let sizes =
        "SELECT coalesce(sum(octet_length(content)), 0)::bigint, pg_relation_size('kb_chunks_by_word') FROM kb_chunks";
    let row = db.driver().query_one(sizes, &[]).map_err(|error| Error::failed(migrations::reason(&error)))?;
    Ok((row.get(0), row.get(1)))
}

fn fill(db: &mut Client, writer: &mut Writer, passages: usize, quiet: bool) -> Result<()> {
    const BATCH: usize = 500;
    let step = Step::begin("making a corpus", quiet);
    let now = Timestamp::now_utc();
    let mut made = 0;
    while made < passages {
        let until = (made + BATCH).min(passages);
        let documents: Vec<_> = (made..until).flat_map(|number| writer.document(number)).collect();
        apply(db, now, &documents, &[]).map_err(|error| Error::failed(format!("cannot make a corpus: {error}")))?;
        made = until;
        step.note(&format!("{made} of {passages} passages"));
        signals::go_on()?;
    }
    // As the server does by itself after a while.
    for table in ["kb_documents", "kb_chunks", "kb_lexemes"] {
        let settled = db.driver().batch_execute(&format!("VACUUM ANALYZE {table}"));
        settled.map_err(|error| Error::failed(migrations::reason(&error)))?;
    }
    step.done(&format!("{passages} passages"));
    Ok(())
}
