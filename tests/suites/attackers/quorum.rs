//! One person stays one person: on a stack whose first gate takes two, and none whoever started the run.

use super::people::{Group, Person, gate_link, link_in};
use crate::channels::{answered, decisions, run_of_chat, told};
use crate::gates::policies::apply_policies;
use crate::support::simulator::Simulator;
use crate::support::{Run, Service, stack};
use mw_stack::stack::Stack;
use serde_json::{Value, json};

fn stack_with(policy: Value) -> (Stack, Service, Simulator) {
    let stack = stack::builder().start().unwrap();
    apply_policies(&stack, &json!({"workflow": policy}));
    let service = stack::service_of(&stack);
    let simulator = Simulator::of(&service);
    (stack, service, simulator)
}

/// How many approvals the run's first gate has.
fn votes(run: &Run) -> usize {
    run.count_events("gate.voted")
}

#[test]
#[ignore = "needs simulated providers"]
fn one_person_is_no_quorum_of_two() {
    let (_stack, service, simulator) = stack_with(json!({"approvals": 2}));
    let (group, ann) = (Group::listed(&service), Person::new(&service, "approver"));
    let run = run_of_chat(&service, &group.chat);
    let answer = ann.says(&simulator, &group.chat, "send me the approve link").unwrap();
    assert!(answer.contains("/console/runs/") && link_in(&answer).is_none(), "{answer}");
    told(&simulator, &group.chat, "sendMessage", "inline_keyboard");

    // By key, by the own link and by a button: it is always ann.
    ann.service.post(&run.gate_path("workflow")).json(&json!({})).send().expect(200);
    let own = ann.service.get(&format!("/v1/hitl/link/{}/workflow", run.id)).send().expect(200).json();
    let own = link_in(own["approvalUrl"].as_str().unwrap()).unwrap();
    service.call("POST", &own).json(&json!({})).send().expect(200);
    ann.presses(&simulator, &group.chat, "Approve");
    answered(&simulator, "1 of 2 at the workflow gate");
    assert_eq!((votes(&run), run.status().as_str()), (1, "pending_workflow"));

    // Nor by another name: not asked for by herself, and as a guest by nobody.
    let other = format!("/v1/hitl/link/{}/workflow?approver=ann-again", run.id);
    ann.service.get(&other).send().expect(403);
    let guest = gate_link(&run, "ann-again").expect(403).json();
    assert!(guest["detail"].as_str().unwrap().contains("principals only"), "{guest}");

    let bob = Person::new(&service, "approver");
    bob.presses(&simulator, &group.chat, "Approve");
    run.wait_for("awaiting_ideate");
    let names: Vec<String> = decisions(&run).into_iter().map(|(_, name, _)| name).collect();
    assert_eq!(names, [ann.name, bob.name]);
}

#[test]
#[ignore = "needs simulated providers"]
fn an_approval_ends_with_its_approvers_rights() {
    let (_stack, service, _) = stack_with(json!({"approvals": 2}));
    let people = ["ann", "bob", "eve", "joe"].map(|_| Person::new(&service, "approver"));
    let [ann, bob, eve, joe] = &people;
    let run = Run::start_at(&service, "test_video_gen");
    let approvals = |person: &Person| {
        let answer = person.service.post(&run.gate_path("workflow")).json(&json!({})).send().expect(200).json();
        answer["approvals"].as_u64()
    };
    assert_eq!(approvals(ann), Some(1));
    ann.disable(&service);
    assert_eq!(approvals(bob), Some(1), "ann's counts no longer");
    service.post(&format!("/v1/principals/{}", bob.name)).json(&json!({"role": "viewer"})).send().expect(200);
    assert_eq!(approvals(eve), Some(1), "nor does bob's");
    assert_eq!(approvals(joe), None, "eve and joe are two");
    run.wait_for("awaiting_ideate");
    assert_eq!(run.count_events("gate.reopened"), 2);
    run.assert_healthy();
}

#[test]
#[ignore = "needs simulated providers"]
fn a_guests_link_of_before_counts_as_no_vote() {
    let (_stack, service, _) = stack_with(json!({"approvals": 2}));
    let run = Run::start_at(&service, "test_video_gen");
    let claims = mw_media::token::Claims {
        opening: 1,
        subject_sha256: run.subject("workflow"),
        approver: "guest".to_owned(),
        expires_at: crate::support::signing::unix_now() + 60,
        nonce: "n".to_owned(),
    };
    let token = mw_media::token::issue(&service.hitl_secret, &run.id, mw_media::gate!("workflow"), &claims);
    for decision in ["approve", "reject"] {
        let link = format!("{}?token={token}", run.gate_path("workflow"));
        let refused = service.call("POST", &link).json(&json!({"decision": decision})).send().expect(403).json();
        assert_eq!(refused["code"], "gate-not-yours", "{refused}");
    }
    assert_eq!((votes(&run), run.status().as_str()), (0, "pending_workflow"));
}

#[test]
#[ignore = "needs simulated providers"]
fn nobody_approves_their_own_run_through_a_messenger() {
    let (_stack, service, simulator) = stack_with(json!({"self_approval": false}));
    let (group, ann) = (Group::listed(&service), Person::new(&service, "approver"));
    for chat in [&ann.id, &group.chat] {
        ann.says(&simulator, chat, "Make a Test Video Gen run about candles").unwrap();
        let run = super::people::runs_of(&service, chat).remove(0);
        told(&simulator, chat, "sendMessage", "inline_keyboard");
        ann.presses(&simulator, chat, "Approve");
        answered(&simulator, "whoever started the run may not approve it");
        let own = ann.service.get(&format!("/v1/hitl/link/{}/workflow", run.id)).send().expect(200).json();
        let own = link_in(own["approvalUrl"].as_str().unwrap()).unwrap();
        service.call("POST", &own).json(&json!({})).send().expect(403);
        assert_eq!(run.status(), "pending_workflow");
        let stranger = Person::new(&service, "stranger");
        gate_link(&run, &stranger.name).expect(403);
    }
}
