//! An OpenAI-compatible chat model and embedder. The model has no thoughts of its own: it answers what it was given for the
//! schema's name (`POST /_sim/llm`), else the smallest value that satisfies the schema. The embedder counts words.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use crate::fault::{Fault, On, Provider};
use crate::world::App;

const PROVIDER: Provider = Provider::Openai;

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/v1/chat/completions", post(complete)).route("/v1/embeddings", post(embed))
}

fn refused(status: StatusCode, message: &str, param: Option<&str>, code: &str) -> Response {
    let error = json!({"message": message, "type": "invalid_request_error", "param": param, "code": code});
    (status, Json(json!({"error": error}))).into_response()
}

async fn complete(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Response {
    respond(&app, answer(&app, &headers, &body))
}

async fn embed(State(app): State<App>, headers: HeaderMap, body: Bytes) -> Response {
    respond(&app, vectors(&app, &headers, &body))
}

fn respond(app: &App, answer: Result<Value, Box<Response>>) -> Response {
    match answer {
        Ok(body) => {
            app.world().count(PROVIDER).creates += 1;
            Json(body).into_response()
        }
        Err(refusal) => {
            app.world().count(PROVIDER).refusals += 1;
            *refusal
        }
    }
}

fn bad(message: &str, param: Option<&str>) -> Box<Response> {
    Box::new(refused(StatusCode::BAD_REQUEST, message, param, "invalid_request"))
}

/// The body of a request with a good key that names a model.
fn admitted(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Value, Box<Response>> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if !app.config.accepts(PROVIDER, value.and_then(|value| value.strip_prefix("Bearer "))) {
        return Err(Box::new(refused(StatusCode::UNAUTHORIZED, "Incorrect API key provided", None, "invalid_api_key")));
    }
    let body: Value = serde_json::from_slice(body).map_err(|_| bad("We could not parse the JSON body", None))?;
    if body.get("model").and_then(Value::as_str).is_none_or(str::is_empty) {
        return Err(bad("you must provide a model parameter", Some("model")));
    }
    Ok(body)
}

/// Texts with many words in common have vectors that are near each other.
fn vectors(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Value, Box<Response>> {
    let body = admitted(app, headers, body)?;
    let texts: Option<Vec<&str>> = match body.get("input") {
        Some(Value::String(text)) => Some(vec![text]),
        Some(Value::Array(texts)) => texts.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let texts = texts.filter(|texts| !texts.is_empty() && texts.iter().all(|text| !text.is_empty()));
    let texts = texts.ok_or_else(|| bad("'$.input' is invalid", Some("input")))?;
    if app.strikes(PROVIDER, Fault::Overloaded529, On::Create).is_some() {
        return Err(Box::new(overloaded()));
    }
    let dimensions = body.get("dimensions").and_then(Value::as_u64).map_or(1536, |count| count.clamp(1, 3072) as usize);
    let rows = texts
        .iter()
        .enumerate()
        .map(|(index, text)| json!({"object": "embedding", "index": index, "embedding": vector(text, dimensions)}));
    Ok(json!({"object": "list", "model": body.get("model"), "data": rows.collect::<Vec<_>>(),
              "usage": {"prompt_tokens": texts.len(), "total_tokens": texts.len()}}))
}

/// A bag of words: each counts at the place that its hash names. Of length 1, and never nothing.
fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0.0_f32; dimensions];
    let lower = text.to_lowercase();
    for word in lower.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 3) {
        let hash = word
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        if let Some(count) = vector.get_mut((hash % dimensions as u64) as usize) {
            *count += 1.0;
        }
    }
    let length = vector.iter().map(|count| count * count).sum::<f32>().sqrt();
    match vector.first_mut() {
        Some(first) if length == 0.0 => *first = 1.0,
        _ => vector.iter_mut().for_each(|count| *count /= length),
    }
    vector
}

fn answer(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Value, Box<Response>> {
    let body = admitted(app, headers, body)?;
    if body.get("messages").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        return Err(bad("'messages' is required", Some("messages")));
    }
    if app.strikes(PROVIDER, Fault::Overloaded529, On::Create).is_some() {
        return Err(Box::new(overloaded()));
    }
    let knows_old_only = body.get("max_completion_tokens").is_some()
        && app.strikes(PROVIDER, Fault::OnlyMaxTokens, On::Create).is_some();
    if knows_old_only {
        return Err(bad(
            "Unrecognized request argument supplied: max_completion_tokens",
            Some("max_completion_tokens"),
        ));
    }
    Ok(completion(app, &body))
}

fn overloaded() -> Response {
    let status = StatusCode::from_u16(529).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let error = json!({"error": {"message": "Overloaded", "type": "overloaded_error", "param": null, "code": null}});
    let headers = [("retry-after-ms", "1500"), ("retry-after", "2")];
    (status, headers, Json(error)).into_response()
}

fn completion(app: &App, request: &Value) -> Value {
    let format = request.get("response_format").and_then(|format| format.get("json_schema"));
    let name = format.and_then(|format| format.get("name")).and_then(Value::as_str).unwrap_or("answer");
    let canned = app.world().canned.get(name).cloned();
    let content = canned.or_else(|| Some(smallest(format?.get("schema")?, format?.get("schema")?, 0)));
    let content = content.map_or_else(|| "This is a simulated answer.".to_owned(), |content| content.to_string());
    let strikes = |fault| app.strikes(PROVIDER, fault, On::Create).is_some();
    let plain = |content: Value| json!({"role": "assistant", "content": content, "refusal": null});
    let (message, reason) = if strikes(Fault::Refusal) {
        let refusal = "I'm sorry, I can't help with that.";
        (json!({"role": "assistant", "content": null, "refusal": refusal}), "stop")
    } else if strikes(Fault::NullContent) {
        (plain(Value::Null), "stop")
    } else if strikes(Fault::CutOff) {
        let half: String = content.chars().take(content.chars().count() / 2).collect();
        (plain(json!(half)), "length")
    } else if strikes(Fault::InvalidJsonContent) {
        (plain(json!("Sure! Here is your JSON: {")), "stop")
    } else if strikes(Fault::InvalidJsonArguments) {
        let call = json!({"id": "call_1", "type": "function", "function": {"name": name, "arguments": "{\"a\": "}});
        (json!({"role": "assistant", "content": null, "tool_calls": [call]}), "tool_calls")
    } else {
        (plain(json!(content)), "stop")
    };
    json!({
        "id": "chatcmpl-sim",
        "object": "chat.completion",
        "model": request.get("model"),
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150},
    })
}

/// Schemas nest; a recursive one must not recurse for ever.
const DEEPEST: u32 = 12;

/// The smallest value that satisfies the schema, with every property that it names.
fn smallest(schema: &Value, root: &Value, depth: u32) -> Value {
    if depth > DEEPEST {
        return Value::Null;
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#')) {
        return root.pointer(target).map_or(Value::Null, |target| smallest(target, root, depth + 1));
    }
    let first = |name: &str| schema.get(name).and_then(|choices| choices.get(0));
    if let Some(value) = schema.get("const").or_else(|| first("enum")) {
        return value.clone();
    }
    if let Some(choice) = first("anyOf").or_else(|| first("oneOf")) {
        return smallest(choice, root, depth + 1);
    }
    let number = |name: &str, default: u64| schema.get(name).and_then(Value::as_u64).unwrap_or(default);
    let kind = schema.get("type").map(|kind| kind.get(0).unwrap_or(kind));
    match kind.and_then(Value::as_str) {
        Some("object") => {
            let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
            let filled = properties.iter().map(|(name, schema)| (name.clone(), smallest(schema, root, depth + 1)));
            Value::Object(filled.collect::<Map<_, _>>())
        }
        Some("array") => {
            let items = schema.get("items").unwrap_or(&Value::Null);
            let count = number("minItems", 1).min(1000);
            (0..count).map(|_| smallest(items, root, depth + 1)).collect()
        }
        Some("string") => json!("simulated ".repeat(1 + number("minLength", 0).min(1000) as usize / 10).trim()),
        Some("integer" | "number") => json!(number("minimum", 1)),
        Some("boolean") => json!(true),
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_satisfy_their_schema() {
        let schema = json!({
            "type": "object",
            "properties": {
                "title": {"type": "string"},
                "kind": {"enum": ["a", "b"]},
                "clips": {"type": "array", "minItems": 2, "items": {"$ref": "#/$defs/clip"}},
                "note": {"type": ["string", "null"]},
                "any": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
                "none": {"type": "null"},
            },
            "$defs": {"clip": {"type": "object", "properties": {"seconds": {"type": "number", "minimum": 8}}}},
        });
        let value = smallest(&schema, &schema, 0);
        let clip = json!({"seconds": 8});
        let expected = json!({"title": "simulated", "kind": "a", "clips": [clip, clip], "note": "simulated", "any": true, "none": null});
        assert_eq!(value, expected);
        let endless = json!({"type": "array", "items": {"$ref": "#"}});
        assert!(smallest(&endless, &endless, 0).to_string().starts_with("[["));
    }
}
