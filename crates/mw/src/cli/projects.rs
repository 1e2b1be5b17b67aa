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

fn print_lines(projects: &Value) {
    for project in projects.as_array().into_iter().flatten() {
        let last = [text(project, "result"), text(project, "title")].concat();
        println!("{:<24}  {:<10}  {last}", text(project, "key"), text(project, "version"));
    }
}
