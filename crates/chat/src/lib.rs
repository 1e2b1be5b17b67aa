//! /v1/chat: turns with Brendan, and the conversations that they make. He hands out links and never approves; he knows only
//! the runs of the user who asks.
//!
//! ```text
//! ask ─► have: key or seal, limit, load (1 statement) ─► model: rounds of calls and tools ─► carry: one commit ─► answer
//!                                                        └ no model, or it fails ─► rules ─► carry
//! ```
//!
//! [`ask`] is how other components come here; `settings` says which model there is; `desk` does what a model asks for; `events`
//! tells a client what is being done; `summary` follows an answer; `conversation` exports and deletes.

pub(crate) mod ask;
mod carry;
mod conversation;
mod desk;
mod events;
mod model;
mod rules;
mod settings;
mod summary;

use crate::auth;
use crate::body::{self, Fields};
use crate::context::Context;
use crate::limits::CHAT_BRENDAN;
use crate::problem::Problem;
use crate::reply::Audience;
use crate::request::{Method, Request};
use crate::response::{Afterwards, Response};
use crate::{clock, drain, kick, route};
use carry::Spoken;
use events::{Listener, Nobody};
use mw_core::brendan::conversation::HISTORY_LOADED;
use mw_core::link::Holder;
use mw_store::channels::UpdateKey;
use mw_store::chat::{Asking, ChatLoaded};
use serde_json::{Map, Value};
use settings::Model;

pub(crate) const USER_ID_LENGTH_MAX: usize = 100;
pub(crate) const MESSAGE_LENGTH_MAX: usize = 8000;

/// What `chat` serves.
pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    match request.segments().as_slice() {
        [_, _, conversations, user_id] if conversations == "conversations" => {
            conversation::handle(user_id, request, context)
        }
        _ => brendan(request, context),
    }
}

fn brendan(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    context.route = "/v1/chat/brendan";
    if request.header(ask::SEAL_HEADER).is_some() {
        let (asked, caller) = ask::open(request, context)?;
        return have(context, Ok(asked), &caller, false);
    }
    auth::require(request, context)?;
    if let Some(answer) = route::allow(request, &[Method::Post])? {
        return Ok(answer);
    }
    let caller = auth::limiter_subject(request, context);
    let asked = parse(request);
    let streams = request.header("accept").is_some_and(|accept| accept.contains(events::MEDIA_TYPE));
    have(context, asked, &caller, streams)
}

/// Counts a turn, loads what it needs, and has it. Bodies that fail validation count too.
fn have(
    context: &mut Context,
    asked: Result<Asked, Problem>,
    caller: &str,
    streams: bool,
) -> Result<Response, Problem> {
    let user_id = asked.as_ref().map_or("", |asked| asked.user_id.as_str());
    let limit = CHAT_BRENDAN.limit(&context.config, caller)?;
    let key_hash = context.claimed_key();
    let model = Model::of(&context.config)?;
    let history = if model.is_some() { HISTORY_LOADED } else { 0 };
    let reader = asked.as_ref().ok().and_then(|asked| asked.reader.name());
    let by = Asking { key_hash: key_hash.as_deref(), user_id, reader, history };
    let mut loaded = mw_store::chat::load(context.connection()?, clock::now(), by, &limit)?;
    context.admit(loaded.principal.take())?;
    let headers = CHAT_BRENDAN.check(loaded.limit.as_ref())?;
    let ready = match &loaded.draining {
        Some(draining) => Err(drain::refusal(draining.reason.as_deref())),
        None => asked,
    };
    let ready = ready.and_then(|asked| named(context, asked, &loaded));
    let asked = ready.map_err(|problem| problem.with_headers(&headers))?;
    context.ride(200);
    let reader = asked.reader.holder(context, &mut loaded);
    let turn = Turn { asked, reader, loaded, model };
    if streams {
        return Ok(events::answer(turn).with_headers(headers));
    }
    match turn.carry_out(context, &mut Nobody) {
        Ok((spoken, afterwards)) => {
            let mut response = Response::ok(&spoken.into_json()).with_headers(headers);
            response.afterwards = afterwards;
            Ok(response)
        }
        Err(problem) => Err(problem.with_headers(&headers)),
    }
}

/// Who came with a key is named by it; a sealed turn names the person itself.
fn named(context: &mut Context, mut asked: Asked, loaded: &ChatLoaded) -> Result<Asked, Problem> {
    if context.principal().is_some() {
        context.require_own(loaded.is_somebody_else, &asked.user_id)?;
        if let Reader::Person(name) = &mut asked.reader {
            *name = context.actor(&asked.user_id)?;
        }
        asked.started_by = context.name()?;
        asked.user_id.clone_from(&loaded.user_id);
    }
    Ok(asked)
}

/// Who reads an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reader {
    /// One person, by the name in which they decide.
    Person(String),
    /// No one person: a group, a chat of somebody unknown, or a program.
    Nobody,
}

impl Reader {
    fn name(&self) -> Option<&str> {
        match self {
            Reader::Person(name) => Some(name),
            Reader::Nobody => None,
        }
    }

    /// Into whose hands a link would come, by what the turn's statement found.
    fn holder(&self, context: &Context, loaded: &mut ChatLoaded) -> Holder {
        match (self, context.principal()) {
            (Reader::Nobody, _) => Holder::Nobody,
            (Reader::Person(name), Some(principal)) if principal.name == *name => Holder::known(principal.clone()),
            (Reader::Person(name), _) => Holder::of(name, loaded.reader.take()),
        }
    }
}

/// One message to Brendan.
pub struct Asked {
    pub user_id: String,
    /// Whom links are made for: the user, where the environment's key asks for many; else whoever has the key.
    pub reader: Reader,
    pub message: String,
    /// Who starts the runs that it asks for.
    pub started_by: String,
    /// The bot's update that brought it.
    pub update: Option<UpdateKey>,
}

/// A message with all that is known about it.
struct Turn {
    asked: Asked,
    reader: Holder,
    loaded: ChatLoaded,
    model: Option<Model>,
}

impl Turn {
    fn audience(&self) -> Audience<'_> {
        Audience { holder: &self.reader, asked_by: &self.asked.started_by }
    }

    /// Has the turn and keeps it: by the model where there is one, by the rules where there is none or it fails. Says what is
    /// left to do afterwards.
    fn carry_out(
        self,
        context: &mut Context,
        listener: &mut dyn Listener,
    ) -> Result<(Spoken, Option<Afterwards>), Problem> {
        let mut account = carry::Account::of(self.model.as_ref());
        let said = self.say(context, &mut account, listener);
        let spoken = match said {
            Ok(spoken) => spoken,
            Err(problem) => {
                summary::count(context, &self, &account);
                return Err(problem);
            }
        };
        let kick = spoken.kick;
        let summary = summary::Due::of(self);
        let afterwards = (kick || summary.is_some()).then(|| -> Afterwards {
            Box::new(move |context| {
                if kick {
                    kick::dispatch(context);
                }
                if let Some(due) = summary {
                    due.make(context);
                }
            })
        });
        Ok((spoken, afterwards))
    }

    fn say(
        &self,
        context: &mut Context,
        account: &mut carry::Account,
        listener: &mut dyn Listener,
    ) -> Result<Spoken, Problem> {
        match &self.model {
            None => listener.status("planning by rules"),
            Some(model) => match model::think(context, self, model, account, listener) {
                Ok(thought) => return carry::thought(context, self, account, thought),
                Err(model::Stop::Problem(problem)) => return Err(problem),
                Err(model::Stop::Fallback(reason)) => {
                    account.falls_back(reason);
                    listener.starts_over("planning by rules");
                }
            },
        }
        rules::answer(context, self, account)
    }
}

/// Reads the body.
pub fn parse(request: &mut Request) -> Result<Asked, Problem> {
    read(&body::json_object(request)?)
}

/// Reads a body's members.
pub(crate) fn read(members: &Map<String, Value>) -> Result<Asked, Problem> {
    let mut fields = Fields::new(members, "#");
    let user_id = fields.required_text("user_id", 1, USER_ID_LENGTH_MAX);
    let message = fields.required_text("message", 1, MESSAGE_LENGTH_MAX);
    if user_id.chars().any(char::is_control) {
        fields.fail("user_id", "Input should not contain control characters");
    }
    let reader = match fields.text("reader", 1, 20).as_deref() {
        None | Some("person") => Reader::Person(user_id.clone()),
        Some("program") => Reader::Nobody,
        Some(_) => {
            fields.fail("reader", "Input should be 'person' or 'program'");
            Reader::Nobody
        }
    };
    fields.finish()?;
    Ok(Asked { reader, started_by: user_id.clone(), user_id, message, update: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::request;

    #[test]
    fn a_turn_needs_a_user_and_a_message() {
        let parsed = |body: &str| parse(&mut request("POST", "/", &[], body));
        assert!(parsed(r#"{"user_id":"ann","message":"hello","more":1}"#).is_ok());
        for body in [
            "{}",
            r#"{"user_id":"ann"}"#,
            r#"{"user_id":"","message":"x"}"#,
            r#"{"user_id":"a\nb","message":"x"}"#,
            r#"{"user_id":"ann","message":"x","reader":"robot"}"#,
        ] {
            assert_eq!(parsed(body).err().unwrap().status, 422, "{body}");
        }
        let long = format!(r#"{{"user_id":"ann","message":"{}"}}"#, "x".repeat(8001));
        assert_eq!(parsed(&long).err().unwrap().errors[0].pointer, "#/message");
    }
}
