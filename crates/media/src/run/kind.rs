//! Media runs as a kind of the kernel's.

use crate::Timestamp;
use crate::persona::PersonaOutput;
use crate::run::advance::{enter, enter_next, leave_when_done};
use crate::run::body::{Clip, ClipState, Media, Status};
use crate::run::brief::{self, About};
use crate::run::event::{MediaEvent, MediaEventName, Plan};
use crate::run::{
    Artifact, Change, Context, DecidedGate, Draft, Edit, EditableField, Event, GateKey, OpenGate, Recorded, Refusal,
    Rows, Run, Started, Succession, artifact, edit, evolve, finish_job, finish_persona, gate, page, repeat_submission,
    restore, retry, rows, submit_job, successor, trace, view, why,
};
use mw_kernel::run::{Body, Budget, Kind, Matter, Product, Question, Standing, Step, Working};
use mw_kernel::status::{End, ProvidersMode};
use mw_kernel::trace::{Line, Tree};
use serde_json::Value;

/// What only a media run can be asked.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a command lives as long as one decision; there is never a list of them")]
pub enum MediaCommand {
    /// A persona's answer came.
    FinishPersona { step: u32, output: PersonaOutput, source: String },
    /// A persona's work failed for good.
    FailPersona { step: u32, code: String, message: String },
    /// A provider accepted a job; `adopted` when a callback told us, not the answer.
    SubmitJob { job_id: String, task_id: String, adopted: bool },
    /// A submission whose outcome stayed unknown goes out once more.
    RepeatSubmission { job_id: String, reason: String },
    /// A provider finished a job.
    FinishJob { job_id: String, url: String },
    /// A provider, or the rules of retry, gave a job up.
    FailJob { job_id: String, code: String, message: String },
    /// A provider gave a job up in a way that may pass.
    ReplaceJob { job_id: String, code: String, message: String },
}

impl Body for Media {
    type Status = Status;

    fn status(run: &Run) -> Status {
        match (run.end, &run.pause) {
            (Some(End::Done), _) => Status::Published,
            (Some(End::Failed), _) => Status::Failed,
            (Some(End::Cancelled), _) => Status::Cancelled,
            (Some(End::Rejected), _) => Status::Rejected,
            (Some(End::Expired), _) => Status::Expired,
            (None, Some(_)) => Status::Paused,
            (None, None) => run.body.status(),
        }
    }

    fn edit(run: &mut Run, changes: &[Change]) {
        edit::apply(changes, run);
    }
}

impl Kind for Media {
    const NAME: &'static str = "media";
    const STATUSES: &'static [&'static str] = Status::WORDS;
    const STEP_EVENT: Option<&'static str> = Some(MediaEventName::StepStarted.as_str());
    const FIELDS: &'static [&'static str] =
        &["title", "clips.0.subject", "clips.0.header", "clips.0.prompt", "caption", "post_title"];
    type Plan = Plan;
    type Event = MediaEvent;
    type Command = MediaCommand;
    type About = About;

    fn empty() -> Self {
        Media::before_start()
    }

    fn evolve_started(run: &mut Run, started: &Started) {
        evolve::started(run, started);
    }

    fn evolve(run: &mut Run, event: &MediaEvent, at: Timestamp) {
        evolve::evolve(run, event, at);
    }

    fn decide(run: &Run, command: &MediaCommand, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
        match command {
            MediaCommand::FinishPersona { step, output, source } => {
                finish_persona::decide(run, *step, output, source, context)
            }
            MediaCommand::FailPersona { step, code, message } => finish_persona::fail(run, *step, code, message),
            MediaCommand::SubmitJob { job_id, task_id, adopted } => submit_job::decide(run, job_id, task_id, *adopted),
            MediaCommand::RepeatSubmission { job_id, reason } => repeat_submission::decide(run, job_id, reason),
            MediaCommand::FinishJob { job_id, url } => finish_job::decide(run, job_id, url, context),
            MediaCommand::FailJob { job_id, code, message } => finish_job::fail(run, job_id, code, message, context),
            MediaCommand::ReplaceJob { job_id, code, message } => retry::replace(run, job_id, code, message, context),
        }
    }

    fn approved(draft: &mut Draft, _: &DecidedGate, context: &mut Context<'_>) {
        enter_next(draft, context);
    }

    fn request_changes(draft: &mut Draft, _: GateKey<'_>, context: &mut Context<'_>) -> bool {
        let persona = gate::persona_before(&draft.run);
        if let Some(step) = persona {
            enter(draft, step, context);
        }
        persona.is_some()
    }

    fn resumed(draft: &mut Draft, context: &mut Context<'_>) {
        leave_when_done(draft, context);
    }

    fn retry(run: &Run, context: &mut Context<'_>) -> Vec<Event> {
        retry::decide(run, context)
    }

    fn restore(run: &Run, job_ids: &[String]) -> Vec<Event> {
        restore::decide(run, job_ids)
    }

    fn overdue_work(run: &Run) -> String {
        format!("step {}", run.body.current_step().map_or("unknown", |step| step.name()))
    }

    fn summary(run: &Run, key: GateKey<'_>) -> String {
        gate::summary(run, key.gate)
    }

    fn subject(run: &Run, _: GateKey<'_>) -> Value {
        gate::subject(run)
    }

    fn about(run: &Run, _: GateKey<'_>) -> About {
        brief::about(run)
    }

    fn releases(run: &Run, key: GateKey<'_>) -> String {
        brief::releases(run, key.gate)
    }

    fn changes_go_to(run: &Run, _: GateKey<'_>) -> Option<String> {
        let step = gate::persona_before(run)?;
        run.body.pipeline.get(step as usize).map(|step| step.name().to_owned())
    }

    fn fields(run: &Run, open: &OpenGate) -> Vec<EditableField> {
        edit::fields(run, &open.policy)
    }

    fn changes(run: &Run, open: &OpenGate, edit: &Edit) -> Result<Vec<Change>, Refusal> {
        edit::changes(run, &open.policy, edit)
    }

    fn field_label(field: &str) -> Option<String> {
        edit::Field::parse(field).map(edit::Field::label)
    }

    fn working(run: &Run) -> Working {
        why::working(run)
    }

    fn succeed(parent: &Run, wish: &Succession, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
        successor::decide(parent, wish, context)
    }

    fn goes_on_at(run: &Run) -> Option<String> {
        run.body.current_step().map(|step| step.name().to_owned())
    }

    fn artifacts(run: &Run, recorded: &Recorded) -> Vec<Artifact> {
        artifact::of(run, recorded)
    }

    fn rows(run: &Run, event: &MediaEvent, at: Timestamp, rows: &mut Rows) {
        rows::extend(run, event, at, rows);
    }

    fn asked_by(run: &Run) -> Option<String> {
        Some(artifact::last_persona(run).to_owned())
    }

    fn question(run: &Run, key: GateKey<'_>) -> Question {
        gate::question(run, key.gate)
    }

    fn done(run: &Run) -> Question {
        Question { title: "Your video is published".to_owned(), lines: run.body.publish_url.iter().cloned().collect() }
    }

    fn done_metric(run: &Run) -> Option<&'static str> {
        Some(match run.mode {
            ProvidersMode::Mock => "mock_publish_seconds",
            ProvidersMode::Sim | ProvidersMode::Live => "publish_seconds",
        })
    }

    /// Clips that it has from its parent cost nothing.
    fn budget(run: &Run) -> Option<Budget> {
        let per_day = run.body.settings.as_ref()?.clips_per_day?;
        let is_wanted = |clip: &&Clip| !matches!(clip.state, ClipState::Generated { .. });
        Some(Budget { wanted: run.body.clips.iter().filter(is_wanted).count() as u32, per_day })
    }

    fn payload(run: &Run) -> Value {
        view::payload(run)
    }

    fn result(run: &Run) -> Value {
        view::result(run)
    }

    fn standing(status: &str) -> Option<Standing> {
        Status::parse(status).map(page::standing)
    }

    fn steps(run: &Run) -> Vec<Step> {
        page::steps(run)
    }

    fn matter(run: &Run, _: GateKey<'_>) -> Matter {
        page::matter(run)
    }

    fn product(run: &Run) -> Product {
        page::product(run)
    }

    fn sentence(event: &str, data: &Value) -> Option<String> {
        page::sentence(event, data)
    }

    fn trace_started(tree: &mut Tree<'_>, line: &Line) {
        trace::started(tree, line);
    }

    fn trace(tree: &mut Tree<'_>, line: &Line) {
        trace::take(tree, line);
    }
}
