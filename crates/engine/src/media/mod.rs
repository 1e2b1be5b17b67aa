//! The performer of media runs.
//!
//! - [`submit`]: hands a job to its provider; finds out what became of an unanswered one before it sends again.
//! - [`poll`]: asks how a job stands; the only path by which a provider's word changes a run.
//! - [`persona`]: asks the language model.

mod persona;
mod poll;
mod submit;

use crate::perform::{Again, Came, Met, Performed};
use crate::performer::{BoxTask, Performance, Performer, Task};
use futures::FutureExt;
use futures::future::LocalBoxFuture;
use mw_integrations::jobs::JobProvider;
use mw_integrations::{Fault, FaultClass, HttpClient, JobContext, llm, registry};
use mw_kernel::run::{AnyCommand, AnyRun, Command, EffectKind, Refusal};
use mw_kernel::status::ProvidersMode;
use mw_kernel::{Kind, Timestamp};
use mw_media::run::{Job, Media, MediaCommand, Run};
use mw_store::effects::Claimed;
use mw_store::{Database, DbError};
use persona::Talk;
use std::collections::BTreeMap;

/// How long an effect waits whose provider this version does not know.
const STRANGE_SECONDS: f64 = 15.0;

/// Where the providers are and how they reach us.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Of those that make jobs, by name.
    pub providers: BTreeMap<&'static str, mw_integrations::Settings>,
    /// `None` when no language model is configured.
    pub llm: Option<llm::Settings>,
    /// Base of the callback URLs.
    pub webhook_base_url: String,
    /// How long an unanswered submission waits for a callback before it is sent once more.
    pub adopt_wait_seconds: u32,
}

/// Settings are all that it needs.
impl<H: HttpClient> Performer<H> for Settings {
    fn kind(&self) -> &'static str {
        Media::NAME
    }

    fn begin<'p>(&'p self, effect: &Claimed, run: &AnyRun) -> Result<Option<BoxTask<'p, H>>, Refusal> {
        let run = run.read::<Media>()?;
        Ok(match effect.kind {
            EffectKind::Persona => Talk::of(&run)
                .map(|talk| -> BoxTask<'p, H> { Box::new(PersonaTask { settings: self, run, talk: Box::new(talk) }) }),
            EffectKind::Submit | EffectKind::Poll => Some(Box::new(JobTask { settings: self, run })),
            EffectKind::Own | EffectKind::Notify | EffectKind::Trace | EffectKind::Report => None,
        })
    }
}

/// A media run's own command, for the dispatcher.
fn command(command: MediaCommand) -> AnyCommand {
    Command::Own(command).erase()
}

struct PersonaTask<'p> {
    settings: &'p Settings,
    run: Run,
    talk: Box<Talk>,
}

impl<'p, H: HttpClient> Task<'p, H> for PersonaTask<'p> {
    fn look_up(&mut self, db: &mut dyn Database) -> Result<(), DbError> {
        if self.settings.llm.is_none() {
            return Ok(());
        }
        self.talk.look_up(db, &self.run)
    }

    fn perform<'a>(self: Box<Self>, http: &'a H, _: &'a Claimed, _: Timestamp) -> LocalBoxFuture<'a, Performance<'p, H>>
    where
        'p: 'a,
    {
        let PersonaTask { settings, run, talk } = *self;
        async move {
            match persona::perform(http, settings, &run, talk).await {
                Ok(came) => Performance::Came(Box::new(came)),
                Err(talk) => Performance::LookUp(Box::new(PersonaTask { settings, run, talk })),
            }
        }
        .boxed_local()
    }
}

struct JobTask<'p> {
    settings: &'p Settings,
    run: Run,
}

impl<'p, H: HttpClient> Task<'p, H> for JobTask<'p> {
    fn perform<'a>(
        self: Box<Self>,
        http: &'a H,
        effect: &'a Claimed,
        now: Timestamp,
    ) -> LocalBoxFuture<'a, Performance<'p, H>>
    where
        'p: 'a,
    {
        async move {
            let JobTask { settings, run } = &*self;
            let job = effect.job_id.as_deref().and_then(|job_id| Some((job_id, run.body.jobs.get(job_id)?)));
            let task = job.map(|(job_id, job)| JobEffect { http, settings, effect, run, job_id, job, now });
            let strange =
                task.as_ref().filter(|_| run.mode != ProvidersMode::Mock).and_then(|task| task.provider().err());
            if let Some(fault) = strange {
                return Performance::Came(Box::new(Came::new(later(effect, &fault), Met::NOBODY)));
            }
            let (performed, met) = match (effect.kind, task) {
                (EffectKind::Submit, Some(task)) => submit::perform(&task).await,
                (EffectKind::Poll, Some(task)) => poll::perform(&task).await,
                (
                    EffectKind::Submit
                    | EffectKind::Poll
                    | EffectKind::Persona
                    | EffectKind::Own
                    | EffectKind::Notify
                    | EffectKind::Trace
                    | EffectKind::Report,
                    _,
                ) => (Performed::Stale, Met::NOBODY),
            };
            Performance::Came(Box::new(Came::new(performed, met)))
        }
        .boxed_local()
    }
}

/// An effect of a provider that this version does not know waits for one that does, as during a rollout; nobody was asked, and
/// the deadline of the step bounds the wait.
fn later(effect: &Claimed, fault: &Fault) -> Performed {
    let not_sent = effect.sent_before.is_none();
    Performed::Again(Again { wait_seconds: STRANGE_SECONDS, uncounted: true, not_sent, error: Some(fault.to_string()) })
}

/// An effect of a job, with all that it needs.
struct JobEffect<'a, H> {
    http: &'a H,
    settings: &'a Settings,
    effect: &'a Claimed,
    run: &'a Run,
    job_id: &'a str,
    job: &'a Job,
    now: Timestamp,
}

impl<H> JobEffect<'_, H> {
    /// Who makes the job, and where they are. A run may name a provider that this version does not know.
    fn provider(&self) -> Result<(&'static dyn JobProvider, &mw_integrations::Settings), Fault> {
        let name = self.job.provider.as_str();
        let known = registry::job_provider(name).zip(self.settings.providers.get(name));
        known.ok_or_else(|| {
            Fault::new(FaultClass::Unavailable, "unknown_provider", format!("there is no provider {name}"))
        })
    }

    /// How the job presents itself to its provider.
    fn context(&self) -> JobContext {
        let provider = &self.job.provider;
        let base = &self.settings.webhook_base_url;
        let callback = format!("{base}/v1/webhooks/{provider}?run_id={}&job={}", self.run.run_id, self.job_id);
        JobContext {
            run_id: self.run.run_id.clone(),
            job_id: self.known_as().to_owned(),
            callback_url: Some(callback),
            idempotency_key: self.known_as().to_owned(),
        }
    }

    /// The id by which a provider that remembers our ids knows the job.
    fn known_as(&self) -> &str {
        self.job.known_as.as_deref().unwrap_or(self.job_id)
    }

    /// The task that a callback named; only the provider can confirm it.
    fn hinted_task_id(&self) -> Option<&str> {
        self.effect.hint.as_ref()?.task_id.as_deref()
    }
}
