//! A turn for a person who has no key here: Telegram and the console name the person in a body that they seal with the secret of
//! gates' links. Nobody else can, and a seal is good for a minute.

use super::{MESSAGE_LENGTH_MAX, Reader, TurnRequest, USER_ID_LENGTH_MAX};
use mw_edge::body::{self, Fields};
use mw_edge::config::Config;
use mw_edge::request::BODY_LIMIT_BYTES;
use mw_edge::{Context, Problem, Request, clock, problem, seal, signing};
use mw_store::channels::{Kind, UpdateKey};
use serde_json::{Map, Value, json};

/// The header that carries a turn's seal.
pub const SEAL_HEADER: &str = "x-myloware-seal";
const SEAL_DOMAIN: &str = "myloware chat\n";
const SEAL_SECONDS: i64 = 60;
/// Names of principals and of senders are shorter.
const NAME_LENGTH_MAX: usize = 200;

pub(super) fn written(turn: &TurnRequest, caller: &str) -> Value {
    json!({
        "user_id": turn.user_id, "message": turn.message, "person": turn.reader.name(), "started_by": turn.started_by,
        "update_id": turn.update.as_ref().map(|update| &update.update_id), "caller": caller,
    })
}

pub(super) fn seal_of(config: &Config, body: &str, now: i64) -> Result<String, Problem> {
    let until = now.saturating_add(SEAL_SECONDS);
    let signature = seal::sign(&signing::newest(config)?, SEAL_DOMAIN, &signed_text(until, body));
    Ok(format!("{until}.{signature}"))
}

fn signed_text(until: i64, body: &str) -> String {
    format!("{until}\n{body}")
}

/// A sealed turn and whom the limit counts; 401 for a seal that is none of ours, or an old one.
pub fn open(request: &mut Request, context: &Context) -> Result<(TurnRequest, String), Problem> {
    let seal = request.header(SEAL_HEADER).unwrap_or_default().to_owned();
    let bytes = request.body(BODY_LIMIT_BYTES)?;
    let body = is_ours(&context.config, &seal, &bytes, clock::unix_seconds())?;
    let members = body.ok_or_else(problem::invalid_api_key)?;
    body::without_nuls(&members)?;
    read(&members)
}

fn is_ours(config: &Config, seal: &str, bytes: &[u8], now: i64) -> Result<Option<Map<String, Value>>, Problem> {
    let secrets = signing::secrets(config)?;
    let parts = seal.split_once('.').and_then(|(until, signature)| Some((until.parse::<i64>().ok()?, signature)));
    let (Some((until, signature)), Ok(body)) = (parts, std::str::from_utf8(bytes)) else { return Ok(None) };
    let is_good = (now..=now.saturating_add(2 * SEAL_SECONDS)).contains(&until)
        && seal::is_signed(&secrets, SEAL_DOMAIN, &signed_text(until, body), signature);
    Ok(if is_good { serde_json::from_str(body).ok() } else { None })
}

fn read(members: &Map<String, Value>) -> Result<(TurnRequest, String), Problem> {
    let mut fields = Fields::new(members, "#");
    let turn = TurnRequest {
        user_id: fields.required_text("user_id", 1, USER_ID_LENGTH_MAX),
        message: fields.required_text("message", 1, MESSAGE_LENGTH_MAX),
        reader: fields.text("person", 1, NAME_LENGTH_MAX).map_or(Reader::Nobody, Reader::Person),
        started_by: fields.required_text("started_by", 1, NAME_LENGTH_MAX),
        update: fields.text("update_id", 1, 100).map(|update_id| UpdateKey { kind: Kind::Telegram, update_id }),
    };
    let caller = fields.required_text("caller", 1, NAME_LENGTH_MAX);
    fields.finish()?;
    Ok((turn, caller))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> TurnRequest {
        TurnRequest {
            user_id: "telegram_5".to_owned(),
            reader: Reader::Person("ann".to_owned()),
            message: "hello".to_owned(),
            started_by: "ann".to_owned(),
            update: Some(UpdateKey { kind: Kind::Telegram, update_id: "7".to_owned() }),
        }
    }

    fn opened(seal: &str, body: &str, secret: &str) -> Result<(TurnRequest, String), Problem> {
        let context = Context::new(Config::of(&[("hitl_secret", secret)]), "r".to_owned());
        open(&mut Request::in_memory("POST", "/v1/chat/brendan", &[(SEAL_HEADER, seal)], body), &context)
    }

    #[test]
    fn a_sealed_turn_arrives_as_it_was_asked() {
        let body = written(&asked(), "telegram_5").to_string();
        let seal = seal_of(&Config::of(&[("hitl_secret", "s3cret")]), &body, clock::unix_seconds()).unwrap();
        let (found, caller) = opened(&seal, &body, "s3cret").unwrap();
        assert_eq!(written(&found, &caller), written(&asked(), "telegram_5"));
        assert_eq!(found.update, asked().update);
    }

    #[test]
    fn a_false_old_or_foreign_seal_speaks_for_nobody() {
        let secret = Config::of(&[("hitl_secret", "s3cret")]);
        let body = written(&asked(), "c").to_string();
        let now = clock::unix_seconds();
        let good = seal_of(&secret, &body, now).unwrap();
        let other = body.replace("telegram_5", "telegram_6");
        let old = seal_of(&secret, &body, now - 2 * SEAL_SECONDS).unwrap();
        let early = seal_of(&secret, &body, now + 10 * SEAL_SECONDS).unwrap();
        let later = good.replacen(good.split('.').next().unwrap(), &(now + 90).to_string(), 1);
        let cases = [("", &body), ("1.x", &body), (&good, &other), (&old, &body), (&early, &body), (&later, &body)];
        for (seal, body) in cases {
            assert_eq!(opened(seal, body, "s3cret").err().unwrap().status, 401, "{seal} {body}");
        }
        assert_eq!(opened(&good, &body, "other").err().unwrap().status, 401);
        let state = seal::sign("s3cret", "another purpose", &signed_text(now + 30, &body));
        assert_eq!(opened(&format!("{}.{state}", now + 30), &body, "s3cret").err().unwrap().status, 401);
    }
}
