//! What a gate's policy has against somebody: against an approval now, and against earlier ones.

use mw_edge::{Context, Problem, clock, ids};
use mw_kernel::link::{Holder, Waiting};
use mw_kernel::principal::Principal;
use mw_kernel::run::{self, AnyCommand, AnyRun, GateDecision, Kinds, Refusal};
use mw_kernel::status::{Channel, GateName, Verdict};
use mw_store::principals;

/// Whose earlier approvals the gate's policy would not take today, by the rule of links: they may have been disabled since.
/// Gates of one approval have none, and cost no statement here.
pub(super) fn lapsed_approvals(
    context: &mut Context,
    run: &AnyRun,
    gate: GateName,
    opening: Option<u32>,
) -> Result<Vec<String>, Problem> {
    let open = opening.map_or_else(|| run.open_gate(gate), |opening| run.opening(opening));
    let Some(open) = open else { return Ok(Vec::new()) };
    let waiting = Waiting::of(run, open);
    let names: Vec<&str> = open.votes.iter().map(|vote| vote.approver.as_str()).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut known = principals::named(context.database()?, &names)?;
    let may_no_longer = |name: &&str| waiting.link_for(Holder::of(name, known.remove(*name))).is_err();
    Ok(names.into_iter().filter(may_no_longer).map(str::to_owned).collect())
}

/// What the gate's policy has against an approver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// They may neither approve nor stop the run.
    Anything(String),
    /// They may stop it.
    Approval(String),
}

impl Obstacle {
    /// Asks the kernel what it would say to an approval; nothing is decided.
    pub fn of(kinds: Kinds, run: &AnyRun, gate: GateName, opening: u32, by: &Principal) -> Option<Obstacle> {
        let approval = GateDecision {
            opening: Some(opening),
            ..GateDecision::new(gate, Verdict::Approve, by.clone(), Channel::Link)
        };
        let mut context = run::Context { now: clock::now(), new_id: &mut ids::new_id };
        let approval = AnyCommand::DecideGate(approval);
        match kinds.of(run).and_then(|kind| kind.apply(run, &approval, &by.name, &mut context)) {
            Err(refusal @ Refusal::SelfApproval { .. }) => Some(Obstacle::Approval(refusal.to_string())),
            Err(refusal) => Some(Obstacle::Anything(refusal.to_string())),
            Ok(_) => None,
        }
    }
}
