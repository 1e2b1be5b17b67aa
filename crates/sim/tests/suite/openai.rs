//! The language model, and its own faults.

use mw_providers::llm::{Api, Ask, Message, Settings, Shape, complete};
use mw_providers::{Fault, FaultClass};
use serde_json::{Value, json};

use crate::common::*;

fn ask(sim: &Sim) -> Result<Value, Fault> {
    let settings = Settings {
        api: Api::OpenAi,
        base_url: format!("{}/openai", sim.url),
        api_key: "k".into(),
        model: "sim".into(),
    };
    let schema = json!({"type": "object", "properties": {"title": {"type": "string"}}});
    let ask = Ask {
        system: "You are iggy.",
        messages: &[Message::User("candles".into())],
        tools: &[],
        shape: Some(Shape { name: "storyboard", schema: &schema }),
        answer_tokens_max: 800,
    };
    sim.run(complete(&sim.client, &settings, &ask)).map(|(answer, _)| answer)
}

#[test]
fn the_model_answers_in_the_schema_or_as_told() {
    let sim = Sim::start();
    assert_eq!(ask(&sim), Ok(json!({"title": "simulated"})));
    sim.control("llm", json!({"storyboard": {"title": "Candles"}}));
    assert_eq!(ask(&sim), Ok(json!({"title": "Candles"})));
}

#[test]
fn every_fault_of_a_model() {
    for (fault, class, code) in [
        ("invalid_json_arguments", FaultClass::Retryable, "invalid_json"),
        ("invalid_json_content", FaultClass::Retryable, "invalid_json"),
        ("null_content", FaultClass::Retryable, "no_content"),
        ("refusal", FaultClass::Final, "refusal"),
        ("cut_off", FaultClass::Retryable, "length"),
        ("overloaded_529", FaultClass::RateLimited, "529"),
        ("status_429", FaultClass::RateLimited, "429"),
        ("status_500", FaultClass::Unavailable, "500"),
        ("malformed_json", FaultClass::Retryable, "malformed_answer"),
        ("drop_connection", FaultClass::Unavailable, "no_answer"),
    ] {
        let sim = Sim::start();
        sim.control("faults", json!({"provider": "openai", "fault": fault, "times": 1, "retry_after_seconds": 2}));
        let answer = ask(&sim).unwrap_err();
        assert_eq!((answer.class, answer.code.as_str()), (class, code), "{fault}");
        if class == FaultClass::RateLimited {
            assert_eq!(answer.retry_after_seconds, Some(2));
        }
        assert!(ask(&sim).is_ok());
    }
}

#[test]
fn a_server_that_knows_only_max_tokens() {
    let sim = Sim::start();
    sim.fault("openai", "only_max_tokens");
    assert!(ask(&sim).is_ok());
    assert_eq!(sim.state()["counts"]["openai"]["requests"], 2);
}

#[test]
fn requests_are_checked() {
    let sim = Sim::start();
    let ask = |key: &str, body: &str| {
        let request =
            http::Request::post(format!("{}/openai/v1/chat/completions", sim.url)).header("authorization", key);
        sim.call(request.body(body.as_bytes().to_vec()).unwrap())
    };
    let good = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
    for (key, body, status) in [
        ("Bearer k", good, 200),
        ("Basic k", good, 401),
        ("Bearer k", "{", 400),
        ("Bearer k", r#"{"messages":[1]}"#, 400),
        ("Bearer k", r#"{"model":"m","messages":[]}"#, 400),
    ] {
        assert_eq!(ask(key, body).0, status, "{key} {body}");
    }
    let (_, answer) = ask("Bearer k", good);
    assert_eq!(answer["choices"][0]["message"]["content"], "This is a simulated answer.");
}
