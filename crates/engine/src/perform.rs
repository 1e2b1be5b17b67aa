//! One effect is carried out. Nothing here touches the database.

use crate::export::Subject;
use crate::persona::{self, Talk};
use crate::{LinkMade, Settings, export, notify, poll, submit};
use mw_integrations::{Fault, FaultClass, HttpClient, JobContext};
use mw_media::Timestamp;
use mw_media::notification::{message, message_of_unread};
use mw_media::retry::RETRY_AFTER_SECONDS_MAX;
use mw_media::run::{Command, EffectKind, Job, Run};
use mw_media::trace::Line;
use mw_store::effects::{Claimed, Contact, Unread, Used};

/// What came of an effect.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Performed {
    /// The run must hear of it.
    Tell(Command),
    /// Nothing yet: due again.
    Again(Again),
    /// A failed attempt: due again by the rules of retry, or given up, with this command where the run must hear of it.
    Retry { fault: Fault, not_sent: bool, give_up: Option<Command> },
    /// A message or an export went out, or had no need to: the note says why.
    Told { note: Option<String> },
    /// A message or an export that no repetition delivers. The run does not hear of it.
    Untold(Fault),
    /// The submission must be sent once more: the timeline says so, and it starts anew under its provider's limits.
    Repeat { job_id: String, reason: String },
    /// The run is paused: nothing went out, and nothing may until it is resumed.
    Held,
    /// The run is elsewhere; there is nothing to do.
    Stale,
    /// This version cannot read the run, for this reason.
    Unreadable(String),
}

impl Performed {
    /// For the log: in one word, and what went wrong.
    pub(crate) fn words(&self) -> (&'static str, Option<String>) {
        match self {
            Performed::Tell(_) => ("done", None),
            Performed::Again(again) => ("again", again.error.clone()),
            Performed::Retry { fault, .. } => ("failed", Some(fault.to_string())),
            Performed::Told { note } => ("done", note.clone()),
            Performed::Untold(fault) => ("given_up", Some(fault.to_string())),
            Performed::Repeat { reason, .. } => ("repeated", Some(reason.clone())),
            Performed::Held => ("held", None),
            Performed::Stale => ("stale", None),
            Performed::Unreadable(error) => ("given_up", Some(error.clone())),
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Again {
    pub(crate) wait_seconds: f64,
    /// Whether this attempt counts.
    pub(crate) uncounted: bool,
    /// Surely nothing reached the provider.
    pub(crate) not_sent: bool,
    pub(crate) error: Option<String>,
}

/// How the provider met us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Met {
    pub(crate) contact: Contact,
    pub(crate) hold_seconds: Option<u64>,
}

impl Met {
    pub(crate) const NOBODY: Met = Met { contact: Contact::None, hold_seconds: None };
    pub(crate) const ANSWER: Met = Met { contact: Contact::Answered, hold_seconds: None };
    pub(crate) const SILENCE: Met = Met { contact: Contact::Failed, hold_seconds: None };

    pub(crate) fn fault(fault: &Fault) -> Met {
        let contact = match fault.class {
            FaultClass::Unavailable => Contact::Failed,
            FaultClass::RateLimited => Contact::RateLimited,
            FaultClass::Retryable | FaultClass::Final => Contact::Refused,
        };
        let asked = fault.retry_after_seconds.map(|seconds| seconds.min(RETRY_AFTER_SECONDS_MAX));
        Met { contact, hold_seconds: asked.filter(|_| contact == Contact::RateLimited) }
    }
}

/// The run of an effect, as it stands.
pub(crate) struct Known {
    pub(crate) read: Option<Run>,
    /// Where this version cannot read it.
    pub(crate) unread: Option<Unread>,
}

/// What was loaded for an effect beside its run.
pub(crate) enum Loaded {
    Nothing,
    /// Of a trace.
    Timeline(Vec<Line>),
    /// Of a persona.
    Talk(Box<Talk>),
}

/// What came of an effect, how the provider met us, and what it took of a language model.
pub(crate) struct Came {
    pub(crate) performed: Performed,
    pub(crate) met: Met,
    pub(crate) used: Option<Used>,
    /// A link that was made for a notice.
    pub(crate) link: Option<LinkMade>,
}

impl Came {
    pub(crate) fn new(performed: Performed, met: Met) -> Came {
        Came { performed, met, used: None, link: None }
    }
}

/// An effect of a job, with all that it needs.
pub(crate) struct JobEffect<'a, H> {
    pub(crate) http: &'a H,
    pub(crate) settings: &'a Settings,
    pub(crate) effect: &'a Claimed,
    pub(crate) run: &'a Run,
    pub(crate) job_id: &'a str,
    pub(crate) job: &'a Job,
    pub(crate) now: Timestamp,
}

/// Comes back with the talk of a persona that wants something looked up before it goes on.
pub(crate) async fn perform(
    http: &impl HttpClient,
    settings: &Settings,
    effect: &Claimed,
    known: &Known,
    loaded: Loaded,
    now: Timestamp,
) -> Result<Came, Box<Talk>> {
    let Some(run) = &known.read else {
        return Ok(match &known.unread {
            Some(unread) => perform_unread(http, settings, effect, unread, loaded, now).await,
            None => Came::new(Performed::Stale, Met::NOBODY),
        });
    };
    // Asking how a job stands and telling people go on while a run is paused; asking for anything new does not.
    if run.pause.is_some() && EffectKind::HELD_WHILE_PAUSED.contains(&effect.kind) {
        return Ok(Came::new(Performed::Held, Met::NOBODY));
    }
    let job = effect.job_id.as_deref().and_then(|job_id| Some((job_id, run.body.jobs.get(job_id)?)));
    let task = job.map(|(job_id, job)| JobEffect { http, settings, effect, run, job_id, job, now });
    let timeline = match loaded {
        Loaded::Talk(talk) => return persona::perform(http, settings, run, talk).await,
        Loaded::Timeline(timeline) => timeline,
        Loaded::Nothing => Vec::new(),
    };
    let (performed, met) = match (effect.kind, task) {
        (EffectKind::Submit, Some(task)) => submit::perform(&task).await,
        (EffectKind::Poll, Some(task)) => poll::perform(&task).await,
        (EffectKind::Notify, _) => {
            let message = notify::occasion(effect).and_then(|occasion| message(run, occasion));
            return Ok(notify::perform(http, settings, effect, message, Some(run), now).await);
        }
        (EffectKind::Trace, _) => export::trace(http, &settings.exports, effect, &timeline, now).await,
        (EffectKind::Report, _) => {
            let step = run.body.current_step().map_or("", |step| step.name());
            export::report(http, &settings.exports, effect, &Subject::of(run, step), now).await
        }
        // A persona without a talk: the run is not at one. No kind that is shipped has effects of its own.
        (EffectKind::Submit | EffectKind::Poll, None) | (EffectKind::Persona | EffectKind::Own, _) => {
            (Performed::Stale, Met::NOBODY)
        }
    };
    Ok(Came::new(performed, met))
}

/// That a run has ended is told and exported even if this version cannot read its body.
async fn perform_unread(
    http: &impl HttpClient,
    settings: &Settings,
    effect: &Claimed,
    unread: &Unread,
    loaded: Loaded,
    now: Timestamp,
) -> Came {
    let unreadable = Came::new(Performed::Unreadable(unread.error.clone()), Met::NOBODY);
    let Some(run) = &unread.envelope else { return unreadable };
    let (performed, met) = match (effect.kind, loaded) {
        (EffectKind::Notify, _) => {
            let message = notify::occasion(effect).and_then(|occasion| message_of_unread(run, occasion));
            return match message {
                Some(message) => notify::perform(http, settings, effect, Some(message), None, now).await,
                None => unreadable,
            };
        }
        (EffectKind::Trace, Loaded::Timeline(timeline)) => {
            export::trace(http, &settings.exports, effect, &timeline, now).await
        }
        (EffectKind::Report, _) => export::report(http, &settings.exports, effect, &Subject::of(run, ""), now).await,
        (EffectKind::Trace | EffectKind::Persona | EffectKind::Submit | EffectKind::Poll | EffectKind::Own, _) => {
            return unreadable;
        }
    };
    Came::new(performed, met)
}

impl<H> JobEffect<'_, H> {
    /// How the job presents itself to its provider.
    pub(crate) fn context(&self) -> JobContext {
        let provider = self.job.spec.kind().provider();
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
    pub(crate) fn known_as(&self) -> &str {
        self.job.known_as.as_deref().unwrap_or(self.job_id)
    }

    /// The task that a callback named; only the provider can confirm it.
    pub(crate) fn hinted_task_id(&self) -> Option<&str> {
        self.effect.hint.as_ref()?.task_id.as_deref()
    }
}
