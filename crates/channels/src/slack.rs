//! POST /v1/slack/interactions: presses of buttons in Slack. The signature is checked over the raw bytes before anything
//! is decoded. The decision is committed and the answer has left well within Slack's 3 s; what the person sees follows
//! through the response URL. POST /v1/slack/events: what Slack tells us by itself; we listen for channels that get another id.

use crate::button;
use mw_edge::about::{FORM, JSON, Nothing, Tag::Webhooks};
use mw_edge::log::Level;
use mw_edge::outbound::{self, CHANNEL_TIMEOUTS, Outbound};
use mw_edge::request::{BODY_LIMIT_BYTES, form_value};
use mw_edge::route::{Route, open_post};
use mw_edge::{Context, Problem, Request, Response, clock, kick, problem, shape};
use mw_integrations::lenient;
use mw_integrations::slack::{self, Reply, Told};
use mw_store::channels::{self, Kind};
use serde_json::{Map, Value};

const SIGNED: &str =
    "Signed by Slack over the time and the raw bytes (`X-Slack-Signature`, `X-Slack-Request-Timestamp`), within 300 s.";

pub const ROUTES: &[Route] = &[
    open_post("/v1/slack/interactions", press)
        .is(Webhooks, "slack_interactions", "Take a press of a button in Slack")
        .more(SIGNED)
        .takes_as::<Interaction>(FORM, true)
        .gives_as::<Nothing>(200, JSON, "Committed; what the person sees follows through the response URL.")
        .refuses(&[403, 502]),
    open_post("/v1/slack/events", event)
        .is(Webhooks, "slack_events", "Take an event of Slack")
        .more(SIGNED)
        .may_take::<Map<String, Value>>()
        .gives::<EventAnswer>("Taken. `challenge`: Slack's own, which makes the address known to it.")
        .refuses(&[403]),
];

shape! {
    #[schemars(inline)]
    pub struct Interaction {
        pub payload: String,
    }
}

shape! {
    #[schemars(inline)]
    pub struct EventAnswer {
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "String")]
        pub challenge: Option<String>,
    }
}

/// The bytes that Slack signed.
fn signed(request: &mut Request, context: &Context) -> Result<Vec<u8>, Problem> {
    let headers = request.header_map();
    let body = request.body(BODY_LIMIT_BYTES)?;
    let secrets = context.config.secrets("slack_signing_secret");
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    if !slack::is_from_slack(&headers, &body, &secrets, clock::unix_now()) {
        return Err(problem::invalid_signature().because("the signature is missing, old or wrong"));
    }
    Ok(body)
}

/// An event that changes nothing for us is taken, too: Slack stops to send them where many are refused.
fn event(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let body = signed(request, context)?;
    let told = lenient::read(&body).and_then(|read| slack::event(&read.value));
    let challenge = match told {
        Some(Told::Challenge(challenge)) => Some(challenge),
        Some(Told::Moved { from, to }) => {
            channels::moved(context.database()?, clock::now(), Kind::Slack, &from, &to)?;
            None
        }
        None => None,
    };
    Ok(Response::ok(&EventAnswer { challenge }))
}

fn press(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let body = signed(request, context)?;
    let form = String::from_utf8_lossy(&body);
    let payload = form_value(&form, "payload").and_then(|payload| lenient::read(payload.as_bytes()));
    // Interactions that decide nothing (a link was opened) only want to be acknowledged.
    let Some(press) = payload.as_ref().and_then(|payload| slack::parse(&payload.value)) else {
        return Ok(Response::empty(200));
    };
    let answered = button::decide(context, Kind::Slack, &press.value, &press.user)?;
    Ok(Response::empty(200).then(move |context| {
        if answered.kick {
            kick::dispatch(context);
        }
        let reply = if answered.is_over { Reply::Instead(answered.text) } else { Reply::Aside(answered.text) };
        match press.response_url {
            Some(url) if is_slacks(context, &url) => respond(context, &url, &reply),
            Some(_) => log(context, "the response URL is not Slack's"),
            None => {}
        }
    }))
}

/// Whether a URL is at the configured host of response URLs: its scheme, name and port.
fn is_slacks(context: &Context, url: &str) -> bool {
    let origin = |url: &str| {
        let uri: http::Uri = url.parse().ok()?;
        Some((uri.scheme_str()?.to_owned(), uri.authority()?.as_str().to_ascii_lowercase()))
    };
    let expected = context.config.base_url("slack_hooks_base_url").ok().and_then(|base| origin(&base));
    expected.is_some() && origin(url) == expected
}

fn respond(context: &mut Context, url: &str, reply: &Reply) {
    context.release_database();
    let client = Outbound { timeouts: CHANNEL_TIMEOUTS };
    if let Err(fault) = outbound::block_on(slack::respond(&client, url, reply)) {
        log(context, &fault.to_string());
    }
}

fn log(context: &Context, cause: &str) {
    context.log.write(Level::Warn, "myloware.slack", "press not answered", &[("cause", cause.into())]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_edge::config::Config;
    use mw_edge::route::answer;

    #[test]
    fn without_a_signature_nothing_is_decoded() {
        for variables in [&[][..], &[("slack_signing_secret", "s3cret")]] {
            for path in ["/v1/slack/interactions", "/v1/slack/events"] {
                let mut context = Context::new(Config::of(variables), "r".to_owned());
                let headers = [("x-slack-signature", "v0=00"), ("x-slack-request-timestamp", "1")];
                let mut asked = Request::in_memory("POST", path, &headers, "payload=%7B");
                let refused = answer(&[ROUTES], &mut asked, &mut context).err().unwrap();
                assert_eq!((refused.status, refused.code), (403, "invalid-signature"), "{path}");
            }
        }
    }

    #[test]
    fn only_slacks_own_host_is_answered() {
        let context = Context::new(Config::of(&[("slack_hooks_base_url", "https://hooks.slack.com")]), "r".to_owned());
        assert!(is_slacks(&context, "https://hooks.slack.com/actions/T1/2/x"));
        for other in [
            "http://hooks.slack.com/x",
            "https://hooks.slack.com.evil.example/x",
            "https://hooks.slack.com:8443/x",
            "https://user@hooks.slack.com/x",
            "https://evil.example/https://hooks.slack.com",
            "/relative",
            "",
        ] {
            assert!(!is_slacks(&context, other), "{other}");
        }
        assert!(!is_slacks(&Context::new(Config::of(&[]), "r".to_owned()), ""));
    }
}
