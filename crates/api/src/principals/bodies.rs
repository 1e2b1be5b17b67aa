//! What the routes of principals take and give. Principals are answered as the database has them (`principals_list`).

use super::OLD_KEY_HOURS_MAX;
use mw_edge::body::{Choice, Required, Text, Whole};
use mw_edge::{body, shape};
use mw_kernel::principal::{NAME_LENGTH_MAX, Role};
use std::collections::BTreeMap;

body! {
    pub struct AddPrincipal {
        #[schemars(regex(pattern = "^[a-z0-9][a-z0-9._@-]{0,63}$"), extend("not" = {"const": "operator"}))]
        pub name: Text<1, NAME_LENGTH_MAX>,
        pub role: Required<Choice<Role>>,
        #[schemars(length(max = 20), inner(regex(pattern = "^[a-z0-9][a-z0-9._@-]{0,63}$")))]
        pub groups: Option<Vec<String>>,
        #[schemars(length(max = 18), regex(pattern = "^[1-9][0-9]{0,17}$"))]
        pub telegram: Option<Text<1, 64>>,
        #[schemars(length(min = 3, max = 21), regex(pattern = "^[UW][A-Z0-9]{2,20}$"))]
        pub slack: Option<Text<1, 64>>,
    }

    pub struct ChangePrincipal {
        pub role: Option<Choice<Role>>,
        #[schemars(length(max = 20), inner(regex(pattern = "^[a-z0-9][a-z0-9._@-]{0,63}$")))]
        pub groups: Option<Vec<String>>,
    }

    #[schemars(extend("anyOf" = [{"required": ["telegram"]}, {"required": ["slack"]}]))]
    pub struct Identities {
        #[schemars(length(max = 18), regex(pattern = "^[1-9][0-9]{0,17}$"))]
        pub telegram: Option<Text<1, 64>>,
        #[schemars(length(min = 3, max = 21), regex(pattern = "^[UW][A-Z0-9]{2,20}$"))]
        pub slack: Option<Text<1, 64>>,
    }

    pub struct AddKey {
        /// When the keys that are there end; never, if it is left out.
        pub expire_old_after_hours: Option<Whole<0, OLD_KEY_HOURS_MAX>>,
    }
}

shape! {
    pub struct PrincipalPath {
        /// Name of a principal.
        #[schemars(regex(pattern = "^[a-z0-9][a-z0-9._@-]{0,63}$"))]
        pub name: String,
    }

    pub struct KeyPath {
        /// Name of a principal.
        #[schemars(regex(pattern = "^[a-z0-9][a-z0-9._@-]{0,63}$"))]
        pub name: String,
        /// The first 12 digits of the key's SHA-256.
        #[schemars(regex(pattern = "^[0-9a-f]{12}$"))]
        pub key_id: String,
    }

    pub struct PrincipalsQuery {
        /// `next_cursor` of the page before.
        #[schemars(regex(pattern = "^[a-z0-9][a-z0-9._@-]{0,63}$"))]
        pub cursor: Option<String>,
        /// Rows on a page.
        #[schemars(extend("default" = 50))]
        pub limit: Option<Whole<1, 200>>,
    }

    #[serde(rename_all = "camelCase")]
    pub struct NewKey {
        #[schemars(regex(pattern = "^[a-z0-9][a-z0-9._@-]{0,63}$"))]
        pub name: String,
        #[schemars(regex(pattern = "^mw_[0-9a-f]{64}$"))]
        pub key: String,
        #[schemars(regex(pattern = "^[0-9a-f]{12}$"))]
        pub key_id: String,
    }

    #[serde(rename_all = "camelCase")]
    pub struct RevokedKey {
        #[schemars(regex(pattern = "^[a-z0-9][a-z0-9._@-]{0,63}$"))]
        pub name: String,
        pub key_id: String,
    }

    pub struct PrincipalName {
        #[schemars(regex(pattern = "^[a-z0-9][a-z0-9._@-]{0,63}$"))]
        pub name: String,
    }

    pub struct SwitchedPrincipal {
        #[schemars(regex(pattern = "^[a-z0-9][a-z0-9._@-]{0,63}$"))]
        pub name: String,
        pub disabled: bool,
    }

    #[serde(rename_all = "camelCase")]
    pub struct Principal {
        #[schemars(regex(pattern = "^[a-z0-9][a-z0-9._@-]{0,63}$"))]
        pub name: String,
        pub role: Role,
        #[schemars(inner(regex(pattern = "^[a-z0-9][a-z0-9._@-]{0,63}$")))]
        pub groups: Vec<String>,
        #[schemars(extend("format" = "date-time"))]
        pub created_at: String,
        #[schemars(extend("format" = "date-time"))]
        pub disabled_at: Option<String>,
        pub identities: BTreeMap<String, String>,
        /// The newest 20.
        pub keys: Vec<Key>,
    }

    #[serde(rename_all = "camelCase")]
    pub struct Key {
        pub key_id: String,
        #[schemars(extend("format" = "date-time"))]
        pub created_at: String,
        #[schemars(extend("format" = "date-time"))]
        pub expires_at: Option<String>,
        #[schemars(extend("format" = "date-time"))]
        pub revoked_at: Option<String>,
    }

    pub struct PrincipalPage {
        pub principals: Vec<Principal>,
        pub next_cursor: Option<String>,
    }
}
