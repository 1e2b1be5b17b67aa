//! Project definitions, migrations and settings.

use super::{Context, providers};
use crate::{
    error::{Error, Result},
    migrations,
    mode::{Mode, need_live_secrets},
    projects,
    settings::{Settings, database_host, origin},
};
use serde_json::json;
use std::path::Path;

pub(super) fn run(context: &Context, dir: &Path) -> Result<u8> {
    let settings = &context.settings;
    let definitions = projects::from_folder(dir)?;
    let schema = migrations::embedded()?;
    let mode = Mode::choose(None, settings)?;
    if mode == Mode::Live {
        need_live_secrets(settings)?;
    }
    let hosts = providers::hosts(settings)?;
    check_settings(settings)?;
    let keys: Vec<&str> = definitions.iter().map(|definition| definition.key.as_str()).collect();
    let report = json!({ "projects": keys, "migrations": schema.tables.len(), "functions": schema.functions.len(), "mode": mode.name(), "provider_hosts": hosts });
    context.print(&report, |_| {
        println!("projects    {}", keys.join(", "));
        println!("migrations  {}, with {} functions", schema.tables.len(), schema.functions.len());
        println!("providers   {}", mode.name());
        for (name, host) in hosts.as_object().into_iter().flatten() {
            println!("  {name:<12} {}", host.as_str().unwrap_or_default());
        }
        println!("fine");
    })
}

/// Settings that nothing could work with, whatever the environment.
pub(super) fn check_settings(settings: &Settings) -> Result<()> {
    if let Ok(url) = settings.database_url() {
        database_host(&url)?;
    }
    for key in ["PUBLIC_BASE_URL", "WEBHOOK_BASE_URL", "API_BASE_URL", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"] {
        if let Some(url) = settings.get(key) {
            origin(key, url)?;
        }
    }
    mw_integrations::standard::sources(settings.get("STD_WEBHOOK_SOURCES").unwrap_or_default())
        .map_err(|error| Error::misuse(format!("STD_WEBHOOK_SOURCES: {error}")))?;
    for key in [
        "HITL_TOKEN_EXPIRY_HOURS",
        "RUNS_START_PER_MINUTE",
        "RUNS_BULK_PER_MINUTE",
        "HITL_APPROVE_PER_MINUTE",
        "CHAT_PER_MINUTE",
        "MCP_PER_MINUTE",
        "ADOPT_WAIT_SECONDS",
        "METRICS_RUNS",
    ] {
        if let Some(value) = settings.get(key).filter(|value| value.parse::<u32>().is_err()) {
            return Err(Error::misuse(format!("{key} is {value}: it must be a whole number")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::parse_lines;

    #[test]
    fn settings_that_cannot_work_are_named() {
        let check = |text: &str| check_settings(&Settings::of(parse_lines(text)));
        assert!(check("ADOPT_WAIT_SECONDS=3\nDATABASE_URL=postgresql://h/x").is_ok());
        for (bad, name) in [
            ("ADOPT_WAIT_SECONDS=often", "ADOPT_WAIT_SECONDS"),
            ("PUBLIC_BASE_URL=here", "PUBLIC_BASE_URL"),
            ("DATABASE_URL=x", "DATABASE_URL"),
            ("STD_WEBHOOK_SOURCES=a=whsec_secret", "STD_WEBHOOK_SOURCES"),
        ] {
            let error = check(bad).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
