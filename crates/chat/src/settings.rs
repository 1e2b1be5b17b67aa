//! Which language model plans for Brendan, and what it may take.

use mw_edge::config::{Config, Misconfigured};
use mw_edge::{Problem, llm, startup};
use mw_integrations::llm::Usage;
use std::time::Duration;

const TURN_SECONDS: u64 = 25;
/// Whoever asks for a person waits for longer.
const TURN_SECONDS_MAX: u64 = 100;
/// A bot's update whose handling takes half a minute counts as died, and is handled anew.
const UPDATE_SECONDS_MAX: u64 = 25;
const BUDGET_TOKENS: u64 = 200_000;

/// The model, its prices and its bounds.
#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) llm: mw_integrations::llm::Settings,
    input_price: f64,
    output_price: f64,
    /// Tokens of a user's conversation a UTC day; `None` without a bound.
    budget_tokens: Option<u64>,
    turn_seconds: u64,
}

impl Model {
    /// `None` without a key, and in mock mode, which needs no network.
    pub(super) fn of(config: &Config) -> Result<Option<Model>, Problem> {
        if !llm::has_model(config) || !llm::speaks(config, startup::mode(config)?) {
            return Ok(None);
        }
        let Some(llm) = llm::llm_settings(config).map_err(Misconfigured)? else { return Ok(None) };
        Ok(Some(Model {
            llm,
            input_price: config.price("llm_input_price_per_million")?,
            output_price: config.price("llm_output_price_per_million")?,
            budget_tokens: Some(config.number("chat_budget_tokens_per_day", BUDGET_TOKENS)?).filter(|most| *most > 0),
            turn_seconds: config.number("chat_turn_seconds", TURN_SECONDS)?.clamp(1, TURN_SECONDS_MAX),
        }))
    }

    /// How long a turn may take.
    pub(super) fn turn(&self, of_update: bool) -> Duration {
        let most = if of_update { UPDATE_SECONDS_MAX } else { TURN_SECONDS_MAX };
        Duration::from_secs(self.turn_seconds.min(most))
    }

    /// Whether a user may have more of it today.
    pub(super) fn is_within_budget(&self, tokens_today: u64) -> bool {
        self.budget_tokens.is_none_or(|most| tokens_today < most)
    }

    pub(super) fn cost(&self, usage: Usage) -> f64 {
        (usage.input_tokens as f64 * self.input_price + usage.output_tokens as f64 * self.output_price) / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(more: &[(&str, &str)]) -> Option<Model> {
        let mut variables = vec![("openai_api_key", "k"), ("providers_mode", "sim"), ("openai_model", "a-model")];
        variables.extend(more);
        Model::of(&Config::of(&variables)).unwrap()
    }

    #[test]
    fn there_is_a_model_with_a_key_and_a_network_only() {
        assert!(model(&[]).is_some());
        assert!(Model::of(&Config::of(&[("providers_mode", "live")])).unwrap().is_none());
        let mock = Config::of(&[("openai_api_key", "k"), ("providers_mode", "mock")]);
        assert!(Model::of(&mock).unwrap().is_none());
    }

    #[test]
    fn tokens_are_priced_and_bounded_by_the_budget() {
        let prices = [("llm_input_price_per_million", "0.5"), ("llm_output_price_per_million", "4")];
        let priced = model(&prices).unwrap();
        let usage = Usage { input_tokens: 1_000_000, output_tokens: 500_000, estimated: false };
        assert_eq!((priced.cost(usage), model(&[]).unwrap().cost(usage)), (2.5, 0.0));
        assert!(priced.is_within_budget(BUDGET_TOKENS - 1) && !priced.is_within_budget(BUDGET_TOKENS));
        assert!(model(&[("chat_budget_tokens_per_day", "0")]).unwrap().is_within_budget(u64::MAX));
        for price in ["-1", "much", "NaN", "inf"] {
            let config = Config::of(&[("openai_api_key", "k"), ("providers_mode", "sim"), (prices[0].0, price)]);
            assert_eq!(Model::of(&config).unwrap_err().status, 503, "{price}");
        }
    }

    #[test]
    fn a_turn_of_a_bot_ends_before_its_update_counts_as_died() {
        let patient = model(&[("chat_turn_seconds", "90")]).unwrap();
        assert_eq!((patient.turn(false).as_secs(), patient.turn(true).as_secs()), (90, UPDATE_SECONDS_MAX));
        assert_eq!(model(&[("chat_turn_seconds", "0")]).unwrap().turn(false).as_secs(), 1);
    }
}
