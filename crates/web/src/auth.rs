//! Who may ask: the API key in `x-api-key`, compared in constant time over digests so that not even its length shows.

use crate::config::Config;
use crate::problem::{self, Problem};
use crate::request::Request;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What the caller sent in `x-api-key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyCheck {
    Absent,
    Wrong,
    Right,
}

/// Constant-time equality of two secrets. An empty expectation matches nothing: it means "not configured".
pub fn same_secret(sent: &str, expected: &str) -> bool {
    let equal = Sha256::digest(sent.as_bytes()).ct_eq(&Sha256::digest(expected.as_bytes()));
    bool::from(equal) && !expected.is_empty()
}

pub fn check_key(request: &Request, config: &Config) -> Result<KeyCheck, Problem> {
    let Some(sent) = request.header("x-api-key") else {
        return Ok(KeyCheck::Absent);
    };
    let expected = config.required("api_key")?;
    Ok(if same_secret(sent, &expected) { KeyCheck::Right } else { KeyCheck::Wrong })
}

/// 401 unless the key is right. Called before anything else is looked at.
pub fn require_key(request: &Request, config: &Config) -> Result<(), Problem> {
    match check_key(request, config)? {
        KeyCheck::Right => Ok(()),
        KeyCheck::Absent | KeyCheck::Wrong => Err(problem::invalid_api_key()),
    }
}

/// What the limiter counts by: a digest of the API key (never the key itself), else the client's address.
pub fn limiter_subject(request: &Request, key: KeyCheck) -> String {
    match (key, request.header("x-api-key")) {
        (KeyCheck::Right, Some(sent)) => {
            let digest = Sha256::digest(sent.as_bytes());
            let start: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            format!("key:{start}")
        }
        _ => format!("ip:{}", request.client_address().unwrap_or_else(|| "unknown".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::config;
    use crate::request::tests::request;

    #[test]
    fn only_the_right_key_opens() {
        let config = config(&[("api_key", "correct-horse")]);
        assert!(require_key(&request("GET", "/", &[("x-api-key", "correct-horse")], ""), &config).is_ok());
        for sent in ["", "correct", "correct-horse ", "Correct-horse"] {
            let refused = require_key(&request("GET", "/", &[("x-api-key", sent)], ""), &config).unwrap_err();
            assert_eq!((refused.status, refused.detail.as_str()), (401, "Invalid API key"));
        }
        assert_eq!(require_key(&request("GET", "/", &[], ""), &config).unwrap_err().status, 401);
    }

    #[test]
    fn without_a_configured_key_nobody_gets_in() {
        let empty = config(&[("api_key", "")]);
        let asked = request("GET", "/", &[("x-api-key", "")], "");
        assert!(require_key(&asked, &empty).is_err());
        assert!(!same_secret("", ""));
    }

    #[test]
    fn limits_count_by_key_or_address_and_never_show_the_key() {
        let asked = request("GET", "/", &[("x-api-key", "secret"), ("spin-client-addr", "10.1.1.1:9")], "");
        let by_key = limiter_subject(&asked, KeyCheck::Right);
        assert!(by_key.starts_with("key:") && !by_key.contains("secret"));
        assert_eq!(limiter_subject(&asked, KeyCheck::Wrong), "ip:10.1.1.1");
    }
}
