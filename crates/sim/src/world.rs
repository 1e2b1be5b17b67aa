//! Everything that the simulator remembers, as long as its process lives.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::config::{Config, Latency};
use crate::delivery::Delivery;
use crate::fault::{Fault, On, Provider, Rule, job_faults};
use crate::llm;
use crate::media::Films;
use crate::messages::Messages;
use crate::telemetry::Telemetry;

/// A handle on the simulator; clones are the same simulator.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) agent: ureq::Agent,
    pub(crate) films: Films,
    world: Mutex<World>,
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl App {
    pub(crate) fn new(config: Config) -> App {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(15)))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build()
            .new_agent();
        let world = Mutex::new(World::new(&config, 0));
        App(Arc::new(Inner { config, agent, films: Films::default(), world }))
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything; callbacks of before are not sent any more.
    pub(crate) fn reset(&self) {
        let mut world = self.world();
        *world = World::new(&self.config, world.epoch + 1);
    }

    /// Whether a call fault strikes now.
    pub(crate) fn strikes(&self, provider: Provider, fault: Fault, on: On) -> Option<Rule> {
        self.world().strikes(provider, fault, on)
    }

    pub(crate) fn media_url(&self, name: &str) -> String {
        let base = self.config.public_url.trim_end_matches('/');
        format!("{base}/_sim/media/{name}.mp4")
    }
}

pub(crate) struct World {
    /// Counts resets.
    pub(crate) epoch: u64,
    pub(crate) tasks: Vec<Task>,
    index: HashMap<String, usize>,
    pub(crate) rules: Vec<Rule>,
    draws: u64,
    seed: u64,
    pub(crate) latency: Latency,
    pub(crate) counts: BTreeMap<Provider, Counts>,
    /// Callbacks that wait for their release; `None` while nothing is held.
    pub(crate) held: Option<Vec<Delivery>>,
    /// A reordered callback that waits for the provider's next one.
    pub(crate) stashed: HashMap<Provider, Vec<Delivery>>,
    /// What a player alone remembers, by its type.
    memories: HashMap<TypeId, Box<dyn Any + Send>>,
    /// What bots have sent.
    pub(crate) messages: Messages,
    /// Spans and errors that came.
    pub(crate) telemetry: Telemetry,
    /// The language model's.
    pub(crate) llm: llm::Memory,
}

/// What a provider was asked.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    /// Jobs accepted.
    pub(crate) creates: u64,
    /// Creations answered with an existing job.
    pub(crate) replays: u64,
    pub(crate) refusals: u64,
    pub(crate) queries: u64,
}

/// A job that a provider has accepted.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Task {
    pub(crate) provider: Provider,
    /// `veo`, `market`, `runway`, `render` or `upload`.
    pub(crate) kind: &'static str,
    pub(crate) task_id: String,
    /// The submitter's own id, where the provider was told one; else the callback URL's `job`.
    pub(crate) job_id: Option<String>,
    pub(crate) callback_url: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) request: Value,
    /// The faults drawn for this job.
    #[serde(serialize_with = "names")]
    pub(crate) quirks: Vec<Rule>,
    pub(crate) creates: u64,
    pub(crate) queries: u64,
    pub(crate) callbacks: Callbacks,
    pub(crate) created_unix_us: u64,
    #[serde(skip)]
    pub(crate) created: Instant,
    #[serde(skip)]
    pub(crate) latency: Duration,
    #[serde(rename = "finished", serialize_with = "has_passed")]
    pub(crate) ready: Instant,
}

/// What became of a job's callbacks.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Callbacks {
    pub(crate) attempts: u64,
    pub(crate) delivered: u64,
    pub(crate) failed: u64,
    pub(crate) dropped: u64,
    pub(crate) last_status: Option<u16>,
}

fn names<S: serde::Serializer>(quirks: &[Rule], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(quirks.iter().map(|quirk| quirk.fault))
}

fn has_passed<S: serde::Serializer>(ready: &Instant, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(Instant::now() >= *ready)
}

impl Task {
    pub(crate) fn created_unix_ms(&self) -> u64 {
        self.created_unix_us / 1000
    }

    pub(crate) fn is_finished(&self) -> bool {
        Instant::now() >= self.ready
    }

    /// How much of the work is done, from 0 to 1.
    pub(crate) fn progress(&self) -> f64 {
        let latency = self.latency.as_secs_f64();
        match latency > 0.0 {
            true => (self.created.elapsed().as_secs_f64() / latency).min(1.0),
            false => 1.0,
        }
    }

    pub(crate) fn quirk(&self, fault: Fault) -> Option<&Rule> {
        self.quirks.iter().find(|quirk| quirk.fault == fault)
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.quirk(fault).is_some()
    }
}

/// What is needed to accept a job.
pub(crate) struct NewTask {
    pub(crate) provider: Provider,
    pub(crate) kind: &'static str,
    pub(crate) task_id: String,
    pub(crate) job_id: Option<String>,
    pub(crate) callback_url: Option<String>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) request: Value,
}

impl World {
    pub(crate) fn new(config: &Config, epoch: u64) -> World {
        World {
            epoch,
            tasks: Vec::new(),
            index: HashMap::new(),
            rules: Vec::new(),
            draws: 0,
            seed: config.seed,
            latency: config.latency.clone(),
            counts: BTreeMap::new(),
            held: None,
            stashed: HashMap::new(),
            memories: HashMap::new(),
            messages: Messages::default(),
            telemetry: Telemetry::default(),
            llm: llm::Memory::default(),
        }
    }

    /// What a player alone remembers.
    pub(crate) fn memory<T: Any + Send + Default>(&mut self) -> &mut T {
        let kept = self.memories.entry(TypeId::of::<T>()).or_insert_with(|| Box::new(T::default()));
        // Kept by its own type.
        match kept.downcast_mut() {
            Some(kept) => kept,
            None => unreachable!("a memory is kept by its type"),
        }
    }

    pub(crate) fn count(&mut self, provider: Provider) -> &mut Counts {
        self.counts.entry(provider).or_default()
    }

    /// Accepts a job: from now on its time runs and its faults are drawn.
    pub(crate) fn create(&mut self, new: NewTask) -> Task {
        let quirks = job_faults(new.provider).filter_map(|fault| self.strikes(new.provider, fault, On::Any)).collect();
        let latency = self.latency.of(new.provider);
        let created = Instant::now();
        let task = Task {
            provider: new.provider,
            kind: new.kind,
            task_id: new.task_id,
            job_id: new.job_id,
            callback_url: new.callback_url,
            idempotency_key: new.idempotency_key,
            request: new.request,
            quirks,
            creates: 1,
            queries: 0,
            callbacks: Callbacks::default(),
            created_unix_us: unix_us(),
            created,
            latency,
            ready: created + latency,
        };
        self.count(task.provider).creates += 1;
        self.index.insert(task.task_id.clone(), self.tasks.len());
        self.tasks.push(task.clone());
        task
    }

    pub(crate) fn task(&mut self, provider: Provider, task_id: &str) -> Option<&mut Task> {
        let position = *self.index.get(task_id)?;
        self.tasks.get_mut(position).filter(|task| task.provider == provider)
    }

    /// The task of whichever provider.
    pub(crate) fn any_task(&self, task_id: &str) -> Option<&Task> {
        self.tasks.get(*self.index.get(task_id)?)
    }

    /// The task, counted as asked about once more.
    pub(crate) fn queried(&mut self, provider: Provider, task_id: &str) -> Option<Task> {
        self.count(provider).queries += 1;
        let task = self.task(provider, task_id)?;
        task.queries += 1;
        Some(task.clone())
    }

    pub(crate) fn strikes(&mut self, provider: Provider, fault: Fault, on: On) -> Option<Rule> {
        let position = self.rules.iter().position(|rule| {
            let is_meant = rule.on == On::Any || on == On::Any || rule.on == on;
            rule.provider == provider && rule.fault == fault && is_meant && rule.times != Some(0)
        })?;
        let probability = self.rules.get(position)?.probability.unwrap_or(1.0);
        if probability < 1.0 && self.draw() >= probability {
            return None;
        }
        let rule = self.rules.get_mut(position)?;
        rule.times = rule.times.map(|times| times - 1);
        rule.struck += 1;
        Some(rule.clone())
    }

    /// The next pseudo-random number between 0 and 1; the same seed gives the same row of them.
    fn draw(&mut self) -> f64 {
        self.draws += 1;
        let mut hash = Sha256::new();
        hash.update(self.seed.to_be_bytes());
        hash.update(self.draws.to_be_bytes());
        let number = hash.finalize().iter().take(6).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        number as f64 / (1u64 << 48) as f64
    }
}

pub(crate) fn unix_ms() -> u64 {
    unix_us() / 1000
}

fn unix_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// The `job` in a callback URL of ours.
pub(crate) fn job_in(callback_url: &str) -> Option<String> {
    let (_, query) = callback_url.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix("job=").map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(more: serde_json::Value) -> Rule {
        let mut rule = serde_json::json!({"provider": first(), "fault": "delay"});
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(rule).unwrap()
    }

    fn first() -> Provider {
        Provider::all().next().unwrap()
    }

    #[test]
    fn rules_strike_as_often_as_told() {
        let mut world = World::new(&Config::default(), 0);
        world.rules.push(rule(serde_json::json!({"times": 2})));
        let mut strike = || world.strikes(first(), Fault::DELAY, On::Create).is_some();
        assert_eq!([strike(), strike(), strike()], [true, true, false]);
    }

    #[test]
    fn rules_strike_with_their_probability() {
        let run = || {
            let mut world = World::new(&Config::default(), 0);
            world.rules.push(rule(serde_json::json!({"probability": 0.3})));
            let strikes = (0..1000).map(|_| world.strikes(first(), Fault::DELAY, On::Any).is_some());
            strikes.collect::<Vec<_>>()
        };
        let struck = run().into_iter().filter(|strike| *strike).count();
        assert!((250..350).contains(&struck), "{struck}");
        assert_eq!(run(), run());
    }

    #[test]
    fn rules_strike_only_what_they_mean() {
        let mut world = World::new(&Config::default(), 0);
        world.rules.push(rule(serde_json::json!({"on": "query"})));
        assert!(world.strikes(first(), Fault::DELAY, On::Create).is_none());
        assert!(world.strikes(Provider::all().nth(1).unwrap(), Fault::DELAY, On::Query).is_none());
        assert!(world.strikes(first(), Fault::DELAY, On::Query).is_some());
    }

    #[test]
    fn the_job_is_read_from_the_callback_url() {
        assert_eq!(job_in("http://x/y?run_id=1&job=2").as_deref(), Some("2"));
        assert_eq!(job_in("http://x/y"), None);
    }
}
