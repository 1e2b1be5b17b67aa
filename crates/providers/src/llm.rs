//! Structured answers from an OpenAI-compatible chat model, for personas.
//!
//! [`complete`] asks once and gives back JSON, or a fault: a refusal is final, an answer that is no JSON, empty or cut off
//! is worth another try, 429 and 529 wait as long as the server asks.

use std::fmt;

use http::Method;
use mw_core::retry::{FaultClass, Provider};
use serde_json::{Value, json};

use crate::answer::{Answer, Authorization, Call, NoAnswer, cleaned, joined};
use crate::outcome::Fault;
use crate::port::HttpClient;

/// Enough for a storyboard of twelve clips, with room for a model that thinks first.
const LONGEST_ANSWER_TOKENS: u32 = 8000;

/// Which model, and where. `Debug` hides the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// With or without the final `/v1`.
    pub base_url: String,
    pub api_key: String,
    pub model: String,
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("base_url", &self.base_url)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

/// What is asked, and the JSON Schema of the answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Prompt {
    pub system: String,
    pub user: String,
    /// 1–64 characters of `A-Z a-z 0-9 _ -`.
    pub schema_name: String,
    pub schema: Value,
}

/// The name of the answer's length limit: servers know the new one, the old one, or both.
#[derive(Clone, Copy, PartialEq)]
enum Limit {
    MaxCompletionTokens,
    MaxTokens,
}

/// Asks the model. The answer is JSON; that it satisfies the schema is for the caller to check when reading it.
pub async fn complete(client: &impl HttpClient, settings: &Settings, prompt: &Prompt) -> Result<Value, Fault> {
    let mut answer = ask(client, settings, prompt, Limit::MaxCompletionTokens).await?;
    if knows_only_max_tokens(&answer) {
        answer = ask(client, settings, prompt, Limit::MaxTokens).await?;
    }
    if !answer.status.is_success() {
        return Err(http_fault(&answer, settings));
    }
    content(&answer, settings, prompt)
}

async fn ask(client: &impl HttpClient, settings: &Settings, prompt: &Prompt, limit: Limit) -> Result<Answer, Fault> {
    let base_url = settings.base_url.trim_end_matches('/').trim_end_matches("/v1");
    let call = Call {
        provider: Provider::Llm,
        method: Method::POST,
        url: joined(base_url, "/v1/chat/completions"),
        authorization: Authorization::Header("authorization", format!("Bearer {}", settings.api_key)),
        headers: &[("content-type", "application/json")],
        body: request(settings, prompt, limit).to_string().into_bytes(),
    };
    call.send(client).await.map_err(NoAnswer::into_fault)
}

fn request(settings: &Settings, prompt: &Prompt, limit: Limit) -> Value {
    let limit = match limit {
        Limit::MaxCompletionTokens => "max_completion_tokens",
        Limit::MaxTokens => "max_tokens",
    };
    json!({
        "model": settings.model,
        "messages": [
            {"role": "system", "content": prompt.system},
            {"role": "user", "content": prompt.user},
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": prompt.schema_name, "strict": true, "schema": prompt.schema},
        },
        limit: LONGEST_ANSWER_TOKENS,
    })
}

fn knows_only_max_tokens(answer: &Answer) -> bool {
    matches!(answer.status.as_u16(), 400 | 422) && answer.body.to_string().contains("max_completion_tokens")
}

/// As the official client, does what `x-should-retry` says.
fn http_fault(answer: &Answer, settings: &Settings) -> Fault {
    let mut fault = answer.http_fault(&settings.api_key);
    let advice = answer.headers.get("x-should-retry").and_then(|value| value.to_str().ok());
    match (advice, fault.class) {
        (Some("false"), _) => fault.class = FaultClass::Final,
        (Some("true"), FaultClass::Final) => fault.class = FaultClass::Retryable,
        _ => {}
    }
    fault
}

fn content(answer: &Answer, settings: &Settings, prompt: &Prompt) -> Result<Value, Fault> {
    let retryable = |code: &str, message: &str| Err(Fault::new(FaultClass::Retryable, code, message));
    let choice = answer.body.get("choices").and_then(|choices| choices.get(0));
    let Some(message) = choice.and_then(|choice| choice.get("message")) else {
        return Err(answer.malformed("the answer has no choice"));
    };
    if let Some(refusal) = message.get("refusal").and_then(Value::as_str).filter(|text| !text.is_empty()) {
        return Err(Fault::new(FaultClass::Final, "refusal", refusal));
    }
    match choice.and_then(|choice| choice.get("finish_reason")).and_then(Value::as_str) {
        Some("content_filter") => {
            return Err(Fault::new(FaultClass::Final, "content_filter", "the model's answer was filtered"));
        }
        Some("length" | "max_tokens") => {
            return retryable("length", "the model's answer was cut off");
        }
        _ => {}
    }
    let text = message.get("content").and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    match text.or_else(|| arguments(message, prompt)) {
        None => retryable("no_content", "the model's answer is empty"),
        Some(text) => match serde_json::from_str(unfenced(text)) {
            Ok(value) => Ok(cleaned(value, &settings.api_key)),
            Err(_) => retryable("invalid_json", "the model's answer is not JSON"),
        },
    }
}

/// Some servers give structured answers as a call of a tool with the schema's name.
fn arguments<'a>(message: &'a Value, prompt: &Prompt) -> Option<&'a str> {
    message.get("tool_calls")?.as_array()?.iter().find_map(|call| {
        let function = call.get("function")?;
        let is_ours = function.get("name")?.as_str()? == prompt.schema_name;
        is_ours.then(|| function.get("arguments")?.as_str()).flatten()
    })
}

/// The text without the code fence that models like to put around JSON.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix("```").and_then(|text| text.strip_suffix("```"));
    inner.map_or(text, |inner| inner.strip_prefix("json").unwrap_or(inner).trim())
}
