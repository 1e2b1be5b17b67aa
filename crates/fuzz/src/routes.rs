//! Whole requests through a component's handler. The database only listens: it answers the statements that let a request
//! in, and is unavailable for the rest, so that everything before the work itself runs as it does in a component.
//!
//! For any bytes: no panic, no 500, headers that cannot be split, and statements that PostgreSQL can take.

use crate::edge::{self, Answer, Config, Context, Handler, Way};
use crate::message::Message;
use crate::{Seen, storable};
use mw_store::{DbError, Param};
use serde_json::Value;
use std::sync::LazyLock;

/// The secrets that the corpora are made with.
const VARIABLES: &[(&str, &str)] = &[
    ("api_key", KEY),
    ("hitl_secret", "a-long-secret-of-links"),
    ("kieai_signing_secret", "test-hmac-key"),
    ("log_level", "error"),
    ("metrics_key", KEY),
    ("public_base_url", "http://127.0.0.1:3000"),
    ("service_version", "1.2.3"),
    ("slack_signing_secret", "a-long-slack-secret"),
    ("std_webhook_sources", "replicate=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ("telegram_webhook_secret", "a-long-telegram-secret"),
    ("upload_post_signing_secret", "test-secret"),
    ("use_mock_providers", "true"),
];
const KEY: &str = "a-long-operator-key";

/// Statements that find out who asks and what he may.
const ADMITTED: &[(&str, &str)] = &[
    ("caller_admit", r#"{"principal":null,"limit":{"allowed":true,"limit":60,"remaining":59,"reset_seconds":60}}"#),
    ("console_login", r#"{"principal":null,"limit":null}"#),
    ("console_shell", r#"{"principal":null,"waiting":0,"dead_letters":0,"draining":null}"#),
    (
        "console_chat",
        r#"{"shell":{"principal":null,"waiting":0,"dead_letters":0,"draining":null},"messages":[],"runs":[]}"#,
    ),
];

struct Listener;

impl Way for Listener {
    fn open(_config: &Config, _request_id: &str) -> Box<dyn Way> {
        Box::new(Listener)
    }

    fn query(&mut self, function: &str, params: &[Param<'_>]) -> Result<Answer, DbError> {
        for param in params {
            if let Param::Json(text) = param {
                storable(&serde_json::from_str(text).unwrap());
            }
        }
        let answer = ADMITTED.iter().find(|(name, _)| *name == function);
        let answer = answer.map(|(_, answer)| Answer { text: (*answer).to_owned(), recorded: false });
        answer.ok_or_else(|| DbError::Unavailable("only listening".into()))
    }
}

fn answer(message: &Message, handler: Handler) -> (u16, Vec<(&'static str, String)>, Vec<u8>) {
    let variable =
        |name: &str| VARIABLES.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let mut context = Context::with(Listener::open, Config::new(Box::new(variable)), "request-1".to_owned());
    context.kinds = mw_kinds::KINDS;
    let response = match handler(&mut message.request(), &mut context) {
        Ok(response) => response,
        Err(problem) => problem.into_response("request-1"),
    };
    (response.status, response.headers, response.body)
}

/// Taken is what gets as far as the work, which the database then has no time for.
pub(crate) fn serve(bytes: &[u8], handler: Handler) -> Seen {
    let mut message = Message::read(bytes);
    SIGNED_IN.fill_in(&mut message);
    let (status, headers, body) = answer(&message, handler);
    assert!((200..=599).contains(&status) && status != 500, "{status}: {}", String::from_utf8_lossy(&body));
    assert!(headers.iter().all(|(_, value)| !value.contains(['\r', '\n', '\0'])), "{headers:?}");
    if headers.iter().any(|(name, value)| *name == "content-type" && value.contains("json")) {
        serde_json::from_slice::<Value>(&body).unwrap();
    }
    Seen::from(!(400..500).contains(&status))
}

/// What a browser knows after it has signed in; a seed says `{session}` and `{token}`, since a session ends.
struct SignedIn {
    session: String,
    token: String,
}

static SIGNED_IN: LazyLock<SignedIn> = LazyLock::new(|| {
    let form = format!("key={KEY}");
    let login = format!(
        "POST /console/login HTTP/1.1\nSec-Fetch-Site: same-origin\nContent-Type: application/x-www-form-urlencoded\n\n{form}"
    );
    let (_, headers, _) = answer(&Message::read(login.as_bytes()), edge::console_pages);
    let set = headers.into_iter().find(|(name, _)| *name == "set-cookie").expect("the key opens a session").1;
    let session = set.split(';').next().unwrap().to_owned();
    let page = format!("GET /console/chat HTTP/1.1\nCookie: {session}\n\n");
    let (_, _, page) = answer(&Message::read(page.as_bytes()), edge::console_pages);
    let page = String::from_utf8(page).unwrap();
    let (_, after) = page.split_once("name=\"token\" value=\"").expect("a page has a form");
    SignedIn { session, token: after.split('"').next().unwrap().to_owned() }
});

impl SignedIn {
    fn fill_in(&self, message: &mut Message) {
        for (_, value) in &mut message.headers {
            *value = value.replace("{session}", &self.session);
        }
        if let Ok(body) = std::str::from_utf8(&message.body)
            && body.contains("{token}")
        {
            message.body = body.replace("{token}", &edge::percent_encode(&self.token)).into_bytes();
        }
    }
}
