//! Variables, typed. A component is granted only those it needs (spin.toml); they are read when they are needed.

use crate::secrets::{self, Weakness};
use crate::startup::{self, Place};
use std::cell::OnceCell;

/// Looks a variable up by its name in spin.toml; `None` when it isn't granted to this component.
pub type Source = Box<dyn Fn(&str) -> Option<String>>;

/// A variable is missing or wrong: the operator's fault. The text names the variable and never its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misconfigured(pub String);

impl std::fmt::Display for Misconfigured {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Misconfigured {}

pub struct Config {
    source: Source,
    place: OnceCell<Place>,
}

impl Config {
    pub fn new(source: Source) -> Config {
        Config { source, place: OnceCell::new() }
    }

    /// A configuration of these variables and no others.
    pub fn of(variables: &[(&str, &str)]) -> Config {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let variables: Vec<(String, String)> = variables.iter().map(owned).collect();
        Config::new(Box::new(move |name| variables.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())))
    }

    /// A variable's value; `None` when it is empty or not granted, and for a secret that is too weak for where we are.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.given(name).filter(|value| self.judge(name, value).is_none())
    }

    /// Whether a variable has a value, weak or not.
    pub fn is_set(&self, name: &str) -> bool {
        self.given(name).is_some()
    }

    /// Why a secret that is set reads as unset.
    pub(crate) fn weakness(&self, name: &str) -> Option<Weakness> {
        self.given(name).and_then(|value| self.judge(name, &value))
    }

    /// How much is at stake where we are.
    pub fn place(&self) -> Place {
        *self.place.get_or_init(|| startup::place(self))
    }

    fn given(&self, name: &str) -> Option<String> {
        let value = (self.source)(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn judge(&self, name: &str, value: &str) -> Option<Weakness> {
        secrets::weakness(name, value, || self.place())
    }

    /// A variable that this component cannot work without.
    pub fn required(&self, name: &str) -> Result<String, Misconfigured> {
        self.optional(name).ok_or_else(|| {
            let cause = self.weakness(name).map_or_else(|| "is not set".to_owned(), |weakness| weakness.to_string());
            Misconfigured(format!("variable {name} {cause}"))
        })
    }

    pub fn or(&self, name: &str, default: &str) -> String {
        self.optional(name).unwrap_or_else(|| default.to_owned())
    }

    /// A whole number; a variable that isn't one is a fault to be shown, not a reason to use the default.
    pub fn number(&self, name: &str, default: u64) -> Result<u64, Misconfigured> {
        match self.optional(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| Misconfigured(format!("variable {name} is not a whole number"))),
        }
    }

    /// What a million tokens cost; 0 where it is not set.
    pub fn price(&self, name: &str) -> Result<f64, Misconfigured> {
        let price = self.or(name, "0").parse().ok().filter(|price| (0.0..=1e6).contains(price));
        price.ok_or_else(|| Misconfigured(format!("variable {name} is no price")))
    }

    /// The current secret and, during a rotation, the previous one, which does not stand in for the current.
    pub fn secrets(&self, name: &str) -> Vec<String> {
        let Some(current) = self.optional(name) else { return Vec::new() };
        std::iter::once(current).chain(self.optional(&secrets::previous(name))).collect()
    }

    /// A base URL without a trailing slash, so that paths can be appended.
    pub fn base_url(&self, name: &str) -> Result<String, Misconfigured> {
        Ok(self.required(name)?.trim_end_matches('/').to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_is_unset() {
        let config = Config::of(&[("a", " "), ("b", "x"), ("hitl_secret", "new"), ("hitl_secret_previous", "")]);
        assert_eq!(config.optional("a"), None);
        assert_eq!(config.or("a", "default"), "default");
        assert_eq!(config.required("b").unwrap(), "x");
        assert_eq!(config.secrets("hitl_secret"), ["new"]);
        assert_eq!(config.required("c").unwrap_err().to_string(), "variable c is not set");
    }

    #[test]
    fn a_weak_secret_is_missed_by_its_name_and_reason() {
        let weak = Config::of(&[
            ("environment", "prod"),
            ("hitl_secret", "short"),
            ("hitl_secret_previous", "a-long-enough-one"),
        ]);
        let missing = weak.required("hitl_secret").unwrap_err();
        assert_eq!(missing.to_string(), "variable hitl_secret is shorter than 12 characters");
        assert!(weak.secrets("hitl_secret").is_empty(), "the one before stands in for nothing");
    }

    #[test]
    fn a_number_that_is_none_is_a_fault() {
        let config = Config::of(&[("n", "12"), ("m", "many")]);
        assert_eq!(config.number("n", 1).unwrap(), 12);
        assert_eq!(config.number("x", 7).unwrap(), 7);
        assert!(config.number("m", 1).is_err());
    }

    #[test]
    fn base_urls_lose_their_slash() {
        assert_eq!(Config::of(&[("u", "http://a/b//")]).base_url("u").unwrap(), "http://a/b");
    }
}
