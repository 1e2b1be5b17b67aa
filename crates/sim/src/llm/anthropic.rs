//! Messages, as Anthropic serves them.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::faults::{FAULTS, OVERLOADED_529};
use super::{Asked, Called, End, Offered, Refused, Said, ToolResult, schema, stream};
use crate::fault::On;
use crate::player::{Player, Provider, Setting};
use crate::world::App;

pub(crate) static PLAYER: Player = Player {
    settings: &[Setting::secret(
        "anthropic_api_key",
        "The only key that the model accepts as Anthropic [default: any]",
    )],
    key: Some("anthropic_api_key"),
    faults: &[FAULTS],
    ..Player::new("anthropic", "/anthropic", routes, error)
};

const PROVIDER: Provider = Provider(&PLAYER);
const VERSION: &str = "2023-06-01";

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/v1/messages", post(create)).route("/v1/models", get(models))
}

async fn create(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Response {
    super::respond(&app, PROVIDER, answer(&app, &headers, &body))
}

async fn models(State(app): State<App>, headers: HeaderMap) -> Response {
    match admitted(&app, &headers) {
        Ok(()) => super::models(),
        Err(refusal) => *refusal,
    }
}

/// An error in the API's own words: the status says its type.
pub(crate) fn error(status: StatusCode, message: &str) -> Value {
    let kind = match status.as_u16() {
        400 | 422 => "invalid_request_error",
        401 => "authentication_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_sim"})
}

fn refused(status: StatusCode, message: &str) -> Refused {
    Box::new((status, Json(error(status, message))).into_response())
}

fn bad(message: &str) -> Refused {
    refused(StatusCode::BAD_REQUEST, message)
}

fn admitted(app: &App, headers: &HeaderMap) -> Result<(), Refused> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if !app.config.accepts(PROVIDER, header("x-api-key")) {
        return Err(refused(StatusCode::UNAUTHORIZED, "invalid x-api-key"));
    }
    match header("anthropic-version") {
        Some(VERSION) => Ok(()),
        Some(other) => Err(bad(&format!("anthropic-version: \"{other}\" is not a valid version"))),
        None => Err(bad("anthropic-version: header is required")),
    }
}

fn answer(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Response, Refused> {
    admitted(app, headers)?;
    let body: Value = serde_json::from_slice(body).map_err(|_| bad("The request body is not valid JSON"))?;
    let asked = asked(body)?;
    if app.strikes(PROVIDER, OVERLOADED_529, On::Create).is_some() {
        let status = StatusCode::from_u16(529).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        let headers = [("retry-after-ms", "1500"), ("retry-after", "2")];
        return Err(Box::new((status, headers, Json(error(status, "Overloaded"))).into_response()));
    }
    let said = super::answer(app, &asked);
    Ok(match asked.is_streamed {
        true => streamed(app, &asked, &said),
        false => Json(message(&asked, blocks(app, &said), reason(&said), usage(&asked, said.tokens()))).into_response(),
    })
}

const KNOWN: [&str; 12] = [
    "model",
    "messages",
    "max_tokens",
    "system",
    "tools",
    "tool_choice",
    "output_config",
    "stream",
    "temperature",
    "top_p",
    "stop_sequences",
    "metadata",
];

fn asked(body: Value) -> Result<Asked, Refused> {
    if let Some(unknown) =
        body.as_object().into_iter().flatten().map(|(name, _)| name).find(|name| !KNOWN.contains(&name.as_str()))
    {
        return Err(bad(&format!("{unknown}: Extra inputs are not permitted")));
    }
    if body.get("model").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(bad("model: Field required"));
    }
    if body.get("max_tokens").and_then(Value::as_u64).is_none_or(|tokens| tokens == 0) {
        return Err(bad("max_tokens: Field required"));
    }
    if body.get("system").is_some_and(|system| text(system).is_none()) {
        return Err(bad("system: Input should be a valid string or list of text blocks"));
    }
    let mut asked = Asked {
        provider: PROVIDER,
        is_streamed: body.get("stream") == Some(&Value::Bool(true)),
        user: String::new(),
        results: Vec::new(),
        rounds: 0,
        tools: tools(&body)?,
        shape: shape(&body)?,
        body: Value::Null,
    };
    if body.get("tool_choice").is_some() && asked.tools.is_empty() {
        return Err(bad("tool_choice may only be specified while providing tools"));
    }
    converse(&body, &mut asked)?;
    asked.body = body;
    Ok(asked)
}

fn shape(body: &Value) -> Result<Option<(String, Value)>, Refused> {
    let Some(format) = body.get("output_config").and_then(|config| config.get("format")) else { return Ok(None) };
    let schema = format.get("schema").filter(|schema| schema.is_object());
    let is_schema = format.get("type") == Some(&json!("json_schema"));
    let schema =
        schema.filter(|_| is_schema).ok_or_else(|| bad("output_config.format: Input should be a json_schema"))?;
    if let Some(reason) = schema::strict_objection(schema) {
        return Err(bad(&format!("output_config.format.schema: {reason}")));
    }
    Ok(Some((String::new(), schema.clone())))
}

fn tools(body: &Value) -> Result<Vec<Offered>, Refused> {
    let listed = body.get("tools").and_then(Value::as_array).map_or(&[] as &[Value], Vec::as_slice);
    listed
        .iter()
        .enumerate()
        .map(|(index, tool)| {
            let name = tool.get("name").and_then(Value::as_str).filter(|name| super::is_name(name, 128));
            let name = name.ok_or_else(|| {
                bad(&format!("tools.{index}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"))
            })?;
            let schema = tool.get("input_schema").filter(|schema| schema.get("type") == Some(&json!("object")));
            let schema = schema.ok_or_else(|| bad(&format!("tools.{index}.input_schema.type: Field required")))?;
            if let (Some(true), Some(reason)) =
                (tool.get("strict").and_then(Value::as_bool), schema::strict_objection(schema))
            {
                return Err(bad(&format!("tools.{index}.input_schema: {reason}")));
            }
            Ok(Offered { name: name.to_owned(), schema: schema.clone() })
        })
        .collect()
}

/// A string, or text blocks; empty ones are refused.
fn text(content: &Value) -> Option<String> {
    match content {
        Value::String(text) => Some(text.clone()),
        Value::Array(blocks) => blocks.iter().map(|block| block.get("text").and_then(Value::as_str)).collect(),
        _ => None,
    }
}

/// Reads the messages: every use of a tool must have its result in the very next one.
fn converse(body: &Value, asked: &mut Asked) -> Result<(), Refused> {
    let messages = body.get("messages").and_then(Value::as_array);
    let messages = messages.ok_or_else(|| bad("messages: Field required"))?;
    if messages.is_empty() {
        return Err(bad("messages: at least one message is required"));
    }
    let mut open: Vec<(String, String)> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let blocks = blocks_of(message, index)?;
        match message.get("role").and_then(Value::as_str) {
            Some("user") => said_by_user(&blocks, index, &mut open, asked)?,
            Some("assistant") if index > 0 => {
                open = blocks.iter().filter_map(tool_use).collect();
                asked.rounds += 1;
            }
            Some("assistant") => return Err(bad("messages: first message must use the \"user\" role")),
            _ => return Err(bad(&format!("messages.{index}.role: Input should be 'user' or 'assistant'"))),
        }
    }
    unanswered(&open, messages.len())
}

fn unanswered(open: &[(String, String)], index: usize) -> Result<(), Refused> {
    match open.first() {
        None => Ok(()),
        Some((id, _)) => Err(bad(&format!(
            "messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {id}"
        ))),
    }
}

fn said_by_user(
    blocks: &[Value],
    index: usize,
    open: &mut Vec<(String, String)>,
    asked: &mut Asked,
) -> Result<(), Refused> {
    let mut words = Vec::new();
    for block in blocks {
        match block.get("type").and_then(Value::as_str) {
            Some("tool_result") => {
                let id = block.get("tool_use_id").and_then(Value::as_str).unwrap_or_default();
                let place = open.iter().position(|(open, _)| open == id);
                let place = place.ok_or_else(|| {
                    bad(&format!("messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: {id}"))
                })?;
                let content = block.get("content").and_then(text).unwrap_or_default();
                let is_error = block.get("is_error") == Some(&Value::Bool(true));
                asked.results.push(ToolResult { tool: open.remove(place).1, content, is_error });
            }
            _ => words.extend(block.get("text").and_then(Value::as_str)),
        }
    }
    unanswered(open, index)?;
    if !words.is_empty() {
        asked.user = words.concat();
        asked.results.clear();
        asked.rounds = 0;
    }
    Ok(())
}

fn blocks_of(message: &Value, index: usize) -> Result<Vec<Value>, Refused> {
    let blocks = match message.get("content") {
        Some(Value::String(text)) => vec![json!({"type": "text", "text": text})],
        Some(Value::Array(blocks)) => blocks.clone(),
        _ => return Err(bad(&format!("messages.{index}.content: Input should be a valid string or list"))),
    };
    let is_good = |block: &Value| match block.get("type").and_then(Value::as_str) {
        Some("text") => block.get("text").and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty()),
        Some("tool_use") => block.get("input").is_some_and(Value::is_object) && tool_use(block).is_some(),
        Some("tool_result") => block.get("tool_use_id").is_some_and(Value::is_string),
        _ => false,
    };
    match blocks.is_empty() || !blocks.iter().all(is_good) {
        true => Err(bad(&format!("messages.{index}: content blocks must be non-empty text, tool_use or tool_result"))),
        false => Ok(blocks),
    }
}

/// The id and name of a call.
fn tool_use(block: &Value) -> Option<(String, String)> {
    (block.get("type")? == "tool_use").then_some(())?;
    Some((block.get("id")?.as_str()?.to_owned(), block.get("name")?.as_str()?.to_owned()))
}

fn reason(said: &Said) -> &'static str {
    match said.end {
        End::Refused => "refusal",
        End::CutOff => "max_tokens",
        End::Done if !said.calls.is_empty() => "tool_use",
        End::Done => "end_turn",
    }
}

fn usage(asked: &Asked, output: usize) -> Value {
    json!({"input_tokens": super::tokens(&asked.body.to_string()), "output_tokens": output})
}

fn message(asked: &Asked, content: Vec<Value>, reason: &str, usage: Value) -> Value {
    json!({"id": "msg_sim", "type": "message", "role": "assistant", "model": asked.body.get("model"), "content": content,
           "stop_reason": reason, "stop_sequence": null, "usage": usage})
}

/// Arguments are an object here, whatever the model meant.
fn input(call: &Called) -> Value {
    serde_json::from_str(&call.arguments).ok().filter(Value::is_object).unwrap_or_else(|| json!({}))
}

fn blocks(app: &App, said: &Said) -> Vec<Value> {
    let text = said.text.iter().map(|text| json!({"type": "text", "text": text}));
    let calls = said.calls.iter().map(
        |call| json!({"type": "tool_use", "id": super::call_id(app, "toolu"), "name": call.name, "input": input(call)}),
    );
    text.chain(calls).collect()
}

fn streamed(app: &App, asked: &Asked, said: &Said) -> Response {
    let event = |event: Value| {
        format!("event: {}\ndata: {event}\n\n", event.get("type").and_then(Value::as_str).unwrap_or_default())
    };
    let start = super::with(message(asked, Vec::new(), "", usage(asked, 1)), "stop_reason", Value::Null);
    let mut events = vec![event(json!({"type": "message_start", "message": start})), event(json!({"type": "ping"}))];
    let arguments = said.calls.iter().map(|call| call.arguments.as_str());
    let pieces = said.text.iter().map(|text| ("text_delta", "text", text.as_str()));
    let pieces = pieces.chain(arguments.map(|arguments| ("input_json_delta", "partial_json", arguments)));
    for (index, (block, (kind, name, whole))) in blocks(app, said).into_iter().zip(pieces).enumerate() {
        let block = match kind {
            "text_delta" => super::with(block, "text", json!("")),
            _ => super::with(block, "input", json!({})),
        };
        events.push(event(json!({"type": "content_block_start", "index": index, "content_block": block})));
        for piece in stream::pieces(whole) {
            let delta = json!({"type": kind, name: piece});
            events.push(event(json!({"type": "content_block_delta", "index": index, "delta": delta})));
        }
        events.push(event(json!({"type": "content_block_stop", "index": index})));
    }
    let end = json!({"stop_reason": reason(said), "stop_sequence": null});
    events.push(event(json!({"type": "message_delta", "delta": end, "usage": {"output_tokens": said.tokens()}})));
    events.push(event(json!({"type": "message_stop"})));
    let overloaded = StatusCode::from_u16(529).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    stream::response(app, PROVIDER, events, event(error(overloaded, "Overloaded")))
}
