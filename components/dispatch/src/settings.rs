//! Where the providers are and how they reach us, from Spin variables.

use mw_edge::config::{Config, Misconfigured};
use mw_edge::{exports, llm, signing};
use mw_engine::{Exports, Links, Notify, Settings, media};

/// What every run needs, and what media runs need.
pub(crate) fn read(config: &Config) -> Result<(Settings, media::Settings), Misconfigured> {
    let adopt_wait_seconds = config.number("adopt_wait_seconds", 90)?;
    let media = media::Settings {
        kieai: provider(config, "kieai")?,
        shotstack: provider(config, "shotstack")?,
        upload_post: provider(config, "upload_post")?,
        llm: llm::llm_settings(config).map_err(Misconfigured)?,
        webhook_base_url: config.base_url("webhook_base_url")?,
        adopt_wait_seconds: u32::try_from(adopt_wait_seconds).unwrap_or(u32::MAX),
    };
    Ok((Settings { notify: notify(config)?, exports: exports(config) }, media))
}

/// A provider without a key works in mock mode; elsewhere it refuses us, and the run says so.
fn provider(config: &Config, name: &str) -> Result<mw_integrations::Settings, Misconfigured> {
    Ok(mw_integrations::Settings {
        base_url: config.base_url(&format!("{name}_base_url"))?,
        api_key: config.or(&format!("{name}_api_key"), ""),
    })
}

fn notify(config: &Config) -> Result<Notify, Misconfigured> {
    let bot = |name: &str| match config.optional(&format!("{name}_bot_token")) {
        Some(api_key) => config
            .base_url(&format!("{name}_base_url"))
            .map(|base_url| Some(mw_integrations::Settings { base_url, api_key })),
        None => Ok(None),
    };
    let expiry_hours = signing::link_hours(config)?;
    let public_base_url = config.base_url("public_base_url")?;
    let links =
        config.secrets("hitl_secret").into_iter().next().map(|secret| Links { secret, public_base_url, expiry_hours });
    Ok(Notify { telegram: bot("telegram")?, slack: bot("slack")?, links })
}

/// One that cannot be read is none: /ready says so, and a run's work goes on.
fn exports(config: &Config) -> Exports {
    Exports {
        collector: exports::collector(config).ok().flatten(),
        sentry: exports::sentry(config).ok().flatten(),
        service: exports::service(config),
    }
}
