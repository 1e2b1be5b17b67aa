//! Brendan, as in chat: he plans a run, starts it and explains it. He is asked where he is, with the caller's own key, and told
//! that a program reads: so he hands out no link that decides.

use crate::body::Fields;
use crate::chat;
use crate::mcp::tool::{Call, Outcome, Session, Tool};
use crate::outbound::{self, Outbound, Timeouts};
use crate::problem::{self, FieldError, Problem};
use mw_core::principal::Role;
use mw_providers::HttpClient;
use serde_json::{Value, json};
use std::time::Duration;

pub(in crate::mcp) const ASK_BRENDAN: Tool = Tool { name: "ask_brendan", role: Role::Approver, call: ask };

const CHAT_URL: &str = "http://chat.spin.internal/v1/chat/brendan";
/// He may have to think.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(3),
    first_byte: Duration::from_secs(110),
    between_bytes: Duration::from_secs(10),
};
/// Leaves room for the name of the key's owner.
const PART_LENGTH_MAX: usize = 30;

fn ask(session: &mut Session<'_>, call: &Call<'_>) -> Result<Outcome, Problem> {
    let mut fields = Fields::new(call.arguments, "#");
    let message = fields.required_text("message", 1, chat::MESSAGE_LENGTH_MAX);
    let part = fields.text("user_id", 1, PART_LENGTH_MAX);
    if part.as_ref().is_some_and(|part| part.chars().any(char::is_control)) {
        fields.fail("user_id", "Input should not contain control characters");
    }
    fields.finish()?;
    let user_id = conversation(&session.principal()?.name, part.as_deref());
    let answer = say(session, &json!({"user_id": user_id, "message": message, "reader": "program"}))?;
    let text = answer.get("response").and_then(Value::as_str).map(str::to_owned);
    Ok(Outcome::Done { facts: answer, text })
}

/// The user of a conversation: whoever has the key, or a part of theirs. No principal's name has a slash in it, so no part is
/// another principal.
fn conversation(owner: &str, part: Option<&str>) -> String {
    match part {
        Some(part) => format!("{owner}/{part}"),
        None => owner.to_owned(),
    }
}

fn say(session: &mut Session<'_>, body: &Value) -> Result<Value, Problem> {
    let away = |cause: String| problem::unavailable("Brendan cannot be reached").because(cause);
    session.context.release_database();
    let request = http::Request::post(CHAT_URL)
        .header("content-type", "application/json")
        .header("x-api-key", &session.key)
        .header("x-request-id", &session.context.request_id)
        .body(body.to_string().into_bytes())
        .map_err(|error| away(error.to_string()))?;
    let answer = outbound::block_on(Outbound { timeouts: TIMEOUTS }.send(request));
    let answer = answer.map_err(|error| away(error.to_string()))?;
    let status = answer.status().as_u16();
    let wait_seconds = answer.headers().get("retry-after").and_then(|wait| wait.to_str().ok()).map(str::to_owned);
    let body = serde_json::from_slice(answer.body()).map_err(|error| away(error.to_string()))?;
    if status == 200 { Ok(body) } else { Err(refusal(status, &body, wait_seconds)) }
}

/// What Brendan's route answered instead, as if it had been ours.
fn refusal(status: u16, body: &Value, wait_seconds: Option<String>) -> Problem {
    let said = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let errors = body.get("errors").and_then(Value::as_array).into_iter().flatten();
    Problem {
        status,
        detail: said(body, "detail"),
        errors: errors.map(|error| FieldError::new(said(error, "pointer"), said(error, "detail"))).collect(),
        headers: wait_seconds.map(|seconds| ("retry-after", seconds)).into_iter().collect(),
        ..problem::internal()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_core::principal::{NAME_LENGTH_MAX, is_name};

    #[test]
    fn a_user_id_never_leads_out_of_the_owners_own() {
        assert_eq!(conversation("ann", None), "ann");
        for part in ["bob", "../bob", "operator", "/bob", "ann"] {
            let user = conversation("ann", Some(part));
            assert!(user.starts_with("ann/") && !is_name(&user), "{user}");
        }
        const { assert!(NAME_LENGTH_MAX + 1 + PART_LENGTH_MAX <= chat::USER_ID_LENGTH_MAX) };
    }

    #[test]
    fn a_refusal_comes_through_as_it_was() {
        let body = json!({"detail": "too long", "errors": [{"pointer": "#/message", "detail": "too long"}]});
        let refused = refusal(422, &body, None);
        assert_eq!((refused.status, refused.errors), (422, vec![FieldError::new("#/message", "too long")]));
        let limited = refusal(429, &json!({"detail": "rate limit exceeded"}), Some("7".into()));
        assert_eq!(limited.headers, [("retry-after", "7".to_owned())]);
    }
}
