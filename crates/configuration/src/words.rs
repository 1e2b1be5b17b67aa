//! The words and numbers that a setting may be, with one reader for each: components and `mw` read the same word the same way,
//! and both refuse what neither knows.

use crate::config::{Config, Misconfigured};

/// A switch, as people write one.
pub fn switch(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// How bad something is that is logged, and from where on it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    pub fn parse(text: &str) -> Option<Level> {
        match text.trim().to_ascii_lowercase().as_str() {
            "debug" | "trace" => Some(Level::Debug),
            "info" => Some(Level::Info),
            "warn" | "warning" => Some(Level::Warn),
            "error" | "critical" => Some(Level::Error),
            _ => None,
        }
    }

    /// `LOG_LEVEL`. A component that cannot read it logs as if it were unset; /ready and `mw validate env` refuse it.
    pub fn of(config: &Config) -> Level {
        Level::parse(&config.or("log_level", "info")).unwrap_or(Level::Info)
    }

    pub fn name(self) -> &'static str {
        match self {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }
}

/// What is wrong with `LOG_LEVEL`.
pub(crate) fn level_reason(config: &Config) -> Option<String> {
    let text = config.optional("log_level")?;
    Level::parse(&text).is_none().then(|| "LOG_LEVEL must be error, warn, info or debug".to_owned())
}

/// Every setting that is a whole number. A test holds the list against spin.toml.
const NUMBERS: [&str; 11] = [
    "hitl_token_expiry_hours",
    "runs_start_per_minute",
    "runs_bulk_per_minute",
    "hitl_approve_per_minute",
    "chat_per_minute",
    "mcp_per_minute",
    "console_login_per_minute",
    "adopt_wait_seconds",
    "metrics_runs",
    "chat_budget_tokens_per_day",
    "chat_turn_seconds",
];

/// The price of what a model reads and writes.
const PRICES: [&str; 2] = ["llm_input_price_per_million", "llm_output_price_per_million"];

/// Which numbers are none. Components read each where they need it, by the same functions; only `mw` sees all of them.
pub fn number_reasons(config: &Config) -> Vec<String> {
    let numbers = NUMBERS.into_iter().map(|name| (name, config.number(name, 0).err()));
    let prices = PRICES.into_iter().map(|name| (name, config.price(name).err()));
    let said = |(name, error): (&str, Option<Misconfigured>)| {
        Some(error?.to_string().replace(name, &name.to_ascii_uppercase()))
    };
    numbers.chain(prices).filter_map(said).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_read_as_people_write_them() {
        for (text, expected) in [
            ("True", Some(true)),
            (" on ", Some(true)),
            ("YES", Some(true)),
            ("False", Some(false)),
            ("off", Some(false)),
            ("No", Some(false)),
            ("0", Some(false)),
            ("maybe", None),
            ("", None),
        ] {
            assert_eq!(switch(text), expected, "{text:?}");
        }
    }

    #[test]
    fn an_unknown_level_is_a_reason_and_logs_as_info() {
        let loud = Config::of(&[("log_level", "loud")]);
        assert_eq!((Level::of(&loud), level_reason(&loud).is_some()), (Level::Info, true));
        for known in ["WARNING", "critical", "trace", "info", "Debug"] {
            assert_eq!(level_reason(&Config::of(&[("log_level", known)])), None, "{known}");
        }
        assert_eq!((Level::of(&Config::of(&[])), level_reason(&Config::of(&[]))), (Level::Info, None));
    }

    #[test]
    fn every_number_of_the_manifest_is_checked() {
        let manifest = include_str!("../../../spin.toml");
        let variables = manifest.lines().filter_map(|line| line.split_once(" = { default = \""));
        let is_whole = |default: &str| default.split('"').next().is_some_and(|text| text.parse::<u64>().is_ok());
        let whole: Vec<&str> = variables.filter(|(_, default)| is_whole(default)).map(|(name, _)| name).collect();
        assert!(whole.len() > 10);
        for name in whole {
            let reasons = number_reasons(&Config::of(&[(name, "often")]));
            assert!(reasons.iter().any(|reason| reason.contains(&name.to_ascii_uppercase())), "{name}");
        }
        assert!(number_reasons(&Config::of(&[("runs_start_per_minute", "5000000000")])).is_empty(), "hosts take it");
    }
}
