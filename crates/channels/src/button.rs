//! A button under a message was pressed: who pressed is known by the channel's own id, what is decided by the button's
//! signature, and the decision goes where every other channel's goes ([`gate::decide`]).

use mw_edge::{Context, Problem};
use mw_kernel::button::{self, Press};
use mw_kernel::notification::Occasion;
use mw_kernel::principal::Principal;
use mw_kernel::run::AnyRun;
use mw_kernel::status::{Channel, GateName, Verdict};
use mw_operations::gate::{self, Decider, DecisionRequest, GateStanding};
use mw_store::channels::{self, Kind};

/// What came of a press.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PressAnswer {
    /// For the person who pressed.
    pub(crate) text: String,
    /// Nothing is left to decide there: the buttons go.
    pub(crate) is_over: bool,
    /// Whether to wake the dispatcher.
    pub(crate) kick: bool,
}

impl PressAnswer {
    fn with(text: impl Into<String>, is_over: bool) -> PressAnswer {
        PressAnswer { text: text.into(), is_over, kick: false }
    }
}

/// Decides for whoever has this id in the channel.
pub(crate) fn decide(context: &mut Context, kind: Kind, token: &str, identity: &str) -> Result<PressAnswer, Problem> {
    let stale = || Ok(PressAnswer::with("This button no longer works.", true));
    let secrets = context.config.secrets("hitl_secret");
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    let Some((effect_id, press)) = button::verify(&secrets, token) else { return stale() };
    let pressed = channels::pressed(context.database()?, kind, effect_id, identity)?;
    let Some(by) = pressed.principal else {
        let text =
            format!("You are not known here, so nothing was decided. Ask an operator to add your id: {identity}");
        return Ok(PressAnswer::with(text, false));
    };
    let (Some(notice), Some(run)) = (pressed.notice, pressed.run) else { return stale() };
    match notice.occasion {
        Occasion::GateOpened { gate, opening }
        | Occasion::GateWarned { gate, opening }
        | Occasion::GateEscalated { gate, opening } => decide_as(context, kind, run, (gate, opening), press, by),
        Occasion::GateDecided { .. } | Occasion::RunEnded { .. } => stale(),
    }
}

fn decide_as(
    context: &mut Context,
    kind: Kind,
    run: AnyRun,
    (gate, opening): (GateName, u32),
    press: Press,
    by: Principal,
) -> Result<PressAnswer, Problem> {
    context.log.about_run(&run.run_id);
    let verdict = match press {
        Press::Approve => Verdict::Approve,
        Press::Reject => Verdict::Reject,
    };
    let channel = match kind {
        Kind::Telegram => Channel::Telegram,
        Kind::Slack => Channel::Slack,
    };
    let request = DecisionRequest { opening: Some(opening), ..DecisionRequest::new(verdict) };
    let name = by.name.clone();
    match gate::decide(context, run, gate, request, Decider { by, channel, ip: None, user_agent: None }) {
        Ok(standing) => Ok(accepted(&standing, gate, &name)),
        Err(problem) if problem.status >= 500 => Err(problem),
        Err(problem) => Ok(refused(&problem)),
    }
}

/// What became of a decision: it is made, or it is one of several that the gate needs.
fn accepted(standing: &GateStanding, gate: GateName, name: &str) -> PressAnswer {
    let run_id = &standing.run.run_id;
    let answered = match standing.quorum {
        Some((approvals, needed)) => {
            PressAnswer::with(format!("Your approval counts: {approvals} of {needed} at the {gate} gate."), false)
        }
        None => PressAnswer::with(format!("{name} {} the {gate} gate of run {run_id}.", standing.status), true),
    };
    PressAnswer { kick: standing.kick, ..answered }
}

/// What a refusal means to somebody with a button in front of them.
fn refused(problem: &Problem) -> PressAnswer {
    match problem.code {
        "gate-already-decided" | "run-already-ended" | "gate-not-open" => {
            PressAnswer::with(problem.detail.clone(), true)
        }
        "invalid-token" => {
            PressAnswer::with("This button is from an earlier opening of the gate: use the newest.", true)
        }
        "invalid-request" => {
            PressAnswer::with("This gate wants a reason for that: open its page, which has room for one.", false)
        }
        _ => PressAnswer::with(problem.detail.clone(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_edge::config::Config;
    use mw_kernel::run::Refusal;
    use mw_operations::gate::refusal::not_committed;
    use mw_store::commit::TransitionError;

    #[test]
    fn a_button_that_is_not_ours_asks_no_database() {
        let mut context = Context::new(Config::of(&[("hitl_secret", "a-long-secret")]), "r".to_owned());
        let forged = button::issue("another-secret", 7, Press::Approve);
        for token in ["", "approve", &forged] {
            let answered = decide(&mut context, Kind::Telegram, token, "5").unwrap();
            assert_eq!(answered, PressAnswer::with("This button no longer works.", true), "{token}");
        }
    }

    #[test]
    fn only_a_final_refusal_takes_the_buttons_off() {
        let told = |refusal| refused(&not_committed(TransitionError::Refused(refusal)));
        let (run_id, gate) = (|| "r1".to_owned(), mw_kernel::gate!("ideate"));
        assert!(told(Refusal::NotWaiting { run_id: run_id(), gate }).is_over);
        assert!(told(Refusal::StaleLink).is_over && told(Refusal::StaleLink).text.contains("use the newest"));
        assert!(!told(Refusal::Paused { run_id: run_id() }).is_over);
        assert!(!told(Refusal::SelfApproval { gate }).is_over);
        let reason = told(Refusal::ReasonRequired { gate });
        assert!(!reason.is_over && reason.text.contains("open its page"));
    }
}
