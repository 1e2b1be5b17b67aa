//! POST /console/bulk: a verb on a page of the list. First it only says what would happen to each run; confirmed, it does it,
//! to no run that is newer than what was shown.

use super::form::Form;
use super::runs::{self, PAGE, run_path};
use super::view::{Chip, Frame, Place, page};
use super::visitor::Visitor;
use super::{Answer, PageRefusal};
use askama::Template;
use mw_edge::body::Fields;
use mw_edge::cursor::Cursor;
use mw_edge::{Context, Problem, clock, kick, problem};
use mw_kernel::Timestamp;
use mw_kernel::run::Kinds;
use mw_kernel::status::{StatusWord, Verb};
use mw_operations::verbs::VerbRequest;
use mw_operations::verbs::bulk::{self, BulkRequest, BulkResult};

#[derive(Template)]
#[template(path = "bulk.html")]
struct Page {
    frame: Frame,
    token: String,
    verb: Verb,
    reason: String,
    dry: bool,
    /// Hidden fields of the form that confirms.
    kept: Vec<(String, String)>,
    /// Runs that change, and those that do not.
    moved: Vec<Line>,
    left: Vec<Line>,
    back: String,
    /// The next page of the list, which the verb has not touched.
    next: Option<String>,
}

/// What happens, or happened, to a run.
struct Line {
    path: String,
    run_id: String,
    chip: Option<Chip>,
    words: String,
    successor: Option<String>,
}

pub(super) fn act(visitor: &Visitor, mut form: Form, context: &mut Context) -> Answer {
    let now = clock::now();
    let dry_run = form.text("confirmed").is_empty();
    if dry_run {
        form.set("shown_at", clock::rfc3339(now));
    }
    form.set("actor", visitor.principal.name.clone());
    let bulk = read(context.kinds, &form, dry_run, now)?;
    let caller = visitor.caller();
    let limit = context.limit(&caller)?;
    let found = mw_store::runs::states(context.database()?, now, &bulk.filter, bulk.page, &limit)?;
    context.count(found.limit.as_ref())?;
    let next = found.runs.last().filter(|_| found.more).map(|last| Cursor::of(&last.at, &last.run_id));
    let (results, wakes) = bulk::perform(&bulk, found, context)?;
    let response = render(context.kinds, visitor, &form, &bulk, results, next.as_deref())?;
    Ok(if wakes { response.then(kick::dispatch) } else { response })
}

fn read(kinds: Kinds, form: &Form, dry_run: bool, now: Timestamp) -> Result<BulkRequest, Problem> {
    let mut filter = runs::filter(kinds, form.members(), now)?;
    let mut fields = Fields::new(form.members(), "#");
    let verb = Verb::parse(&fields.required_text("verb", 1, 20)).filter(|verb| runs::BULK.contains(verb));
    if verb.is_none() {
        fields.fail("verb", "Choose what to do");
    }
    let shown_at = fields.moment("shown_at").map(clock::rfc3339);
    let verb = VerbRequest::read(verb.unwrap_or(Verb::Resume), &mut fields, String::new(), now);
    fields.finish()?;
    // Both are in one form and sort as texts.
    filter.created_before = [filter.created_before, shown_at].into_iter().flatten().min();
    if filter.created_before.is_none() {
        return Err(problem::invalid_field("#/shown_at", "The preview is missing"));
    }
    Ok(BulkRequest { verb, filter, page: PAGE, dry_run })
}

fn render(
    kinds: Kinds,
    visitor: &Visitor,
    form: &Form,
    bulk: &BulkRequest,
    results: Vec<BulkResult>,
    next: Option<&str>,
) -> Result<mw_edge::Response, PageRefusal> {
    let (moved, left) =
        results.iter().partition::<Vec<&BulkResult>, _>(|result| matches!(result.outcome, "changed" | "successor"));
    let kept = form.members().iter().filter(|(name, _)| !matches!(name.as_str(), "token" | "actor" | "confirmed"));
    let kept = kept.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
    let title = if bulk.dry_run { "Preview" } else { "Done" };
    Ok(page(
        200,
        &Page {
            frame: Frame::of(title, Place::Runs, visitor),
            token: visitor.token.clone(),
            verb: bulk.verb.order.verb(),
            reason: bulk.verb.reason.clone(),
            dry: bulk.dry_run,
            kept,
            moved: moved.into_iter().map(|result| line(kinds, result)).collect(),
            left: left.into_iter().map(|result| line(kinds, result)).collect(),
            back: runs::path_with(form.members(), &[]),
            next: next.map(|cursor| runs::path_with(form.members(), &[("cursor", cursor)])),
        },
    )?)
}

fn line(kinds: Kinds, result: &BulkResult) -> Line {
    let words = match result.outcome {
        "changed" => "moves to".to_owned(),
        "successor" => "a successor goes on from it".to_owned(),
        "unchanged" => "stays as it is: that is done already".to_owned(),
        _ => format!("refused: {}", result.detail.as_deref().unwrap_or_default()),
    };
    Line {
        path: run_path(&result.run_id),
        run_id: result.run_id.clone(),
        chip: result.status.as_deref().map(|word| Chip::of(kinds, &StatusWord::of(word))),
        words,
        successor: result.successor.as_deref().map(run_path),
    }
}
