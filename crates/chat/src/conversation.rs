//! /v1/chat/conversations/:user_id: all that is kept of a conversation, to take along or to have deleted. For its owner, whose
//! key it is, and for the environment's key; not for anybody else, whatever their role.

use mw_edge::body::Whole;
use mw_edge::clock::normalise_times;
use mw_edge::log::Level;
use mw_edge::query::{invalid_query, page_size};
use mw_edge::{Context, Problem, Request, Response, clock, problem, shape};
use mw_kernel::principal::OPERATOR;
use mw_operations::turn::USER_ID_LENGTH_MAX;
use mw_store::chat;
use serde_json::Value;

/// Messages that one statement deletes.
const BATCH: u32 = 2_000;
/// Statements of one request; whoever has more asks again.
const BATCHES_MAX: u32 = 50;

shape! {
    pub struct ConversationPath {
        /// Whose conversation: one's own, or any with the environment's key.
        #[schemars(length(min = 1, max = 200))]
        pub user_id: String,
    }

    pub struct ConversationQuery {
        /// `next_cursor` of the page before.
        #[schemars(regex(pattern = "^[0-9]{1,19}$"))]
        pub cursor: Option<String>,
        /// Rows on a page.
        #[schemars(extend("default" = 50))]
        pub limit: Option<Whole<1, 200>>,
    }

    pub struct Conversation {
        pub user_id: String,
        /// Oldest first. Links of gates were said and not kept.
        #[schemars(with = "Vec<Message>")]
        pub messages: Vec<Value>,
        /// What a language model made of older messages; it is told this in their place.
        pub summary: Option<String>,
        /// Tokens of a language model, altogether and by UTC day for the last 400.
        #[schemars(with = "Usage")]
        pub usage: Value,
        pub next_cursor: Option<String>,
    }

    /// A message as the database has it.
    #[schemars(inline)]
    pub struct Message {
        #[schemars(extend("enum" = ["user", "brendan", "notice"]))]
        pub role: String,
        pub content: String,
        #[serde(rename = "runId")]
        pub run_id: Option<String>,
        pub gate: Option<String>,
        #[serde(rename = "createdAt")]
        #[schemars(extend("format" = "date-time"))]
        pub created_at: String,
    }

    #[schemars(inline)]
    pub struct Usage {
        pub turns: u64,
        pub input_tokens: u64,
        pub output_tokens: u64,
        /// By the prices that were configured then; 0 without any.
        #[schemars(range(min = 0))]
        pub cost: f64,
        pub days: Vec<Day>,
    }

    #[schemars(inline)]
    pub struct Day {
        #[schemars(extend("format" = "date"))]
        pub day: String,
        pub turns: u64,
        pub input_tokens: u64,
        pub output_tokens: u64,
        /// By the prices that were configured then; 0 without any.
        #[schemars(range(min = 0))]
        pub cost: f64,
    }

    pub struct DeletedConversation {
        pub user_id: String,
        pub deleted: u64,
        pub more: bool,
    }
}

/// Whose conversation the path names.
fn user_of(request: &Request) -> Result<String, Problem> {
    let user_id = request.parameter("user_id");
    let length = user_id.chars().count();
    // A part of a principal's own has their name before it.
    let is_one = (1..=2 * USER_ID_LENGTH_MAX).contains(&length) && !user_id.chars().any(char::is_control);
    if is_one { Ok(user_id) } else { Err(not_found()) }
}

fn not_found() -> Problem {
    problem::not_found("conversation not found")
}

/// The owner and the environment's key only; for everybody else there is no such conversation.
fn admit(context: &Context, user_id: &str) -> Result<(), Problem> {
    let name = context.name()?;
    let is_own = user_id.strip_prefix(&name).is_some_and(|part| part.is_empty() || part.starts_with('/'));
    if is_own || name == OPERATOR { Ok(()) } else { Err(not_found()) }
}

pub(super) fn export(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let user_id = user_of(request)?;
    let limit = page_size(request)?;
    let after = match request.query("cursor").map(|text| text.parse::<i64>()) {
        None => None,
        Some(Ok(after)) if after > 0 => Some(after),
        Some(_) => return Err(invalid_query("cursor", "is not one of ours")),
    };
    let key_hash = context.claimed_key();
    let mut page = chat::export(context.connection()?, clock::now(), key_hash.as_deref(), &user_id, after, limit)?;
    context.admit(page.principal.take())?;
    admit(context, &user_id)?;
    let next = page.messages.last().filter(|_| page.more).and_then(|last| last.get("message_id").cloned());
    for message in &mut page.messages {
        normalise_times(message);
        if let Some(members) = message.as_object_mut() {
            members.remove("message_id");
        }
    }
    Ok(Response::ok(&Conversation {
        user_id,
        messages: page.messages,
        summary: page.summary,
        usage: page.usage,
        next_cursor: next.map(|id| id.to_string()),
    }))
}

pub(super) fn delete(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let user_id = user_of(request)?;
    context.settle()?;
    admit(context, &user_id)?;
    let (mut deleted, mut more, mut batches) = (0, true, 0);
    while more && batches < BATCHES_MAX {
        let gone = chat::delete(context.database()?, &user_id, BATCH)?;
        (deleted, more, batches) = (deleted + gone.deleted, gone.more, batches + 1);
    }
    context.log.write(Level::Info, "myloware.chat", "conversation deleted", &[("messages", deleted.into())]);
    Ok(Response::ok(&DeletedConversation { user_id, deleted, more }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_edge::auth::Caller;
    use mw_edge::config::Config;
    use mw_kernel::principal::{Principal, Role};

    #[test]
    fn a_conversation_is_its_owners_and_the_environments_keys() {
        let admitted = |principal: Principal, user_id: &str| {
            let mut context = Context::new(Config::of(&[]), "r".to_owned());
            context.caller = Caller::Known(principal);
            admit(&context, user_id).is_ok()
        };
        let ann = || Principal::known("ann", Role::Operator, Vec::new());
        for (user_id, is_own) in
            [("ann", true), ("ann/shop", true), ("anna", false), ("bob", false), ("telegram_5", false)]
        {
            assert_eq!(admitted(ann(), user_id), is_own, "{user_id}");
            assert!(admitted(Principal::operator(), user_id));
        }
    }
}
