//! The pages that approvers see: the decision, its confirmation, and a refusal. Compile-time templates (`templates/`), all
//! values escaped, no scripts, nothing from elsewhere; a strict Content-Security-Policy says so to the browser.

use crate::problem::{self, Problem};
use crate::response::Response;
use askama::Template;
use mw_core::run::Run;
use mw_core::status::{GateName, Verdict};

#[derive(Template)]
#[template(path = "decision.html")]
struct Decision<'a> {
    nonce: String,
    heading: &'static str,
    gate: &'a str,
    summary: &'a str,
    project: &'a str,
    title: &'a str,
    run_id: &'a str,
    releases: &'static str,
    decide_by: Option<Moment>,
    preview_url: Option<&'a str>,
    clips: &'a [mw_core::run::Clip],
    action: &'a str,
}

/// A time, as `<time>` wants it and as people read it.
struct Moment {
    machine: String,
    people: String,
}

#[derive(Template)]
#[template(path = "decided.html")]
struct Decided<'a> {
    nonce: String,
    outcome: &'static str,
    heading: &'static str,
    follows: &'static str,
    gate: &'a str,
    run_id: &'a str,
}

#[derive(Template)]
#[template(path = "refused.html")]
struct Refused<'a> {
    nonce: String,
    status: u16,
    heading: &'a str,
    detail: &'a str,
    advice: &'a str,
    request_id: &'a str,
}

/// The page of an open gate. `action` is where the form goes: the gate's path with the link's token.
pub fn decision(run: &Run, gate: GateName, summary: &str, action: &str) -> Result<Response, Problem> {
    let decide_by =
        run.deadline.map(|at| Moment { machine: crate::clock::rfc3339(at), people: crate::clock::minute(at) });
    let nonce = nonce();
    let page = Decision {
        nonce: nonce.clone(),
        heading: question(gate),
        gate: gate.as_str(),
        summary,
        project: &run.definition.key,
        title: &run.title,
        run_id: &run.run_id,
        releases: releases(gate),
        decide_by,
        preview_url: run.render_url.as_deref().filter(|url| is_web_link(url)),
        clips: &run.clips,
        action,
    };
    answer(200, page.render(), &nonce)
}

/// The page after a decision.
pub fn decided(run_id: &str, gate: GateName, verdict: Verdict) -> Result<Response, Problem> {
    let nonce = nonce();
    let page = Decided {
        nonce: nonce.clone(),
        outcome: verdict.outcome(),
        heading: match verdict {
            Verdict::Approve => "Thank you. It goes on.",
            Verdict::Reject => "Stopped.",
            Verdict::RequestChanges => "Sent back.",
        },
        follows: match verdict {
            Verdict::Approve => releases(gate),
            Verdict::Reject => "The run has ended. Nothing further is made or posted.",
            Verdict::RequestChanges => "The persona works on it with your comment; then the gate opens again.",
        },
        gate: gate.as_str(),
        run_id,
    };
    answer(200, page.render(), &nonce)
}

/// A problem for a person in a browser; status and headers are the problem's.
pub fn refused(problem: &Problem, request_id: &str) -> Result<Response, Problem> {
    let (heading, advice) = match problem.status {
        403 => (
            "This link no longer works",
            "Links are for one person, one decision and a limited time. Ask Brendan for a new one.",
        ),
        404 => ("There is no such run", "Check that the link was copied whole."),
        409 => (
            "There is nothing left to decide",
            "Somebody was faster, or the run has moved on. Nothing was changed by opening this.",
        ),
        429 => ("Too many tries", "Wait a minute and open the link again."),
        _ => ("That did not work", "Nothing was decided. Try again in a moment."),
    };
    let nonce = nonce();
    let page =
        Refused { nonce: nonce.clone(), status: problem.status, heading, detail: &problem.detail, advice, request_id };
    let response = answer(problem.status, page.render(), &nonce)?;
    Ok(response.with_headers(problem.headers.clone()))
}

pub(crate) fn question(gate: GateName) -> &'static str {
    match gate {
        GateName::Workflow => "Start this run?",
        GateName::Ideate => "Make these clips?",
        GateName::Prepublish => "Publish this video?",
    }
}

fn releases(gate: GateName) -> &'static str {
    match gate {
        GateName::Workflow => "The personas start to work on the idea.",
        GateName::Ideate => "The clips are generated and cut. This costs provider credits.",
        GateName::Prepublish => "The video is posted to the project's platforms.",
    }
}

/// Only web addresses become links: a provider's answer could hold any scheme.
fn is_web_link(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

fn nonce() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

fn answer(status: u16, page: askama::Result<String>, nonce: &str) -> Result<Response, Problem> {
    let page = page.map_err(|error| problem::internal().because(error))?;
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    Ok(Response::html(status, page)
        .with_header("content-security-policy", policy)
        .with_header("referrer-policy", "no-referrer")
        .with_header("x-frame-options", "DENY")
        .with_header("x-robots-tag", "noindex, nofollow")
        .with_header("cache-control", "no-store"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        let mut run = Run::unborn("run-<1>".to_owned());
        run.title = "<script>alert(1)</script>".to_owned();
        run.render_url = Some("javascript:alert(1)".to_owned());
        run
    }

    fn text(response: &Response) -> String {
        String::from_utf8(response.body.clone()).unwrap()
    }

    #[test]
    fn what_users_and_models_wrote_is_escaped() {
        let action = "/v1/hitl/approve/run-1/ideate?token=\"><script>";
        let page = decision(&run(), GateName::Ideate, "<b>idea</b>", action).unwrap();
        let html = text(&page);
        for hostile in ["<script>", "<b>idea", "javascript:"] {
            assert!(!html.contains(hostile), "{hostile}");
        }
        assert!(html.contains("value=\"approve\"") && html.contains("value=\"reject\""));
        assert!(html.contains("method=\"post\""));
    }

    #[test]
    fn the_policy_lets_in_our_styles_and_nothing_else() {
        let page = decided("run-1", GateName::Workflow, Verdict::Reject).unwrap();
        let policy = &page.headers.iter().find(|(name, _)| *name == "content-security-policy").unwrap().1;
        assert!(policy.starts_with("default-src 'none'"));
        let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
        assert!(text(&page).contains(&format!("nonce=\"{nonce}\"")));
        assert!(!text(&page).contains("<script"));
        assert!(text(&page).contains("rejected"));
    }

    #[test]
    fn a_refusal_keeps_status_text_and_headers() {
        let page = refused(&crate::problem::invalid_token(), "req-1").unwrap();
        assert_eq!(page.status, 403);
        assert!(text(&page).contains("invalid or expired token"));
        assert!(text(&page).contains("req-1"));
    }
}
