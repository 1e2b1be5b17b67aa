//! An open gate as the inbox and the run's page show it, from its brief, and the decision on it: by the same function
//! as every channel.

use super::form::Form;
use super::runs::run_path;
use super::view::{Moment, web_link};
use super::visitor::Visitor;
use super::{Answer, see_other};
use mw_edge::{Context, Request, kick, problem};
use mw_kernel::principal::Role;
use mw_kernel::run::{AnyRun, Brief, Kinds, OpenGate, Piece, Pieces};
use mw_kernel::status::{Channel, GateName, Verdict};
use mw_operations::gate::policy::Obstacle;
use mw_operations::gate::{self, Decider, request as decision_request};
use mw_operations::runs::load_counted;
use serde_json::Value;

/// What is asked at a gate.
pub(super) struct Open {
    /// Unique on a page.
    pub(super) id: String,
    pub(super) question: String,
    pub(super) brief: Brief<Value>,
    pub(super) run_path: String,
    pub(super) opened: Moment,
    pub(super) decide_by: Moment,
    /// Somebody has been notified that the time is running out.
    pub(super) urgent: bool,
    pub(super) clips: Vec<Clip>,
    pub(super) video: Option<String>,
    pub(super) fields: Vec<Input>,
    pub(super) may: May,
}

/// What the visitor may say at a gate.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum May {
    Decide,
    /// Reject and ask for changes, and why not approve.
    Object(String),
    /// Why nothing.
    Look(String),
}

/// A clip as it is shown.
pub(super) struct Clip {
    pub(super) number: usize,
    pub(super) header: String,
    pub(super) subject: String,
    pub(super) prompt: Option<String>,
    pub(super) url: Option<String>,
    pub(super) failure: Option<String>,
}

/// A text that may be changed while approving.
pub(super) struct Input {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) text: String,
    pub(super) chars_max: usize,
}

impl Open {
    /// Every gate of the run at which somebody can decide now; none of a run that this version cannot read.
    pub(super) fn all_of(kinds: Kinds, run: &AnyRun, visitor: &Visitor) -> Option<Vec<Open>> {
        let waiting = run.gates.iter().filter(|_| run.pause.is_none());
        waiting
            .map(|open| Some(Open::of(gate::brief(kinds, run, open).ok()?, May::of(kinds, run, open, visitor), open)))
            .collect()
    }

    fn of(brief: Brief<Value>, may: May, open: &OpenGate) -> Open {
        let fields = brief.fields.iter().map(|field| Input {
            name: format!("edit.{}", field.field),
            label: field.label.clone(),
            text: field.text.text.clone().unwrap_or_default(),
            chars_max: field.chars_max,
        });
        Open {
            id: format!("gate-{}-{}", brief.run_id, brief.opening),
            question: brief.question.clone(),
            run_path: run_path(&brief.run_id),
            opened: Moment::at(brief.opened_at),
            decide_by: Moment::at(brief.deadline),
            urgent: open.warned,
            clips: clips(&brief.matter.pieces),
            video: brief.matter.video.as_deref().and_then(web_link),
            fields: fields.collect(),
            may,
            brief,
        }
    }

    /// Whether a check of the guard-rails fails.
    pub(super) fn is_broken(&self) -> bool {
        self.brief.matter.is_broken()
    }

    pub(super) fn may_approve(&self) -> bool {
        self.may == May::Decide
    }
}

impl May {
    fn of(kinds: Kinds, run: &AnyRun, open: &OpenGate, visitor: &Visitor) -> May {
        if !visitor.may(Role::Approver) {
            return May::Look("Your role looks on here. Approvers decide.".to_owned());
        }
        match Obstacle::of(kinds, run, open.gate, open.opening, &visitor.principal) {
            None => May::Decide,
            Some(Obstacle::Approval(why)) => May::Object(why),
            Some(Obstacle::Anything(why)) => May::Look(why),
        }
    }
}

pub(super) fn clips(pieces: &Pieces) -> Vec<Clip> {
    let shown = pieces.list.iter().map(|Piece { number, header, subject, prompt, url, failure }| Clip {
        number: *number,
        header: header.clone(),
        subject: subject.clone(),
        prompt: prompt.text.clone(),
        url: url.as_deref().and_then(web_link),
        failure: failure.clone(),
    });
    shown.collect()
}

/// POST /console/runs/:id/gates/:gate.
pub(super) fn act(
    run_id: &str,
    gate: GateName,
    visitor: &Visitor,
    form: &Form,
    request: &Request,
    context: &mut Context,
) -> Answer {
    let decision = decision_request::read(&decision_request::form_members(form.pairs()), context.kinds)?;
    // A page that is not of this opening decides nothing, and neither does a form without a button.
    if decision.opening.is_none() || form.text("decision").is_empty() {
        return Err(problem::invalid_field("#/decision", "Press a button on the page of the gate").into());
    }
    let verdict = decision.verdict;
    let loaded = load_counted(context, run_id, request, None)?;
    let run = loaded.run.ok_or_else(|| problem::not_found("run not found"))?;
    let decider = Decider::of(request, visitor.principal.clone(), Channel::Console);
    let standing = gate::decide(context, run, gate, decision, decider)?;
    let said = if standing.quorum.is_some() { "pending" } else { verdict.outcome() };
    let back = if form.text("from") == "run" { run_path(run_id) } else { "/console".to_owned() };
    let response = see_other(format!("{back}?decided={said}"));
    Ok(if standing.kick { response.then(kick::dispatch) } else { response })
}

/// What the decision before this page did, in our words.
pub(super) fn done(request: &Request) -> Option<String> {
    let said = request.query("decided")?;
    if said == "pending" {
        return Some("Your approval is counted. It goes on with the last one.".to_owned());
    }
    let words = match Verdict::ALL.iter().find(|verdict| verdict.outcome() == said)? {
        Verdict::Approve => "Approved. It goes on.",
        Verdict::Reject => "Rejected. The run has ended.",
        Verdict::RequestChanges => "Sent back with your comment; the gate opens again.",
    };
    Some(words.to_owned())
}
