//! The language model in both APIs, and its own faults.

use mw_integrations::llm::{
    Answered, Api, Arguments, Ask, Dialect, Learnt, Message, Settings, Shape, Tool, ToolAnswer, complete, converse,
    converse_streaming,
};
use mw_integrations::{Fault, FaultClass};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

use crate::common::*;

const APIS: [(Api, &str); 2] = [(Api::OpenAi, "openai"), (Api::Anthropic, "anthropic")];

fn settings(sim: &Sim, (api, path): (Api, &str)) -> Settings {
    let (base_url, api_key) = (format!("{}/{path}", sim.url), "k-which-is-secret".into());
    let settings = Settings { api, base_url, api_key, model: "sim".into(), dialect: Learnt::default() };
    // Heard before: the first answer of an unknown server is told at its end.
    settings.dialect.set(Dialect::of_byte(128));
    settings
}

fn ask(sim: &Sim, api: (Api, &str)) -> Result<Value, Fault> {
    let schema = json!({"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"],
                        "additionalProperties": false});
    let ask = Ask {
        system: "You are iggy.",
        messages: &[Message::User("candles".into())],
        tools: &[],
        shape: Some(Shape { name: "storyboard", schema: &schema }),
        answer_tokens_max: 800,
    };
    sim.run(complete(&sim.client, &settings(sim, api), &ask)).map(|(answer, _)| answer)
}

fn tool(name: &'static str, properties: Value) -> Tool {
    let required: Vec<&String> = properties.as_object().unwrap().keys().collect();
    let schema =
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
    Tool { name, description: format!("The tool {name}."), schema }
}

fn tools() -> Vec<Tool> {
    let text = || json!({"type": "string"});
    vec![
        tool("propose_run", json!({"project": text(), "subject": text(), "confidence": {"type": "number"}})),
        tool("start_run", json!({"proposal": text()})),
        tool("list_runs", json!({})),
        tool("search_knowledge", json!({"query": text(), "project": {"type": ["string", "null"]}})),
    ]
}

/// Asks whole and as a stream, which must come to the same.
fn converses(sim: &Sim, api: (Api, &str), messages: &[Message]) -> Result<Answered, Fault> {
    let (tools, settings) = (tools(), settings(sim, api));
    let ask = Ask { system: "You are Brendan.", messages, tools: &tools, shape: None, answer_tokens_max: 800 };
    sim.run(converse(&sim.client, &settings, &ask))
}

fn streams(sim: &Sim, api: (Api, &str), messages: &[Message]) -> (Result<Answered, Fault>, String) {
    let (tools, settings) = (tools(), settings(sim, api));
    let ask = Ask { system: "You are Brendan.", messages, tools: &tools, shape: None, answer_tokens_max: 800 };
    let mut told = String::new();
    let answered = sim.run(converse_streaming(&sim.client, &settings, &ask, &mut |text| told.push_str(text)));
    (answered, told)
}

fn user(text: &str) -> Vec<Message> {
    vec![Message::User(text.into())]
}

/// The conversation, with what a tool says to the model's only call.
fn answered_by(mut messages: Vec<Message>, answered: Answered, content: &str) -> Vec<Message> {
    let call_id = answered.calls[0].id.clone();
    messages.push(Message::Assistant { text: answered.text, calls: answered.calls });
    messages.push(Message::ToolAnswers(vec![ToolAnswer { call_id, content: content.into(), is_error: false }]));
    messages
}

#[test]
fn the_model_answers_in_the_schema_or_as_told() {
    for api in APIS {
        let sim = Sim::start();
        assert_eq!(ask(&sim, api), Ok(json!({"title": "simulated"})));
        sim.control("llm", json!({"storyboard": {"title": "Candles"}}));
        assert_eq!(ask(&sim, api), Ok(json!({"title": "Candles"})));
    }
}

#[test]
fn every_fault_of_a_model() {
    for (fault, class, code) in [
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
        for api in APIS {
            let sim = Sim::start();
            sim.control("faults", json!({"provider": api.1, "fault": fault, "times": 1, "retry_after_seconds": 2}));
            let answer = ask(&sim, api).unwrap_err();
            assert_eq!((answer.class, answer.code.as_str()), (class, code), "{fault} {api:?}");
            if class == FaultClass::RateLimited {
                assert_eq!(answer.retry_after_seconds, Some(2));
            }
            assert!(ask(&sim, api).is_ok());
        }
    }
    let sim = Sim::start();
    sim.fault("openai", "invalid_json_arguments");
    assert_eq!(ask(&sim, APIS[0]).unwrap_err().code, "invalid_json");
}

#[test]
fn a_server_that_knows_only_max_tokens() {
    let sim = Sim::start();
    sim.fault("openai", "only_max_tokens");
    assert!(ask(&sim, APIS[0]).is_ok());
    assert_eq!(sim.state()["counts"]["openai"]["requests"], 2);
}

#[test]
fn every_dialect_comes_to_the_same_answers_and_calls() {
    for dialect in [
        "thinks_in_tags",
        "thinks_aloud",
        "thinks_in_channels",
        "thinks_in_bare_channels",
        "thinks_in_thoughts",
        "thinks_in_signs",
        "ends_in_tokens",
        "calls_as_text",
        "calls_in_a_fence",
        "calls_after_a_mark",
        "calls_between_tags",
        "calls_in_tokens",
        "odd_calls",
        "loose_calls",
        "changing_ids",
        "all_again",
        "thinks_in_channels calls_between_tags ends_in_tokens no_end_of_stream",
    ] {
        let sim = Sim::start();
        sim.control("faults", json!({"provider": "openai", "fault": "dialect", "text": dialect}));
        let proposed = json!({"project": "aismr", "subject": "candles", "confidence": 0.9});
        for (message, text, calls) in [
            ("Hello", "This is a simulated answer.", vec![]),
            ("Please make an AISMR video about candles", "", vec![("propose_run", proposed)]),
            ("status of my runs", "", vec![("list_runs", json!({}))]),
            (
                "How long is a clip?",
                "",
                vec![("search_knowledge", json!({"query": "How long is a clip?", "project": null}))],
            ),
        ] {
            let (tools, settings) = (tools(), settings(&sim, APIS[0]));
            settings.dialect.set(Dialect::default());
            let messages = user(message);
            let ask = Ask { system: "", messages: &messages, tools: &tools, shape: None, answer_tokens_max: 800 };
            let whole = sim.run(converse(&sim.client, &settings, &ask)).unwrap();
            let mut told = String::new();
            let streamed =
                sim.run(converse_streaming(&sim.client, &settings, &ask, &mut |text| told.push_str(text))).unwrap();
            assert_eq!(told, text, "{dialect} {message}");
            for answered in [whole, streamed] {
                let found: Vec<_> = answered.calls.iter().map(|call| (call.name.as_str(), &call.arguments)).collect();
                let calls: Vec<_> =
                    calls.iter().map(|(name, value)| (*name, Arguments::Parsed(value.clone()))).collect();
                let calls: Vec<_> = calls.iter().map(|(name, arguments)| (*name, arguments)).collect();
                assert_eq!((answered.text.as_str(), found), (text, calls), "{dialect} {message}");
            }
        }
    }
}

#[test]
fn what_a_dialect_leaves_half_or_quotes_is_not_taken() {
    for (dialect, code) in [("stops_short", "length"), ("reason_in_200", "429"), ("null_choices", "malformed_answer")] {
        let sim = Sim::start();
        sim.control("faults", json!({"provider": "openai", "fault": "dialect", "text": dialect}));
        assert_eq!(converses(&sim, APIS[0], &user("Hello")).unwrap_err().code, code, "{dialect}");
        assert_eq!(streams(&sim, APIS[0], &user("Hello")).0.unwrap_err().code, code, "{dialect}");
    }
    let sim = Sim::start();
    sim.control("faults", json!({"provider": "openai", "fault": "dialect", "text": "quotes_calls"}));
    let quoted = converses(&sim, APIS[0], &user("Hello")).unwrap();
    assert!(quoted.calls.is_empty() && quoted.text.contains("{\"name\": \"list_runs\""), "{}", quoted.text);
    let (streamed, told) = streams(&sim, APIS[0], &user("Hello"));
    assert_eq!((streamed.unwrap().text, told), (quoted.text.clone(), quoted.text));
}

#[test]
fn without_a_script_the_offered_tools_are_used() {
    for api in APIS {
        let sim = Sim::start();
        let messages = user("Please make an AISMR video about candles");
        let proposed = converses(&sim, api, &messages).unwrap();
        assert_eq!(proposed.calls[0].name, "propose_run");
        let expected = json!({"project": "aismr", "subject": "candles", "confidence": 0.9});
        assert_eq!(proposed.calls[0].arguments, Arguments::Parsed(expected));
        let messages = answered_by(messages, proposed, "{\"proposal\":\"p1\",\"may_start\":true}");
        let started = converses(&sim, api, &messages).unwrap();
        assert_eq!(
            (started.calls[0].name.as_str(), &started.calls[0].arguments),
            ("start_run", &Arguments::Parsed(json!({"proposal": "p1"})))
        );
        let messages = answered_by(messages, started, "{\"run_id\":\"r1\"}");
        let told = converses(&sim, api, &messages).unwrap();
        assert!(told.calls.is_empty() && told.text.contains("r1"), "{told:?}");
        assert_eq!(converses(&sim, api, &user("status of my runs")).unwrap().calls[0].name, "list_runs");
        let searched = converses(&sim, api, &user("How long is a clip?")).unwrap();
        assert_eq!(
            searched.calls[0].arguments,
            Arguments::Parsed(json!({"query": "How long is a clip?", "project": null}))
        );
        assert_eq!(converses(&sim, api, &user("Hello")).unwrap().text, "This is a simulated answer.");
    }
}

#[test]
fn a_stream_comes_to_what_the_whole_answer_says() {
    for api in APIS {
        let sim = Sim::start();
        let text = "Zwei Käse 🧀 and a longer text, which comes in pieces.";
        let step = json!({"text": text, "calls": [{"name": "list_runs"}, {"name": "start_run", "arguments": {"proposal": "p1"}}]});
        sim.control("llm", json!({"script": {"steps": [step, step]}}));
        let whole = converses(&sim, api, &user("x")).unwrap();
        let (streamed, told) = streams(&sim, api, &user("x"));
        let streamed = streamed.unwrap();
        assert_eq!(
            (told.as_str(), streamed.text.as_str(), streamed.usage.output_tokens),
            (text, text, whole.usage.output_tokens)
        );
        assert!(!streamed.usage.estimated);
        let calls = |answered: &Answered| -> Vec<(String, Arguments)> {
            answered.calls.iter().map(|call| (call.name.clone(), call.arguments.clone())).collect()
        };
        assert_eq!(calls(&streamed), calls(&whole));
        assert_eq!(calls(&whole)[1].1, Arguments::Parsed(json!({"proposal": "p1"})));
    }
}

#[test]
fn rules_of_a_script_hold_for_each_conversation_by_itself() {
    for api in APIS {
        let sim = Sim::start();
        let then = json!([{"calls": [{"name": "start_run", "arguments": {"proposal": "{candles}"}}]},
                          {"calls": [{"name": "start_run", "arguments": {"proposal": "$result:/a/0"}}]}, {"text": "Got {result}."}]);
        sim.control(
            "llm",
            json!({"script": {"rules": [{"when": "candles", "then": then}], "steps": [{"text": "once"}]}}),
        );
        let messages = user("about candles");
        let first = converses(&sim, api, &messages).unwrap();
        assert_eq!(converses(&sim, api, &user("soap")).unwrap().text, "once");
        assert_eq!(converses(&sim, api, &user("soap")).unwrap().text, "This is a simulated answer.");
        let messages = answered_by(messages, first, "{\"a\":[\"p7\"]}");
        let second = converses(&sim, api, &messages).unwrap();
        assert_eq!(second.calls[0].arguments, Arguments::Parsed(json!({"proposal": "p7"})));
        let messages = answered_by(messages, second, "[1]");
        assert_eq!(converses(&sim, api, &messages).unwrap().text, "Got [1].");
        assert_eq!(sim.post("/_sim/llm", json!({"script": {"step": []}})).0, 400);
    }
}

#[test]
fn faults_of_calls_and_of_streams() {
    for api in APIS {
        let sim = Sim::start();
        let once =
            |fault: &str| sim.control("faults", json!({"provider": api.1, "fault": fault, "times": 1, "ms": 20}));
        once("unknown_tool");
        assert_eq!(converses(&sim, api, &user("x")).unwrap().calls[0].name, "no_such_tool");
        once("injected_call");
        let injected = converses(&sim, api, &user("x")).unwrap().calls.remove(0);
        assert_eq!(injected.name, "approve_gate");
        assert!(matches!(&injected.arguments, Arguments::Parsed(arguments) if arguments["user_id"] == "mallory"));
        once("invalid_json_arguments");
        let (malformed, _) = streams(&sim, api, &user("x"));
        assert_eq!(malformed.unwrap().calls[0].arguments, Arguments::Unreadable("{\"a\": ".into()));
        once("refusal");
        assert_eq!(streams(&sim, api, &user("x")).0.unwrap_err().code, "refusal");
        once("stream_cut");
        let (cut, told) = streams(&sim, api, &user("x"));
        assert_eq!((cut.unwrap_err().class, told.is_empty()), (FaultClass::Unavailable, false));
        once("stream_error");
        let class = if api.0 == Api::OpenAi { FaultClass::Unavailable } else { FaultClass::RateLimited };
        assert_eq!(streams(&sim, api, &user("x")).0.unwrap_err().class, class);
        once("overloaded_529");
        assert_eq!(streams(&sim, api, &user("x")).0.unwrap_err().retry_after_seconds, Some(2));
        once("slow_stream");
        let started = Instant::now();
        assert!(streams(&sim, api, &user("x")).0.is_ok());
        assert!(started.elapsed() >= Duration::from_millis(80));
    }
}

#[test]
fn what_the_model_was_told_can_be_looked_at_without_keys() {
    for api in APIS {
        let sim = Sim::start();
        converses(&sim, api, &user("about candles")).unwrap();
        converses(&sim, api, &user("about soap")).unwrap();
        let rows = sim.get("/_sim/llm/requests?contains=soap").1["requests"].as_array().unwrap().clone();
        assert_eq!(
            (rows.len(), &rows[0]["provider"], &rows[0]["answer"]["text"]),
            (1, &json!(api.1), &json!("This is a simulated answer."))
        );
        assert!(rows[0]["body"]["messages"].to_string().contains("about soap") && rows[0]["microseconds"].is_u64());
        let all = sim.get("/_sim/llm/requests").1;
        assert_eq!(all["requests"].as_array().unwrap().len(), 2);
        assert!(!all.to_string().contains("k-which-is-secret"));
    }
}

#[test]
fn requests_are_checked_as_openai_checks_them() {
    let sim = Sim::start();
    let ask = |key: &str, body: &Value| {
        let request =
            http::Request::post(format!("{}/openai/v1/chat/completions", sim.url)).header("authorization", key);
        sim.call(request.body(body.to_string().into_bytes()).unwrap())
    };
    let good = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let call = |arguments: Value| json!({"role": "assistant", "content": null, "tool_calls": [{"id": "a", "type": "function", "function": {"name": "t", "arguments": arguments}}]});
    let answer = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "x"});
    let strict = json!({"type": "json_schema", "json_schema": {"name": "x", "strict": true, "schema": {"type": "object", "properties": {"a": {"type": "null"}}}}});
    let tool =
        |name: &str, schema: Value| json!([{"type": "function", "function": {"name": name, "parameters": schema}}]);
    for (key, body, status) in [
        ("Bearer k", good.clone(), 200),
        ("Basic k", good.clone(), 401),
        ("Bearer k", with("model", Value::Null), 400),
        ("Bearer k", with("messages", json!([])), 400),
        ("Bearer k", with("messages", json!([{"role": "user", "content": null}])), 400),
        ("Bearer k", with("messages", json!([{"role": "robot", "content": "x"}])), 400),
        ("Bearer k", with("messages", json!([call(json!("{}")), answer("a")])), 200),
        ("Bearer k", with("messages", json!([call(json!({})), answer("a")])), 400),
        ("Bearer k", with("messages", json!([call(json!("{}")), answer("b")])), 400),
        ("Bearer k", with("messages", json!([call(json!("{}"))])), 400),
        ("Bearer k", with("messages", json!([call(json!("{}")), {"role": "user", "content": "x"}])), 400),
        ("Bearer k", with("max_completion_tokens", json!(0)), 400),
        ("Bearer k", with("max_completions", json!(9)), 400),
        ("Bearer k", with("stream_options", json!({"include_usage": true})), 400),
        ("Bearer k", with("tool_choice", json!("auto")), 400),
        ("Bearer k", with("response_format", strict), 400),
        ("Bearer k", with("tools", tool("t", json!({"type": "object"}))), 200),
        ("Bearer k", with("tools", tool("a tool", json!({"type": "object"}))), 400),
        ("Bearer k", with("tools", tool("t", json!({}))), 400),
        ("Bearer k", with("tools", json!([])), 400),
    ] {
        assert_eq!(ask(key, &body).0, status, "{key} {body}");
    }
    assert_eq!(ask("Bearer k", &json!("x")).0, 400);
}

#[test]
fn requests_are_checked_as_anthropic_checks_them() {
    let sim = Sim::start();
    let ask = |headers: &[(&str, &str)], body: &Value| {
        let request = http::Request::post(format!("{}/anthropic/v1/messages", sim.url));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        sim.call(request.body(body.to_string().into_bytes()).unwrap())
    };
    let ours: [(&str, &str); 2] = [("x-api-key", "k"), ("anthropic-version", "2023-06-01")];
    let good = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]});
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let said = |more: Value| {
        let mut messages = vec![json!({"role": "user", "content": "hi"})];
        messages.extend(more.as_array().unwrap().clone());
        with("messages", json!(messages))
    };
    let call = |input: Value| json!({"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "t", "input": input}]});
    let result =
        |id: &str| json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "x"}]});
    let format = |schema: Value| json!({"format": {"type": "json_schema", "schema": schema}});
    for (body, status) in [
        (good.clone(), 200),
        (with("max_tokens", Value::Null), 400),
        (with("messages", json!([])), 400),
        (with("messages", json!([{"role": "assistant", "content": "hi"}])), 400),
        (with("messages", json!([{"role": "system", "content": "hi"}])), 400),
        (with("messages", json!([{"role": "user", "content": ""}])), 400),
        (said(json!([call(json!({})), result("a")])), 200),
        (said(json!([call(json!("{}")), result("a")])), 400),
        (said(json!([call(json!({})), result("b")])), 400),
        (said(json!([call(json!({}))])), 400),
        (said(json!([call(json!({})), {"role": "user", "content": "well?"}])), 400),
        (said(json!([{"role": "assistant", "content": [{"type": "text", "text": ""}]}])), 400),
        (with("max_completion_tokens", json!(9)), 400),
        (with("tools", json!([{"name": "t", "input_schema": {"type": "object"}}])), 200),
        (with("tools", json!([{"name": "t", "parameters": {"type": "object"}}])), 400),
        (with("tool_choice", json!({"type": "auto"})), 400),
        (with("output_config", format(json!({"type": "object", "additionalProperties": false}))), 200),
        (with("output_config", format(json!({"type": "object"}))), 400),
    ] {
        assert_eq!(ask(&ours, &body).0, status, "{body}");
    }
    assert_eq!(ask(&ours[1..], &good).0, 401);
    let (status, answer) = ask(&ours[..1], &good);
    assert_eq!(
        (status, &answer["type"], &answer["error"]["type"]),
        (400, &json!("error"), &json!("invalid_request_error"))
    );
    assert_eq!(ask(&[("x-api-key", "k"), ("anthropic-version", "2020-01-01")], &good).0, 400);
}
