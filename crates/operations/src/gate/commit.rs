//! A decision is made and committed: whoever calls has established who decides; the policy, first write wins and everything
//! else is the kernel's (`mw_kernel::run`, gate.rs).

use super::request::DecisionRequest;
use super::{policy, refusal};
use crate::runs;
use mw_edge::log::Level;
use mw_edge::{Context, Problem, Request, shape};
use mw_kernel::principal::Principal;
use mw_kernel::run::{AnyCommand, AnyRun, GateDecision, OpenGate};
use mw_kernel::status::{Channel, GateName, Verdict};

const USER_AGENT_CHARS_MAX: usize = 200;

/// Who decides, and by which path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decider {
    pub by: Principal,
    pub channel: Channel,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
}

impl Decider {
    /// Somebody who sent this request.
    pub fn of(request: &Request, by: Principal, channel: Channel) -> Decider {
        let user_agent = request.header("user-agent").map(|agent| agent.chars().take(USER_AGENT_CHARS_MAX).collect());
        Decider { by, channel, ip: request.client_address(), user_agent }
    }
}

/// How a gate stands after somebody has decided.
pub struct GateStanding {
    pub run: AnyRun,
    /// `approved`, `rejected`, `changes_requested`; `pending` for an approval that others must join.
    pub status: &'static str,
    /// Approvals so far and needed, while it is pending.
    pub quorum: Option<(usize, u32)>,
    /// Whether to wake the dispatcher.
    pub kick: bool,
}

shape! {
    #[serde(rename_all = "camelCase")]
    pub struct Decision {
        /// `pending`: your approval counts, and the gate needs more.
        #[schemars(extend("enum" = ["approved", "rejected", "changes_requested", "pending"]))]
        pub status: &'static str,
        pub run_id: String,
        pub gate: GateName,
        /// While pending: approvals so far.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "usize")]
        pub approvals: Option<usize>,
        /// While pending: approvals needed.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "u32")]
        pub needed: Option<u32>,
    }
}

impl GateStanding {
    pub fn shown(&self, gate: GateName) -> Decision {
        let (approvals, needed) = self.quorum.unzip();
        Decision { status: self.status, run_id: self.run.run_id.clone(), gate, approvals, needed }
    }
}

/// Decides and commits.
pub fn decide(
    context: &mut Context,
    run: AnyRun,
    gate: GateName,
    request: DecisionRequest,
    decider: Decider,
) -> Result<GateStanding, Problem> {
    let approver = decider.by.name.clone();
    let verdict = request.verdict;
    let decision = GateDecision {
        lapsed: match verdict {
            Verdict::Approve => policy::lapsed_approvals(context, &run, gate, request.opening)?,
            Verdict::Reject | Verdict::RequestChanges => Vec::new(),
        },
        comment: request.comment,
        edit: request.edit,
        opening: request.opening,
        subject_sha256: request.subject_sha256,
        note: request.approver,
        ip: decider.ip,
        user_agent: decider.user_agent,
        ..GateDecision::new(gate, verdict, decider.by, decider.channel)
    };
    let applied = runs::apply(context, run, &AnyCommand::DecideGate(decision), &approver);
    let applied = applied.map_err(refusal::not_committed)?;
    let (status, quorum) = standing(gate, verdict, &applied.run);
    let fields = [
        ("runId", applied.run.run_id.clone().into()),
        ("gate", gate.as_str().into()),
        ("decision", verdict.outcome().into()),
        ("status", status.into()),
        ("approver", approver.into()),
        ("channel", decider.channel.as_str().into()),
        ("repeated", (!applied.changed).into()),
    ];
    context.log.write(Level::Info, "myloware.api.hitl", "gate decided", &fields);
    Ok(GateStanding { status, quorum, kick: applied.kick, run: applied.run })
}

fn standing(gate: GateName, verdict: Verdict, run: &AnyRun) -> (&'static str, Option<(usize, u32)>) {
    let voted = |open: &&OpenGate| open.gate == gate && !open.votes.is_empty() && verdict == Verdict::Approve;
    match run.gates.iter().find(voted) {
        Some(open) => ("pending", Some((open.votes.len(), open.policy.approvals))),
        None => (verdict.outcome(), None),
    }
}
