//! Render jobs as a kind of the kernel's.

use crate::run::body::{Phase, Render};
use crate::run::claim::{self, Claim};
use crate::run::engines::Engines;
use crate::run::event::{Plan, RenderEvent};
use crate::run::fail::{self, Failed};
use crate::run::finish::{self, FinishedSegment, FinishedVideo};
use crate::run::force_fail::{self, FailureReason, JOB_DEADLINE};
use crate::run::{Draft, Event, Recorded, Run, Started, go_on, page, reroute, rows, successor, trace, view, why};
use crate::work::Held;
use mw_kernel::Timestamp;
use mw_kernel::run::{
    Artifact, Body, Change, Context, DecidedGate, Edit, EditableField, GateKey, Kind, OpenGate, Product, Question,
    Refusal, Rows, Standing, Step, Succession, Working,
};
use mw_kernel::status::End;
use mw_kernel::trace::{Line, Tree};
use serde_json::Value;

mw_kernel::words! {
    /// Where a run of a render job stands.
    #[derive(Default)]
    Status {
        #[default]
        Queued = "queued",
        Planning = "planning",
        RenderingSegments = "rendering_segments",
        Assembling = "assembling",
        Paused = "paused",
        Done = "done",
        Failed = "failed",
        Cancelled = "cancelled",
        Rejected = "rejected",
        Expired = "expired",
    }
}

/// What only a render job can be asked.
#[derive(Debug, Clone, PartialEq)]
pub enum RenderCommand {
    /// A worker took the effect of a try.
    Claim(Claim),
    /// A worker stored a segment.
    FinishSegment(FinishedSegment),
    /// A worker stored the video.
    FinishVideo(FinishedVideo),
    /// A worker could not do it, or gives it back.
    Fail(Failed),
    /// The lease of a try ran out.
    ExpireLease { held: Held, engines: Engines },
    /// The engines or the override are not what they were, or time has passed.
    Reroute { engines: Engines },
    /// An operator ends a job that is stuck.
    ForceFail { error: Option<String> },
}

impl Body for Render {
    type Status = Status;

    fn status(run: &Run) -> Status {
        match (run.end, &run.pause) {
            (Some(End::Done), _) => Status::Done,
            (Some(End::Failed), _) => Status::Failed,
            (Some(End::Cancelled), _) => Status::Cancelled,
            (Some(End::Rejected), _) => Status::Rejected,
            (Some(End::Expired), _) => Status::Expired,
            (None, Some(_)) => Status::Paused,
            (None, None) => match run.body.phase {
                Phase::Queued => Status::Queued,
                Phase::Planning => Status::Planning,
                Phase::RenderingSegments => Status::RenderingSegments,
                Phase::Assembling => Status::Assembling,
            },
        }
    }

    fn edit(_: &mut Run, _: &[Change]) {}
}

/// A render job has no gates: what waits for a person is the run that ordered it.
impl Kind for Render {
    const NAME: &'static str = "render";
    const STATUSES: &'static [&'static str] = Status::WORDS;
    const FIELDS: &'static [&'static str] = &[];
    type Plan = Plan;
    type Event = RenderEvent;
    type Command = RenderCommand;
    type About = ();

    fn empty() -> Self {
        Render::before_start()
    }

    fn evolve_started(run: &mut Run, started: &Started) {
        super::evolve::started(run, started);
    }

    fn evolve(run: &mut Run, event: &RenderEvent, at: Timestamp) {
        super::evolve::evolve(run, event, at);
    }

    fn decide(run: &Run, command: &RenderCommand, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
        match command {
            RenderCommand::Claim(claim) => claim::decide(run, claim, context),
            RenderCommand::FinishSegment(finished) => finish::segment(run, finished, context),
            RenderCommand::FinishVideo(finished) => finish::video(run, finished, context),
            RenderCommand::Fail(failed) => fail::decide(run, failed, context),
            RenderCommand::ExpireLease { held, engines } => fail::expire(run, held, engines, context),
            RenderCommand::Reroute { engines } => reroute::decide(run, engines, context),
            RenderCommand::ForceFail { error } => force_fail::decide(run, error.as_deref()),
        }
    }

    fn approved(_: &mut Draft, _: &DecidedGate, _: &mut Context<'_>) {}

    fn resumed(draft: &mut Draft, context: &mut Context<'_>) {
        go_on::go_on(draft, &Engines::assumed(), context);
    }

    fn restore(run: &Run, job_ids: &[String]) -> Vec<Event> {
        rows::restore(run, job_ids)
    }

    fn overdue(draft: &mut Draft, context: &mut Context<'_>) {
        let message = format!("{JOB_DEADLINE}: {}", Self::overdue_work(&draft.run));
        draft.fail(FailureReason::Deadline.as_str(), message, context);
    }

    fn overdue_work(run: &Run) -> String {
        why::overdue_work(run)
    }

    fn summary(_: &Run, _: GateKey<'_>) -> String {
        String::new()
    }

    fn subject(_: &Run, _: GateKey<'_>) -> Value {
        Value::Null
    }

    fn about(_: &Run, _: GateKey<'_>) {}

    fn releases(_: &Run, _: GateKey<'_>) -> String {
        String::new()
    }

    fn fields(_: &Run, _: &OpenGate) -> Vec<EditableField> {
        Vec::new()
    }

    fn changes(_: &Run, open: &OpenGate, edit: &Edit) -> Result<Vec<Change>, Refusal> {
        match edit.keys().next() {
            Some(field) => Err(Refusal::EditNotAllowed { field: field.clone(), allowed: open.policy.edits.clone() }),
            None => Ok(Vec::new()),
        }
    }

    fn working(run: &Run) -> Working {
        why::working(run)
    }

    fn succeed(parent: &Run, wish: &Succession, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
        successor::decide(parent, wish, context)
    }

    fn goes_on_at(run: &Run) -> Option<String> {
        Some(successor::reached(&run.body).to_string())
    }

    fn artifacts(run: &Run, recorded: &Recorded) -> Vec<Artifact> {
        rows::artifacts(run, recorded)
    }

    fn rows(run: &Run, event: &RenderEvent, at: Timestamp, rows: &mut Rows) {
        rows::extend(run, event, at, rows);
    }

    fn question(run: &Run, _: GateKey<'_>) -> Question {
        Question { title: run.title.clone(), lines: Vec::new() }
    }

    fn done(run: &Run) -> Question {
        let fell_back = run.body.fallback_reason().map(|reason| format!("Not made as asked: {reason}"));
        Question { title: "Your video is ready".to_owned(), lines: fell_back.into_iter().collect() }
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

    fn product(run: &Run) -> Product {
        page::product(run)
    }

    fn sentence(event: &str, data: &Value) -> Option<String> {
        page::sentence(event, data)
    }

    fn trace(tree: &mut Tree<'_>, line: &Line) {
        trace::take(tree, line);
    }
}
