//! Errors as clients see them: RFC 9457 problem details with a stable code, the text that the original system answered as
//! `detail`, and nothing of our insides. docs/errors.md lists the codes.

use crate::response::Response;
use mw_kernel::Timestamp;
use mw_kernel::principal::{NAME_LENGTH_MAX, Principal, Role};
use serde::Serialize;
use serde_json::{Map, Value};

/// Where the codes are explained; a code is the page's anchor.
const ERRORS_PAGE: &str = "https://myloware.com/docs/errors";

/// One field of a request that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    pub detail: String,
    /// JSON pointer into the body (`#/input/title`), or `path:<name>`, `query:<name>`, `header:<name>`.
    pub pointer: String,
}

impl FieldError {
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> FieldError {
        FieldError { detail: detail.into(), pointer: pointer.into() }
    }
}

#[derive(Debug, Clone)]
pub struct Problem {
    pub status: u16,
    pub code: &'static str,
    pub detail: String,
    pub errors: Vec<FieldError>,
    pub headers: Vec<(&'static str, String)>,
    /// Further members, for example who decided a gate.
    pub members: Option<Box<Map<String, Value>>>,
    /// What really happened, for the log only.
    pub cause: Option<Box<str>>,
}

impl Problem {
    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Problem {
        Problem {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
            members: None,
            cause: None,
        }
    }

    /// Adds what really happened; it is logged and never sent.
    pub fn because(mut self, cause: impl std::fmt::Display) -> Problem {
        self.cause = Some(cause.to_string().into_boxed_str());
        self
    }

    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Problem {
        self.headers.push((name, value.into()));
        self
    }

    pub fn with_member(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.members.get_or_insert_default().insert(name.to_owned(), value.into());
        self
    }

    /// The answer. `instance` names this occurrence by its request id; the path could hold a token.
    pub fn into_response(self, request_id: &str) -> Response {
        #[derive(Serialize)]
        struct Body<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            detail: &'a str,
            instance: String,
            code: &'a str,
            request_id: &'a str,
            #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
            errors: &'a [FieldError],
            #[serde(flatten)]
            members: Option<&'a Map<String, Value>>,
        }
        let body = Body {
            r#type: format!("{ERRORS_PAGE}#{}", self.code),
            title: title(self.status),
            status: self.status,
            detail: &self.detail,
            instance: format!("urn:request:{}", crate::request::percent_encode(request_id)),
            code: self.code,
            request_id,
            errors: &self.errors,
            members: self.members.as_deref(),
        };
        let mut response = Response::json(self.status, &body).with_headers(self.headers);
        if let Some((_, content_type)) = response.headers.first_mut() {
            *content_type = "application/problem+json".to_owned();
        }
        response
    }
}

/// The phrase of a status: constant per code, as the standard asks, since a code has one status.
fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not found",
        405 => "Method not allowed",
        408 => "Request timeout",
        409 => "Conflict",
        413 => "Payload too large",
        415 => "Unsupported media type",
        422 => "Unprocessable content",
        429 => "Too many requests",
        502 => "Bad gateway",
        503 => "Service unavailable",
        _ => "Internal error",
    }
}

pub fn bad_request(detail: &str) -> Problem {
    Problem::new(400, "bad-request", detail)
}

pub fn invalid_api_key() -> Problem {
    Problem::new(401, "invalid-api-key", "Invalid API key")
        .with_header("www-authenticate", "ApiKey header=\"x-api-key\"")
}

pub fn invalid_token() -> Problem {
    Problem::new(403, "invalid-token", "invalid or expired token")
}

/// The key is good, and its owner's role is too small.
pub fn forbidden(principal: &Principal, needed: Role) -> Problem {
    let Principal { name, role, .. } = principal;
    Problem::new(403, "forbidden", format!("{name} has the role {role}; this needs the role {needed}"))
}

/// An approver asked for somebody else's link.
pub fn forbidden_link(own: &str, other: &str) -> Problem {
    Problem::new(
        403,
        "forbidden",
        format!("{own} may make links for {own} only; a link for {other} needs the role operator"),
    )
}

/// A body's `user_id` that is another principal or somebody's chat.
pub fn user_not_yours(said: &str, yours: &str) -> Problem {
    let said: String = said.chars().take(NAME_LENGTH_MAX).collect();
    let detail = format!("user_id {said} is somebody else; with this key it is {yours}");
    Problem::new(403, "user-not-yours", detail)
}

pub fn invalid_signature() -> Problem {
    Problem::new(403, "invalid-signature", "invalid signature")
}

/// The gate's policy does not let this person decide.
pub fn gate_not_yours(detail: impl Into<String>) -> Problem {
    Problem::new(403, "gate-not-yours", detail)
}

/// 404 with the original's text: `run not found`, `project not found`, `Not Found`.
pub fn not_found(detail: &str) -> Problem {
    Problem::new(404, "not-found", detail)
}

pub fn method_not_allowed(allow: &str) -> Problem {
    Problem::new(405, "method-not-allowed", "Method Not Allowed").with_header("allow", allow)
}

pub fn body_timed_out() -> Problem {
    Problem::new(408, "body-timeout", "request body did not arrive in time")
}

pub fn conflict(code: &'static str, detail: impl Into<String>) -> Problem {
    Problem::new(409, code, detail)
}

pub fn payload_too_large() -> Problem {
    Problem::new(413, "payload-too-large", "payload too large")
}

pub fn webhook_payload_too_large() -> Problem {
    Problem { detail: "webhook payload too large".to_owned(), ..payload_too_large() }
}

pub fn unsupported_content_type(value: &str) -> Problem {
    let shown: String = value.chars().take(100).collect();
    Problem::new(415, "unsupported-content-type", format!("unsupported content-type: {shown}"))
}

/// 422 with its fields; `detail` is the first one's text.
pub fn invalid(errors: Vec<FieldError>) -> Problem {
    let detail = errors.first().map(|error| error.detail.clone()).unwrap_or_else(|| "invalid request".to_owned());
    Problem { errors, ..Problem::new(422, "invalid-request", detail) }
}

pub fn invalid_field(pointer: &str, detail: impl Into<String>) -> Problem {
    invalid(vec![FieldError::new(pointer, detail)])
}

pub fn idempotency_key_reused() -> Problem {
    Problem::new(422, "idempotency-key-reused", "Idempotency-Key was used with another payload")
}

pub fn rate_limited() -> Problem {
    Problem::new(429, "rate-limited", "rate limit exceeded")
}

/// The project's clips of the day are used up; the next UTC day brings new ones.
pub fn budget_exhausted(used: u32, limit: u32, now: Timestamp) -> Problem {
    let midnight = now.date().next_day().map_or(now, |day| day.midnight().assume_utc());
    let wait_seconds = (midnight - now).whole_seconds().saturating_add(1);
    let detail = format!("the project's budget of {limit} clips a day does not cover this run: {used} are used");
    Problem::new(429, "budget-exhausted", detail)
        .with_member("used", used)
        .with_member("limit", limit)
        .with_header("retry-after", wait_seconds.to_string())
}

/// The details are in the log, under the request id.
pub fn internal() -> Problem {
    Problem::new(500, "internal-error", "internal error")
}

pub fn resume_failed() -> Problem {
    Problem::new(502, "resume-failed", "failed to resume run").with_header("retry-after", "1")
}

pub fn unavailable(detail: &str) -> Problem {
    Problem::new(503, "unavailable", detail).with_header("retry-after", "1")
}

/// A variable is missing or wrong: the operator's fault, found in the log and at /ready.
pub fn misconfigured() -> Problem {
    Problem::new(503, "misconfigured", "service is misconfigured").with_header("retry-after", "30")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(problem: Problem) -> Value {
        let response = problem.into_response("req-1");
        assert_eq!(response.headers[0], ("content-type", "application/problem+json".to_owned()));
        serde_json::from_slice(&response.body).unwrap()
    }

    #[test]
    fn a_problem_has_the_members_of_the_standard_and_ours() {
        let body = body_of(invalid_api_key());
        assert_eq!(body["type"], "https://myloware.com/docs/errors#invalid-api-key");
        assert_eq!(body["title"], "Unauthorized");
        assert_eq!(body["status"], 401);
        assert_eq!(body["detail"], "Invalid API key");
        assert_eq!(body["instance"], "urn:request:req-1");
        assert_eq!(body["request_id"], "req-1");
        assert_eq!(body.get("errors"), None);
    }

    #[test]
    fn a_validation_problem_lists_its_fields() {
        let body = body_of(invalid(vec![
            FieldError::new("#/project", "Field required"),
            FieldError::new("#/input/title", "too short"),
        ]));
        assert_eq!(body["status"], 422);
        assert_eq!(body["detail"], "Field required");
        assert_eq!(body["errors"][1]["pointer"], "#/input/title");
    }

    #[test]
    fn a_budget_is_whole_again_at_midnight_in_utc() {
        let now = Timestamp::UNIX_EPOCH + time::Duration::days(1) - time::Duration::milliseconds(1500);
        let problem = budget_exhausted(9, 10, now);
        assert_eq!(problem.headers, [("retry-after", "2".to_owned())]);
        let body = body_of(problem);
        assert_eq!(
            (body["status"].as_u64(), body["used"].as_u64(), body["limit"].as_u64()),
            (Some(429), Some(9), Some(10))
        );
    }

    #[test]
    fn further_members_stand_beside() {
        let body = body_of(conflict("already-decided", "already approved").with_member("decided_by", "ann"));
        assert_eq!(body["decided_by"], "ann");
    }
}
