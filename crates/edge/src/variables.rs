//! The variables that spin.toml grants to the component we are in.

use crate::config::Config;

/// The component's configuration, read variable by variable when one is needed.
pub fn config() -> Config {
    Config::new(Box::new(|name| spin_sdk::variables::get(name).ok()))
}
