//! The dispatcher: does what commits asked for.
//!
//! ```text
//! claim (1 statement) ─► perform, all at once, no connection held ─► finalise (1 statement) ─► claim …
//! ```
//!
//! - [`submit`]: hands a job to its provider; finds out what became of an unanswered one before it sends again.
//! - [`poll`]: asks how a job stands; the only path by which a provider's word changes a run.
//! - [`persona`]: asks the language model. [`notify`]: tells somebody what happened.
//! - [`export`]: hands traces to a collector, and failures to Sentry.
//! - [`finalise`]: turns outcomes into decisions and commits them under the fencing token of the claim.
//!
//! An instance works until nothing is due, looks once more a moment after its last claim (so that a commit which saw its
//! kick needs none of its own), and stops. What a provider's limit holds back is waited for when it opens soon, and else left to
//! the next kick or sweep. docs/effects.md tells the whole life of an effect.

mod export;
mod finalise;
mod notify;
mod perform;
mod persona;
mod poll;
mod submit;

pub use export::Exports;
pub use notify::{Links, Notify};

use finalise::Finalised;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use mw_core::Timestamp;
use mw_core::run::{EffectKind, Run};
use mw_core::trace::Line;
use mw_providers::{HttpClient, llm};
use mw_store::effects::{self, BreakerChange, Claim, Claimed};
use mw_store::{Database, DbError};
use perform::{Met, Performed};
use std::collections::BTreeMap;
use std::time::Instant;
use time::Duration;

/// Effects in one claim.
const CLAIM_MAX: u32 = 16;
/// Effects in flight in one instance.
const IN_FLIGHT_MAX: usize = 32;
/// Longer than every time-out of a provider call together.
const LEASE_SECONDS: u32 = 45;
/// An instance stops claiming after this time; clouds end a request after 30 s.
const WORK_SECONDS: i64 = 20;
/// A commit that saw a kick on its way to us has ended within this time of the claim that took the kick.
const LINGER: Duration = Duration::milliseconds(25);

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
    /// An attempt is over; for the log.
    fn attempted(&mut self, _attempt: &Attempt<'_>) {}
}

/// What an attempt at an effect came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt<'a> {
    pub effect: &'a Claimed,
    /// In one word.
    pub outcome: &'static str,
    /// What went wrong, where something did; it quotes no key.
    pub fault: Option<String>,
    pub seconds: f64,
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
    pub notify: Notify,
    pub exports: Exports,
    /// How long an unanswered submission waits for a callback before it is sent once more.
    pub adopt_wait_seconds: u32,
}

/// What one instance did.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    pub claimed: usize,
    pub committed: usize,
    /// Effects that came again later: retries, polls of running jobs, conflicts.
    pub again: usize,
    /// Circuit breakers that opened or closed, in order.
    pub breakers: Vec<BreakerChange>,
}

/// What came of an effect, and how its provider met us.
struct Landed {
    effect: Claimed,
    performed: Performed,
    met: Met,
    /// For metrics only: no rule depends on it.
    seconds: f64,
}

impl Landed {
    fn attempt(&self) -> Attempt<'_> {
        let (outcome, fault) = self.performed.words();
        Attempt { effect: &self.effect, outcome, fault, seconds: self.seconds }
    }
}

type Flight<'a> = LocalBoxFuture<'a, Landed>;

/// Works until nothing is due. Errors leave the effects to their leases.
pub async fn work(world: &mut dyn World, http: &impl HttpClient, settings: &Settings) -> Result<Report, DbError> {
    let stop_at = world.now() + Duration::seconds(WORK_SECONDS);
    let mut report = Report::default();
    let mut runs: BTreeMap<String, Run> = BTreeMap::new();
    let mut flights: FuturesUnordered<Flight<'_>> = FuturesUnordered::new();
    let mut look = true;
    let mut looked_at = None;
    // Whether the newest look found nothing a moment after the one before it.
    let mut done = false;
    // When a limit lets through what it holds back.
    let mut opens_at: Option<Timestamp> = None;
    loop {
        if look && flights.len() < IN_FLIGHT_MAX && world.now() < stop_at {
            let lingered = looked_at.is_some_and(|at| world.now() - at >= LINGER);
            let (claim, mut timelines) = claim(world, &mut runs)?;
            let now = world.now();
            looked_at = Some(now);
            done = lingered && claim.effects.is_empty();
            opens_at = claim.wait_seconds.map(|seconds| now + Duration::seconds_f64(seconds));
            look = claim.effects.len() == CLAIM_MAX as usize;
            report.claimed += claim.effects.len();
            for effect in claim.effects {
                let unreadable = claim.unreadable.get(&effect.run_id).cloned();
                let timeline = timelines.remove(&effect.effect_id);
                flights.push(fly(http, settings, effect, &runs, timeline, unreadable, now));
            }
        }
        let Some(first) = flights.next().await else {
            if let Some(at) = opens_at.take().filter(|at| *at < stop_at) {
                world.sleep(at - world.now() + Duration::milliseconds(1));
                look = true;
                continue;
            }
            if done || world.now() >= stop_at {
                return Ok(report);
            }
            let wait = looked_at.map_or(LINGER, |at| at + LINGER - world.now());
            if wait.is_positive() {
                world.sleep(wait);
            }
            look = true;
            continue;
        };
        let mut outcomes = vec![first];
        while let Some(Some(next)) = flights.next().now_or_never() {
            outcomes.push(next);
        }
        outcomes.iter().for_each(|landed| world.attempted(&landed.attempt()));
        let Finalised { committed, again, kick, breakers } = finalise::finalise(world, &mut runs, outcomes)?;
        report.committed += committed;
        report.again += again;
        report.breakers.extend(breakers);
        look |= kick || opens_at.is_some_and(|at| at <= world.now());
    }
}

/// Of the traces among the effects; or why this version cannot read one.
type Timelines = BTreeMap<i64, Timeline>;
type Timeline = Result<Vec<Line>, String>;

fn claim(world: &mut dyn World, runs: &mut BTreeMap<String, Run>) -> Result<(Claim, Timelines), DbError> {
    let now = world.now();
    let mut db = world.database()?;
    let mut claim = effects::claim(&mut *db, now, CLAIM_MAX, LEASE_SECONDS)?;
    runs.append(&mut claim.runs);
    let mut timelines = Timelines::new();
    for effect in claim.effects.iter().filter(|effect| effect.kind == EffectKind::Trace) {
        timelines.insert(effect.effect_id, export::timeline(&mut *db, effect)?);
    }
    Ok((claim, timelines))
}

fn fly<'a>(
    http: &'a impl HttpClient,
    settings: &'a Settings,
    effect: Claimed,
    runs: &BTreeMap<String, Run>,
    timeline: Option<Timeline>,
    unreadable: Option<String>,
    now: Timestamp,
) -> Flight<'a> {
    let run = runs.get(&effect.run_id).cloned();
    async move {
        let started = Instant::now();
        let (performed, met) = match (unreadable, timeline.transpose()) {
            (Some(error), _) | (None, Err(error)) => (Performed::Unreadable(error), Met::NOBODY),
            (None, Ok(timeline)) => perform::perform(http, settings, &effect, run.as_ref(), timeline, now).await,
        };
        Landed { effect, performed, met, seconds: started.elapsed().as_secs_f64() }
    }
    .boxed_local()
}
