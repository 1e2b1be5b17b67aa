//! Links of gates, as the configuration has them signed: who gets one is core's to say ([`mw_kernel::link`]).

use mw_edge::config::Config;
use mw_edge::log::{Level, Log};
use mw_edge::{Context, Problem, clock, signing};
use mw_kernel::link::{self, Holder, Link, NoLink, Signing, Waiting};
use mw_kernel::status::GateName;
use mw_kernel::token;

/// Where a reader goes, or sends somebody, to have a gate decided: their own link, or the page where it is asked who comes.
/// `asked_by` is for the log.
pub fn address(context: &Context, waiting: &Waiting, reader: Holder, asked_by: &str) -> Result<String, Problem> {
    match make(context, waiting, reader, asked_by)? {
        Ok(link) => Ok(link.url),
        Err(_) => page_address(&context.config, &waiting.run_id, waiting.gate),
    }
}

/// The gate's page in the console: nothing that decides comes into anybody's hands.
pub fn page_address(config: &Config, run_id: &str, gate: GateName) -> Result<String, Problem> {
    Ok(link::page(&config.base_url("public_base_url")?, run_id, gate))
}

/// Makes a link of an open gate, or says why this holder gets none.
pub fn make(
    context: &Context,
    waiting: &Waiting,
    holder: Holder,
    asked_by: &str,
) -> Result<Result<Link, NoLink>, Problem> {
    let signing = Signing {
        secret: &signing::newest(&context.config)?,
        public_base_url: &context.config.base_url("public_base_url")?,
        expiry_hours: signing::link_hours(&context.config)?,
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

/// What the form on a link's page carries.
pub fn form_token(config: &Config, run_id: &str, gate: GateName, link_token: &str) -> Result<String, Problem> {
    Ok(token::form_token(&signing::newest(config)?, run_id, gate, link_token))
}

/// Whether a form came from the page of this link.
pub fn is_form_of(
    config: &Config,
    run_id: &str,
    gate: GateName,
    link_token: &str,
    sent: &str,
) -> Result<bool, Problem> {
    let secrets = signing::secrets(config)?;
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    Ok(token::is_form_of(&secrets, run_id, gate, link_token, sent))
}
