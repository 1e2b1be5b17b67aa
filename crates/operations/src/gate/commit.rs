//! A decision at a gate, from whichever channel: whoever calls has established who decides; the policy, first write wins
//! and everything else is the core's (`mw_core::run`, gate.rs).

use crate::commands::{self, Outcome};
use crate::context::Context;
use crate::log::Level;
use crate::problem::Problem;
use crate::request::Request;
use crate::verdict::Wish;
use mw_core::link::{Holder, Waiting};
use mw_core::principal::Principal;
use mw_core::run::{Command, GateDecision, Run};
use mw_core::status::{Channel, GateName, Verdict};
use mw_store::principals;
use serde_json::{Value, json};

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
pub struct Standing {
    pub run: Run,
    /// `approved`, `rejected`, `changes_requested`; `pending` for an approval that others must join.
    pub status: &'static str,
    /// Approvals so far and needed, while it is pending.
    pub quorum: Option<(usize, u32)>,
    /// Whether to wake the dispatcher.
    pub kick: bool,
}

impl Standing {
    pub fn to_json(&self, gate: GateName) -> Value {
        let mut answer = json!({"status": self.status, "runId": self.run.run_id, "gate": gate.as_str()});
        if let (Some((approvals, needed)), Value::Object(members)) = (self.quorum, &mut answer) {
            members.insert("approvals".to_owned(), approvals.into());
            members.insert("needed".to_owned(), needed.into());
        }
        answer
    }
}

/// Decides and commits.
pub fn decide(
    context: &mut Context,
    run: Run,
    gate: GateName,
    wish: Wish,
    decider: Decider,
) -> Result<Standing, Problem> {
    let approver = decider.by.name.clone();
    let verdict = wish.verdict;
    let decision = GateDecision {
        lapsed: if verdict == Verdict::Approve { lapsed(context, &run, gate)? } else { Vec::new() },
        comment: wish.comment,
        edit: wish.edit,
        opening: wish.opening,
        note: wish.approver,
        ip: decider.ip,
        user_agent: decider.user_agent,
        ..GateDecision::new(gate, verdict, decider.by, decider.channel)
    };
    let outcome = commands::carry_out(context, run, &Command::DecideGate(decision), &approver);
    let outcome = outcome.map_err(commands::gate_problem)?;
    let standing = standing(gate, verdict, &outcome);
    let fields = [
        ("runId", outcome.run.run_id.clone().into()),
        ("gate", gate.as_str().into()),
        ("decision", verdict.outcome().into()),
        ("status", standing.0.into()),
        ("approver", approver.into()),
        ("channel", decider.channel.as_str().into()),
        ("repeated", (!outcome.changed).into()),
    ];
    context.log.write(Level::Info, "myloware.api.hitl", "gate decided", &fields);
    let (status, quorum) = standing;
    Ok(Standing { status, quorum, kick: outcome.kick, run: outcome.run })
}

/// Whose earlier approvals the gate's policy would not take today, by the rule of links: they may have been disabled since.
/// Gates of one approval have none, and cost no statement here.
fn lapsed(context: &mut Context, run: &Run, gate: GateName) -> Result<Vec<String>, Problem> {
    let Some(waiting) = Waiting::of(run).filter(|waiting| waiting.gate == gate) else { return Ok(Vec::new()) };
    let votes = run.gate.iter().flat_map(|open| &open.votes);
    let names: Vec<&str> = votes.map(|vote| vote.approver.as_str()).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut known = principals::named(context.database()?, &names)?;
    let may_no_longer = |name: &&str| waiting.link_for(Holder::of(name, known.remove(*name))).is_err();
    Ok(names.into_iter().filter(may_no_longer).map(str::to_owned).collect())
}

fn standing(gate: GateName, verdict: Verdict, outcome: &Outcome) -> (&'static str, Option<(usize, u32)>) {
    let open = outcome.run.gate.as_ref().filter(|open| open.gate == gate && verdict == Verdict::Approve);
    match open {
        Some(open) => {
            let needed = outcome.run.policy().map_or(1, |policy| policy.approvals);
            ("pending", Some((open.votes.len(), needed)))
        }
        None => (verdict.outcome(), None),
    }
}
