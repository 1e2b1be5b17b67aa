//! GET /console: what waits for a person, the most urgent first, decided in place.

use super::gate::May;
use super::view::{Frame, Place, page};
use super::visitor::{Guest, Visitor};
use super::{Answer, gate};
use askama::Template;
use mw_edge::cursor::Cursor;
use mw_edge::query::invalid_query;
use mw_edge::{Context, Request};
use mw_kernel::principal::Role;
use mw_kernel::run::Kinds;
use mw_store::runs::Listed;

const PAGE: u32 = 20;

#[derive(Template)]
#[template(path = "inbox.html")]
struct Page {
    frame: Frame,
    token: String,
    gates: Vec<gate::Open>,
    /// Runs that this version cannot read.
    unreadable: Vec<String>,
    first: bool,
    next: Option<String>,
    may_start: bool,
}

pub(super) fn show(guest: &Guest, request: &Request, context: &mut Context) -> Answer {
    let after = match request.query("after") {
        None => None,
        Some(text) => Some(Cursor::parse(&text).ok_or_else(|| invalid_query("after", "is not one of ours"))?),
    };
    let key = after.as_ref().map(|cursor| (cursor.created_at.as_str(), cursor.run_id.as_str()));
    let seen = mw_store::console::inbox(context.connection()?, guest.visit(), key, PAGE)?;
    let visitor = guest.admit(seen.shell, context)?;
    let next = seen.page.runs.last().filter(|_| seen.page.more);
    let next = next.map(|last| format!("/console?after={}", Cursor::of(&last.at, &last.run_id)));
    let (gates, unreadable) = sorted(context.kinds, &seen.page.runs, &visitor);
    let frame = Frame::of("Inbox", Place::Inbox, &visitor).saying(gate::done(request));
    Ok(page(
        200,
        &Page {
            frame,
            token: visitor.token.clone(),
            gates,
            unreadable,
            first: after.is_none(),
            next,
            may_start: visitor.may(Role::Approver),
        },
    )?)
}

fn sorted(kinds: Kinds, runs: &[Listed], visitor: &Visitor) -> (Vec<gate::Open>, Vec<String>) {
    let mut gates = Vec::new();
    let mut unreadable = Vec::new();
    for listed in runs {
        match listed.run.as_ref().ok().and_then(|run| gate::Open::all_of(kinds, run, visitor)) {
            Some(open) => gates.extend(open),
            None => unreadable.push(listed.run_id.clone()),
        }
    }
    (gates, unreadable)
}
