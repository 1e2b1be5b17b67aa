//! What is fixed when the simulator starts.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::player::{PLAYERS, Provider, Setting};

/// How the simulator is set up. An empty or absent key accepts any non-empty one; an absent secret signs nothing.
#[derive(Debug, Clone)]
pub struct Config {
    /// Base of the URLs of results.
    pub public_url: String,
    /// Keys, secrets and addresses of the players, by [`Setting::name`].
    pub settings: BTreeMap<&'static str, String>,
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
            settings: BTreeMap::new(),
            latency: Latency::default(),
            retry_scale: 0.02,
            seed: 0,
        }
    }
}

/// What the players can be set up with.
pub fn settings() -> impl Iterator<Item = Setting> {
    PLAYERS.iter().flat_map(|player| player.settings).copied()
}

impl Config {
    /// A setting, unless it is empty.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
    }

    /// Whether a provider would take this key.
    pub(crate) fn accepts(&self, provider: Provider, given: Option<&str>) -> bool {
        let given = given.unwrap_or_default().trim();
        match provider.0.key.and_then(|name| self.setting(name)) {
            Some(expected) => given == expected,
            None => !given.is_empty(),
        }
    }
}

/// How long a job takes, from its acceptance to its end: milliseconds by `<provider>_ms`, with `_` for `-`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Latency(BTreeMap<String, u64>);

impl Default for Latency {
    fn default() -> Latency {
        let of = |provider: Provider| Some((key(provider), provider.0.jobs?.latency_ms()));
        Latency(Provider::all().filter_map(of).collect())
    }
}

impl Latency {
    /// The same for every provider.
    pub fn all(milliseconds: u64) -> Latency {
        Latency(Latency::default().0.into_keys().map(|key| (key, milliseconds)).collect())
    }

    /// With some of them changed; the error says which is none.
    pub fn with(&self, changes: &Map<String, Value>) -> Result<Latency, String> {
        let mut changed = self.clone();
        for (key, value) in changes {
            let known = changed.0.get_mut(key).ok_or_else(|| format!("there is no latency {key}"))?;
            *known = value.as_u64().ok_or_else(|| format!("{key} must be milliseconds"))?;
        }
        Ok(changed)
    }

    /// Its keys, for options of the program.
    pub fn keys(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(key, milliseconds)| (key.as_str(), *milliseconds))
    }

    pub(crate) fn of(&self, provider: Provider) -> Duration {
        Duration::from_millis(self.0.get(&key(provider)).copied().unwrap_or(0))
    }
}

fn key(provider: Provider) -> String {
    format!("{}_ms", provider.name().replace('-', "_"))
}
