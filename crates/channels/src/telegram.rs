//! POST /v1/telegram/webhook: what Telegram brings: messages for Brendan, and presses of buttons. An update is handled
//! once; one whose handling died is handled again when Telegram repeats it. Ids of chats and people stay out of the log.

use crate::amend::{self, Amended};
use crate::button;
use mw_edge::about::Tag::Webhooks;
use mw_edge::log::Level;
use mw_edge::outbound::{self, CHANNEL_TIMEOUTS, Outbound};
use mw_edge::request::BODY_LIMIT_BYTES;
use mw_edge::route::{Route, open_post};
use mw_edge::{Context, Problem, Request, Response, auth, clock, kick, problem, shape};
use mw_integrations::lenient;
use mw_integrations::telegram::{self, Incoming, Update, Version};
use mw_integrations::{Fault, Settings, dedup_key};
use mw_kernel::principal::Principal;
use mw_operations::turn::{Reader, TurnRequest, call};
use mw_store::channels::{self, Begun, Kind, MessageVersion, Unwelcome, UpdateKey};
use serde_json::{Map, Value};

const MESSAGE_CHARS_MAX: usize = 8000;
/// As long as the handling of an update may take before it counts as died.
const AT_WORK_SECONDS: &str = "30";
/// Telegram lets people change a message for two days. An older one that comes as changed is as it was: somebody has reacted to
/// it, or looked at its link, which may be after we have forgotten that it came.
const CHANGES_SECONDS: i64 = 3 * 86_400;
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
    // Telegram repeats what it is refused, for a day; so whatever of an update can be read is read, and what is none is done with.
    let Some(read) = lenient::read(&request.body(BODY_LIMIT_BYTES)?) else {
        context.log.write(Level::Warn, "myloware.telegram", "an update that is no JSON", &[]);
        return Ok(acknowledged());
    };
    if !read.value.is_object() {
        return Err(problem::invalid_field("#", "Input should be a valid dictionary"));
    }
    if read.repaired {
        context.log.write(Level::Info, "myloware.telegram", "damaged text of an update was repaired", &[]);
    }
    match telegram::parse(&read.value) {
        Some(update) if !is_old(&update, clock::unix_seconds()) => take(context, update),
        Some(_) | None => Ok(acknowledged()),
    }
}

fn acknowledged() -> Response {
    Response::ok(&TAKEN)
}

/// Whether an update only says that an old message was looked at.
fn is_old(update: &Update, now: i64) -> bool {
    match &update.incoming {
        Incoming::Message { version, .. } => version.changes.is_some_and(|at| now.saturating_sub(at) > CHANGES_SECONDS),
        Incoming::Press { .. } | Incoming::Moved { .. } => false,
    }
}

fn take(context: &mut Context, update: Update) -> Result<Response, Problem> {
    let key = UpdateKey { kind: Kind::Telegram, update_id: update.key.chars().take(100).collect() };
    let (chat, from, message) = match &update.incoming {
        Incoming::Message { chat_id, from, text, version, topic: _ } => {
            (Some(chat_id.to_string()), from.map(|id| id.to_string()), message_version(*chat_id, *version, text))
        }
        Incoming::Press { from, .. } => (None, Some(from.to_string()), None),
        Incoming::Moved { from, to } => return moved(context, *from, *to),
    };
    let (by, version) = (from.as_deref(), message.as_ref());
    let begun = channels::begin_update(context.database()?, clock::now(), &key, chat.as_deref(), by, version)?;
    let (allowed, refusal, conversation, amends, sender) = match begun {
        Begun::Mine { allowed, private, conversation, amends, refusal, principal } => {
            (allowed, refusal, conversation, amends, Sender { id: from, principal, is_alone: private })
        }
        Begun::Duplicate => return Ok(Response::ok(&UpdateAnswer { duplicate: Some(true), ..TAKEN })),
        // A 2xx would end Telegram's tries, and whoever handles it may yet die.
        Begun::AtWork => {
            let problem = Problem::new(503, "unavailable", "this update is being handled");
            return Err(problem.with_header("retry-after", AT_WORK_SECONDS));
        }
    };
    match update.incoming {
        Incoming::Message { chat_id, topic, text, .. } if allowed => {
            let conversation = format!("telegram_{}", conversation.unwrap_or_else(|| chat_id.to_string()));
            let message = Message { place: Spot { chat_id, topic }, conversation, text, key, amends };
            Ok(take_message(context, message, sender))
        }
        Incoming::Message { chat_id, topic, .. } => {
            channels::end_update(context.database()?, &key)?;
            let Some(refusal) = refusal else { return Ok(acknowledged()) };
            let text = match refusal {
                Unwelcome::Stranger => STRANGER,
                Unwelcome::Barred => BARRED,
            };
            Ok(acknowledged().then(move |context: &mut Context| {
                let _ = send(context, Spot { chat_id, topic }, text);
            }))
        }
        Incoming::Moved { .. } => Ok(acknowledged()),
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

/// A group has another id. Both chats say so, and once is enough.
fn moved(context: &mut Context, from: i64, to: i64) -> Result<Response, Problem> {
    channels::moved(context.database()?, clock::now(), Kind::Telegram, &from.to_string(), &to.to_string())?;
    Ok(acknowledged())
}

fn message_version(chat_id: i64, version: Version, text: &str) -> Option<MessageVersion> {
    let message = format!("{chat_id}:{}", version.message_id?);
    Some(MessageVersion { message, said_at: version.said_at, text_sha256: dedup_key(text.as_bytes()) })
}

/// Where a message stands, and its answer.
#[derive(Debug, Clone, Copy)]
struct Spot {
    chat_id: i64,
    topic: Option<i64>,
}

/// A message of somebody who may talk to Brendan.
struct Message {
    place: Spot,
    /// The user of its conversation.
    conversation: String,
    text: String,
    key: UpdateKey,
    /// The run that it started before it was changed.
    amends: Option<String>,
}

/// What a changed message has done before Brendan hears it: told to the person, whatever comes of its turn.
#[derive(Default)]
struct Done {
    said: Option<String>,
    kick: bool,
}

/// One turn with Brendan, and his reply. Telegram has its answer whatever comes of it: the person is told what failed.
fn take_message(context: &mut Context, message: Message, sender: Sender) -> Response {
    let (place, key) = (message.place, message.key.clone());
    let mut done = Done::default();
    let turn = take_turn(context, message, sender, &mut done);
    let Done { said, kick } = done;
    let whole = |text: String| said.into_iter().chain([text]).collect::<Vec<_>>().join("\n\n");
    let answer = match turn {
        Ok(reply) => {
            let reply = whole(reply);
            let error = send(context, place, &reply).err().map(str::to_owned);
            Response::ok(&UpdateAnswer { brendan_response: Some(reply), error, ..TAKEN })
        }
        Err(problem) => {
            context.log_problem(&problem);
            let ended = context.database().and_then(|db| Ok(channels::end_update(db, &key)?));
            if let Err(problem) = ended {
                context.log_problem(&problem);
            }
            let _ = send(context, place, &whole(apology(&problem)));
            Response::ok(&UpdateAnswer { error: Some(problem.detail), ..TAKEN })
        }
    };
    if kick { answer.then(kick::dispatch) } else { answer }
}

/// What Brendan says to the person.
fn take_turn(context: &mut Context, message: Message, sender: Sender, done: &mut Done) -> Result<String, Problem> {
    let Message { conversation: user_id, text, key, amends, .. } = message;
    let reader = sender.reader();
    let caller = sender.principal.as_ref().map_or_else(|| user_id.clone(), |known| auth::by_name(&known.name));
    let started_by = sender.name().unwrap_or_else(|| user_id.clone());
    let amended = amends.map(|run_id| amend::withdraw(context, &run_id, &started_by).map(|amended| (amended, run_id)));
    match amended.transpose()? {
        None | Some((Amended::Nothing, _)) => {}
        Some((Amended::Withdrawn { kick }, run_id)) => *done = Done { said: Some(amend::said(&run_id)), kick },
        Some((Amended::TooLate(text), _)) => {
            channels::end_update(context.database()?, &key)?;
            return Ok(text);
        }
    }
    let message = text.replace('\0', "").chars().take(MESSAGE_CHARS_MAX).collect();
    let turn = TurnRequest { user_id, reader, message, started_by, update: Some(key) };
    call::for_person(context, &turn, &caller)
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
fn send(context: &mut Context, place: Spot, text: &str) -> Result<(), &'static str> {
    let chat_id = place.chat_id.to_string();
    let sent = bot(context).map(|bot| {
        context.release_database();
        let place = telegram::Place { chat_id: &chat_id, topic: place.topic };
        outbound::block_on(telegram::say(&client(), &bot, place, text))
    });
    match sent {
        Ok(Ok(None)) => Ok(()),
        // Telegram says so in both chats, too; whoever comes first.
        Ok(Ok(Some(address))) => {
            let database = context.database().map_err(|_| "no database")?;
            let carried = channels::moved(database, clock::now(), Kind::Telegram, &chat_id, &address);
            carried.map(drop).map_err(|_| "the chat's new id was not kept")
        }
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
    fn an_old_message_that_comes_as_changed_says_nothing() {
        let of = |member: &str, date: i64| {
            let message = serde_json::json!({"message_id": 1, "chat": {"id": 5}, "date": date, "edit_date": 900_000, "text": "x"});
            telegram::parse(&serde_json::json!({"update_id": 1, member: message})).unwrap()
        };
        let now = 1_000_000;
        assert!(is_old(&of("edited_message", now - CHANGES_SECONDS - 1), now));
        assert!(!is_old(&of("edited_message", now - CHANGES_SECONDS), now));
        assert!(!is_old(&of("message", 1), now), "one that waited for us is heard");
    }

    #[test]
    fn an_apology_tells_nothing_of_our_insides() {
        let ours = apology(&problem::internal().because("secret insides"));
        assert!(ours.contains("on our side") && !ours.contains("insides"));
        assert!(apology(&problem::rate_limited()).contains("a minute"));
        assert!(apology(&mw_edge::refusal::draining(None)).contains("later"));
    }
}
