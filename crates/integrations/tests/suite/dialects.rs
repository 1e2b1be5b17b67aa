//! What servers of OpenAI's API really refuse and answer: bodies as people have posted them in public issues.

use crate::common::*;
use mw_integrations::llm::{
    Answered, Api, Arguments, Ask, Dialect, Learnt, Message, Settings, Shape, Tool, complete, converse,
    converse_streaming,
};
use mw_integrations::{Fault, FaultClass, HttpClient, Pieces, StreamingClient, TransportError};
use serde_json::{Value, json};

fn settings() -> Settings {
    let (base_url, dialect) = ("https://llm.example".into(), Learnt::default());
    Settings { api: Api::OpenAi, base_url, api_key: KEY.into(), model: "m".into(), dialect }
}

fn tools() -> Vec<Tool> {
    let tool = |name, schema| Tool { name, description: "Lists runs.".into(), schema };
    let query = json!({"type": "object", "properties": {"query": {"type": ["string", "null"]}}});
    vec![tool("list_runs", json!({"type": "object"})), tool("search", query)]
}

fn completion(message: Value) -> Value {
    json!({"choices": [{"message": message, "finish_reason": "stop"}]})
}

fn content(text: &str) -> Value {
    completion(json!({"content": text}))
}

fn shaped(client: &Client, settings: &Settings) -> Result<Value, Fault> {
    let schema = json!({"type": "object"});
    let shape = Some(Shape { name: "storyboard", schema: &schema });
    let messages = [Message::User("candles".into())];
    let ask = Ask { system: "You are iggy.", messages: &messages, tools: &[], shape, answer_tokens_max: 800 };
    now(complete(client, settings, &ask)).map(|(answer, _)| answer)
}

fn asked<T>(ask: impl FnOnce(&Ask<'_>) -> T) -> T {
    let (messages, tools) = ([Message::User("Hello".into())], tools());
    ask(&Ask { system: "Be brief.", messages: &messages, tools: &tools, shape: None, answer_tokens_max: 800 })
}

fn said(message: Value) -> Answered {
    asked(|ask| now(converse(&Client::json(200, completion(message)), &settings(), ask))).unwrap()
}

fn bodies(client: &Client) -> Vec<Value> {
    client.requests.borrow().iter().map(|request| serde_json::from_slice(request.body()).unwrap()).collect()
}

const UNAVAILABLE: &str = "This response_format type is unavailable now";

#[test]
fn schemas_step_down_to_json_and_then_to_words() {
    let refusals = [
        (
            400,
            json!({"error": {"message": UNAVAILABLE, "type": "invalid_request_error", "code": "invalid_request_error"}}),
        ),
        (
            422,
            json!({"detail": [{"type": "literal_error", "loc": ["body", "response_format", "type"], "msg": "Input should be 'text'"}]}),
        ),
        (
            400,
            json!([{"error": {"code": 400, "message": "Invalid JSON payload: response_format", "status": "INVALID_ARGUMENT"}}]),
        ),
        (500, json!({"error": {"code": 500, "message": "failed to parse grammar", "type": "server_error"}})),
        (200, json!({"error": {"code": "400", "message": UNAVAILABLE}})),
        (400, json!({"error": {"code": "1210", "message": "Invalid API parameter, please check the documentation."}})),
    ];
    for (status, refusal) in refusals {
        let unlimited = answer(
            400,
            json!({"object": "error", "code": 400, "message": "[{'loc': ('body', 'max_completion_tokens')}]"}),
        );
        let answers = [
            unlimited,
            answer(status, refusal.clone()),
            answer(status, refusal.clone()),
            answer(200, content("{\"a\":1}")),
        ];
        let (client, settings) = (Client::answering(answers), settings());
        assert_eq!(shaped(&client, &settings), Ok(json!({"a": 1})), "{refusal}");
        let bodies = bodies(&client);
        let formats: Vec<&Value> = bodies.iter().map(|body| &body["response_format"]["type"]).collect();
        assert_eq!(
            formats,
            [&json!("json_schema"), &json!("json_schema"), &json!("json_object"), &Value::Null],
            "{refusal}"
        );
        for body in &bodies[2..] {
            assert!(body["messages"][0]["content"].as_str().unwrap().ends_with("nothing else:\n{\"type\":\"object\"}"));
        }
        assert_eq!(settings.dialect.get().names(), ["max_tokens", "no json_schema", "no response_format"]);
        // The next call begins there.
        let client = Client::json(200, content("{\"a\":2}"));
        assert_eq!(shaped(&client, &settings), Ok(json!({"a": 2})));
        assert!(client.request_body().get("response_format").is_none() && client.request_body()["max_tokens"] == 800);
    }
}

#[test]
fn what_is_remembered_may_have_changed() {
    let settings = settings();
    settings.dialect.set(Dialect::of_byte(2));
    let message =
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
    let refusal = json!({"error": {"message": message, "param": "max_tokens", "code": "unsupported_parameter"}});
    let client = Client::answering([answer(400, refusal), answer(200, content("{}"))]);
    assert_eq!(shaped(&client, &settings), Ok(json!({})));
    assert_eq!(settings.dialect.get().names(), Vec::<&str>::new());
}

#[test]
fn other_refusals_stand() {
    for (status, body) in [
        (401, json!({"error": {"message": "Incorrect API key: response_format"}})),
        (429, json!({"error": {"message": "max_completion_tokens per minute"}})),
        (404, json!({"error": {"message": "The model `m` does not exist"}})),
        (400, json!({"error": {"message": "maximum context length is 8192 tokens"}})),
    ] {
        let client = Client::json(status, body.clone());
        assert_eq!(shaped(&client, &settings()).unwrap_err().code, status.to_string(), "{body}");
    }
}

#[test]
fn a_server_without_a_version_is_found() {
    let not_found = [json!({"detail": "Not Found"}), Value::Null];
    for body in not_found {
        let (client, settings) = (Client::answering([answer(404, body), answer(200, content("{}"))]), settings());
        assert_eq!(shaped(&client, &settings), Ok(json!({})));
        let paths: Vec<String> =
            client.requests.borrow().iter().map(|request| request.uri().path().to_owned()).collect();
        assert_eq!(paths, ["/v1/chat/completions", "/chat/completions"]);
        assert_eq!(settings.dialect.get().names(), ["no version in its paths"]);
    }
    let versioned = Settings { base_url: "https://llm.example/api/paas/v4".into(), ..settings() };
    assert_eq!(shaped(&Client::json(404, Value::Null), &versioned).unwrap_err().code, "404");
}

#[test]
fn errors_inside_of_a_success_are_errors() {
    for (body, class, code, message) in [
        (
            json!({"error": {"message": "Provider returned error", "code": 429}}),
            FaultClass::RateLimited,
            "429",
            "Provider returned error",
        ),
        (json!({"error": {"message": "busy", "code": "503"}, "choices": null}), FaultClass::Unavailable, "503", "busy"),
        (json!({"error": "out of memory"}), FaultClass::Unavailable, "500", "out of memory"),
        (
            json!([{"error": {"message": "quota", "status": "RESOURCE_EXHAUSTED"}}]),
            FaultClass::RateLimited,
            "429",
            "quota",
        ),
        (json!({"error": {"message": "no", "type": "authentication_error"}}), FaultClass::Final, "401", "no"),
        (json!({"object": "error", "message": "bad", "code": 40303}), FaultClass::Unavailable, "500", "bad"),
        (json!({"detail": [{"msg": "too late"}]}), FaultClass::Unavailable, "500", "too late"),
        (
            json!({"choices": [{"error": {"code": 502, "message": "gone"}, "message": {"content": ""}}]}),
            FaultClass::Unavailable,
            "502",
            "gone",
        ),
        (
            json!({"id": null, "choices": null}),
            FaultClass::Retryable,
            "malformed_answer",
            "the model's answer has no message",
        ),
    ] {
        let fault = asked(|ask| now(converse(&Client::json(200, body.clone()), &settings(), ask))).unwrap_err();
        assert_eq!((fault.class, fault.code.as_str(), fault.message.as_str()), (class, code, message), "{body}");
    }
    for (body, code, message) in [
        (
            json!({"choices": null, "base_resp": {"status_code": 1004, "status_msg": "login fail: no API secret key"}}),
            "401",
            "login fail: no API secret key",
        ),
        (
            json!({"choices": null, "base_resp": {"status_code": 1002, "status_msg": "rate limit exceeded"}}),
            "429",
            "rate limit exceeded",
        ),
        (json!({"code": 1113, "msg": "Insufficient balance.", "success": false}), "402", "Insufficient balance."),
        (
            json!({"error_code": 17, "error_msg": "Open api daily request limit reached", "id": "x"}),
            "429",
            "Open api daily request limit reached",
        ),
        (json!({"code": "InvalidApiKey", "message": "Invalid API-key provided."}), "401", "Invalid API-key provided."),
        (
            json!({"result": null, "success": false, "errors": [{"code": 7003, "message": "Could not route"}], "messages": []}),
            "500",
            "Could not route",
        ),
        (json!({"message": "CUDA out of memory", "type": "server_error"}), "500", "CUDA out of memory"),
    ] {
        let whole = asked(|ask| now(converse(&Client::json(200, body.clone()), &settings(), ask))).unwrap_err();
        let event = streamed(SSE, format!("event: error\ndata: {body}\n\n").as_bytes()).unwrap_err();
        for fault in [whole, event] {
            assert_eq!((fault.code.as_str(), fault.message.as_str()), (code, message), "{body}");
        }
    }
    let told = json!({"error": {"message": format!("Bearer {KEY} is over its limit"), "code": 429}});
    let fault = asked(|ask| now(converse(&Client::json(200, told), &settings(), ask))).unwrap_err();
    assert_eq!(fault.message, "Bearer *** is over its limit");
}

#[test]
fn what_a_model_wrote_wrongly_it_may_write_rightly() {
    let error = json!({"error": {"message": "Failed to call a function.", "code": "tool_use_failed", "failed_generation": "{\"a"}});
    let fault = asked(|ask| now(converse(&Client::json(400, error), &settings(), ask))).unwrap_err();
    assert_eq!((fault.class, fault.code.as_str()), (FaultClass::Retryable, "400"));
}

#[test]
fn texts_come_in_many_shapes() {
    let thought = json!({"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]});
    for message in [
        json!({"content": "Sure."}),
        json!({"content": [{"type": "text", "text": "Su"}, {"type": "text", "text": "re."}]}),
        json!({"content": [thought, {"type": "text", "text": "Sure."}, {"type": "reference", "reference_ids": [1]}]}),
        json!({"content": "Sure.", "reasoning_content": "hm", "reasoning": "hm", "reasoning_details": [{"text": "hm"}]}),
        json!({"content": "<think>\nhm {\"a\": 1}\n</think>\n\nSure."}),
        json!({"content": "hm\n</think>\n\nSure."}),
        json!({"content": "Sure.<think>or not"}),
        json!({"content": "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Sure.<|return|>"}),
        json!({"content": "analysishm.assistantfinalSure."}),
        json!({"content": "<Think >a<think>b</think>c</think>Sure.<|im_end|>"}),
    ] {
        assert_eq!(said(message.clone()).text, "Sure.", "{message}");
    }
    let fault =
        |message| asked(|ask| now(converse(&Client::json(200, completion(message)), &settings(), ask))).unwrap_err();
    for message in [
        json!({"content": "<think>only this"}),
        json!({"content": null, "reasoning_content": "hm"}),
        json!({"content": []}),
    ] {
        assert_eq!(fault(message).code, "no_content");
    }
}

#[test]
fn json_is_found_wherever_it_stands() {
    for text in [
        "Here you are [1]:\n\n```json\n{\"a\":{\"b\":[1]}}\n```\nAnything else?",
        "~~~\n{\"a\":{\"b\":[1]}}\n~~~",
        "<think>{\"a\":2}</think>{\"a\":{\"b\":[1]}}",
        "I thought {of} it\n</think>\n{\"a\":{\"b\":[1]}}",
        "JSON {as asked}: {\"a\":{\"b\":[1]}} and {\"c\":1}",
    ] {
        assert_eq!(shaped(&Client::json(200, content(text)), &settings()), Ok(json!({"a": {"b": [1]}})), "{text}");
    }
    for text in ["{\"a\":{\"b\":[1]}", "no JSON", "```json\n```", "[", "<think>{}</think>none"] {
        assert_eq!(shaped(&Client::json(200, content(text)), &settings()).unwrap_err().code, "invalid_json", "{text}");
    }
    let half = content("{\"a\":\"\\ud83d\"}");
    assert_eq!(shaped(&Client::json(200, half), &settings()), Ok(json!({"a": "\u{fffd}"})));
}

#[test]
fn calls_come_in_many_shapes() {
    let expected = || Arguments::Parsed(json!({"n": 1}));
    let call = r#"{"name": "list_runs", "arguments": {"n": 1}}"#;
    for message in [
        json!({"content": null, "tool_calls": [{"id": "a", "function": {"name": "list_runs", "arguments": "{\"n\":1}"}}]}),
        json!({"content": "", "tool_calls": [{"function": {"name": "list_runs", "arguments": {"n": 1}}}]}),
        json!({"content": null, "tool_calls": [{"name": "list_runs", "parameters": {"n": 1}}]}),
        json!({"content": null, "function_call": {"name": "list_runs", "arguments": "{\"n\":1}"}}),
        json!({"content": format!("<tool_call>\n{call}\n</tool_call>")}),
        json!({"content": format!("<think>hm</think><tool_call>{call}")}),
        json!({"content": format!("[TOOL_CALLS][{call}]")}),
        json!({"content": "[TOOL_CALLS]list_runs[ARGS]{\"n\": 1}"}),
        json!({"content": format!("```json\n{call}\n```")}),
        json!({"content": call}),
        json!({"content": format!("{{\"tool_calls\": [{{\"type\": \"function\", \"function\": {call}}}]}}")}),
        json!({"content": "{\"name\": \"list_runs\", \"parameters\": \"{\\\"n\\\": 1}\"}"}),
    ] {
        let answered = said(message.clone());
        assert_eq!(answered.text, "", "{message}");
        let calls: Vec<_> = answered.calls.iter().map(|call| (call.name.as_str(), &call.arguments)).collect();
        assert_eq!(calls, [("list_runs", &expected())], "{message}");
        assert!(!answered.calls[0].id.is_empty());
    }
    let prose = said(json!({"content": format!("Let me look.\n\n```json\n{call}\n```\n")}));
    assert_eq!((prose.text.as_str(), prose.calls.len()), ("Let me look.", 1));
    let two = said(json!({"content": format!("<tool_call>{call}</tool_call>\n<tool_call>{call}</tool_call>")}));
    assert_eq!([two.calls[0].id.as_str(), two.calls[1].id.as_str()], ["call_1", "call_2"]);
    let broken = said(json!({"content": "<tool_call>{\"name\": \"list_runs\", </tool_call>"}));
    assert!(broken.text.is_empty() && matches!(&broken.calls[0].arguments, Arguments::Unreadable(_)));
    // What is no call of a tool that was offered is an answer.
    let text = "As JSON: {\"name\": \"Ann\", \"arguments\": {}}";
    assert_eq!((said(json!({"content": text})).text.as_str(), said(json!({"content": text})).calls.len()), (text, 0));
}

#[test]
fn what_is_quoted_is_no_call() {
    let call = r#"{"name": "list_runs", "arguments": {"n": 1}}"#;
    let quotes = [
        format!("I would then call, as the docs show, {call} but I wait for your yes."),
        format!("I would then call {call}"),
        format!("{call} is how one calls."),
        format!("Let me look.\n\n```json\n{call}\n```\nSo."),
        format!("One writes `{call}`"),
    ];
    for text in &quotes {
        let answered = said(json!({"content": text}));
        assert_eq!((answered.text.as_str(), answered.calls.len()), (text.as_str(), 0), "{text}");
    }
    let quoted = said(json!({"content": format!("Models write <tool_call>{call}</tool_call> when they call.")}));
    assert_eq!((quoted.text.as_str(), quoted.calls.len()), ("Models write  when they call.", 0));
    // A model that knows no other way goes on after a call.
    let settings = settings();
    settings.dialect.set(Dialect::of_byte(32));
    for text in [&quotes[3], &format!("Well.<tool_call>{call}</tool_call><tool_response>none</tool_response>")] {
        let answered = asked(|ask| now(converse(&Client::json(200, content(text)), &settings, ask))).unwrap();
        assert_eq!(answered.calls.len(), 1, "{text}");
    }
}

#[test]
fn written_calls_come_in_many_shapes() {
    let (none, query) = (("list_runs", json!({})), ("search", json!({"query": "12"})));
    for (text, calls) in [
        ("<function=list_runs>{}</function>", vec![&none]),
        ("<function=search>\n<parameter=query>\n12\n</parameter>\n</function>\n</tool_call>", vec![&query]),
        ("<function=search>\n<parameter=query> 12", vec![&query]),
        ("<tool_call>\n<function=list_runs>\n</function>\n</tool_call>", vec![&none]),
        (
            "<tool_call>\n<function=search>\n<parameter=query>\n12\n</parameter>\n</function>\n</tool_call>",
            vec![&query],
        ),
        ("<tool_call>list_runs\n</tool_call>", vec![&none]),
        (
            "<tool_call>search\n<arg_key>query</arg_key>\n<arg_value>12</arg_value>\n</tool_call>\n<tool_call>list_runs</tool_call>",
            vec![&query, &none],
        ),
        (
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>list_runs\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
            vec![&none],
        ),
        ("<｜tool▁call▁begin｜>search<｜tool▁sep｜>{\"query\":\"12\"}<｜tool▁call▁end｜>", vec![&query]),
        (
            "<|tool_calls_section_begin|><|tool_call_begin|>functions.search:0<|tool_call_argument_begin|>{\"query\":\"12\"}<|tool_call_end|><|tool_calls_section_end|>",
            vec![&query],
        ),
        ("[TOOL_REQUEST]{\"name\":\"list_runs\",\"arguments\":{}}[END_TOOL_REQUEST]", vec![&none]),
        ("<|python_tag|>{\"name\":\"list_runs\",\"parameters\":{}}<|eom_id|>", vec![&none]),
        ("[TOOL_CALLS]list_runs[CALL_ID]abc123def[ARGS]{}", vec![&none]),
        ("[TOOL_CALLS]list_runs[ARGS]{}[TOOL_CALLS]search[ARGS]{\"query\":\"12\"}", vec![&none, &query]),
        (
            "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary to=functions.search <|constrain|>json<|message|>{\"query\":\"12\"}<|call|>",
            vec![&query],
        ),
    ] {
        let whole = said(json!({"content": text}));
        let piece = json!({"choices": [{"delta": {"content": text}}]});
        let streamed = streamed(SSE, format!("data: {piece}\n\n").as_bytes()).unwrap();
        for answered in [whole, streamed] {
            let found: Vec<_> = answered.calls.iter().map(|call| (call.name.as_str(), &call.arguments)).collect();
            let calls: Vec<_> = calls.iter().map(|(name, value)| (*name, Arguments::Parsed(value.clone()))).collect();
            assert_eq!(found, calls.iter().map(|(name, arguments)| (*name, arguments)).collect::<Vec<_>>(), "{text}");
            assert_eq!(answered.text, "", "{text}");
        }
    }
    let unread = said(json!({"content": "<tool_call>find(symbol=\"x\")</tool_call>"}));
    assert!(matches!(&unread.calls[0].arguments, Arguments::Unreadable(_)));
}

#[test]
fn calls_are_taken_as_they_were_meant() {
    for (name, arguments, meant) in [
        ("search", json!("\"{\\\"query\\\":\\\"x\\\"}\""), json!({"query": "x"})),
        ("search", json!([]), json!({})),
        ("functions.search", json!("{}"), json!({})),
        ("search<|channel|>commentary", json!("[]"), json!({})),
        ("search", json!("\"x\""), json!("x")),
    ] {
        let call = json!({"id": "a", "function": {"name": name, "arguments": arguments}});
        let answered = said(json!({"content": null, "tool_calls": [call]}));
        let call = &answered.calls[0];
        assert_eq!((call.name.as_str(), &call.arguments), ("search", &Arguments::Parsed(meant)), "{name} {arguments}");
    }
}

#[test]
fn only_what_is_known_as_an_end_is_one() {
    let ended = |reason: Value| {
        let answer =
            json!({"choices": [{"message": {"content": "You can start as many as y"}, "finish_reason": reason}]});
        let whole = asked(|ask| now(converse(&Client::json(200, answer), &settings(), ask)));
        let piece = json!({"choices": [{"delta": {"content": "You can start as many as y"}, "finish_reason": reason}]});
        let streamed = streamed(SSE, format!("data: {piece}\n\ndata: [DONE]\n\n").as_bytes());
        assert_eq!(whole.as_ref().map(|said| &said.text), streamed.as_ref().map(|said| &said.text), "{reason}");
        whole.map(|said| said.text).map_err(|fault| (fault.class, fault.code))
    };
    let ends = ["stop", "STOP", "tool_calls", "eos", "eos_token", "COMPLETE", "TOOL_CALL"].map(Value::from);
    for reason in ends.into_iter().chain([Value::Null]) {
        assert!(ended(reason.clone()).is_ok(), "{reason}");
    }
    for reason in [
        "length",
        "abort",
        "network_error",
        "error",
        "insufficient_system_resource",
        "model_length",
        "MAX_TOKENS",
        "max_output_tokens",
        "of tomorrow",
    ] {
        assert_eq!(ended(json!(reason)).unwrap_err(), (FaultClass::Retryable, "length".to_owned()), "{reason}");
    }
    for reason in ["content_filter", "content_filtered", "sensitive", "SAFETY"] {
        assert_eq!(ended(json!(reason)).unwrap_err(), (FaultClass::Final, "content_filter".to_owned()), "{reason}");
    }
    let too_long = ended(json!("model_context_window_exceeded")).unwrap_err();
    assert_eq!(too_long, (FaultClass::Final, "context_window".to_owned()));
}

#[test]
fn what_belongs_to_a_call_goes_back_with_it() {
    let extra = json!({"google": {"thought_signature": "s"}});
    let call = json!({"id": "a", "function": {"name": "list_runs", "arguments": "{}"}, "extra_content": extra});
    let answered = said(json!({"content": null, "tool_calls": [call]}));
    let messages = [Message::User("x".into()), Message::Assistant { text: String::new(), calls: answered.calls }];
    let client = Client::json(200, content("Sure."));
    asked(|ask| now(converse(&client, &settings(), &Ask { messages: &messages, ..*ask }))).unwrap();
    assert_eq!(client.request_body()["messages"][2]["tool_calls"][0]["extra_content"], extra);
}

#[test]
fn tools_step_down_to_words() {
    let refusal =
        json!({"object": "error", "code": 400, "message": "\"auto\" tool choice requires --enable-auto-tool-choice"});
    let written = content("<tool_call>{\"name\": \"list_runs\", \"arguments\": {}}</tool_call>");
    let (client, settings) = (Client::answering([answer(400, refusal), answer(200, written)]), settings());
    let answered = asked(|ask| now(converse(&client, &settings, ask))).unwrap();
    assert_eq!(answered.calls[0].name, "list_runs");
    let body = client.request_body();
    assert!(body.get("tools").is_none() && body["messages"][0]["content"].as_str().unwrap().contains("Lists runs."));
    assert_eq!(settings.dialect.get().names(), ["no tools"]);
}

/// Gives a body at once.
struct Streamer(&'static str, Vec<u8>);

struct Body(Option<Vec<u8>>);

impl HttpClient for Streamer {
    async fn send(&self, _: http::Request<Vec<u8>>) -> Result<http::Response<Vec<u8>>, TransportError> {
        unreachable!("it is asked for streams only")
    }
}

impl StreamingClient for Streamer {
    type Pieces = Body;

    async fn stream(&self, _: http::Request<Vec<u8>>) -> Result<http::Response<Body>, TransportError> {
        Ok(http::Response::builder().header("content-type", self.0).body(Body(Some(self.1.clone()))).unwrap())
    }
}

impl Pieces for Body {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, TransportError> {
        Ok(self.0.take())
    }
}

/// What a stream comes to, and what was told of it, before and after the server is known.
fn streamed(kind: &'static str, body: &[u8]) -> Result<Answered, Fault> {
    let settings = settings();
    let follow = || {
        let mut told = String::new();
        let client = Streamer(kind, body.to_vec());
        let answered = asked(|ask| now(converse_streaming(&client, &settings, ask, &mut |text| told.push_str(text))));
        if let Ok(answered) = &answered {
            assert!(told.trim_end() == answered.text, "{told:?} was told of {:?}", answered.text);
        }
        answered
    };
    let first = follow();
    let second = follow();
    assert_eq!(first.as_ref().ok().map(|said| &said.text), second.as_ref().ok().map(|said| &said.text));
    first
}

const SSE: &str = "text/event-stream";

#[test]
fn streams_end_as_they_like() {
    let piece = |text: &str| format!("data: {}", json!({"choices": [{"delta": {"content": text}}]}));
    let (one, two) = (piece("Su"), piece("re."));
    for stream in [
        format!("{one}\n\n{two}\n\n"),
        format!("{one}\n\n{two}"),
        format!("{one}\r\n\r\n: ping\r\n\r\n{two}\r\n"),
        format!("{one}\n\n{two}\n\ndata: [DONE]"),
        format!("\u{feff}{one}\n\ndata:\n\n{two}\n\ndata: [DONE]\n\n"),
    ] {
        assert_eq!(streamed(SSE, stream.as_bytes()).unwrap().text, "Sure.", "{stream:?}");
        assert_eq!(streamed("text/plain; charset=utf-8", stream.as_bytes()).unwrap().text, "Sure.");
    }
    // Who says why a stream ends has not said so.
    let open = format!("data: {}\n\n", json!({"choices": [{"delta": {"content": "Su"}, "finish_reason": null}]}));
    assert_eq!(streamed(SSE, open.as_bytes()).unwrap_err().code, "no_answer");
    assert_eq!(streamed(SSE, format!("{open}data: [DONE]\n\n").as_bytes()).unwrap().text, "Su");
    assert_eq!(streamed(SSE, format!("{one}\n\ndata: {{\"choi").as_bytes()).unwrap_err().code, "no_answer");
    // An answer in one piece, whatever it calls itself.
    assert_eq!(streamed(SSE, content("Sure.").to_string().as_bytes()).unwrap().text, "Sure.");
    let error = json!({"error": {"code": 429, "message": "slow down"}}).to_string();
    assert_eq!(streamed(SSE, error.as_bytes()).unwrap_err().class, FaultClass::RateLimited);
    assert_eq!(streamed(SSE, format!("event: error\ndata: {error}\n\n").as_bytes()).unwrap_err().code, "429");
    let damaged = "data: {\"choices\":[{\"delta\":{\"content\":\"\\ud83d\"}}]}\n\n";
    assert_eq!(streamed(SSE, damaged.as_bytes()).unwrap().text, "\u{fffd}");
}

#[test]
fn thoughts_are_not_told_in_pieces_either() {
    let delta = |delta: Value| format!("data: {}\n\n", json!({"choices": [{"delta": delta}]}));
    let pieces = |pieces: &[&str]| pieces.iter().map(|text| delta(json!({"content": text}))).collect::<String>();
    for stream in [
        pieces(&["<thi", "nk>h", "m</th", "ink>\n\nSu", "re."]),
        pieces(&["hm, so", "\n</thi", "nk>", "\n\nSure."]),
        pieces(&["Sure.", "<think>", "or", " not", "</think>"]),
        pieces(&[
            "<|chan",
            "nel|>analysis<|mess",
            "age|>hm<|end|><|start|>assis",
            "tant<|channel|>fi",
            "nal<|message|>Su",
            "re.<|return|>",
        ]),
        pieces(&["analysishm", ", so.assis", "tantfinalSu", "re."]),
        pieces(&["<think>a<thi", "nk>b</think>", "c</THINK >", "Sure.<|im_", "end|>"]),
        delta(json!({"reasoning_content": "hm"}))
            + &delta(json!({"reasoning": "hm", "content": null}))
            + &pieces(&["Sure."]),
        delta(json!({"content": [{"type": "thinking", "thinking": [{"text": "hm"}]}]}))
            + &delta(json!({"content": [{"type": "text", "text": "Sure."}]})),
    ] {
        assert_eq!(streamed(SSE, stream.as_bytes()).unwrap().text, "Sure.", "{stream}");
    }
}

#[test]
fn a_thought_that_was_told_as_an_answer_is_no_answer() {
    let settings = settings();
    settings.dialect.set(Dialect::of_byte(128));
    let pieces = ["hm", " so\n</think>Sure."]
        .map(|text| format!("data: {}\n\n", json!({"choices": [{"delta": {"content": text}}]})));
    let follow = || {
        asked(|ask| now(converse_streaming(&Streamer(SSE, pieces.concat().into_bytes()), &settings, ask, &mut |_| {})))
    };
    assert_eq!(follow().unwrap_err().code, "thought_aloud");
    assert_eq!(settings.dialect.get().names(), ["thinks aloud"]);
    assert_eq!(follow().unwrap().text, "Sure.");
}

#[test]
fn calls_in_streams_need_no_numbers() {
    let delta = |delta: Value| format!("data: {}\n\n", json!({"choices": [{"delta": delta}]}));
    let call = |more: Value| delta(json!({"tool_calls": [more]}));
    let function = |arguments: Value| json!({"name": "list_runs", "arguments": arguments});
    for (stream, count) in [
        (call(json!({"id": "a", "function": function(json!("{\"n\":1}"))})), 1),
        (
            call(json!({"function": function(json!({"n": 1}))}))
                + &call(json!({"function": function(json!({"n": 1}))})),
            2,
        ),
        (
            call(json!({"index": 0, "id": "a", "function": function(json!("{\"n\":1}"))}))
                + &call(json!({"index": 0, "id": "b", "function": function(json!("{\"n\":1}"))})),
            2,
        ),
        (
            call(json!({"id": "a", "function": function(json!("{\"n\""))}))
                + &call(json!({"function": {"arguments": ":1}"}})),
            1,
        ),
        (
            delta(json!({"content": "<tool_call>{\"name\":\"list_runs\""}))
                + &delta(json!({"content": ",\"arguments\":{\"n\":1}}</tool_call>"})),
            1,
        ),
        (
            delta(json!({"content": "```json\n{\"name\":\"list_runs\","}))
                + &delta(json!({"content": "\"arguments\":{\"n\":1}}\n```"})),
            1,
        ),
    ] {
        let answered = streamed(SSE, stream.as_bytes()).unwrap();
        let calls: Vec<_> = answered.calls.iter().map(|call| (call.name.as_str(), &call.arguments)).collect();
        assert_eq!(calls, vec![("list_runs", &Arguments::Parsed(json!({"n": 1}))); count], "{stream}");
    }
}

#[test]
fn pieces_of_calls_find_each_other() {
    let stream = |pieces: &[Value]| {
        let event = |call: &Value| format!("data: {}\n\n", json!({"choices": [{"delta": {"tool_calls": [call]}}]}));
        pieces.iter().map(event).collect::<String>()
    };
    let piece = |index: Value, id: &str, name: &str, arguments: &str| json!({"index": index, "id": id, "function": {"name": name, "arguments": arguments}});
    let (x, y) = (("search", json!({"query": "x"})), ("search", json!({"query": "y"})));
    let none = ("list_runs", json!({}));
    for (pieces, calls) in [
        // Another id in each piece.
        (
            vec![
                piece(json!(0), "a", "search", ""),
                piece(json!(0), "b", "", "{\"query\":"),
                piece(json!(0), "c", "", "\"x\"}"),
            ],
            vec![&x],
        ),
        // Two calls at one place.
        (
            vec![piece(json!(0), "", "list_runs", "{}"), piece(json!(0), "", "search", "{\"query\":\"x\"}")],
            vec![&none, &x],
        ),
        (
            vec![
                piece(json!(0), "a", "search", ""),
                piece(json!(0), "", "", "{\"query\":\"x\"}"),
                piece(json!(0), "", "", "{\"query\":\"y\"}"),
            ],
            vec![&x, &y],
        ),
        // The name again and again, or in pieces.
        (vec![piece(Value::Null, "", "search", "{\"query\":"), piece(Value::Null, "", "search", "\"x\"}")], vec![&x]),
        (vec![piece(json!(0), "a", "search", "{\"query\":"), piece(json!(0), "a", "search", "\"x\"}")], vec![&x]),
        (vec![piece(json!(0), "a", "sea", ""), piece(json!(0), "", "rch", "{\"query\":\"x\"}")], vec![&x]),
        // All of it in each piece.
        (
            vec![
                piece(json!(0), "a", "search", "{\"query\""),
                piece(json!(0), "a", "search", "{\"query\":\"x\"}"),
                piece(json!(0), "a", "search", "{\"query\":\"x\"}"),
            ],
            vec![&x],
        ),
    ] {
        let answered = streamed(SSE, stream(&pieces).as_bytes()).unwrap();
        let found: Vec<_> = answered.calls.iter().map(|call| (call.name.as_str(), call.arguments.clone())).collect();
        let calls: Vec<_> = calls.into_iter().map(|(name, value)| (*name, Arguments::Parsed(value.clone()))).collect();
        assert_eq!(found, calls, "{pieces:?}");
    }
}

#[test]
fn what_comes_again_with_each_piece_is_said_once() {
    let texts = ["Hello", "Hello dear", "Hello dear friend.", "Hello dear friend."];
    let event = |choice: Value| format!("data: {}\n\n", json!({"choices": [choice]}));
    let pieces = ["Hello", " dear", " friend.", ""];
    let beside = texts.iter().zip(pieces);
    for stream in [
        beside
            .map(|(whole, piece)| event(json!({"message": {"content": whole}, "delta": {"content": piece}})))
            .collect(),
        texts.iter().map(|text| event(json!({"delta": {"content": text}}))).collect::<String>(),
        texts.iter().map(|text| event(json!({"message": {"content": text}}))).collect(),
    ] {
        assert_eq!(streamed(SSE, stream.as_bytes()).unwrap().text, "Hello dear friend.", "{stream}");
    }
    let laughs: String = ["Ha", "Ha", "!"].iter().map(|text| event(json!({"delta": {"content": text}}))).collect();
    assert_eq!(streamed(SSE, laughs.as_bytes()).unwrap().text, "HaHa!");
}
