//! `Idempotency-Key`: a structured-field string, hence quoted, though most clients leave the quotes out. Both are taken.

use crate::problem::{self, Problem};
use crate::request::Request;
use sha2::{Digest, Sha256};

const KEY_LENGTH_MAX: usize = 255;

crate::shape! {
    pub struct IdempotencyKey {
        /// Makes a repetition harmless: the same key with the same body answers with the same run, with another body 422. Quoted or bare,
        /// kept for 7 days.
        #[serde(rename = "Idempotency-Key")]
        #[schemars(regex(pattern = r#"^([!-~]|[!#-~][!-~]|"[!#-~]|[!-~]{3,255})$"#))]
        pub key: Option<String>,
    }
}

/// The key of this request, without quotes; `None` when there is none.
pub fn key(request: &Request) -> Result<Option<String>, Problem> {
    let Some(sent) = request.header("idempotency-key") else {
        return Ok(None);
    };
    let bare = sent.trim();
    let bare = bare.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(bare);
    let fit = (1..=KEY_LENGTH_MAX).contains(&bare.len()) && bare.bytes().all(|byte| byte.is_ascii_graphic());
    if fit {
        Ok(Some(bare.to_owned()))
    } else {
        let detail = format!("Idempotency-Key should be 1 to {KEY_LENGTH_MAX} visible ASCII characters");
        Err(problem::invalid_field("header:idempotency-key", detail))
    }
}

/// What the same key must come with again.
pub fn fingerprint(payload: &serde_json::Value) -> String {
    // Object keys of serde_json's map are sorted, so equal payloads have equal texts.
    Sha256::digest(payload.to_string().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(value: &str) -> Result<Option<String>, Problem> {
        key(&Request::in_memory("POST", "/", &[("idempotency-key", value)], ""))
    }

    #[test]
    fn quoted_and_bare_keys_are_the_same() {
        assert_eq!(sent("\"8e03978e\"").unwrap().as_deref(), Some("8e03978e"));
        assert_eq!(sent("8e03978e").unwrap().as_deref(), Some("8e03978e"));
        assert_eq!(key(&Request::in_memory("POST", "/", &[], "")).unwrap(), None);
    }

    #[test]
    fn unfit_keys_are_422() {
        for unfit in ["", "\"\"", "two words", &"x".repeat(256)] {
            assert_eq!(sent(unfit).unwrap_err().status, 422, "{unfit:?}");
        }
    }

    #[test]
    fn the_order_of_members_does_not_matter() {
        let one: serde_json::Value = serde_json::from_str(r#"{"a":1,"b":[2]}"#).unwrap();
        let two: serde_json::Value = serde_json::from_str(r#"{"b":[2],"a":1}"#).unwrap();
        assert_eq!(fingerprint(&one), fingerprint(&two));
    }
}
