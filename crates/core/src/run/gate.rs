//! A person decides at a gate. The one decision function: every channel comes through here.
//!
//! First write wins; then the gate's policy is held against whoever decides (may they, have they started the run, do they
//! give a reason, may they edit that); then one approval of several is a vote, the last one the decision.

use crate::definition::Step;
use crate::gate_policy::{GatePolicy, Objection};
use crate::principal::Principal;
use crate::run::advance::{Draft, enter, enter_next};
use crate::run::edit::{self, Change, Edit};
use crate::run::event::Event;
use crate::run::state::{DecidedGate, OpenGate, Run};
use crate::run::{Context, Refusal, refuse_paused, refuse_terminal};
use crate::status::{Channel, GateName, Verdict};

/// Changes may be asked for so often in one run: bounds its state.
const ROUNDS_MAX: usize = 20;

/// What arrived from a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateDecision {
    pub gate: GateName,
    /// The opening that the link or page was made for; `None` for a caller with an API key, who means the open one.
    pub opening: Option<u32>,
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

pub(super) fn decide(run: &Run, decision: &GateDecision, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
    // First write wins: what was decided at this opening is answered before anything else.
    if let Some(earlier) = earlier_decision(run, decision) {
        return if is_repeated(earlier, decision) {
            Ok(Vec::new())
        } else {
            Err(Refusal::AlreadyDecided { gate: decision.gate, decided: Box::new(earlier.clone()) })
        };
    }
    refuse_terminal(run)?;
    refuse_paused(run)?;
    let not_waiting = || Refusal::NotWaiting { run_id: run.run_id.clone(), gate: decision.gate };
    let open = run.gate.as_ref().filter(|open| open.gate == decision.gate).ok_or_else(not_waiting)?;
    if decision.opening.is_some_and(|opening| opening != open.opening) {
        return Err(Refusal::StaleLink);
    }
    // A gate whose time is over is closed even before the sweep says so.
    if run.deadline.is_some_and(|deadline| deadline <= context.now) {
        return Err(not_waiting());
    }
    let policy = run.policy().cloned().unwrap_or_default();
    admit(run, open, &policy, decision)?;
    match decision.verdict {
        Verdict::Approve => approve(run, open, &policy, decision, context),
        Verdict::Reject => {
            let mut draft = Draft::of(run);
            draft.push(decided_event(decision, open.opening, Vec::new(), Vec::new(), context), context);
            draft.push(Event::RunRejected { gate: decision.gate }, context);
            Ok(draft.events)
        }
        Verdict::RequestChanges => request_changes(run, open, decision, context),
    }
}

fn earlier_decision<'a>(run: &'a Run, decision: &GateDecision) -> Option<&'a DecidedGate> {
    let mut decided = run.decided.iter().rev().filter(|decided| decided.gate == decision.gate);
    match decision.opening {
        Some(opening) => decided.find(|decided| decided.opening == opening),
        // Whoever names no opening means the open gate, where there is one.
        None => decided.next().filter(|_| run.gate.as_ref().is_none_or(|open| open.gate != decision.gate)),
    }
}

/// Whether somebody says again what they said.
fn is_repeated(earlier: &DecidedGate, decision: &GateDecision) -> bool {
    let said = |(field, text): (&edit::Field, &String)| {
        earlier.edits.iter().find(|change| change.field == *field).is_none_or(|change| change.after == text.trim())
    };
    // Whoever approved before the last one said so too.
    let spoke = earlier.approver == decision.by.name || earlier.with.contains(&decision.by.name);
    spoke && earlier.verdict == decision.verdict && decision.edit.iter().all(said)
}

/// Holds the gate's policy against whoever decides. To stop a run is never self-approval.
fn admit(run: &Run, open: &OpenGate, policy: &GatePolicy, decision: &GateDecision) -> Result<(), Refusal> {
    let gate = decision.gate;
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

fn approve(
    run: &Run,
    open: &OpenGate,
    policy: &GatePolicy,
    decision: &GateDecision,
    context: &mut Context<'_>,
) -> Result<Vec<Event>, Refusal> {
    let changes = edit::changes(run, policy, &decision.edit)?;
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
    if others.len() + 1 >= policy.approvals as usize {
        draft.push(decided_event(decision, open.opening, changes, others, context), context);
        enter_next(&mut draft, context);
        return Ok(draft.events);
    }
    let mut opening = open.opening;
    if let Some(reason) = void {
        opening = next_opening(run);
        draft.push(reopened(run, open, reason), context);
    }
    let vote = decided(decision, opening, changes, Vec::new(), context);
    draft.push(Event::GateVoted(Box::new(vote)), context);
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

fn request_changes(
    run: &Run,
    open: &OpenGate,
    decision: &GateDecision,
    context: &mut Context<'_>,
) -> Result<Vec<Event>, Refusal> {
    let Some(step) = persona_before(run) else {
        return Err(Refusal::NobodyToAsk { gate: decision.gate });
    };
    if run.rounds() >= ROUNDS_MAX {
        return Err(Refusal::TooManyRounds { gate: decision.gate, rounds: ROUNDS_MAX });
    }
    let mut draft = Draft::of(run);
    draft.push(decided_event(decision, open.opening, Vec::new(), Vec::new(), context), context);
    enter(&mut draft, step, context);
    Ok(draft.events)
}

/// The step of the persona whose work the open gate decides about: the nearest before it with nothing paid for in between
/// but a render.
pub(super) fn persona_before(run: &Run) -> Option<u32> {
    let before = run.pipeline.get(..run.step as usize)?.iter().enumerate().rev();
    let mut work = before.skip_while(|(_, step)| matches!(step, Step::Render { .. }));
    work.next()
        .filter(|(_, step)| matches!(step, Step::Persona { .. }))
        .and_then(|(index, _)| u32::try_from(index).ok())
}

/// An operator makes every link of the open gate void, and every approval so far: it opens once more where it stands.
pub(super) fn reopen(run: &Run, gate: GateName, reason: &str) -> Result<Vec<Event>, Refusal> {
    refuse_terminal(run)?;
    refuse_paused(run)?;
    let open = run.gate.as_ref().filter(|open| open.gate == gate);
    let open = open.ok_or_else(|| Refusal::NotWaiting { run_id: run.run_id.clone(), gate })?;
    Ok(vec![reopened(run, open, reason.to_owned())])
}

fn reopened(run: &Run, open: &OpenGate, reason: String) -> Event {
    let (gate, previous, opening) = (open.gate, open.opening, next_opening(run));
    Event::GateReopened { gate, opening, previous, summary: summary(run, gate), reason }
}

/// The number of the next opening: no earlier opening of any gate of the run has it.
pub(super) fn next_opening(run: &Run) -> u32 {
    let decided = run.decided.iter().map(|decided| decided.opening);
    decided.chain(run.gate.iter().map(|open| open.opening)).max().unwrap_or(0) + 1
}

fn decided_event(
    decision: &GateDecision,
    opening: u32,
    edits: Vec<Change>,
    with: Vec<String>,
    context: &Context<'_>,
) -> Event {
    Event::GateDecided(Box::new(decided(decision, opening, edits, with, context)))
}

fn decided(
    decision: &GateDecision,
    opening: u32,
    edits: Vec<Change>,
    with: Vec<String>,
    context: &Context<'_>,
) -> DecidedGate {
    DecidedGate {
        gate: decision.gate,
        opening,
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
    use crate::gate_policy::Editable;
    use crate::principal::Role;
    use crate::run::edit::Field;
    use crate::run::testing::{T0, approve, at_gate, at_gate_with, context_at, decide_with, step_on, try_command};
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
            GateDecision { by: Principal::guest("somebody else"), ..approve(GateName::Workflow) },
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

    fn by(name: &str) -> GateDecision {
        let by = Principal::known(name, Role::Approver, Vec::new());
        GateDecision { by, ..approve(GateName::Ideate) }
    }

    fn told(run: &Run, decision: GateDecision) -> Result<Run, Refusal> {
        try_command(run, Command::DecideGate(decision))
    }

    fn two_of(approvers: &[&str]) -> GatePolicy {
        let approvers = approvers.iter().map(|name| (*name).to_owned()).collect();
        GatePolicy { approvals: 2, approvers, edits: vec![Editable::Plan, Editable::Script], ..GatePolicy::default() }
    }

    #[test]
    fn a_quorum_of_two_takes_two_different_people() {
        let run = at_gate_with(GateName::Ideate, two_of(&[]));
        let one = told(&run, by("ann")).unwrap();
        assert_eq!((one.status, one.gate.as_ref().unwrap().votes.len()), (Status::AwaitingIdeate, 1));
        assert_eq!(told(&one, by("ann")).unwrap(), one, "the same person counts once");
        let two = told(&one, by("bob")).unwrap();
        let decided = two.decided.last().unwrap();
        assert_eq!(
            (two.status, decided.approver.as_str(), &decided.with),
            (Status::Running, "bob", &vec!["ann".to_owned()])
        );
        for name in ["ann", "bob"] {
            assert_eq!(told(&two, by(name)).unwrap(), two, "{name} says again what was said");
        }
        assert!(matches!(told(&two, by("eve")), Err(Refusal::AlreadyDecided { .. })));
    }

    #[test]
    fn a_guest_decides_nothing_where_the_policy_tells_people_apart() {
        for policy in [two_of(&[]), GatePolicy { self_approval: false, ..GatePolicy::default() }] {
            let run = at_gate_with(GateName::Ideate, policy);
            for verdict in Verdict::ALL {
                let by = Principal::guest("ann");
                let decision = GateDecision { verdict: *verdict, comment: Some("c".into()), by, ..by_operator() };
                assert_eq!(told(&run, decision), Err(Refusal::PrincipalsOnly { gate: GateName::Ideate }), "{verdict}");
            }
            let voted = told(&run, by("bob")).unwrap();
            assert_ne!(voted, run);
        }
        let anybody = at_gate_with(GateName::Ideate, GatePolicy::default());
        assert!(told(&anybody, GateDecision { by: Principal::guest("ann"), ..by_operator() }).is_ok());
    }

    fn by_operator() -> GateDecision {
        approve(GateName::Ideate)
    }

    #[test]
    fn an_approval_of_somebody_who_no_longer_may_counts_for_nothing() {
        let one = told(&at_gate_with(GateName::Ideate, two_of(&[])), by("ann")).unwrap();
        let lapsed = vec!["ann".to_owned()];
        let two = told(&one, GateDecision { lapsed: lapsed.clone(), ..by("bob") }).unwrap();
        let open = two.gate.as_ref().unwrap();
        assert_eq!((two.status, open.votes.len(), open.votes[0].approver.as_str()), (Status::AwaitingIdeate, 1, "bob"));
        assert_ne!(open.opening, one.gate.as_ref().unwrap().opening, "the links of before are void");
        let three = told(&two, GateDecision { lapsed, ..by("eve") }).unwrap();
        assert_eq!(three.decided.last().unwrap().with, ["bob"]);
    }

    #[test]
    fn a_conversation_of_ones_own_is_oneself() {
        let policy = GatePolicy { self_approval: false, ..GatePolicy::default() };
        for (user, is_own) in [("ann", true), ("ann/shop", true), ("ANN", true), ("anna", false), ("shop/ann", false)] {
            let mut run = at_gate_with(GateName::Ideate, policy.clone());
            run.user_id = user.to_owned();
            assert_eq!(told(&run, by("ann")).is_err(), is_own, "{user}");
        }
    }

    #[test]
    fn one_no_ends_the_run_whoever_approved_before() {
        let one = told(&at_gate_with(GateName::Ideate, two_of(&[])), by("ann")).unwrap();
        for name in ["ann", "bob"] {
            let next = told(&one, GateDecision { verdict: Verdict::Reject, ..by(name) }).unwrap();
            assert_eq!(next.status, Status::Rejected);
        }
    }

    #[test]
    fn only_those_whom_the_policy_names_decide() {
        let run = at_gate_with(GateName::Ideate, two_of(&["ann", "bob"]));
        for verdict in Verdict::ALL {
            for name in ["eve", "operator"] {
                let decision = GateDecision { verdict: *verdict, comment: Some("c".into()), ..by(name) };
                let refusal = told(&run, decision).unwrap_err();
                assert!(matches!(&refusal, Refusal::NotAllowed { who, .. } if who == "ann, bob"), "{refusal:?}");
            }
        }
        assert!(told(&run, by("bob")).is_ok());
    }

    #[test]
    fn whoever_started_the_run_may_stop_it_but_not_approve_it_where_the_policy_forbids() {
        let policy = GatePolicy { self_approval: false, ..GatePolicy::default() };
        let mut run = at_gate_with(GateName::Ideate, policy);
        run.started_by = Some("ann".into());
        for name in ["ann", run.user_id.clone().as_str()] {
            assert_eq!(told(&run, by(name)), Err(Refusal::SelfApproval { gate: GateName::Ideate }), "{name}");
        }
        assert!(told(&run, by("bob")).is_ok());
        assert!(told(&run, GateDecision { verdict: Verdict::Reject, ..by("ann") }).is_ok());
    }

    #[test]
    fn a_reason_is_asked_for_where_the_policy_does_and_for_every_change() {
        let policy = GatePolicy { reason_required: true, ..GatePolicy::default() };
        let strict = at_gate_with(GateName::Ideate, policy);
        let lenient = at_gate(GateName::Ideate);
        let say =
            |verdict, comment: Option<&str>| GateDecision { verdict, comment: comment.map(str::to_owned), ..by("ann") };
        let asked = Err(Refusal::ReasonRequired { gate: GateName::Ideate });
        assert_eq!(told(&strict, say(Verdict::Reject, None)), asked);
        assert_eq!(told(&lenient, say(Verdict::RequestChanges, None)), asked);
        assert!(told(&lenient, say(Verdict::Reject, None)).is_ok());
        assert!(told(&strict, say(Verdict::Reject, Some("dull"))).is_ok());
        assert!(told(&strict, say(Verdict::Approve, None)).is_ok());
    }

    #[test]
    fn an_edit_is_kept_as_a_diff_and_no_persona_writes_over_it() {
        let policy = GatePolicy { edits: vec![Editable::Plan, Editable::Script], ..GatePolicy::default() };
        let run = at_gate_with(GateName::Ideate, policy);
        let edit = Edit::from([(Field::Prompt(0), "mine".to_owned()), (Field::Header(1), "HEAD".to_owned())]);
        let next = told(&run, GateDecision { edit, ..by("ann") }).unwrap();
        let decided = next.decided.last().unwrap();
        let changed: Vec<_> = decided.edits.iter().map(|change| (change.field, change.before.is_some())).collect();
        assert_eq!(changed, [(Field::Header(1), true), (Field::Prompt(0), false)]);
        assert_eq!(next.clips[1].header, "HEAD");
        let prompts: Vec<_> = next
            .step_jobs()
            .map(|(_, job)| match &job.spec {
                crate::job::JobSpec::Generate(spec) => spec.prompt.clone(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(prompts.contains(&"mine".to_owned()) && !prompts.iter().all(|prompt| prompt == "mine"), "{prompts:?}");
    }

    #[test]
    fn an_edit_of_one_voids_the_approvals_of_another_text_and_the_links_to_it() {
        let one = told(&at_gate_with(GateName::Ideate, two_of(&[])), by("ann")).unwrap();
        let opening = one.gate.as_ref().unwrap().opening;
        let edit = Edit::from([(Field::Header(0), "NEW".to_owned())]);
        let edited = told(&one, GateDecision { edit, ..by("bob") }).unwrap();
        let open = edited.gate.as_ref().unwrap();
        assert_eq!((open.opening, open.votes.len(), open.votes[0].approver.as_str()), (opening + 1, 1, "bob"));
        let stale = GateDecision { opening: Some(opening), ..by("ann") };
        assert_eq!(told(&edited, stale), Err(Refusal::StaleLink));
        assert_eq!(told(&edited, by("ann")).unwrap().status, Status::Running);
    }

    #[test]
    fn changes_send_the_work_back_to_its_persona_and_the_gate_opens_anew() {
        for (gate, persona) in [(GateName::Ideate, "iggy"), (GateName::Prepublish, "alex")] {
            let run = at_gate(gate);
            let opening = run.gate.as_ref().unwrap().opening;
            let ask =
                GateDecision { gate, verdict: Verdict::RequestChanges, comment: Some("warmer".into()), ..by("ann") };
            let linked = GateDecision { opening: Some(opening), ..ask.clone() };
            let mut next = told(&run, linked.clone()).unwrap();
            assert!(next.decided.iter().any(|decided| decided.verdict == Verdict::RequestChanges), "{persona}");
            while next.gate.as_ref().is_none_or(|open| open.gate != gate) {
                next = step_on(&next);
            }
            assert_eq!(next.gate.as_ref().unwrap().opening, opening + 1);
            assert_eq!(told(&next, linked).unwrap(), next, "said twice by the same link: nothing more");
        }
        let asked = GateDecision { verdict: Verdict::RequestChanges, comment: Some("x".into()), ..by("ann") };
        let nobody = told(&at_gate(GateName::Workflow), GateDecision { gate: GateName::Workflow, ..asked });
        assert_eq!(nobody, Err(Refusal::NobodyToAsk { gate: GateName::Workflow }));
    }

    #[test]
    fn what_was_asked_for_reaches_the_persona() {
        let ask = GateDecision { verdict: Verdict::RequestChanges, comment: Some("warmer light".into()), ..by("ann") };
        let run = told(&at_gate(GateName::Ideate), ask).unwrap();
        let next = told(&run, by("ann")).unwrap();
        assert!(next.clips[0].prompt.as_ref().unwrap().contains("warmer light"));
        let no_memory = crate::persona::memory::Memory::default();
        let user = crate::persona::brief(&run, crate::definition::Role::Write, "", &no_memory).user;
        assert!(user.contains(r#""changes_requested":["warmer light"]"#), "{user}");
    }

    #[test]
    fn changes_are_not_asked_for_without_end() {
        let mut run = at_gate(GateName::Ideate);
        let ask = GateDecision { verdict: Verdict::RequestChanges, comment: Some("more".into()), ..by("ann") };
        for _ in 0..ROUNDS_MAX {
            run = told(&run, ask.clone()).unwrap();
        }
        assert!(matches!(told(&run, ask), Err(Refusal::TooManyRounds { .. })));
        assert!(told(&run, by("ann")).is_ok());
    }

    #[test]
    fn reopening_makes_links_and_approvals_void_and_keeps_the_deadline() {
        let one = told(&at_gate_with(GateName::Ideate, two_of(&[])), by("ann")).unwrap();
        let opening = one.gate.as_ref().unwrap().opening;
        let reopen = Command::ReopenGate { gate: GateName::Ideate, reason: "a link leaked".into() };
        let again = try_command(&one, reopen).unwrap();
        let open = again.gate.as_ref().unwrap();
        assert_eq!((open.opening, open.votes.len(), again.deadline), (opening + 1, 0, one.deadline));
        let stolen = GateDecision { opening: Some(opening), ..by("ann") };
        assert_eq!(told(&again, stolen), Err(Refusal::StaleLink));
    }
}
