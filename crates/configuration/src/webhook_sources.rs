//! The sources of webhooks that sign by Standard Webhooks, and their secrets.

use crate::config::Config;
use mw_integrations::standard::{self, Source};

/// The variable that names them.
pub const VARIABLE: &str = "std_webhook_sources";

/// The sources that the variable names, or what is wrong with it, for an operator and without a secret.
pub fn sources(config: &Config) -> Result<Vec<Source>, String> {
    let text = config.optional(VARIABLE).unwrap_or_default();
    standard::sources(&text).map_err(|error| format!("STD_WEBHOOK_SOURCES: {error}"))
}
