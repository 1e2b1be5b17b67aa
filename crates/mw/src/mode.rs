//! Which providers are asked, and the secrets that the real ones need.

use crate::{
    error::{Error, Result},
    settings::Settings,
};
use mw_integrations::registry::SYSTEMS;
use mw_integrations::system::Needed;

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

/// Secrets of outside systems, by the names of their settings. Outside live mode the person's real ones are never used.
pub fn provider_secrets() -> impl Iterator<Item = String> {
    of_systems(|needed| needed != Needed::WithAddress)
}

/// Whether this is the setting of one of [`provider_secrets`].
#[must_use]
pub fn is_provider_secret(name: &str) -> bool {
    provider_secrets().any(|secret| secret == name)
}

fn of_systems(wanted: fn(Needed) -> bool) -> impl Iterator<Item = String> {
    let secrets = SYSTEMS.iter().flat_map(|system| system.secrets);
    secrets.filter(move |secret| wanted(secret.needed)).map(|secret| secret.name.to_ascii_uppercase())
}

/// Live mode needs the person's own secrets, all but those of a language model, messengers, traces and reports.
pub fn need_live_secrets(settings: &Settings) -> Result<()> {
    let required = of_systems(|needed| needed == Needed::Everywhere);
    let missing: Vec<String> =
        required.filter(|name| settings.given(name).is_none_or(|value| value.starts_with("dev-"))).collect();
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
        let needed: Vec<String> = of_systems(|needed| needed == Needed::Everywhere).collect();
        let settings = Settings::of(parse_lines(&format!("{}=real", needed[0])));
        let error = need_live_secrets(&settings).unwrap_err().to_string();
        assert!(error.ends_with(&needed[1..].join(", ")) && !error.contains(&needed[0]), "{error}");
    }
}
