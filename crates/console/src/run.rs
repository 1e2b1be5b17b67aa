//! GET /console/runs/:id: what a run waits for and why, its steps, clips and video, its work in flight, what can be done,
//! and its timeline. Also the same as raw JSON.

use super::gate::May;
use super::gate::{self, Clip};
use super::runs::{Row, run_path};
use super::steps::{self, StepShown};
use super::timeline::{self, Entry};
use super::verbs::{self, Offer};
use super::view::{Chip, Frame, Moment, Place, page, web_link};
use super::visitor::{Guest, Visitor};
use super::{Answer, PageRefusal, webhooks};
use askama::Template;
use mw_edge::clock::normalise_times;
use mw_edge::query::invalid_query;
use mw_edge::{Context, Request, Response, clock, ids, problem};
use mw_media::run::{Facts, JobPhase, Run, Why};
use mw_store::console::RunShown;

const EVENTS: u32 = 40;

#[derive(Template)]
#[template(path = "run.html")]
struct Page {
    frame: Frame,
    token: String,
    row: Row,
    /// Ids and paths.
    parent: Option<(String, String)>,
    successors: Vec<(String, String)>,
    /// What the state says; missing where this version cannot read it.
    shown: Option<Shown>,
    offers: Vec<Offer>,
    entries: Vec<Entry>,
    older: Option<String>,
    newest: Option<String>,
    receipts: Vec<webhooks::Row>,
}

/// A run whose state can be read.
struct Shown {
    mode: &'static str,
    version: String,
    started: Moment,
    waiting_for: String,
    then: String,
    since: Option<Moment>,
    until: Option<Moment>,
    details: Vec<String>,
    gates: Vec<gate::Open>,
    steps: Vec<StepShown>,
    clips: Vec<Clip>,
    video: Option<String>,
    post: Option<String>,
    caption: Option<String>,
    concept: Option<String>,
    jobs: Vec<JobRow>,
}

struct JobRow {
    id: String,
    provider: &'static str,
    chip: Chip,
    task: Option<String>,
    failure: Option<String>,
}

pub(super) fn show(run_id: &str, guest: &Guest, request: &Request, context: &mut Context) -> Answer {
    let before = match request.query("before") {
        None => None,
        Some(text) => {
            Some(sequence_number(&text).ok_or_else(|| invalid_query("before", "should be a sequence number"))?)
        }
    };
    check_id(run_id, context)?;
    let seen = mw_store::console::run(context.connection()?, guest.visit(), run_id, before, EVENTS)?;
    let visitor = guest.admit(seen.shell, context)?;
    let found = seen.page.run.ok_or_else(|| problem::not_found("run not found"))?;
    let run = serde_json::from_value::<Run>(found.state.clone()).ok();
    let done = gate::done(request).or_else(|| verbs::done(request));
    let frame = Frame::of(&title(&found), Place::Runs, &visitor).saying(done);
    let path = run_path(run_id);
    let older = found.events.last().filter(|_| found.more).and_then(|event| event.get("seq")?.as_u64());
    Ok(page(
        200,
        &Page {
            frame,
            token: visitor.token.clone(),
            row: Row::of(&found.row, clock::now()),
            parent: found.row.parent_run_id.as_deref().map(with_path),
            successors: found.successors.iter().map(|run_id| with_path(run_id)).collect(),
            offers: verbs::offers(run.as_ref(), found.row.finished_at.is_some(), &visitor),
            shown: run.as_ref().map(|run| Shown::of(run, &found.facts, &visitor)),
            entries: found.events.iter().map(timeline::entry).collect(),
            older: older.map(|seq| format!("{path}?before={seq}#timeline")),
            newest: before.map(|_| format!("{path}#timeline")),
            receipts: found.receipts.iter().map(webhooks::Row::of).collect(),
        },
    )?)
}

fn with_path(run_id: &str) -> (String, String) {
    (run_id.to_owned(), run_path(run_id))
}

fn title(found: &RunShown) -> String {
    found.row.title.clone().unwrap_or_else(|| format!("Run {}", found.row.run_id))
}

/// Sequence numbers are PostgreSQL's bigint.
fn sequence_number(text: &str) -> Option<u64> {
    text.parse::<u64>().ok().filter(|number| i64::try_from(*number).is_ok())
}

fn check_id(run_id: &str, context: &mut Context) -> Result<(), PageRefusal> {
    if !ids::is_run_id(run_id) {
        return Err(problem::not_found("run not found").into());
    }
    context.log.about_run(run_id);
    Ok(())
}

impl Shown {
    fn of(run: &Run, facts: &Facts, visitor: &Visitor) -> Shown {
        let Why { waiting_for, since, until, then, details, can: _ } = run.why(facts);
        Shown {
            mode: run.mode.as_str(),
            version: run.definition.version.clone(),
            started: Moment::at(run.started_at),
            waiting_for,
            then,
            since: since.map(Moment::at),
            until: until.map(Moment::at),
            details,
            gates: gate::Open::all_of(run, visitor),
            steps: steps::of(run),
            clips: gate::clips(run),
            video: run.body.render_url.as_deref().and_then(web_link),
            post: run.body.publish_url.as_deref().and_then(web_link),
            caption: run.body.caption.clone(),
            concept: run.body.concept.clone(),
            jobs: run.body.jobs.iter().map(|(id, job)| JobRow::of(id, job)).collect(),
        }
    }
}

impl JobRow {
    fn of(id: &str, job: &mw_media::run::Job) -> JobRow {
        let (chip, failure) = match &job.phase {
            JobPhase::Requested => (Chip::new("asked for", "work"), None),
            JobPhase::Submitted { .. } => (Chip::new("at the provider", "work"), None),
            JobPhase::Succeeded { .. } => (Chip::new("done", "good"), None),
            JobPhase::Failed { code, message, .. } => (Chip::new("failed", "bad"), Some(format!("{code}: {message}"))),
            JobPhase::Replaced { by } => (Chip::new("replaced", "off"), Some(format!("by {by}"))),
        };
        let task = job.phase.task_id().map(str::to_owned);
        JobRow { id: id.to_owned(), provider: job.spec.kind().provider(), chip, task, failure }
    }
}

/// GET /console/runs/:id/raw: what the API answers for the run.
pub(super) fn raw(run_id: &str, guest: &Guest, context: &mut Context) -> Answer {
    check_id(run_id, context)?;
    let shell = mw_store::console::shell(context.connection()?, guest.visit())?;
    guest.admit(shell, context)?;
    let view = mw_store::runs::view(context.database()?, run_id)?;
    let mut view = view.ok_or_else(|| problem::not_found("run not found"))?;
    normalise_times(&mut view);
    let text = serde_json::to_vec_pretty(&view).map_err(|error| problem::internal().because(error))?;
    Ok(Response::new(200, "application/json", text))
}
