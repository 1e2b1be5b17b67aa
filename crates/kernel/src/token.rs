//! Signed links of gates. A token is good for one run, one gate, one opening of it, one approver and until one
//! moment: `base64url(claims) "." base64url(HMAC-SHA256(secret, run, gate, claims))`. To everybody else it is opaque.

use crate::Timestamp;
use crate::status::GateName;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Longer tokens are refused unread.
pub const TOKEN_BYTES_MAX: usize = 1024;

/// What a token says beside the run and the gate, which are in its URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    #[serde(rename = "o")]
    pub opening: u32,
    /// What its holder is shown.
    #[serde(rename = "s")]
    pub subject_sha256: String,
    #[serde(rename = "a")]
    pub approver: String,
    /// Unix seconds.
    #[serde(rename = "e")]
    pub expires_at: i64,
    /// Makes two links for one approver different.
    #[serde(rename = "n")]
    pub nonce: String,
}

/// Why a token is refused. Callers answer all of them alike; the log tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("malformed")]
    Malformed,
    #[error("signature-mismatch")]
    SignatureMismatch,
    #[error("expired")]
    Expired,
}

/// Signs a link's token.
pub fn issue(secret: &str, run_id: &str, gate: GateName, claims: &Claims) -> String {
    let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).unwrap_or_default());
    let signature = mac(secret, run_id, gate, &body).map(|mac| URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
    format!("{body}.{}", signature.unwrap_or_default())
}

/// The path that a link points to, percent-encoded.
pub fn path(run_id: &str, gate: GateName, token: &str) -> String {
    format!("/v1/hitl/approve/{}/{gate}?token={}", percent_encode(run_id), percent_encode(token))
}

/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Encodes everything but the unreserved characters, for a path's segment or a query's value.
pub fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The principal's name that a token gives, unchecked: what may be looked up beside the run, and believed once the token is
/// verified. `None` when it can be nobody's.
pub fn claimed_approver(token: &str) -> Option<String> {
    let (body, _) = token.split_once('.').filter(|_| token.len() <= TOKEN_BYTES_MAX)?;
    let claims: Claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()?;
    Some(claims.approver).filter(|name| crate::principal::is_name(name))
}

/// Checks a token against every secret that is valid now (two during a rotation), in constant time.
pub fn verify(
    secrets: &[&str],
    run_id: &str,
    gate: GateName,
    token: &str,
    now: Timestamp,
) -> Result<Claims, TokenError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenError::Malformed);
    }
    let (body, signature) = token.split_once('.').ok_or(TokenError::Malformed)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?;
    let signed = secrets
        .iter()
        .filter(|secret| !secret.is_empty())
        .filter_map(|secret| mac(secret, run_id, gate, body))
        .any(|mac| mac.verify_slice(&signature).is_ok());
    if !signed {
        return Err(TokenError::SignatureMismatch);
    }
    let claims = URL_SAFE_NO_PAD.decode(body).map_err(|_| TokenError::Malformed)?;
    let claims: Claims = serde_json::from_slice(&claims).map_err(|_| TokenError::Malformed)?;
    if claims.expires_at <= now.unix_timestamp() {
        return Err(TokenError::Expired);
    }
    Ok(claims)
}

/// What the page of a link puts into its form: who has only the link's address cannot send the form. Good for that link,
/// and so for its run, gate, opening, approver and time.
pub fn form_token(secret: &str, run_id: &str, gate: GateName, token: &str) -> String {
    let mac = mac_for("gate-form", secret, run_id, gate, token);
    mac.map(|mac| URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())).unwrap_or_default()
}

/// Whether a form came from the page of this link, under any secret that is valid now; in constant time.
pub fn is_form_of(secrets: &[&str], run_id: &str, gate: GateName, token: &str, sent: &str) -> bool {
    let Ok(sent) = URL_SAFE_NO_PAD.decode(sent) else { return false };
    secrets
        .iter()
        .filter(|secret| !secret.is_empty())
        .filter_map(|secret| mac_for("gate-form", secret, run_id, gate, token))
        .any(|mac| mac.verify_slice(&sent).is_ok())
}

fn mac(secret: &str, run_id: &str, gate: GateName, body: &str) -> Option<Hmac<Sha256>> {
    mac_for("gate-link", secret, run_id, gate, body)
}

fn mac_for(purpose: &str, secret: &str, run_id: &str, gate: GateName, body: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    // The separator occurs in none of the parts but the run id, which stands last.
    for part in [purpose, gate.as_str(), body, run_id] {
        mac.update(part.as_bytes());
        mac.update(b"\n");
    }
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::testing::gate;
    use proptest::prelude::*;
    use time::macros::datetime;

    const NOW: Timestamp = datetime!(2026-01-02 03:04:05 UTC);

    fn claims() -> Claims {
        Claims {
            opening: 1,
            subject_sha256: "5".into(),
            approver: "ann".into(),
            expires_at: NOW.unix_timestamp() + 60,
            nonce: "n".into(),
        }
    }

    fn token() -> String {
        issue("secret", "run-1", gate("ideate"), &claims())
    }

    #[test]
    fn a_token_is_good_for_its_run_gate_and_time_only() {
        assert_eq!(verify(&["secret"], "run-1", gate("ideate"), &token(), NOW), Ok(claims()));
        let wrong = Err(TokenError::SignatureMismatch);
        assert_eq!(verify(&["secret"], "run-2", gate("ideate"), &token(), NOW), wrong);
        assert_eq!(verify(&["secret"], "run-1", gate("workflow"), &token(), NOW), wrong);
        assert_eq!(verify(&["other"], "run-1", gate("ideate"), &token(), NOW), wrong);
        assert_eq!(verify(&[""], "run-1", gate("ideate"), &token(), NOW), wrong);
        let late = NOW + time::Duration::seconds(60);
        assert_eq!(verify(&["secret"], "run-1", gate("ideate"), &token(), late), Err(TokenError::Expired));
    }

    #[test]
    fn the_name_in_a_token_can_be_read_before_it_is_believed() {
        let named = |approver: &str| {
            let claims = Claims { approver: approver.into(), ..claims() };
            claimed_approver(&issue("other", "run-1", gate("ideate"), &claims))
        };
        assert_eq!(named("ann").as_deref(), Some("ann"));
        assert_eq!(
            (named("a\0b"), named("Ann B"), claimed_approver("x.y"), claimed_approver("")),
            (None, None, None, None)
        );
    }

    #[test]
    fn the_previous_secret_is_good_during_a_rotation() {
        assert!(verify(&["new", "secret"], "run-1", gate("ideate"), &token(), NOW).is_ok());
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let token = token();
        for index in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(verify(&["secret"], "run-1", gate("ideate"), &changed, NOW).is_err(), "byte {index}");
        }
    }

    #[test]
    fn a_form_is_good_for_its_link_only_and_is_no_link() {
        let (link, other) =
            (token(), issue("secret", "run-1", gate("ideate"), &Claims { nonce: "m".into(), ..claims() }));
        let form = form_token("secret", "run-1", gate("ideate"), &link);
        let good = |secrets: &[&str], run, gate, token: &str, sent: &str| is_form_of(secrets, run, gate, token, sent);
        assert!(good(&["new", "secret"], "run-1", gate("ideate"), &link, &form));
        assert!(!good(&["secret"], "run-1", gate("ideate"), &other, &form));
        assert!(!good(&["secret"], "run-2", gate("ideate"), &link, &form));
        assert!(!good(&["secret"], "run-1", gate("workflow"), &link, &form));
        assert!(!good(&["other", ""], "run-1", gate("ideate"), &link, &form));
        let signature = link.split_once('.').unwrap().1;
        for sent in ["", "x", signature, &form[1..]] {
            assert!(!good(&["secret"], "run-1", gate("ideate"), &link, sent), "{sent}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_taken_for_a_token(text in ".{0,200}") {
            prop_assert!(verify(&["secret"], "run-1", gate("ideate"), &text, NOW).is_err());
        }
    }
}
