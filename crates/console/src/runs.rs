//! GET /console/runs: the list, its filters in the address, a page by key; and the bulk verbs over what is listed.

use super::Answer;
use super::view::{Chip, Frame, Moment, Place, page};
use super::visitor::Guest;
use askama::Template;
use mw_edge::body::Fields;
use mw_edge::cursor::Cursor;
use mw_edge::request::percent_encode;
use mw_edge::{Context, Problem, Request, clock};
use mw_kernel::Timestamp;
use mw_kernel::principal::Role;
use mw_kernel::run::Kinds;
use mw_kernel::status::{StatusWord, Verb};
use mw_store::console::{ProjectName, RunRow};
use mw_store::runs::Filter;
use serde_json::{Map, Value};
use time::Duration;

pub(super) const PAGE: u32 = 50;

/// The names of the filters in addresses and forms.
const NAMES: [&str; 5] = ["status", "project", "user", "age", "stuck"];

/// Ages to choose from: the word, what people read, and whether younger or older runs are meant.
const AGES: [(&str, &str, Age); 6] = [
    ("hour", "of the last hour", Age::Younger(Duration::HOUR)),
    ("day", "of the last day", Age::Younger(Duration::DAY)),
    ("week", "of the last week", Age::Younger(Duration::WEEK)),
    ("over-hour", "older than an hour", Age::Older(Duration::HOUR)),
    ("over-day", "older than a day", Age::Older(Duration::DAY)),
    ("over-week", "older than a week", Age::Older(Duration::WEEK)),
];

#[derive(Clone, Copy)]
enum Age {
    Younger(Duration),
    Older(Duration),
}

#[derive(Template)]
#[template(path = "runs.html")]
struct Page {
    frame: Frame,
    token: String,
    statuses: Vec<Choice>,
    projects: Vec<Choice>,
    ages: Vec<Choice>,
    user: String,
    stuck: bool,
    filtered: bool,
    /// Hidden fields of the bulk form: the filters as they stand, and where the page begins.
    kept: Vec<(&'static str, String)>,
    verbs: Vec<Verb>,
    rows: Vec<Row>,
    next: Option<String>,
    first: Option<String>,
    may_start: bool,
}

/// An option of a select.
struct Choice {
    value: String,
    text: String,
    chosen: bool,
}

/// A run of the list.
pub(super) struct Row {
    pub(super) path: String,
    pub(super) run_id: String,
    pub(super) title: String,
    pub(super) project: String,
    pub(super) user_id: String,
    pub(super) chip: Chip,
    pub(super) created: Option<Moment>,
    pub(super) deadline: Option<Moment>,
    pub(super) overdue: bool,
}

impl Row {
    pub(super) fn of(kinds: Kinds, run: &RunRow, now: Timestamp) -> Row {
        Row {
            path: run_path(&run.run_id),
            run_id: run.run_id.clone(),
            title: run.title.clone().unwrap_or_else(|| "(this version cannot read this run)".to_owned()),
            project: run.project.clone(),
            user_id: run.user_id.clone(),
            chip: Chip::of(kinds, &run.status),
            created: Moment::read(&run.created_at),
            deadline: Moment::read_some(run.deadline.as_deref()),
            overdue: run.deadline.as_deref().and_then(clock::parse).is_some_and(|at| at <= now),
        }
    }
}

pub(super) fn run_path(run_id: &str) -> String {
    format!("/console/runs/{}", percent_encode(run_id))
}

pub(super) fn show(guest: &Guest, request: &Request, context: &mut Context) -> Answer {
    let now = clock::now();
    let asked = asked(request);
    let kinds = context.kinds;
    let filter = filter(kinds, &asked, now)?;
    let seen = mw_store::console::runs(context.connection()?, guest.visit(), &filter, PAGE)?;
    let visitor = guest.admit(seen.shell, context)?;
    let text = |name: &str| asked.get(name).and_then(Value::as_str).unwrap_or_default();
    let next = seen.page.runs.last().filter(|_| seen.page.more);
    let next = next.map(|last| path_with(&asked, &[("cursor", &Cursor::of(&last.created_at, &last.run_id))]));
    let verbs = if visitor.may(Role::Operator) { BULK.to_vec() } else { Vec::new() };
    Ok(page(
        200,
        &Page {
            frame: Frame::of("Runs", Place::Runs, &visitor),
            token: visitor.token.clone(),
            statuses: kinds
                .statuses()
                .into_iter()
                .map(|status| choice(status, &status.replace('_', " "), text("status")))
                .collect(),
            projects: seen.page.projects.iter().map(|project| project_choice(project, text("project"))).collect(),
            ages: AGES.iter().map(|(value, words, _)| choice(value, words, text("age"))).collect(),
            user: text("user").to_owned(),
            stuck: text("stuck") == "yes",
            filtered: !asked.keys().all(|name| name == "cursor"),
            kept: kept(&asked),
            verbs,
            rows: seen.page.runs.iter().map(|run| Row::of(kinds, run, now)).collect(),
            next,
            first: asked.contains_key("cursor").then(|| path_with(&asked, &[])),
            may_start: visitor.may(Role::Approver),
        },
    )?)
}

/// Verbs that mean the same for many runs; a rerun needs a step, and an extension a moment, of each run.
pub(super) const BULK: [Verb; 5] = [Verb::Cancel, Verb::Pause, Verb::Resume, Verb::Retry, Verb::Terminate];

fn choice(value: &str, text: &str, chosen: &str) -> Choice {
    Choice { value: value.to_owned(), text: text.to_owned(), chosen: value == chosen }
}

fn project_choice(project: &ProjectName, chosen: &str) -> Choice {
    choice(&project.key, &project.title, chosen)
}

/// The filters of the address that say something.
fn asked(request: &Request) -> Map<String, Value> {
    let pairs = NAMES.into_iter().chain(["cursor"]);
    pairs
        .filter_map(|name| Some((name.to_owned(), Value::String(request.query(name).filter(|text| !text.is_empty())?))))
        .collect()
}

/// The filters as hidden fields.
fn kept(asked: &Map<String, Value>) -> Vec<(&'static str, String)> {
    let names = NAMES.into_iter().chain(["cursor"]);
    names.filter_map(|name| Some((name, asked.get(name)?.as_str()?.to_owned()))).collect()
}

/// The list with these filters, and others in place of the cursor.
pub(super) fn path_with(asked: &Map<String, Value>, more: &[(&str, &str)]) -> String {
    let kept = kept(asked);
    let kept = kept.iter().filter(|(name, _)| *name != "cursor").map(|(name, value)| (*name, value.as_str()));
    let query: Vec<String> =
        kept.chain(more.iter().copied()).map(|(name, value)| format!("{name}={}", percent_encode(value))).collect();
    if query.is_empty() { "/console/runs".to_owned() } else { format!("/console/runs?{}", query.join("&")) }
}

/// The filter that an address or a form means.
pub(super) fn filter(kinds: Kinds, members: &Map<String, Value>, now: Timestamp) -> Result<Filter, Problem> {
    let mut fields = Fields::new(members, "query:");
    let status = fields.text("status", 1, 40);
    let project = fields.text("project", 1, 200);
    let user_id = fields.text("user", 1, 200);
    let age = fields.text("age", 1, 20);
    let cursor = fields.text("cursor", 1, 1000);
    let mut filter = Filter { project, user_id, ..Filter::default() };
    if let Some(word) = status {
        filter.status = Some(StatusWord::of(&word));
        if !kinds.statuses().contains(&word.as_str()) {
            fields.fail("status", format!("There is no status {word}"));
        }
    }
    match age.map(|word| AGES.iter().find(|(known, _, _)| *known == word).map(|(_, _, age)| *age)) {
        Some(Some(Age::Younger(span))) => filter.created_after = Some(clock::rfc3339(now - span)),
        Some(Some(Age::Older(span))) => filter.created_before = Some(clock::rfc3339(now - span)),
        Some(None) => fields.fail("age", "There is no such age"),
        None => {}
    }
    match cursor.map(|text| Cursor::parse(&text)) {
        Some(Some(cursor)) => filter.before = Some((cursor.created_at, cursor.run_id)),
        Some(None) => fields.fail("cursor", "The page of this list is not one of ours"),
        None => {}
    }
    if members.get("stuck").and_then(Value::as_str) == Some("yes") {
        filter.overdue_at = Some(clock::rfc3339(now));
    }
    // PostgreSQL can store every character but this one.
    if members.values().any(|value| value.as_str().is_some_and(|text| text.contains('\0'))) {
        fields.fail("user", "Input should not contain null characters");
    }
    fields.finish()?;
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = time::macros::datetime!(2026-01-02 12:00 UTC);

    fn read(target: &str) -> Result<Filter, Problem> {
        filter(mw_kinds::KINDS, &asked(&Request::in_memory("GET", target, &[], "")), NOW)
    }

    #[test]
    fn filters_live_in_the_address() {
        let found = read("/console/runs?status=failed&project=aismr&user=&age=over-day&stuck=yes").unwrap();
        assert_eq!(
            (found.status, found.project.as_deref(), found.user_id),
            (Some(StatusWord::of("failed")), Some("aismr"), None)
        );
        assert_eq!(found.created_before.as_deref(), Some("2026-01-01T12:00:00.000000Z"));
        assert_eq!(found.overdue_at.as_deref(), Some("2026-01-02T12:00:00.000000Z"));
        assert_eq!(read("/console/runs").unwrap(), Filter::default());
        for odd in ["status=done", "age=old", "cursor=xyz", "user=a%00b", "project=%00"] {
            assert_eq!(read(&format!("/console/runs?{odd}")).unwrap_err().status, 422, "{odd}");
        }
    }

    #[test]
    fn the_next_page_keeps_the_filters() {
        let asked = asked(&Request::in_memory("GET", "/console/runs?user=a%26b&cursor=old", &[], ""));
        assert_eq!(path_with(&asked, &[("cursor", "new")]), "/console/runs?user=a%26b&cursor=new");
        assert_eq!(path_with(&Map::new(), &[]), "/console/runs");
    }
}
