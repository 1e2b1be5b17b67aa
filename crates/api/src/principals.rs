//! /v1/principals, for operators: who may ask, and with which keys. A key is in the answer that makes it and nowhere else.

pub mod bodies;

use bodies::{
    AddKey, AddPrincipal, ChangePrincipal, KeyPath, NewKey, PrincipalName, PrincipalPage, PrincipalPath,
    PrincipalsQuery, RevokedKey, SwitchedPrincipal,
};
use mw_edge::about::{JSON, Tag::Operations};
use mw_edge::auth::{key_hash, new_key};
use mw_edge::body::{self, Body, Fields, Text};
use mw_edge::clock::normalise_times;
use mw_edge::log::Level;
use mw_edge::query::{invalid_query, page_size};
use mw_edge::route::{Route, get, post};
use mw_edge::{Context, Problem, Request, Response, clock, problem};
use mw_integrations::slack::is_person_id as is_slack_person;
use mw_integrations::telegram::is_person_id as is_telegram_person;
use mw_kernel::principal::Role::Operator;
use mw_kernel::principal::{NAME_RULE, OPERATOR, Principal, Role, is_name, is_word};
use mw_store::principals::{self, Identities, KEYS_MAX, Outcome};
use serde_json::{Value, json};

const GROUPS_MAX: usize = 20;
/// A month: an old key that is good for longer was not rotated.
const OLD_KEY_HOURS_MAX: u32 = 24 * 31;

pub const ROUTES: &[Route] = &[
    // Who has which key, and which account elsewhere, is nobody else's business.
    get("/v1/principals", Operator, list)
        .is(Operations, "list_principals", "List principals by name, with their keys' ids")
        .query::<PrincipalsQuery>()
        .gives::<PrincipalPage>("A page of principals; keys themselves are kept nowhere."),
    post("/v1/principals", Operator, add)
        .is(Operations, "add_principal", "Add a principal with its first key")
        .more("The name `operator` belongs to the environment's `API_KEY`.")
        .takes::<AddPrincipal>()
        .gives_as::<NewKey>(201, JSON, "The key, which is shown this once.")
        .refuses(&[409]),
    post("/v1/principals/{name}", Operator, change)
        .is(Operations, "change_principal", "Change role or groups; what is not named stays")
        .path::<PrincipalPath>()
        .may_take::<ChangePrincipal>()
        .gives::<PrincipalName>("Changed."),
    post("/v1/principals/{name}/keys", Operator, add_key)
        .is(Operations, "add_key", "Add a key beside the old ones")
        .more("At most 10 keys of one principal are good at the same time.")
        .path::<PrincipalPath>()
        .may_take::<AddKey>()
        .gives_as::<NewKey>(201, JSON, "The key, which is shown this once.")
        .refuses(&[409]),
    post("/v1/principals/{name}/keys/{key_id}/revoke", Operator, revoke_key)
        .is(Operations, "revoke_key", "Revoke a key, at once and for good")
        .path::<KeyPath>()
        .gives::<RevokedKey>("Revoked; asking twice is harmless."),
    post("/v1/principals/{name}/disable", Operator, |request, context| switch(true, request, context))
        .is(Operations, "disable_principal", "Refuse all keys, links and buttons of a principal")
        .path::<PrincipalPath>()
        .gives::<SwitchedPrincipal>("Disabled; asking twice is harmless."),
    post("/v1/principals/{name}/enable", Operator, |request, context| switch(false, request, context))
        .is(Operations, "enable_principal", "Take them again")
        .path::<PrincipalPath>()
        .gives::<SwitchedPrincipal>("Enabled; asking twice is harmless."),
    post("/v1/principals/{name}/identities", Operator, identify)
        .is(
            Operations,
            "identify_principal",
            "Say who a principal is in other channels; what is not named is taken away",
        )
        .path::<PrincipalPath>()
        .takes::<bodies::Identities>()
        .gives::<PrincipalName>("Changed.")
        .refuses(&[409]),
];

fn list(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let after = match request.query("cursor") {
        Some(name) if !is_word(&name) => return Err(invalid_query("cursor", "is not one of ours")),
        after => after,
    };
    let limit = page_size(request)?;
    let mut page = principals::list(context.database()?, after.as_deref(), limit)?;
    let next = page.principals.last().filter(|_| page.more).and_then(|last| last.get("name").cloned());
    for principal in &mut page.principals {
        normalise_times(principal);
        if let Some(keys) = principal.get_mut("keys").and_then(Value::as_array_mut) {
            keys.iter_mut().for_each(normalise_times);
        }
    }
    Ok(Response::ok(&json!({"principals": page.principals, "next_cursor": next})))
}

fn add(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let asked = AddPrincipal::read(&mut fields);
    let name = asked.name.0;
    if name == OPERATOR {
        fields.fail("name", "the name operator belongs to the environment's API_KEY");
    } else if !is_name(&name) && fields.errors.is_empty() {
        fields.fail("name", format!("should be {NAME_RULE}"));
    }
    let groups = groups(asked.groups, &mut fields).unwrap_or_default();
    let identities = identities(asked.telegram, asked.slack, &mut fields);
    fields.finish()?;
    let role = asked.role.0.map_or(Role::Viewer, |role| role.0);
    let principal = Principal::known(name, role, groups);
    let key = new_key()?;
    let outcome = principals::add(context.database()?, clock::now(), &principal, &identities, &key_hash(&key))?;
    done(outcome, &principal.name)?;
    tell(context, &principal.name, "principal added");
    Ok(keyed(&principal.name, &key))
}

/// Changes role and groups; what is not named stays.
fn change(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let ChangePrincipal { role, groups: named } = Body::read(&mut fields);
    let groups = groups(named, &mut fields);
    fields.finish()?;
    let name = known(request)?;
    let outcome = principals::change(context.database()?, &name, role.map(|role| role.0), groups.as_deref(), None)?;
    done(outcome, &name)?;
    tell(context, &name, "principal changed");
    Ok(Response::ok(&PrincipalName { name }))
}

/// Who they are in other channels, altogether: what is not named is taken away.
fn identify(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let bodies::Identities { telegram, slack } = Body::read(&mut fields);
    let identities = identities(telegram, slack, &mut fields);
    // Nobody loses their ids by a body that was forgotten.
    if !members.contains_key("telegram") && !members.contains_key("slack") {
        fields.fail("telegram", "Field required: telegram or slack; null for none");
    }
    fields.finish()?;
    let name = known(request)?;
    done(principals::change(context.database()?, &name, None, None, Some(&identities))?, &name)?;
    tell(context, &name, "principal's identities changed");
    Ok(Response::ok(&PrincipalName { name }))
}

/// A new key beside the old ones.
fn add_key(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let AddKey { expire_old_after_hours: hours } = body::read(request)?;
    let hours = hours.map(|hours| hours.0);
    let (name, key) = (known(request)?, new_key()?);
    done(principals::add_key(context.database()?, clock::now(), &name, &key_hash(&key), hours)?, &name)?;
    tell(context, &name, "key added");
    Ok(keyed(&name, &key))
}

fn revoke_key(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let (name, key_id) = (request.parameter("name"), request.parameter("key_id"));
    let unknown = || problem::not_found("key not found");
    if !is_name(&name) || !is_word(&key_id) {
        return Err(unknown());
    }
    match principals::revoke_key(context.database()?, clock::now(), &name, &key_id)? {
        Outcome::Unknown => Err(unknown()),
        outcome => done(outcome, &name),
    }?;
    tell(context, &name, "key revoked");
    Ok(Response::ok(&RevokedKey { name, key_id }))
}

fn switch(disabled: bool, request: &Request, context: &mut Context) -> Result<Response, Problem> {
    let name = known(request)?;
    done(principals::switch(context.database()?, clock::now(), &name, disabled)?, &name)?;
    tell(context, &name, if disabled { "principal disabled" } else { "principal enabled" });
    Ok(Response::ok(&SwitchedPrincipal { name, disabled }))
}

const GROUP_RULE: &str =
    "should be lower-case letters, digits and . _ @ -, beginning with a letter or digit, 64 at most";

/// The name in the path, which somebody can have.
fn known(request: &Request) -> Result<String, Problem> {
    let name = request.parameter("name");
    if is_name(&name) { Ok(name) } else { Err(problem::not_found("principal not found")) }
}

/// `None` when they are not named; an empty list is one.
fn groups(named: Option<Vec<String>>, fields: &mut Fields<'_>) -> Option<Vec<String>> {
    let groups = named?;
    if groups.len() > GROUPS_MAX {
        fields.fail("groups", format!("at most {GROUPS_MAX} groups"));
    }
    if !groups.iter().all(|group| is_word(group)) {
        fields.fail("groups", format!("each group {GROUP_RULE}"));
    }
    Some(groups)
}

/// Links go to whoever is written to under such an id, so it must be one person's, and the only one of theirs.
fn identities(telegram: Option<Text<1, 64>>, slack: Option<Text<1, 64>>, fields: &mut Fields<'_>) -> Identities {
    let mut identity = |channel: &str, text: Option<Text<1, 64>>, fits: fn(&str) -> bool, rule: &str| {
        let text = text.map(|text| text.0);
        if text.as_ref().is_some_and(|text| !fits(text)) {
            fields.fail(channel, rule);
        }
        text
    };
    Identities {
        telegram: identity(
            "telegram",
            telegram,
            is_telegram_person,
            "should be a person's id, a number such as 8000001",
        ),
        slack: identity("slack", slack, is_slack_person, "should be a member's id, such as U024BE7LH"),
    }
}

fn done(outcome: Outcome, name: &str) -> Result<(), Problem> {
    match outcome {
        Outcome::Done => Ok(()),
        Outcome::Exists => Err(problem::conflict("principal-exists", format!("{name} is there already"))),
        Outcome::IdentityTaken => Err(problem::conflict("identity-taken", "somebody else has that identity")),
        Outcome::TooMany => {
            let detail = format!("{name} has {KEYS_MAX} keys that are good: revoke one first");
            Err(problem::conflict("too-many-keys", detail))
        }
        Outcome::Unknown => Err(problem::not_found("principal not found")),
    }
}

/// A new key, this once, and the id by which lists and logs know it.
fn keyed(name: &str, key: &str) -> Response {
    let hash = key_hash(key);
    let key_id = hash.get(..principals::KEY_ID_LENGTH).unwrap_or_default().to_owned();
    Response::json(201, &NewKey { name: name.to_owned(), key: key.to_owned(), key_id })
}

/// Who did it stands on every line of the log.
fn tell(context: &Context, name: &str, what: &str) {
    context.log.write(Level::Info, "myloware.api.principals", what, &[("name", name.into())]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::refused_by;

    fn refusal(method: &str, target: &str, body: &str) -> Problem {
        refused_by(ROUTES, method, target, body)
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_before_any_statement() {
        let pointers = |target: &str, body: &str| -> Vec<String> {
            refusal("POST", target, body).errors.into_iter().map(|error| error.pointer).collect()
        };
        assert_eq!(pointers("/v1/principals", "{}"), ["#/name", "#/role"]);
        for name in ["operator", "Ann", "a b", "-", "ann ", "telegram_5", "slack_u1", "\u{430}nn"] {
            let body = json!({"name": name, "role": "viewer"}).to_string();
            assert_eq!(pointers("/v1/principals", &body), ["#/name"], "{name}");
        }
        for (member, value) in [
            ("role", json!("admin")),
            ("groups", json!(["Night Shift"])),
            ("groups", json!("night")),
            ("telegram", json!("@ann b")),
            ("slack", json!(7)),
        ] {
            let mut body = json!({"name": "ann", "role": "viewer"});
            body[member] = value;
            assert_eq!(pointers("/v1/principals", &body.to_string()), [format!("#/{member}")], "{body}");
        }
        assert_eq!(pointers("/v1/principals/ann/identities", "{}"), ["#/telegram"]);
        assert_eq!(pointers("/v1/principals/ann", r#"{"role":"boss"}"#), ["#/role"]);
        assert_eq!(pointers("/v1/principals/ann/keys", r#"{"expire_old_after_hours":745}"#).len(), 1);
        assert_eq!(refusal("GET", "/v1/principals?cursor=A", "").status, 422);
    }

    #[test]
    fn names_that_nobody_can_have_are_404_and_wrong_methods_405() {
        for (target, detail) in [
            ("/v1/principals/Ann", "principal not found"),
            ("/v1/principals/Ann/keys", "principal not found"),
            ("/v1/principals/%00/disable", "principal not found"),
            ("/v1/principals/a%20b/enable", "principal not found"),
            ("/v1/principals/ann/keys/%00/revoke", "key not found"),
            ("/v1/principals/ann/explode", "Not Found"),
        ] {
            let problem = refusal("POST", target, "{}");
            assert_eq!((problem.status, problem.detail.as_str()), (404, detail), "{target}");
        }
        assert_eq!(refusal("GET", "/v1/principals/ann", "").status, 405);
    }
}
