//! What operators do to a counting run, over the routes.

use crate::house::House;
use crate::life::{approve, counting};
use mw_toy::GATES;
use serde_json::{Value, json};

fn ask(house: &House, run_id: &str, verb: &str, body: Value) -> Value {
    house.json("POST", &format!("/v1/runs/{run_id}/{verb}"), &body.to_string())
}

#[test]
fn a_paused_run_keeps_still_until_it_is_resumed() {
    let mut house = House::new();
    let run_id = counting(&house, 1);
    assert_eq!(ask(&house, &run_id, "pause", json!({"reason": "lunch"}))["status"], "paused");
    assert_eq!(house.dispatch().committed, 0);
    assert_eq!(ask(&house, &run_id, "resume", json!({}))["status"], "counting");
    house.dispatch();
    assert_eq!(house.status(&run_id), "resting");
}

#[test]
fn every_open_state_can_be_cancelled_and_terminated() {
    let house = House::new();
    let open = || {
        let waiting = house.start(1);
        let half = house.start(1);
        house.tell(&half, &approve(GATES[0])).unwrap();
        let paused = house.start(1);
        ask(&house, &paused, "pause", json!({}));
        [waiting, half, counting(&house, 1), paused]
    };
    for run_id in open() {
        assert_eq!(ask(&house, &run_id, "cancel", json!({}))["status"], "cancelled");
    }
    for run_id in open() {
        let ended = ask(&house, &run_id, "terminate", json!({}));
        assert_eq!((&ended["status"], &ended["deadline"]), (&json!("failed"), &Value::Null));
        assert_eq!(ask(&house, &run_id, "terminate", json!({}))["outcome"], "unchanged");
        let late = house.ask("POST", &format!("/v1/runs/{run_id}/pause"), "{}");
        assert_eq!(late.err().unwrap().code, "run-already-ended");
    }
}

#[test]
fn its_deadline_can_be_moved() {
    let house = House::new();
    let run_id = house.start(1);
    let before = house.run(&run_id).deadline.unwrap();
    assert_eq!(ask(&house, &run_id, "extend", json!({"seconds": 86_400}))["outcome"], "changed");
    assert!(house.run(&run_id).deadline.unwrap() > before);
}

#[test]
fn an_ended_run_goes_on_in_one_successor() {
    let house = House::new();
    let run_id = house.start(2);
    ask(&house, &run_id, "cancel", json!({}));
    let first = ask(&house, &run_id, "retry", json!({}));
    let again = ask(&house, &run_id, "retry", json!({}));
    assert_eq!((&first["outcome"], &first["successor"]), (&json!("successor"), &again["successor"]));
    let successor = house.run(first["successor"].as_str().unwrap());
    assert_eq!((successor.parent.unwrap().run_id, successor.gates.len()), (run_id.clone(), 2));
    let headers = [("x-api-key", "a-long-api-key-of-the-house"), ("idempotency-key", "once-more")];
    let headers = [headers[0], headers[1], ("content-type", "application/json")];
    let target = format!("/v1/runs/{run_id}/rerun");
    let rerun = house.send("POST", &target, &headers, r#"{"from":"count"}"#).unwrap();
    let rerun: Value = serde_json::from_slice(&rerun.body).unwrap();
    assert_eq!((&rerun["outcome"], rerun["successor"] == first["successor"]), (&json!("successor"), false));
}

#[test]
fn verbs_take_many_runs_at_once() {
    let house = House::new();
    let runs = [house.start(1), house.start(2), counting(&house, 3)];
    let bulk = |dry_run: bool| {
        let body = json!({"verb": "cancel", "filter": {"project": "counting"}, "dry_run": dry_run}).to_string();
        house.json("POST", "/v1/runs/bulk", &body)["results"].as_array().unwrap().clone()
    };
    assert_eq!(bulk(true).iter().filter(|result| result["status"] == "cancelled").count(), runs.len());
    assert!(runs.iter().all(|run_id| !house.run(run_id).is_ended()), "a dry run changes nothing");
    assert_eq!(bulk(false).iter().filter(|result| result["outcome"] == "changed").count(), runs.len());
    assert!(runs.iter().all(|run_id| house.status(run_id) == "cancelled"));
}
