//! A counting run from its start to its end: two gates, decided by two channels, one effect for each number, and a timer.

use crate::house::{House, Outside, hidden};
use mw_kernel::gate_policy::GatePolicy;
use mw_kernel::principal::Principal;
use mw_kernel::run::{AnyCommand, GateDecision};
use mw_kernel::status::{Channel, End, GateName, Verdict};
use mw_store::doctor::Scope;
use mw_toy::{GATE_SECONDS, GATES, REST_SECONDS, STEP_SECONDS};
use time::Duration;

pub(crate) fn approve(gate: &str) -> AnyCommand {
    let gate = GateName::parse(gate).unwrap();
    AnyCommand::DecideGate(GateDecision::new(gate, Verdict::Approve, Principal::operator(), Channel::Api))
}

/// A run that counts: both of its gates are approved.
pub(crate) fn counting(house: &House, target: u32) -> String {
    let run_id = house.start(target);
    for gate in GATES {
        house.tell(&run_id, &approve(gate)).unwrap();
    }
    run_id
}

#[test]
fn two_channels_decide_then_it_counts_rests_and_is_done() {
    let mut house = House::new();
    let run_id = house.start(2);
    assert_eq!((house.status(&run_id).as_str(), house.run(&run_id).gates.len()), ("checking", 2));
    // The first gate with an API key, the second by a signed link.
    let decided = house.json("POST", &format!("/v1/gates/{run_id}/{}", GATES[0]), r#"{"decision":"approve"}"#);
    assert_eq!(decided["status"], "approved");
    assert_eq!(house.status(&run_id), "checking");
    let link = house.json("GET", &format!("/v1/hitl/link/{run_id}/{}", GATES[1]), "");
    let target = link["approvalUrl"].as_str().unwrap().strip_prefix("http://house.test").unwrap().to_owned();
    let page = house.send("GET", &target, &[("accept", "text/html")], "").unwrap();
    let page = String::from_utf8(page.body).unwrap();
    assert!(page.contains("Count to 2?") && page.contains("counting to 2"), "{page}");
    assert_eq!(house.status(&run_id), "checking", "whoever looks decides nothing");
    let form = format!("decision=approve&opening=2&form_token={}", hidden(&page, "form_token"));
    let headers = [("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded")];
    let answer = house.send("POST", &target, &headers, &form).unwrap();
    let answer = String::from_utf8(answer.body).unwrap();
    assert!(answer.contains("The run now waits for counting to 1."), "{answer}");
    let decided = house.run(&run_id).decided;
    assert_eq!(decided.iter().map(|gate| gate.channel).collect::<Vec<_>>(), [Channel::Api, Channel::Link]);
    // Its effects are claimed, carried out and told the run.
    let report = house.dispatch();
    assert_eq!((report.committed, house.status(&run_id).as_str()), (2, "resting"));
    house.ahead += Duration::seconds(i64::from(REST_SECONDS));
    assert_eq!(house.sweep().deadlines, 1);
    let run = house.run(&run_id);
    assert_eq!((run.end, run.status.as_str()), (Some(End::Done), "counted"));
    let counted = house.events(&run_id).into_iter().filter(|name| name.starts_with("count.")).collect::<Vec<_>>();
    let expected =
        ["requested", "counted", "requested", "counted", "rested", "done"].map(|name| format!("count.{name}"));
    assert_eq!(counted, expected);
    assert_eq!(house.findings(&Scope::default()), []);
}

#[test]
fn the_first_decision_at_a_gate_wins() {
    let house = House::new();
    let run_id = house.start(1);
    house.tell(&run_id, &approve(GATES[0])).unwrap();
    let late = house.ask("POST", &format!("/v1/gates/{run_id}/{}", GATES[0]), r#"{"decision":"reject"}"#);
    assert_eq!(late.err().unwrap().code, "gate-already-decided");
    let rejected = house.json("POST", &format!("/v1/gates/{run_id}/{}", GATES[1]), r#"{"decision":"reject"}"#);
    assert_eq!((&rejected["status"], house.status(&run_id).as_str()), (&"rejected".into(), "rejected"));
}

#[test]
fn a_gate_can_need_several_people_and_opens_anew() {
    let house = House::new();
    let run_id = house.start_with(1, &GatePolicy { approvals: 2, ..GatePolicy::default() });
    let voted = house.json("POST", &format!("/v1/gates/{run_id}/{}", GATES[0]), r#"{"decision":"approve"}"#);
    assert_eq!((&voted["status"], &voted["approvals"]), (&"pending".into(), &1.into()));
    let reopened = house.json("POST", &format!("/v1/gates/{run_id}/{}/reopen", GATES[0]), r#"{"reason":"again"}"#);
    assert_eq!(reopened["opening"], 3);
    assert!(house.run(&run_id).gates.iter().all(|open| open.votes.is_empty()));
}

#[test]
fn the_sweep_warns_and_then_expires_a_gate() {
    let mut house = House::new();
    let run_id = house.start(1);
    house.ahead += Duration::seconds(i64::from(GATE_SECONDS) * 9 / 10);
    assert_eq!(house.sweep().gate_warnings, 1);
    assert!(house.run(&run_id).gates.iter().all(|open| open.warned));
    house.ahead += Duration::seconds(i64::from(GATE_SECONDS));
    assert_eq!(house.sweep().deadlines, 1);
    assert_eq!(house.status(&run_id), "expired");
    assert_eq!(house.findings(&Scope::default()), []);
}

#[test]
fn the_sweep_fails_a_step_that_did_not_end_in_time() {
    let mut house = House::new();
    let run_id = counting(&house, 1);
    house.ahead += Duration::seconds(i64::from(STEP_SECONDS) + 1);
    house.sweep();
    let run = house.run(&run_id);
    assert_eq!((run.status.as_str(), run.error.unwrap().error_type.as_str()), ("failed", "step_timeout"));
}

#[test]
fn an_effect_whose_holder_died_is_carried_out_by_another() {
    let mut house = House::new();
    let run_id = counting(&house, 1);
    let now = mw_engine::World::now(&house);
    let claim = mw_store::effects::claim(&mut house.db(), now, 16, 45).unwrap();
    assert_eq!((claim.effects.len(), claim.runs[&run_id].kind.as_str()), (1, "counter"));
    assert_eq!(house.dispatch().claimed, 0);
    house.ahead += Duration::seconds(46);
    assert_eq!(house.sweep().expired_leases, 1);
    house.dispatch();
    assert_eq!(house.status(&run_id), "resting");
}

#[test]
fn people_are_told_of_its_gates_in_its_own_words() {
    let mut house = House::new();
    let sql = "INSERT INTO channels (kind, address, created_at) VALUES ('telegram', '-100', now())";
    house.db().driver().batch_execute(sql).unwrap();
    let run_id = house.start(3);
    let outside = Outside::default();
    house.dispatch_over(&outside);
    let sent = outside.0.into_inner();
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(sent.iter().all(|message| message.contains("Count to 3?") && message.contains(&run_id)), "{sent:?}");
}
