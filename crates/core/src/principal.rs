//! Who acts: people and programs by name. Rights go by role, and at gates by name and group (see [`crate::definition::GatePolicy`]).

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

/// Whether this can be the name of a principal or a group: lower case, so that no two look alike by case, and fit for a
/// path, a policy and a log. The schema says the same (migrations/0020).
pub fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= NAME_LENGTH_MAX
        && text.starts_with(plain)
        && text.chars().all(|c| plain(c) || matches!(c, '.' | '_' | '@' | '-'))
}

/// Somebody whose identity is established: by a key, a link's signature, a session, or a channel's own proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    pub name: String,
    pub role: Role,
    #[serde(default)]
    pub groups: Vec<String>,
}

impl Principal {
    /// The holder of the environment's `API_KEY`.
    pub fn operator() -> Principal {
        Principal { name: OPERATOR.to_owned(), role: Role::Operator, groups: Vec::new() }
    }

    /// Somebody whom a signed link names and no table knows: may decide where the policy names nobody, or names them.
    pub fn guest(name: &str) -> Principal {
        Principal { name: name.to_owned(), role: Role::Approver, groups: Vec::new() }
    }
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
    fn each_role_covers_itself_and_the_ones_before_it() {
        for (index, role) in Role::ALL.iter().enumerate() {
            for (other, needed) in Role::ALL.iter().enumerate() {
                assert_eq!(role.covers(*needed), index >= other, "{role} {needed}");
            }
        }
    }
}
