//! What has to be right before traffic is taken: the providers' mode and the secrets ([`crate::secrets`]). /ready shows these
//! reasons to whoever has a key, and whatever needs the mode refuses to work while it contradicts itself.

use crate::config::{Config, Misconfigured};
use crate::{exports, llm, secrets, webhook_sources, words};
use mw_media::status::ProvidersMode as Mode;

/// `PROVIDERS_MODE` names the mode; `USE_MOCK_PROVIDERS` is the older switch. Both may be set when they agree.
pub fn resolve_mode(providers_mode: Option<&str>, use_mock: Option<&str>) -> Result<Mode, String> {
    let named = match providers_mode {
        None => None,
        Some(word) => Some(
            Mode::parse(&word.to_ascii_lowercase())
                .ok_or_else(|| "PROVIDERS_MODE must be mock, sim or live".to_owned())?,
        ),
    };
    let mock = match use_mock {
        None => None,
        Some(word) => Some(words::switch(word).ok_or("USE_MOCK_PROVIDERS must be true or false")?),
    };
    match (named, mock) {
        (None, None | Some(true)) => Ok(Mode::Mock),
        (None, Some(false)) => Ok(Mode::Live),
        (Some(mode), None) => Ok(mode),
        (Some(mode), Some(mock)) if (mode == Mode::Mock) == mock => Ok(mode),
        (Some(mode), Some(mock)) => {
            Err(format!("USE_MOCK_PROVIDERS={mock} contradicts PROVIDERS_MODE={}", mode.as_str()))
        }
    }
}

/// Whether anything says which mode it is; where nothing does, a host is in mock mode and a development stack in sim.
pub fn has_mode(config: &Config) -> bool {
    ["providers_mode", "use_mock_providers"].iter().any(|name| config.is_set(name))
}

/// How providers are talked to.
pub fn mode(config: &Config) -> Result<Mode, Misconfigured> {
    resolved(config).map_err(Misconfigured)
}

fn resolved(config: &Config) -> Result<Mode, String> {
    let named = config.optional("providers_mode");
    let mock = config.optional("use_mock_providers");
    resolve_mode(named.as_deref(), mock.as_deref())
}

/// `local`, `staging` or `prod`, or whatever else `ENVIRONMENT` says ([`reasons`] refuses that); unset, the end of the app's
/// name on Fly.io says it (the production runbook, section 3).
pub fn environment(config: &Config) -> String {
    let app = config.or("fly_app_name", "");
    let of_app = match app.rsplit_once('-') {
        Some((_, "staging")) => "staging",
        Some((_, "prod" | "production")) => "prod",
        Some(_) | None => "local",
    };
    config.or("environment", of_app)
}

/// How much is at stake, which says how strong secrets must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Somebody's own machine, without real providers.
    Local,
    /// Real providers, from somebody's own machine.
    LocalLive,
    /// Staging, production, or whatever else others can reach.
    Deployed,
}

/// Where we are. A mode that contradicts itself starts nothing, and so is not live.
pub(crate) fn place(config: &Config) -> Place {
    if environment(config) != "local" {
        return Place::Deployed;
    }
    match mode(config) {
        Ok(Mode::Live) => Place::LocalLive,
        Ok(Mode::Mock | Mode::Sim) | Err(_) => Place::Local,
    }
}

/// Why this configuration must not take traffic; empty when it may. Names variables, never values.
pub fn reasons(config: &Config) -> Vec<String> {
    let mode = resolved(config);
    let environment = environment(config);
    let mut reasons: Vec<String> = mode.as_ref().err().cloned().into_iter().collect();
    reasons.extend(webhook_sources::sources(config).err());
    reasons.extend(exports::collector(config).err());
    reasons.extend(exports::sentry(config).err());
    reasons.extend(llm::reasons(config));
    match environment.as_str() {
        "local" | "staging" | "prod" => {}
        _ => reasons.push("ENVIRONMENT must be local, staging or prod".to_owned()),
    }
    reasons.extend(words::level_reason(config));
    reasons.extend(secrets::reasons(config));
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_integrations::registry::SYSTEMS;
    use mw_integrations::system::Needed;

    #[test]
    fn every_pair_of_switches_has_one_meaning() {
        let table = [
            (None, None, Ok(Mode::Mock)),
            (None, Some("true"), Ok(Mode::Mock)),
            (None, Some("false"), Ok(Mode::Live)),
            (None, Some("off"), Ok(Mode::Live)),
            (None, Some("No"), Ok(Mode::Live)),
            (Some("LIVE"), None, Ok(Mode::Live)),
            (Some("mock"), None, Ok(Mode::Mock)),
            (Some("sim"), None, Ok(Mode::Sim)),
            (Some("live"), None, Ok(Mode::Live)),
            (Some("mock"), Some("true"), Ok(Mode::Mock)),
            (Some("SIM"), Some("false"), Ok(Mode::Sim)),
            (Some("live"), Some("False"), Ok(Mode::Live)),
            (Some("mock"), Some("false"), Err(())),
            (Some("sim"), Some("true"), Err(())),
            (Some("live"), Some("true"), Err(())),
            (Some("real"), None, Err(())),
            (None, Some("maybe"), Err(())),
        ];
        for (named, mock, expected) in table {
            assert_eq!(resolve_mode(named, mock).map_err(|_| ()), expected, "{named:?} {mock:?}");
        }
    }

    #[test]
    fn a_contradiction_says_which_variables_contradict() {
        let refused = mode(&Config::of(&[("providers_mode", "live"), ("use_mock_providers", "true")])).unwrap_err();
        assert_eq!(refused.to_string(), "USE_MOCK_PROVIDERS=true contradicts PROVIDERS_MODE=live");
    }

    #[test]
    fn sources_of_webhooks_that_cannot_be_read_are_a_reason() {
        let broken = [("api_key", "x"), ("std_webhook_sources", "a=whsec_secret")];
        let found = reasons(&Config::of(&broken));
        assert_eq!(
            found,
            [
                "STD_WEBHOOK_SOURCES: the secret of entry 1 must be the base64 of 24 to 64 bytes, with or without whsec_ before it"
            ]
        );
    }

    #[test]
    fn the_apps_name_says_the_environment_where_nothing_else_does() {
        for (app, said, expected) in [
            ("", "", "local"),
            ("myloware-staging", "", "staging"),
            ("myloware-prod", "", "prod"),
            ("my-myloware-production", "", "prod"),
            ("myloware", "", "local"),
            ("production", "", "local"),
            ("myloware-prod", "staging", "staging"),
        ] {
            assert_eq!(
                environment(&Config::of(&[("fly_app_name", app), ("environment", said)])),
                expected,
                "{app} {said}"
            );
        }
    }

    #[test]
    fn only_a_machine_of_ones_own_is_local() {
        for (variables, expected) in [
            (vec![], Place::Local),
            (vec![("environment", "local"), ("providers_mode", "sim")], Place::Local),
            (vec![("providers_mode", "live"), ("use_mock_providers", "true")], Place::Local),
            (vec![("providers_mode", "live")], Place::LocalLive),
            (vec![("use_mock_providers", "false")], Place::LocalLive),
            (vec![("environment", "staging")], Place::Deployed),
            (vec![("environment", "Prod"), ("providers_mode", "mock")], Place::Deployed),
            (vec![("fly_app_name", "myloware-prod")], Place::Deployed),
        ] {
            assert_eq!(Config::of(&variables).place(), expected, "{variables:?}");
        }
    }

    #[test]
    fn local_and_mock_needs_only_a_key_and_a_database() {
        assert!(reasons(&Config::of(&[("api_key", "x")])).is_empty());
        assert_eq!(reasons(&Config::of(&[])), ["API_KEY is not set"]);
    }

    #[test]
    fn live_and_production_refuse_weak_secrets() {
        let needed: Vec<&str> = SYSTEMS
            .iter()
            .flat_map(|system| system.secrets)
            .filter(|secret| secret.needed == Needed::Everywhere)
            .map(|secret| secret.name)
            .collect();
        let first = needed[0];
        for strict in [("providers_mode", "live"), ("environment", "prod")] {
            let found = reasons(&Config::of(&[
                strict,
                ("api_key", "dev-local-api-key"),
                ("hitl_secret", "short"),
                (first, "a-long-enough-secret"),
                ("hitl_secret_previous", "dev-hitl-secret"),
            ]));
            assert!(found.contains(&"API_KEY is a development default".to_owned()));
            assert!(found.contains(&"HITL_SECRET is shorter than 12 characters".to_owned()));
            assert!(!found.iter().any(|reason| reason.contains(&first.to_ascii_uppercase())));
            assert!(found.contains(&"HITL_SECRET_PREVIOUS is a development default".to_owned()));
            for missing in needed.iter().skip(1) {
                assert!(found.contains(&format!("{} is not set", missing.to_ascii_uppercase())), "{missing}");
            }
            assert!(!found.iter().any(|reason| reason.contains("API_KEY_PREVIOUS")));
        }
    }
}
