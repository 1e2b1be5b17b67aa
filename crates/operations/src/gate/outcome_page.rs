//! The pages after a decision: the confirmation, and a refusal.

use super::GateStanding;
use super::layout::{self, Moment};
use askama::Template;
use mw_edge::{Problem, Response, clock};
use mw_kernel::run::{AnyRun, Change, Facts, Kinds};
use mw_kernel::status::{GateName, Verdict};

#[derive(Template)]
#[template(path = "decided.html")]
struct Decided<'a> {
    nonce: String,
    outcome: &'static str,
    heading: &'static str,
    follows: String,
    gate: &'a str,
    run: &'a AnyRun,
    /// What the approver changed, each with its name for people.
    changes: Vec<(String, &'a Change)>,
}

#[derive(Template)]
#[template(path = "refused.html")]
struct Refused<'a> {
    nonce: String,
    heading: &'a str,
    decided: Option<DecidedBefore<'a>>,
    problem: &'a Problem,
    advice: &'a str,
    request_id: &'a str,
}

/// Who was faster.
struct DecidedBefore<'a> {
    who: &'a str,
    what: &'a str,
    at: Moment,
}

impl DecidedBefore<'_> {
    fn of(problem: &Problem) -> Option<DecidedBefore<'_>> {
        let member = |name| problem.members.as_ref()?.get(name)?.as_str();
        let at = clock::parse(member("decided_at")?)?;
        Some(DecidedBefore { who: member("decided_by")?, what: member("decision")?, at: Moment::of(at) })
    }
}

/// The page after a decision: how the gate stands now.
pub fn decided(kinds: Kinds, standing: &GateStanding, gate: GateName, verdict: Verdict) -> Result<Response, Problem> {
    let nonce = layout::nonce();
    let (heading, follows) = match (standing.quorum, verdict) {
        (Some((approvals, needed)), _) => (
            "Thank you. Yours is counted.",
            format!("{approvals} of {needed} approvals are there; it goes on with the last."),
        ),
        (None, Verdict::Approve) => ("Thank you. It goes on.", goes_on(kinds, &standing.run)),
        (None, Verdict::Reject) => ("Stopped.", "The run has ended. Nothing further is made or posted.".to_owned()),
        (None, Verdict::RequestChanges) => {
            ("Sent back.", "The persona works on it with your comment; then the gate opens again.".to_owned())
        }
    };
    let page = Decided {
        nonce: nonce.clone(),
        outcome: standing.status,
        heading,
        follows,
        gate: gate.as_str(),
        run: &standing.run,
        changes: changes(kinds, &standing.run, gate),
    };
    layout::answer(200, page.render(), &nonce)
}

/// What the run does next.
fn goes_on(kinds: Kinds, run: &AnyRun) -> String {
    let why = kinds.of(run).and_then(|kind| kind.why(run, &Facts::default()));
    match why.ok().filter(|_| !run.is_ended()) {
        Some(why) => format!("The run now waits for {}.", why.waiting_for),
        None => format!("The run is {}.", run.status),
    }
}

fn changes(kinds: Kinds, run: &AnyRun, gate: GateName) -> Vec<(String, &Change)> {
    let edits = run.decided.last().filter(|last| last.gate == gate).into_iter().flat_map(|last| &last.edits);
    let label = |field: &str| kinds.field_label(field).unwrap_or_else(|| field.to_owned());
    edits.map(|change| (label(&change.field), change)).collect()
}

/// A problem for a person in a browser; status and headers are the problem's.
pub fn refused(problem: &Problem, request_id: &str) -> Result<Response, Problem> {
    let (heading, advice) = match (problem.status, problem.code) {
        (403, "gate-not-yours") => ("This is for others to decide", "Nothing was decided."),
        (403, "not-from-the-page") => ("Nothing was decided", "Open your link again and press a button there."),
        (403, _) => (
            "This link no longer works",
            "Links are for one person, one decision and a limited time. Ask Brendan for a new one.",
        ),
        (404, _) => ("There is no such run", "Check that the link was copied whole."),
        (409, "gate-already-decided") => ("There is nothing left to decide", "Nothing was changed by opening this."),
        (409, _) => ("There is nothing left to decide", "The run has moved on. Nothing was changed by opening this."),
        (422, _) => ("Something is missing", "Nothing was decided. Go back, change it and press the button again."),
        (429, _) => ("Too many tries", "Wait a minute and open the link again."),
        _ => ("That did not work", "Nothing was decided. Try again in a moment."),
    };
    let nonce = layout::nonce();
    let page =
        Refused { nonce: nonce.clone(), heading, decided: DecidedBefore::of(problem), problem, advice, request_id };
    let response = layout::answer(problem.status, page.render(), &nonce)?;
    Ok(response.with_headers(problem.headers.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(response: &Response) -> String {
        String::from_utf8(response.body.clone()).unwrap()
    }

    #[test]
    fn the_policy_lets_in_our_styles_and_nothing_else() {
        let run = mw_media::run::Run::empty("run-1".to_owned()).erase().unwrap();
        let standing = GateStanding { run, status: "rejected", quorum: None, kick: false };
        let page = decided(mw_kinds::KINDS, &standing, mw_kernel::gate!("workflow"), Verdict::Reject).unwrap();
        let policy = &page.headers.iter().find(|(name, _)| *name == "content-security-policy").unwrap().1;
        assert!(policy.starts_with("default-src 'none'"));
        let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
        assert!(text(&page).contains(&format!("nonce=\"{nonce}\"")));
        assert!(!text(&page).contains("<script"));
        assert!(text(&page).contains("rejected"));
    }

    #[test]
    fn a_refusal_keeps_status_text_and_headers() {
        let page = refused(&mw_edge::problem::invalid_token(), "req-1").unwrap();
        assert_eq!(page.status, 403);
        assert!(text(&page).contains("invalid or expired token"));
        assert!(text(&page).contains("req-1"));
    }

    #[test]
    fn whoever_comes_late_sees_who_decided_what_and_when() {
        let problem = mw_edge::problem::conflict("gate-already-decided", "decided")
            .with_member("decided_by", "<ann>")
            .with_member("decision", "approved")
            .with_member("decided_at", "2026-01-02T03:04:05Z");
        let page = refused(&problem, "req-1").unwrap();
        assert_eq!(page.status, 409);
        for fact in ["&#60;ann&#62;", "approved", "2026-01-02 03:04 UTC"] {
            assert!(text(&page).contains(fact), "{fact} is not in {}", text(&page));
        }
    }
}
