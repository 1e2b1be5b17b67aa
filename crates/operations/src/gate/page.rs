//! The page of an open gate: all that its brief says about what is being decided, and a form for each thing that may be
//! said. It works without scripts; what is long unfolds.

use super::layout::{self, Moment, is_web_link};
use super::policy::Obstacle;
use askama::Template;
use mw_edge::{Problem, Response, csrf};
use mw_kernel::gate_policy::OnExpiry;
use mw_kernel::run::{Brief, DecidedGate, Matter, Piece, Pieces, Text};
use serde_json::Value;

#[derive(Template)]
#[template(path = "decision.html")]
struct Page<'a> {
    nonce: String,
    heading: &'a str,
    brief: &'a Brief<Value>,
    matter: &'a Matter,
    video: Option<&'a str>,
    pieces: &'a Pieces,
    clips: Vec<Clip<'a>>,
    opened_at: Moment,
    decide_by: Moment,
    then: &'static str,
    missing: usize,
    has_approved: bool,
    earlier: Vec<Earlier<'a>>,
    fields: Vec<Input<'a>>,
    form: &'a DecisionForm,
    form_token_name: &'static str,
}

/// What the forms carry, and where they go.
pub struct DecisionForm {
    /// The gate's path with the link's token.
    pub action: String,
    /// Shows that the form came from this page.
    pub token: String,
    /// Who decides with it.
    pub approver: String,
    /// Why they may not approve, where they may not.
    pub obstacle: Option<Obstacle>,
}

struct Clip<'a> {
    number: usize,
    subject: &'a str,
    header: &'a str,
    prompt: &'a Text,
    url: Option<&'a str>,
}

struct Earlier<'a> {
    decided: &'a DecidedGate,
    at: Moment,
}

struct Input<'a> {
    name: String,
    label: &'a str,
    text: &'a str,
    chars_max: usize,
    rows: usize,
}

/// The page of the gate that the brief is about.
pub fn answer(brief: &Brief<Value>, form: &DecisionForm) -> Result<Response, Problem> {
    let (nonce, matter) = (layout::nonce(), &brief.matter);
    let page = Page {
        nonce: nonce.clone(),
        heading: &brief.question,
        brief,
        matter,
        video: matter.video.as_deref().filter(|url| is_web_link(url)),
        pieces: &matter.pieces,
        clips: matter.pieces.list.iter().map(clip).collect(),
        opened_at: Moment::of(brief.opened_at),
        decide_by: Moment::of(brief.deadline),
        then: match brief.on_expiry {
            OnExpiry::Expire => "the run ends as expired",
            OnExpiry::Reject => "the run ends as rejected",
            OnExpiry::ExtendOnce => "it gets as much time once more",
        },
        missing: (brief.quorum.needed as usize).saturating_sub(brief.quorum.approved_by.len()),
        has_approved: brief.quorum.approved_by.contains(&form.approver),
        earlier: brief.earlier.iter().map(|decided| Earlier { decided, at: Moment::of(decided.at) }).collect(),
        fields: brief.fields.iter().map(input).collect(),
        form,
        form_token_name: csrf::FORM_TOKEN,
    };
    layout::answer(200, page.render(), &nonce)
}

fn clip(clip: &Piece) -> Clip<'_> {
    Clip {
        number: clip.number,
        subject: &clip.subject,
        header: &clip.header,
        prompt: &clip.prompt,
        url: clip.url.as_deref().filter(|url| is_web_link(url)),
    }
}

fn input(field: &mw_kernel::run::EditableField) -> Input<'_> {
    let text = field.text.text.as_deref().unwrap_or_default();
    Input {
        name: format!("edit.{}", field.field),
        label: &field.label,
        text,
        chars_max: field.chars_max,
        // What may be long gets room; the rest is one line.
        rows: if field.chars_max > 200 { 5 } else { 1 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_kernel::run::OpenGate;
    use mw_media::run::Run;

    fn run() -> Run {
        let mut run = Run::empty("run-<1>".to_owned());
        run.title = "<script>alert(1)</script>".to_owned();
        run.body.render_url = Some("javascript:alert(1)".to_owned());
        run.gates.push(OpenGate {
            id: "gate-1".to_owned(),
            gate: mw_kernel::gate!("ideate"),
            opening: 3,
            summary: "<b>idea</b>".to_owned(),
            subject_sha256: "5".repeat(64),
            policy: Default::default(),
            limit_seconds: 3600,
            opened_at: mw_edge::clock::now(),
            deadline: mw_edge::clock::now(),
            warned: false,
            escalated: false,
            extended: false,
            votes: Vec::new(),
        });
        run
    }

    fn html(brief: impl FnOnce(Brief<Value>) -> Brief<Value>) -> String {
        let run = run();
        let brief = brief(run.brief_of(&run.gates[0]).erase());
        let action = "/v1/hitl/approve/run-1/ideate?token=\"><script>".to_owned();
        let form = DecisionForm { action, token: "f0rm".to_owned(), approver: "<i>ann</i>".to_owned(), obstacle: None };
        String::from_utf8(answer(&brief, &form).unwrap().body).unwrap()
    }

    #[test]
    fn what_users_and_models_wrote_is_escaped() {
        let html = html(|brief| brief);
        for hostile in ["<script>", "<b>idea", "javascript:", "<i>ann"] {
            assert!(!html.contains(hostile), "{hostile}");
        }
    }

    #[test]
    fn every_form_carries_the_pages_token_and_the_opening() {
        let html = html(|brief| Brief { changes_go_to: Some("iggy".to_owned()), ..brief });
        let forms = html.matches("method=\"post\"").count();
        assert_eq!(forms, 3);
        for field in ["name=\"form_token\" value=\"f0rm\"", "name=\"opening\" value=\"3\""] {
            assert_eq!(html.matches(field).count(), forms, "{field}");
        }
        for verdict in mw_kernel::status::Verdict::ALL {
            assert!(html.contains(&format!("name=\"decision\" value=\"{verdict}\"")), "{verdict}");
        }
    }
}
