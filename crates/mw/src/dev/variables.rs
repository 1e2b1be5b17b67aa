//! Settings → the Spin variables of the manifests: `SPIN_VARIABLE_<NAME>` for every variable that a manifest declares and
//! the settings name. `<x>_host` variables follow from the address they belong to.

use crate::{
    error::{Error, Result},
    settings::{Settings, database_host, origin},
};
use std::collections::{BTreeMap, BTreeSet};

/// Which providers a stack talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// No providers at all: their answers are made up on the spot.
    Mock,
    /// The real clients against the simulator on this machine.
    Sim,
    /// The real providers; costs money and needs real secrets.
    Live,
}

impl Mode {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mock => "mock",
            Self::Sim => "sim",
            Self::Live => "live",
        }
    }

    /// The mode of the argument, else of USE_MOCK_PROVIDERS and its alias PROVIDERS_MODE, else sim.
    pub fn choose(argument: Option<Self>, settings: &Settings) -> Result<Self> {
        if let Some(mode) = argument {
            return Ok(mode);
        }
        let named = match settings.get("PROVIDERS_MODE") {
            None => None,
            Some("mock") => Some(Self::Mock),
            Some("sim") => Some(Self::Sim),
            Some("live") => Some(Self::Live),
            Some(other) => {
                return Err(Error::misuse(format!("PROVIDERS_MODE is {other}: it must be mock, sim or live")));
            }
        };
        match (settings.get("USE_MOCK_PROVIDERS"), named) {
            (Some("true" | "1"), Some(Self::Sim | Self::Live)) | (Some("false" | "0"), Some(Self::Mock)) => {
                Err(Error::misuse("USE_MOCK_PROVIDERS and PROVIDERS_MODE contradict each other: set one of them"))
            }
            (_, Some(mode)) => Ok(mode),
            (Some("true" | "1"), None) => Ok(Self::Mock),
            (Some("false" | "0"), None) => Ok(Self::Live),
            _ => Ok(Self::Sim),
        }
    }
}

/// Secrets of providers. Outside live mode the person's real ones are never used.
pub const PROVIDER_SECRETS: [&str; 13] = [
    "KIEAI_API_KEY",
    "KIEAI_SIGNING_SECRET",
    "SHOTSTACK_API_KEY",
    "UPLOAD_POST_API_KEY",
    "UPLOAD_POST_SIGNING_SECRET",
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "TELEGRAM_BOT_TOKEN",
    "TELEGRAM_WEBHOOK_SECRET",
    "SLACK_BOT_TOKEN",
    "SLACK_SIGNING_SECRET",
    "LANGSMITH_API_KEY",
    "SENTRY_DSN",
];

const BOT_TOKENS: [&str; 2] = ["TELEGRAM_BOT_TOKEN", "SLACK_BOT_TOKEN"];

/// What live mode can do without: a language model, people on messengers, traces and reports.
const OPTIONAL_SECRETS: [&str; 8] = [
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "TELEGRAM_BOT_TOKEN",
    "TELEGRAM_WEBHOOK_SECRET",
    "SLACK_BOT_TOKEN",
    "SLACK_SIGNING_SECRET",
    "LANGSMITH_API_KEY",
    "SENTRY_DSN",
];

/// Live mode needs the person's own secrets, all but the optional ones.
pub fn need_live_secrets(settings: &Settings) -> Result<()> {
    let required = PROVIDER_SECRETS.iter().filter(|name| !OPTIONAL_SECRETS.contains(name));
    let missing: Vec<&str> =
        required.copied().filter(|name| settings.given(name).is_none_or(|value| value.starts_with("dev-"))).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::misuse(format!("live mode needs real secrets in the environment or .env: {}", missing.join(", "))))
}

/// The names of the variables that a manifest declares.
pub fn declared(manifest: &str) -> Result<BTreeSet<String>> {
    let parsed: toml::Table =
        manifest.parse().map_err(|error| Error::misuse(format!("the manifest is no TOML: {error}")))?;
    let variables = parsed.get("variables").and_then(toml::Value::as_table);
    Ok(variables.into_iter().flat_map(|table| table.keys().cloned()).collect())
}

/// The environment for a host: `fixed` values (by upper-case name) win over the settings.
pub fn for_host(
    declared: &BTreeSet<String>,
    fixed: &BTreeMap<String, String>,
    settings: &Settings,
    mode: Mode,
) -> Result<BTreeMap<String, String>> {
    let value = |name: &str| {
        let of_provider = PROVIDER_SECRETS.contains(&name);
        let setting = match mode {
            // There is no network, and so nobody to talk to.
            Mode::Mock if BOT_TOKENS.contains(&name) => return None,
            Mode::Mock | Mode::Sim if of_provider => settings.development(name),
            Mode::Live if of_provider => settings.given(name),
            Mode::Mock | Mode::Sim | Mode::Live => settings.get(name),
        };
        fixed.get(name).map(String::as_str).or(setting).map(str::to_owned)
    };
    let mut environment = BTreeMap::new();
    for variable in declared {
        let name = variable.to_uppercase();
        let derived = match name.strip_suffix("_HOST") {
            Some("DATABASE") => value("DATABASE_URL").map(|url| database_host(&url)),
            Some(base) => address_of(base, value).map(|(key, url)| origin(&key, &url)),
            None => None,
        };
        if let Some(value) = value(&name).map(Ok).or(derived) {
            environment.insert(format!("SPIN_VARIABLE_{name}"), value?);
        }
    }
    Ok(environment)
}

/// KIEAI → KIEAI_BASE_URL, SWEEP → SWEEP_URL, OTLP → OTLP_ENDPOINT, SENTRY → SENTRY_DSN
pub fn address_of(base: &str, value: impl Fn(&str) -> Option<String>) -> Option<(String, String)> {
    let keys = ["BASE_URL", "URL", "ENDPOINT", "DSN"].map(|kind| format!("{base}_{kind}"));
    keys.into_iter().find_map(|key| value(&key).map(|url| (key, url)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::parse_lines;

    fn environment(given: &str, fixed: &str, mode: Mode) -> BTreeMap<String, String> {
        let manifest = "[variables]\ndatabase_url = {}\ndatabase_host = {}\nkieai_host = {}\nkieai_base_url = {}\n\
                        kieai_api_key = {}\nsweep_host = {}\nsweep_url = {}\notlp_host = {}\notlp_endpoint = {}\n\
                        sentry_host = {}\nsentry_dsn = {}\n";
        let settings = Settings::of(parse_lines(given));
        for_host(&declared(manifest).unwrap(), &parse_lines(fixed), &settings, mode).unwrap()
    }

    #[test]
    fn hosts_follow_from_addresses() {
        let fixed = "DATABASE_URL=postgresql://u:p@db:6000/x\nSWEEP_URL=http://127.0.0.1:3000/v1/sweep\nOTHER=1";
        let found = environment("KIEAI_BASE_URL=https://api.kie.ai/x", fixed, Mode::Sim);
        assert_eq!(found["SPIN_VARIABLE_DATABASE_HOST"], "db:6000");
        assert_eq!(found["SPIN_VARIABLE_SWEEP_HOST"], "http://127.0.0.1:3000");
        assert_eq!(found["SPIN_VARIABLE_KIEAI_HOST"], "https://api.kie.ai:443");
        assert!(!found.contains_key("SPIN_VARIABLE_OTHER"));
        let given = "OTLP_ENDPOINT=http://collector:4318/x\nSENTRY_DSN=https://key@sentry.example/42";
        let found = environment(given, "", Mode::Live);
        assert_eq!(found["SPIN_VARIABLE_OTLP_HOST"], "http://collector:4318");
        assert_eq!(found["SPIN_VARIABLE_SENTRY_HOST"], "https://sentry.example:443");
        assert!(!environment(given, "", Mode::Sim).contains_key("SPIN_VARIABLE_SENTRY_HOST"));
    }

    #[test]
    fn real_provider_secrets_are_for_live_mode_only() {
        let given = "KIEAI_API_KEY=real\nDATABASE_URL=postgresql://h/x";
        assert!(!environment(given, "", Mode::Sim).contains_key("SPIN_VARIABLE_KIEAI_API_KEY"));
        assert_eq!(environment(given, "", Mode::Live)["SPIN_VARIABLE_KIEAI_API_KEY"], "real");
        assert_eq!(environment(given, "KIEAI_API_KEY=dev-1", Mode::Sim)["SPIN_VARIABLE_KIEAI_API_KEY"], "dev-1");
        let error = need_live_secrets(&Settings::of(parse_lines(given))).unwrap_err().to_string();
        assert!(error.contains("SHOTSTACK_API_KEY") && !error.contains("KIEAI_API_KEY,"), "{error}");
    }

    #[test]
    fn the_mode() {
        let choose = |given: &str| Mode::choose(None, &Settings::of(parse_lines(given)));
        assert_eq!(choose("").unwrap(), Mode::Sim);
        assert_eq!(choose("USE_MOCK_PROVIDERS=true").unwrap(), Mode::Mock);
        assert_eq!(choose("USE_MOCK_PROVIDERS=false").unwrap(), Mode::Live);
        assert_eq!(choose("USE_MOCK_PROVIDERS=false\nPROVIDERS_MODE=sim").unwrap(), Mode::Sim);
        assert_eq!(choose("USE_MOCK_PROVIDERS=true\nPROVIDERS_MODE=live").unwrap_err().exit_code(), 2);
        assert_eq!(choose("PROVIDERS_MODE=other").unwrap_err().exit_code(), 2);
        assert_eq!(Mode::choose(Some(Mode::Live), &Settings::default()).unwrap().name(), "live");
    }
}
