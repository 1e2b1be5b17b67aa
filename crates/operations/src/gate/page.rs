//! The page of an open gate: all that core's brief says about what is being decided, and a form for each thing that may be
//! said. It works without scripts; what is long unfolds.

use super::layout::{self, Moment, is_web_link};
use super::policy::Obstacle;
use askama::Template;
use mw_edge::{Problem, Response, csrf};
use mw_media::gate_policy::OnExpiry;
use mw_media::run::{Brief, DecidedGate, Text};

#[derive(Template)]
#[template(path = "decision.html")]
struct Page<'a> {
    nonce: String,
    heading: &'a str,
    brief: &'a Brief,
    video: Option<&'a str>,
    clips: Vec<Clip<'a>>,
    cost: String,
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
    number: u32,
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
pub fn answer(brief: &Brief, form: &DecisionForm) -> Result<Response, Problem> {
    let nonce = layout::nonce();
    let page = Page {
        nonce: nonce.clone(),
        heading: &brief.question,
        brief,
        video: brief.about.video_url.as_deref().filter(|url| is_web_link(url)),
        clips: brief.about.clips.iter().map(clip).collect(),
        cost: cost(brief),
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

fn clip(clip: &mw_media::run::ClipBrief) -> Clip<'_> {
    Clip {
        number: clip.index.saturating_add(1),
        subject: &clip.subject,
        header: &clip.header,
        prompt: &clip.prompt,
        url: clip.url.as_deref().filter(|url| is_web_link(url)),
    }
}

fn input(field: &mw_media::run::EditableField) -> Input<'_> {
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

/// What the run takes, in words: `2 clips, 16 s, 0.80`.
pub fn cost(brief: &Brief) -> String {
    let cost = &brief.about.cost;
    let clips = if cost.clips == 1 { "1 clip".to_owned() } else { format!("{} clips", cost.clips) };
    let money = cost.cents.map(|cents| format!(", {}.{:02} in all", cents / 100, cents % 100)).unwrap_or_default();
    let spent = if cost.spent { "; already spent" } else { "" };
    format!("{clips}, {} s of video{money}{spent}", cost.seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_media::run::{OpenGate, Run};

    fn brief() -> Brief {
        let mut run = Run::empty("run-<1>".to_owned());
        run.title = "<script>alert(1)</script>".to_owned();
        run.body.render_url = Some("javascript:alert(1)".to_owned());
        run.gates.push(OpenGate {
            id: "gate-1".to_owned(),
            gate: mw_media::gate!("ideate"),
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
        run.briefs().next().unwrap()
    }

    fn html(brief: &Brief) -> String {
        let action = "/v1/hitl/approve/run-1/ideate?token=\"><script>".to_owned();
        let form = DecisionForm { action, token: "f0rm".to_owned(), approver: "<i>ann</i>".to_owned(), obstacle: None };
        String::from_utf8(answer(brief, &form).unwrap().body).unwrap()
    }

    #[test]
    fn what_users_and_models_wrote_is_escaped() {
        let html = html(&brief());
        for hostile in ["<script>", "<b>idea", "javascript:", "<i>ann"] {
            assert!(!html.contains(hostile), "{hostile}");
        }
    }

    #[test]
    fn every_form_carries_the_pages_token_and_the_opening() {
        let mut brief = brief();
        brief.changes_go_to = Some("iggy".to_owned());
        let html = html(&brief);
        let forms = html.matches("method=\"post\"").count();
        assert_eq!(forms, 3);
        for field in ["name=\"form_token\" value=\"f0rm\"", "name=\"opening\" value=\"3\""] {
            assert_eq!(html.matches(field).count(), forms, "{field}");
        }
        for verdict in mw_media::status::Verdict::ALL {
            assert!(html.contains(&format!("name=\"decision\" value=\"{verdict}\"")), "{verdict}");
        }
    }

    #[test]
    fn money_is_shown_where_the_project_says_what_a_clip_costs() {
        let mut brief = brief();
        assert_eq!(cost(&brief), "0 clips, 0 s of video");
        brief.about.cost = mw_media::run::Cost { clips: 1, seconds: 8.0, cents: Some(105), spent: true };
        assert_eq!(cost(&brief), "1 clip, 8 s of video, 1.05 in all; already spent");
    }
}
