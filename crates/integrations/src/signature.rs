//! Signatures of webhooks: the scheme of every provider, and the generic one that is accepted beside them.
//!
//! A signature is checked by computing the expected header value and comparing the texts in constant time, so there is
//! exactly one accepted spelling (no padding, case or prefix tricks). Several secrets may be valid during a rotation.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::callback::hex;

/// What the check of a delivery said, in the words of `webhook_events.signature_status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureStatus {
    Valid,
    /// A signature is there and does not match, or its time is too far from ours.
    Invalid,
    /// A secret is configured and no signature came.
    Missing,
    /// The provider does not sign, or we have no secret.
    Unsigned,
}

impl SignatureStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            SignatureStatus::Valid => "valid",
            SignatureStatus::Invalid => "invalid",
            SignatureStatus::Missing => "missing",
            SignatureStatus::Unsigned => "unsigned",
        }
    }
}

/// A signed time may differ from ours by this much, in either direction.
const TOLERANCE_SECONDS: u64 = 300;

/// Headers of the generic scheme, in the order in which they are looked for.
pub(crate) const GENERIC_HEADERS: [&str; 3] = ["x-signature", "x-kie-signature", "x-webhook-signature"];

/// The usable secrets: an empty one would let anybody sign.
pub(crate) fn usable<'a>(secrets: &[&'a str]) -> Vec<&'a str> {
    secrets.iter().map(|secret| secret.trim()).filter(|secret| !secret.is_empty()).collect()
}

/// HMAC-SHA256 over the parts, one after the other.
pub(crate) fn hmac_sha256(secret: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // HMAC takes keys of any length; the error type is there for other algorithms.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        return Vec::new();
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

pub(crate) fn hmac_hex(secret: &str, parts: &[&[u8]]) -> String {
    hex(&hmac_sha256(secret.as_bytes(), parts))
}

pub(crate) fn hmac_base64(secret: &str, parts: &[&[u8]]) -> String {
    STANDARD.encode(hmac_sha256(secret.as_bytes(), parts))
}

/// Equality of two texts, in a time that tells nothing about where they differ.
pub(crate) fn same(given: &str, expected: &str) -> bool {
    !expected.is_empty() && bool::from(given.as_bytes().ct_eq(expected.as_bytes()))
}

/// A header's text without surrounding whitespace; `None` if it is absent or not readable ASCII.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// Whether a signed Unix time is near enough to ours.
pub(crate) fn is_fresh(timestamp: &str, now_unix: u64) -> bool {
    timestamp.bytes().all(|byte| byte.is_ascii_digit())
        && timestamp.parse::<u64>().is_ok_and(|time| time.abs_diff(now_unix) <= TOLERANCE_SECONDS)
}

/// The generic scheme: the first of three headers is the bare lower-case hex HMAC-SHA256 of the body.
pub(crate) fn generic_is_valid(headers: &HeaderMap, body: &[u8], secrets: &[&str]) -> bool {
    let Some(given) = generic_header(headers) else {
        return false;
    };
    let given = header(headers, given).unwrap_or_default();
    secrets.iter().any(|secret| same(given, &hmac_hex(secret, &[body])))
}

/// The name of the generic scheme's header that came, if any did.
pub(crate) fn generic_header(headers: &HeaderMap) -> Option<&'static str> {
    GENERIC_HEADERS.into_iter().find(|name| headers.contains_key(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_spelled_as_in_the_database() {
        for (status, text) in [
            (SignatureStatus::Valid, "valid"),
            (SignatureStatus::Invalid, "invalid"),
            (SignatureStatus::Missing, "missing"),
            (SignatureStatus::Unsigned, "unsigned"),
        ] {
            assert_eq!(status.as_str(), text);
            assert_eq!(serde_json::to_value(status).unwrap(), text);
        }
    }

    #[test]
    fn time_is_near_in_both_directions_only() {
        for (timestamp, fresh) in [
            ("1000", true),
            ("700", true),
            ("1300", true),
            ("699", false),
            ("1301", false),
            ("", false),
            ("-1000", false),
            ("+1000", false),
            ("1000.0", false),
            ("99999999999999999999999", false),
        ] {
            assert_eq!(is_fresh(timestamp, 1000), fresh, "{timestamp:?}");
        }
    }

    #[test]
    fn nothing_equals_an_empty_expectation() {
        assert!(!same("", ""));
        assert!(same("a", "a"));
        assert!(!same("a", "ab"));
    }

    #[test]
    fn hmac_matches_rfc_4231() {
        let hex = hmac_hex("Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn empty_secrets_are_not_usable() {
        assert_eq!(usable(&["", "  ", "a"]), ["a"]);
        assert!(usable(&[]).is_empty());
    }
}
