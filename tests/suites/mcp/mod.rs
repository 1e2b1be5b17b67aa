//! What agents get: the protocol of both eras, the tools and resources, the plain calls; and what they never get, a decision.

mod plain;
mod protocol;
mod resources;
mod tools;

use crate::support::{Answer, Call, Service, service};
use serde_json::{Value, json};

const MODERN: &str = "2026-07-28";
const META: &str = "io.modelcontextprotocol/";

/// A message of the current revision, with its headers.
fn modern(service: &Service, method: &str, params: Value) -> Call {
    modern_from(service, method, params, json!({}))
}

/// The same from a client that can do this.
fn modern_from(service: &Service, method: &str, mut params: Value, capabilities: Value) -> Call {
    params["_meta"] =
        json!({format!("{META}protocolVersion"): MODERN, format!("{META}clientCapabilities"): capabilities});
    let name = params["name"].as_str().or(params["uri"].as_str()).map(str::to_owned);
    let call = service.post("/mcp").header("mcp-protocol-version", MODERN).header("mcp-method", method);
    let call = match name {
        Some(name) => call.header("mcp-name", name),
        None => call,
    };
    call.header("accept", "application/json, text/event-stream").json(&message(method, params))
}

/// A message of the revision before.
fn legacy(service: &Service, method: &str, params: Value) -> Call {
    service.post("/mcp").header("mcp-protocol-version", "2025-11-25").json(&message(method, params))
}

fn message(method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
}

/// The result of an answer that has one.
#[track_caller]
fn result(answer: Answer) -> Value {
    let answer = answer.expect(200).json();
    assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!(7)), "{answer}");
    assert!(answer["error"].is_null(), "{answer}");
    answer["result"].clone()
}

/// The code of an answer that is an error of this status.
#[track_caller]
fn error(answer: Answer, status: u16) -> i64 {
    let answer = answer.expect(status).json();
    assert!(answer.get("result").is_none() && answer["error"]["message"].is_string(), "{answer}");
    answer["error"]["code"].as_i64().unwrap()
}

/// What a tool answers to somebody, in both eras alike.
#[track_caller]
fn called_by(service: &Service, tool: &str, arguments: Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    let answer = result(modern(service, "tools/call", params).send());
    assert_eq!(answer["resultType"], "complete", "{answer}");
    answer
}

/// The facts of a tool that did what it was asked to.
#[track_caller]
fn facts(tool: &str, arguments: Value) -> Value {
    let answer = called_by(service(), tool, arguments);
    assert_eq!(answer["isError"], false, "{answer}");
    answer["structuredContent"].clone()
}

/// What a tool has against its arguments, in its own words.
#[track_caller]
fn refusal_to(service: &Service, tool: &str, arguments: Value) -> String {
    let answer = called_by(service, tool, arguments);
    assert_eq!(answer["isError"], true, "{answer}");
    assert!(answer.get("structuredContent").is_none(), "{answer}");
    let text = answer["content"][0]["text"].as_str().unwrap();
    text.strip_prefix("Error: ").unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[track_caller]
fn refusal(tool: &str, arguments: Value) -> String {
    refusal_to(service(), tool, arguments)
}
