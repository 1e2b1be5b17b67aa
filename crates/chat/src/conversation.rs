//! /v1/chat/conversations/:user_id: all that is kept of a conversation, to take along or to have deleted. For its owner, whose
//! key it is, and for the environment's key; not for anybody else, whatever their role.

use mw_edge::clock::normalise_times;
use mw_edge::log::Level;
use mw_edge::query::{invalid_query, page_size};
use mw_edge::{Context, Method, Problem, Request, Response, clock, problem, route};
use mw_kernel::principal::OPERATOR;
use mw_operations::turn::USER_ID_LENGTH_MAX;
use mw_store::chat;
use serde_json::json;

/// Messages that one statement deletes.
const BATCH: u32 = 2_000;
/// Statements of one request; whoever has more asks again.
const BATCHES_MAX: u32 = 50;

pub(super) fn handle(user_id: &str, request: &Request, context: &mut Context) -> Result<Response, Problem> {
    if let Some(answer) = route::enter(request, context)? {
        return Ok(answer);
    }
    let length = user_id.chars().count();
    // A part of a principal's own has their name before it.
    if !(1..=2 * USER_ID_LENGTH_MAX).contains(&length) || user_id.chars().any(char::is_control) {
        return Err(not_found());
    }
    if request.method == Method::Delete { delete(user_id, context) } else { export(user_id, request, context) }
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

fn export(user_id: &str, request: &Request, context: &mut Context) -> Result<Response, Problem> {
    let limit = page_size(request)?;
    let after = match request.query("cursor").map(|text| text.parse::<i64>()) {
        None => None,
        Some(Ok(after)) if after > 0 => Some(after),
        Some(_) => return Err(invalid_query("cursor", "is not one of ours")),
    };
    let key_hash = context.claimed_key();
    let mut page = chat::export(context.connection()?, clock::now(), key_hash.as_deref(), user_id, after, limit)?;
    context.admit(page.principal.take())?;
    admit(context, user_id)?;
    let next = page.messages.last().filter(|_| page.more).and_then(|last| last.get("message_id").cloned());
    for message in &mut page.messages {
        normalise_times(message);
        if let Some(members) = message.as_object_mut() {
            members.remove("message_id");
        }
    }
    Ok(Response::ok(&json!({
        "user_id": user_id, "messages": page.messages, "summary": page.summary, "usage": page.usage,
        "next_cursor": next.map(|id| id.to_string()),
    })))
}

fn delete(user_id: &str, context: &mut Context) -> Result<Response, Problem> {
    context.settle()?;
    admit(context, user_id)?;
    let (mut deleted, mut more, mut batches) = (0, true, 0);
    while more && batches < BATCHES_MAX {
        let gone = chat::delete(context.database()?, user_id, BATCH)?;
        (deleted, more, batches) = (deleted + gone.deleted, gone.more, batches + 1);
    }
    context.log.write(Level::Info, "myloware.chat", "conversation deleted", &[("messages", deleted.into())]);
    Ok(Response::ok(&json!({"user_id": user_id, "deleted": deleted, "more": more})))
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
