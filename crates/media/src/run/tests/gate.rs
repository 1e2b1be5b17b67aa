use crate::gate_policy::GatePolicy;
use crate::principal::Principal;
use crate::principal::Role;
use crate::run::edit::Field;
use crate::run::testing::*;
use crate::run::*;
use crate::status::*;
use mw_kernel::run::ROUNDS_MAX;

#[test]
fn approving_releases_this_gate_and_enters_what_follows() {
    let run = at_gate(gate("workflow"));
    let next = decide_with(&run, Command::DecideGate(approve(gate("workflow"))));
    assert_eq!(next.status, Status::AwaitingIdeate);
    assert_eq!(next.decided.len(), 1);
}

#[test]
fn rejecting_ends_the_run_with_the_comment_kept() {
    let run = at_gate(gate("ideate"));
    let decision = GateDecision { verdict: Verdict::Reject, comment: Some("dull".into()), ..approve(gate("ideate")) };
    let next = decide_with(&run, Command::DecideGate(decision));
    assert_eq!(next.status, Status::Rejected);
    assert_eq!(next.decided.last().unwrap().comment.as_deref(), Some("dull"));
}

#[test]
fn the_same_approver_repeating_the_same_decision_changes_nothing() {
    let run = decide_with(&at_gate(gate("workflow")), Command::DecideGate(approve(gate("workflow"))));
    let mut context_ids = || "id".to_owned();
    let events =
        decide(&run, &Command::DecideGate(approve(gate("workflow"))), &mut context_at(T0, &mut context_ids)).unwrap();
    assert!(events.is_empty());
}

#[test]
fn anybody_else_is_told_who_decided() {
    let run = decide_with(&at_gate(gate("workflow")), Command::DecideGate(approve(gate("workflow"))));
    for other in [
        GateDecision { by: Principal::guest("somebody else"), ..approve(gate("workflow")) },
        GateDecision { verdict: Verdict::Reject, ..approve(gate("workflow")) },
    ] {
        let mut ids = || "id".to_owned();
        let refusal = decide(&run, &Command::DecideGate(other), &mut context_at(T0, &mut ids)).unwrap_err();
        assert!(matches!(refusal, Refusal::AlreadyDecided { .. }), "{refusal:?}");
        assert!(refusal.to_string().contains("operator"));
    }
}

#[test]
fn a_gate_that_is_not_open_cannot_be_decided() {
    let run = at_gate(gate("workflow"));
    for gate in [gate("ideate"), gate("prepublish")] {
        let mut ids = || "id".to_owned();
        let refusal = decide(&run, &Command::DecideGate(approve(gate)), &mut context_at(T0, &mut ids)).unwrap_err();
        assert_eq!(refusal, Refusal::NotWaiting { run_id: run.run_id.clone(), gate });
    }
}

#[test]
fn a_link_of_another_opening_is_stale() {
    let run = at_gate(gate("workflow"));
    let decision = GateDecision { opening: Some(7), ..approve(gate("workflow")) };
    let mut ids = || "id".to_owned();
    let refusal = decide(&run, &Command::DecideGate(decision), &mut context_at(T0, &mut ids)).unwrap_err();
    assert_eq!(refusal, Refusal::StaleLink);
}

#[test]
fn a_gate_whose_deadline_passed_cannot_be_decided() {
    let run = at_gate(gate("workflow"));
    let late = run.deadline.unwrap();
    let mut ids = || "id".to_owned();
    let refusal =
        decide(&run, &Command::DecideGate(approve(gate("workflow"))), &mut context_at(late, &mut ids)).unwrap_err();
    assert!(matches!(refusal, Refusal::NotWaiting { .. }));
}

fn by(name: &str) -> GateDecision {
    let by = Principal::known(name, Role::Approver, Vec::new());
    GateDecision { by, ..approve(gate("ideate")) }
}

fn told(run: &Run, decision: GateDecision) -> Result<Run, Refusal> {
    try_command(run, Command::DecideGate(decision))
}

fn two_of(approvers: &[&str]) -> GatePolicy {
    let approvers = approvers.iter().map(|name| (*name).to_owned()).collect();
    GatePolicy { approvals: 2, approvers, edits: vec!["plan".into(), "script".into()], ..GatePolicy::default() }
}

#[test]
fn a_quorum_of_two_takes_two_different_people() {
    let run = at_gate_with(gate("ideate"), two_of(&[]));
    let one = told(&run, by("ann")).unwrap();
    assert_eq!((one.status, one.gates[0].votes.len()), (Status::AwaitingIdeate, 1));
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
        let run = at_gate_with(gate("ideate"), policy);
        for verdict in Verdict::ALL {
            let by = Principal::guest("ann");
            let decision = GateDecision { verdict: *verdict, comment: Some("c".into()), by, ..by_operator() };
            assert_eq!(told(&run, decision), Err(Refusal::PrincipalsOnly { gate: gate("ideate") }), "{verdict}");
        }
        let voted = told(&run, by("bob")).unwrap();
        assert_ne!(voted, run);
    }
    let anybody = at_gate_with(gate("ideate"), GatePolicy::default());
    assert!(told(&anybody, GateDecision { by: Principal::guest("ann"), ..by_operator() }).is_ok());
}

fn by_operator() -> GateDecision {
    approve(gate("ideate"))
}

#[test]
fn an_approval_of_somebody_who_no_longer_may_counts_for_nothing() {
    let one = told(&at_gate_with(gate("ideate"), two_of(&[])), by("ann")).unwrap();
    let lapsed = vec!["ann".to_owned()];
    let two = told(&one, GateDecision { lapsed: lapsed.clone(), ..by("bob") }).unwrap();
    let open = &two.gates[0];
    assert_eq!((two.status, open.votes.len(), open.votes[0].approver.as_str()), (Status::AwaitingIdeate, 1, "bob"));
    assert_ne!(open.opening, one.gates[0].opening, "the links of before are void");
    let three = told(&two, GateDecision { lapsed, ..by("eve") }).unwrap();
    assert_eq!(three.decided.last().unwrap().with, ["bob"]);
}

#[test]
fn a_conversation_of_ones_own_is_oneself() {
    let policy = GatePolicy { self_approval: false, ..GatePolicy::default() };
    for (user, is_own) in [("ann", true), ("ann/shop", true), ("ANN", true), ("anna", false), ("shop/ann", false)] {
        let mut run = at_gate_with(gate("ideate"), policy.clone());
        run.user_id = user.to_owned();
        assert_eq!(told(&run, by("ann")).is_err(), is_own, "{user}");
    }
}

#[test]
fn one_no_ends_the_run_whoever_approved_before() {
    let one = told(&at_gate_with(gate("ideate"), two_of(&[])), by("ann")).unwrap();
    for name in ["ann", "bob"] {
        let next = told(&one, GateDecision { verdict: Verdict::Reject, ..by(name) }).unwrap();
        assert_eq!(next.status, Status::Rejected);
    }
}

#[test]
fn only_those_whom_the_policy_names_decide() {
    let run = at_gate_with(gate("ideate"), two_of(&["ann", "bob"]));
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
    let mut run = at_gate_with(gate("ideate"), policy);
    run.started_by = Some("ann".into());
    for name in ["ann", run.user_id.clone().as_str()] {
        assert_eq!(told(&run, by(name)), Err(Refusal::SelfApproval { gate: gate("ideate") }), "{name}");
    }
    assert!(told(&run, by("bob")).is_ok());
    assert!(told(&run, GateDecision { verdict: Verdict::Reject, ..by("ann") }).is_ok());
}

#[test]
fn a_reason_is_asked_for_where_the_policy_does_and_for_every_change() {
    let policy = GatePolicy { reason_required: true, ..GatePolicy::default() };
    let strict = at_gate_with(gate("ideate"), policy);
    let lenient = at_gate(gate("ideate"));
    let say =
        |verdict, comment: Option<&str>| GateDecision { verdict, comment: comment.map(str::to_owned), ..by("ann") };
    let asked = Err(Refusal::ReasonRequired { gate: gate("ideate") });
    assert_eq!(told(&strict, say(Verdict::Reject, None)), asked);
    assert_eq!(told(&lenient, say(Verdict::RequestChanges, None)), asked);
    assert!(told(&lenient, say(Verdict::Reject, None)).is_ok());
    assert!(told(&strict, say(Verdict::Reject, Some("dull"))).is_ok());
    assert!(told(&strict, say(Verdict::Approve, None)).is_ok());
}

#[test]
fn an_edit_is_kept_as_a_diff_and_no_persona_writes_over_it() {
    let policy = GatePolicy { edits: vec!["plan".into(), "script".into()], ..GatePolicy::default() };
    let run = at_gate_with(gate("ideate"), policy);
    let edit = Edit::from([
        (Field::Prompt(0).to_string(), "mine".to_owned()),
        (Field::Header(1).to_string(), "HEAD".to_owned()),
    ]);
    let next = told(&run, GateDecision { edit, ..by("ann") }).unwrap();
    let decided = next.decided.last().unwrap();
    let changed: Vec<_> = decided.edits.iter().map(|change| (change.field.as_str(), change.before.is_some())).collect();
    assert_eq!(changed, [("clips.0.prompt", false), ("clips.1.header", true)]);
    assert_eq!(next.body.clips[1].header, "HEAD");
    let prompts: Vec<_> = next
        .body
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
    let one = told(&at_gate_with(gate("ideate"), two_of(&[])), by("ann")).unwrap();
    let opening = one.gates[0].opening;
    let edit = Edit::from([(Field::Header(0).to_string(), "NEW".to_owned())]);
    let edited = told(&one, GateDecision { edit, ..by("bob") }).unwrap();
    let open = &edited.gates[0];
    assert_eq!((open.opening, open.votes.len(), open.votes[0].approver.as_str()), (opening + 1, 1, "bob"));
    let stale = GateDecision { opening: Some(opening), ..by("ann") };
    assert_eq!(told(&edited, stale), Err(Refusal::StaleLink));
    assert_eq!(told(&edited, by("ann")).unwrap().status, Status::Running);
}

#[test]
fn changes_send_the_work_back_to_its_persona_and_the_gate_opens_anew() {
    for (gate, persona) in [(gate("ideate"), "iggy"), (gate("prepublish"), "alex")] {
        let run = at_gate(gate);
        let opening = run.gates[0].opening;
        let ask = GateDecision { gate, verdict: Verdict::RequestChanges, comment: Some("warmer".into()), ..by("ann") };
        let linked = GateDecision { opening: Some(opening), ..ask.clone() };
        let mut next = told(&run, linked.clone()).unwrap();
        assert!(next.decided.iter().any(|decided| decided.verdict == Verdict::RequestChanges), "{persona}");
        while next.open_gate(gate).is_none() {
            next = step_on(&next);
        }
        assert_eq!(next.gates[0].opening, opening + 1);
        assert_eq!(told(&next, linked).unwrap(), next, "said twice by the same link: nothing more");
    }
    let asked = GateDecision { verdict: Verdict::RequestChanges, comment: Some("x".into()), ..by("ann") };
    let nobody = told(&at_gate(gate("workflow")), GateDecision { gate: gate("workflow"), ..asked });
    assert_eq!(nobody, Err(Refusal::NobodyToAsk { gate: gate("workflow") }));
}

#[test]
fn what_was_asked_for_reaches_the_persona() {
    let ask = GateDecision { verdict: Verdict::RequestChanges, comment: Some("warmer light".into()), ..by("ann") };
    let run = told(&at_gate(gate("ideate")), ask).unwrap();
    let next = told(&run, by("ann")).unwrap();
    assert!(next.body.clips[0].prompt.as_ref().unwrap().contains("warmer light"));
    let no_memory = crate::persona::memory::Memory::default();
    let user = crate::persona::brief(&run, crate::definition::Role::Write, "", &no_memory).user;
    assert!(user.contains(r#""changes_requested":["warmer light"]"#), "{user}");
}

#[test]
fn changes_are_not_asked_for_without_end() {
    let mut run = at_gate(gate("ideate"));
    let ask = GateDecision { verdict: Verdict::RequestChanges, comment: Some("more".into()), ..by("ann") };
    for _ in 0..ROUNDS_MAX {
        run = told(&run, ask.clone()).unwrap();
    }
    assert!(matches!(told(&run, ask), Err(Refusal::TooManyRounds { .. })));
    assert!(told(&run, by("ann")).is_ok());
}

#[test]
fn reopening_makes_links_and_approvals_void_and_keeps_the_deadline() {
    let one = told(&at_gate_with(gate("ideate"), two_of(&[])), by("ann")).unwrap();
    let opening = one.gates[0].opening;
    let reopen = Command::ReopenGate { gate: gate("ideate"), reason: "a link leaked".into() };
    let again = try_command(&one, reopen).unwrap();
    let open = &again.gates[0];
    assert_eq!((open.opening, open.votes.len(), again.deadline), (opening + 1, 0, one.deadline));
    let stolen = GateDecision { opening: Some(opening), ..by("ann") };
    assert_eq!(told(&again, stolen), Err(Refusal::StaleLink));
}
