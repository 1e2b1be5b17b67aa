//! Who is who: principals, their keys, and who they are in other channels. Keys arrive here as SHA-256 in hex, never
//! themselves. What a request's key is looked up by rides in the statement that loads a run, a project or a conversation;
//! [`of_key`] is for all other routes.

use crate::{Database, DbError, Limit, Taken, call, text};
use mw_kernel::Timestamp;
pub use mw_kernel::principal::Named;
use mw_kernel::principal::{Principal, Role};
use mw_kernel::status::Channel;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Keys of one principal that are good at the same time.
pub const KEYS_MAX: u32 = 10;

/// As many characters of a key's hash are its id, for people and logs.
pub const KEY_ID_LENGTH: usize = 12;

/// The ids under which channels know a principal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Identities {
    pub telegram: Option<String>,
    pub slack: Option<String>,
}

/// What became of a wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Done,
    /// The name is taken.
    Exists,
    /// Somebody else has that id in that channel.
    IdentityTaken,
    /// No such principal, or no such key of it.
    Unknown,
    /// [`KEYS_MAX`] keys are good already.
    TooMany,
}

#[derive(Deserialize)]
struct Answer {
    result: Outcome,
}

#[derive(Deserialize)]
struct Found {
    principal: Option<Principal>,
}

/// Whose key it is; `None` for one that is unknown, revoked, expired or of somebody disabled.
pub fn of_key(db: &mut dyn Database, now: Timestamp, key_hash: &str) -> Result<Option<Principal>, DbError> {
    let request = json!({"now": text(now), "key_hash": key_hash});
    call::<Found>(db, "principal_find", &request).map(|found| found.principal)
}

/// Who asks, with what is left of a limit.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Admitted {
    pub principal: Option<Principal>,
    pub limit: Option<Taken>,
}

/// Finds out whose key it is, where that is not known, and takes one from a limit.
pub fn admit(
    db: &mut dyn Database,
    now: Timestamp,
    key_hash: Option<&str>,
    limit: &Limit<'_>,
) -> Result<Admitted, DbError> {
    call(db, "caller_admit", &json!({"now": text(now), "key_hash": key_hash, "limit": limit}))
}

/// Whom a channel's id stands for; `None` for nobody and for somebody disabled.
pub fn of_identity(db: &mut dyn Database, channel: Channel, identity: &str) -> Result<Option<Principal>, DbError> {
    let request = json!({"channel": channel, "identity": identity});
    call::<Found>(db, "principal_find", &request).map(|found| found.principal)
}

/// What is known of these names at this moment; a stranger's is left out.
pub fn named(db: &mut dyn Database, names: &[&str]) -> Result<BTreeMap<String, Named>, DbError> {
    #[derive(Deserialize)]
    struct Answer {
        principals: BTreeMap<String, Named>,
    }
    call::<Answer>(db, "principals_named", &json!({"names": names})).map(|answer| answer.principals)
}

/// Adds a principal with its first key.
pub fn add(
    db: &mut dyn Database,
    now: Timestamp,
    principal: &Principal,
    identities: &Identities,
    key_hash: &str,
) -> Result<Outcome, DbError> {
    let request = json!({
        "now": text(now), "name": principal.name, "role": principal.role, "groups": principal.groups,
        "identities": identities, "key_hash": key_hash,
    });
    call::<Answer>(db, "principal_add", &request).map(|answer| answer.result)
}

/// Changes role, groups or all identities; what is `None` stays.
pub fn change(
    db: &mut dyn Database,
    name: &str,
    role: Option<Role>,
    groups: Option<&[String]>,
    identities: Option<&Identities>,
) -> Result<Outcome, DbError> {
    let request = json!({"name": name, "role": role, "groups": groups, "identities": identities});
    call::<Answer>(db, "principal_change", &request).map(|answer| answer.result)
}

/// Disables a principal, whose keys are refused from then on, or enables it again.
pub fn switch(db: &mut dyn Database, now: Timestamp, name: &str, disabled: bool) -> Result<Outcome, DbError> {
    let request = json!({"now": text(now), "name": name, "disabled": disabled});
    call::<Answer>(db, "principal_switch", &request).map(|answer| answer.result)
}

/// Adds a key beside the old ones, which end after so many hours where that is asked for.
pub fn add_key(
    db: &mut dyn Database,
    now: Timestamp,
    name: &str,
    key_hash: &str,
    expire_old_after_hours: Option<u32>,
) -> Result<Outcome, DbError> {
    let request = json!({
        "now": text(now), "name": name, "key_hash": key_hash, "expire_old_after_hours": expire_old_after_hours,
    });
    call::<Answer>(db, "principal_key_add", &request).map(|answer| answer.result)
}

/// Revokes a key, at once and for good.
pub fn revoke_key(db: &mut dyn Database, now: Timestamp, name: &str, key_id: &str) -> Result<Outcome, DbError> {
    let request = json!({"now": text(now), "name": name, "key_id": key_id});
    call::<Answer>(db, "principal_key_revoke", &request).map(|answer| answer.result)
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Page {
    pub principals: Vec<Value>,
    pub more: bool,
}

/// Lists principals by name, one page by key, with their identities and their newest keys (never the keys themselves).
pub fn list(db: &mut dyn Database, after: Option<&str>, limit: u32) -> Result<Page, DbError> {
    call(db, "principal_list", &json!({"after": after, "limit": limit}))
}
