//! What a gate's policy asks for, over every HTTP channel: on stacks of these tests' own, whose project has that policy.

use crate::support::{Run, Service, service, stack};
use mw::mode::Mode;
use mw_media::definition::Definition;
use mw_stack::stack::Stack;
use serde_json::{Value, json};

/// A stack whose test_video_gen has these policies, by gate; its other gates have the shipped one.
fn with_policies(policies: Value) -> (Stack, Service) {
    let stack = stack::builder().mode(Mode::Mock).start().unwrap();
    apply_policies(&stack, &policies);
    let service = stack::service_of(&stack);
    (stack, service)
}

/// Gives the stack's test_video_gen these policies, by gate.
pub(crate) fn apply_policies(stack: &Stack, policies: &Value) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../projects/test_video_gen.json");
    let mut project: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    project["version"] = json!("9.0.0");
    for step in project["steps"].as_array_mut().unwrap().iter_mut().filter(|step| step["kind"] == "gate") {
        let gate = step["gate"].as_str().unwrap().to_owned();
        step["policy"] = policies.get(&gate).cloned().unwrap_or(json!({}));
    }
    let definition = Definition::from_json(&project.to_string()).unwrap();
    let mut client = mw::projects::connect(stack.database().url()).unwrap();
    mw::projects::apply(&mut client, &definition).unwrap();
}

fn start(service: &Service) -> Run {
    Run::start_at(service, "test_video_gen")
}

fn by_link(run: &Run, gate: &str, name: &str, decision: Value) -> crate::support::Answer {
    run.service.call("POST", &run.link_for(gate, Some(name))).json(&decision).send()
}

/// Ann, bob and eve, as principals.
fn introduce(service: &Service) {
    for name in ["ann", "bob", "eve"] {
        service.introduce(name, "approver");
    }
}

fn item_path(run: &Run, gate: &str) -> String {
    format!("/v1/gates/{}/{gate}", run.id)
}

#[test]
fn a_quorum_of_two_takes_two_people_and_shows_its_progress() {
    let (_stack, service) = with_policies(json!({"workflow": {"approvals": 2}}));
    introduce(&service);
    let run = start(&service);
    let approve = json!({"decision": "approve"});
    let first = by_link(&run, "workflow", "ann", approve.clone()).expect(200).json();
    assert_eq!(first, json!({"status": "pending", "runId": run.id, "gate": "workflow", "approvals": 1, "needed": 2}));
    assert_eq!(
        by_link(&run, "workflow", "ann", approve.clone()).expect(200).json(),
        first,
        "the same person counts once"
    );
    let quorum = service.get(&item_path(&run, "workflow")).send().expect(200).json()["brief"]["quorum"].clone();
    assert_eq!((&quorum["needed"], &quorum["approved_by"]), (&json!(2), &json!(["ann"])));
    let why = service.get(&format!("/v1/runs/{}/why", run.id)).send().expect(200).json();
    assert!(why["details"].to_string().contains("1 of 2 approvals: ann"), "{why}");
    assert_eq!(run.status(), "pending_workflow");

    let second = by_link(&run, "workflow", "bob", approve.clone()).expect(200).json();
    assert_eq!(second, json!({"status": "approved", "runId": run.id, "gate": "workflow"}));
    run.wait_for("awaiting_ideate");
    let rows = service
        .database()
        .rows("SELECT approver, decision FROM hitl_approvals WHERE run_id = $1 ORDER BY id", &[&run.id]);
    assert_eq!(
        json!(rows),
        json!([{"approver": "ann", "decision": "approved"}, {"approver": "bob", "decision": "approved"}])
    );
    let late = by_link_of_a_decided_gate(&run, "eve");
    assert_eq!(late["decided_by"], "bob");
}

/// No link is made for a decided gate any more; a key finds out too.
fn by_link_of_a_decided_gate(run: &Run, name: &str) -> Value {
    run.service.get(&format!("/v1/hitl/link/{}/workflow?approver={name}", run.id)).send().expect(409).json()
}

#[test]
fn two_approvers_at_once_are_two_of_two() {
    let (_stack, service) = with_policies(json!({"workflow": {"approvals": 2}}));
    introduce(&service);
    let runs: Vec<Run> = (0..4).map(|_| start(&service)).collect();
    for run in &runs {
        let links = ["ann", "bob", "eve"].map(|name| run.link_for("workflow", Some(name)));
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let calls = links.iter().map(|link| {
                scope.spawn(|| service.call("POST", link).json(&json!({"decision": "approve"})).send().status)
            });
            calls.collect::<Vec<_>>().into_iter().map(|call| call.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 2, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 1, "{statuses:?}");
        assert_eq!(run.count_events("gate.voted"), 1);
        run.wait_for("awaiting_ideate");
    }
}

#[test]
fn only_those_whom_the_policy_names_decide_by_whichever_way() {
    let (_stack, service) = with_policies(json!({"workflow": {"approvers": ["ann"]}}));
    let run = start(&service);
    let refusals = [
        service.post(&run.gate_path("workflow")).json(&json!({})).send(),
        service.get(&run.gate_path("workflow")).send(),
        service.post(&item_path(&run, "workflow")).json(&json!({"type": "accept"})).send(),
        service.post(&item_path(&run, "workflow")).json(&json!({"type": "ignore"})).send(),
        service.get(&format!("/v1/hitl/link/{}/workflow?approver=bob", run.id)).send(),
    ];
    for refusal in refusals {
        let problem = refusal.expect(403).json();
        assert_eq!(problem["code"], "gate-not-yours");
        assert!(problem["detail"].as_str().unwrap().contains("ann may"), "{problem}");
    }
    assert_eq!(service.database().count("SELECT FROM hitl_approvals", &[]), 0);
    by_link(&run, "workflow", "ann", json!({"decision": "approve"})).expect(200);
    run.wait_for("awaiting_ideate");
}

#[test]
fn a_policy_may_forbid_approving_ones_own_run() {
    let (_stack, service) = with_policies(json!({"workflow": {"self_approval": false}}));
    let run = start(&service);
    let problem = service.post(&run.gate_path("workflow")).json(&json!({})).send().expect(403).json();
    assert_eq!(problem["code"], "gate-not-yours");
    // The user is nobody whom the table knows, and may be the starter by another name.
    let guest = service.get(&format!("/v1/hitl/link/{}/workflow?approver={}", run.id, run.user)).send().expect(403);
    assert!(guest.text().contains("principals only"), "{}", guest.text());
    introduce(&service);
    by_link(&run, "workflow", "operator", json!({"decision": "approve"})).expect(403);
    by_link(&run, "workflow", "ann", json!({"decision": "approve"})).expect(200);
    run.wait_for("awaiting_ideate");
    let other = start(&service);
    other.service.post(&other.gate_path("workflow")).json(&json!({"decision": "reject"})).send().expect(200);
    assert_eq!(other.status(), "rejected", "to stop a run is never self-approval");
}

#[test]
fn a_rejection_gives_its_reason_where_the_policy_asks() {
    let (_stack, service) = with_policies(json!({"workflow": {"reason_required": true}}));
    let run = start(&service);
    let path = run.gate_path("workflow");
    let problem = service.post(&path).json(&json!({"decision": "reject", "comment": " "})).send().expect(422).json();
    assert_eq!(problem["errors"][0]["pointer"], "#/comment");
    service.post(&path).json(&json!({"decision": "reject", "comment": "dull"})).send().expect(200);
    assert_eq!(run.status(), "rejected");
}

#[test]
fn an_edit_is_applied_and_kept_as_a_diff() {
    let (_stack, service) = with_policies(json!({"ideate": {"edits": ["plan", "script"]}}));
    let run = start(&service).approved("workflow");
    run.wait_for("awaiting_ideate");
    let path = run.gate_path("ideate");
    for (edit, pointer) in [
        (json!({"caption": "x"}), "#/edit/caption"),
        (json!({"clips.9.header": "x"}), "#/edit/clips.9.header"),
        (json!({"clips.0.header": "x".repeat(81)}), "#/edit/clips.0.header"),
        (json!({"nothing": "x"}), "#/edit"),
    ] {
        let problem = service.post(&path).json(&json!({"edit": edit})).send().expect(422).json();
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    assert_eq!(run.status(), "awaiting_ideate");
    let edit = json!({"clips.0.prompt": "A candle in the rain", "clips.1.header": "dusk"});
    service.post(&path).json(&json!({"edit": edit})).send().expect(200);
    let run = run.approved("prepublish");
    let view = run.wait_for("published");
    assert_eq!(view["result"]["videos"][0]["prompt"], "A candle in the rain");
    assert_eq!(view["result"]["videos"][1]["header"], "dusk");
    let decided =
        run.events().into_iter().rfind(|event| event["type"] == "gate.decided" && event["data"]["gate"] == "ideate");
    let edits = decided.unwrap()["data"]["edits"].clone();
    assert_eq!(edits[0], json!({"field": "clips.0.prompt", "after": "A candle in the rain"}));
    assert_eq!(edits[1], json!({"field": "clips.1.header", "before": "pickle", "after": "dusk"}));
}

#[test]
fn changes_go_back_to_the_persona_and_the_old_link_is_void() {
    let (_stack, service) = with_policies(json!({}));
    let run = start(&service).approved("workflow");
    run.wait_for("awaiting_ideate");
    let link = run.link_for("ideate", Some("ann"));
    let bobs = run.link_for("ideate", Some("bob"));
    service.call("POST", &link).json(&json!({"decision": "request_changes"})).send().expect(422);
    let asked = json!({"decision": "request_changes", "comment": "warmer light"});
    for _ in 0..2 {
        let answer = service.call("POST", &link).json(&asked).send().expect(200).json();
        assert_eq!(answer["status"], "changes_requested");
    }
    assert_eq!(run.count_events("gate.decided"), 2, "said twice, done once");
    run.wait_for("awaiting_ideate");
    let problem = service.call("POST", &bobs).json(&json!({})).send().expect(409).json();
    assert_eq!((&problem["decided_by"], &problem["decision"]), (&json!("ann"), &json!("changes_requested")));
    let run = run.approved("ideate");
    let prompt = run.view()["result"]["videos"][0]["prompt"].as_str().unwrap().to_owned();
    assert!(prompt.contains("warmer light"), "{prompt}");
    let workflow = start(&service);
    let nobody = service.post(&workflow.gate_path("workflow")).json(&asked).send().expect(409).json();
    assert_eq!(nobody["code"], "nothing-to-change");
}

#[test]
fn reopening_a_gate_makes_its_links_void() {
    let run = Run::start();
    let (stolen, stale) = (run.link_for("workflow", Some("ann")), run.link("workflow"));
    let path = format!("{}/reopen", item_path(&run, "workflow"));
    service().call("POST", &path).json(&json!({})).send().expect(401);
    service().get(&path).send().expect(405);
    let answer = service().post(&path).json(&json!({"reason": "forwarded"})).send().expect(200).json();
    assert_eq!(answer, json!({"runId": run.id, "gate": "workflow", "opening": 2}));
    for link in [&stolen, &stale] {
        assert_eq!(service().call("GET", link).send().expect(403).json()["code"], "invalid-token");
        assert_eq!(service().call("POST", link).json(&json!({})).send().expect(403).json()["code"], "invalid-token");
    }
    service().call("POST", &run.link_for("workflow", Some("ann"))).json(&json!({})).send().expect(200);
    run.wait_for("awaiting_ideate");
}

#[test]
fn the_inbox_speaks_the_verbs_of_agent_inboxes() {
    let (_stack, service) = with_policies(
        json!({"ideate": {"edits": ["plan"]}, "workflow": {"approvers": ["operator", "ann"]}, "prepublish": {"approvers": ["ann"]}}),
    );
    let list = |query: &str| service.get(&format!("/v1/gates{query}")).send().expect(200).json();
    assert_eq!(list(""), json!({"gates": [], "next_cursor": null}));
    let runs: Vec<Run> = (0..3).map(|_| start(&service)).collect();
    let page = list("?limit=2");
    assert_eq!(page["gates"].as_array().unwrap().len(), 2);
    let rest = list(&format!("?limit=2&cursor={}", page["next_cursor"].as_str().unwrap()));
    let listed: Vec<&Value> =
        page["gates"].as_array().unwrap().iter().chain(rest["gates"].as_array().unwrap()).collect();
    let ids: Vec<&str> = listed.iter().map(|item| item["runId"].as_str().unwrap()).collect();
    assert_eq!(ids, runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), "the most urgent first");
    assert_eq!(
        listed[0]["config"],
        json!({"allow_accept": true, "allow_edit": false, "allow_respond": false, "allow_ignore": true})
    );

    let tell = |run: &Run, gate: &str, body: Value| {
        service.post(&item_path(run, gate)).json(&body).send().expect(200).json()["status"].clone()
    };
    assert_eq!(tell(&runs[0], "workflow", json!({"type": "accept", "args": null})), "approved");
    assert_eq!(tell(&runs[1], "workflow", json!({"type": "ignore", "args": null})), "rejected");
    let ideate = service.get(&item_path(&runs[0], "ideate")).send().expect(200).json();
    assert_eq!((&ideate["config"]["allow_edit"], &ideate["config"]["allow_respond"]), (&json!(true), &json!(true)));
    assert_eq!(tell(&runs[0], "ideate", json!({"type": "response", "args": "warmer"})), "changes_requested");
    let mut request = service.get(&item_path(&runs[0], "ideate")).send().expect(200).json()["action_request"].clone();
    request["args"]["clips.0.header"] = json!("DUSK");
    assert_eq!(tell(&runs[0], "ideate", json!({"type": "edit", "args": request})), "approved");
    let prepublish = runs[0].wait_for("awaiting_prepublish");
    assert_eq!(prepublish["result"]["videos"][0]["header"], "DUSK");
    assert_eq!(list("?gate=prepublish")["gates"].as_array().unwrap().len(), 1);
    assert_eq!(list("?gate=prepublish&mine=true")["gates"], json!([]), "only ann may decide there");
    assert_eq!(list("?gate=workflow&mine=true")["gates"].as_array().unwrap().len(), 1);
    service.get("/v1/gates?gate=Final").send().expect(422);
    service.get("/v1/gates?cursor=x").send().expect(422);
    service.get(&item_path(&runs[1], "workflow")).send().expect(409);
}
