//! An outside system as everybody else knows it: data, no code. Its folder has one; [`crate::registry`] lists them all.

use crate::answer::joined;
use crate::llm::{Dialect, address};
use mw_media::retry::{FaultClass, Rule, Trouble, class_of};

/// An outside system.
#[derive(Debug)]
pub struct System {
    /// In rows, routes, metrics and definitions. With `_` for `-` it begins the names of its variables.
    pub name: &'static str,
    /// As people read it.
    pub title: &'static str,
    /// What it does for us, after its title: "makes the clips".
    pub does: &'static str,
    /// What its errors mean, where they mean something of their own.
    pub rules: &'static [Rule],
    /// What the dispatcher keeps to until an operator says otherwise; `None` where no effect goes there.
    pub limits: Option<Limits>,
    pub secrets: &'static [Secret],
    /// Secrets of the systems before this one, which anybody can read.
    pub known_secrets: &'static [&'static str],
    pub addresses: &'static [Address],
    pub probes: &'static [Probe],
    /// The family of how long its jobs take; only of providers that make jobs.
    pub job_seconds: Option<JobSeconds>,
    /// The kind of export that goes there: `trace` or `report`.
    pub takes_export: Option<&'static str>,
}

/// The first values of a row of `provider_states`; `None` is without limit.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Starts in any sliding window.
    pub starts_max: Option<u32>,
    pub window_seconds: u32,
    /// Jobs that the provider has and has not ended.
    pub open_jobs_max: Option<u32>,
    /// Effects under a lease.
    pub in_flight_max: Option<u32>,
}

/// A secret that shows us to a system, or that system to us.
#[derive(Debug, Clone, Copy)]
pub struct Secret {
    /// Its variable in spin.toml.
    pub name: &'static str,
    /// `<name>_previous` is good, too, during a rotation.
    pub rotates: bool,
    pub needed: Needed,
}

/// Where a secret matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// No deployment beyond a developer's machine does without it.
    Everywhere,
    /// Live mode uses it where it is set.
    WhereSet,
    /// Belongs to an address that the operator names, and is used in every mode.
    WithAddress,
}

impl Secret {
    pub const fn everywhere(name: &'static str) -> Secret {
        Secret { name, rotates: false, needed: Needed::Everywhere }
    }

    pub const fn where_set(name: &'static str) -> Secret {
        Secret { name, rotates: false, needed: Needed::WhereSet }
    }

    pub const fn with_address(name: &'static str) -> Secret {
        Secret { name, rotates: false, needed: Needed::WithAddress }
    }

    pub const fn rotating(self) -> Secret {
        Secret { rotates: true, ..self }
    }
}

/// Where a system answers.
#[derive(Debug, Clone, Copy)]
pub struct Address {
    /// Its variable in spin.toml.
    pub variable: &'static str,
    pub default: &'static str,
    /// The path under which the simulator answers instead.
    pub simulated: &'static str,
}

/// One harmless question, of something that does not exist, by which `mw validate providers` learns whether a key is taken.
#[derive(Debug)]
pub struct Probe {
    /// As the command names it.
    pub name: &'static str,
    pub address: Address,
    /// The variable of the key.
    pub key: &'static str,
    /// The header that carries the key, and what stands before it.
    pub header: (&'static str, &'static str),
    pub more_headers: &'static [(&'static str, &'static str)],
    /// The question stands below the version that the base URL names, or that it should name.
    pub versioned: bool,
    pub question: &'static str,
    /// Asked only where there is a key.
    pub optional: bool,
}

impl Probe {
    /// Where the question is asked.
    pub fn url(&self, base_url: &str) -> String {
        match self.versioned {
            true => address(base_url, self.question, Dialect::default()).text,
            false => joined(base_url, self.question),
        }
    }
}

/// A family of metrics: how long jobs take, from the run's request to the provider's last word.
#[derive(Debug, Clone, Copy)]
pub struct JobSeconds {
    pub family: &'static str,
    pub help: &'static str,
}

impl System {
    /// One whose rules, secrets and addresses are still to be named.
    pub const fn new(name: &'static str, title: &'static str, does: &'static str) -> System {
        System {
            name,
            title,
            does,
            rules: &[],
            limits: None,
            secrets: &[],
            known_secrets: &[],
            addresses: &[],
            probes: &[],
            job_seconds: None,
            takes_export: None,
        }
    }

    /// What can be done about one of its errors.
    pub(crate) fn class_of(&self, trouble: &Trouble<'_>) -> FaultClass {
        class_of(self.rules, trouble)
    }

    /// The name of one of its variables in spin.toml: `slack_base_url`.
    pub fn variable(&self, what: &str) -> String {
        format!("{}_{what}", self.name.replace('-', "_"))
    }
}

impl PartialEq for System {
    fn eq(&self, other: &System) -> bool {
        self.name == other.name
    }
}
