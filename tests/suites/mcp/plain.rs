//! The same tools without MCP, as HotDash's agents call them, and the original adapter's own methods.

use super::{error, message, result};
use crate::support::{Run, service};
use serde_json::{Value, json};

#[test]
fn tools_are_listed_and_called_without_mcp() {
    let listed = service().post("/mcp/tools/list").send().expect(200).json();
    let same = service().post("/mcp").json(&json!({"method": "tools/list"})).send().expect(200).json();
    assert_eq!(listed, same);
    let members: Vec<&String> = listed["tools"][0].as_object().unwrap().keys().collect();
    assert_eq!(members, ["description", "inputSchema", "name"]);

    let run = Run::start();
    let call = json!({"name": "get_run_status", "arguments": {"runId": run.id}});
    let answer = service().post("/mcp/tools/call").json(&call).send().expect(200).json();
    let text: Value = serde_json::from_str(answer["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!((&text["status"], answer.get("isError")), (&json!("pending_workflow"), None));
    let through = json!({"method": "tools/call", "params": call});
    assert_eq!(service().post("/mcp").json(&through).send().expect(200).json(), answer);
}

#[test]
fn refusals_are_those_that_its_clients_know() {
    let call = |body: Value| service().post("/mcp/tools/call").json(&body).send();
    for nameless in [json!({}), json!({"name": ""}), json!({"name": 7, "arguments": {}})] {
        let problem = call(nameless).expect_problem(400, "Tool name is required");
        assert_eq!(problem["error"], "Tool name is required");
    }
    let unknown = call(json!({"name": "approve_gate"})).expect(200).json();
    let text = "Error: Unknown tool: approve_gate";
    assert_eq!(unknown, json!({"content": [{"type": "text", "text": text}], "isError": true}));
    let bad = call(json!({"name": "query_support", "arguments": {"q": "x", "topK": 99}})).expect(200).json();
    assert_eq!(
        (&bad["isError"], &bad["content"][0]["text"]),
        (&json!(true), &json!("Error: topK must be between 1 and 20"))
    );
    call(json!({"name": "list_runs", "arguments": "all"})).expect(422);
    for method in [json!("prompts/list"), json!(7), json!(null)] {
        let answer = service().post("/mcp").json(&json!({"method": method})).send();
        answer.expect_problem(400, "Invalid MCP method. Use tools/list or tools/call");
    }
}

#[test]
fn the_originals_methods_answer_with_its_codes() {
    let run = Run::start();
    let ask = |method: &str, params: Value| service().post("/mcp").json(&message(method, params)).send();
    assert_eq!(result(ask("get_run_status", json!({"runId": run.id})))["runId"], run.id.as_str());
    assert!(result(ask("list_projects", json!({})))["projects"].is_array());
    let said = result(ask("ask_brendan", json!({"user_id": "ann", "message": "hello"})));
    assert!(said["response"].is_string());
    let missing = ask("get_run_status", json!({})).expect(200).json();
    assert_eq!((&missing["error"]["code"], &missing["error"]["message"]), (&json!(400), &json!("runId is required")));
    let missing = ask("ask_brendan", json!({"message": "hello"})).expect(200).json();
    assert_eq!(missing["error"]["message"], "user_id and message are required");
    assert_eq!(error(ask("get_run_status", json!({"runId": "nowhere"})), 200), 404);
    assert_eq!(error(ask("start_run", json!({})), 200), -32601);
}
