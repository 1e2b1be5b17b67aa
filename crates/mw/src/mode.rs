//! Which providers are asked, and the secrets that the real ones need.

use crate::{
    error::{Error, Result},
    settings::Settings,
};

/// Which providers the product talks to.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::parse_lines;

    #[test]
    fn the_argument_wins_and_contradictions_are_refused() {
        let choose = |given: &str| Mode::choose(None, &Settings::of(parse_lines(given)));
        assert_eq!(choose("").unwrap(), Mode::Sim);
        assert_eq!(choose("USE_MOCK_PROVIDERS=true").unwrap(), Mode::Mock);
        assert_eq!(choose("USE_MOCK_PROVIDERS=false").unwrap(), Mode::Live);
        assert_eq!(choose("USE_MOCK_PROVIDERS=false\nPROVIDERS_MODE=sim").unwrap(), Mode::Sim);
        assert_eq!(choose("USE_MOCK_PROVIDERS=true\nPROVIDERS_MODE=live").unwrap_err().exit_code(), 2);
        assert_eq!(choose("PROVIDERS_MODE=other").unwrap_err().exit_code(), 2);
        assert_eq!(Mode::choose(Some(Mode::Live), &Settings::default()).unwrap().name(), "live");
    }

    #[test]
    fn live_mode_names_the_secrets_that_are_missing() {
        let settings = Settings::of(parse_lines("KIEAI_API_KEY=real"));
        let error = need_live_secrets(&settings).unwrap_err().to_string();
        assert!(error.contains("SHOTSTACK_API_KEY") && !error.contains("KIEAI_API_KEY,"), "{error}");
    }
}
