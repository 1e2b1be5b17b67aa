//! `mw chat`: what is kept of somebody's conversation with Brendan, to hand over or to delete.

use super::Context;
use crate::{
    api::{Api, escaped, list, text},
    error::{Error, Result},
};
use clap::Subcommand;
use serde_json::{Value, json};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print a conversation as JSON: its messages, the summary of older ones, what it has used of a language model.
    #[command(after_help = "Example:\n  mw chat export ann > ann.json")]
    Export { user: String },
    /// Delete a conversation and its summary; runs and the numbers of what was used stay. Says what would go; --yes does it.
    #[command(after_help = "Example:\n  mw chat delete telegram_8000001 --yes")]
    Delete {
        user: String,
        /// Do it.
        #[arg(long)]
        yes: bool,
    },
}

pub(crate) fn run(context: &Context, command: Command) -> Result<u8> {
    let api = Api::new(&context.settings)?;
    match command {
        Command::Export { user } => {
            let whole = export(&api, &user)?;
            println!("{}", if context.json { whole.to_string() } else { pretty(&whole)? });
            Ok(0)
        }
        Command::Delete { user, yes: false } => {
            let report = json!({"user_id": user, "would_delete": list(&export(&api, &user)?, "messages").len()});
            context.print(&report, |report| {
                println!("{} messages of {user} would go; --yes deletes them", report["would_delete"]);
            })
        }
        Command::Delete { user, yes: true } => {
            let deleted = delete(&api, &user)?;
            context.print(&json!({"user_id": user, "deleted": deleted}), |_| {
                println!("{deleted} messages of {user} are gone");
            })
        }
    }
}

fn path(user: &str) -> String {
    format!("/v1/chat/conversations/{}", escaped(user))
}

fn pretty(whole: &Value) -> Result<String> {
    serde_json::to_string_pretty(whole).map_err(|error| Error::failed(error.to_string()))
}

/// All of it, page after page.
fn export(api: &Api, user: &str) -> Result<Value> {
    let mut messages: Vec<Value> = Vec::new();
    let mut address = format!("{}?limit=200", path(user));
    loop {
        let page = api.get(&address)?;
        messages.extend_from_slice(list(&page, "messages"));
        match text(&page, "next_cursor") {
            "" => {
                let usage = page.get("usage");
                return Ok(
                    json!({"user_id": user, "messages": messages, "summary": page.get("summary"), "usage": usage}),
                );
            }
            cursor => address = format!("{}?limit=200&cursor={}", path(user), escaped(cursor)),
        }
    }
}

/// A long one goes in several requests.
fn delete(api: &Api, user: &str) -> Result<u64> {
    let mut deleted = 0;
    loop {
        let gone = api.delete(&path(user))?;
        deleted += gone.get("deleted").and_then(Value::as_u64).unwrap_or_default();
        if gone.get("more").and_then(Value::as_bool) != Some(true) {
            return Ok(deleted);
        }
    }
}
