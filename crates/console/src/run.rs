//! GET /console/runs/:id: what a run waits for and why, its steps, clips and video, its work in flight, what can be done,
//! and its timeline. Also the same as raw JSON.

use super::chart::{self, Chart};
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
use mw_kernel::run::{AnyRun, Facts, Kinds, Refusal, Why, Work};
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
    chart: Option<Chart>,
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
    /// What one part is called, and all of them.
    noun: &'static str,
    pieces: String,
    clips: Vec<Clip>,
    video: Option<String>,
    post: Option<String>,
    caption: Option<String>,
    concept: Option<String>,
    jobs: Vec<JobRow>,
}

struct JobRow {
    id: String,
    provider: String,
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
    let kinds = context.kinds;
    let seen = mw_store::console::run(context.connection()?, kinds, guest.visit(), run_id, before, EVENTS)?;
    let visitor = guest.admit(seen.shell, context)?;
    let found = seen.page.run.ok_or_else(|| problem::not_found("run not found"))?;
    // One that this version cannot read is shown without what only its kind knows.
    let shown = found.run.as_ref().and_then(|run| Shown::of(kinds, run, &found.facts, &visitor).ok());
    let run = found.run.as_ref().filter(|_| shown.is_some());
    let done = gate::done(request).or_else(|| verbs::done(request));
    let frame = Frame::of(&title(&found), Place::Runs, &visitor).saying(done);
    let path = run_path(run_id);
    let ended = found.row.finished_at.as_deref().and_then(clock::parse);
    let older = found.events.last().filter(|_| found.more).and_then(|event| event.get("seq")?.as_u64());
    Ok(page(
        200,
        &Page {
            frame,
            token: visitor.token.clone(),
            row: Row::of(kinds, &found.row, clock::now()),
            parent: found.row.parent_run_id.as_deref().map(with_path),
            successors: found.successors.iter().map(|run_id| with_path(run_id)).collect(),
            offers: verbs::offers(kinds, run, found.row.finished_at.is_some(), &visitor),
            shown,
            entries: found.events.iter().map(|event| timeline::entry(kinds, event)).collect(),
            older: older.map(|seq| format!("{path}?before={seq}#timeline")),
            newest: before.map(|_| format!("{path}#timeline")),
            receipts: found.receipts.iter().map(webhooks::Row::of).collect(),
            chart: chart::of(&found.marks, ended.unwrap_or_else(clock::now)),
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
    fn of(kinds: Kinds, run: &AnyRun, facts: &Facts, visitor: &Visitor) -> Result<Shown, Refusal> {
        let kind = kinds.of(run)?;
        let Why { waiting_for, since, until, then, details, can: _ } = kind.why(run, facts)?;
        let product = kind.product(run)?;
        Ok(Shown {
            mode: run.mode.as_str(),
            version: run.definition.version.clone(),
            started: Moment::at(run.started_at),
            waiting_for,
            then,
            since: since.map(Moment::at),
            until: until.map(Moment::at),
            details,
            gates: gate::Open::all_of(kinds, run, visitor).unwrap_or_default(),
            steps: steps::of(run, kind.steps(run)?),
            noun: product.pieces.noun,
            pieces: product.pieces.title(),
            clips: gate::clips(&product.pieces),
            video: product.video.as_deref().and_then(web_link),
            post: product.post.as_deref().and_then(web_link),
            caption: product.caption,
            concept: product.concept,
            jobs: product.work.into_iter().map(JobRow::of).collect(),
        })
    }
}

impl JobRow {
    fn of(work: Work) -> JobRow {
        let Work { id, provider, standing, task, note } = work;
        JobRow { id, provider, chip: Chip::standing(standing), task, failure: note }
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
