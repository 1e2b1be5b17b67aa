//! The dispatcher: does what commits asked for.
//!
//! ```text
//! claim (1 statement) ─► perform, all at once, no connection held ─► finalise (1 statement) ─► claim …
//! ```
//!
//! - [`performer`]: what only a kind of run can do, one trait for all kinds; [`media`]: the performer of media runs.
//! - [`notify`]: tells somebody what happened. [`export`]: hands traces to a collector, and failures to Sentry.
//! - [`finalise`]: turns outcomes into decisions and commits them under the fencing token of the claim.
//!
//! An instance works until nothing is due, looks once more a moment after its last claim (so that a commit which saw its
//! kick needs none of its own), and stops. What a provider's limit holds back is waited for when it opens soon, and else left to
//! the next kick or sweep. docs/effects.md tells the whole life of an effect.

mod export;
mod finalise;
pub mod media;
mod notify;
mod perform;
pub mod performer;

pub use export::Exports;
pub use notify::{LinkMade, Links, Notify};
pub use perform::{Again, Came, Met, Performed};
pub use performer::Performer;

use finalise::Finalised;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use mw_integrations::HttpClient;
use mw_kernel::Timestamp;
use mw_kernel::run::{AnyRun, EffectKind, Kinds};
use mw_store::effects::{self, BreakerChange, Claim, Claimed, Used};
use mw_store::{Database, DbError};
use perform::Ready;
use performer::{BoxTask, Performance};
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

/// What is told to people, and exported.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    pub notify: Notify,
    pub exports: Exports,
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
enum Flown<'p, H> {
    Landed(Box<Landed>),
    /// A task wants something looked up, and flies on with it.
    Asking(Box<Claimed>, BoxTask<'p, H>),
}

type Flight<'a, 'p, H> = LocalBoxFuture<'a, Flown<'p, H>>;

/// Works until nothing is due. Errors leave the effects to their leases.
pub async fn work<H: HttpClient>(
    world: &mut dyn World,
    http: &H,
    kinds: Kinds,
    performers: &[&dyn Performer<H>],
    settings: &Settings,
) -> Result<Report, DbError> {
    let stop_at = world.now() + Duration::seconds(WORK_SECONDS);
    let mut report = Report::default();
    let mut runs: BTreeMap<String, AnyRun> = BTreeMap::new();
    let mut flights: FuturesUnordered<Flight<'_, '_, H>> = FuturesUnordered::new();
    let mut look = true;
    let mut looked_at = None;
    // Whether the newest look found nothing a moment after the one before it.
    let mut done = false;
    // When a limit lets through what it holds back.
    let mut opens_at: Option<Timestamp> = None;
    loop {
        if look && flights.len() < IN_FLIGHT_MAX && world.now() < stop_at {
            let lingered = looked_at.is_some_and(|at| world.now() - at >= LINGER);
            let (claim, mut readies) = claim(world, &mut runs, performers)?;
            let now = world.now();
            looked_at = Some(now);
            done = lingered && claim.effects.is_empty();
            opens_at = claim.wait_seconds.map(|seconds| now + Duration::seconds_f64(seconds));
            look = claim.effects.len() == CLAIM_MAX as usize;
            report.claimed += claim.effects.len();
            for effect in claim.effects {
                let ready = readies.remove(&effect.effect_id).unwrap_or(Ready::Nothing);
                flights.push(fly(http, kinds, settings, effect, &runs, ready, now));
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
                Flown::Asking(effect, task) => asking.push((*effect, task)),
            }
        }
        if !outcomes.is_empty() {
            outcomes.iter().for_each(|landed| world.attempted(&landed.attempt()));
            let Finalised { committed, again, kick, breakers } = finalise::finalise(world, kinds, &mut runs, outcomes)?;
            report.committed += committed;
            report.again += again;
            report.breakers.extend(breakers);
            look |= kick || opens_at.is_some_and(|at| at <= world.now());
        }
        for (effect, mut task) in asking {
            task.look_up(&mut *world.database()?)?;
            let now = world.now();
            flights.push(fly(http, kinds, settings, effect, &runs, Ready::Task(task), now));
        }
    }
}

/// By effect.
type Readies<'p, H> = BTreeMap<i64, Ready<'p, H>>;

fn claim<'p, H>(
    world: &mut dyn World,
    runs: &mut BTreeMap<String, AnyRun>,
    performers: &[&'p dyn Performer<H>],
) -> Result<(Claim, Readies<'p, H>), DbError> {
    let now = world.now();
    let mut db = world.database()?;
    let mut claim = effects::claim(&mut *db, now, CLAIM_MAX, LEASE_SECONDS)?;
    runs.append(&mut claim.runs);
    let mut readies = Readies::new();
    for effect in &claim.effects {
        let ready = match (claim.unreadable.get(&effect.run_id), runs.get(&effect.run_id)) {
            (Some(error), _) => Ready::Unreadable(error.clone()),
            (None, None) => Ready::Nothing,
            (None, Some(run)) => make_ready(&mut *db, effect, run, performers)?,
        };
        readies.insert(effect.effect_id, ready);
    }
    Ok((claim, readies))
}

/// Begins an effect, and reads what it needs.
fn make_ready<'p, H>(
    db: &mut dyn Database,
    effect: &Claimed,
    run: &AnyRun,
    performers: &[&'p dyn Performer<H>],
) -> Result<Ready<'p, H>, DbError> {
    match effect.kind {
        EffectKind::Notify | EffectKind::Report => Ok(Ready::Nothing),
        EffectKind::Trace => Ok(export::timeline(db, effect)?.map_or_else(Ready::Unreadable, Ready::Timeline)),
        EffectKind::Persona | EffectKind::Submit | EffectKind::Poll | EffectKind::Own => {
            if perform::is_held(effect, run) {
                return Ok(Ready::Nothing);
            }
            let Some(performer) = performers.iter().find(|performer| performer.kind() == run.kind) else {
                return Ok(Ready::Unreadable(format!("nobody carries out the effects of a {} run", run.kind)));
            };
            match performer.begin(effect, run) {
                Err(refusal) => Ok(Ready::Unreadable(refusal.to_string())),
                Ok(None) => Ok(Ready::Nothing),
                Ok(Some(mut task)) => {
                    task.look_up(db)?;
                    Ok(Ready::Task(task))
                }
            }
        }
    }
}

fn fly<'a, 'p: 'a, H: HttpClient>(
    http: &'a H,
    kinds: Kinds,
    settings: &'a Settings,
    effect: Claimed,
    runs: &BTreeMap<String, AnyRun>,
    ready: Ready<'p, H>,
    now: Timestamp,
) -> Flight<'a, 'p, H> {
    let run = runs.get(&effect.run_id).cloned();
    async move {
        let started = Instant::now();
        match perform::perform(http, kinds, settings, &effect, run.as_ref(), ready, now).await {
            Performance::LookUp(task) => Flown::Asking(Box::new(effect), task),
            Performance::Came(came) => {
                let Came { performed, met, used, link } = *came;
                let seconds = started.elapsed().as_secs_f64();
                Flown::Landed(Box::new(Landed { effect, performed, met, used, link, seconds }))
            }
        }
    }
    .boxed_local()
}
