//! Which headers of a delivery are kept beside it: what it is, which request it was, and what its signature stands in. Any
//! other may be a secret of somebody's or padding, so it is not kept.

use std::collections::BTreeMap;

use crate::signature::GENERIC_HEADERS;

/// What describes a request, whoever sends it.
const COMMON: [&str; 3] = ["content-type", "user-agent", "x-request-id"];
/// Longest part of a value that is kept. A signature has at most 100 bytes; several of them stand in one header during a rotation.
pub const VALUE_BYTES_MAX: usize = 256;
/// All names and values together.
pub const ALL_BYTES_MAX: usize = 2048;

/// The headers to keep, by name, of those that came; names are in lower case. `signed_with`: those of the sender.
pub fn kept<'a>(
    signed_with: &[&str],
    came: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> BTreeMap<&'a str, &'a str> {
    let mut kept = BTreeMap::new();
    let mut left = ALL_BYTES_MAX;
    for (name, value) in came {
        let is_kept = [&COMMON[..], &GENERIC_HEADERS, signed_with].iter().any(|list| list.contains(&name));
        if !is_kept || kept.contains_key(name) {
            continue;
        }
        let value = value.get(..value.floor_char_boundary(VALUE_BYTES_MAX)).unwrap_or_default();
        if let Some(rest) = left.checked_sub(name.len() + value.len()) {
            left = rest;
            kept.insert(name, value);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::webhooks;
    use crate::standard;

    #[test]
    fn what_describes_a_delivery_is_kept() {
        for name in ["content-type", "user-agent", "x-request-id", "x-signature", "x-webhook-signature"] {
            assert_eq!(kept(&[], [(name, "x")]), BTreeMap::from([(name, "x")]), "{name}");
        }
    }

    #[test]
    fn what_the_sender_signs_with_is_kept_and_nobody_elses() {
        let senders: Vec<&[&str]> = webhooks().map(|webhook| webhook.headers).chain([&standard::HEADERS[..]]).collect();
        for name in senders.iter().copied().flatten() {
            for sender in senders.iter().copied() {
                let is_its = sender.contains(name) || GENERIC_HEADERS.contains(name);
                assert_eq!(kept(sender, [(*name, "x")]).len(), usize::from(is_its), "{name}");
            }
        }
    }

    #[test]
    fn everything_else_is_not_kept() {
        for name in [
            "authorization",
            "cookie",
            "x-api-key",
            "x-gitlab-token",
            "spin-client-addr",
            "host",
            "x-pad",
            "webhook-x",
            "",
        ] {
            assert!(kept(&standard::HEADERS, [(name, "x")]).is_empty(), "{name}");
        }
    }

    #[test]
    fn values_are_cut_between_characters() {
        let long = format!("{}{}", "a".repeat(VALUE_BYTES_MAX - 1), "é".repeat(500));
        assert_eq!(kept(&[], [("user-agent", long.as_str())])["user-agent"], "a".repeat(VALUE_BYTES_MAX - 1));
    }

    #[test]
    fn the_first_of_a_name_counts() {
        assert_eq!(kept(&[], [("x-request-id", "1"), ("x-request-id", "2")])["x-request-id"], "1");
    }

    #[test]
    fn all_together_have_a_bound() {
        let long = "x".repeat(10_000);
        let lists: [&[&str]; 3] = [&COMMON, &GENERIC_HEADERS, &standard::HEADERS];
        let came = lists.into_iter().flatten().map(|name| (*name, long.as_str()));
        let bytes: usize = kept(&standard::HEADERS, came).iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!((ALL_BYTES_MAX - 300..=ALL_BYTES_MAX).contains(&bytes), "{bytes}");
    }
}
