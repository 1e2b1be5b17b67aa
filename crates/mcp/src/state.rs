//! `requestState`: what a client brings back unchanged with what its user was asked for, signed, since it was out of our hands.

use super::message::RpcError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mw_edge::config::Config;
use mw_edge::{Problem, clock, problem, seal, signing};
use serde::{Deserialize, Serialize};
use serde_json::Value;

const DOMAIN: &str = "myloware mcp state 1\n";
const SECONDS: i64 = 24 * 3600;

/// A gate that was handed over.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) run_id: String,
    pub(super) opening: u32,
    /// Unix seconds.
    expires_at: i64,
}

impl State {
    pub(super) fn of(run_id: &str, opening: u32) -> State {
        State { run_id: run_id.to_owned(), opening, expires_at: clock::unix_seconds().saturating_add(SECONDS) }
    }

    pub(super) fn write(&self, config: &Config) -> Result<String, Problem> {
        let body = serde_json::to_vec(self).map_err(|error| problem::internal().because(error))?;
        let body = URL_SAFE_NO_PAD.encode(body);
        let signature = seal::sign(&signing::newest(config)?, DOMAIN, &body);
        Ok(format!("{body}.{signature}"))
    }

    /// Reads what came back, if it is ours and not over.
    pub(super) fn read(sent: &Value, config: &Config) -> Result<State, RpcError> {
        let refused = || RpcError::invalid_params("requestState is not ours, or too old: call again without it");
        let secrets = signing::secrets(config).map_err(|_| refused())?;
        let (body, signature) = sent.as_str().and_then(|sent| sent.split_once('.')).ok_or_else(refused)?;
        if !seal::is_signed(&secrets, DOMAIN, body, signature) {
            return Err(refused());
        }
        let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| refused())?;
        let state: State = serde_json::from_slice(&body).map_err(|_| refused())?;
        if state.expires_at > clock::unix_seconds() { Ok(state) } else { Err(refused()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_state_comes_back_unchanged_in_its_time_or_not_at_all() {
        let config = Config::of(&[("hitl_secret", "s")]);
        let written = |expires_at| State { run_id: "r1".into(), opening: 2, expires_at }.write(&config).unwrap();
        let now = clock::unix_seconds();
        let good = written(now + 60);
        assert_eq!(State::read(&json!(good), &config).unwrap().opening, 2);
        assert!(State::read(&json!(written(now - 1)), &config).is_err());
        for index in 0..good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(State::read(&json!(changed), &config).is_err(), "byte {index}");
        }
        for odd in [json!(null), json!(7), json!(""), json!(".")] {
            assert!(State::read(&odd, &config).is_err(), "{odd}");
        }
    }
}
