//! A person decides at a gate. The one decision function: every channel comes through here.

use crate::run::advance::{Draft, enter_next};
use crate::run::event::Event;
use crate::run::state::{DecidedGate, Run};
use crate::run::{Context, Refusal, refuse_paused, refuse_terminal};
use crate::status::{Channel, GateName, Verdict};

/// What arrived from a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateDecision {
    pub gate: GateName,
    /// The opening that the link was made for; `None` for a caller with an API key, who means the open one.
    pub opening: Option<u32>,
    pub verdict: Verdict,
    /// Who decides: the principal of the key, or the approver that the link names.
    pub approver: String,
    pub channel: Channel,
    pub comment: Option<String>,
    pub note: Option<String>,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
}

pub(super) fn decide(run: &Run, decision: &GateDecision, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
    // First write wins: what was decided at this opening is answered before anything else.
    if let Some(earlier) = earlier_decision(run, decision) {
        let same = earlier.approver == decision.approver && earlier.verdict == decision.verdict;
        return if same {
            Ok(Vec::new())
        } else {
            Err(Refusal::AlreadyDecided { gate: decision.gate, decided: Box::new(earlier.clone()) })
        };
    }
    refuse_terminal(run)?;
    refuse_paused(run)?;
    let open = run.gate.as_ref().filter(|open| open.gate == decision.gate);
    let Some(open) = open else {
        return Err(Refusal::NotWaiting { run_id: run.run_id.clone(), gate: decision.gate });
    };
    if decision.opening.is_some_and(|opening| opening != open.opening) {
        return Err(Refusal::StaleLink);
    }
    // A gate whose time is over is closed even before the sweep says so.
    if run.deadline.is_some_and(|deadline| deadline <= context.now) {
        return Err(Refusal::NotWaiting { run_id: run.run_id.clone(), gate: decision.gate });
    }
    let mut draft = Draft::of(run);
    draft.push(Event::GateDecided(Box::new(decided(decision, open.opening, context))), context);
    match decision.verdict {
        Verdict::Approve => enter_next(&mut draft, context),
        Verdict::Reject => draft.push(Event::RunRejected { gate: decision.gate }, context),
    }
    Ok(draft.events)
}

fn earlier_decision<'a>(run: &'a Run, decision: &GateDecision) -> Option<&'a DecidedGate> {
    run.decided
        .iter()
        .rev()
        .find(|decided| {
            decided.gate == decision.gate && decision.opening.is_none_or(|opening| opening == decided.opening)
        })
        .filter(|_| run.gate.as_ref().is_none_or(|open| open.gate != decision.gate))
}

fn decided(decision: &GateDecision, opening: u32, context: &Context<'_>) -> DecidedGate {
    DecidedGate {
        gate: decision.gate,
        opening,
        verdict: decision.verdict,
        approver: decision.approver.clone(),
        channel: decision.channel,
        at: context.now,
        comment: decision.comment.clone(),
        note: decision.note.clone(),
        ip: decision.ip.clone(),
        user_agent: decision.user_agent.clone(),
    }
}

/// What the gate decides about, in one sentence.
pub(super) fn summary(run: &Run, gate: GateName) -> String {
    let count = run.clips.len();
    match gate {
        GateName::Workflow => format!("Start {} with {count} clips.", run.title),
        GateName::Ideate => {
            let idea = run.concept.clone().unwrap_or_else(|| format!("{count} clips"));
            format!("Generate the clips: {idea}")
        }
        GateName::Prepublish => "Publish the final video.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::testing::{T0, approve, at_gate, context_at, decide_with};
    use crate::run::{Command, decide as decide_any};
    use crate::status::Status;

    #[test]
    fn approving_releases_this_gate_and_enters_what_follows() {
        let run = at_gate(GateName::Workflow);
        let next = decide_with(&run, Command::DecideGate(approve(GateName::Workflow)));
        assert_eq!(next.status, Status::AwaitingIdeate);
        assert_eq!(next.decided.len(), 1);
    }

    #[test]
    fn rejecting_ends_the_run_with_the_comment_kept() {
        let run = at_gate(GateName::Ideate);
        let decision =
            GateDecision { verdict: Verdict::Reject, comment: Some("dull".into()), ..approve(GateName::Ideate) };
        let next = decide_with(&run, Command::DecideGate(decision));
        assert_eq!(next.status, Status::Rejected);
        assert_eq!(next.decided.last().unwrap().comment.as_deref(), Some("dull"));
    }

    #[test]
    fn the_same_approver_repeating_the_same_decision_changes_nothing() {
        let run = decide_with(&at_gate(GateName::Workflow), Command::DecideGate(approve(GateName::Workflow)));
        let mut context_ids = || "id".to_owned();
        let events =
            decide_any(&run, &Command::DecideGate(approve(GateName::Workflow)), &mut context_at(T0, &mut context_ids))
                .unwrap();
        assert!(events.is_empty());
    }

    #[test]
    fn anybody_else_is_told_who_decided() {
        let run = decide_with(&at_gate(GateName::Workflow), Command::DecideGate(approve(GateName::Workflow)));
        for other in [
            GateDecision { approver: "somebody else".into(), ..approve(GateName::Workflow) },
            GateDecision { verdict: Verdict::Reject, ..approve(GateName::Workflow) },
        ] {
            let mut ids = || "id".to_owned();
            let refusal = decide_any(&run, &Command::DecideGate(other), &mut context_at(T0, &mut ids)).unwrap_err();
            assert!(matches!(refusal, Refusal::AlreadyDecided { .. }), "{refusal:?}");
            assert!(refusal.to_string().contains("operator"));
        }
    }

    #[test]
    fn a_gate_that_is_not_open_cannot_be_decided() {
        let run = at_gate(GateName::Workflow);
        for gate in [GateName::Ideate, GateName::Prepublish] {
            let mut ids = || "id".to_owned();
            let refusal =
                decide_any(&run, &Command::DecideGate(approve(gate)), &mut context_at(T0, &mut ids)).unwrap_err();
            assert_eq!(refusal, Refusal::NotWaiting { run_id: run.run_id.clone(), gate });
        }
    }

    #[test]
    fn a_link_of_another_opening_is_stale() {
        let run = at_gate(GateName::Workflow);
        let decision = GateDecision { opening: Some(7), ..approve(GateName::Workflow) };
        let mut ids = || "id".to_owned();
        let refusal = decide_any(&run, &Command::DecideGate(decision), &mut context_at(T0, &mut ids)).unwrap_err();
        assert_eq!(refusal, Refusal::StaleLink);
    }

    #[test]
    fn a_gate_whose_deadline_passed_cannot_be_decided() {
        let run = at_gate(GateName::Workflow);
        let late = run.deadline.unwrap();
        let mut ids = || "id".to_owned();
        let refusal =
            decide_any(&run, &Command::DecideGate(approve(GateName::Workflow)), &mut context_at(late, &mut ids))
                .unwrap_err();
        assert!(matches!(refusal, Refusal::NotWaiting { .. }));
    }
}
