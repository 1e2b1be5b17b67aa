//! A button under a message was pressed: who pressed is known by the channel's own id, what is decided by the button's
//! signature, and the decision goes where every other channel's goes.

use crate::commands::{self, Outcome};
use crate::context::Context;
use crate::log::Level;
use crate::problem::Problem;
use mw_core::button::{self, Press};
use mw_core::notification::Occasion;
use mw_core::principal::Principal;
use mw_core::run::{Command, Edit, GateDecision, Refusal, Run};
use mw_core::status::{Channel, GateName, Verdict};
use mw_store::channels::{self, Kind};
use mw_store::commit::TransitionError;

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
        | Occasion::GateEscalated { gate, opening } => carry_out(context, kind, run, Wish { gate, opening, press }, by),
        Occasion::GateDecided { .. }
        | Occasion::RunPublished
        | Occasion::RunFailed
        | Occasion::RunRejected
        | Occasion::RunExpired => stale(),
    }
}

struct Wish {
    gate: GateName,
    opening: u32,
    press: Press,
}

fn carry_out(context: &mut Context, kind: Kind, run: Run, wish: Wish, by: Principal) -> Result<Answered, Problem> {
    context.log.about_run(&run.run_id);
    let decision = GateDecision {
        gate: wish.gate,
        opening: Some(wish.opening),
        verdict: match wish.press {
            Press::Approve => Verdict::Approve,
            Press::Reject => Verdict::Reject,
        },
        by: by.clone(),
        channel: match kind {
            Kind::Telegram => Channel::Telegram,
            Kind::Slack => Channel::Slack,
        },
        comment: None,
        edit: Edit::new(),
        note: None,
        ip: None,
        user_agent: None,
    };
    let verdict = decision.verdict;
    match commands::carry_out(context, run, &Command::DecideGate(decision), &by.name) {
        Ok(outcome) => {
            log_decision(context, kind, &wish, verdict, &by, &outcome);
            Ok(Answered { kick: outcome.kick, ..accepted(&outcome.run, &wish, verdict, &by) })
        }
        Err(TransitionError::Refused(refusal)) => Ok(refused(&refusal)),
        Err(error) => Err(commands::gate_problem(error)),
    }
}

/// What became of a decision: it is made, or it is one of several that the gate needs.
fn accepted(run: &Run, wish: &Wish, verdict: Verdict, by: &Principal) -> Answered {
    let Wish { gate, opening, .. } = wish;
    let needed = run.policy().map_or(1, |policy| policy.approvals);
    match run.gate.as_ref().filter(|open| open.opening == *opening) {
        Some(open) => {
            Answered::with(format!("Your approval counts: {} of {needed} at the {gate} gate.", open.votes.len()), false)
        }
        None => {
            Answered::with(format!("{} {} the {gate} gate of run {}.", by.name, verdict.outcome(), run.run_id), true)
        }
    }
}

/// What a refusal means to somebody with a button in front of them.
fn refused(refusal: &Refusal) -> Answered {
    match refusal {
        Refusal::StaleLink => {
            Answered::with("This button is from an earlier opening of the gate: use the newest.", true)
        }
        Refusal::AlreadyDecided { .. } | Refusal::AlreadyTerminal { .. } | Refusal::NotWaiting { .. } => {
            Answered::with(refusal.to_string(), true)
        }
        Refusal::ReasonRequired { .. } => {
            Answered::with("This gate wants a reason for that: use the link, which has room for one.", false)
        }
        Refusal::NotAllowed { .. }
        | Refusal::SelfApproval { .. }
        | Refusal::EditNotAllowed { .. }
        | Refusal::InvalidEdit { .. }
        | Refusal::NobodyToAsk { .. }
        | Refusal::TooManyRounds { .. }
        | Refusal::Paused { .. }
        | Refusal::StaleJob { .. }
        | Refusal::StaleStep { .. }
        | Refusal::NotDue { .. }
        | Refusal::NotEnded { .. }
        | Refusal::NothingToRetry { .. }
        | Refusal::UnknownStep { .. }
        | Refusal::StepNotReached { .. }
        | Refusal::DeadlineTooFar { .. } => Answered::with(refusal.to_string(), false),
    }
}

fn log_decision(context: &Context, kind: Kind, wish: &Wish, verdict: Verdict, by: &Principal, outcome: &Outcome) {
    let fields = [
        ("gate", wish.gate.as_str().into()),
        ("decision", verdict.outcome().into()),
        ("approver", by.name.as_str().into()),
        ("channel", kind.as_str().into()),
        ("repeated", (!outcome.changed).into()),
    ];
    context.log.write(Level::Info, "myloware.api.hitl", "gate decided", &fields);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::config;

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
        let run_id = || "r1".to_owned();
        assert!(refused(&Refusal::NotWaiting { run_id: run_id(), gate: GateName::Ideate }).is_over);
        assert!(refused(&Refusal::StaleLink).is_over);
        assert!(!refused(&Refusal::Paused { run_id: run_id() }).is_over);
        assert!(!refused(&Refusal::SelfApproval { gate: GateName::Ideate }).is_over);
        assert!(refused(&Refusal::ReasonRequired { gate: GateName::Ideate }).text.contains("use the link"));
    }
}
