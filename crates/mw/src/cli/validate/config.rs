//! Project definitions, migrations and settings.

use super::{Context, providers, providers::Of};
use crate::{
    error::{Error, Result},
    migrations,
    mode::{Mode, need_live_secrets},
    projects,
    settings::{Settings, database_host, origin},
};
use mw_configuration::words;
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
    let hosts = providers::hosts(settings, Of::Stack(mode))?;
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
    if settings.get("DATABASE_URL").or(settings.get("DB_URL")).is_some() {
        database_host(&settings.database_url()?)?;
    }
    for key in ["PUBLIC_BASE_URL", "WEBHOOK_BASE_URL", "API_BASE_URL", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"] {
        if let Some(url) = settings.get(key) {
            origin(key, url)?;
        }
    }
    mw_integrations::standard::sources(settings.get("STD_WEBHOOK_SOURCES").unwrap_or_default())
        .map_err(|error| Error::misuse(format!("STD_WEBHOOK_SOURCES: {error}")))?;
    match words::number_reasons(&settings.config()).into_iter().next() {
        Some(reason) => Err(Error::misuse(reason)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_work_are_named() {
        let check = |text: &str| check_settings(&Settings::of(mw_dotenv::parse_lines(text).unwrap()));
        assert!(check("ADOPT_WAIT_SECONDS=3\nDATABASE_URL=postgresql://h/x").is_ok());
        for (bad, name) in [
            ("ADOPT_WAIT_SECONDS=often", "ADOPT_WAIT_SECONDS"),
            ("CHAT_BUDGET_TOKENS_PER_DAY=-1", "CHAT_BUDGET_TOKENS_PER_DAY"),
            ("LLM_INPUT_PRICE_PER_MILLION=cheap", "LLM_INPUT_PRICE_PER_MILLION"),
            ("PUBLIC_BASE_URL=here", "PUBLIC_BASE_URL"),
            ("DATABASE_URL=x", "DATABASE_URL must look like"),
            ("DATABASE_URL=mysql://u:p@h/x", "DATABASE_URL must look like postgresql://"),
            ("DATABASE_URL=postgresql://u:p#ss@h/x", "DATABASE_URL cannot be read: percent-encode"),
            ("DB_URL=postgresql://u:p@h/x?colour=blue", "DB_URL has colour"),
            ("STD_WEBHOOK_SOURCES=a=whsec_secret", "STD_WEBHOOK_SOURCES"),
        ] {
            let error = check(bad).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
