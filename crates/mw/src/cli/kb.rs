//! `mw kb`: the knowledge that Brendan, personas and agents answer from.

use super::Context;
use crate::{
    dev::{database::Database as Scratch, folder, progress::Step, signals},
    error::{Error, Result},
    exposition::quantile,
    knowledge::{
        SHIPPED,
        evaluation::{self, Case, FIRST, Outcome, ask, cases, mean, refused},
        folder::Folder,
        ingest::{Report, plan, unreachable},
        synthetic::Writer,
        vectors::Embedder,
    },
    migrations, projects,
};
use clap::{Args, Subcommand};
use mw_core::Timestamp;
use mw_store::knowledge::{Embedding, PASSAGES_MAX, Search, apply, list, search};
use mw_store::native::Client;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the knowledge what a folder holds: Markdown, JSON and text, at any depth.
    #[command(after_help = "\
What is new is added, what changed is replaced (its id stays), what is gone from the folder is removed, the rest is left
alone. projects/<name>/ and personas/<name>/ in a path say for whom a file is; other files are for everybody.

Exit codes: 0 done; 1 a file could not be read (it is named, and stays as it was; the others are done); 2 no such folder,
or nothing in it.

Examples:
  mw kb ingest --dry-run      what would change
  mw kb ingest ~/handbook")]
    Ingest(IngestOptions),
    /// Look something up: the best passages, best first.
    #[command(after_help = "\
Any question or words will do; rare words count more, and a passage need not have all of them. Score: 1 for the first in
every ranking. Coverage: how much of the question, by weight, the passage has.

Example:
  mw kb search 'how long is a clip?' --project aismr --persona riley")]
    Search(SearchOptions),
    /// Ask questions whose answers are known, and print recall@5 and latency.
    #[command(after_help = "\
The file is a list of {\"query\", \"project\"?, \"persona\"?, \"expected\": [path]}.

Exit codes: 0 recall is at least the floor; 1 it is less; 2 no such file.

Example:
  mw kb eval --floor 0.9")]
    Eval(EvalOptions),
    /// Make a large corpus in a database of its own, and print how long searches take.
    #[command(after_help = "\
Needs a PostgreSQL server (DATABASE_URL, else the private one); makes a database there and drops it.

Exit codes: 0 the p95 is at most 0.5 s; 1 it is more.

Example:
  mw kb bench --passages 100000")]
    Bench(BenchOptions),
}

#[derive(Debug, Args)]
pub(crate) struct IngestOptions {
    /// The folder.
    #[arg(default_value = SHIPPED)]
    dir: PathBuf,
    /// Only say what would change.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SearchOptions {
    query: String,
    /// Only what is for this project, or for all.
    #[arg(long)]
    project: Option<String>,
    /// Only what is for this persona, or for all.
    #[arg(long)]
    persona: Option<String>,
    /// How many passages.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=i64::from(PASSAGES_MAX)))]
    limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct EvalOptions {
    /// The questions.
    #[arg(long, default_value = "data/kb/evaluation.json")]
    file: PathBuf,
    /// The least recall@5 that will do.
    #[arg(long, default_value_t = 0.9)]
    floor: f64,
}

#[derive(Debug, Args)]
pub(crate) struct BenchOptions {
    /// How many passages.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    passages: u32,
    /// How many questions.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    queries: u32,
}

/// The service level of a search, seconds.
const P95_SECONDS: f64 = 0.5;

pub(crate) fn run(context: &Context, command: Command) -> Result<u8> {
    match command {
        Command::Ingest(options) => {
            let report = ingest(context, &options.dir, options.dry_run)?;
            context.print(&json!(report), |_| print_report(&report, options.dry_run))?;
            Ok(u8::from(!report.failed.is_empty()))
        }
        Command::Search(options) => look_up(context, &options),
        Command::Eval(options) => eval(context, &options),
        Command::Bench(options) => bench(context, &options),
    }
}

/// Brings the database in line with a folder, or only says what that would change.
pub(super) fn ingest(context: &Context, dir: &Path, dry_run: bool) -> Result<Report> {
    let folder = Folder::read(dir)?;
    let mut db = projects::connect(&context.settings.database_url()?)?;
    let plan = plan(&mut db, folder)?;
    if dry_run {
        return Ok(plan.outlook());
    }
    signals::listen()?;
    let step = Step::begin("ingesting", context.json || plan.documents.is_empty());
    let all = plan.documents.len();
    let mut report =
        plan.carry_out(&mut db, Timestamp::now_utc(), |done| step.note(&format!("{done} of {all} documents")))?;
    step.done(&format!("{all} documents"));
    report.vectors = Some(vectors(context, &mut db)?);
    Ok(report)
}

/// Gives vectors to the passages that have none, where there is an embedder and pgvector; says what came of it.
fn vectors(context: &Context, db: &mut Client) -> Result<String> {
    let Some(embedder) = Embedder::of(&context.settings)? else {
        return Ok("none: EMBEDDINGS_MODEL is not set, words alone decide".to_owned());
    };
    let step = Step::begin("asking for vectors", context.json);
    let made = embedder.complete(db, |done| step.note(&format!("{done} passages")))?;
    let outcome = made.map_or_else(
        || "none: PostgreSQL has no pgvector that this role may use, words alone decide".to_owned(),
        |made| format!("{made} made by {}", embedder.name()),
    );
    step.done(&outcome);
    Ok(outcome)
}

/// A question's vector, where there is an embedder and the knowledge has vectors; those of another embedder are refused by
/// the search.
fn meaning(context: &Context, db: &mut Client, query: &str) -> Result<Option<Embedding>> {
    let Some(embedder) = Embedder::of(&context.settings)? else { return Ok(None) };
    let has_vectors = list(db, None, 0).map_err(unreachable)?.embedder.is_some();
    if has_vectors { embedder.question(query).map(Some) } else { Ok(None) }
}

pub(super) fn print_report(report: &Report, dry_run: bool) {
    for (verb, paths) in [("added", &report.added), ("changed", &report.changed), ("removed", &report.removed)] {
        paths.iter().for_each(|path| println!("{verb:<9} {path}"));
    }
    report.ignored.iter().for_each(|path| println!("{:<9} {path}", "ignored"));
    report.failed.iter().for_each(|failed| println!("{:<9} {}: {}", "FAILED", failed.path, failed.reason));
    println!(
        "{}{} added, {} changed, {} removed, {} unchanged, {} failed",
        if dry_run { "would be: " } else { "" },
        report.added.len(),
        report.changed.len(),
        report.removed.len(),
        report.unchanged,
        report.failed.len()
    );
    report.vectors.iter().for_each(|outcome| println!("vectors: {outcome}"));
}

fn look_up(context: &Context, options: &SearchOptions) -> Result<u8> {
    let mut db = projects::connect(&context.settings.database_url()?)?;
    let vector = meaning(context, &mut db, &options.query)?;
    let wanted = Search {
        vector: vector.as_ref(),
        query: &options.query,
        project: options.project.as_deref(),
        persona: options.persona.as_deref(),
        limit: options.limit,
        ..Search::default()
    };
    let passages = search(&mut db, &wanted).map_err(refused)?;
    context.print(&json!({ "passages": passages }), |_| {
        for passage in &passages {
            println!("{:.2}  covers {:3.0} %  {}", passage.score, passage.coverage * 100.0, passage.path);
            println!("      {}\n      {}\n", passage.title, passage.excerpt());
        }
        if passages.is_empty() {
            println!("nothing has any of these words");
        }
    })
}

fn eval(context: &Context, options: &EvalOptions) -> Result<u8> {
    let cases = cases(&options.file)?;
    let mut db = projects::connect(&context.settings.database_url()?)?;
    let outcomes = asked(context, &mut db, &cases)?;
    let recall = mean(&outcomes, Outcome::recall);
    let is_ok = recall >= options.floor;
    let mut report = latencies(&outcomes.iter().map(|outcome| outcome.seconds).collect::<Vec<_>>());
    if let Some(members) = report.as_object_mut() {
        members.insert("recall_at_5".to_owned(), json!(recall));
        members.insert("reciprocal_rank".to_owned(), json!(mean(&outcomes, Outcome::reciprocal_rank)));
        members.insert("floor".to_owned(), json!(options.floor));
        members.insert("ok".to_owned(), json!(is_ok));
        members.insert("questions".to_owned(), json!(outcomes));
    }
    context.print(&report, |report| {
        for outcome in outcomes.iter().filter(|outcome| outcome.recall() < 1.0) {
            println!("missed    {}: expected {:?}, found {:?}", outcome.query, outcome.expected, outcome.found);
        }
        println!("recall@{FIRST}  {recall:.3} over {} questions (floor {})", outcomes.len(), options.floor);
        println!("rank      {:.3} (mean of 1 / place of the first)", mean(&outcomes, Outcome::reciprocal_rank));
        print_latencies(report);
    })?;
    Ok(u8::from(!is_ok))
}

/// Latencies are those of the searches; the embedder's are its own.
fn asked(context: &Context, db: &mut Client, cases: &[Case]) -> Result<Vec<Outcome>> {
    cases
        .iter()
        .map(|case| {
            let vector = meaning(context, db, &case.query)?;
            ask(db, case, vector.as_ref())
        })
        .collect()
}

fn bench(context: &Context, options: &BenchOptions) -> Result<u8> {
    signals::listen()?;
    let given = context.settings.given("DATABASE_URL").map(str::to_owned);
    let scratch = Scratch::scratch(&folder::root()?, given.as_deref(), true)?;
    let mut db = projects::connect(scratch.url())?;
    migrations::migrate(db.driver(), &migrations::embedded()?)?;
    let mut writer = Writer::new(1);
    fill(&mut db, &mut writer, options.passages as usize, context.json)?;
    let seconds = (0..options.queries)
        .map(|number| {
            let case = Case {
                query: writer.question(),
                project: (number % 2 == 1).then(|| "aismr".to_owned()),
                persona: None,
                expected: Vec::new(),
            };
            evaluation::ask(&mut db, &case, None).map(|outcome| outcome.seconds)
        })
        .collect::<Result<Vec<f64>>>()?;
    let report = latencies(&seconds);
    let is_ok = quantile(&seconds, 0.95).is_some_and(|p95| p95 <= P95_SECONDS);
    context.print(&report, |report| {
        println!("passages  {}", options.passages);
        print_latencies(report);
    })?;
    Ok(u8::from(!is_ok))
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

fn latencies(seconds: &[f64]) -> Value {
    json!({"searches": seconds.len(), "p50_seconds": quantile(seconds, 0.5), "p95_seconds": quantile(seconds, 0.95),
           "max_seconds": quantile(seconds, 1.0)})
}

fn print_latencies(report: &Value) {
    let milliseconds = |name: &str| report.get(name).and_then(Value::as_f64).unwrap_or_default() * 1000.0;
    println!(
        "latency   p50 {:.1} ms, p95 {:.1} ms, at most {:.1} ms",
        milliseconds("p50_seconds"),
        milliseconds("p95_seconds"),
        milliseconds("max_seconds")
    );
}
