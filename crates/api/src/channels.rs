//! /v1/channels: the chats and channels that are notified of what happens, for operators; and notices that could not be delivered.

use mw_edge::body::{self, Fields};
use mw_edge::clock::normalise_times;
use mw_edge::{Context, Method, Problem, Request, Response, clock, ids, kick, problem, route};
use mw_integrations::{slack, telegram};
use mw_store::channels::{self, Adding, Kind};
use serde_json::{Value, json};

/// Notices of one call.
const REPLAY_MAX: u32 = 200;

pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    if let Some(answer) = route::enter(request, context)? {
        return Ok(answer);
    }
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["v1", "channels", "replay"] => replay(request, context),
        ["v1", "channels", id, "remove"] => remove(id, context),
        ["v1", "channels"] if request.method == Method::Post => add(request, context),
        ["v1", "channels"] => list(context),
        _ => Err(problem::not_found("Not Found")),
    }
}

fn list(context: &mut Context) -> Result<Response, Problem> {
    let channels: Vec<Value> = channels::list(context.database()?)?.into_iter().map(shown).collect();
    Ok(Response::ok(&json!({"channels": channels})))
}

fn shown(mut channel: Value) -> Value {
    normalise_times(&mut channel);
    channel
}

fn add(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let kind = Kind::parse(&fields.required_text("kind", 1, 20));
    let address = fields.required_text("address", 1, 30);
    let project = fields.text("project", 1, 64);
    match kind {
        None => fields.fail("kind", "Input should be 'telegram' or 'slack'"),
        Some(kind) if !is_address(kind, &address) => fields.fail("address", what_an_address_is(kind)),
        Some(_) => {}
    }
    fields.finish()?;
    let kind = kind.ok_or_else(problem::internal)?;
    match channels::add(context.database()?, clock::now(), kind, &address, project.as_deref())? {
        Adding::Added { channel } | Adding::Known { channel } => Ok(Response::ok(&shown(channel))),
        Adding::UnknownProject => Err(problem::invalid_field("#/project", "there is no such project")),
        Adding::Full => Err(problem::conflict("too-many-channels", "there are 200 channels: remove some first")),
    }
}

/// As a CHECK of the table has it.
fn is_address(kind: Kind, address: &str) -> bool {
    match kind {
        Kind::Telegram => telegram::is_chat_id(address),
        Kind::Slack => slack::is_channel_id(address),
    }
}

fn what_an_address_is(kind: Kind) -> &'static str {
    match kind {
        Kind::Telegram => "Input should be a chat's id, a number such as -1001234567890",
        Kind::Slack => "Input should be a channel's id, such as C0123456789",
    }
}

fn remove(id: &str, context: &mut Context) -> Result<Response, Problem> {
    let unknown = || problem::not_found("channel not found");
    let id = uuid::Uuid::parse_str(id).map_err(|_| unknown())?.to_string();
    match channels::remove(context.database()?, &id)? {
        true => Ok(Response::ok(&json!({"id": id, "removed": true}))),
        false => Err(unknown()),
    }
}

fn replay(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let run_id = fields.text("run_id", 1, 128);
    if run_id.as_deref().is_some_and(|run_id| !ids::is_run_id(run_id)) {
        fields.fail("run_id", "Input should be a run's id");
    }
    fields.finish()?;
    let replayed = channels::replay(context.database()?, clock::now(), run_id.as_deref(), REPLAY_MAX)?;
    let response = Response::ok(&json!({"replayed": replayed.acted}));
    Ok(if replayed.kick { response.then(kick::dispatch) } else { response })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_edge::config::Config;

    #[test]
    fn addresses_are_those_of_their_messenger() {
        for (kind, address, fits) in [
            (Kind::Telegram, "-1001234567890", true),
            (Kind::Telegram, "5", true),
            (Kind::Telegram, "@channel", false),
            (Kind::Telegram, "--5", false),
            (Kind::Telegram, "-", false),
            (Kind::Telegram, "05", false),
            (Kind::Slack, "C0123456789", true),
            (Kind::Slack, "c0123456789", false),
            (Kind::Slack, "X0123456789", false),
            (Kind::Slack, "C0", false),
        ] {
            assert_eq!(is_address(kind, address), fits, "{kind} {address}");
        }
    }

    #[test]
    fn every_fault_is_named_before_the_database_is_asked() {
        let refused = |body: &str| {
            let mut context = Context::new(Config::of(&[("api_key", "k")]), "r".to_owned());
            let mut asked = Request::in_memory("POST", "/v1/channels", &[("x-api-key", "k")], body);
            handle(&mut asked, &mut context).err().unwrap()
        };
        assert_eq!(refused(r#"{"kind":"irc","address":"x"}"#).errors[0].pointer, "#/kind");
        assert_eq!(refused(r#"{"kind":"slack","address":"general"}"#).errors[0].pointer, "#/address");
        assert_eq!(refused("{}").errors.len(), 3);
    }
}
