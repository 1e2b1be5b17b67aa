//! What the routes of dead letters take and give. They are answered as the database's views make them (`dead_letters_list`,
//! `dead_letter_view`).

use super::{BULK_DEFAULT, BULK_MAX};
use mw_edge::body::{After, Choice, Nested, Text, Whole};
use mw_edge::query::Paged;
use mw_edge::{body, shape};
use mw_store::dead_letters::{Ending, Reason};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

body! {
    pub struct ReplayDeadLetter {
        #[schemars(extend("default" = "replayed via API"))]
        pub reason: Option<Text<0, 500>>,
        #[schemars(extend("default" = "api"))]
        pub actor: Option<Text<0, 200>>,
        #[schemars(extend("default" = false))]
        pub dry_run: Option<bool>,
    }

    pub struct DiscardDeadLetter {
        pub reason: Text<1, 500>,
        #[schemars(extend("default" = "api"))]
        pub actor: Option<Text<0, 200>>,
        #[schemars(extend("default" = false))]
        pub dry_run: Option<bool>,
    }

    pub struct ReplayDeadLetters {
        #[schemars(extend("default" = "replayed via API"))]
        pub reason: Option<Text<0, 500>>,
        #[schemars(extend("default" = "api"))]
        pub actor: Option<Text<0, 200>>,
        #[schemars(extend("default" = true))]
        pub dry_run: Option<bool>,
        #[schemars(extend("default" = BULK_DEFAULT))]
        pub limit: Option<Whole<1, BULK_MAX>>,
        pub cursor: Option<After<300>>,
        pub filter: Option<Nested<DeadLetterFilter>>,
    }

    pub struct DiscardDeadLetters {
        pub reason: Text<1, 500>,
        #[schemars(extend("default" = "api"))]
        pub actor: Option<Text<0, 200>>,
        #[schemars(extend("default" = true))]
        pub dry_run: Option<bool>,
        #[schemars(extend("default" = BULK_DEFAULT))]
        pub limit: Option<Whole<1, BULK_MAX>>,
        pub cursor: Option<After<300>>,
        pub filter: Option<Nested<DeadLetterFilter>>,
    }

    #[schemars(inline)]
    pub struct DeadLetterFilter {
        pub provider: Option<Text<1, 64>>,
        pub reason: Option<Choice<Reason>>,
        pub exhausted: Option<bool>,
    }
}

shape! {
    pub struct DeadLetterPath {
        /// The dead letter, which is its receipt.
        #[schemars(extend("format" = "uuid"))]
        pub id: String,
    }

    pub struct DeadLettersQuery {
        /// Only deliveries of this provider.
        pub provider: Option<String>,
        /// Only dead letters for this reason.
        pub reason: Option<Reason>,
        /// Only dead letters that the sweep has given up, or has not.
        pub exhausted: Option<bool>,
        #[serde(flatten)]
        pub page: Paged,
    }

    #[serde(rename_all = "camelCase")]
    pub struct DeadLetterSummary {
        #[schemars(extend("format" = "uuid"))]
        pub id: String,
        pub provider: String,
        pub reason: Reason,
        /// What the delivery names: `job_id`, `task_id`, `account`.
        pub r#match: Map<String, Value>,
        pub attempts: u32,
        /// The sweep has given up.
        pub exhausted: bool,
        #[schemars(extend("format" = "date-time"))]
        pub next_retry_at: Option<String>,
        #[schemars(extend("format" = "date-time"))]
        pub last_error_at: String,
        #[schemars(extend("format" = "date-time"))]
        pub created_at: String,
        /// When the sweep discards it; null where its sender signed the body.
        #[schemars(extend("format" = "date-time"))]
        pub expires_at: Option<String>,
    }

    pub struct DeadLetterPage {
        pub letters: Vec<DeadLetterSummary>,
        pub next_cursor: Option<String>,
    }

    /// The members of a list's letter are there while it is open.
    #[serde(rename_all = "camelCase")]
    pub struct DeadLetter {
        #[schemars(extend("format" = "uuid"))]
        pub id: String,
        pub provider: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Reason")]
        pub reason: Option<Reason>,
        /// What the delivery names: `job_id`, `task_id`, `account`.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Map<String, Value>")]
        pub r#match: Option<Map<String, Value>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "u32")]
        pub attempts: Option<u32>,
        /// The sweep has given up.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "bool")]
        pub exhausted: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(extend("format" = "date-time"))]
        pub next_retry_at: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "String", extend("format" = "date-time"))]
        pub last_error_at: Option<String>,
        #[schemars(extend("format" = "date-time"))]
        pub created_at: String,
        /// When the sweep discards it; null where its sender signed the body.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(extend("format" = "date-time"))]
        pub expires_at: Option<String>,
        #[schemars(extend("enum" = ["dlq", "accepted", "discarded"]))]
        pub outcome: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "String")]
        pub signature_status: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "String")]
        pub query: Option<String>,
        /// Those that describe and sign a delivery.
        pub headers: Map<String, Value>,
        pub payload: Payload,
        pub explanation: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub run_id: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub job_id: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(extend("format" = "date-time"))]
        pub settled_at: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub settled_by: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub settled_reason: Option<String>,
    }

    #[schemars(inline)]
    pub struct Payload {
        #[schemars(extend("enum" = ["text", "base64"]))]
        pub encoding: String,
        pub data: String,
        /// Of the whole body; of one that no signature covers, the beginning is kept.
        pub bytes: u64,
        pub truncated: bool,
    }

    #[serde(rename_all = "camelCase")]
    pub struct DeadLetterOutcome {
        #[schemars(extend("format" = "uuid"))]
        pub id: String,
        #[schemars(extend("format" = "uuid"))]
        pub receipt: String,
        pub result: Ending,
        pub provider: Option<String>,
        pub run_id: Option<String>,
        pub reason: Option<Reason>,
    }

    pub struct DeadLetterOutcomes {
        pub dry_run: bool,
        pub counts: BTreeMap<String, u64>,
        pub letters: Vec<DeadLetterOutcome>,
        pub next_cursor: Option<String>,
    }
}
