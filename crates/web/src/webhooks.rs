//! The receiving side of the three providers: verified as each one signs, stored and deduplicated by one statement, and
//! answered with what that statement committed. A callback changes no run: it makes its job due for a look.

use crate::clock;
use crate::context::Context;
use crate::log::Level;
use crate::problem::{self, Problem};
use crate::request::{Method, Request, WEBHOOK_BODY_LIMIT_BYTES};
use crate::response::Response;
use crate::{kick, route};
use http::HeaderMap;
use mw_providers::{Callback, CallbackError, Hint, SignatureStatus, dedup_key};
use mw_providers::{kieai, shotstack, upload_post};
use mw_store::webhooks::{self, Accepted, Delivery, Match, Receipt};
use serde_json::{Map, Value, json};

/// What tells the providers apart.
pub struct Provider {
    pub name: &'static str,
    pub route: &'static str,
    /// The variable of its signing secret; `None` where callbacks are unsigned.
    secret: Option<&'static str>,
    verify: fn(&HeaderMap, &[u8], &[&str], u64) -> SignatureStatus,
    parse: fn(&[u8]) -> Result<Callback, CallbackError>,
    /// What the provider expects beside our status.
    answer: &'static [(&'static str, Code)],
}

/// A constant member of an answer.
enum Code {
    Number(u16),
    Text(&'static str),
}

pub static KIEAI: Provider = Provider {
    name: "kieai",
    route: "/v1/webhooks/kieai",
    secret: Some("kieai_signing_secret"),
    verify: kieai::verify,
    parse: kieai::parse_callback,
    answer: &[("code", Code::Number(200)), ("msg", Code::Text("success"))],
};

pub static SHOTSTACK: Provider = Provider {
    name: "shotstack",
    route: "/v1/webhooks/shotstack",
    secret: None,
    verify: shotstack::verify,
    parse: shotstack::parse_callback,
    answer: &[],
};

pub static UPLOAD_POST: Provider = Provider {
    name: "upload-post",
    route: "/v1/webhooks/upload-post",
    secret: Some("upload_post_signing_secret"),
    verify: upload_post::verify,
    parse: upload_post::parse_callback,
    answer: &[],
};

/// Headers that are secrets or the host's own are not stored.
const UNSTORED_HEADERS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "x-api-key"];
const HEADERS_MAX: usize = 64;
const HEADER_LENGTH_MAX: usize = 1024;
const QUERY_LENGTH_MAX: usize = 2048;
const ID_LENGTH_MAX: usize = 512;

pub fn receive(provider: &Provider, request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    context.route = provider.route;
    if let Some(answer) = route::allow(request, &[Method::Post])? {
        return Ok(answer);
    }
    check_content_type(request)?;
    let body = request.body(WEBHOOK_BODY_LIMIT_BYTES).map_err(|problem| match problem.status {
        413 => problem::webhook_payload_too_large(),
        _ => problem,
    })?;
    let headers = header_map(request);
    let secrets = provider.secret.map(|name| context.config.secrets(name)).unwrap_or_default();
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    let now_unix = u64::try_from(clock::unix_seconds()).unwrap_or_default();
    let status = (provider.verify)(&headers, &body, &secrets, now_unix);
    match status {
        SignatureStatus::Valid | SignatureStatus::Unsigned => accept(provider, status, request, context, &body),
        SignatureStatus::Invalid | SignatureStatus::Missing => Err(refuse(provider, status, request, context, &body)?),
    }
}

fn check_content_type(request: &Request) -> Result<(), Problem> {
    match request.media_type().as_deref() {
        None | Some("application/json" | "application/octet-stream") => Ok(()),
        Some(other) => Err(problem::unsupported_content_type(other)),
    }
}

fn header_map(request: &Request) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in request.headers() {
        if let (Ok(name), Ok(value)) = (name.parse::<http::HeaderName>(), value.parse()) {
            map.append(name, value);
        }
    }
    map
}

/// Counts what is refused and keeps what it looked like; the answer tells nothing but that.
fn refuse(
    provider: &Provider,
    status: SignatureStatus,
    request: &Request,
    context: &mut Context,
    body: &[u8],
) -> Result<Problem, Problem> {
    let (now, hash) = (clock::now(), dedup_key(body));
    let headers = stored_headers(request);
    webhooks::refuse(context.database()?, now, provider.name, status.as_str(), &hash, headers, body)?;
    let fields = [("provider", provider.name.into()), ("signature_status", status.as_str().into())];
    context.log.write(Level::Warn, "webhook", "refused", &fields);
    Ok(problem::invalid_signature())
}

fn accept(
    provider: &Provider,
    status: SignatureStatus,
    request: &Request,
    context: &mut Context,
    body: &[u8],
) -> Result<Response, Problem> {
    let callback = match (provider.parse)(body) {
        Ok(callback) => Some(callback),
        Err(CallbackError::NotAnObject) => {
            return Err(problem::invalid_field("#", "payload should be a JSON object"));
        }
        // Nothing to believe, but our own job id in the URL may still name a job to look at.
        Err(CallbackError::Missing(_)) => None,
    };
    let query: String = request.raw_query().chars().take(QUERY_LENGTH_MAX).collect();
    let delivery = Delivery {
        provider: provider.name,
        key: &dedup_key(body),
        headers: stored_headers(request),
        query: &query,
        signature_status: status.as_str(),
        ignore: callback.as_ref().is_some_and(|callback| callback.hint == Hint::Unrelated),
        matching: matching(provider, request, callback.as_ref()),
        hint: hint(callback.as_ref()),
    };
    let accepted = webhooks::accept(context.database()?, clock::now(), &delivery, body)?;
    log_accepted(context, provider, status, callback.as_ref(), &accepted);
    let response = Response::ok(&answer(provider, accepted.status));
    Ok(if accepted.kick { response.then(kick::dispatch) } else { response })
}

fn matching(provider: &Provider, request: &Request, callback: Option<&Callback>) -> Match {
    let account = callback.and_then(|callback| callback.profile.clone());
    Match {
        job_id: request.query("job").and_then(storable),
        task_id: callback.and_then(|callback| callback.task_id.clone()).and_then(storable),
        account: account.and_then(storable).filter(|_| provider.name == "upload-post"),
    }
}

fn hint(callback: Option<&Callback>) -> Value {
    let mut hint = Map::new();
    let task_id = callback.and_then(|callback| callback.task_id.clone()).and_then(storable);
    if let Some(task_id) = task_id {
        hint.insert("task_id".to_owned(), task_id.into());
    }
    if let Some(Hint::Done(output)) = callback.map(|callback| &callback.hint)
        && let Some(url) = storable(output.url.clone()).filter(|url| !url.is_empty())
    {
        hint.insert("url".to_owned(), url.into());
    }
    Value::Object(hint)
}

/// What came from outside goes into the database only when it is short and printable.
fn storable(text: String) -> Option<String> {
    (text.len() <= ID_LENGTH_MAX && !text.chars().any(char::is_control)).then_some(text)
}

fn stored_headers(request: &Request) -> Value {
    let kept = request
        .headers()
        .iter()
        .filter(|(name, _)| !UNSTORED_HEADERS.contains(&name.as_str()) && !name.starts_with("spin-"))
        .take(HEADERS_MAX)
        .map(|(name, value)| (name.clone(), Value::from(value.chars().take(HEADER_LENGTH_MAX).collect::<String>())));
    Value::Object(kept.collect())
}

fn answer(provider: &Provider, receipt: Receipt) -> Value {
    let mut answer = Map::new();
    answer.insert("status".to_owned(), json!(receipt));
    for (name, code) in provider.answer {
        let value = match code {
            Code::Number(number) => Value::from(*number),
            Code::Text(text) => Value::from(*text),
        };
        answer.insert((*name).to_owned(), value);
    }
    Value::Object(answer)
}

fn log_accepted(
    context: &mut Context,
    provider: &Provider,
    status: SignatureStatus,
    callback: Option<&Callback>,
    accepted: &Accepted,
) {
    if let Some(run_id) = &accepted.run_id {
        context.log.about_run(run_id);
    }
    let fields = [
        ("provider", provider.name.into()),
        ("signature_status", status.as_str().into()),
        ("outcome", json!(accepted.status)),
        ("event", callback.map(|callback| callback.event.clone()).into()),
    ];
    context.log.write(Level::Info, "webhook", "accepted", &fields);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::config;
    use crate::request::tests::request;

    fn refusal(provider: &Provider, method: &str, headers: &[(&str, &str)], body: &str) -> Problem {
        let mut context = Context::new(config(&[]), "r".to_owned());
        receive(provider, &mut request(method, "/v1/webhooks/x", headers, body), &mut context).err().unwrap()
    }

    #[test]
    fn wrong_methods_types_and_sizes_touch_no_database() {
        assert_eq!(refusal(&KIEAI, "GET", &[], "").status, 405);
        let typed = refusal(&SHOTSTACK, "POST", &[("content-type", "text/html; charset=x")], "{}");
        assert_eq!((typed.status, typed.detail.as_str()), (415, "unsupported content-type: text/html"));
        let large = refusal(&UPLOAD_POST, "POST", &[("content-length", "10000001")], "{}");
        assert_eq!((large.status, large.detail.as_str()), (413, "webhook payload too large"));
        assert_eq!(refusal(&SHOTSTACK, "POST", &[], "not json").status, 422);
    }

    #[test]
    fn secrets_and_host_headers_are_not_stored() {
        let sent = request(
            "POST",
            "/",
            &[
                ("x-api-key", "k"),
                ("authorization", "b"),
                ("spin-client-addr", "1.2.3.4:5"),
                ("x-webhook-timestamp", "1"),
            ],
            "",
        );
        assert_eq!(stored_headers(&sent), json!({"x-webhook-timestamp": "1"}));
    }

    #[test]
    fn a_hint_holds_only_what_can_be_stored() {
        let body = br#"{"code":200,"data":{"taskId":"t-1","state":"success","resultUrls":["https://x/y.mp4"]}}"#;
        let callback = kieai::parse_callback(body).unwrap();
        assert_eq!(hint(Some(&callback))["task_id"], "t-1");
        assert_eq!(storable("a\0b".to_owned()), None);
        assert_eq!(storable("x".repeat(600)), None);
    }

    #[test]
    fn each_provider_gets_the_answer_it_expects() {
        assert_eq!(answer(&KIEAI, Receipt::Accepted), json!({"status": "accepted", "code": 200, "msg": "success"}));
        assert_eq!(answer(&SHOTSTACK, Receipt::Dlq), json!({"status": "dlq"}));
    }
}
