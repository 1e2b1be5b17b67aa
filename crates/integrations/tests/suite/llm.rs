//! The language model's structured answers: every way to answer, and every way not to. `conversation` has the rest.

use crate::common::*;
use mw_integrations::llm::{Api, Ask, Learnt, Message, Settings, Shape, complete};
use mw_integrations::{Fault, FaultClass, TransportError};
use serde_json::{Value, json};

fn settings() -> Settings {
    Settings {
        api: Api::OpenAi,
        base_url: "https://llm.example/v1/".into(),
        api_key: KEY.into(),
        model: "gpt-x".into(),
        dialect: Learnt::default(),
    }
}

fn storyboard<'a>(messages: &'a [Message], schema: &'a Value) -> Ask<'a> {
    let shape = Some(Shape { name: "storyboard", schema });
    Ask { system: "You are iggy.", messages, tools: &[], shape, answer_tokens_max: 800 }
}

fn ask(client: &Client) -> Result<Value, Fault> {
    now(complete(client, &settings(), &storyboard(&[Message::User("candles".into())], &json!({"type": "object"}))))
        .map(|(answer, _)| answer)
}

fn choice(message: Value, reason: &str) -> Value {
    json!({"choices": [{"message": message, "finish_reason": reason}]})
}

fn content(text: &str) -> Value {
    choice(json!({"role": "assistant", "content": text, "refusal": null}), "stop")
}

#[test]
fn the_request() {
    let client = Client::json(200, content("{\"a\":1}"));
    assert_eq!(ask(&client), Ok(json!({"a": 1})));
    let request = client.request();
    assert_eq!(request.uri(), "https://llm.example/v1/chat/completions");
    assert_eq!(request.headers()["authorization"], format!("Bearer {KEY}"));
    let body = client.request_body();
    assert_eq!(body["model"], "gpt-x");
    assert_eq!(body["messages"][0], json!({"role": "system", "content": "You are iggy."}));
    assert_eq!(
        body["response_format"]["json_schema"],
        json!({"name": "storyboard", "strict": true, "schema": {"type": "object"}})
    );
    assert!(body["max_completion_tokens"].is_u64() && body.get("max_tokens").is_none());
    assert!(!format!("{:?}", settings()).contains(KEY));
}

#[test]
fn a_server_that_knows_only_max_tokens_is_asked_again_once() {
    let unknown =
        || answer(400, json!({"error": {"message": "Unrecognized argument", "param": "max_completion_tokens"}}));
    let client = Client::answering([unknown(), answer(200, content("[1]"))]);
    assert_eq!(ask(&client), Ok(json!([1])));
    let body = client.request_body();
    assert!(body["max_tokens"].is_u64() && body.get("max_completion_tokens").is_none());
    let client = Client::answering([unknown(), unknown()]);
    assert!(ask(&client).unwrap_err().is_final());
    assert_eq!(client.requests.borrow().len(), 2);
}

#[test]
fn json_is_found_in_every_dress() {
    let call = |name: &str| {
        let function = json!({"name": name, "arguments": "{\"a\":1}"});
        choice(
            json!({"content": null, "tool_calls": [{"id": "1", "type": "function", "function": function}]}),
            "tool_calls",
        )
    };
    for body in
        [content(" {\"a\":1}\n"), content("```json\n{\"a\":1}\n```"), content("```\n{\"a\":1}```"), call("storyboard")]
    {
        assert_eq!(ask(&Client::json(200, body.clone())), Ok(json!({"a": 1})), "{body}");
    }
    assert_eq!(ask(&Client::json(200, call("other"))).unwrap_err().code, "no_content");
}

#[test]
fn what_is_no_answer() {
    let arguments =
        json!({"content": null, "tool_calls": [{"function": {"name": "storyboard", "arguments": "{\"a\":"}}]});
    for (body, class, code) in [
        (choice(json!({"content": null, "refusal": "I can't"}), "stop"), FaultClass::Final, "refusal"),
        (choice(json!({"content": "{}", "refusal": ""}), "content_filter"), FaultClass::Final, "content_filter"),
        (choice(json!({"content": "{\"a\""}), "length"), FaultClass::Retryable, "length"),
        (choice(json!({"content": null}), "stop"), FaultClass::Retryable, "no_content"),
        (content("  "), FaultClass::Retryable, "no_content"),
        (content("Sure! {"), FaultClass::Retryable, "invalid_json"),
        (choice(arguments, "tool_calls"), FaultClass::Retryable, "invalid_json"),
        (json!({"choices": []}), FaultClass::Retryable, "malformed_answer"),
        (json!("x"), FaultClass::Retryable, "malformed_answer"),
    ] {
        let fault = ask(&Client::json(200, body.clone())).unwrap_err();
        assert_eq!((fault.class, fault.code.as_str()), (class, code), "{body}");
    }
}

#[test]
fn errors_of_the_server() {
    let error = json!({"error": {"message": "why", "type": "t", "param": null, "code": null}});
    for (status, headers, class, wait) in [
        (429, vec![("retry-after", "3")], FaultClass::RateLimited, Some(3)),
        (529, vec![("retry-after-ms", "1500"), ("retry-after", "9")], FaultClass::RateLimited, Some(2)),
        (500, vec![], FaultClass::Unavailable, None),
        (409, vec![], FaultClass::Retryable, None),
        (401, vec![], FaultClass::Final, None),
        (429, vec![("x-should-retry", "false")], FaultClass::Final, None),
        (400, vec![("x-should-retry", "true")], FaultClass::Retryable, None),
    ] {
        let answer = headers
            .iter()
            .fold(answer(status, error.clone()), |answer, (name, value)| with_header(answer, name, value));
        let fault = ask(&Client::answering([answer])).unwrap_err();
        assert_eq!((fault.class, fault.retry_after_seconds, fault.message.as_str()), (class, wait, "why"), "{status}");
    }
    let fault = ask(&Client::answering([Err(TransportError::Unanswered("late".into()))])).unwrap_err();
    assert_eq!(fault.class, FaultClass::Unavailable);
}

#[test]
fn what_a_model_says_can_be_stored_and_holds_no_key() {
    let said = json!({"summary": "a\u{0}b", "headers": [format!("the key is {KEY}")]});
    let answer = ask(&Client::json(200, content(&said.to_string()))).unwrap();
    assert_eq!(answer, json!({"summary": "a\u{fffd}b", "headers": ["the key is ***"]}));
}
