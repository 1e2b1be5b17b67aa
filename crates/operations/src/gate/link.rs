//! Links of gates, as the configuration has them signed: who gets one is core's to say ([`mw_core::link`]).

use crate::auth;
use crate::clock;
use crate::config::Config;
use crate::context::Context;
use crate::log::{Level, Log};
use crate::problem::Problem;
use crate::startup::Place;
use mw_core::link::{self, Holder, Link, NoLink, Signing, Waiting};
use mw_core::status::GateName;
use mw_core::token;

/// Where a reader goes, or sends somebody, to have a gate decided: their own link, or the page where it is asked who comes.
/// `asked_by` is for the log.
pub fn address(context: &Context, waiting: &Waiting, reader: Holder, asked_by: &str) -> Result<String, Problem> {
    match make(context, waiting, reader, asked_by)? {
        Ok(link) => Ok(link.url),
        Err(_) => page(&context.config, &waiting.run_id, waiting.gate),
    }
}

/// The gate's page in the console: nothing that decides comes into anybody's hands.
pub fn page(config: &Config, run_id: &str, gate: GateName) -> Result<String, Problem> {
    Ok(link::page(&config.base_url("public_base_url")?, run_id, gate))
}

/// Makes a link of an open gate, or says why this holder gets none.
pub fn make(
    context: &Context,
    waiting: &Waiting,
    holder: Holder,
    asked_by: &str,
) -> Result<Result<Link, NoLink>, Problem> {
    let secrets = secrets(&context.config)?;
    let signing = Signing {
        secret: secrets.first().map(String::as_str).unwrap_or_default(),
        public_base_url: &context.config.base_url("public_base_url")?,
        expiry_hours: expiry_hours(&context.config)?,
        now: clock::now(),
    };
    let made = waiting.link(holder, uuid::Uuid::new_v4().simple().to_string(), signing);
    if let Ok(link) = &made {
        log_made(&context.log, &waiting.run_id, waiting.gate, &link.approver, asked_by);
    }
    Ok(made)
}

/// Says for whom a link was made, so that a decision by it can be traced to whoever asked; never the link itself.
pub fn log_made(log: &Log, run_id: &str, gate: GateName, approver: &str, asked_by: &str) {
    let fields = [
        ("runId", run_id.into()),
        ("gate", gate.as_str().into()),
        ("approver", approver.into()),
        ("asked_by", asked_by.into()),
    ];
    log.write(Level::Info, "myloware.api.hitl", "link made", &fields);
}

/// How long a link is good.
pub fn expiry_hours(config: &Config) -> Result<u32, Problem> {
    let hours = config.number("hitl_token_expiry_hours", 24)?.clamp(1, 24 * 365);
    Ok(u32::try_from(hours).unwrap_or(24))
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
    fn without_a_secret_the_api_key_signs_locally_only() {
        assert_eq!(secrets(&config(&[("api_key", "k")])).unwrap(), ["k"]);
        for weak in [("environment", "prod"), ("hitl_secret", "dev-hitl-secret")] {
            let deployed = [("environment", "prod"), ("api_key", "a-long-enough-key"), weak];
            assert_eq!(secrets(&config(&deployed)).unwrap_err().status, 503);
        }
        assert_eq!(secrets(&config(&[("hitl_secret", "a"), ("hitl_secret_previous", "b")])).unwrap(), ["a", "b"]);
    }
}
