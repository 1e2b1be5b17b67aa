//! Which language model there is, by the variables of a component.

use crate::config::Config;
use crate::machine::is_this_machine;
use crate::startup::Place;
use mw_integrations::llm::{Api, Learnt, Settings};
use mw_media::status::ProvidersMode;

/// The original's model for chat and personas.
const OPENAI_MODEL_DEFAULT: &str = "gpt-5-nano";
const KEYS: [(&str, Api); 2] = [("openai_api_key", Api::OpenAi), ("anthropic_api_key", Api::Anthropic)];

/// Whether there is one. Asks for no more than the keys: for components that only have to know.
pub fn has_model(config: &Config) -> bool {
    KEYS.iter().any(|(name, _)| config.optional(name).is_some())
}

/// Whether a model speaks for personas and for Brendan: never in mock mode, which needs no network.
pub fn speaks(config: &Config, mode: ProvidersMode) -> bool {
    match mode {
        ProvidersMode::Mock => false,
        ProvidersMode::Sim | ProvidersMode::Live => has_model(config),
    }
}

/// The model to ask: OpenAI's API where it has a key, else Anthropic's. `None` without any key.
pub fn llm_settings(config: &Config) -> Result<Option<Settings>, String> {
    let Some((api, api_key)) = KEYS.iter().find_map(|(name, api)| Some((*api, config.optional(name)?))) else {
        return Ok(None);
    };
    let (base_url, model) = match api {
        Api::OpenAi => (
            config.or("openai_base_url", "https://api.openai.com"),
            config.optional("llm_model").unwrap_or_else(|| config.or("openai_model", OPENAI_MODEL_DEFAULT)),
        ),
        Api::Anthropic => (
            config.or("anthropic_base_url", "https://api.anthropic.com"),
            config.optional("llm_model").ok_or("LLM_MODEL is not set, and ANTHROPIC_API_KEY is")?,
        ),
    };
    // It becomes a label of metrics.
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-:/@".contains(c);
    if model.len() > 100 || !model.chars().all(is_name) {
        return Err("LLM_MODEL must be 1 to 100 letters, digits and . _ - : / @".to_owned());
    }
    Ok(Some(Settings { api, base_url, api_key, model, dialect: Learnt::default() }))
}

/// Why the model must not be asked, for /ready: it could not be, or its key would go over the network in the clear.
pub(crate) fn reasons(config: &Config) -> Option<String> {
    let place = config.place();
    match llm_settings(config) {
        Err(reason) => Some(reason),
        Ok(Some(settings)) if place != Place::Local => {
            let is_ours = place == Place::LocalLive && is_this_machine(&settings.base_url);
            let is_safe = settings.base_url.starts_with("https://") || is_ours;
            (!is_safe).then(|| "the language model's base URL must begin with https://".to_owned())
        }
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_says_which_api_and_openai_comes_first() {
        assert_eq!(llm_settings(&Config::of(&[("llm_model", "m")])), Ok(None));
        assert!(!has_model(&Config::of(&[("llm_model", "m")])));
        let openai = Config::of(&[("openai_api_key", "k"), ("anthropic_api_key", "a"), ("openai_model", "old")]);
        let found = llm_settings(&openai).unwrap().unwrap();
        assert_eq!((found.api, found.model.as_str(), found.api_key.as_str()), (Api::OpenAi, "old", "k"));
        let anthropic = Config::of(&[("anthropic_api_key", "a"), ("openai_model", "old"), ("llm_model", "new")]);
        let found = llm_settings(&anthropic).unwrap().unwrap();
        assert_eq!((found.api, found.model.as_str()), (Api::Anthropic, "new"));
        assert_eq!(found.base_url, "https://api.anthropic.com");
        assert!(has_model(&anthropic));
        let strange = Config::of(&[("openai_api_key", "k"), ("llm_model", "a\"} 1")]);
        assert!(llm_settings(&strange).unwrap_err().starts_with("LLM_MODEL"));
    }

    #[test]
    fn a_model_speaks_only_with_a_key_and_a_network() {
        let with_key = Config::of(&[("openai_api_key", "k")]);
        assert!(!speaks(&with_key, ProvidersMode::Mock) && speaks(&with_key, ProvidersMode::Sim));
        assert!(!speaks(&Config::of(&[]), ProvidersMode::Live));
    }

    #[test]
    fn a_model_that_cannot_be_asked_safely_is_a_reason() {
        let reason = |variables: &[(&str, &str)], at| reasons(&Config::of(&[variables, &[at]].concat()));
        let (sim, live, prod) = (("providers_mode", "sim"), ("providers_mode", "live"), ("environment", "prod"));
        let key = ("openai_api_key", "a-long-enough-key");
        let plain = [key, ("openai_base_url", "http://llm.example")];
        assert_eq!(reason(&plain, sim), None);
        assert!(reason(&plain, prod).unwrap().contains("https://"));
        assert!(reason(&plain, live).is_some());
        // A model on one's own machine.
        let here = [key, ("openai_base_url", "http://127.0.0.1:11434")];
        assert_eq!(reason(&here, live), None);
        assert!(reason(&here, prod).is_some());
        let elsewhere = [key, ("openai_base_url", "http://127.0.0.1.evil.example")];
        assert!(reason(&elsewhere, live).is_some());
        assert!(reason(&[("anthropic_api_key", "k")], sim).unwrap().contains("LLM_MODEL"));
        assert_eq!(reason(&[], prod), None);
    }
}
