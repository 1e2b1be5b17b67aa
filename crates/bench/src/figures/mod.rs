//! The parts of the table, a file for each.

mod backends;
mod callbacks;
mod chat;
mod host;
mod idle;
mod pages;
mod runs;
mod sweep;
mod throughput;
mod webhooks;
mod wire;

use crate::fixture::Fixture;
use crate::report::Report;
use anyhow::Result;
use clap::ValueEnum;
use std::time::Duration;

/// Connections in a closed loop.
const CONNECTIONS: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Webhooks in: unique, repeated, forged
    Webhooks,
    /// Starting and reading runs, a turn of chat
    Runs,
    /// /metrics and the console
    Pages,
    /// Whole runs, published
    Throughput,
    /// A sweep with ten thousand overdue runs (with --history)
    Sweep,
    /// Instances, memory, sizes
    Host,
    /// From an approval to the provider's wire
    Wire,
    /// A turn of chat beside its language model
    Chat,
    /// Backends of PostgreSQL under load and at rest
    Backends,
    /// Callbacks that wake a dispatcher
    Callbacks,
    /// What an idle product costs
    Idle,
}

/// What a part needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stack {
    Mock,
    Sim,
    /// The same with a language model.
    Model,
    /// Simulated providers and the scheduled sweep, and nobody who asks for anything.
    Idle,
}

impl Part {
    pub(crate) const ALL: [Part; 11] = [
        Part::Webhooks,
        Part::Runs,
        Part::Pages,
        Part::Throughput,
        Part::Host,
        Part::Sweep,
        Part::Wire,
        Part::Chat,
        Part::Backends,
        Part::Callbacks,
        Part::Idle,
    ];

    pub(crate) fn stack(self) -> Stack {
        match self {
            Part::Webhooks | Part::Runs | Part::Pages | Part::Throughput | Part::Host | Part::Sweep => Stack::Mock,
            Part::Wire | Part::Callbacks => Stack::Sim,
            Part::Chat | Part::Backends => Stack::Model,
            Part::Idle => Stack::Idle,
        }
    }

    pub(crate) fn measure(self, fixture: &Fixture, during: Duration, report: &mut Report) -> Result<()> {
        mw::signals::go_on()?;
        match self {
            Part::Webhooks => webhooks::measure(fixture, during, report),
            Part::Runs => runs::measure(fixture, during, report),
            Part::Pages => pages::measure(fixture, during, report),
            Part::Throughput => throughput::measure(fixture, report),
            Part::Sweep => sweep::measure(fixture, report),
            Part::Host => host::measure(fixture, during, report),
            Part::Wire => wire::measure(fixture, report),
            Part::Chat => chat::measure(fixture, report),
            Part::Backends => backends::measure(fixture, during, report),
            Part::Callbacks => callbacks::measure(fixture, during, report),
            Part::Idle => idle::measure(fixture, report),
        }
    }
}

/// The middle one of the rates.
fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
}
