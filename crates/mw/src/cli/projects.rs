//! `mw projects`: project definitions in the database.

use super::Context;
use crate::{api::text, error::Result, projects};
use clap::Subcommand;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Load the definitions of a folder; new runs use them. May be repeated.
    #[command(
        after_help = "A stored version never changes: a changed definition needs a new version.\n\nExample:\n  mw projects apply my-projects/"
    )]
    Apply {
        /// The folder with one JSON file for each project.
        #[arg(default_value = "projects")]
        dir: PathBuf,
    },
    /// Say everything that is wrong with definition files, by JSON pointer, without a database.
    #[command(
        after_help = "Exit codes: 0 nothing is wrong; 1 something is; 2 a file cannot be read.\n\nExample:\n  mw projects check my-projects/harbour.json"
    )]
    Check {
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// List the projects in the database.
    List,
}

pub(crate) fn run(context: &Context, command: Command) -> Result<u8> {
    match command {
        Command::Apply { dir } => {
            let definitions = projects::from_folder(&dir)?;
            let mut client = projects::connect(&context.settings.database_url()?)?;
            let mut applied = Vec::new();
            for definition in &definitions {
                let result = projects::apply(&mut client, definition)?;
                applied.push(json!({ "key": definition.key, "version": definition.version, "result": result }));
            }
            context.print(&Value::Array(applied), print_lines)
        }
        Command::Check { files } => check(context, &files),
        Command::List => {
            let mut client = projects::connect(&context.settings.database_url()?)?;
            let stored = projects::stored(&mut client)?;
            let lines = stored
                .iter()
                .map(|project| json!({ "key": project.key, "version": project.version, "title": project.title }));
            context.print(&Value::Array(lines.collect()), print_lines)
        }
    }
}

fn check(context: &Context, files: &[PathBuf]) -> Result<u8> {
    let mut report = Vec::new();
    for file in files.iter().filter(|file| !projects::is_schema(file)) {
        let faults = projects::check(file)?.err().unwrap_or_default();
        report.push(json!({ "file": file, "faults": faults }));
    }
    let faults = |report: &Value| report.get("faults").and_then(Value::as_array).cloned().unwrap_or_default();
    let is_good = report.iter().all(|report| faults(report).is_empty());
    context.print(&Value::Array(report), |report| {
        for report in report.as_array().into_iter().flatten() {
            let file = text(report, "file");
            let faults = faults(report);
            for fault in &faults {
                println!("{file}#{}: {}", text(fault, "pointer"), text(fault, "detail"));
            }
            if faults.is_empty() {
                println!("{file}: nothing is wrong");
            }
        }
    })?;
    Ok(u8::from(!is_good))
}

fn print_lines(projects: &Value) {
    for project in projects.as_array().into_iter().flatten() {
        let last = [text(project, "result"), text(project, "title")].concat();
        println!("{:<24}  {:<10}  {last}", text(project, "key"), text(project, "version"));
    }
}
