//! An open gate as the inbox and the run's page show it, and the decision on it: by the same function as every channel.

use super::form::Form;
use super::view::{Moment, web_link};
use super::visitor::Visitor;
use super::{Answer, see_other};
use crate::body::Fields;
use crate::context::Context;
use crate::limits::HITL_APPROVE;
use crate::log::Level;
use crate::request::{Request, percent_encode};
use crate::{commands, kick, pages, problem};
use mw_core::principal::Role;
use mw_core::run::{ClipState, Command, GateDecision, Run};
use mw_core::status::{Channel, GateName, Verdict};

const COMMENT_LENGTH_MAX: usize = 2000;

/// What is asked at a gate.
pub(super) struct Open {
    /// Unique on a page.
    pub(super) id: String,
    pub(super) question: &'static str,
    pub(super) gate: GateName,
    pub(super) opening: u32,
    pub(super) run_id: String,
    pub(super) run_path: String,
    pub(super) title: String,
    pub(super) project: String,
    pub(super) user_id: String,
    pub(super) summary: String,
    pub(super) releases: &'static str,
    pub(super) opened: Moment,
    pub(super) decide_by: Option<Moment>,
    /// Somebody has been told that the time is running out.
    pub(super) urgent: bool,
    pub(super) clips: Vec<Clip>,
    pub(super) video: Option<String>,
    pub(super) may_decide: bool,
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

impl Open {
    /// `None` when the run waits at no gate.
    pub(super) fn of(run: &Run, visitor: &Visitor) -> Option<Open> {
        let open = run.gate.as_ref().filter(|_| run.pause.is_none())?;
        Some(Open {
            id: format!("gate-{}", run.run_id),
            question: pages::question(open.gate),
            gate: open.gate,
            opening: open.opening,
            run_id: run.run_id.clone(),
            run_path: format!("/console/runs/{}", percent_encode(&run.run_id)),
            title: run.title.clone(),
            project: run.definition.key.clone(),
            user_id: run.user_id.clone(),
            summary: open.summary.clone(),
            releases: pages::releases(open.gate),
            opened: Moment::at(open.opened_at),
            decide_by: run.deadline.map(Moment::at),
            urgent: open.warned,
            clips: clips(run),
            video: run.render_url.as_deref().and_then(web_link),
            may_decide: visitor.may(Role::Approver),
        })
    }
}

pub(super) fn clips(run: &Run) -> Vec<Clip> {
    let numbered = run.clips.iter().enumerate();
    let shown = numbered.map(|(index, clip)| {
        let (url, failure) = match &clip.state {
            ClipState::Pending => (None, None),
            ClipState::Generated { url } => (web_link(url), None),
            ClipState::Failed { code, message } => (None, Some(format!("{code}: {message}"))),
        };
        let (header, subject, prompt) = (clip.header.clone(), clip.subject.clone(), clip.prompt.clone());
        Clip { number: index + 1, header, subject, prompt, url, failure }
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
    let mut fields = Fields::new(form.members(), "#");
    let verdict = Verdict::parse(&fields.required_text("decision", 1, 20));
    let comment = fields.text("comment", 0, COMMENT_LENGTH_MAX);
    let opening = form.text("opening").parse::<u32>().ok();
    if verdict.is_none() || opening.is_none() {
        fields.fail("decision", "Choose approve or reject on the page of the gate");
    }
    if verdict == Some(Verdict::Reject) && comment.is_none() {
        fields.fail("comment", "Say why: whoever asked for this run will read it");
    }
    fields.finish()?;
    let verdict = verdict.ok_or_else(problem::internal)?;
    let loaded = commands::load_counted(context, run_id, HITL_APPROVE, request, None)?;
    let run = loaded.run.ok_or_else(|| problem::not_found("run not found"))?;
    let decision = GateDecision {
        gate,
        opening,
        verdict,
        approver: visitor.principal.name.clone(),
        channel: Channel::Console,
        comment: comment.map(|text| text.trim().to_owned()),
        note: None,
        ip: request.client_address(),
        user_agent: request.header("user-agent").map(|agent| agent.chars().take(200).collect()),
    };
    let name = visitor.principal.name.as_str();
    let outcome =
        commands::carry_out(context, run, &Command::DecideGate(decision), name).map_err(commands::gate_problem)?;
    let fields = [
        ("gate", gate.as_str().into()),
        ("decision", verdict.outcome().into()),
        ("approver", name.into()),
        ("repeated", (!outcome.changed).into()),
    ];
    context.log.write(Level::Info, "myloware.console", "gate decided", &fields);
    let back = if form.text("from") == "run" {
        format!("/console/runs/{}", percent_encode(run_id))
    } else {
        "/console".to_owned()
    };
    let response = see_other(format!("{back}?decided={}", verdict.outcome()));
    Ok(if outcome.kick { response.then(kick::dispatch) } else { response })
}

/// What the decision before this page did, in our words.
pub(super) fn done(request: &Request) -> Option<String> {
    match request.query("decided").as_deref() {
        Some("approved") => Some("Approved. It goes on.".to_owned()),
        Some("rejected") => Some("Rejected. The run has ended.".to_owned()),
        Some(_) | None => None,
    }
}
