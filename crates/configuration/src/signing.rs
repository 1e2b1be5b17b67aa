//! The secrets that sign what goes out and comes back: links of gates, sessions of the console, sealed turns, states of MCP.

use crate::config::{Config, Misconfigured};
use crate::startup::Place;

/// The environment's API keys, the newest first.
pub fn operator_keys(config: &Config) -> Result<Vec<String>, Misconfigured> {
    config.required("api_key").map(|_| config.secrets("api_key"))
}

/// The signing secrets, the newest first. On somebody's own machine the API key signs without HITL_SECRET, as it did in the
/// original.
pub fn secrets(config: &Config) -> Result<Vec<String>, Misconfigured> {
    const SECRET: &str = "hitl_secret";
    if config.place() == Place::Local && !config.is_set(SECRET) {
        return operator_keys(config);
    }
    config.required(SECRET).map(|_| config.secrets(SECRET))
}

/// The secret that signs what goes out now.
pub fn newest(config: &Config) -> Result<String, Misconfigured> {
    Ok(secrets(config)?.into_iter().next().unwrap_or_default())
}

/// How many hours a gate's link is good.
pub fn link_hours(config: &Config) -> Result<u32, Misconfigured> {
    let hours = config.number("hitl_token_expiry_hours", 24)?.clamp(1, 24 * 365);
    Ok(u32::try_from(hours).unwrap_or(24))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_secret_the_api_key_signs_locally_only() {
        assert_eq!(secrets(&Config::of(&[("api_key", "k")])).unwrap(), ["k"]);
        for weak in [("environment", "prod"), ("hitl_secret", "dev-hitl-secret")] {
            let deployed = [("environment", "prod"), ("api_key", "a-long-enough-key"), weak];
            assert!(secrets(&Config::of(&deployed)).is_err(), "{weak:?}");
        }
        let rotated = Config::of(&[("hitl_secret", "a"), ("hitl_secret_previous", "b")]);
        assert_eq!(secrets(&rotated).unwrap(), ["a", "b"]);
        assert_eq!(newest(&rotated).unwrap(), "a");
    }
}
