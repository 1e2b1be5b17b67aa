//! The dispatcher: does what commits asked for.
//!
//! ```text
//! claim (1 statement) ─► perform, all at once, no connection held ─► finalise (1 statement) ─► claim …
//! ```
//!
//! - [`submit`]: hands a job to its provider; finds out what became of an unanswered one before it sends again.
//! - [`poll`]: asks how a job stands; the only path by which a provider's word changes a run.
//! - [`persona`]: asks the language model.
//! - [`finalise`]: turns outcomes into decisions and commits them under the fencing token of the claim.
//!
//! An instance works until nothing is due, looks once more a moment later (so that a commit which saw it at work needs
//! no kick of its own), and stops.

mod finalise;
mod perform;
mod persona;
mod poll;
mod submit;

use finalise::Finalised;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use mw_core::Timestamp;
use mw_core::run::Run;
use mw_providers::{HttpClient, llm};
use mw_store::effects::{self, Claimed};
use mw_store::{Database, DbError};
use perform::Performed;
use std::collections::BTreeMap;
use time::Duration;

/// Effects in one claim.
const CLAIM_MAX: u32 = 16;
/// Effects in flight in one instance.
const IN_FLIGHT_MAX: usize = 32;
/// Longer than every time-out of a provider call together.
const LEASE_SECONDS: u32 = 45;
/// An instance stops claiming after this time; clouds end a request after 30 s.
const WORK_SECONDS: i64 = 20;
/// A commit that still saw us at work has ended within this time.
const LINGER_MILLISECONDS: i64 = 25;

/// What the dispatcher needs of its surroundings.
pub trait World {
    /// A fresh connection, given back before any outbound call.
    fn database(&mut self) -> Result<Box<dyn Database + '_>, DbError>;
    fn now(&self) -> Timestamp;
    /// An unguessable id.
    fn new_id(&mut self) -> String;
    /// For jitter.
    fn random(&mut self) -> u8;
    fn sleep(&mut self, duration: Duration);
}

/// Where the providers are and how they reach us.
#[derive(Debug, Clone)]
pub struct Settings {
    pub kieai: mw_providers::Settings,
    pub shotstack: mw_providers::Settings,
    pub upload_post: mw_providers::Settings,
    /// `None` when no language model is configured.
    pub llm: Option<llm::Settings>,
    /// Base of the callback URLs.
    pub webhook_base_url: String,
    /// How long an unanswered submission waits for a callback before it is sent once more.
    pub adopt_wait_seconds: u32,
}

/// What one instance did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    pub claimed: usize,
    pub committed: usize,
    /// Effects that came again later: retries, polls of running jobs, conflicts.
    pub again: usize,
}

type Flight<'a> = LocalBoxFuture<'a, (Claimed, Performed)>;

/// Works until nothing is due. Errors leave the effects to their leases.
pub async fn work(world: &mut dyn World, http: &impl HttpClient, settings: &Settings) -> Result<Report, DbError> {
    let stop_at = world.now() + Duration::seconds(WORK_SECONDS);
    let mut report = Report::default();
    let mut runs: BTreeMap<String, Run> = BTreeMap::new();
    let mut flights: FuturesUnordered<Flight<'_>> = FuturesUnordered::new();
    let mut lingered = false;
    let mut look = true;
    loop {
        if look && flights.len() < IN_FLIGHT_MAX && world.now() < stop_at {
            let claimed = claim(world, &mut runs)?;
            look = claimed.len() == CLAIM_MAX as usize;
            report.claimed += claimed.len();
            lingered &= claimed.is_empty();
            let now = world.now();
            for effect in claimed {
                flights.push(fly(http, settings, effect, &runs, now, false));
            }
        }
        let Some(first) = flights.next().await else {
            if lingered || world.now() >= stop_at {
                return Ok(report);
            }
            world.sleep(Duration::milliseconds(LINGER_MILLISECONDS));
            lingered = true;
            look = true;
            continue;
        };
        let mut outcomes = vec![first];
        while let Some(Some(next)) = flights.next().now_or_never() {
            outcomes.push(next);
        }
        let Finalised { committed, again, resend, kick } = finalise::finalise(world, &mut runs, outcomes)?;
        report.committed += committed;
        report.again += again;
        let now = world.now();
        for effect in resend {
            flights.push(fly(http, settings, effect, &runs, now, true));
        }
        look |= kick || flights.is_empty();
        lingered = false;
    }
}

fn claim(world: &mut dyn World, runs: &mut BTreeMap<String, Run>) -> Result<Vec<Claimed>, DbError> {
    let now = world.now();
    let claim = effects::claim(&mut *world.database()?, now, CLAIM_MAX, LEASE_SECONDS)?;
    runs.extend(claim.runs);
    Ok(claim.effects)
}

fn fly<'a>(
    http: &'a impl HttpClient,
    settings: &'a Settings,
    effect: Claimed,
    runs: &BTreeMap<String, Run>,
    now: Timestamp,
    resend: bool,
) -> Flight<'a> {
    let run = runs.get(&effect.run_id).cloned();
    async move {
        let performed = perform::perform(http, settings, &effect, run.as_ref(), now, resend).await;
        (effect, performed)
    }
    .boxed_local()
}
