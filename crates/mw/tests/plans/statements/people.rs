//! Who is who, and who may call.

use super::{FEW, PAGE, Statement, limit, statement};
use crate::history::{new_id, now};
use mw_media::principal::{Principal, Role};
use mw_media::status::Channel;
use mw_store::principals::{self, Identities, Outcome};
use mw_store::runs;

/// Of the key of person-785 in the history: the hash of that number.
const KEY_HASH: &str = "9e04a49e5786695116f9af28552da3083d4eeb015294b878d27053439e363cdf";

pub(crate) fn all() -> Vec<Statement> {
    let key = || new_id().replace('-', "").repeat(2);
    // Beyond those of the history.
    let person = || (u64::from_str_radix(&new_id()[..8], 16).unwrap() + 1_000_000).to_string();
    let identities = move || Identities { telegram: Some(person()), slack: None };
    vec![
        statement("caller_admit", FEW, |db, _| {
            let admitted = principals::admit(db, now(), Some(KEY_HASH), &limit()).unwrap();
            assert!(admitted.principal.is_some() && admitted.limit.is_some());
        }),
        statement("principal_find by key", FEW, |db, _| {
            assert_eq!(principals::of_key(db, now(), KEY_HASH).unwrap().unwrap().name, "person-785");
        }),
        statement("principals_named", FEW, |db, _| {
            assert_eq!(principals::named(db, &["person-785", "nobody"]).unwrap().len(), 1);
        }),
        statement("principal_find by identity", FEW, |db, _| {
            let found = principals::of_identity(db, Channel::Telegram, "785").unwrap();
            assert_eq!(found.unwrap().name, "person-785");
        }),
        statement("run_fetch by key and link", FEW, |db, run| {
            let by = runs::Asking { key_hash: Some(KEY_HASH), approver: Some("person-7"), limit: Some(&limit()) };
            let loaded = runs::load_for(db, now(), &run.run_id, by).unwrap();
            assert!(loaded.principal.is_some() && loaded.approver.is_some() && loaded.run.is_some());
        }),
        statement("principal_add", FEW, move |db, _| {
            let somebody = Principal::known(format!("p{}", new_id()), Role::Viewer, vec!["g".into()]);
            assert_eq!(principals::add(db, now(), &somebody, &identities(), &key()).unwrap(), Outcome::Done);
        }),
        statement("principal_change", FEW, move |db, _| {
            let changed = principals::change(db, "person-7", Some(Role::Operator), None, Some(&identities()));
            assert_eq!(changed.unwrap(), Outcome::Done);
        }),
        statement("principal_switch", FEW, |db, _| {
            assert_eq!(principals::switch(db, now(), "person-7", true).unwrap(), Outcome::Done);
        }),
        statement("principal_key_add", FEW, move |db, _| {
            assert_eq!(principals::add_key(db, now(), "person-7", &key(), Some(1)).unwrap(), Outcome::Done);
        }),
        statement("principal_key_revoke", FEW, |db, _| {
            assert_eq!(principals::revoke_key(db, now(), "person-785", &KEY_HASH[..12]).unwrap(), Outcome::Done);
        }),
        statement("principal_list", PAGE, |db, _| {
            let page = principals::list(db, Some("person-5"), 50).unwrap();
            assert!(page.principals.len() == 50 && page.more);
        }),
    ]
}
