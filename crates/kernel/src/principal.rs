//! Who acts: people and programs by name. Rights go by role, and at gates by name and group (see [`crate::definition::GatePolicy`]).

use crate::status::Channel;
use serde::{Deserialize, Serialize};

crate::words! {
    /// What a principal may do; each may also do what stands before it.
    Role {
        /// Reads.
        Viewer = "viewer",
        /// Starts runs, talks to Brendan, decides gates whose policy allows it.
        Approver = "approver",
        /// Everything else: verbs, dead letters, drain, principals.
        Operator = "operator",
    }
}

impl Role {
    /// Whether this role is enough where `needed` is asked for.
    pub fn covers(self, needed: Role) -> bool {
        self >= needed
    }
}

/// The name of whoever holds the environment's `API_KEY`.
pub const OPERATOR: &str = "operator";

/// The longest name of a principal or a group.
pub const NAME_LENGTH_MAX: usize = 64;

/// What [`is_name`] asks for, for people.
pub const NAME_RULE: &str = "lower-case letters, digits and . _ @ -, beginning with a letter or digit, 64 at most, and not \
     like a messenger's user (telegram_…, slack_…)";

/// Whether this can be the name of a group: lower case and ASCII, so that no two look alike, and fit for a path, a policy
/// and a log. The schema says the same (migrations/tables/0005_people.sql).
pub fn is_word(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= NAME_LENGTH_MAX
        && text.starts_with(plain)
        && text.chars().all(|c| plain(c) || matches!(c, '.' | '_' | '@' | '-'))
}

/// Whether this can be the name of a principal, and so of a link: a word that nobody takes for somebody whom a messenger
/// knows and we do not. The schema says the same (migrations/tables/0005_people.sql).
pub fn is_name(text: &str) -> bool {
    is_word(text) && !is_of_messenger(text)
}

/// Whether it is shaped like the users that chats make up: `telegram_5`, `telegram:-100`.
fn is_of_messenger(text: &str) -> bool {
    [Channel::Telegram, Channel::Slack]
        .into_iter()
        .filter_map(|messenger| text.strip_prefix(messenger.as_str()))
        .any(|rest| rest.starts_with(['_', ':']))
}

/// Somebody whose identity is established: by a key, a link's signature, a session, or a channel's own proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    pub name: String,
    pub role: Role,
    #[serde(default)]
    pub groups: Vec<String>,
    /// Only [`Principal::guest`] sets it, and it is written nowhere: what is read from a table is known.
    #[serde(skip)]
    is_guest: bool,
}

impl Principal {
    /// Somebody whom the table of principals knows.
    pub fn known(name: impl Into<String>, role: Role, groups: Vec<String>) -> Principal {
        Principal { name: name.into(), role, groups, is_guest: false }
    }

    /// The holder of the environment's `API_KEY`.
    pub fn operator() -> Principal {
        Principal::known(OPERATOR, Role::Operator, Vec::new())
    }

    /// Somebody whom a signed link names and no table knows: the same person may have other names, so a guest decides only
    /// where anybody alone may.
    pub fn guest(name: &str) -> Principal {
        Principal { is_guest: true, ..Principal::known(name, Role::Approver, Vec::new()) }
    }

    /// Whether only a link names them.
    pub fn is_guest(&self) -> bool {
        self.is_guest
    }
}

/// What the table of principals says of a name or of a messenger's id, at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Named {
    #[serde(flatten)]
    pub principal: Principal,
    pub disabled: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_and_bounded() {
        for name in ["ann", "ann@example.com", "3d", "night-shift_2.b", &"x".repeat(64)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "Ann", "-a", ".a", "a b", "a/b", "a\n", "\u{430}nn", &"x".repeat(65)] {
            assert!(!is_name(name), "{name:?}");
        }
    }

    #[test]
    fn no_name_is_shaped_like_a_messengers_user() {
        for name in ["telegram_5", "telegram:-100", "slack_U1", "slack_u1", "slack:C01", "telegram_"] {
            assert!(!is_name(name), "{name}");
        }
        for name in ["telegram", "slack-bot", "telegraf_5", "ann_telegram_5"] {
            assert!(is_name(name), "{name}");
        }
        assert!(is_word("slack_team"), "a group is nobody's name");
    }

    #[test]
    fn a_name_has_no_blanks_at_its_ends() {
        for name in ["ann ", " ann", "ann\t", "ann\u{a0}", "ann\u{200b}", "\u{ff41}nn"] {
            assert!(!is_name(name), "{name:?}");
        }
    }

    #[test]
    fn who_is_read_from_a_table_is_no_guest() {
        let read: Principal = serde_json::from_str(r#"{"name": "ann", "role": "viewer", "is_guest": true}"#).unwrap();
        assert!(!read.is_guest() && Principal::guest("ann").is_guest() && !Principal::operator().is_guest());
    }

    #[test]
    fn each_role_covers_itself_and_the_ones_before_it() {
        for (index, role) in Role::ALL.iter().enumerate() {
            for (other, needed) in Role::ALL.iter().enumerate() {
                assert_eq!(role.covers(*needed), index >= other, "{role} {needed}");
            }
        }
    }
}
