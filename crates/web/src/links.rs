//! Signed links of gates: where they point and how they are made. The token itself is core's.

use crate::auth;
use crate::config::Config;
use crate::problem::Problem;
use crate::startup::Place;
use mw_core::status::GateName;
use mw_core::token::{self, Claims};

/// A link as it is handed out.
pub struct Link {
    pub token: String,
    pub url: String,
    pub expiry_hours: u64,
}

/// Who reads an answer, and so what stands in it where a gate waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reader {
    /// A person of this name: a signed link, by which they decide.
    Person(String),
    /// A program: the gate's page in the console, where a person signs in. Nothing that decides comes into its hands.
    Program,
}

/// Where a reader goes, or sends somebody, to have a gate decided.
pub fn address(config: &Config, run_id: &str, gate: GateName, opening: u32, to: &Reader) -> Result<String, Problem> {
    match to {
        Reader::Person(name) => Ok(make(config, run_id, gate, opening, name)?.url),
        Reader::Program => {
            let run_id = token::percent_encode(run_id);
            Ok(format!("{}/console/runs/{run_id}/gates/{gate}", config.base_url("public_base_url")?))
        }
    }
}

/// The signing secrets, newest first. On somebody's own machine the API key signs without HITL_SECRET, as it did in the
/// original.
pub fn secrets(config: &Config) -> Result<Vec<String>, Problem> {
    const SECRET: &str = "hitl_secret";
    if config.place() == Place::Local && !config.is_set(SECRET) {
        return auth::operator_keys(config);
    }
    config.required(SECRET).map(|_| config.secrets(SECRET))
}

/// Makes the link of one opening of a gate for one approver.
pub fn make(config: &Config, run_id: &str, gate: GateName, opening: u32, approver: &str) -> Result<Link, Problem> {
    let secrets = secrets(config)?;
    let secret = secrets.first().map(String::as_str).unwrap_or_default();
    let expiry_hours = config.number("hitl_token_expiry_hours", 24)?.clamp(1, 24 * 365);
    let claims = Claims {
        opening,
        approver: approver.to_owned(),
        expires_at: crate::clock::unix_seconds().saturating_add(i64::try_from(expiry_hours).unwrap_or(24) * 3600),
        nonce: uuid::Uuid::new_v4().simple().to_string(),
    };
    let token = token::issue(secret, run_id, gate, &claims);
    let url = format!("{}{}", config.base_url("public_base_url")?, token::path(run_id, gate, &token));
    Ok(Link { token, url, expiry_hours })
}

/// `https://host:port` of a URL.
pub(crate) fn origin_of(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    url.get(..scheme.len() + 3 + authority.len())
}

/// What the form on a link's page carries.
pub fn form_token(config: &Config, run_id: &str, gate: GateName, link_token: &str) -> Result<String, Problem> {
    let secrets = secrets(config)?;
    Ok(token::form_token(secrets.first().map(String::as_str).unwrap_or_default(), run_id, gate, link_token))
}

/// Whether a form came from the page of this link.
pub fn is_form_of(
    config: &Config,
    run_id: &str,
    gate: GateName,
    link_token: &str,
    sent: &str,
) -> Result<bool, Problem> {
    let secrets = secrets(config)?;
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    Ok(token::is_form_of(&secrets, run_id, gate, link_token, sent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::config;

    #[test]
    fn a_link_opens_its_gate_and_survives_a_base_url_with_a_slash() {
        let config = config(&[("hitl_secret", "s3cret-s3cret"), ("public_base_url", "https://x.example/")]);
        let link = make(&config, "run 1", GateName::Ideate, 2, "ann").unwrap();
        assert!(link.url.starts_with("https://x.example/v1/hitl/approve/run%201/ideate?token="));
        let claims =
            token::verify(&["s3cret-s3cret"], "run 1", GateName::Ideate, &link.token, crate::clock::now()).unwrap();
        assert_eq!((claims.opening, claims.approver.as_str()), (2, "ann"));
    }

    #[test]
    fn without_a_secret_the_api_key_signs_locally_only() {
        assert_eq!(secrets(&config(&[("api_key", "k")])).unwrap(), ["k"]);
        for weak in [("environment", "prod"), ("hitl_secret", "dev-hitl-secret")] {
            let deployed = [("environment", "prod"), ("api_key", "a-long-enough-key"), weak];
            assert_eq!(secrets(&config(&deployed)).unwrap_err().status, 503);
        }
        assert_eq!(secrets(&config(&[("hitl_secret", "a"), ("hitl_secret_previous", "b")])).unwrap(), ["a", "b"]);
    }
}
