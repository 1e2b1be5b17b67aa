//! /v1/channels: the chats and channels that are notified of what happens, for operators; and notices that could not be delivered.

use mw_edge::about::Tag::Operations;
use mw_edge::body::{Body, Choice, Fields, Required, Text};
use mw_edge::clock::normalise_times;
use mw_edge::route::{Route, get, post};
use mw_edge::{Context, Problem, Request, Response, body, clock, ids, kick, problem, shape};
use mw_integrations::{slack, telegram};
use mw_kernel::principal::Role::{Operator, Viewer};
use mw_store::channels::{self, Adding, Kind};
use serde_json::Value;

/// Notices of one call.
const REPLAY_MAX: u32 = 200;

pub const ROUTES: &[Route] = &[
    get("/v1/channels", Viewer, list)
        .is(Operations, "list_channels", "List the chats and channels that are told what happens")
        .more("There are 200 at most.")
        .gives::<Channels>("All of them."),
    post("/v1/channels", Operator, add)
        .is(Operations, "add_channel", "Tell a chat or channel what happens")
        .more("To runs of one project, or to all. A chat that is listed may also talk to the bot. Adding it twice is adding it once.")
        .takes::<AddChannel>()
        .gives::<Channel>("The channel.")
        .refuses(&[409]),
    post("/v1/channels/replay", Operator, replay)
        .is(Operations, "replay_notices", "Send what could not be delivered once more")
        .more("Up to 200 dead messages, newest first. One that was overtaken meanwhile is not sent.")
        .may_take::<ReplayNotices>()
        .gives::<ReplayedNotices>("How many are due again."),
    post("/v1/channels/{id}/remove", Operator, remove)
        .is(Operations, "remove_channel", "Tell a chat or channel nothing more")
        .path::<ChannelPath>()
        .gives::<RemovedChannel>("It is gone."),
];

body! {
    pub struct AddChannel {
        pub kind: Required<Choice<Kind>>,
        /// A chat's id on Telegram, a channel's on Slack.
        #[schemars(regex(pattern = "^(-?[1-9][0-9]{0,17}|[CDGUW][A-Z0-9]{2,20})$"))]
        pub address: Text<1, 30>,
        /// Only runs of this project.
        #[schemars(regex(pattern = r"^[^\u0000]*$"))]
        pub project: Option<Text<1, 64>>,
    }

    pub struct ReplayNotices {
        /// Only those of this run.
        #[schemars(regex(pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"))]
        pub run_id: Option<Text<1, 128>>,
    }
}

shape! {
    pub struct ChannelPath {
        /// The channel's id.
        pub id: String,
    }

    #[serde(rename_all = "camelCase")]
    pub struct Channel {
        #[schemars(extend("format" = "uuid"))]
        pub id: String,
        pub kind: Kind,
        pub address: String,
        pub project: Option<String>,
        #[schemars(extend("format" = "date-time"))]
        pub created_at: String,
    }

    pub struct Channels {
        /// As the database has them.
        #[schemars(with = "Vec<Channel>", length(max = 200))]
        pub channels: Vec<Value>,
    }

    pub struct RemovedChannel {
        pub id: String,
        #[schemars(extend("const" = true))]
        pub removed: bool,
    }

    pub struct ReplayedNotices {
        #[schemars(range(max = 200))]
        pub replayed: u64,
    }
}

fn list(_request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let channels: Vec<Value> = channels::list(context.database()?)?.into_iter().map(shown).collect();
    Ok(Response::ok(&Channels { channels }))
}

fn shown(mut channel: Value) -> Value {
    normalise_times(&mut channel);
    channel
}

fn add(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let AddChannel { kind, address, project } = Body::read(&mut fields);
    match kind.0 {
        Some(Choice(kind)) if !is_address(kind, &address) => fields.fail("address", what_an_address_is(kind)),
        None | Some(_) => {}
    }
    fields.finish()?;
    let Choice(kind) = kind.0.ok_or_else(problem::internal)?;
    let project = project.as_ref().map(|project| project.as_str());
    match channels::add(context.database()?, clock::now(), kind, &address, project)? {
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

fn remove(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let unknown = || problem::not_found("channel not found");
    let id = uuid::Uuid::parse_str(&request.parameter("id")).map_err(|_| unknown())?.to_string();
    match channels::remove(context.database()?, &id)? {
        true => Ok(Response::ok(&RemovedChannel { id, removed: true })),
        false => Err(unknown()),
    }
}

fn replay(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let ReplayNotices { run_id } = Body::read(&mut fields);
    let run_id = run_id.map(|run_id| run_id.0);
    if run_id.as_deref().is_some_and(|run_id| !ids::is_run_id(run_id)) {
        fields.fail("run_id", "Input should be a run's id");
    }
    fields.finish()?;
    let replayed = channels::replay(context.database()?, clock::now(), run_id.as_deref(), REPLAY_MAX)?;
    let response = Response::ok(&ReplayedNotices { replayed: replayed.acted });
    Ok(if replayed.kick { response.then(kick::dispatch) } else { response })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::refused_by;

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
        let refused = |body: &str| refused_by(ROUTES, "POST", "/v1/channels", body);
        assert_eq!(refused(r#"{"kind":"irc","address":"x"}"#).errors[0].pointer, "#/kind");
        assert_eq!(refused(r#"{"kind":"slack","address":"general"}"#).errors[0].pointer, "#/address");
        assert_eq!(refused("{}").errors.len(), 2);
    }
}
