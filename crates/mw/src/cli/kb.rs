//! `mw kb`: the knowledge that Brendan, personas and agents answer from.

use super::Context;
use crate::{
    error::Result,
    knowledge::{
        SHIPPED,
        evaluation::{Case, FIRST, Latencies, Outcome, ask, cases, mean, refused},
        folder::Folder,
        ingest::{Report, plan, unreachable},
        vectors::Embedder,
    },
    progress::Step,
    projects, signals,
};
use clap::{Args, Subcommand};
use mw_media::Timestamp;
use mw_store::knowledge::{Embedding, PASSAGES_MAX, Search, list, search};
use mw_store::native::Client;
use serde_json::json;
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
}

#[derive(Debug, Args)]
pub(crate) struct IngestOptions {
    /// The folder; the shipped knowledge unless given.
    folder: Option<PathBuf>,
    /// The same, by name.
    #[arg(long, conflicts_with = "folder")]
    dir: Option<PathBuf>,
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

pub(crate) fn run(context: &Context, command: Command) -> Result<u8> {
    match command {
        Command::Ingest(options) => {
            let folder = options.folder.or(options.dir).unwrap_or_else(|| PathBuf::from(SHIPPED));
            let report = ingest(context, &folder, options.dry_run)?;
            context.print(&json!(report), |_| print_report(&report, options.dry_run))?;
            Ok(u8::from(!report.failed.is_empty()))
        }
        Command::Search(options) => look_up(context, &options),
        Command::Eval(options) => eval(context, &options),
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
    let latencies = Latencies::of(&outcomes.iter().map(|outcome| outcome.seconds).collect::<Vec<_>>());
    let mut report = json!(latencies);
    if let Some(members) = report.as_object_mut() {
        members.insert("recall_at_5".to_owned(), json!(recall));
        members.insert("reciprocal_rank".to_owned(), json!(mean(&outcomes, Outcome::reciprocal_rank)));
        members.insert("floor".to_owned(), json!(options.floor));
        members.insert("ok".to_owned(), json!(is_ok));
        members.insert("questions".to_owned(), json!(outcomes));
    }
    context.print(&report, |_| {
        for outcome in outcomes.iter().filter(|outcome| outcome.recall() < 1.0) {
            println!("missed    {}: expected {:?}, found {:?}", outcome.query, outcome.expected, outcome.found);
        }
        println!("recall@{FIRST}  {recall:.3} over {} questions (floor {})", outcomes.len(), options.floor);
        println!("rank      {:.3} (mean of 1 / place of the first)", mean(&outcomes, Outcome::reciprocal_rank));
        println!("latency   {latencies}");
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
