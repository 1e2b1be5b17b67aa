//! A button under a message was pressed: who pressed is known by the channel's own id, what is decided by the button's
//! signature, and the decision goes where every other channel's goes ([`crate::decide`]).

use crate::context::Context;
use crate::decide::{self, Decider, Standing};
use crate::problem::Problem;
use crate::verdict::Wish;
use mw_core::button::{self, Press};
use mw_core::notification::Occasion;
use mw_core::principal::Principal;
use mw_core::run::Run;
use mw_core::status::{Channel, GateName, Verdict};
use mw_store::channels::{self, Kind};

/// What came of a press.
#[derive(Debug, PartialEq, Eq)]
pub struct Answered {
    /// For the person who pressed.
    pub text: String,
    /// Nothing is left to decide there: the buttons go.
    pub is_over: bool,
    /// Whether to wake the dispatcher.
    pub kick: bool,
}

impl Answered {
    fn with(text: impl Into<String>, is_over: bool) -> Answered {
        Answered { text: text.into(), is_over, kick: false }
    }
}

/// Decides for whoever has this id in the channel.
pub fn decide(context: &mut Context, kind: Kind, token: &str, identity: &str) -> Result<Answered, Problem> {
    let stale = || Ok(Answered::with("This button no longer works.", true));
    let secrets = context.config.secrets("hitl_secret");
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    let Some((effect_id, press)) = button::verify(&secrets, token) else { return stale() };
    let pressed = channels::pressed(context.database()?, kind, effect_id, identity)?;
    let Some(by) = pressed.principal else {
        let text =
            format!("You are not known here, so nothing was decided. Ask an operator to add your id: {identity}");
        return Ok(Answered::with(text, false));
    };
    let (Some(notice), Some(run)) = (pressed.notice, pressed.run) else { return stale() };
    match notice.occasion {
        Occasion::GateOpened { gate, opening }
        | Occasion::GateWarned { gate, opening }
        | Occasion::GateEscalated { gate, opening } => carry_out(context, kind, run, (gate, opening), press, by),
        Occasion::GateDecided { .. }
        | Occasion::RunPublished
        | Occasion::RunFailed
        | Occasion::RunRejected
        | Occasion::RunExpired => stale(),
    }
}

fn carry_out(
    context: &mut Context,
    kind: Kind,
    run: Run,
    (gate, opening): (GateName, u32),
    press: Press,
    by: Principal,
) -> Result<Answered, Problem> {
    context.log.about_run(&run.run_id);
    let verdict = match press {
        Press::Approve => Verdict::Approve,
        Press::Reject => Verdict::Reject,
    };
    let channel = match kind {
        Kind::Telegram => Channel::Telegram,
        Kind::Slack => Channel::Slack,
    };
    let wish = Wish { verdict, opening: Some(opening), ..Wish::approve() };
    let name = by.name.clone();
    match decide::decide(context, run, gate, wish, Decider { by, channel, ip: None, user_agent: None }) {
        Ok(standing) => Ok(accepted(&standing, gate, &name)),
        Err(problem) if problem.status >= 500 => Err(problem),
        Err(problem) => Ok(refused(&problem)),
    }
}

/// What became of a decision: it is made, or it is one of several that the gate needs.
fn accepted(standing: &Standing, gate: GateName, name: &str) -> Answered {
    let run_id = &standing.run.run_id;
    let answered = match standing.quorum {
        Some((approvals, needed)) => {
            Answered::with(format!("Your approval counts: {approvals} of {needed} at the {gate} gate."), false)
        }
        None => Answered::with(format!("{name} {} the {gate} gate of run {run_id}.", standing.status), true),
    };
    Answered { kick: standing.kick, ..answered }
}

/// What a refusal means to somebody with a button in front of them.
fn refused(problem: &Problem) -> Answered {
    match problem.code {
        "gate-already-decided" | "run-already-ended" | "gate-not-open" => Answered::with(problem.detail.clone(), true),
        "invalid-token" => Answered::with("This button is from an earlier opening of the gate: use the newest.", true),
        "invalid-request" => {
            Answered::with("This gate wants a reason for that: open its page, which has room for one.", false)
        }
        _ => Answered::with(problem.detail.clone(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands;
    use crate::config::tests::config;
    use mw_core::run::Refusal;
    use mw_store::commit::TransitionError;

    #[test]
    fn a_button_that_is_not_ours_asks_no_database() {
        let mut context = Context::new(config(&[("hitl_secret", "a-long-secret")]), "r".to_owned());
        let forged = button::issue("another-secret", 7, Press::Approve);
        for token in ["", "approve", &forged] {
            let answered = decide(&mut context, Kind::Telegram, token, "5").unwrap();
            assert_eq!(answered, Answered::with("This button no longer works.", true), "{token}");
        }
    }

    #[test]
    fn what_is_over_takes_the_buttons_off_and_what_may_pass_leaves_them() {
        let told = |refusal| refused(&commands::gate_problem(TransitionError::Refused(refusal)));
        let (run_id, gate) = (|| "r1".to_owned(), GateName::Ideate);
        assert!(told(Refusal::NotWaiting { run_id: run_id(), gate }).is_over);
        assert!(told(Refusal::StaleLink).is_over && told(Refusal::StaleLink).text.contains("use the newest"));
        assert!(!told(Refusal::Paused { run_id: run_id() }).is_over);
        assert!(!told(Refusal::SelfApproval { gate }).is_over);
        let reason = told(Refusal::ReasonRequired { gate });
        assert!(!reason.is_over && reason.text.contains("open its page"));
    }
}
