//! Where the providers are and how they reach us, from Spin variables.

use mw_edge::config::{Config, Misconfigured};
use mw_edge::{exports, llm, signing};
use mw_engine::{Exports, Links, Notify, Settings, media};
use mw_integrations::system::System;
use mw_integrations::{Settings as Place, registry};

/// What every run needs, and what media runs need.
pub(crate) fn read(config: &Config) -> Result<(Settings, media::Settings), Misconfigured> {
    let adopt_wait_seconds = config.number("adopt_wait_seconds", 90)?;
    let media = media::Settings {
        providers: registry::job_providers().map(|(system, _)| provider(config, system)).collect::<Result<_, _>>()?,
        llm: llm::llm_settings(config).map_err(Misconfigured)?,
        webhook_base_url: config.base_url("webhook_base_url")?,
        adopt_wait_seconds: u32::try_from(adopt_wait_seconds).unwrap_or(u32::MAX),
    };
    Ok((Settings { notify: notify(config)?, exports: exports(config) }, media))
}

/// A provider without a key works in mock mode; elsewhere it refuses us, and the run says so.
fn provider(config: &Config, system: &'static System) -> Result<(&'static str, Place), Misconfigured> {
    let base_url = config.base_url(&system.variable("base_url"))?;
    Ok((system.name, Place { base_url, api_key: config.or(&system.variable("api_key"), "") }))
}

fn notify(config: &Config) -> Result<Notify, Misconfigured> {
    // Without a bot's token nobody is told anything there.
    let bot = |system: &'static System| {
        let api_key = config.optional(&system.variable("bot_token"))?;
        let base_url = config.base_url(&system.variable("base_url"));
        Some(base_url.map(|base_url| (system.name, Place { base_url, api_key })))
    };
    let bots = registry::messengers().filter_map(|(system, _)| bot(system)).collect::<Result<_, _>>()?;
    let expiry_hours = signing::link_hours(config)?;
    let public_base_url = config.base_url("public_base_url")?;
    let links =
        config.secrets("hitl_secret").into_iter().next().map(|secret| Links { secret, public_base_url, expiry_hours });
    Ok(Notify { bots, links })
}

/// One that cannot be read is none: /ready says so, and a run's work goes on.
fn exports(config: &Config) -> Exports {
    Exports {
        collector: exports::collector(config).ok().flatten(),
        sentry: exports::sentry(config).ok().flatten(),
        service: exports::service(config),
    }
}
