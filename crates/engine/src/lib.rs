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
pub use notify::{LinkMade, Links, Notify};

use finalise::Finalised;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use mw_integrations::{HttpClient, llm};
use mw_media::Timestamp;
use mw_media::run::{EffectKind, Run};
use mw_store::effects::{self, BreakerChange, Claim, Claimed, Used};
use mw_store::{Database, DbError};
use perform::{Came, Known, Loaded, Met, Performed};
use persona::Talk;
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
    /// A link that was made for a notice.
    pub link: Option<&'a LinkMade>,
    pub seconds: f64,
}

/// Where the providers are and how they reach us.
#[derive(Debug, Clone)]
pub struct Settings {
    pub kieai: mw_integrations::Settings,
    pub shotstack: mw_integrations::Settings,
    pub upload_post: mw_integrations::Settings,
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
    used: Option<Used>,
    /// A link that was made for a notice.
    link: Option<LinkMade>,
    /// For metrics only: no rule depends on it.
    seconds: f64,
}

impl Landed {
    fn attempt(&self) -> Attempt<'_> {
        let (outcome, fault) = self.performed.words();
        Attempt { effect: &self.effect, outcome, fault, link: self.link.as_ref(), seconds: self.seconds }
    }
}

/// How a flight ends.
enum Flown {
    Landed(Box<Landed>),
    /// A persona wants something looked up, and flies on with it.
    Asking(Box<Claimed>, Box<Talk>),
}

type Flight<'a> = LocalBoxFuture<'a, Flown>;

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
            let (claim, mut loads) = claim(world, &mut runs, settings)?;
            let now = world.now();
            looked_at = Some(now);
            done = lingered && claim.effects.is_empty();
            opens_at = claim.wait_seconds.map(|seconds| now + Duration::seconds_f64(seconds));
            look = claim.effects.len() == CLAIM_MAX as usize;
            report.claimed += claim.effects.len();
            for effect in claim.effects {
                let known = Known {
                    read: runs.get(&effect.run_id).cloned(),
                    unread: claim.unreadable.get(&effect.run_id).cloned(),
                };
                let loaded = loads.remove(&effect.effect_id).unwrap_or(Ok(Loaded::Nothing));
                flights.push(fly(http, settings, effect, known, loaded, now));
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
        let mut flown = vec![first];
        while let Some(Some(next)) = flights.next().now_or_never() {
            flown.push(next);
        }
        let (mut outcomes, mut asking) = (Vec::new(), Vec::new());
        for flown in flown {
            match flown {
                Flown::Landed(landed) => outcomes.push(*landed),
                Flown::Asking(effect, talk) => asking.push((*effect, talk)),
            }
        }
        if !outcomes.is_empty() {
            outcomes.iter().for_each(|landed| world.attempted(&landed.attempt()));
            let Finalised { committed, again, kick, breakers } = finalise::finalise(world, &mut runs, outcomes)?;
            report.committed += committed;
            report.again += again;
            report.breakers.extend(breakers);
            look |= kick || opens_at.is_some_and(|at| at <= world.now());
        }
        for (effect, mut talk) in asking {
            if let Some(run) = runs.get(&effect.run_id) {
                persona::look_up(&mut *world.database()?, run, &mut talk)?;
            }
            let now = world.now();
            let known = Known { read: runs.get(&effect.run_id).cloned(), unread: None };
            flights.push(fly(http, settings, effect, known, Ok(Loaded::Talk(talk)), now));
        }
    }
}

/// By effect; or why this version cannot read it.
type Loads = BTreeMap<i64, Result<Loaded, String>>;

fn claim(
    world: &mut dyn World,
    runs: &mut BTreeMap<String, Run>,
    settings: &Settings,
) -> Result<(Claim, Loads), DbError> {
    let now = world.now();
    let mut db = world.database()?;
    let mut claim = effects::claim(&mut *db, now, CLAIM_MAX, LEASE_SECONDS)?;
    runs.append(&mut claim.runs);
    let mut loads = Loads::new();
    for effect in &claim.effects {
        let loaded = match effect.kind {
            EffectKind::Trace => export::timeline(&mut *db, effect)?.map(Loaded::Timeline),
            EffectKind::Persona => {
                let talk = persona::prepare(&mut *db, runs.get(&effect.run_id), settings.llm.is_some())?;
                Ok(talk.map_or(Loaded::Nothing, Loaded::Talk))
            }
            EffectKind::Submit | EffectKind::Poll | EffectKind::Own | EffectKind::Notify | EffectKind::Report => {
                continue;
            }
        };
        loads.insert(effect.effect_id, loaded);
    }
    Ok((claim, loads))
}

fn fly<'a>(
    http: &'a impl HttpClient,
    settings: &'a Settings,
    effect: Claimed,
    known: Known,
    loaded: Result<Loaded, String>,
    now: Timestamp,
) -> Flight<'a> {
    async move {
        let started = Instant::now();
        let came = match loaded {
            Err(error) => Ok(Came::new(Performed::Unreadable(error), Met::NOBODY)),
            Ok(loaded) => perform::perform(http, settings, &effect, &known, loaded, now).await,
        };
        match came {
            Err(talk) => Flown::Asking(Box::new(effect), talk),
            Ok(Came { performed, met, used, link }) => Flown::Landed(Box::new(Landed {
                effect,
                performed,
                met,
                used,
                link,
                seconds: started.elapsed().as_secs_f64(),
            })),
        }
    }
    .boxed_local()
}
