//! `mw principals`: who may ask, with which role, and their keys. A new key is the first line on stdout, this once.

use super::Context;
use crate::{
    api::{Api, escaped, list, text},
    error::Result,
};
use clap::{Args, Subcommand, builder::PossibleValuesParser};
use mw_media::principal::Role;
use serde_json::{Value, json};

const PATH: &str = "/v1/principals";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List everybody by name: role, groups, ids elsewhere, and the ids of their keys.
    List,
    /// Add a person or program, and print the first key.
    #[command(after_help = "\
Examples:
  mw principals add ann --role approver --group editors --telegram 8000001
  KEY=$(mw principals add deploy-bot --role operator | head -1)

Roles: viewer reads; approver also chats, starts runs and decides gates; operator does everything.
The key is the first line on stdout. It is kept nowhere: whoever loses it gets another (rotate).
The name operator belongs to API_KEY, which needs no entry.")]
    Add {
        name: String,
        #[arg(long, value_parser = roles())]
        role: String,
        /// A group, by which gates may name approvers; may be repeated.
        #[arg(long = "group")]
        groups: Vec<String>,
        #[command(flatten)]
        identities: Identities,
    },
    /// Change role or groups; what is not named stays.
    #[command(after_help = "Example:\n  mw principals change ann --role operator --group editors --group night-shift")]
    Change {
        name: String,
        #[arg(long, value_parser = roles())]
        role: Option<String>,
        /// The groups from now on; may be repeated.
        #[arg(long = "group")]
        groups: Vec<String>,
    },
    /// Say who somebody is on Telegram and Slack; what is not named is taken away.
    #[command(after_help = "Example:\n  mw principals identify ann --telegram 8000001 --slack U024BE7LH")]
    Identify {
        name: String,
        #[command(flatten)]
        identities: Identities,
    },
    /// Print a new key; the old ones go on, unless they are given an end.
    #[command(after_help = "\
Example:
  mw principals rotate ann --expire-old-after 24

Both keys are good until the old one ends, so nothing is refused while the new one is carried round.")]
    Rotate {
        name: String,
        /// End the older keys after so many hours; 0 is at once.
        #[arg(long, value_name = "HOURS")]
        expire_old_after: Option<u32>,
    },
    /// Refuse all keys, links and buttons of somebody, at once.
    Disable { name: String },
    /// Take them again.
    Enable { name: String },
    /// Single keys.
    #[command(subcommand)]
    Keys(Keys),
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Refuse one key, at once and for good.
    #[command(after_help = "\
Example:
  mw principals keys revoke ann 3f1c0a9b77de

mw principals list shows the ids. That of a key at hand: printf %s \"$KEY\" | sha256sum | cut -c1-12")]
    Revoke { name: String, key_id: String },
}

#[derive(Debug, Args)]
pub(crate) struct Identities {
    /// Their user id on Telegram (a number).
    #[arg(long, value_name = "ID")]
    telegram: Option<String>,
    /// Their member id on Slack (like U024BE7LH).
    #[arg(long, value_name = "ID")]
    slack: Option<String>,
}

fn roles() -> PossibleValuesParser {
    Role::ALL.iter().map(|role| role.as_str()).collect::<Vec<_>>().into()
}

pub(crate) fn run(context: &Context, command: Command) -> Result<u8> {
    let api = Api::new(&context.settings)?;
    let of = |name: &str, what: &str| format!("{PATH}/{}{what}", escaped(name));
    match command {
        Command::List => list_all(context, &api),
        Command::Add { name, role, groups, identities: Identities { telegram, slack } } => {
            let body = json!({"name": name, "role": role, "groups": groups, "telegram": telegram, "slack": slack});
            print_key(context, &api.post(PATH, body)?)
        }
        Command::Rotate { name, expire_old_after } => {
            let body = json!({"expire_old_after_hours": expire_old_after});
            print_key(context, &api.post(&of(&name, "/keys"), body)?)
        }
        Command::Change { name, role, groups } => {
            let groups = (!groups.is_empty()).then_some(groups);
            let answer = api.post(&of(&name, ""), json!({"role": role, "groups": groups}))?;
            context.print(&answer, |_| println!("{name} is changed"))
        }
        Command::Identify { name, identities: Identities { telegram, slack } } => {
            let answer = api.post(&of(&name, "/identities"), json!({"telegram": telegram, "slack": slack}))?;
            context.print(&answer, |_| println!("{name} is changed"))
        }
        Command::Disable { name } => {
            context.print(&api.post(&of(&name, "/disable"), json!({}))?, |_| println!("{name} is disabled"))
        }
        Command::Enable { name } => {
            context.print(&api.post(&of(&name, "/enable"), json!({}))?, |_| println!("{name} is enabled"))
        }
        Command::Keys(Keys::Revoke { name, key_id }) => {
            let answer = api.post(&of(&name, &format!("/keys/{}/revoke", escaped(&key_id))), json!({}))?;
            context.print(&answer, |_| println!("key {key_id} of {name} is revoked"))
        }
    }
}

fn print_key(context: &Context, answer: &Value) -> Result<u8> {
    context.print(answer, |answer| {
        println!("{}", text(answer, "key"));
        eprintln!("key {} of {}: it is shown this once", text(answer, "keyId"), text(answer, "name"));
    })
}

/// All of them, page after page.
fn list_all(context: &Context, api: &Api) -> Result<u8> {
    let mut all: Vec<Value> = Vec::new();
    let mut path = format!("{PATH}?limit=200");
    loop {
        let page = api.get(&path)?;
        all.extend_from_slice(list(&page, "principals"));
        match text(&page, "next_cursor") {
            "" => break,
            cursor => path = format!("{PATH}?limit=200&cursor={}", escaped(cursor)),
        }
    }
    context.print(&json!({"principals": all}), |all| {
        list(all, "principals").iter().for_each(|one| print!("{}", shown(one)))
    })
}

fn shown(principal: &Value) -> String {
    let groups: Vec<&str> = list(principal, "groups").iter().filter_map(Value::as_str).collect();
    let identities = principal.get("identities").and_then(Value::as_object).into_iter().flatten();
    let identities: String =
        identities.map(|(channel, id)| format!("  {channel} {}", id.as_str().unwrap_or_default())).collect();
    let since = text(principal, "disabledAt");
    let disabled = if since.is_empty() { String::new() } else { format!("  disabled since {since}") };
    let mut shown = format!(
        "{:<20} {:<9} {}{identities}{disabled}\n",
        text(principal, "name"),
        text(principal, "role"),
        groups.join(", ")
    );
    for key in list(principal, "keys") {
        let end = match (text(key, "revokedAt"), text(key, "expiresAt")) {
            ("", "") => String::new(),
            ("", at) => format!(", ends {at}"),
            (at, _) => format!(", revoked {at}"),
        };
        shown += &format!("  key {} since {}{end}\n", text(key, "keyId"), text(key, "createdAt"));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_shown_with_groups_ids_and_how_each_key_ends() {
        let shown = shown(&json!({
            "name": "ann", "role": "approver", "groups": ["editors", "night"], "identities": {"telegram": "8"},
            "disabledAt": "2026", "keys": [
                {"keyId": "k1", "createdAt": "1", "expiresAt": null, "revokedAt": null},
                {"keyId": "k2", "createdAt": "2", "expiresAt": "9", "revokedAt": null},
                {"keyId": "k3", "createdAt": "3", "expiresAt": "9", "revokedAt": "8"},
            ],
        }));
        assert_eq!(
            shown,
            "ann                  approver  editors, night  telegram 8  disabled since 2026\n  \
             key k1 since 1\n  key k2 since 2, ends 9\n  key k3 since 3, revoked 8\n"
        );
    }
}
