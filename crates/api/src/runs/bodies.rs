//! What the routes of runs take and give. Runs, artifacts and events are answered as the database's views make them
//! (`run_view`, `run_list`, `run_timeline`); generated requests hold those answers against these types.

use mw_edge::body::{Text, Whole};
use mw_edge::query::{PAGE_DEFAULT, PAGE_MAX, Paged, TEXT_LENGTH_MAX};
use mw_edge::{body, shape};
use mw_kernel::status::{ProvidersMode, StatusWord};
use serde_json::{Map, Value};

shape! {
    pub struct RunPath {
        /// The run.
        pub run_id: String,
    }

    pub struct RunsQuery {
        /// Only runs in this status.
        pub status: Option<StatusWord>,
        /// Only runs of this project.
        pub project: Option<Text<0, TEXT_LENGTH_MAX>>,
        /// Only runs of this user.
        pub user_id: Option<Text<0, TEXT_LENGTH_MAX>>,
        #[serde(flatten)]
        pub page: Paged,
    }

    pub struct EventsQuery {
        /// Sequence number after which to read; `next_after` of the page before.
        #[schemars(range(max = 9_223_372_036_854_775_807_i64), extend("default" = 0))]
        pub after: Option<u64>,
        /// Rows on a page.
        #[schemars(extend("default" = PAGE_DEFAULT))]
        pub limit: Option<Whole<1, PAGE_MAX>>,
    }

    pub struct NextPage {
        /// The next page, `rel="next"`.
        #[serde(rename = "Link")]
        pub link: Option<String>,
    }

    #[serde(rename_all = "camelCase")]
    pub struct RunSummary {
        pub run_id: String,
        pub project: String,
        pub status: StatusWord,
        #[serde(rename = "awaiting_gate")]
        pub awaiting_gate: Option<String>,
        pub user_id: String,
        #[schemars(extend("format" = "date-time"))]
        pub created_at: String,
        #[schemars(extend("format" = "date-time"))]
        pub updated_at: String,
        #[schemars(extend("format" = "date-time"))]
        pub deadline: Option<String>,
    }

    pub struct RunPage {
        pub runs: Vec<RunSummary>,
        pub next_cursor: Option<String>,
    }

    #[serde(rename_all = "camelCase")]
    pub struct Run {
        pub run_id: String,
        pub project: String,
        pub status: StatusWord,
        #[serde(rename = "awaiting_gate")]
        pub awaiting_gate: Option<String>,
        /// What has been made so far: `totalVideos`, `videos`, later `renders`, `finalRenderUrl`, `publishUrls`, and `error` beside them.
        pub result: Option<Map<String, Value>>,
        pub artifacts: Vec<Artifact>,
        pub user_id: String,
        pub version: i64,
        #[schemars(extend("format" = "date-time"))]
        pub created_at: String,
        #[schemars(extend("format" = "date-time"))]
        pub updated_at: String,
        #[schemars(extend("format" = "date-time"))]
        pub deadline: Option<String>,
        #[schemars(extend("format" = "date-time"))]
        pub finished_at: Option<String>,
        pub providers_mode: ProvidersMode,
        pub definition_version: String,
        /// The ended run that this one goes on from.
        pub parent_run_id: Option<String>,
        /// Runs that go on from this one.
        pub successors: Vec<String>,
    }

    #[serde(rename_all = "camelCase")]
    pub struct Artifact {
        #[schemars(extend("format" = "uuid"))]
        pub id: String,
        pub r#type: String,
        pub url: Option<String>,
        pub provider: String,
        pub checksum: Option<String>,
        pub metadata: Map<String, Value>,
        #[schemars(extend("format" = "date-time"))]
        pub created_at: String,
        pub persona: Option<String>,
    }

    #[schemars(extend("additionalProperties" = true))]
    pub struct Event {
        pub seq: i64,
        #[schemars(extend("format" = "date-time"))]
        pub at: String,
        pub actor: String,
        pub r#type: String,
        /// SHA-256 of the previous hash and this event's body, hex.
        pub hash: String,
    }

    pub struct EventPage {
        #[serde(rename = "runId")]
        pub run_id: String,
        pub events: Vec<Event>,
        pub next_after: Option<i64>,
    }

    #[serde(rename_all = "camelCase")]
    pub struct Attached {
        #[schemars(extend("const" = "ok"))]
        pub status: &'static str,
        pub run_id: String,
        pub artifact_type: String,
    }
}

body! {
    #[schemars(extend("if" = {"properties": {"type": {"const": "notification"}}, "required": ["type"]}, "then" = {
        "description": "A notification reaches a user's conversation.",
        "properties": {"metadata": mw_edge::body::schema_of::<Notification>()}, "required": ["metadata"],
    }))]
    pub struct AttachArtifact {
        pub r#type: Text<1, 100>,
        #[schemars(extend("default" = "orchestrator"))]
        pub provider: Option<Text<1, 100>>,
        pub url: Option<Text<1, 2000>>,
        pub checksum: Option<Text<1, 200>>,
        pub persona: Option<Text<1, 100>>,
        pub metadata: Option<Map<String, Value>>,
    }

    /// What a notification says, and to whom.
    pub struct Notification {
        pub user_id: Text<1, 200>,
        pub message: Text<1, 2000>,
    }
}
