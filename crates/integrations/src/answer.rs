//! Sending one request and reading its answer: bounded, as JSON where it is JSON, never with a key in a fault.

use http::{HeaderMap, Method, StatusCode, header};
use mw_media::retry::{FaultClass, Trouble};
pub(crate) use mw_media::token::percent_encode as percent_encoded;
use serde_json::Value;

use crate::lenient;
use crate::outcome::Fault;
use crate::port::{HttpClient, StreamingClient, TransportError};
use crate::retry_after;
use crate::system::System;

/// Larger answers are not read: every answer that we use is a few kilobytes.
const LONGEST_BODY_BYTES: usize = 1_000_000;

const LONGEST_ID_BYTES: usize = 512;
/// Signed URLs of storage services have about two thousand.
const LONGEST_URL_BYTES: usize = 8192;

/// A provider's answer.
pub struct Answer {
    /// Who answered.
    pub(crate) system: &'static System,
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// `Null` where the body is not JSON.
    pub(crate) body: Value,
    /// Why the body could not be used, where it could not.
    pub(crate) unreadable: Option<&'static str>,
}

/// Why there is no answer to read.
pub(crate) enum NoAnswer {
    /// Nothing has left: the request cannot be written, or the provider was not reached.
    NotSent(Fault),
    Unanswered(&'static System, String),
}

impl NoAnswer {
    fn of(system: &'static System, error: TransportError, secret: &str) -> NoAnswer {
        match error {
            TransportError::NotSent(message) => {
                let class = system.class_of(&Trouble::NotSent);
                NoAnswer::NotSent(Fault::new(class, "not_sent", redacted(&message, secret)))
            }
            TransportError::Unanswered(message) => NoAnswer::Unanswered(system, redacted(&message, secret)),
        }
    }

    /// For calls that change nothing: any failure of the transport is worth another try.
    pub(crate) fn into_fault(self) -> Fault {
        match self {
            NoAnswer::NotSent(fault) => fault,
            NoAnswer::Unanswered(system, message) => {
                Fault::new(system.class_of(&Trouble::NoAnswer), "no_answer", message)
            }
        }
    }
}

/// What shows a provider who asks. A secret, which no fault quotes.
pub(crate) enum Authorization {
    /// A header's name and value; the value is marked as sensitive.
    Header(&'static str, String),
    /// A part of the URL: Telegram's bot token, the end of Slack's response URL.
    InUrl(String),
    /// Headers that an operator named; which of them are secret is not known, so the caller cuts all out of what it quotes.
    Headers(Vec<(String, String)>),
}

impl Authorization {
    fn secret(&self) -> &str {
        match self {
            Authorization::Header(_, secret) | Authorization::InUrl(secret) => secret,
            Authorization::Headers(_) => "",
        }
    }
}

/// One call to a provider.
pub struct Call {
    pub(crate) system: &'static System,
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) authorization: Authorization,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    /// A GET without more headers.
    pub(crate) fn get(system: &'static System, url: String, authorization: Authorization) -> Call {
        Call { system, method: Method::GET, url, authorization, headers: Vec::new(), body: Vec::new() }
    }

    /// A POST of JSON.
    pub(crate) fn post_json(system: &'static System, url: String, authorization: Authorization, body: &Value) -> Call {
        let headers = vec![("content-type", "application/json".to_owned())];
        Call { system, method: Method::POST, url, authorization, headers, body: body.to_string().into_bytes() }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Call {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) async fn send(self, client: &impl HttpClient) -> Result<Answer, NoAnswer> {
        let (system, secret) = (self.system, self.authorization.secret().to_owned());
        Ok(Answer::read(system, self.exchange(client).await?, &secret))
    }

    /// The answer as it came, where its body is more than JSON.
    pub(crate) async fn exchange(self, client: &impl HttpClient) -> Result<http::Response<Vec<u8>>, NoAnswer> {
        let (system, secret) = (self.system, self.authorization.secret().to_owned());
        let request = self.into_request().map_err(NoAnswer::NotSent)?;
        client.send(request).await.map_err(|error| NoAnswer::of(system, error, &secret))
    }

    /// The answer's head, its body still coming.
    pub(crate) async fn open<C: StreamingClient>(self, client: &C) -> Result<http::Response<C::Pieces>, NoAnswer> {
        let (system, secret) = (self.system, self.authorization.secret().to_owned());
        let request = self.into_request().map_err(NoAnswer::NotSent)?;
        client.stream(request).await.map_err(|error| NoAnswer::of(system, error, &secret))
    }

    fn into_request(self) -> Result<http::Request<Vec<u8>>, Fault> {
        // The builder's error may quote a value, so it is not passed on.
        let unwritable = || Fault::new(FaultClass::Final, "invalid_settings", "the URL or a header cannot be written");
        let mut request =
            http::Request::builder().method(self.method).uri(self.url).header(header::ACCEPT, "application/json");
        let secrets = match self.authorization {
            Authorization::Header(name, value) => vec![(name.to_owned(), value)],
            Authorization::InUrl(_) => Vec::new(),
            Authorization::Headers(headers) => headers,
        };
        for (name, value) in secrets {
            let mut value = http::HeaderValue::from_str(&value).map_err(|_| unwritable())?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request.body(self.body).map_err(|_| unwritable())
    }
}

/// A provider's words without our key, should it quote it, and with U+FFFD for U+0000, which PostgreSQL cannot
/// store: a fact that holds one could never be committed, and its job would be asked about for ever.
pub(crate) fn cleaned(value: Value, secret: &str) -> Value {
    let clean = |text: String| redacted(&text.replace('\0', "\u{fffd}"), secret);
    match value {
        Value::String(text) => Value::String(clean(text)),
        Value::Array(items) => items.into_iter().map(|item| cleaned(item, secret)).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, member)| (clean(name), cleaned(member, secret))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// The text without the secret, should somebody have quoted it (an Authorization value's last word is the key itself).
pub(crate) fn redacted(text: &str, secret: &str) -> String {
    let key = secret.rsplit(' ').next().unwrap_or_default();
    match key.len() {
        0..4 => text.to_owned(),
        _ => text.replace(key, "***"),
    }
}

impl Answer {
    /// What was read can be stored and told: see [`cleaned`].
    pub(crate) fn read(system: &'static System, response: http::Response<Vec<u8>>, secret: &str) -> Answer {
        let (parts, bytes) = response.into_parts();
        let (body, unreadable) = if bytes.len() > LONGEST_BODY_BYTES {
            (Value::Null, Some("the answer is larger than 1 MB"))
        } else {
            match lenient::read(&bytes) {
                Some(read) => (cleaned(read.value, secret), None),
                None => (Value::Null, Some("the answer is not JSON")),
            }
        };
        Answer { system, status: parts.status, headers: parts.headers, body, unreadable }
    }

    /// The fault of an answer whose HTTP status says that the call failed.
    pub(crate) fn http_fault(&self, secret: &str) -> Fault {
        let message = self.message().unwrap_or_else(|| {
            let reason = self.status.canonical_reason().unwrap_or("no reason given");
            format!("HTTP {} {reason}", self.status.as_u16())
        });
        Fault::new(
            self.class_of(&Trouble::Status(self.status.as_u16())),
            self.status.as_str(),
            redacted(&message, secret),
        )
        .after(retry_after::of_answer(&self.headers))
    }

    /// The fault of an answer that says success and cannot be understood.
    pub(crate) fn malformed(&self, what: &str) -> Fault {
        Fault::new(self.class_of(&Trouble::Unreadable), "malformed_answer", self.unreadable.unwrap_or(what))
    }

    pub(crate) fn class_of(&self, trouble: &Trouble<'_>) -> FaultClass {
        self.system.class_of(trouble)
    }

    /// The error text, wherever the provider put it.
    pub(crate) fn message(&self) -> Option<String> {
        ["message", "msg", "error", "detail", "response", "details"]
            .into_iter()
            .find_map(|name| text_of(self.body.get(name)?))
            .or_else(|| text_of(&self.body))
    }
}

/// A text, or the text inside of an error object, or of a list of such.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.clone()),
        // Of several faults the first is told.
        Value::Array(items) => items.iter().find_map(text_of),
        Value::Object(fields) => {
            let names = ["message", "msg", "error", "detail", "error_msg", "status_msg"];
            names.into_iter().find_map(|name| text_of(fields.get(name)?))
        }
        _ => None,
    }
}

/// A base URL and a path, with exactly one slash between them.
pub(crate) fn joined(base_url: &str, path: &str) -> String {
    format!("{}/{}", base_url.trim_end_matches('/'), path.trim_start_matches('/'))
}

/// A field that is a number, or a text of one.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A field that is a text with something in it, or a number. What is too long for an index is no id.
pub(crate) fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            let text = text.trim();
            let is_id = (1..=LONGEST_ID_BYTES).contains(&text.len()) && !text.contains(char::is_control);
            is_id.then(|| text.to_owned())
        }
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A URL that a renderer, a publisher or a person could open.
pub(crate) fn web_url(value: &Value) -> Option<String> {
    let text = value.as_str()?.trim();
    let is_web = ["https://", "http://"].iter().any(|scheme| text.starts_with(scheme));
    let is_one_word = !text.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    (is_web && is_one_word && text.len() <= LONGEST_URL_BYTES).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    static ANYBODY: System = System::new("anybody", "Anybody", "answers");

    #[test]
    fn keys_are_cut_out_of_texts() {
        assert_eq!(redacted("bad key sk-123456", "Bearer sk-123456"), "bad key ***");
        assert_eq!(redacted("bad key", ""), "bad key");
    }

    #[test]
    fn unwritable_settings_are_final_and_tell_nothing() {
        let authorization = Authorization::Header("authorization", "Bearer se\ncret".into());
        let call = Call::get(&ANYBODY, "http://x".into(), authorization);
        let fault = call.into_request().unwrap_err();
        assert!(fault.is_final());
        assert!(!fault.message.contains("cret"));
    }

    #[test]
    fn large_and_broken_bodies_are_not_read() {
        let read = |body: Vec<u8>| Answer::read(&ANYBODY, http::Response::new(body), "");
        assert_eq!(read(vec![b'['; LONGEST_BODY_BYTES + 1]).unreadable, Some("the answer is larger than 1 MB"));
        assert_eq!(read(b"{".to_vec()).unreadable, Some("the answer is not JSON"));
        assert_eq!(read(b"{}".to_vec()).unreadable, None);
    }

    #[test]
    fn damaged_answers_are_read() {
        let read = |body: &[u8]| Answer::read(&ANYBODY, http::Response::new(body.to_vec()), "").body;
        let mended = json!({"msg": "\u{fffd}"});
        for body in [br#"{"msg":"\ud83d"}"#.as_slice(), b"{\"msg\":\"\xf0\x9f\"}", b"\xef\xbb\xbf{\"msg\":\"\xff\"}"] {
            assert_eq!(read(body), mended, "{}", String::from_utf8_lossy(body));
        }
        assert_eq!(read(br#"{"msg":"\ud83d\ude00"}"#), json!({"msg": "😀"}));
    }

    #[test]
    fn messages_are_found_in_every_place() {
        for (body, message) in [
            (json!({"message": "m", "error": "e"}), Some("m")),
            (json!({"error": "e", "detail": "d"}), Some("e")),
            (json!({"error": {"message": "inner"}}), Some("inner")),
            (json!({"message": null, "detail": "d"}), Some("d")),
            (json!({"code": 1}), None),
            (json!([{"error": {"code": 400, "message": "listed"}}]), Some("listed")),
            (
                json!({"detail": [{"loc": ["body", "x"], "msg": "Extra inputs are not permitted"}]}),
                Some("Extra inputs are not permitted"),
            ),
            (json!({"object": "error", "message": {"detail": [{"msg": "deep"}]}}), Some("deep")),
        ] {
            let answer = Answer::read(&ANYBODY, http::Response::new(serde_json::to_vec(&body).unwrap()), "");
            assert_eq!(answer.message().as_deref(), message, "{body}");
        }
    }

    #[test]
    fn what_was_read_can_be_stored_and_told() {
        let body = br#"{"a\u0000":["x\u0000y",{"b":"bad key sk\u002d123456"}],"c":1}"#;
        let answer = Answer::read(&ANYBODY, http::Response::new(body.to_vec()), "Bearer sk-123456");
        assert_eq!(answer.body, json!({"a\u{fffd}": ["x\u{fffd}y", {"b": "bad key ***"}], "c": 1}));
    }

    #[test]
    fn small_readers() {
        assert_eq!(integer(&json!("200")), Some(200));
        assert_eq!(integer(&json!([])), None);
        assert_eq!(id(&json!(12)).as_deref(), Some("12"));
        assert_eq!(id(&json!(" ")), None);
        assert_eq!(id(&json!("a\nb")), None);
        assert_eq!(id(&json!("x".repeat(LONGEST_ID_BYTES + 1))), None);
        assert_eq!(web_url(&json!("javascript:alert(1)")), None);
        assert_eq!(web_url(&json!("https://a b")), None);
        assert_eq!(web_url(&json!("https://a\0b")), None);
        assert_eq!(percent_encoded("a/b c&é"), "a%2Fb%20c%26%C3%A9");
        assert_eq!(joined("http://x/", "/y"), "http://x/y");
    }
}
