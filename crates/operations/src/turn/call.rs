//! Brendan is asked where he is: the component `chat` alone plans and speaks to a language model. Who asks for a person sends
//! that person's key, as MCP does. Telegram and the console, whose people have none, name the person in a body that they
//! seal with the secret of gates' links: nobody else can, and a seal is good for a minute.

use super::{Asked, MESSAGE_LENGTH_MAX, Reader, USER_ID_LENGTH_MAX};
use crate::body::{self, Fields};
use crate::config::Config;
use crate::context::Context;
use crate::links;
use crate::outbound::{self, Outbound, Timeouts};
use crate::problem::{self, FieldError, Problem};
use crate::request::{BODY_LIMIT_BYTES, Request};
use crate::{clock, drain, seal};
use mw_providers::HttpClient;
use mw_store::channels::{Kind, UpdateKey};
use serde_json::{Map, Value, json};
use std::time::Duration;

const CHAT_URL: &str = "http://chat.spin.internal/v1/chat/brendan";
/// He may have to think: longer than [`super::TURN_SECONDS_MAX`].
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(3),
    first_byte: Duration::from_secs(110),
    between_bytes: Duration::from_secs(10),
};

pub(super) const SEAL_HEADER: &str = "x-myloware-seal";
const SEAL_DOMAIN: &str = "myloware chat\n";
const SEAL_SECONDS: i64 = 60;
/// Names of principals and of senders are shorter.
const NAME_LENGTH_MAX: usize = 200;

/// Has a turn for somebody who is known here, and gives what Brendan said. `caller` is whom the limit counts.
pub(crate) fn ask(context: &mut Context, asked: &Asked, caller: &str) -> Result<String, Problem> {
    let body = told(asked, caller).to_string();
    let seal = sealed(&context.config, &body, clock::unix_seconds())?;
    let answer = send(context, body, (SEAL_HEADER, &seal))?;
    Ok(answer.get("response").and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// Sends a turn; the header says by whose right.
pub(crate) fn send(context: &mut Context, body: String, right: (&'static str, &str)) -> Result<Value, Problem> {
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
    if status == 200 { Ok(body) } else { Err(refusal(status, &body, wait_seconds)) }
}

/// What Brendan's route answered instead, as if it had been ours.
fn refusal(status: u16, body: &Value, wait_seconds: Option<String>) -> Problem {
    let said = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let errors = body.get("errors").and_then(Value::as_array).into_iter().flatten();
    let like = if said(body, "code") == "draining" { drain::refusal(None) } else { problem::internal() };
    Problem {
        status,
        detail: said(body, "detail"),
        errors: errors.map(|error| FieldError::new(said(error, "pointer"), said(error, "detail"))).collect(),
        headers: wait_seconds.map(|seconds| ("retry-after", seconds)).into_iter().collect(),
        ..like
    }
}

fn told(asked: &Asked, caller: &str) -> Value {
    json!({
        "user_id": asked.user_id, "message": asked.message, "person": asked.reader.name(), "started_by": asked.started_by,
        "update_id": asked.update.as_ref().map(|update| &update.update_id), "caller": caller,
    })
}

fn sealed(config: &Config, body: &str, now: i64) -> Result<String, Problem> {
    let secrets = links::secrets(config)?;
    let until = now.saturating_add(SEAL_SECONDS);
    let signature =
        seal::sign(secrets.first().map(String::as_str).unwrap_or_default(), SEAL_DOMAIN, &signed_text(until, body));
    Ok(format!("{until}.{signature}"))
}

fn signed_text(until: i64, body: &str) -> String {
    format!("{until}\n{body}")
}

/// A sealed turn and whom the limit counts; 401 for a seal that is none of ours, or an old one.
pub(super) fn open(request: &mut Request, context: &Context) -> Result<(Asked, String), Problem> {
    let seal = request.header(SEAL_HEADER).unwrap_or_default().to_owned();
    let bytes = request.body(BODY_LIMIT_BYTES)?;
    let body = is_ours(&context.config, &seal, &bytes, clock::unix_seconds())?;
    let members = body.ok_or_else(problem::invalid_api_key)?;
    body::without_nuls(&members)?;
    read(&members)
}

fn is_ours(config: &Config, seal: &str, bytes: &[u8], now: i64) -> Result<Option<Map<String, Value>>, Problem> {
    let secrets = links::secrets(config)?;
    let parts = seal.split_once('.').and_then(|(until, signature)| Some((until.parse::<i64>().ok()?, signature)));
    let (Some((until, signature)), Ok(body)) = (parts, std::str::from_utf8(bytes)) else { return Ok(None) };
    let is_good = (now..=now.saturating_add(2 * SEAL_SECONDS)).contains(&until)
        && seal::is_signed(&secrets, SEAL_DOMAIN, &signed_text(until, body), signature);
    Ok(if is_good { serde_json::from_str(body).ok() } else { None })
}

fn read(members: &Map<String, Value>) -> Result<(Asked, String), Problem> {
    let mut fields = Fields::new(members, "#");
    let asked = Asked {
        user_id: fields.required_text("user_id", 1, USER_ID_LENGTH_MAX),
        message: fields.required_text("message", 1, MESSAGE_LENGTH_MAX),
        reader: fields.text("person", 1, NAME_LENGTH_MAX).map_or(Reader::Nobody, Reader::Person),
        started_by: fields.required_text("started_by", 1, NAME_LENGTH_MAX),
        update: fields.text("update_id", 1, 100).map(|update_id| UpdateKey { kind: Kind::Telegram, update_id }),
    };
    let caller = fields.required_text("caller", 1, NAME_LENGTH_MAX);
    fields.finish()?;
    Ok((asked, caller))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::config;
    use crate::request::tests::request;

    fn asked() -> Asked {
        Asked {
            user_id: "telegram_5".to_owned(),
            reader: Reader::Person("ann".to_owned()),
            message: "hello".to_owned(),
            started_by: "ann".to_owned(),
            update: Some(UpdateKey { kind: Kind::Telegram, update_id: "7".to_owned() }),
        }
    }

    fn opened(seal: &str, body: &str, secret: &str) -> Result<(Asked, String), Problem> {
        let context = Context::new(config(&[("hitl_secret", secret)]), "r".to_owned());
        open(&mut request("POST", "/v1/chat/brendan", &[(SEAL_HEADER, seal)], body), &context)
    }

    #[test]
    fn a_sealed_turn_arrives_as_it_was_asked() {
        let body = told(&asked(), "telegram_5").to_string();
        let seal = sealed(&config(&[("hitl_secret", "s3cret")]), &body, clock::unix_seconds()).unwrap();
        let (found, caller) = opened(&seal, &body, "s3cret").unwrap();
        assert_eq!(told(&found, &caller), told(&asked(), "telegram_5"));
        assert_eq!(found.update, asked().update);
    }

    #[test]
    fn nobody_speaks_for_another_with_a_seal_that_is_false_old_or_of_another_body() {
        let secret = config(&[("hitl_secret", "s3cret")]);
        let body = told(&asked(), "c").to_string();
        let now = clock::unix_seconds();
        let good = sealed(&secret, &body, now).unwrap();
        let other = body.replace("telegram_5", "telegram_6");
        let old = sealed(&secret, &body, now - 2 * SEAL_SECONDS).unwrap();
        let early = sealed(&secret, &body, now + 10 * SEAL_SECONDS).unwrap();
        let later = good.replacen(good.split('.').next().unwrap(), &(now + 90).to_string(), 1);
        let cases = [("", &body), ("1.x", &body), (&good, &other), (&old, &body), (&early, &body), (&later, &body)];
        for (seal, body) in cases {
            assert_eq!(opened(seal, body, "s3cret").err().unwrap().status, 401, "{seal} {body}");
        }
        assert_eq!(opened(&good, &body, "other").err().unwrap().status, 401);
        let state = seal::sign("s3cret", "another purpose", &signed_text(now + 30, &body));
        assert_eq!(opened(&format!("{}.{state}", now + 30), &body, "s3cret").err().unwrap().status, 401);
    }

    #[test]
    fn a_refusal_comes_through_as_it_was() {
        let body = json!({"detail": "too long", "errors": [{"pointer": "#/message", "detail": "too long"}]});
        let refused = refusal(422, &body, None);
        assert_eq!((refused.status, refused.errors), (422, vec![FieldError::new("#/message", "too long")]));
        let limited = refusal(429, &json!({"detail": "rate limit exceeded"}), Some("7".into()));
        assert_eq!(limited.headers, [("retry-after", "7".to_owned())]);
        assert_eq!(refusal(503, &json!({"code": "draining", "detail": "tonight"}), None).code, "draining");
    }
}
