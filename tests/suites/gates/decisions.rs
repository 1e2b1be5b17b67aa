//! Deciding: once, by whom, and what everybody else is told.

use super::robots::form_token;
use super::{approve, decisions, reject};
use crate::support::{Run, eventually, service};
use serde_json::json;

#[test]
fn a_link_approves_once_and_its_repetition_succeeds_again() {
    let run = Run::start();
    let link = run.link("workflow");
    let expected = json!({"status": "approved", "runId": run.id, "gate": "workflow"});
    for _ in 0..3 {
        assert_eq!(service().call("POST", &link).json(&approve()).send().expect(200).json(), expected);
    }
    assert_eq!(decisions(&run), (1, 1));
    run.wait_for("awaiting_ideate");
}

#[test]
fn an_empty_post_approves() {
    let run = Run::start();
    service().call("POST", &run.link("workflow")).send().expect(200);
    run.wait_for("awaiting_ideate");
}

#[test]
fn anybody_else_is_told_who_decided_what_and_when() {
    let run = Run::start();
    let (ann, bob) = (run.link_for("workflow", Some("ann")), run.link_for("workflow", Some("bob")));
    service().call("POST", &ann).json(&approve()).send().expect(200);
    let late = [
        service().call("POST", &bob).json(&approve()),
        service().call("POST", &bob).json(&reject()),
        service().call("POST", &ann).json(&reject()),
        service().post(&run.gate_path("workflow")).json(&approve()),
        service().get(&run.gate_path("workflow")),
    ];
    for call in late {
        let problem = call.send().expect(409).json();
        assert_eq!(problem["decided_by"], "ann");
        assert_eq!(problem["decision"], "approved");
        assert!(problem["decided_at"].as_str().is_some_and(|at| at.starts_with("20")), "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("ann"), "{problem}");
    }
    assert_eq!(decisions(&run), (1, 1));
}

#[test]
fn twenty_approvals_at_once_leave_one_row() {
    let run = Run::start();
    let links: Vec<String> =
        (0..20).map(|number| run.link_for("workflow", Some(&format!("approver-{}", number % 4)))).collect();
    let statuses: Vec<(usize, u16)> = std::thread::scope(|scope| {
        let calls = links.iter().enumerate().map(|(number, link)| {
            scope.spawn(move || (number % 4, service().call("POST", link).json(&approve()).send().status))
        });
        let calls: Vec<_> = calls.collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(decisions(&run), (1, 1));
    let winner = service().database().row("SELECT approver FROM hitl_approvals WHERE run_id = $1", &[&run.id]);
    for (number, status) in statuses {
        let won = winner["approver"] == format!("approver-{number}");
        assert_eq!(status, if won { 200 } else { 409 }, "approver-{number}, winner {winner}");
    }
    run.wait_for("awaiting_ideate");
    assert_eq!(run.count_events("gate.opened"), 2);
}

#[test]
fn approvals_and_rejections_at_once_have_one_outcome() {
    let run = Run::start();
    let (ann, bob) = (run.link_for("workflow", Some("ann")), run.link_for("workflow", Some("bob")));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..12)
            .map(|number| {
                let (link, decision) = if number % 2 == 0 { (&ann, approve()) } else { (&bob, reject()) };
                scope.spawn(move || service().call("POST", link).json(&decision).send().status)
            })
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(decisions(&run), (1, 1));
    let approved = service().database().row("SELECT decision FROM hitl_approvals WHERE run_id = $1", &[&run.id])["decision"]
        == "approved";
    for (number, status) in statuses.into_iter().enumerate() {
        assert_eq!(status == 200, (number % 2 == 0) == approved, "call {number}: {status}");
    }
    run.wait_for(if approved { "awaiting_ideate" } else { "rejected" });
}

#[test]
fn the_runbooks_curl_approves() {
    for with_token in [true, false] {
        let run = Run::start();
        let path = if with_token { run.link("workflow") } else { run.gate_path("workflow") };
        let answer = service().get(&path).header("accept", "*/*").header("user-agent", "curl/8.5.0").send().expect(200);
        assert_eq!(answer.json(), json!({"status": "approved", "runId": run.id, "gate": "workflow"}));
        assert_eq!(decisions(&run), (1, 1));
    }
}

#[test]
fn a_key_in_a_browser_decides_and_is_answered_with_a_page() {
    let run = Run::start();
    let answer = service().get(&run.gate_path("workflow")).header("accept", "text/html,*/*").send().expect(200);
    assert!(answer.is_html());
    assert_eq!(decisions(&run), (1, 1));
}

#[test]
fn the_pages_form_rejects_with_a_comment_that_is_kept() {
    let run = Run::start();
    let link = run.link_for("workflow", Some("ann"));
    let form = "approver=Ann+B.&comment=too+dull%21%0D%0ATry+again&decision=reject";
    let form = format!("{form}&form_token={}", form_token(&link));
    let answer = service()
        .call("POST", &link)
        .header("accept", "text/html")
        .body("application/x-www-form-urlencoded", form)
        .send()
        .expect(200);
    assert!(answer.is_html());
    let view = run.wait_for("rejected");
    assert_eq!(view["awaiting_gate"], json!(null));
    let artifact = &run.artifacts("hitl.approval")[0]["metadata"];
    assert_eq!(artifact["decision"], "rejected");
    assert_eq!(artifact["comment"], "too dull!\nTry again");
    assert_eq!(artifact["approver"], "ann");
    let row = service()
        .database()
        .row("SELECT decision, approver, metadata FROM hitl_approvals WHERE run_id = $1", &[&run.id]);
    assert_eq!(row["decision"], "rejected");
    assert_eq!(row["metadata"]["comment"], "too dull!\nTry again");
    assert_eq!(row["metadata"]["note"], "Ann B.");
}

#[test]
fn a_decision_is_attributed_with_its_address() {
    let run = Run::start();
    service()
        .post(&run.gate_path("workflow"))
        .json(&json!({"decision": "approve", "comment": "fine"}))
        .send()
        .expect(200);
    let row = service()
        .database()
        .row("SELECT approver, approver_ip, channel FROM hitl_approvals WHERE run_id = $1", &[&run.id]);
    assert_eq!(row["approver"], "operator");
    assert_eq!(row["channel"], "api");
    assert_eq!(row["approver_ip"], "127.0.0.1");
}

#[test]
fn a_gate_that_is_not_open_cannot_be_decided() {
    let run = Run::start();
    for gate in ["ideate", "prepublish"] {
        let detail = format!("Run {} is not waiting at gate {gate}", run.id);
        service().post(&run.gate_path(gate)).json(&approve()).send().expect_problem(409, &detail);
        service().get(&run.gate_path(gate)).send().expect_problem(409, &detail);
    }
    assert_eq!(run.status(), "pending_workflow");
}

#[test]
fn an_ended_run_cannot_be_decided() {
    let run = Run::start();
    let link = run.link("workflow");
    service().post(&format!("/v1/runs/{}/cancel", run.id)).json(&json!({})).send().expect(200);
    let detail = format!("Run {} is already cancelled", run.id);
    service().call("POST", &link).json(&approve()).send().expect_problem(409, &detail);
    service().get(&run.gate_path("workflow")).send().expect_problem(409, &detail);
    assert_eq!(run.status(), "cancelled");
}

#[test]
fn an_overdue_gate_is_closed_before_the_sweep() {
    let run = Run::start();
    service().database().pass_deadline(&run.id);
    let answer = service().post(&run.gate_path("workflow")).json(&approve()).send();
    assert_eq!(answer.status, 409);
    service().sweep();
    eventually("the gate expires", || (run.status() == "expired").then_some(()));
    assert_eq!(decisions(&run), (0, 0));
}

#[test]
fn unknown_runs_and_gates_are_4xx() {
    for method in ["GET", "POST"] {
        let call = |path: &str| service().call(method, path).key().send();
        call("/v1/hitl/approve/no-such-run/workflow").expect_problem(404, "run not found");
        call("/v1/hitl/approve/no-such-run/Final").expect_invalid("path:gate");
    }
}

#[test]
fn a_body_that_is_no_decision_decides_nothing() {
    let run = Run::start();
    let path = run.gate_path("workflow");
    let long = "x".repeat(2001);
    let bad = [
        (json!({"decision": "maybe"}), "#/decision"),
        (json!({"decision": "APPROVE!"}), "#/decision"),
        (json!({"decision": 1}), "#/decision"),
        (json!({"decision": "reject", "comment": ["x"]}), "#/comment"),
        (json!({"decision": "reject", "comment": long}), "#/comment"),
        (json!({"decision": "approve", "approver": {"name": "x"}}), "#/approver"),
        (json!(["approve"]), "#"),
    ];
    for (body, pointer) in bad {
        service().post(&path).json(&body).send().expect_invalid(pointer);
    }
    service()
        .post(&path)
        .body("text/plain", "approve")
        .send()
        .expect_problem(415, "unsupported content-type: text/plain");
    assert_eq!(decisions(&run), (0, 0));
}
