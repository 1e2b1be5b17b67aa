//! `mw ingest`: everything that the product works from, out of files: projects with their personas and guard-rails, and the
//! knowledge. The runbooks' name for `mw projects apply` and `mw kb ingest` together.

use super::{Context, kb, validate};
use crate::{
    api::text,
    error::Result,
    knowledge::{SHIPPED, folder::Folder},
    mode::Mode,
    projects,
};
use clap::{Args, Subcommand};
use mw_media::definition::{Definition, Step};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Load projects and knowledge from files; prints what there is, and the providers' hosts. May be repeated.
    #[command(after_help = "\
Exit codes: 0 done; 1 a file could not be read, or a definition changed without its version; 2 a folder is missing.

Examples:
  mw ingest run --dry-run      reads and counts, asks no database
  mw ingest run --dir ~/handbook")]
    Run(Options),
}

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only read and count.
    #[arg(long)]
    dry_run: bool,
    /// The folder of the knowledge.
    #[arg(long, default_value = SHIPPED)]
    dir: PathBuf,
    /// The folder with one JSON file for each project.
    #[arg(long, default_value = "projects")]
    projects: PathBuf,
}

pub(crate) fn run(context: &Context, command: Command) -> Result<u8> {
    let Command::Run(options) = command;
    let definitions = projects::from_folder(&options.projects)?;
    let folder = Folder::read(&options.dir)?;
    let mut report = counts(&definitions, &folder);
    let mode = Mode::choose(None, &context.settings)?;
    add(&mut report, "mode", json!(mode.name()));
    add(&mut report, "provider_hosts", validate::provider_hosts(&context.settings, mode)?);
    let has_failed = !folder.failed.is_empty();
    if options.dry_run {
        add(&mut report, "failed", json!(folder.failed));
        context.print(&report, |report| {
            print_counts(report);
            folder.failed.iter().for_each(|failed| println!("FAILED      {}: {}", failed.path, failed.reason));
        })?;
        return Ok(u8::from(has_failed));
    }
    let mut db = projects::connect(&context.settings.database_url()?)?;
    for definition in &definitions {
        projects::apply(&mut db, definition)?;
    }
    let done = kb::ingest(context, &options.dir, false)?;
    add(&mut report, "knowledge", json!(done));
    context.print(&report, |report| {
        print_counts(report);
        kb::print_report(&done, false);
    })?;
    Ok(u8::from(!done.failed.is_empty()))
}

fn add(report: &mut Value, name: &str, value: Value) {
    if let Some(members) = report.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

fn counts(definitions: &[Definition], folder: &Folder) -> Value {
    let personas: BTreeSet<&str> = definitions.iter().flat_map(personas).collect();
    let guardrails = definitions.iter().filter_map(|definition| definition.settings.as_ref());
    let guardrails: usize = guardrails.map(|settings| settings.guardrails.len()).sum();
    let is_sample = |path: &str| path.split('/').any(|part| part == "samples");
    let samples = folder.documents.iter().filter(|document| is_sample(&document.path)).count();
    json!({"personas": personas.len(), "projects": definitions.len(), "guardrails": guardrails, "samples": samples,
           "documents": folder.documents.len()})
}

fn personas(definition: &Definition) -> impl Iterator<Item = &str> {
    let named = definition.steps.iter().filter_map(|step| match step {
        Step::Persona { persona, .. } => Some(persona.as_str()),
        Step::Gate { .. } | Step::Generate { .. } | Step::Render { .. } | Step::Publish { .. } => None,
    });
    named.chain(definition.optional_personas.iter().map(|optional| optional.persona.as_str()))
}

fn print_counts(report: &Value) {
    for name in ["personas", "projects", "guardrails", "samples", "documents"] {
        println!("{name:<11} {}", report.get(name).unwrap_or(&Value::Null));
    }
    println!("{:<11} {}", "providers", text(report, "mode"));
    for (name, host) in report.get("provider_hosts").and_then(Value::as_object).into_iter().flatten() {
        println!("  {name:<12} {}", host.as_str().unwrap_or_default());
    }
}
