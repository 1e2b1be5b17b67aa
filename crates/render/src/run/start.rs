//! A job begins: its segments are planned, and each waits for a worker.

use crate::run::engines::Engines;
use crate::run::event::OrderedBy;
use crate::run::go_on::go_on;
use crate::run::{Draft, Event, Plan, Render, Run, Started};
use crate::spec::RenderSpec;
use mw_kernel::run::{Context, Decided, DefinitionRef, Kind, deadline_after, record};
use mw_kernel::status::ProvidersMode;
use sha2::{Digest, Sha256};

/// How long a job waits for a worker, seconds.
pub const QUEUE_SECONDS: u32 = 86_400;
/// How much of the prompt stands in the title, in characters.
const TITLE_CHARS: usize = 60;

/// Everything that a job starts from.
#[derive(Debug, Clone, PartialEq)]
pub struct StartRequest {
    /// The id of the job and of its first run: 32 hexadecimal digits.
    pub job_id: String,
    /// Of a body that was accepted, and whose files are there (`JobBody::references`).
    pub spec: RenderSpec,
    pub user_id: String,
    /// Name of the principal that starts it.
    pub started_by: Option<String>,
    pub mode: ProvidersMode,
    /// Of a job that a run of another kind waits for.
    pub ordered_by: Option<OrderedBy>,
    pub engines: Engines,
}

/// Starts a job.
pub fn start(request: &StartRequest, actor: &str, context: &mut Context<'_>) -> Decided<Render> {
    let StartRequest { job_id, spec, user_id, started_by, mode, ordered_by, engines } = request;
    let plan = Plan {
        job_id: job_id.clone(),
        attempt: 1,
        created_at: context.now,
        spec: spec.clone(),
        segments: spec.plan(job_id),
        deadline: deadline_after(context.now, QUEUE_SECONDS),
        kept: Vec::new(),
        hops: Vec::new(),
        counted: Vec::new(),
        ordered_by: ordered_by.clone(),
    };
    let started = Started {
        kind: Render::NAME.to_owned(),
        definition: DefinitionRef {
            key: spec.preset_id.clone(),
            version: spec.render_spec_version.to_string(),
            digest: digest(spec),
        },
        title: title(spec),
        user_id: user_id.clone(),
        started_by: started_by.clone(),
        mode: *mode,
        parent: None,
        plan,
    };
    let events = begin(job_id, started, engines, context);
    record(Run::empty(job_id.clone()), events, context.now, actor)
}

/// The events with which a run of a job begins.
pub(super) fn begin(run_id: &str, started: Started, engines: &Engines, context: &mut Context<'_>) -> Vec<Event> {
    let mut draft = Draft::of(&Run::empty(run_id.to_owned()));
    draft.push(Event::Started(Box::new(started)), context);
    go_on(&mut draft, engines, context);
    draft.events
}

fn title(spec: &RenderSpec) -> String {
    let prompt = spec.prompt.trim();
    match prompt.is_empty() {
        true => format!("{} s of {}", spec.target_duration_seconds, spec.preset_id),
        false => prompt.chars().take(TITLE_CHARS).collect(),
    }
}

fn digest(spec: &RenderSpec) -> String {
    let text = serde_json::to_vec(spec).unwrap_or_default();
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
