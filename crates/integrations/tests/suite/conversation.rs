//! Conversations with a model in both APIs, whole and as a stream.

use std::cell::RefCell;

use crate::common::*;
use http::{Request, Response};
use mw_integrations::llm::{
    ARGUMENTS_BYTES_MAX, Answered, Api, Arguments, Ask, Learnt, Message, Settings, TEXT_BYTES_MAX, Tool, ToolAnswer,
    ToolCall, Usage, converse, converse_streaming,
};
use mw_integrations::{Fault, FaultClass, HttpClient, Pieces, StreamingClient, TransportError};
use proptest::prelude::*;
use serde_json::{Value, json};

fn settings(api: Api) -> Settings {
    let (base_url, dialect) = ("https://llm.example".into(), Learnt::default());
    Settings { api, base_url, api_key: KEY.into(), model: "m".into(), dialect }
}

fn call(id: &str, arguments: Arguments) -> ToolCall {
    ToolCall { id: id.into(), name: "list_runs".into(), arguments, extra: Value::Null }
}

/// A conversation with everything in it.
fn messages() -> Vec<Message> {
    let calls = vec![call("a", Arguments::Parsed(json!({"n": 1}))), call("b", Arguments::Unreadable("{\"n\":".into()))];
    vec![
        Message::User("Hello".into()),
        Message::Assistant { text: String::new(), calls },
        Message::ToolAnswers(vec![
            ToolAnswer { call_id: "a".into(), content: "[]".into(), is_error: false },
            ToolAnswer { call_id: "b".into(), content: "not JSON".into(), is_error: true },
        ]),
        Message::Assistant { text: "None.".into(), calls: vec![] },
        Message::User("Sure?".into()),
    ]
}

fn tools() -> Vec<Tool> {
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
    vec![Tool { name: "list_runs", description: "Lists runs.".into(), schema }]
}

fn asked<T>(ask: impl FnOnce(&Ask<'_>) -> T) -> T {
    let (messages, tools) = (messages(), tools());
    ask(&Ask { system: "Be brief.", messages: &messages, tools: &tools, shape: None, answer_tokens_max: 800 })
}

fn ask(client: &Client, api: Api) -> Result<Answered, Fault> {
    asked(|ask| now(converse(client, &settings(api), ask)))
}

fn openai(message: Value, reason: &str) -> Value {
    json!({"choices": [{"message": message, "finish_reason": reason}], "usage": {"prompt_tokens": 7, "completion_tokens": 5}})
}

fn anthropic(content: Value, reason: &str) -> Value {
    json!({"type": "message", "role": "assistant", "content": content, "stop_reason": reason,
           "usage": {"input_tokens": 4, "cache_read_input_tokens": 3, "output_tokens": 5}})
}

const USAGE: Usage = Usage { input_tokens: 7, output_tokens: 5, estimated: false };

#[test]
fn a_conversation_as_openai_wants_it() {
    let client = Client::json(200, openai(json!({"content": "Sure."}), "stop"));
    let answered = ask(&client, Api::OpenAi).unwrap();
    assert_eq!(answered, Answered { text: "Sure.".into(), calls: vec![], usage: USAGE });
    let body = client.request_body();
    let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "list_runs", "arguments": arguments}});
    assert_eq!(
        body["messages"],
        json!([
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": null, "tool_calls": [call("a", "{\"n\":1}"), call("b", "{\"n\":")]},
            {"role": "tool", "tool_call_id": "a", "content": "[]"},
            {"role": "tool", "tool_call_id": "b", "content": "{\"error\":\"not JSON\"}"},
            {"role": "assistant", "content": "None."},
            {"role": "user", "content": "Sure?"},
        ])
    );
    let function = json!({"name": "list_runs", "description": "Lists runs.", "parameters": tools()[0].schema});
    assert_eq!(body["tools"], json!([{"type": "function", "function": function}]));
    assert_eq!((&body["max_completion_tokens"], body.get("stream")), (&json!(800), None));
}

#[test]
fn a_conversation_as_anthropic_wants_it() {
    let client = Client::json(200, anthropic(json!([{"type": "text", "text": "Sure."}]), "end_turn"));
    let answered = ask(&client, Api::Anthropic).unwrap();
    assert_eq!(answered, Answered { text: "Sure.".into(), calls: vec![], usage: USAGE });
    let request = client.request();
    assert_eq!(request.uri(), "https://llm.example/v1/messages");
    assert_eq!(
        (&request.headers()["x-api-key"], &request.headers()["anthropic-version"]),
        (&KEY.parse().unwrap(), &"2023-06-01".parse().unwrap())
    );
    assert!(request.headers().get("authorization").is_none());
    let body = client.request_body();
    let call = |id: &str, input: Value| json!({"type": "tool_use", "id": id, "name": "list_runs", "input": input});
    let result = |id: &str, content: &str, is_error: bool| json!({"type": "tool_result", "tool_use_id": id, "content": content, "is_error": is_error});
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": [call("a", json!({"n": 1})), call("b", json!({}))]},
            {"role": "user", "content": [result("a", "[]", false), result("b", "not JSON", true)]},
            {"role": "assistant", "content": [{"type": "text", "text": "None."}]},
            {"role": "user", "content": "Sure?"},
        ])
    );
    assert_eq!((&body["system"], &body["max_tokens"]), (&json!("Be brief."), &json!(800)));
    let tool = json!({"name": "list_runs", "description": "Lists runs.", "input_schema": tools()[0].schema});
    assert_eq!(body["tools"], json!([tool]));
}

#[test]
fn calls_of_tools_come_with_arguments_that_may_be_anything() {
    let function = |arguments: Value| json!({"id": "c", "function": {"name": "list_runs", "arguments": arguments}});
    let calls: Vec<Value> = [json!("{\"n\":2}"), json!("{\"n\":"), json!(""), json!({"n": 3}), Value::Null]
        .into_iter()
        .map(function)
        .collect();
    let client = Client::json(200, openai(json!({"content": null, "tool_calls": calls}), "tool_calls"));
    let found: Vec<Arguments> =
        ask(&client, Api::OpenAi).unwrap().calls.into_iter().map(|call| call.arguments).collect();
    let parsed = |value: Value| Arguments::Parsed(value);
    let expected = [
        parsed(json!({"n": 2})),
        Arguments::Unreadable("{\"n\":".into()),
        parsed(json!({})),
        parsed(json!({"n": 3})),
        parsed(json!({})),
    ];
    assert_eq!(found, expected);
    let content = json!([
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "One moment."},
        {"type": "tool_use", "id": "c", "name": "list_runs", "input": {"n": 2}},
    ]);
    let answered = ask(&Client::json(200, anthropic(content, "tool_use")), Api::Anthropic).unwrap();
    assert_eq!(answered.text, "One moment.");
    assert_eq!(answered.calls, [call("c", Arguments::Parsed(json!({"n": 2})))]);
}

#[test]
fn what_is_too_much_is_not_taken() {
    let calls = |count: usize, arguments: &str| {
        let call = json!({"id": "c", "function": {"name": "x", "arguments": arguments}});
        openai(json!({"content": null, "tool_calls": vec![call; count]}), "tool_calls")
    };
    let text = |length: usize| openai(json!({"content": "x".repeat(length)}), "stop");
    let long = json!("x".repeat(ARGUMENTS_BYTES_MAX)).to_string();
    for body in [calls(9, "{}"), calls(1, &long), text(TEXT_BYTES_MAX + 1)] {
        let fault = ask(&Client::json(200, body), Api::OpenAi).unwrap_err();
        assert_eq!((fault.class, fault.code.as_str()), (FaultClass::Retryable, "too_long"));
    }
    for body in [calls(8, "{}"), text(TEXT_BYTES_MAX)] {
        assert!(ask(&Client::json(200, body), Api::OpenAi).is_ok());
    }
}

#[test]
fn what_anthropic_does_not_say() {
    let text = || json!([{"type": "text", "text": "half"}]);
    for (body, class, code) in [
        (anthropic(text(), "refusal"), FaultClass::Final, "refusal"),
        (anthropic(text(), "max_tokens"), FaultClass::Retryable, "length"),
        (anthropic(text(), "abort"), FaultClass::Retryable, "length"),
        (anthropic(text(), "model_context_window_exceeded"), FaultClass::Final, "context_window"),
        (anthropic(json!([]), "end_turn"), FaultClass::Retryable, "no_content"),
        (json!({"type": "message"}), FaultClass::Retryable, "malformed_answer"),
    ] {
        let fault = ask(&Client::json(200, body.clone()), Api::Anthropic).unwrap_err();
        assert_eq!((fault.class, fault.code.as_str()), (class, code), "{body}");
    }
    let overloaded = json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let fault = ask(&Client::answering([with_header(answer(529, overloaded), "retry-after", "4")]), Api::Anthropic);
    let fault = fault.unwrap_err();
    assert_eq!(
        (fault.class, fault.retry_after_seconds, fault.message.as_str()),
        (FaultClass::RateLimited, Some(4), "Overloaded")
    );
}

#[test]
fn a_server_that_does_not_count_is_counted_for() {
    let client = Client::json(200, json!({"choices": [{"message": {"content": "12345678"}}]}));
    let usage = ask(&client, Api::OpenAi).unwrap().usage;
    let asked = client.request().body().len().div_ceil(4) as u64;
    assert_eq!(usage, Usage { input_tokens: asked, output_tokens: 2, estimated: true });
    let mut sum = USAGE;
    sum += usage;
    assert_eq!(sum, Usage { input_tokens: asked + 7, output_tokens: 7, estimated: true });
}

#[test]
fn arguments_hold_no_key_and_nothing_that_cannot_be_stored() {
    let arguments = json!({"a": format!("x\u{0}{KEY}")}).to_string();
    let call = json!({"id": "c", "function": {"name": "x", "arguments": arguments}});
    let client = Client::json(200, openai(json!({"content": null, "tool_calls": [call]}), "tool_calls"));
    let answered = ask(&client, Api::OpenAi).unwrap();
    assert_eq!(answered.calls[0].arguments, Arguments::Parsed(json!({"a": "x\u{fffd}***"})));
}

/// Gives its answer in pieces, the last of which may be a broken connection.
struct Streamer {
    status: u16,
    kind: &'static str,
    pieces: RefCell<Vec<Result<Vec<u8>, TransportError>>>,
    asked: RefCell<Vec<Value>>,
}

struct Coming(std::vec::IntoIter<Result<Vec<u8>, TransportError>>);

impl HttpClient for Streamer {
    async fn send(&self, _: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, TransportError> {
        unreachable!("it is asked for streams only")
    }
}

impl StreamingClient for Streamer {
    type Pieces = Coming;

    async fn stream(&self, request: Request<Vec<u8>>) -> Result<Response<Coming>, TransportError> {
        self.asked.borrow_mut().push(serde_json::from_slice(request.body()).unwrap());
        let coming = Coming(self.pieces.take().into_iter());
        Ok(Response::builder().status(self.status).header("content-type", self.kind).body(coming).unwrap())
    }
}

impl Pieces for Coming {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, TransportError> {
        self.0.next().transpose()
    }
}

fn streamer(pieces: Vec<Result<Vec<u8>, TransportError>>) -> Streamer {
    Streamer { status: 200, kind: "text/event-stream", pieces: RefCell::new(pieces), asked: RefCell::default() }
}

/// What a stream comes to, and what was told of it on the way.
fn follow(streamer: &Streamer, api: Api) -> (Result<Answered, Fault>, String) {
    let mut told = String::new();
    let answered = asked(|ask| now(converse_streaming(streamer, &settings(api), ask, &mut |text| told.push_str(text))));
    (answered, told)
}

fn whole(text: &str, api: Api) -> (Result<Answered, Fault>, String) {
    follow(&streamer(vec![Ok(text.as_bytes().to_vec())]), api)
}

fn events(events: &[Value]) -> String {
    events.iter().map(|event| format!("event: x\r\ndata: {event}\r\n\r\n")).collect()
}

fn openai_stream() -> String {
    let delta =
        |delta: Value, reason: Value| json!({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]});
    let piece = |index: u32, more: Value| {
        let mut call = json!({"index": index});
        call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        delta(json!({"tool_calls": [call]}), Value::Null)
    };
    let stream = events(&[
        delta(json!({"role": "assistant", "content": ""}), Value::Null),
        delta(json!({"content": "Zwei Käse"}), Value::Null),
        delta(json!({"content": " 🧀."}), Value::Null),
        piece(0, json!({"id": "a", "type": "function", "function": {"name": "list_runs", "arguments": ""}})),
        piece(1, json!({"id": "b", "type": "function", "function": {"name": "list_runs", "arguments": "{\"n\""}})),
        piece(0, json!({"function": {"arguments": "{\"n\":1}"}})),
        piece(1, json!({"function": {"arguments": ":2}"}})),
        delta(json!({}), json!("tool_calls")),
        json!({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5}}),
    ]);
    format!(": keep-alive\n\n{stream}data: [DONE]\n\n")
}

fn anthropic_stream() -> String {
    let start =
        |index: u32, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let delta = |index: u32, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    let stop = |index: u32| json!({"type": "content_block_stop", "index": index});
    let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "list_runs", "input": {}});
    let message = json!({"id": "m", "role": "assistant", "content": [], "stop_reason": null,
                         "usage": {"input_tokens": 4, "cache_read_input_tokens": 3, "output_tokens": 1}});
    events(&[
        json!({"type": "message_start", "message": message}),
        start(0, json!({"type": "text", "text": ""})),
        json!({"type": "ping"}),
        delta(0, json!({"type": "text_delta", "text": "Zwei Käse"})),
        delta(0, json!({"type": "text_delta", "text": " 🧀."})),
        stop(0),
        start(1, call("a")),
        delta(1, json!({"type": "input_json_delta", "partial_json": "{\"n\""})),
        delta(1, json!({"type": "input_json_delta", "partial_json": ":1}"})),
        stop(1),
        start(2, call("b")),
        delta(2, json!({"type": "input_json_delta", "partial_json": "{\"n\":2}"})),
        stop(2),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}}),
        json!({"type": "message_stop"}),
    ])
}

const STREAMS: [(Api, fn() -> String); 2] = [(Api::OpenAi, openai_stream), (Api::Anthropic, anthropic_stream)];

fn streamed() -> Answered {
    let calls = vec![call("a", Arguments::Parsed(json!({"n": 1}))), call("b", Arguments::Parsed(json!({"n": 2})))];
    Answered { text: "Zwei Käse 🧀.".into(), calls, usage: USAGE }
}

#[test]
fn a_stream_is_the_whole_answer_told_as_it_is_made() {
    for (api, stream) in STREAMS {
        let streamer = streamer(vec![Ok(stream().into_bytes())]);
        assert_eq!(follow(&streamer, api), (Ok(streamed()), "Zwei Käse 🧀.".to_owned()), "{api:?}");
        assert_eq!(streamer.asked.borrow()[0]["stream"], true);
    }
    let asked = streamer(vec![Ok(openai_stream().into_bytes())]);
    let _ = follow(&asked, Api::OpenAi);
    assert_eq!(asked.asked.borrow()[0]["stream_options"], json!({"include_usage": true}));
}

#[test]
fn a_stream_that_ends_in_the_middle_is_no_answer() {
    for (api, stream) in STREAMS {
        let stream = stream();
        // Up to the event that says why the model stopped.
        let end = stream.find("\"tool_calls\"}").or_else(|| stream.find("\"tool_use\"}")).unwrap_or(stream.len() / 2);
        for cut in [0, end / 2, end] {
            let cut = (0..=cut).rev().find(|cut| stream.is_char_boundary(*cut)).unwrap();
            let fault = whole(&stream[..cut], api).0.unwrap_err();
            assert_eq!((fault.class, fault.code.as_str()), (FaultClass::Unavailable, "no_answer"), "{api:?} {cut}");
        }
        let broken = Err(TransportError::Unanswered(format!("reset by {KEY}")));
        let fault = follow(&streamer(vec![Ok(stream.as_bytes()[..end / 2].to_vec()), broken]), api).0.unwrap_err();
        assert_eq!((fault.class, fault.message.as_str()), (FaultClass::Unavailable, "reset by ***"));
    }
}

#[test]
fn an_error_in_a_stream_means_what_its_status_would() {
    for (kind, class) in [
        ("overloaded_error", FaultClass::RateLimited),
        ("rate_limit_error", FaultClass::RateLimited),
        ("api_error", FaultClass::Unavailable),
        ("server_error", FaultClass::Unavailable),
        ("invalid_request_error", FaultClass::Final),
    ] {
        for api in [Api::OpenAi, Api::Anthropic] {
            let error = json!({"type": "error", "error": {"type": kind, "message": format!("with {KEY}")}});
            let fault = whole(&events(&[error]), api).0.unwrap_err();
            assert_eq!((fault.class, fault.message.as_str()), (class, "with ***"), "{kind}");
        }
    }
    let fault = whole("data: {\"choices\":\n\n", Api::OpenAi).0.unwrap_err();
    assert_eq!((fault.class, fault.code.as_str()), (FaultClass::Retryable, "malformed_answer"));
}

#[test]
fn a_server_that_does_not_stream_or_refuses_is_understood() {
    let body = openai(json!({"content": "Sure."}), "stop").to_string().into_bytes();
    let plain = Streamer { kind: "application/json", ..streamer(vec![Ok(body)]) };
    let (answered, told) = follow(&plain, Api::OpenAi);
    assert_eq!((answered.unwrap().text.as_str(), told.as_str()), ("Sure.", "Sure."));
    let refusal = json!({"error": {"message": "slow down", "type": "rate_limit_error"}}).to_string().into_bytes();
    let refused = Streamer { status: 429, kind: "application/json", ..streamer(vec![Ok(refusal)]) };
    let fault = follow(&refused, Api::Anthropic).0.unwrap_err();
    assert_eq!((fault.class, fault.message.as_str()), (FaultClass::RateLimited, "slow down"));
}

proptest! {
    #[test]
    fn however_a_stream_is_split_the_answer_is_the_same(cuts in proptest::collection::vec(any::<usize>(), 0..40)) {
        for (api, stream) in STREAMS {
            let stream = stream().into_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % stream.len()).chain([0, stream.len()]).collect();
            cuts.sort_unstable();
            let pieces = cuts.windows(2).map(|pair| Ok(stream[pair[0]..pair[1]].to_vec())).collect();
            prop_assert_eq!(follow(&streamer(pieces), api), (Ok(streamed()), "Zwei Käse 🧀.".to_owned()));
        }
    }

    #[test]
    fn no_stream_breaks_the_reader(pieces in proptest::collection::vec(prop_oneof![
        any::<Vec<u8>>(),
        "data: \\{\"(choices|type|index|delta|content_block|usage|error)\":[^\n]{0,30}\\}\n\n".prop_map(String::into_bytes),
    ], 0..8)) {
        for api in [Api::OpenAi, Api::Anthropic] {
            let _ = follow(&streamer(pieces.iter().cloned().map(Ok).collect()), api);
        }
    }
}
