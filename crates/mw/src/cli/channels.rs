//! `mw channels`: the chats and channels that are notified, and messages that could not be delivered.

use super::Context;
use crate::{
    api::{Api, escaped, list, text},
    error::{Error, Result},
};
use clap::Subcommand;
use serde_json::{Value, json};

const PATH: &str = "/v1/channels";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Tell a chat or channel what happens; a chat on Telegram may then talk to Brendan, too.
    #[command(after_help = "\
Examples:
  mw channels add telegram -1001234567890
  mw channels add slack C0123456789 --project aismr

Who presses a button there must be known: mw principals identify NAME --telegram ID --slack ID")]
    Add {
        /// telegram or slack.
        kind: String,
        /// A chat's id on Telegram (a number), a channel's on Slack (like C0123456789).
        #[arg(allow_hyphen_values = true)]
        address: String,
        /// Only runs of this project.
        #[arg(long)]
        project: Option<String>,
    },
    /// List them.
    List,
    /// Tell a chat or channel nothing more: all its entries, or that of one project.
    Remove {
        /// telegram or slack.
        kind: String,
        #[arg(allow_hyphen_values = true)]
        address: String,
        /// Only the entry of this project.
        #[arg(long)]
        project: Option<String>,
    },
    /// Send what could not be delivered once more.
    #[command(after_help = "Example:\n  mw channels replay --run 6f1c…")]
    Replay {
        /// Only the messages of this run.
        #[arg(long)]
        run: Option<String>,
    },
}

pub(crate) fn run(context: &Context, command: Command) -> Result<u8> {
    let api = Api::new(&context.settings)?;
    match command {
        Command::Add { kind, address, project } => {
            let added = api.post(PATH, json!({"kind": kind, "address": address, "project": project}))?;
            context.print(&added, |added| println!("{}", line(added)))
        }
        Command::List => {
            let channels = api.get(PATH)?;
            context.print(&channels, |channels| {
                list(channels, "channels").iter().for_each(|channel| println!("{}", line(channel)));
                if list(channels, "channels").is_empty() {
                    println!("no channel: nobody is notified");
                }
            })
        }
        Command::Remove { kind, address, project } => {
            let channels = api.get(PATH)?;
            let meant = |channel: &&Value| {
                text(channel, "kind") == kind
                    && text(channel, "address") == address
                    && project.as_deref().is_none_or(|project| text(channel, "project") == project)
            };
            let ids: Vec<&str> =
                list(&channels, "channels").iter().filter(meant).map(|found| text(found, "id")).collect();
            if ids.is_empty() {
                return Err(Error::misuse(format!("{kind} {address} is no channel: mw channels list")));
            }
            for id in &ids {
                api.post(&format!("{PATH}/{}/remove", escaped(id)), json!({}))?;
            }
            context.print(&json!({"removed": ids}), |_| println!("{kind} {address} is removed"))
        }
        Command::Replay { run } => {
            let replayed = api.post(&format!("{PATH}/replay"), json!({"run_id": run}))?;
            context.print(&replayed, |replayed| {
                println!("{} messages are due again", replayed.get("replayed").unwrap_or(&Value::Null));
            })
        }
    }
}

fn line(channel: &Value) -> String {
    let project = match text(channel, "project") {
        "" => "all projects",
        project => project,
    };
    format!("{:<8}  {:<20}  {project}", text(channel, "kind"), text(channel, "address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_one_line() {
        let channel = json!({"kind": "telegram", "address": "-100", "project": null});
        assert_eq!(line(&channel), "telegram  -100                  all projects");
        assert!(line(&json!({"kind": "slack", "address": "C01", "project": "aismr"})).ends_with("aismr"));
    }
}
