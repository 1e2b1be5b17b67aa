//! Which providers are asked, where, and the secrets that the real ones need. The rules are those of the components
//! (`mw_configuration`): what validates and what runs read a word the same way.

use crate::{
    error::{Error, Result},
    settings::Settings,
};
use mw_configuration::machine::is_this_machine;
use mw_configuration::{config::Config, startup};
use mw_integrations::registry::SYSTEMS;
use mw_integrations::system::{Address, Needed};
use mw_media::status::ProvidersMode;

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

impl From<ProvidersMode> for Mode {
    fn from(mode: ProvidersMode) -> Self {
        match mode {
            ProvidersMode::Mock => Self::Mock,
            ProvidersMode::Sim => Self::Sim,
            ProvidersMode::Live => Self::Live,
        }
    }
}

impl Mode {
    #[must_use]
    pub fn name(self) -> &'static str {
        ProvidersMode::from(self).as_str()
    }

    /// The mode of the argument, else of the settings, else sim, as `./dev up` takes it.
    pub fn choose(argument: Option<Self>, settings: &Settings) -> Result<Self> {
        let config = settings.config();
        match argument {
            Some(mode) => Ok(mode),
            None if !startup::has_mode(&config) => Ok(Self::Sim),
            None => Self::of_host(&config),
        }
    }

    /// The mode of a host with this configuration.
    pub fn of_host(config: &Config) -> Result<Self> {
        startup::mode(config).map(Self::from).map_err(|error| Error::misuse(error.to_string()))
    }
}

impl From<Mode> for ProvidersMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Mock => Self::Mock,
            Mode::Sim => Self::Sim,
            Mode::Live => Self::Live,
        }
    }
}

/// Where `./dev up` keeps its simulator's address, and where the simulator is until then.
pub const SIMULATOR_URL: (&str, &str) = ("SIMULATOR_URL", "http://127.0.0.1:3900");

/// Where a development stack asks a system: in sim mode the simulator, unless the settings name another program of this machine.
/// An address elsewhere is the real system's, which only live mode asks.
#[must_use]
pub fn address(address: &Address, settings: &Settings, mode: Mode) -> String {
    let given = settings.get(&address.variable.to_ascii_uppercase());
    let named = match mode {
        Mode::Sim => given.filter(|url| is_this_machine(url)),
        Mode::Mock | Mode::Live => given.or(Some(address.default)),
    };
    let simulated = || format!("{}/{}", settings.get(SIMULATOR_URL.0).unwrap_or(SIMULATOR_URL.1), address.simulated);
    named.map_or_else(simulated, str::to_owned)
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

/// Live mode needs the person's own secrets, all but those of a language model, messengers, traces and reports. One that a live
/// host would take for unset is missing.
pub fn need_live_secrets(settings: &Settings) -> Result<()> {
    let own = settings.clone();
    let live = Config::new(Box::new(move |name| match name {
        "providers_mode" => Some(ProvidersMode::Live.as_str().to_owned()),
        "use_mock_providers" => None,
        _ => own.given(&name.to_ascii_uppercase()).map(str::to_owned),
    }));
    let required = of_systems(|needed| needed == Needed::Everywhere);
    let missing: Vec<String> = required.filter(|name| live.optional(&name.to_ascii_lowercase()).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::misuse(format!("live mode needs real secrets in the environment or .env: {}", missing.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        Settings::of(mw_dotenv::parse_lines(text).unwrap())
    }

    #[test]
    fn the_argument_wins_and_contradictions_are_refused() {
        let choose = |given: &str| Mode::choose(None, &settings(given));
        assert_eq!(choose("").unwrap(), Mode::Sim);
        assert_eq!(choose("USE_MOCK_PROVIDERS=true").unwrap(), Mode::Mock);
        assert_eq!(choose("USE_MOCK_PROVIDERS=false").unwrap(), Mode::Live);
        assert_eq!(choose("USE_MOCK_PROVIDERS=false\nPROVIDERS_MODE=sim").unwrap(), Mode::Sim);
        assert_eq!(choose("USE_MOCK_PROVIDERS=true\nPROVIDERS_MODE=live").unwrap_err().exit_code(), 2);
        assert_eq!(choose("PROVIDERS_MODE=other").unwrap_err().exit_code(), 2);
        assert_eq!(Mode::choose(Some(Mode::Live), &Settings::default()).unwrap().name(), "live");
    }

    #[test]
    fn every_word_means_what_it_means_to_a_component() {
        let words = ["true", "True", "1", "yes", "on", "false", "False", "0", "no", "off", "maybe", "2"];
        let names = ["mock", "sim", "LIVE", "Live", "real", ""];
        for word in words {
            for name in names {
                let text = format!("USE_MOCK_PROVIDERS={word}\nPROVIDERS_MODE={name}");
                let component = Config::of(&[("use_mock_providers", word), ("providers_mode", name)]);
                let runs = startup::mode(&component).map(Mode::from).map_err(|_| 2);
                assert_eq!(Mode::choose(None, &settings(&text)).map_err(|error| error.exit_code()), runs, "{text}");
            }
        }
        assert_eq!(Mode::choose(None, &settings("USE_MOCK_PROVIDERS=False")).unwrap(), Mode::Live);
        assert_eq!(Mode::choose(None, &settings("PROVIDERS_MODE=LIVE")).unwrap(), Mode::Live);
    }

    #[test]
    fn only_live_mode_asks_another_machine() {
        let system = SYSTEMS.iter().flat_map(|system| system.addresses).next().unwrap();
        let variable = system.variable.to_ascii_uppercase();
        let at = |given: &str, mode| address(system, &settings(given), mode);
        let simulated = format!("http://127.0.0.1:3900/{}", system.simulated);
        assert_eq!(at("", Mode::Sim), simulated);
        assert_eq!(at(&format!("{variable}=https://proxy.example"), Mode::Sim), simulated);
        assert_eq!(at(&format!("{variable}=http://127.0.0.1:9/x"), Mode::Sim), "http://127.0.0.1:9/x");
        assert_eq!(at("SIMULATOR_URL=http://127.0.0.1:3901", Mode::Sim), simulated.replace("3900", "3901"));
        assert_eq!(at("", Mode::Live), system.default);
        assert_eq!(at(&format!("{variable}=https://proxy.example"), Mode::Live), "https://proxy.example");
    }

    #[test]
    fn live_mode_names_the_secrets_that_are_missing() {
        let needed: Vec<String> = of_systems(|needed| needed == Needed::Everywhere).collect();
        let error = need_live_secrets(&settings(&format!("{}=a-real-secret", needed[0]))).unwrap_err().to_string();
        assert!(error.ends_with(&needed[1..].join(", ")) && !error.contains(&needed[0]), "{error}");
        for weak in ["short", "dev-0123456789abcdef"] {
            let error = need_live_secrets(&settings(&format!("{}={weak}", needed[0]))).unwrap_err().to_string();
            assert!(error.ends_with(&needed.join(", ")), "{weak}: {error}");
        }
    }
}
