//! What is fixed when the simulator starts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::fault::Provider;

/// How the simulator is set up. An empty or absent key accepts any non-empty one; an absent secret signs nothing.
#[derive(Debug, Clone)]
pub struct Config {
    /// Base of the URLs of results.
    pub public_url: String,
    pub kieai_api_key: Option<String>,
    pub shotstack_api_key: Option<String>,
    pub upload_post_api_key: Option<String>,
    pub openai_api_key: Option<String>,
    pub anthropic_api_key: Option<String>,
    pub telegram_bot_token: Option<String>,
    pub slack_bot_token: Option<String>,
    pub kieai_signing_secret: Option<String>,
    pub upload_post_signing_secret: Option<String>,
    pub slack_signing_secret: Option<String>,
    /// Where presses in Slack go.
    pub slack_interactions_url: Option<String>,
    /// Where Telegram's updates go before a bot says so, and their secret.
    pub telegram_webhook_url: Option<String>,
    pub telegram_webhook_secret: Option<String>,
    /// upload-post has one webhook URL per account.
    pub upload_post_webhook_url: Option<String>,
    pub latency: Latency,
    /// The providers' own retry delays are multiplied by this.
    pub retry_scale: f64,
    /// Makes faults with a probability repeatable.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            public_url: "http://127.0.0.1:3900".to_owned(),
            kieai_api_key: None,
            shotstack_api_key: None,
            upload_post_api_key: None,
            openai_api_key: None,
            anthropic_api_key: None,
            telegram_bot_token: None,
            slack_bot_token: None,
            kieai_signing_secret: None,
            upload_post_signing_secret: None,
            slack_signing_secret: None,
            slack_interactions_url: None,
            telegram_webhook_url: None,
            telegram_webhook_secret: None,
            upload_post_webhook_url: None,
            latency: Latency::default(),
            retry_scale: 0.02,
            seed: 0,
        }
    }
}

impl Config {
    pub(crate) fn api_key(&self, provider: Provider) -> Option<&str> {
        let key = match provider {
            Provider::Kieai => &self.kieai_api_key,
            Provider::Shotstack => &self.shotstack_api_key,
            Provider::UploadPost => &self.upload_post_api_key,
            Provider::Openai => &self.openai_api_key,
            Provider::Anthropic => &self.anthropic_api_key,
            Provider::Telegram => &self.telegram_bot_token,
            Provider::Slack => &self.slack_bot_token,
            // Any is taken.
            Provider::Otlp | Provider::Sentry => return None,
        };
        present(key)
    }

    /// Whether a provider would take this key.
    pub(crate) fn accepts(&self, provider: Provider, given: Option<&str>) -> bool {
        let given = given.unwrap_or_default().trim();
        match self.api_key(provider) {
            Some(expected) => given == expected,
            None => !given.is_empty(),
        }
    }
}

/// The text, unless it is empty.
pub(crate) fn present(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

/// How long a job takes, from its acceptance to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    pub kieai_ms: u64,
    pub shotstack_ms: u64,
    pub upload_post_ms: u64,
}

impl Default for Latency {
    fn default() -> Latency {
        Latency { kieai_ms: 300, shotstack_ms: 500, upload_post_ms: 300 }
    }
}

impl Latency {
    pub(crate) fn of(&self, provider: Provider) -> Duration {
        Duration::from_millis(match provider {
            Provider::Kieai => self.kieai_ms,
            Provider::Shotstack => self.shotstack_ms,
            Provider::UploadPost => self.upload_post_ms,
            Provider::Openai
            | Provider::Anthropic
            | Provider::Telegram
            | Provider::Slack
            | Provider::Otlp
            | Provider::Sentry => 0,
        })
    }
}
