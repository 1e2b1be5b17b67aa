//! One effect is carried out. Nothing here touches the database.

use crate::{Settings, persona, poll, submit};
use mw_core::Timestamp;
use mw_core::run::{Command, EffectKind, Job, Run};
use mw_providers::{Fault, HttpClient, JobContext};
use mw_store::effects::Claimed;

/// What came of an effect.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Performed {
    /// The run must hear of it.
    Tell(Command),
    /// Nothing yet: due again.
    Again(Again),
    /// A failed attempt: due again by the rules of retry, or given up with this command.
    Retry { fault: Fault, not_sent: bool, give_up: Command },
    /// The submission must be sent once more; the timeline has to say so first.
    Repeat { job_id: String, reason: String },
    /// The run is paused: nothing went out, and nothing may until it is resumed.
    Held,
    /// The run is elsewhere; there is nothing to do.
    Stale,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Again {
    pub(crate) wait_seconds: f64,
    /// Whether this attempt counts.
    pub(crate) uncounted: bool,
    pub(crate) error: Option<String>,
}

pub(crate) async fn perform(
    http: &impl HttpClient,
    settings: &Settings,
    effect: &Claimed,
    run: Option<&Run>,
    now: Timestamp,
    resend: bool,
) -> Performed {
    let Some(run) = run else { return Performed::Stale };
    // Asking how a job stands goes on while a run is paused; asking for anything new does not.
    if run.pause.is_some() && !matches!(effect.kind, EffectKind::Poll) {
        return Performed::Held;
    }
    match effect.kind {
        EffectKind::Persona => persona::perform(http, settings, run).await,
        EffectKind::Submit => match job(effect, run) {
            Some((job_id, job)) => submit::perform(http, settings, effect, run, job_id, job, now, resend).await,
            None => Performed::Stale,
        },
        EffectKind::Poll => match job(effect, run) {
            Some((job_id, job)) => poll::perform(http, settings, effect, run, job_id, job).await,
            None => Performed::Stale,
        },
    }
}

fn job<'a>(effect: &'a Claimed, run: &'a Run) -> Option<(&'a str, &'a Job)> {
    let job_id = effect.job_id.as_deref()?;
    run.jobs.get(job_id).map(|job| (job_id, job))
}

/// How a job presents itself to its provider.
pub(crate) fn job_context(settings: &Settings, run: &Run, job_id: &str, job: &Job) -> JobContext {
    let provider = job.spec.kind().provider();
    let callback = format!("{}/v1/webhooks/{provider}?run_id={}&job={job_id}", settings.webhook_base_url, run.run_id);
    JobContext {
        run_id: run.run_id.clone(),
        job_id: job_id.to_owned(),
        callback_url: Some(callback),
        idempotency_key: job_id.to_owned(),
    }
}
