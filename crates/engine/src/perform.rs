//! One effect is carried out. Nothing here touches the database.

use crate::performer::{BoxTask, Performance};
use crate::{LinkMade, Settings, export, notify};
use mw_integrations::{Fault, FaultClass, HttpClient};
use mw_kernel::Timestamp;
use mw_kernel::run::{AnyCommand, AnyRun, EffectKind, Kinds};
use mw_kernel::trace::Line;
use mw_media::retry::RETRY_AFTER_SECONDS_MAX;
use mw_store::effects::{Claimed, Contact, Used};

/// What came of an effect.
#[derive(Debug, Clone, PartialEq)]
pub enum Performed {
    /// The run must hear of it.
    Tell(AnyCommand),
    /// Nothing yet: due again.
    Again(Again),
    /// A failed attempt: due again by the rules of retry, or given up, with this command where the run must hear of it.
    Retry { fault: Fault, not_sent: bool, give_up: Option<AnyCommand> },
    /// A message or an export went out, or had no need to: the note says why.
    Told { note: Option<String> },
    /// A message or an export that no repetition delivers. The run does not hear of it.
    Untold(Fault),
    /// The submission must be sent once more: the timeline says so, and it starts anew under its provider's limits.
    Repeat { command: AnyCommand, reason: String },
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
pub struct Again {
    pub wait_seconds: f64,
    /// Whether this attempt counts.
    pub uncounted: bool,
    /// Surely nothing reached the provider.
    pub not_sent: bool,
    pub error: Option<String>,
}

/// How the provider met us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Met {
    pub contact: Contact,
    pub hold_seconds: Option<u64>,
}

impl Met {
    pub const NOBODY: Met = Met { contact: Contact::None, hold_seconds: None };
    pub const ANSWER: Met = Met { contact: Contact::Answered, hold_seconds: None };
    pub const SILENCE: Met = Met { contact: Contact::Failed, hold_seconds: None };

    pub fn fault(fault: &Fault) -> Met {
        let contact = match fault.class {
            FaultClass::Unavailable => Contact::Failed,
            FaultClass::RateLimited => Contact::RateLimited,
            FaultClass::Retryable | FaultClass::Final => Contact::Refused,
        };
        let asked = fault.retry_after_seconds.map(|seconds| seconds.min(RETRY_AFTER_SECONDS_MAX));
        Met { contact, hold_seconds: asked.filter(|_| contact == Contact::RateLimited) }
    }
}

/// What was made ready for an effect beside its run.
pub(crate) enum Ready<'p, H> {
    Nothing,
    /// Of a trace.
    Timeline(Vec<Line>),
    /// Of an effect that the run's kind carries out.
    Task(BoxTask<'p, H>),
    /// Nothing that this version can read, for this reason.
    Unreadable(String),
}

/// What came of an effect, how the provider met us, and what it took of a language model.
pub struct Came {
    pub performed: Performed,
    pub met: Met,
    pub used: Option<Used>,
    /// A link that was made for a notice.
    pub link: Option<LinkMade>,
}

impl Came {
    pub fn new(performed: Performed, met: Met) -> Came {
        Came { performed, met, used: None, link: None }
    }
}

/// Whether the effect waits for its run to be resumed: asking how a job stands and telling people go on while a run is paused;
/// asking for anything new does not.
pub(crate) fn is_held(effect: &Claimed, run: &AnyRun) -> bool {
    run.pause.is_some() && EffectKind::HELD_WHILE_PAUSED.contains(&effect.kind)
}

/// Carries an effect out, or comes back with the task that wants something looked up before it goes on.
pub(crate) async fn perform<'p, H: HttpClient>(
    http: &H,
    kinds: Kinds,
    settings: &Settings,
    effect: &Claimed,
    run: Option<&AnyRun>,
    ready: Ready<'p, H>,
    now: Timestamp,
) -> Performance<'p, H> {
    let came = |(performed, met)| Performance::Came(Box::new(Came::new(performed, met)));
    let nothing = |performed| came((performed, Met::NOBODY));
    let timeline = match (run, ready) {
        (_, Ready::Unreadable(error)) => return nothing(Performed::Unreadable(error)),
        (None, _) => return nothing(Performed::Stale),
        (Some(run), _) if is_held(effect, run) => return nothing(Performed::Held),
        (Some(_), Ready::Task(task)) => return task.perform(http, effect, now).await,
        (Some(_), Ready::Timeline(timeline)) => timeline,
        (Some(_), Ready::Nothing) => Vec::new(),
    };
    let Some(run) = run else { return nothing(Performed::Stale) };
    match effect.kind {
        EffectKind::Notify => {
            Performance::Came(Box::new(notify::perform(http, kinds, settings, effect, run, now).await))
        }
        EffectKind::Trace => came(export::trace(http, kinds, &settings.exports, effect, run, &timeline, now).await),
        EffectKind::Report => came(export::report(http, kinds, &settings.exports, effect, run, now).await),
        // The run is elsewhere.
        EffectKind::Submit | EffectKind::Poll | EffectKind::Persona | EffectKind::Own => nothing(Performed::Stale),
    }
}
