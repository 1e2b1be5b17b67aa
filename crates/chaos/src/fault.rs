//! What goes wrong, and in which order: a pure function of the seed.

use mw_sim::fault::{Fault as Trouble, Known, On, Provider, Rule, known};

/// One thing that goes wrong. What it meets depends on the moment; the sequence does not.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// kill -9, and a start again after a while.
    KillHost { host: usize, down_ms: u64 },
    /// With or without a checkpoint; all connections are lost.
    RestartPostgres { crash: bool },
    /// pg_terminate_backend of some connections, whatever they are doing.
    KillBackends { count: usize },
    /// The database takes no more than `left` connections for a while, and all open ones are lost.
    ExhaustConnections { left: u32, ms: u64 },
    /// Somebody holds the locks of some runs for a while.
    LockRuns { count: usize, ms: u64 },
    /// A provider, or the network before it, misbehaves in one of the simulator's ways.
    Provider(Rule),
    /// Callbacks wait, and then come all at once.
    HoldCallbacks { ms: u64 },
    /// Jobs take this long from now on.
    SlowProviders { ms: u64 },
    /// A message that no provider sends, or not so, or not now; to two hosts at once.
    Message { message: Message, hosts: [usize; 2] },
    /// Two sweeps at once.
    TwoSweeps { hosts: [usize; 2] },
    /// A run is cancelled, whatever it is doing.
    Cancel { host: usize },
    /// Two people decide one gate at once, one for and one against.
    RaceAtGate { hosts: [usize; 2] },
}

/// A webhook that we send in the provider's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    /// Properly signed, about a real task, and a lie: done, and the video is a stranger's.
    Lie,
    /// The same without any valid signature.
    Forged,
    /// About a task that nobody has.
    Unknown,
    /// Signed long ago.
    Late,
    /// Of a provider that signs nothing, about a real job, and a lie.
    Unsigned,
    /// No JSON at all.
    Garbage,
}

const MESSAGES: [Message; 6] =
    [Message::Lie, Message::Forged, Message::Unknown, Message::Late, Message::Unsigned, Message::Garbage];

const LOST_ANSWERS: [Trouble; 4] =
    [Trouble::DROP_CONNECTION, Trouble::GATEWAY_ERROR_AFTER_WORK, Trouble::MALFORMED_JSON, Trouble::DELAY];

impl Fault {
    /// Its kind, for the report.
    pub(crate) fn name(&self) -> String {
        match self {
            Fault::KillHost { .. } => "kill -9 of a host".into(),
            Fault::RestartPostgres { crash: true } => "PostgreSQL crash".into(),
            Fault::RestartPostgres { crash: false } => "PostgreSQL restart".into(),
            Fault::KillBackends { .. } => "backends terminated".into(),
            Fault::ExhaustConnections { .. } => "connections exhausted".into(),
            Fault::LockRuns { .. } => "runs locked".into(),
            Fault::Provider(rule) => format!("{}: {}", word(&rule.provider), word(&rule.fault)),
            Fault::HoldCallbacks { .. } => "callbacks held and released".into(),
            Fault::SlowProviders { .. } => "providers' speed changed".into(),
            Fault::Message { message, .. } => format!("webhook: {message:?}").to_lowercase(),
            Fault::TwoSweeps { .. } => "two sweeps at once".into(),
            Fault::Cancel { .. } => "cancel in an odd moment".into(),
            Fault::RaceAtGate { .. } => "race at a gate".into(),
        }
    }
}

/// A name as it stands in JSON.
fn word(name: &impl serde::Serialize) -> String {
    serde_json::to_value(name).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The endless sequence of faults of a seed.
pub(crate) struct Plan {
    random: fastrand::Rng,
    hosts: usize,
    /// What providers can have.
    known: Vec<Known>,
}

impl Plan {
    pub(crate) fn new(seed: u64, hosts: usize) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), hosts, known: known() }
    }

    fn two_hosts(&mut self) -> [usize; 2] {
        [self.random.usize(..self.hosts), self.random.usize(..self.hosts)]
    }

    /// Every third loses the answer of a call that did its work: the moments in which something could be done twice.
    fn trouble(&mut self) -> Rule {
        if self.random.u32(..3) == 0 {
            let fault = *self.random.choice(&LOST_ANSWERS).unwrap_or(&Trouble::DROP_CONNECTION);
            let any = self.any_trouble();
            let provider = self.random.choice(Provider::all()).unwrap_or(any.provider);
            return Rule { fault, provider, on: On::Create, ..any };
        }
        self.any_trouble()
    }

    fn any_trouble(&mut self) -> Rule {
        // Whoever is known can have something, and whatever is known somebody can have.
        let (provider, fault) = loop {
            let known = self.random.choice(&self.known).map(|known| (known.fault, known.providers.clone()));
            let Some((fault, providers)) = known else { continue };
            if let Some(provider) = self.random.choice(providers) {
                break (provider, fault);
            }
        };
        Rule {
            provider,
            fault,
            times: Some(self.random.u32(1..=2)),
            probability: None,
            on: *self.random.choice(&[On::Any, On::Create, On::Query]).unwrap_or(&On::Any),
            ms: Some(self.random.u64(50..4000)),
            retry_after_seconds: Some(self.random.u64(1..=2)),
            text: None,
            struck: 0,
        }
    }
}

impl Iterator for Plan {
    type Item = Fault;

    /// The weights: what costs seconds comes seldom.
    fn next(&mut self) -> Option<Fault> {
        Some(match self.random.u32(..1000) {
            0..8 => Fault::KillHost { host: self.random.usize(..self.hosts), down_ms: self.random.u64(..1500) },
            8..12 => Fault::RestartPostgres { crash: self.random.bool() },
            12..18 => Fault::ExhaustConnections { left: self.random.u32(..3), ms: self.random.u64(50..700) },
            18..28 => Fault::HoldCallbacks { ms: self.random.u64(50..1500) },
            28..60 => Fault::LockRuns { count: self.random.usize(1..8), ms: self.random.u64(10..300) },
            60..75 => Fault::SlowProviders { ms: self.random.u64(..3000) },
            75..175 => Fault::KillBackends { count: self.random.usize(1..10) },
            175..330 => Fault::Provider(self.trouble()),
            330..740 => {
                let message = *self.random.choice(&MESSAGES).unwrap_or(&Message::Lie);
                Fault::Message { message, hosts: self.two_hosts() }
            }
            740..940 => Fault::TwoSweeps { hosts: self.two_hosts() },
            940..970 => Fault::Cancel { host: self.random.usize(..self.hosts) },
            _ => Fault::RaceAtGate { hosts: self.two_hosts() },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn names(seed: u64) -> Vec<String> {
        Plan::new(seed, 3).take(3000).map(|fault| format!("{fault:?}")).collect()
    }

    #[test]
    fn the_sequence_is_a_function_of_the_seed() {
        assert_eq!(names(7), names(7));
        assert_ne!(names(7), names(8));
    }

    #[test]
    fn every_kind_comes_and_no_provider_has_a_fault_of_another() {
        let faults: Vec<Fault> = Plan::new(1, 3).take(30_000).collect();
        let kinds: BTreeSet<String> = faults.iter().map(Fault::name).collect();
        let troubles: usize = known().iter().map(|known| known.providers.len()).sum();
        // Eleven others beside the providers' and the messages, one of them in two ways.
        assert_eq!(kinds.len(), troubles + MESSAGES.len() + 11);
        for fault in faults {
            if let Fault::Provider(rule) = fault {
                assert_eq!(rule.objection(), None);
            }
        }
    }
}
