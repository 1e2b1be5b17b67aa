//! A person decides at a gate. The one decision function: every channel comes through here.
//!
//! First write wins; then the decision must be about exactly what is asked; then the gate's policy is held against whoever
//! decides (may they, have they started the run, do they give a reason, may they edit that); then one approval of several is
//! a vote, the last one the decision.

use crate::gate_policy::Objection;
use crate::principal::Principal;
use crate::run::draft::Draft;
use crate::run::edit::{Change, Edit};
use crate::run::event::{Common, Event};
use crate::run::kind::Kind;
use crate::run::state::{DecidedGate, GateKey, OpenGate, Run};
use crate::run::{Context, Refusal, refuse_ended, refuse_paused};
use crate::status::{Channel, GateName, Verdict};
use sha2::{Digest, Sha256};

/// Changes may be asked for so often in one run: bounds its state.
pub const ROUNDS_MAX: usize = 20;

/// What arrived from a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateDecision {
    pub gate: GateName,
    /// The opening that the link or page was made for; `None` for a caller with an API key, who means the open one.
    pub opening: Option<u32>,
    /// What was shown to whoever decides, as [`OpenGate::subject_sha256`]; `None` for a caller who names nothing.
    pub subject_sha256: Option<String>,
    pub verdict: Verdict,
    /// Who decides: the principal of the key or session, or the approver that the link names.
    pub by: Principal,
    pub channel: Channel,
    /// Who approved before and, as things stand by now, no longer may: disabled, of another role or group.
    pub lapsed: Vec<String>,
    pub comment: Option<String>,
    /// Texts that the approver changes while approving.
    pub edit: Edit,
    pub note: Option<String>,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
}

impl GateDecision {
    /// A decision about the open gate with nothing but a verdict.
    pub fn new(gate: GateName, verdict: Verdict, by: Principal, channel: Channel) -> Self {
        GateDecision {
            gate,
            opening: None,
            subject_sha256: None,
            verdict,
            by,
            channel,
            lapsed: Vec::new(),
            comment: None,
            edit: Edit::new(),
            note: None,
            ip: None,
            user_agent: None,
        }
    }
}

/// SHA-256 of what is decided about at a gate as the run stands, in hex.
pub fn subject_sha256<B: Kind>(run: &Run<B>, key: GateKey<'_>) -> String {
    let subject = B::subject(run, key).to_string();
    Sha256::digest(subject.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn decide<B: Kind>(
    run: &Run<B>,
    decision: &GateDecision,
    context: &mut Context<'_>,
) -> Result<Vec<Event<B>>, Refusal> {
    // First write wins: what was decided at this opening is answered before anything else.
    if let Some(earlier) = earlier_decision(run, decision) {
        return if is_repeated(earlier, decision) {
            Ok(Vec::new())
        } else {
            Err(Refusal::AlreadyDecided { gate: decision.gate, decided: Box::new(earlier.clone()) })
        };
    }
    refuse_ended(run)?;
    refuse_paused(run)?;
    let open = open_gate(run, decision)?;
    // A gate whose time is over is closed even before the sweep says so.
    if open.deadline <= context.now {
        return Err(not_waiting(run, decision.gate));
    }
    if decision.subject_sha256.as_ref().is_some_and(|shown| *shown != open.subject_sha256) {
        return Err(Refusal::StaleSubject { gate: decision.gate });
    }
    admit(run, open, decision)?;
    match decision.verdict {
        Verdict::Approve => approve(run, open, decision, context),
        Verdict::Reject => {
            let decided = decided(decision, open, Vec::new(), Vec::new(), context);
            let mut draft = Draft::of(run);
            draft.push(Common::GateDecided(Box::new(decided.clone())), context);
            B::rejected(&mut draft, &decided, context);
            Ok(draft.events)
        }
        Verdict::RequestChanges => request_changes(run, open, decision, context),
    }
}

fn not_waiting<B: Kind>(run: &Run<B>, gate: GateName) -> Refusal {
    Refusal::NotWaiting { run_id: run.run_id.clone(), gate }
}

/// The gate that is meant. Whoever names no opening means the only open gate of that name.
fn open_gate<'a, B: Kind>(run: &'a Run<B>, decision: &GateDecision) -> Result<&'a OpenGate, Refusal> {
    let mut named = run.gates.iter().filter(|open| open.gate == decision.gate);
    let Some(opening) = decision.opening else {
        return match (named.next(), named.next()) {
            (Some(open), None) => Ok(open),
            (Some(_), Some(_)) => Err(Refusal::WhichGate { gate: decision.gate }),
            (None, _) => Err(not_waiting(run, decision.gate)),
        };
    };
    let is_waiting = named.clone().next().is_some();
    let stale = || if is_waiting { Refusal::StaleLink } else { not_waiting(run, decision.gate) };
    named.find(|open| open.opening == opening).ok_or_else(stale)
}

fn earlier_decision<'a, B: Kind>(run: &'a Run<B>, decision: &GateDecision) -> Option<&'a DecidedGate> {
    let mut decided = run.decided.iter().rev().filter(|decided| decided.gate == decision.gate);
    match decision.opening {
        Some(opening) => decided.find(|decided| decided.opening == opening),
        // Whoever names no opening means the open gate, where there is one.
        None => decided.next().filter(|_| run.open_gate(decision.gate).is_none()),
    }
}

/// Whether somebody says again what they said.
fn is_repeated(earlier: &DecidedGate, decision: &GateDecision) -> bool {
    let said = |(field, text): (&String, &String)| {
        earlier.edits.iter().find(|change| change.field == *field).is_none_or(|change| change.after == text.trim())
    };
    // Whoever approved before the last one said so too.
    let spoke = earlier.approver == decision.by.name || earlier.with.contains(&decision.by.name);
    spoke && earlier.verdict == decision.verdict && decision.edit.iter().all(said)
}

/// Holds the gate's policy against whoever decides. To stop a run is never self-approval.
fn admit<B: Kind>(run: &Run<B>, open: &OpenGate, decision: &GateDecision) -> Result<(), Refusal> {
    let (gate, policy) = (decision.gate, &open.policy);
    match policy.objection(&decision.by, open.escalated) {
        None => {}
        Some(Objection::NotNamed) => {
            return Err(Refusal::NotAllowed { gate, name: decision.by.name.clone(), who: policy.who() });
        }
        Some(Objection::Guest) => return Err(Refusal::PrincipalsOnly { gate }),
    }
    // A user's conversations are `name` and `name/<conversation>`, written as the holders of API_KEY like.
    let user = run.user_id.split('/').next().unwrap_or_default();
    let own = run.started_by.as_ref() == Some(&decision.by.name) || user.eq_ignore_ascii_case(&decision.by.name);
    if own && !policy.self_approval && decision.verdict == Verdict::Approve {
        return Err(Refusal::SelfApproval { gate });
    }
    let needs_reason = match decision.verdict {
        Verdict::Approve => false,
        Verdict::Reject => policy.reason_required,
        Verdict::RequestChanges => true,
    };
    if needs_reason && decision.comment.is_none() {
        return Err(Refusal::ReasonRequired { gate });
    }
    Ok(())
}

fn approve<B: Kind>(
    run: &Run<B>,
    open: &OpenGate,
    decision: &GateDecision,
    context: &mut Context<'_>,
) -> Result<Vec<Event<B>>, Refusal> {
    let changes = B::changes(run, open, &decision.edit)?;
    let own_vote = open.votes.iter().any(|vote| vote.approver == decision.by.name);
    if own_vote && changes.is_empty() {
        return Ok(Vec::new());
    }
    let mut draft = Draft::of(run);
    let void = why_void(open, decision, !changes.is_empty());
    let others: Vec<String> = match &void {
        None => open.votes.iter().map(|vote| vote.approver.clone()).collect(),
        Some(_) => Vec::new(),
    };
    if others.len() + 1 >= open.policy.approvals as usize {
        let decided = decided(decision, open, changes, others, context);
        draft.push(Common::GateDecided(Box::new(decided.clone())), context);
        B::approved(&mut draft, &decided, context);
        return Ok(draft.events);
    }
    let mut open = open.clone();
    if let Some(reason) = void {
        // The texts change with the vote: the new opening, which comes before it, is about the texts after it.
        let mut edited = run.clone();
        B::edit(&mut edited, &changes);
        let event = reopened(&edited, &open, reason);
        open.opening = run.next_opening();
        open.subject_sha256 = subject_sha256(&edited, open.key());
        draft.push(event, context);
    }
    let vote = decided(decision, &open, changes, Vec::new(), context);
    draft.push(Common::GateVoted(Box::new(vote)), context);
    Ok(draft.events)
}

/// Why the approvals so far count no longer, and their links are void: what others approved was another text, or one of them
/// may no longer decide here.
fn why_void(open: &OpenGate, decision: &GateDecision, is_edited: bool) -> Option<String> {
    if is_edited {
        return Some(format!("edited by {}", decision.by.name));
    }
    let lapsed = open.votes.iter().find(|vote| decision.lapsed.contains(&vote.approver))?;
    Some(format!("the approval of {} no longer counts", lapsed.approver))
}

fn request_changes<B: Kind>(
    run: &Run<B>,
    open: &OpenGate,
    decision: &GateDecision,
    context: &mut Context<'_>,
) -> Result<Vec<Event<B>>, Refusal> {
    let gate = decision.gate;
    let mut draft = Draft::of(run);
    let decided = decided(decision, open, Vec::new(), Vec::new(), context);
    draft.push(Common::GateDecided(Box::new(decided)), context);
    if !B::request_changes(&mut draft, open.key(), context) {
        return Err(Refusal::NobodyToAsk { gate });
    }
    if run.rounds() >= ROUNDS_MAX {
        return Err(Refusal::TooManyRounds { gate, rounds: ROUNDS_MAX });
    }
    Ok(draft.events)
}

/// An operator makes every link of the open gates of a name void, and every approval so far: each opens once more where it
/// stands.
pub(super) fn reopen<B: Kind>(
    run: &Run<B>,
    gate: GateName,
    reason: &str,
    context: &Context<'_>,
) -> Result<Vec<Event<B>>, Refusal> {
    refuse_ended(run)?;
    refuse_paused(run)?;
    let mut draft = Draft::of(run);
    for open in run.gates.iter().filter(|open| open.gate == gate) {
        let event = reopened(&draft.run, open, reason.to_owned());
        draft.push(event, context);
    }
    if draft.events.is_empty() { Err(not_waiting(run, gate)) } else { Ok(draft.events) }
}

/// The event that opens a gate once more, about the run as it stands.
pub(super) fn reopened<B: Kind>(run: &Run<B>, open: &OpenGate, reason: String) -> Common {
    let (gate, previous, opening) = (open.gate, open.opening, run.next_opening());
    let (summary, subject_sha256) = (B::summary(run, open.key()), subject_sha256(run, open.key()));
    Common::GateReopened { gate, opening, previous, summary, subject_sha256, reason }
}

fn decided(
    decision: &GateDecision,
    open: &OpenGate,
    edits: Vec<Change>,
    with: Vec<String>,
    context: &Context<'_>,
) -> DecidedGate {
    DecidedGate {
        id: open.id.clone(),
        gate: decision.gate,
        opening: open.opening,
        subject_sha256: open.subject_sha256.clone(),
        verdict: decision.verdict,
        approver: decision.by.name.clone(),
        channel: decision.channel,
        at: context.now,
        comment: decision.comment.clone(),
        note: decision.note.clone(),
        ip: decision.ip.clone(),
        user_agent: decision.user_agent.clone(),
        edits,
        with,
    }
}
