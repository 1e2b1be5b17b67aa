//! Chat completions, as OpenAI serves them.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::dialect::{self, Dialect};
use super::faults::{FAULTS, OVERLOADED_529};
use super::{Asked, End, Offered, REFUSAL_WORDS, Refused, Said, ToolResult, embeddings, schema, stream};
use crate::fault::{Fault, On, Own};
use crate::player::{Player, Provider, Setting};
use crate::world::App;

const ONLY_MAX_TOKENS: Fault = Fault::named("only_max_tokens");

pub(crate) static PLAYER: Player = Player {
    settings: &[Setting::secret("openai_api_key", "The only key that the model accepts as OpenAI [default: any]")],
    key: Some("openai_api_key"),
    faults: &[FAULTS, dialect::FAULTS, &[Own::call(ONLY_MAX_TOKENS, "knows only max_tokens")]],
    ..Player::new("openai", "/openai", routes, error)
};

pub(super) const PROVIDER: Provider = Provider(&PLAYER);

fn error(_status: StatusCode, message: &str) -> Value {
    json!({"error": {"message": message, "type": "server_error", "param": null, "code": null}})
}

/// Below every base URL that people have, and below none.
const PATHS: [&str; 4] = ["/v1", "", "/v1beta/openai", "/api/paas/v4"];

pub(crate) fn routes() -> Router<App> {
    PATHS.into_iter().fold(Router::new(), |routes, path| {
        routes
            .route(&format!("{path}/chat/completions"), post(complete))
            .route(&format!("{path}/embeddings"), post(embed))
            .route(&format!("{path}/models"), get(models))
    })
}

async fn complete(State(app): State<App>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    super::respond(&app, PROVIDER, answer(&app, uri.path(), &headers, &body))
}

async fn embed(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Response {
    super::respond(&app, PROVIDER, embeddings::vectors(&app, &headers, &body))
}

async fn models(State(app): State<App>, headers: HeaderMap) -> Response {
    if is_known(&app, &headers) { super::models() } else { unknown_key() }
}

fn is_known(app: &App, headers: &HeaderMap) -> bool {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    app.config.accepts(PROVIDER, value.and_then(|value| value.strip_prefix("Bearer ")))
}

fn unknown_key() -> Response {
    refused(StatusCode::UNAUTHORIZED, "Incorrect API key provided", None, "invalid_api_key")
}

fn refused(status: StatusCode, message: &str, param: Option<&str>, code: &str) -> Response {
    let error = json!({"message": message, "type": "invalid_request_error", "param": param, "code": code});
    (status, Json(json!({"error": error}))).into_response()
}

pub(super) fn bad(message: &str, param: Option<&str>) -> Refused {
    Box::new(refused(StatusCode::BAD_REQUEST, message, param, "invalid_request"))
}

pub(super) fn overloaded() -> Response {
    let status = StatusCode::from_u16(529).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let error = json!({"error": {"message": "Overloaded", "type": "overloaded_error", "param": null, "code": null}});
    let headers = [("retry-after-ms", "1500"), ("retry-after", "2")];
    (status, headers, Json(error)).into_response()
}

/// The body of a request with a good key that names a model.
pub(super) fn admitted(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refused> {
    if !is_known(app, headers) {
        return Err(Box::new(unknown_key()));
    }
    let body: Value = serde_json::from_slice(body).map_err(|_| bad("We could not parse the JSON body", None))?;
    if body.get("model").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(bad("you must provide a model parameter", Some("model")));
    }
    Ok(body)
}

fn answer(app: &App, path: &str, headers: &HeaderMap, body: &[u8]) -> Result<Response, Refused> {
    let body = admitted(app, headers, body)?;
    checked(&body)?;
    let dialect = Dialect::of(app, PROVIDER);
    if let Some(answer) = dialect.refuses(path, &body).or_else(|| dialect.instead()) {
        return Err(Box::new(answer));
    }
    if app.strikes(PROVIDER, OVERLOADED_529, On::Create).is_some() {
        return Err(Box::new(overloaded()));
    }
    let knows_old_only =
        body.get("max_completion_tokens").is_some() && app.strikes(PROVIDER, ONLY_MAX_TOKENS, On::Create).is_some();
    if knows_old_only {
        let message = "Unrecognized request argument supplied: max_completion_tokens";
        return Err(bad(message, Some("max_completion_tokens")));
    }
    let asked = asked(body)?;
    let wants_json = asked.shape.is_some() || asked.body.get("response_format").is_some();
    let said = dialect.said(super::answer(app, &asked), wants_json);
    Ok(match asked.is_streamed {
        true => streamed(app, &asked, &said, &dialect),
        false => Json(completion(app, &asked, &said, &dialect)).into_response(),
    })
}

const KNOWN: [&str; 15] = [
    "model",
    "messages",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "max_completion_tokens",
    "max_tokens",
    "stream",
    "stream_options",
    "temperature",
    "top_p",
    "seed",
    "stop",
    "user",
];

/// What is said beside the messages.
fn checked(body: &Value) -> Result<(), Refused> {
    if let Some(unknown) =
        body.as_object().into_iter().flatten().map(|(name, _)| name).find(|name| !KNOWN.contains(&name.as_str()))
    {
        return Err(bad(&format!("Unrecognized request argument supplied: {unknown}"), Some(unknown)));
    }
    let limits = ["max_completion_tokens", "max_tokens"].map(|name| body.get(name));
    if limits.iter().flatten().any(|limit| limit.as_u64().is_none_or(|limit| limit == 0))
        || limits.iter().flatten().count() == 2
    {
        return Err(bad("one limit of tokens, a whole number from 1", Some("max_completion_tokens")));
    }
    let is_streamed = body.get("stream") == Some(&Value::Bool(true));
    if body.get("stream_options").is_some() && !is_streamed {
        return Err(bad("'stream_options' is only allowed when 'stream' is enabled", Some("stream_options")));
    }
    let has_tools = body.get("tools").and_then(Value::as_array).is_some_and(|tools| !tools.is_empty());
    if let Some(name) =
        ["tool_choice", "parallel_tool_calls"].into_iter().find(|name| body.get(name).is_some() && !has_tools)
    {
        return Err(bad(&format!("'{name}' is only allowed when 'tools' are specified"), Some(name)));
    }
    if body.get("tools").is_some() && !has_tools {
        return Err(bad("[] is too short - 'tools'", Some("tools")));
    }
    Ok(())
}

fn asked(body: Value) -> Result<Asked, Refused> {
    let shape = match body.get("response_format") {
        Some(format) => shape(format)?,
        None => None,
    };
    let (schema, tools_in_words) = dialect::in_words(&body);
    let shape = shape.or(schema.map(|schema| (String::new(), schema)));
    let mut asked = Asked {
        provider: PROVIDER,
        is_streamed: body.get("stream") == Some(&Value::Bool(true)),
        user: String::new(),
        results: Vec::new(),
        rounds: 0,
        tools: tools(body.get("tools").and_then(Value::as_array).unwrap_or(&tools_in_words))?,
        shape,
        body: Value::Null,
    };
    converse(&body, &mut asked)?;
    asked.body = body;
    Ok(asked)
}

fn shape(format: &Value) -> Result<Option<(String, Value)>, Refused> {
    let objection = |message: &str| bad(&format!("Invalid 'response_format': {message}"), Some("response_format"));
    match format.get("type").and_then(Value::as_str) {
        Some("text" | "json_object") => return Ok(None),
        Some("json_schema") => {}
        _ => return Err(objection("unknown type")),
    }
    let format = format.get("json_schema").unwrap_or(&Value::Null);
    let name = format.get("name").and_then(Value::as_str).filter(|name| super::is_name(name, 64));
    let name = name.ok_or_else(|| objection("json_schema.name must be 1 to 64 of a-z, A-Z, 0-9, _ and -"))?;
    let schema = format.get("schema").filter(|schema| schema.is_object()).ok_or_else(|| objection("no schema"))?;
    if let (Some(true), Some(reason)) =
        (format.get("strict").and_then(Value::as_bool), schema::strict_objection(schema))
    {
        return Err(objection(&reason));
    }
    Ok(Some((name.to_owned(), schema.clone())))
}

fn tools(listed: &[Value]) -> Result<Vec<Offered>, Refused> {
    listed
        .iter()
        .map(|tool| {
            let function = tool.get("function").unwrap_or(&Value::Null);
            let name = function.get("name").and_then(Value::as_str).filter(|name| super::is_name(name, 64));
            let schema = function.get("parameters").cloned().unwrap_or(json!({"type": "object"}));
            let is_strict = function.get("strict") == Some(&Value::Bool(true));
            let reason = match (name, tool.get("type").and_then(Value::as_str)) {
                (_, kind) if kind != Some("function") => Some("type must be function".to_owned()),
                (None, _) => Some("name must be 1 to 64 of a-z, A-Z, 0-9, _ and -".to_owned()),
                (Some(_), _) if schema.get("type") != Some(&json!("object")) => {
                    Some("schema must be of type object".to_owned())
                }
                (Some(_), _) if is_strict => schema::strict_objection(&schema),
                (Some(_), _) => None,
            };
            match (reason, name) {
                (None, Some(name)) => Ok(Offered { name: name.to_owned(), schema }),
                (reason, _) => Err(bad(&format!("Invalid tool: {}", reason.unwrap_or_default()), Some("tools"))),
            }
        })
        .collect()
}

/// Reads the messages: every call must be answered before anybody says anything else.
fn converse(body: &Value, asked: &mut Asked) -> Result<(), Refused> {
    let messages = body.get("messages").and_then(Value::as_array).filter(|messages| !messages.is_empty());
    let messages = messages.ok_or_else(|| bad("'messages' is required", Some("messages")))?;
    let (mut open, mut called) = (Vec::<(String, String)>::new(), Vec::new());
    for message in messages {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        if role != "tool" && !open.is_empty() {
            return Err(bad(
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.",
                Some("messages"),
            ));
        }
        let text = content(message);
        let need_text =
            || text.clone().ok_or_else(|| bad("Invalid value for 'content': expected a string", Some("messages")));
        match role {
            "system" | "developer" => drop(need_text()?),
            "user" if !called.is_empty() && need_text()?.starts_with("<tool_response>") => {
                let answers = called.drain(..).zip(dialect::answered_in_words(&need_text()?));
                asked.results.extend(answers.map(|(tool, content)| ToolResult { tool, content, is_error: false }));
            }
            "user" => {
                asked.user = need_text()?;
                asked.results.clear();
                asked.rounds = 0;
            }
            "assistant" => {
                open = tool_calls(message)?;
                if open.is_empty() {
                    called = dialect::called_in_words(&need_text()?);
                }
                asked.rounds += 1;
            }
            "tool" => {
                let id = message.get("tool_call_id").and_then(Value::as_str).unwrap_or_default();
                let place = open.iter().position(|(open, _)| open == id);
                let place = place.ok_or_else(|| {
                    bad(
                        "messages with role 'tool' must be a response to a preceding message with 'tool_calls'.",
                        Some("messages"),
                    )
                })?;
                let (content, tool) = (need_text()?, open.remove(place).1);
                let is_error = content.starts_with("{\"error\"");
                asked.results.push(ToolResult { tool, content, is_error });
            }
            _ => return Err(bad(&format!("Invalid value: '{role}' for 'role'"), Some("messages"))),
        }
    }
    match open.is_empty() {
        true => Ok(()),
        false => Err(bad(
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.",
            Some("messages"),
        )),
    }
}

fn content(message: &Value) -> Option<String> {
    match message.get("content")? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => parts.iter().map(|part| part.get("text").and_then(Value::as_str)).collect(),
        _ => None,
    }
}

/// The id and tool of each call.
fn tool_calls(message: &Value) -> Result<Vec<(String, String)>, Refused> {
    let calls = message.get("tool_calls").map(|calls| calls.as_array().filter(|calls| !calls.is_empty()));
    let calls = match calls {
        None => &[] as &[Value],
        Some(None) => return Err(bad("'tool_calls' must be an array that is not empty", Some("messages"))),
        Some(Some(calls)) => calls,
    };
    let read = |call: &Value| {
        let text = |path: &str| call.pointer(path).and_then(Value::as_str).map(str::to_owned);
        (text("/type")? == "function").then_some(())?;
        text("/function/arguments")?;
        Some((text("/id")?, text("/function/name")?))
    };
    let calls: Option<Vec<_>> = calls.iter().map(read).collect();
    calls.ok_or_else(|| {
        bad("a tool call needs id, type, function.name and function.arguments, a string", Some("messages"))
    })
}

fn usage(asked: &Asked, said: &Said) -> Value {
    let (prompt, completion) = (super::tokens(&asked.body.to_string()), said.tokens());
    json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion})
}

fn reason(said: &Said) -> &'static str {
    match said.end {
        End::CutOff => "length",
        End::Done if !said.calls.is_empty() => "tool_calls",
        End::Done | End::Refused => "stop",
    }
}

fn refusal(said: &Said) -> Option<&'static str> {
    (said.end == End::Refused).then_some(REFUSAL_WORDS)
}

fn calls(app: &App, said: &Said) -> Vec<Value> {
    let call = |call: &super::Called| {
        let function = json!({"name": call.name, "arguments": call.arguments});
        json!({"id": super::call_id(app, "call"), "type": "function", "function": function})
    };
    said.calls.iter().map(call).collect()
}

fn completion(app: &App, asked: &Asked, said: &Said, dialect: &Dialect) -> Value {
    let message = json!({"role": "assistant", "content": said.text, "refusal": refusal(said)});
    let message = match said.calls.is_empty() {
        true => message,
        false => super::with(message, "tool_calls", calls(app, said).into()),
    };
    json!({
        "id": "chatcmpl-sim", "object": "chat.completion", "model": asked.body.get("model"),
        "choices": [{"index": 0, "message": dialect.message(message), "finish_reason": dialect.reason(reason(said))}],
        "usage": dialect.tells_usage().then(|| usage(asked, said)),
    })
}

fn streamed(app: &App, asked: &Asked, said: &Said, dialect: &Dialect) -> Response {
    let wants_usage =
        dialect.tells_usage() && asked.body.pointer("/stream_options/include_usage") == Some(&Value::Bool(true));
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({"id": "chatcmpl-sim", "object": "chat.completion.chunk", "model": asked.body.get("model"), "choices": choices});
        let chunk = if wants_usage { super::with(chunk, "usage", usage) } else { chunk };
        format!("data: {chunk}\n\n")
    };
    let delta = |delta: Value, reason: Option<&str>| {
        let choice = json!({"index": 0, "delta": dialect.message(delta)});
        let choice = if dialect.ends_streams() { super::with(choice, "finish_reason", json!(reason)) } else { choice };
        chunk(json!([choice]), Value::Null)
    };
    let mut events = vec![delta(json!({"role": "assistant", "content": ""}), None)];
    let pieces = |text: Option<&str>, name: &str| -> Vec<String> {
        let mut told = String::new();
        let next = |piece: String| {
            told.push_str(&piece);
            let piece = if dialect.tells_all_again() { told.clone() } else { piece };
            delta(json!({name: piece}), None)
        };
        stream::pieces(text.unwrap_or_default()).into_iter().map(next).collect()
    };
    events.extend(pieces(said.text.as_deref(), "content"));
    events.extend(pieces(refusal(said), "refusal"));
    for (index, (call, said)) in calls(app, said).into_iter().zip(&said.calls).enumerate() {
        if dialect.sends_whole_calls() {
            events.push(delta(json!({"tool_calls": [call]}), None));
            continue;
        }
        let function = json!({"name": said.name, "arguments": ""});
        let start = super::with(super::with(call, "function", function), "index", json!(index));
        events.push(delta(json!({"tool_calls": [start]}), None));
        for piece in stream::pieces(&said.arguments) {
            let piece = json!({"index": index, "function": {"arguments": piece}});
            let piece = match dialect.changes_ids() {
                true => super::with(piece, "id", json!(super::call_id(app, "call"))),
                false => piece,
            };
            events.push(delta(json!({"tool_calls": [piece]}), None));
        }
    }
    if dialect.ends_streams() {
        events.push(delta(json!({}), Some(dialect.reason(reason(said)))));
    }
    if wants_usage {
        events.push(chunk(json!([]), usage(asked, said)));
    }
    if dialect.ends_streams() {
        events.push("data: [DONE]\n\n".to_owned());
    }
    let error =
        json!({"error": {"message": "The server had an error", "type": "server_error", "param": null, "code": null}});
    stream::response(app, PROVIDER, dialect.lines(events), format!("data: {error}\n\n"))
}
