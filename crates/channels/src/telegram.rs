//! POST /v1/telegram/webhook: what Telegram brings: messages for Brendan, and presses of buttons. An update is handled
//! once; one whose handling died is handled again when Telegram repeats it. Ids of chats and people stay out of the log.

use crate::button;
use mw_edge::about::Tag::Webhooks;
use mw_edge::log::Level;
use mw_edge::outbound::{self, CHANNEL_TIMEOUTS, Outbound};
use mw_edge::route::{Route, open_post};
use mw_edge::{Context, Problem, Request, Response, auth, body, clock, kick, problem, shape};
use mw_integrations::telegram::{self, Incoming, Update};
use mw_integrations::{Fault, Settings};
use mw_kernel::principal::Principal;
use mw_operations::turn::{Reader, TurnRequest, call};
use mw_store::channels::{self, Begun, Kind, Unwelcome, UpdateKey};
use serde_json::{Map, Value};

const MESSAGE_CHARS_MAX: usize = 8000;
/// As long as the handling of an update may take before it counts as died.
const AT_WORK_SECONDS: &str = "30";
const STRANGER: &str = "Sorry, I only talk to people whom an operator has introduced. Ask one to add this chat.";
const BARRED: &str = "Sorry, you may not start or approve anything here. An operator can change that.";

pub const ROUTES: &[Route] = &[open_post("/v1/telegram/webhook", update)
    .is(Webhooks, "telegram_webhook", "Take an update of the Telegram bot")
    .more(
        "`X-Telegram-Bot-Api-Secret-Token` must be the secret that the webhook was set with. A message goes to Brendan, a pressed button decides at its gate. An update is handled once.",
    )
    .may_take::<Map<String, Value>>()
    .gives::<UpdateAnswer>(
        "Taken. `duplicate`: handled before. `brendan_response`: what was replied. `error`: what went wrong, as the person was told.",
    )
    .refuses(&[403, 502])];

shape! {
    pub struct UpdateAnswer {
        #[schemars(extend("const" = true))]
        pub ok: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "bool", extend("const" = true))]
        pub duplicate: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "String")]
        pub brendan_response: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "String")]
        pub error: Option<String>,
    }
}

const TAKEN: UpdateAnswer = UpdateAnswer { ok: true, duplicate: None, brendan_response: None, error: None };

fn update(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let secrets = context.config.secrets("telegram_webhook_secret");
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    if !telegram::is_from_telegram(&request.header_map(), &secrets) {
        return Err(problem::invalid_signature().because("the secret token is missing or wrong"));
    }
    let members = body::json_object(request)?;
    match telegram::parse(&Value::Object(members)) {
        Some(update) => take(context, update),
        None => Ok(acknowledged()),
    }
}

fn acknowledged() -> Response {
    Response::ok(&TAKEN)
}

fn take(context: &mut Context, update: Update) -> Result<Response, Problem> {
    let key = UpdateKey { kind: Kind::Telegram, update_id: update.key.chars().take(100).collect() };
    let (chat, from) = match &update.incoming {
        Incoming::Message { chat_id, from, .. } => (Some(chat_id.to_string()), from.map(|id| id.to_string())),
        Incoming::Press { from, .. } => (None, Some(from.to_string())),
    };
    let begun = channels::begin_update(context.database()?, clock::now(), &key, chat.as_deref(), from.as_deref())?;
    let (allowed, refusal, sender) = match begun {
        Begun::Mine { allowed, private, refusal, principal } => {
            (allowed, refusal, Sender { id: from, principal, is_alone: private })
        }
        Begun::Duplicate => return Ok(Response::ok(&UpdateAnswer { duplicate: Some(true), ..TAKEN })),
        // A 2xx would end Telegram's tries, and whoever handles it may yet die.
        Begun::AtWork => {
            let problem = Problem::new(503, "unavailable", "this update is being handled");
            return Err(problem.with_header("retry-after", AT_WORK_SECONDS));
        }
    };
    match update.incoming {
        Incoming::Message { chat_id, text, .. } if allowed => Ok(take_turn(context, chat_id, sender, text, key)),
        Incoming::Message { chat_id, .. } => {
            channels::end_update(context.database()?, &key)?;
            let Some(refusal) = refusal else { return Ok(acknowledged()) };
            let text = match refusal {
                Unwelcome::Stranger => STRANGER,
                Unwelcome::Barred => BARRED,
            };
            Ok(acknowledged().then(move |context: &mut Context| {
                let _ = send(context, chat_id, text);
            }))
        }
        Incoming::Press { query_id, from, chat_id, message_id, data } => {
            let answered = button::decide(context, Kind::Telegram, &data, &from.to_string())?;
            channels::end_update(context.database()?, &key)?;
            let place = chat_id.zip(message_id).filter(|_| answered.is_over);
            Ok(acknowledged().then(move |context| {
                if answered.kick {
                    kick::dispatch(context);
                }
                answer_press(context, &query_id, &answered.text, place);
            }))
        }
    }
}

/// Who wrote.
struct Sender {
    /// Telegram's; nobody's for a post in the name of a group.
    id: Option<String>,
    principal: Option<Principal>,
    /// Nobody else reads the chat.
    is_alone: bool,
}

impl Sender {
    /// A link speaks for one principal, and only where nobody else reads it.
    fn reader(&self) -> Reader {
        let known = self.principal.as_ref().filter(|_| self.is_alone);
        known.map_or(Reader::Nobody, |principal| Reader::Person(principal.name.clone()))
    }

    fn name(self) -> Option<String> {
        self.principal.map(|principal| principal.name).or(self.id.map(|id| format!("telegram_{id}")))
    }
}

/// One turn with Brendan, and his reply. Telegram has its answer whatever comes of it: the person is told what failed.
fn take_turn(context: &mut Context, chat_id: i64, sender: Sender, text: String, key: UpdateKey) -> Response {
    let user_id = format!("telegram_{chat_id}");
    let reader = sender.reader();
    let caller = sender.principal.as_ref().map_or_else(|| user_id.clone(), |known| auth::by_name(&known.name));
    let started_by = sender.name().unwrap_or_else(|| user_id.clone());
    let message = text.replace('\0', "").chars().take(MESSAGE_CHARS_MAX).collect();
    let turn = TurnRequest { user_id, reader, message, started_by, update: Some(key.clone()) };
    match call::for_person(context, &turn, &caller) {
        Ok(reply) => {
            let error = send(context, chat_id, &reply).err().map(str::to_owned);
            Response::ok(&UpdateAnswer { brendan_response: Some(reply), error, ..TAKEN })
        }
        Err(problem) => {
            context.log_problem(&problem);
            let ended = context.database().and_then(|db| Ok(channels::end_update(db, &key)?));
            if let Err(problem) = ended {
                context.log_problem(&problem);
            }
            let _ = send(context, chat_id, &apology(&problem));
            Response::ok(&UpdateAnswer { error: Some(problem.detail), ..TAKEN })
        }
    }
}

/// What a person can make something of; our own troubles are no help to them.
fn apology(problem: &Problem) -> String {
    match problem.status {
        429 => "That was too much at once. Try again in a minute.".to_owned(),
        400..=499 => format!("Sorry, that did not work: {}.", problem.detail),
        _ if problem.code == "draining" => "Sorry, nothing new is started just now. Try again later.".to_owned(),
        _ => "Sorry, something went wrong on our side. Try again in a moment.".to_owned(),
    }
}

/// The bot, or why there is none.
fn bot(context: &Context) -> Result<Settings, &'static str> {
    let api_key = context.config.optional("telegram_bot_token").ok_or("no bot token")?;
    let base_url = context.config.base_url("telegram_base_url").map_err(|_| "no base URL")?;
    Ok(Settings { base_url, api_key })
}

/// Sends a message to a chat; why it was not sent is logged, and returned in a few words.
fn send(context: &mut Context, chat_id: i64, text: &str) -> Result<(), &'static str> {
    let sent = bot(context).map(|bot| {
        context.release_database();
        outbound::block_on(telegram::say(&client(), &bot, &chat_id.to_string(), text))
    });
    match sent {
        Ok(Ok(())) => Ok(()),
        Ok(Err(fault)) => {
            log_fault(context, "reply not sent", &fault);
            Err("the reply was not sent")
        }
        Err(reason) => {
            context.log.write(Level::Warn, "myloware.telegram", "reply not sent", &[("cause", reason.into())]);
            Err(reason)
        }
    }
}

fn answer_press(context: &mut Context, query_id: &str, text: &str, over: Option<(i64, i64)>) {
    context.release_database();
    let Ok(bot) = bot(context) else { return };
    let answered = outbound::block_on(telegram::answer_press(&client(), &bot, query_id, text, over.is_none()));
    let taken_off = over.map_or(Ok(()), |(chat_id, message_id)| {
        outbound::block_on(telegram::take_buttons_off(&client(), &bot, &chat_id.to_string(), message_id))
    });
    for fault in [answered.err(), taken_off.err()].into_iter().flatten() {
        log_fault(context, "press not answered", &fault);
    }
}

fn client() -> Outbound {
    Outbound { timeouts: CHANNEL_TIMEOUTS }
}

fn log_fault(context: &Context, message: &str, fault: &Fault) {
    context.log.write(Level::Warn, "myloware.telegram", message, &[("cause", fault.to_string().into())]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_edge::config::Config;
    use mw_edge::route::answer;

    fn asked(headers: &[(&str, &str)], body: &str) -> Result<Response, Problem> {
        let config = Config::of(&[("telegram_webhook_secret", "s3cret"), ("telegram_webhook_secret_previous", "old")]);
        let mut request = Request::in_memory("POST", "/v1/telegram/webhook", headers, body);
        answer(&[ROUTES], &mut request, &mut Context::new(config, "r".to_owned()))
    }

    #[test]
    fn without_the_secret_nothing_is_read() {
        for headers in [&[][..], &[("x-telegram-bot-api-secret-token", "S3cret")], &[("x-api-key", "s3cret")]] {
            let refused = asked(headers, "not even JSON").err().unwrap();
            assert_eq!((refused.status, refused.code), (403, "invalid-signature"));
        }
    }

    #[test]
    fn what_has_no_text_or_chat_is_fine_and_does_nothing() {
        for secret in ["s3cret", "old"] {
            let headers = [("x-telegram-bot-api-secret-token", secret)];
            for body in ["{}", r#"{"update_id":1,"message":{"chat":{"id":5}}}"#, r#"{"update_id":2,"poll":{}}"#] {
                let answer = asked(&headers, body).unwrap();
                assert_eq!((answer.status, answer.body), (200, br#"{"ok":true}"#.to_vec()), "{body}");
            }
        }
    }

    #[test]
    fn an_apology_tells_nothing_of_our_insides() {
        let ours = apology(&problem::internal().because("secret insides"));
        assert!(ours.contains("on our side") && !ours.contains("insides"));
        assert!(apology(&problem::rate_limited()).contains("a minute"));
        assert!(apology(&mw_edge::refusal::draining(None)).contains("later"));
    }
}
