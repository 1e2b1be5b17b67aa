//! Sends a turn to the component `chat`, which alone plans and speaks to a language model. Who asks for a person sends that
//! person's key, as MCP does, or seals the turn ([`super::sealed`]).

use super::TurnRequest;
use super::sealed::{SEAL_HEADER, seal_of, written};
use mw_edge::outbound::{self, Outbound, Timeouts};
use mw_edge::problem::FieldError;
use mw_edge::{Context, Problem, clock, problem, refusal};
use mw_integrations::HttpClient;
use serde_json::Value;
use std::time::Duration;

const CHAT_URL: &str = "http://chat.spin.internal/v1/chat/brendan";
/// Longer than the longest turn with a language model.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(3),
    first_byte: Duration::from_secs(110),
    between_bytes: Duration::from_secs(10),
};

/// Has a turn for somebody who is known here, and gives what Brendan answered. `caller` is whom the limit counts.
pub fn for_person(context: &mut Context, turn: &TurnRequest, caller: &str) -> Result<String, Problem> {
    let body = written(turn, caller).to_string();
    let seal = seal_of(&context.config, &body, clock::unix_seconds())?;
    let answer = send(context, body, (SEAL_HEADER, &seal))?;
    Ok(answer.get("response").and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// Sends a turn; the header says by whose right.
pub fn send(context: &mut Context, body: String, right: (&'static str, &str)) -> Result<Value, Problem> {
    let away = |cause: String| problem::unavailable("Brendan cannot be reached").because(cause);
    context.release_database();
    let request = http::Request::post(CHAT_URL)
        .header("content-type", "application/json")
        .header(right.0, right.1)
        .header("x-request-id", &context.request_id)
        .body(body.into_bytes())
        .map_err(|error| away(error.to_string()))?;
    let answer = outbound::block_on(Outbound { timeouts: TIMEOUTS }.send(request));
    let answer = answer.map_err(|error| away(error.to_string()))?;
    let status = answer.status().as_u16();
    let wait_seconds = answer.headers().get("retry-after").and_then(|wait| wait.to_str().ok()).map(str::to_owned);
    let body = serde_json::from_slice(answer.body()).map_err(|error| away(error.to_string()))?;
    if status == 200 { Ok(body) } else { Err(refused(status, &body, wait_seconds)) }
}

/// What Brendan's route answered instead, as if it had been ours.
fn refused(status: u16, body: &Value, wait_seconds: Option<String>) -> Problem {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let errors = body.get("errors").and_then(Value::as_array).into_iter().flatten();
    let like = if text(body, "code") == "draining" { refusal::draining(None) } else { problem::internal() };
    Problem {
        status,
        detail: text(body, "detail"),
        errors: errors.map(|error| FieldError::new(text(error, "pointer"), text(error, "detail"))).collect(),
        headers: wait_seconds.map(|seconds| ("retry-after", seconds)).into_iter().collect(),
        ..like
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_refusal_comes_through_as_it_was() {
        let body = json!({"detail": "too long", "errors": [{"pointer": "#/message", "detail": "too long"}]});
        let invalid = refused(422, &body, None);
        assert_eq!((invalid.status, invalid.errors), (422, vec![FieldError::new("#/message", "too long")]));
        let limited = refused(429, &json!({"detail": "rate limit exceeded"}), Some("7".into()));
        assert_eq!(limited.headers, [("retry-after", "7".to_owned())]);
        assert_eq!(refused(503, &json!({"code": "draining", "detail": "tonight"}), None).code, "draining");
    }
}
