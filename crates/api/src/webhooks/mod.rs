//! The receiving side of webhooks: verified as each provider signs, stored and deduplicated by one statement, and answered
//! with what that statement committed. A callback changes no run: it makes its job due for a look. What no signature
//! covers pokes, too, and may be kept only within a budget. Sources that sign by Standard Webhooks have a route of their
//! own ([`standard`]) and the rest in common.

pub mod standard;

use http::HeaderMap;
use mw_edge::about::Tag::Webhooks;
use mw_edge::ids::is_run_id;
use mw_edge::log::Level;
use mw_edge::request::WEBHOOK_BODY_LIMIT_BYTES;
use mw_edge::route::{Route, route};
use mw_edge::{Context, Method, Problem, Request, Response, clock, kick, problem, shape};
use mw_integrations::webhook::Code;
use mw_integrations::{Callback, CallbackError, Hint, SignatureStatus, Webhook, dedup_key, headers};
use mw_store::webhooks::{self, Accepted, Delivery, Match, Receipt, Refusal};
use serde_json::{Map, Value, json};

const QUERY_BYTES_MAX: usize = 1024;
const ID_LENGTH_MAX: usize = 512;
/// The name, among a receipt's headers, of the note that its body was repaired.
const REPAIRED: &str = "mw-repaired";

/// The line of a provider's webhook; what is its own comes from its folder. A component gives it its handler.
pub const fn line<H: Copy>(webhook: &'static Webhook, handler: H) -> Route<H> {
    route(Method::Post, webhook.path, None, handler)
        .is(Webhooks, webhook.operation, webhook.summary)
        .more(webhook.more)
        .query::<CallbackQuery>()
        .takes::<Map<String, Value>>()
        .takes_as::<Bytes>(BYTES, true)
        .gives::<WebhookReceipt>(COMMITTED)
        .refuses(if webhook.secret.is_some() { &[403, 429] } else { &[429] })
}

const COMMITTED: &str = "Committed: `accepted`, `duplicate`, or `dlq` (kept for a job that is not known yet).";
const BYTES: &str = "application/octet-stream";

shape! {
    pub struct CallbackQuery {
        /// The run that the callback URL was made for.
        pub run_id: Option<String>,
        /// Our own id of the job.
        pub job: Option<String>,
    }

    pub struct JobQuery {
        /// Our own id of the job.
        pub job: Option<String>,
    }

    pub struct WebhookReceipt {
        #[schemars(extend("enum" = ["accepted", "duplicate", "dlq"]))]
        pub status: String,
        /// Where the provider expects a code beside our status.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub code: Option<u16>,
        /// Where the provider expects a word beside our status.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub msg: Option<String>,
    }

    /// JSON under another media type.
    #[serde(transparent)]
    #[schemars(inline, extend("format" = "json-object", "contentMediaType" = "application/json"))]
    pub struct Bytes {
        pub text: String,
    }
}

/// Receives a delivery of a provider.
pub fn receive(webhook: &Webhook, request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let (headers, body) = read(request)?;
    let secrets = webhook.secret.map(|name| context.config.secrets(name)).unwrap_or_default();
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    let status = (webhook.verify)(&headers, &body, &secrets, clock::unix_now());
    let verified = Verified {
        provider: webhook.system.name,
        status,
        signs_body: webhook.signs_body,
        headers: webhook.headers,
        key: dedup_key(&body),
        parse: webhook.parse,
        answer: webhook.answer,
    };
    verified.record(request, context, &body)
}

/// Headers and body of a delivery, which must be of a kind that we take.
pub(crate) fn read(request: &mut Request) -> Result<(HeaderMap, Vec<u8>), Problem> {
    check_content_type(request)?;
    let body = request.body(WEBHOOK_BODY_LIMIT_BYTES).map_err(|problem| match problem.status {
        413 => problem::webhook_payload_too_large(),
        _ => problem,
    })?;
    Ok((request.header_map(), body))
}

/// A delivery whose signature has been looked at.
pub(crate) struct Verified<'a> {
    pub(crate) provider: &'a str,
    pub(crate) status: SignatureStatus,
    /// A valid signature covers the body.
    pub(crate) signs_body: bool,
    /// The headers that it is signed with.
    pub(crate) headers: &'static [&'static str],
    /// Unique among the accepted deliveries of the provider: the id that it signs, else the body's hash.
    pub(crate) key: String,
    pub(crate) parse: fn(&[u8]) -> Result<Callback, CallbackError>,
    /// What the provider expects beside our status.
    pub(crate) answer: &'static [(&'static str, Code)],
}

impl Verified<'_> {
    /// Stores it as accepted or refused, and answers.
    pub(crate) fn record(self, request: &Request, context: &mut Context, body: &[u8]) -> Result<Response, Problem> {
        match self.status {
            SignatureStatus::Valid | SignatureStatus::Unsigned => self.accept(request, context, body),
            SignatureStatus::Invalid | SignatureStatus::Missing => Err(self.refuse(request, context, body)?),
        }
    }

    /// Records what is refused and keeps what it looked like; the answer tells nothing but that.
    fn refuse(&self, request: &Request, context: &mut Context, body: &[u8]) -> Result<Problem, Problem> {
        let (hash, status) = (dedup_key(body), self.status.as_str());
        let refusal = Refusal {
            provider: self.provider,
            signature_status: status,
            body_hash: &hash,
            headers: self.kept_headers(request),
        };
        let problem = problem::invalid_signature();
        // Whoever looks for what became of a run's callback finds it by the run: a claim, as the address of the callback has it.
        if let Some(run_id) = request.query("run_id").filter(|run_id| is_run_id(run_id)) {
            context.log.about_run(&run_id);
        }
        context.record_with_next_write(problem.status);
        webhooks::refuse(context.database()?, clock::now(), &refusal, body)?;
        let fields = [("provider", self.provider.into()), ("signature_status", status.into())];
        context.log.write(Level::Warn, "webhook", "refused", &fields);
        Ok(problem)
    }

    fn accept(&self, request: &Request, context: &mut Context, body: &[u8]) -> Result<Response, Problem> {
        let callback = match (self.parse)(body) {
            Ok(callback) => Some(callback),
            Err(CallbackError::NotAnObject) => {
                return Err(problem::invalid_field("#", "payload should be a JSON object"));
            }
            // Nothing to believe, but our own job id in the URL may still name a job to look at.
            Err(CallbackError::Missing(_)) => None,
        };
        let query = request.raw_query();
        let query = query.get(..query.floor_char_boundary(QUERY_BYTES_MAX)).unwrap_or_default();
        let delivery = Delivery {
            provider: self.provider,
            key: &self.key,
            headers: noted(self.kept_headers(request), callback.as_ref()),
            query,
            signature_status: self.status.as_str(),
            trusted: self.signs_body && self.status == SignatureStatus::Valid,
            ignore: callback.as_ref().is_some_and(|callback| callback.hint == Hint::Unrelated),
            matching: matching(request, callback.as_ref()),
            hint: hint(callback.as_ref()),
        };
        context.record_with_next_write(200);
        let accepted = webhooks::accept(context.database()?, clock::now(), &delivery, body)?;
        if accepted.status == Receipt::Busy {
            return Err(problem::rate_limited().with_header("retry-after", "60"));
        }
        self.log(context, callback.as_ref(), &accepted);
        let response = Response::ok(&answer(self.answer, accepted.status));
        Ok(if accepted.kick { response.then(kick::dispatch) } else { response })
    }

    fn kept_headers(&self, request: &Request) -> Value {
        let came = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_str()));
        json!(headers::kept(self.headers, came))
    }

    fn log(&self, context: &mut Context, callback: Option<&Callback>, accepted: &Accepted) {
        if let Some(run_id) = &accepted.run_id {
            context.log.about_run(run_id);
        }
        let fields = [
            ("provider", self.provider.into()),
            ("signature_status", self.status.as_str().into()),
            ("outcome", json!(accepted.status)),
            ("event", callback.map(|callback| callback.event.clone()).into()),
        ];
        context.log.write(Level::Info, "webhook", "accepted", &fields);
    }
}

/// The headers that are kept, with a note where the body's text had to be repaired. Headers of the sender are kept by a list, on
/// which the note's name is not.
fn noted(mut headers: Value, callback: Option<&Callback>) -> Value {
    if let (Value::Object(members), Some(true)) = (&mut headers, callback.map(|callback| callback.repaired)) {
        members.insert(REPAIRED.to_owned(), Value::from("damaged text was read as U+FFFD"));
    }
    headers
}

fn check_content_type(request: &Request) -> Result<(), Problem> {
    match request.media_type().as_deref() {
        None | Some("application/json" | "application/octet-stream") => Ok(()),
        Some(other) => Err(problem::unsupported_content_type(other)),
    }
}

fn matching(request: &Request, callback: Option<&Callback>) -> Match {
    let named = |member: fn(&Callback) -> &Option<String>| callback.and_then(|callback| member(callback).clone());
    let job_id = request.query("job").or_else(|| named(|callback| &callback.job_id));
    Match {
        job_id: job_id.and_then(storable),
        task_id: named(|callback| &callback.task_id).and_then(storable),
        account: named(|callback| &callback.profile).and_then(storable),
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

fn answer(members: &[(&str, Code)], receipt: Receipt) -> Value {
    let mut answer = Map::new();
    answer.insert("status".to_owned(), json!(receipt));
    for (name, code) in members {
        let value = match code {
            Code::Number(number) => Value::from(*number),
            Code::Text(text) => Value::from(*text),
        };
        answer.insert((*name).to_owned(), value);
    }
    Value::Object(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_edge::config::Config;
    use mw_edge::route::answer as answer_by;
    use mw_integrations::outcome::Output;
    use mw_integrations::registry::webhooks;

    fn refusal(webhook: &Webhook, headers: &[(&str, &str)], body: &str) -> Problem {
        let mut context = Context::new(Config::of(&[]), "r".to_owned());
        receive(webhook, &mut Request::in_memory("POST", webhook.path, headers, body), &mut context).err().unwrap()
    }

    #[test]
    fn only_post_is_a_delivery() {
        for webhook in webhooks() {
            let handler: mw_edge::component::Handler = |_, _| Err(problem::internal());
            let table: &'static [Route] = Vec::leak(vec![line(webhook, handler)]);
            let mut context = Context::new(Config::of(&[]), "r".to_owned());
            let refused = answer_by(&[table], &mut Request::in_memory("GET", webhook.path, &[], ""), &mut context);
            assert_eq!(refused.err().unwrap().status, 405);
        }
    }

    #[test]
    fn wrong_types_and_sizes_touch_no_database() {
        for webhook in webhooks() {
            let typed = refusal(webhook, &[("content-type", "text/html; charset=x")], "{}");
            assert_eq!((typed.status, typed.detail.as_str()), (415, "unsupported content-type: text/html"));
            let large = refusal(webhook, &[("content-length", "10000001")], "{}");
            assert_eq!((large.status, large.detail.as_str()), (413, "webhook payload too large"));
            assert_eq!(refusal(webhook, &[], "not json").status, 422);
        }
    }

    #[test]
    fn a_hint_holds_only_what_can_be_stored() {
        let callback = Callback {
            event: "done".to_owned(),
            job_id: None,
            task_id: Some("t-1".to_owned()),
            run_id: None,
            video_index: None,
            profile: None,
            platform: None,
            hint: Hint::Done(Output { url: "https://x/\u{7}.mp4".to_owned(), raw: Value::Null }),
            repaired: true,
        };
        let expected = json!({"user-agent": "x", "mw-repaired": "damaged text was read as U+FFFD"});
        assert_eq!(noted(json!({"user-agent": "x"}), Some(&callback)), expected);
        assert_eq!(hint(Some(&callback)), json!({"task_id": "t-1"}));
        assert_eq!(storable("a\0b".to_owned()), None);
        assert_eq!(storable("x".repeat(600)), None);
    }

    #[test]
    fn each_provider_gets_the_answer_it_expects() {
        let members = [("code", Code::Number(200)), ("msg", Code::Text("success"))];
        let expected = json!({"status": "accepted", "code": 200, "msg": "success"});
        assert_eq!(answer(&members, Receipt::Accepted), expected);
        assert_eq!(answer(&[], Receipt::Dlq), json!({"status": "dlq"}));
    }
}
