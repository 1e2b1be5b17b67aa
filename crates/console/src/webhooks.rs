//! GET /console/webhooks: what providers sent and how it was signed, and the dead letters among it.

use super::view::{Chip, Frame, Moment, Place, page};
use super::visitor::Guest;
use super::{Answer, dead_letter};
use askama::Template;
use mw_edge::cursor::Cursor;
use mw_edge::query::invalid_query;
use mw_edge::request::percent_encode;
use mw_edge::{Context, Request};
use mw_kernel::principal::Role;
use mw_operations::dead_letters::dead_letter_id;
use mw_store::console::Receipt;

const PAGE: u32 = 50;

#[derive(Template)]
#[template(path = "webhooks.html")]
struct Page {
    frame: Frame,
    refused: bool,
    letters: Vec<dead_letter::Row>,
    receipts: Vec<Row>,
    first: bool,
    next: Option<String>,
    may_settle: bool,
}

/// A receipt of the list.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) provider: String,
    pub(super) signature: Chip,
    pub(super) outcome: Chip,
    pub(super) received: Option<Moment>,
    pub(super) bytes: String,
    pub(super) count: u64,
    pub(super) run: Option<(String, String)>,
    pub(super) settled: Option<String>,
    /// Where the letter is, of one that is or was a dead letter.
    pub(super) letter: Option<String>,
}

impl Row {
    pub(super) fn of(receipt: &Receipt) -> Row {
        let run = receipt.run_id.as_ref().map(|id| (id.clone(), format!("/console/runs/{}", percent_encode(id))));
        let settled = receipt.settled_by.as_ref();
        let reason = receipt.settled_reason.as_deref().unwrap_or_default();
        let is_letter = receipt.outcome == "dlq" || settled.is_some();
        Row {
            id: receipt.id.clone(),
            provider: receipt.provider.clone(),
            signature: signature(&receipt.signature),
            outcome: outcome(&receipt.outcome),
            received: Moment::read(&receipt.received_at),
            bytes: size(receipt.bytes),
            count: receipt.count,
            run,
            settled: settled.map(|by| format!("by {by}: {reason}")),
            letter: is_letter.then(|| format!("/console/letters/{}", receipt.id)),
        }
    }
}

/// A number of bytes, as people read it.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000.. => format!("{:.1} kB", bytes as f64 / 1_000.0),
    }
}

/// The words of `webhook_events.signature_status`.
pub(super) fn signature(word: &str) -> Chip {
    match word {
        "valid" => Chip::new("signed", "good"),
        "invalid" => Chip::new("wrong signature", "bad"),
        "missing" => Chip::new("no signature", "bad"),
        _ => Chip::new("provider does not sign", "off"),
    }
}

/// The words of `webhook_events.outcome`.
fn outcome(word: &str) -> Chip {
    match word {
        "accepted" => Chip::new("accepted", "good"),
        "dlq" => Chip::new("dead letter", "wait"),
        "discarded" => Chip::new("discarded", "off"),
        "refused" => Chip::new("refused", "bad"),
        _ => Chip::new("ignored", "off"),
    }
}

pub(super) fn show(guest: &Guest, request: &Request, context: &mut Context) -> Answer {
    let refused = request.query("show").as_deref() == Some("refused");
    let before = match request.query("cursor") {
        None => None,
        Some(text) => {
            let cursor =
                Cursor::parse(&text).and_then(|cursor| Some((cursor.created_at, dead_letter_id(&cursor.run_id)?)));
            Some(cursor.ok_or_else(|| invalid_query("cursor", "is not one of ours"))?)
        }
    };
    let key = before.as_ref().map(|(at, id)| (at.as_str(), id.as_str()));
    let seen = mw_store::console::webhooks(context.connection()?, guest.visit(), refused, key, PAGE)?;
    let visitor = guest.admit(seen.shell, context)?;
    let next = seen.page.receipts.last().filter(|_| seen.page.more);
    let only = if refused { "&show=refused" } else { "" };
    let next = next.map(|last| format!("/console/webhooks?cursor={}{only}", Cursor::of(&last.received_at, &last.id)));
    Ok(page(
        200,
        &Page {
            frame: Frame::of("Webhooks", Place::Webhooks, &visitor).saying(dead_letter::done(request)),
            refused,
            letters: seen.page.letters.iter().map(dead_letter::Row::of).collect(),
            receipts: seen.page.receipts.iter().map(Row::of).collect(),
            first: before.is_none(),
            next,
            may_settle: visitor.may(Role::Operator),
        },
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_at_a_glance() {
        assert_eq!([0, 999, 1_000, 999_949].map(size), ["0 B", "999 B", "1.0 kB", "999.9 kB"]);
    }
}
