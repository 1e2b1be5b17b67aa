//! Everything that can be made to go wrong. One fault is one behaviour of a real provider, or of the network before it; those of
//! one provider stand in its folder.

use serde::{Deserialize, Deserializer, Serialize};

pub use crate::player::Provider;

/// A fault, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Fault(&'static str);

impl Fault {
    // Around one call of any provider.
    pub const DELAY: Fault = Fault("delay");
    pub const DROP_CONNECTION: Fault = Fault("drop_connection");
    pub const GATEWAY_ERROR_AFTER_WORK: Fault = Fault("gateway_error_after_work");
    pub const STATUS_500: Fault = Fault("status_500");
    pub const STATUS_429: Fault = Fault("status_429");
    pub const MALFORMED_JSON: Fault = Fault("malformed_json");
    pub const OVERSIZED_ANSWER: Fault = Fault("oversized_answer");
    pub const DAMAGED_TEXT: Fault = Fault("damaged_text");
    // Of any provider with callbacks: decided when the job is created.
    pub const CALLBACK_TWICE: Fault = Fault("callback_twice");
    pub const CALLBACK_REORDERED: Fault = Fault("callback_reordered");
    pub const CALLBACK_DROPPED: Fault = Fault("callback_dropped");
    pub const CALLBACK_LATE: Fault = Fault("callback_late");
    pub const CALLBACK_FORGED: Fault = Fault("callback_forged");
    pub const CALLBACK_DAMAGED: Fault = Fault("callback_damaged");

    pub(crate) const fn named(name: &'static str) -> Fault {
        Fault(name)
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fault, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = Provider::all().flat_map(Provider::faults).find(|own| own.fault.0 == name);
        found.map(|own| own.fault).ok_or_else(|| serde::de::Error::custom(format!("there is no fault {name}")))
    }
}

/// When a fault is drawn: for one call, or once for a job, for all of its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Call,
    Job,
}

/// A fault that a provider can have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own {
    pub(crate) fault: Fault,
    pub(crate) scope: Scope,
    pub(crate) description: &'static str,
}

impl Own {
    pub(crate) const fn call(fault: Fault, description: &'static str) -> Own {
        Own { fault, scope: Scope::Call, description }
    }

    pub(crate) const fn job(fault: Fault, description: &'static str) -> Own {
        Own { fault, scope: Scope::Job, description }
    }
}

pub(crate) const GENERAL: &[Own] = &[
    Own::call(Fault::DELAY, "does the work and answers `ms` later (default 30000)"),
    Own::call(Fault::DROP_CONNECTION, "does the work and hangs up without an answer"),
    Own::call(Fault::GATEWAY_ERROR_AFTER_WORK, "does the work and answers 502 with a page that is not the provider's"),
    Own::call(Fault::STATUS_500, "answers HTTP 500 in the provider's own words, without doing the work"),
    Own::call(
        Fault::STATUS_429,
        "answers HTTP 429 with Retry-After (`retry_after_seconds`, default 1), without doing the work",
    ),
    Own::call(Fault::MALFORMED_JSON, "does the work and answers with half of the JSON"),
    Own::call(Fault::OVERSIZED_ANSWER, "does the work and answers with more than 1 MB"),
    Own::call(Fault::DAMAGED_TEXT, "does the work and answers with half an emoji, a cut byte and a byte order mark"),
];

pub(crate) const CALLBACKS: &[Own] = &[
    Own::job(Fault::CALLBACK_TWICE, "sends every callback of the job twice"),
    Own::job(Fault::CALLBACK_REORDERED, "sends the job's callbacks after the provider's next ones"),
    Own::job(Fault::CALLBACK_DROPPED, "never calls back, and the delivery never returns"),
    Own::job(Fault::CALLBACK_LATE, "calls back `ms` late (default 30000)"),
    Own::job(Fault::CALLBACK_FORGED, "a stranger calls back first, with a lie and no valid signature"),
    Own::job(
        Fault::CALLBACK_DAMAGED,
        "calls back, rightly signed, with half an emoji, a cut byte and a byte order mark",
    ),
];

/// A line of the list that `GET /_sim/faults` shows.
#[derive(Debug, Clone, Serialize)]
pub struct Known {
    pub fault: Fault,
    pub providers: Vec<Provider>,
    pub scope: Scope,
    pub description: &'static str,
}

/// Every fault, with who can have it.
pub fn known() -> Vec<Known> {
    let mut known: Vec<Known> = Vec::new();
    for provider in Provider::all() {
        for Own { fault, scope, description } in provider.faults().copied() {
            match known.iter_mut().find(|known| known.fault == fault) {
                Some(known) => known.providers.push(provider),
                None => known.push(Known { fault, providers: vec![provider], scope, description }),
            }
        }
    }
    known
}

/// Which calls a fault of scope `call` strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum On {
    #[default]
    Any,
    /// POST: creating a job, asking a model.
    Create,
    /// GET: asking about a job.
    Query,
}

/// One switched-on fault.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub provider: Provider,
    pub fault: Fault,
    /// Strikes so often, then no more; absent: until cleared.
    #[serde(default)]
    pub times: Option<u32>,
    /// Strikes with this probability; absent: always.
    #[serde(default)]
    pub probability: Option<f64>,
    #[serde(default)]
    pub on: On,
    #[serde(default)]
    pub ms: Option<u64>,
    #[serde(default)]
    pub retry_after_seconds: Option<u64>,
    /// The provider's error text.
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default, skip_deserializing)]
    pub struck: u64,
}

impl Rule {
    /// Why this rule makes no sense, if it makes none.
    pub fn objection(&self) -> Option<String> {
        if !self.provider.can_have(self.fault) {
            return Some(format!("{} is not a fault of {:?}", self.fault.0, self.provider));
        }
        let probability = self.probability.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&probability) {
            return Some("probability must be between 0 and 1".to_owned());
        }
        None
    }

    pub(crate) fn delay_ms(&self) -> u64 {
        self.ms.unwrap_or(30_000)
    }
}

/// The job faults that a provider can have.
pub(crate) fn job_faults(provider: Provider) -> impl Iterator<Item = Fault> {
    provider.faults().filter(|own| own.scope == Scope::Job).map(|own| own.fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_that_several_can_have_is_the_same_fault() {
        for provider in Provider::all() {
            for own in provider.faults() {
                let known = known();
                let known = known.iter().find(|known| known.fault == own.fault).unwrap();
                assert!(known.providers.contains(&provider), "{own:?}");
                assert_eq!((known.scope, known.description), (own.scope, own.description));
            }
        }
    }

    #[test]
    fn senseless_rules_are_refused() {
        for provider in Provider::all() {
            for known in known() {
                let rule = |probability: f64| {
                    let rule = serde_json::json!({
                        "provider": provider, "fault": known.fault, "probability": probability,
                    });
                    serde_json::from_value::<Rule>(rule).unwrap().objection()
                };
                assert_eq!(rule(1.0).is_none(), known.providers.contains(&provider));
                assert!(rule(2.0).is_some());
            }
        }
    }
}
