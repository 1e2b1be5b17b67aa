//! /v1/principals, for operators: who may ask, and with which keys. A key is in the answer that makes it and nowhere else.

use mw_edge::auth::{key_hash, new_key};
use mw_edge::body::{self, Fields};
use mw_edge::clock::normalise_times;
use mw_edge::log::Level;
use mw_edge::query::{invalid_query, page_size};
use mw_edge::{Context, Method, Problem, Request, Response, clock, problem, route};
use mw_integrations::{slack, telegram};
use mw_kernel::principal::{NAME_LENGTH_MAX, NAME_RULE, OPERATOR, Principal, Role, is_name, is_word};
use mw_store::principals::{self, Identities, KEYS_MAX, Outcome};
use serde_json::{Map, Value, json};

const GROUPS_MAX: usize = 20;
const IDENTITY_LENGTH_MAX: usize = 64;
/// A month: an old key that is good for longer was not rotated.
const OLD_KEY_HOURS_MAX: u32 = 24 * 31;

pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    if let Some(answer) = route::enter(request, context)? {
        return Ok(answer);
    }
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["v1", "principals"] if request.method == Method::Post => add(request, context),
        ["v1", "principals"] => list(request, context),
        ["v1", "principals", name] => change(name, request, context),
        ["v1", "principals", name, "keys"] => add_key(name, request, context),
        ["v1", "principals", name, "keys", key_id, "revoke"] => revoke_key(name, key_id, context),
        ["v1", "principals", name, "disable"] => switch(name, true, context),
        ["v1", "principals", name, "enable"] => switch(name, false, context),
        ["v1", "principals", name, "identities"] => identify(name, request, context),
        _ => Err(problem::not_found("Not Found")),
    }
}

fn list(request: &Request, context: &mut Context) -> Result<Response, Problem> {
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
    let name = fields.required_text("name", 1, NAME_LENGTH_MAX);
    if name == OPERATOR {
        fields.fail("name", "the name operator belongs to the environment's API_KEY");
    } else if !is_name(&name) && fields.errors.is_empty() {
        fields.fail("name", format!("should be {NAME_RULE}"));
    }
    let role = role(&mut fields);
    if !members.contains_key("role") || members.get("role").is_some_and(Value::is_null) {
        fields.fail("role", "Field required");
    }
    let groups = groups(&mut fields, &members).unwrap_or_default();
    let identities = identities(&mut fields);
    fields.finish()?;
    let principal = Principal::known(name, role.unwrap_or(Role::Viewer), groups);
    let key = new_key()?;
    let outcome = principals::add(context.database()?, clock::now(), &principal, &identities, &key_hash(&key))?;
    done(outcome, &principal.name)?;
    tell(context, &principal.name, "principal added");
    Ok(keyed(&principal.name, &key))
}

/// Changes role and groups; what is not named stays.
fn change(name: &str, request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let (role, groups) = (role(&mut fields), groups(&mut fields, &members));
    fields.finish()?;
    let name = known(name)?;
    let outcome = principals::change(context.database()?, name, role, groups.as_deref(), None)?;
    done(outcome, name)?;
    tell(context, name, "principal changed");
    Ok(Response::ok(&json!({"name": name})))
}

/// Who they are in other channels, altogether: what is not named is taken away.
fn identify(name: &str, request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let identities = identities(&mut fields);
    // Nobody loses their ids by a body that was forgotten.
    if !members.contains_key("telegram") && !members.contains_key("slack") {
        fields.fail("telegram", "Field required: telegram or slack; null for none");
    }
    fields.finish()?;
    let name = known(name)?;
    done(principals::change(context.database()?, name, None, None, Some(&identities))?, name)?;
    tell(context, name, "principal's identities changed");
    Ok(Response::ok(&json!({"name": name})))
}

/// A new key beside the old ones.
fn add_key(name: &str, request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let hours = fields.number("expire_old_after_hours", 0, OLD_KEY_HOURS_MAX);
    fields.finish()?;
    let (name, key) = (known(name)?, new_key()?);
    done(principals::add_key(context.database()?, clock::now(), name, &key_hash(&key), hours)?, name)?;
    tell(context, name, "key added");
    Ok(keyed(name, &key))
}

fn revoke_key(name: &str, key_id: &str, context: &mut Context) -> Result<Response, Problem> {
    let unknown = || problem::not_found("key not found");
    if !is_name(name) || !is_word(key_id) {
        return Err(unknown());
    }
    match principals::revoke_key(context.database()?, clock::now(), name, key_id)? {
        Outcome::Unknown => Err(unknown()),
        outcome => done(outcome, name),
    }?;
    tell(context, name, "key revoked");
    Ok(Response::ok(&json!({"name": name, "keyId": key_id})))
}

fn switch(name: &str, disabled: bool, context: &mut Context) -> Result<Response, Problem> {
    let name = known(name)?;
    done(principals::switch(context.database()?, clock::now(), name, disabled)?, name)?;
    tell(context, name, if disabled { "principal disabled" } else { "principal enabled" });
    Ok(Response::ok(&json!({"name": name, "disabled": disabled})))
}

const GROUP_RULE: &str =
    "should be lower-case letters, digits and . _ @ -, beginning with a letter or digit, 64 at most";

/// A name that somebody can have.
fn known(name: &str) -> Result<&str, Problem> {
    if is_name(name) { Ok(name) } else { Err(problem::not_found("principal not found")) }
}

fn role(fields: &mut Fields<'_>) -> Option<Role> {
    let word = fields.text("role", 1, 20)?;
    let role = Role::parse(&word);
    if role.is_none() && fields.errors.is_empty() {
        fields.fail("role", "Input should be 'viewer', 'approver' or 'operator'");
    }
    role
}

/// `None` when they are not named; an empty list is one.
fn groups(fields: &mut Fields<'_>, members: &Map<String, Value>) -> Option<Vec<String>> {
    members.get("groups").filter(|groups| !groups.is_null())?;
    let groups = fields.texts("groups");
    if groups.len() > GROUPS_MAX {
        fields.fail("groups", format!("at most {GROUPS_MAX} groups"));
    }
    if !groups.iter().all(|group| is_word(group)) {
        fields.fail("groups", format!("each group {GROUP_RULE}"));
    }
    Some(groups)
}

/// Links go to whoever is written to under such an id, so it must be one person's, and the only one of theirs.
fn identities(fields: &mut Fields<'_>) -> Identities {
    let mut identity = |channel: &str, fits: fn(&str) -> bool, rule: &str| {
        let text = fields.text(channel, 1, IDENTITY_LENGTH_MAX);
        if text.as_ref().is_some_and(|text| !fits(text)) {
            fields.fail(channel, rule);
        }
        text
    };
    Identities {
        telegram: identity("telegram", telegram::is_person_id, "should be a person's id, a number such as 8000001"),
        slack: identity("slack", slack::is_person_id, "should be a member's id, such as U024BE7LH"),
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
    let key_id = hash.get(..principals::KEY_ID_LENGTH).unwrap_or_default();
    Response::json(201, &json!({"name": name, "key": key, "keyId": key_id}))
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
        refused_by(handle, method, target, body)
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
