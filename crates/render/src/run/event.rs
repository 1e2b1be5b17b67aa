//! What can happen to a render job beside what can happen to every run.

use crate::asset::AssetRef;
use crate::engine::Policy;
use crate::failure::FailureCode;
use crate::plan::PlannedSegment;
use crate::presets::Archetype;
use crate::run::body::{Hop, Made};
use crate::spec::{MadeSegment, RenderSpec};
use crate::verify::Verification;
use crate::work::{Assignment, Lease};
use mw_kernel::Timestamp;
use mw_kernel::run::OwnEvent;
use serde::{Deserialize, Serialize};

/// What only a render job's `run.started` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub job_id: String,
    pub attempt: u32,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: Timestamp,
    pub spec: RenderSpec,
    pub segments: Vec<PlannedSegment>,
    /// When a job that nobody picks up fails.
    #[serde(with = "time::serde::rfc3339")]
    pub deadline: Timestamp,
    /// Of a retry: segments that are there already, and how they came to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Kept>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<Hop>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counted: Vec<Fallback>,
    /// Of a job that a run of another kind waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered_by: Option<OrderedBy>,
}

/// The run that waits for a job, and its own job there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderedBy {
    pub run_id: String,
    pub job_id: String,
}

/// A segment that a retry need not make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub index: u32,
    pub archetype: Archetype,
    pub made: Made,
    /// How often a worker began it.
    pub started: u32,
}

mw_kernel::words! {
    /// To what a job falls back; the label of a metric.
    Fallback {
        Engine = "engine_fallback",
        Archetype = "archetype_fallback",
        Template = "template_fallback",
    }
}

/// An event of a render job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum RenderEvent {
    /// A worker took the first piece of its work.
    #[serde(rename = "job.picked_up")]
    PickedUp {
        worker: String,
        #[serde(with = "time::serde::rfc3339")]
        deadline: Timestamp,
    },
    #[serde(rename = "job.planned")]
    Planned { segments: u32 },
    /// Somebody is to make this.
    #[serde(rename = "work.assigned")]
    Assigned {
        try_id: String,
        assignment: Assignment,
        /// Under which its engine was chosen, an operator's override included.
        policy: Policy,
        #[serde(with = "time::serde::rfc3339")]
        due_at: Timestamp,
    },
    /// A worker claimed it.
    #[serde(rename = "work.started")]
    Started { try_id: String, lease: Lease },
    #[serde(rename = "work.failed")]
    Failed { try_id: String, assignment: Assignment, code: FailureCode, message: String },
    /// Nobody had claimed it, and another is to make it.
    #[serde(rename = "work.withdrawn")]
    Withdrawn { try_id: String, assignment: Assignment, reason: String },
    /// No engine that may take it is healthy.
    #[serde(rename = "work.unserved")]
    Unserved { try_id: String },
    /// One is healthy again.
    #[serde(rename = "work.served")]
    Served { try_id: String },
    /// Its effect was lost, and is there again.
    #[serde(rename = "work.restored")]
    Restored { try_id: String },
    #[serde(rename = "work.fell_back")]
    FellBack(Hop),
    #[serde(rename = "segment.done")]
    SegmentDone { index: u32, try_id: String, file: MadeSegment },
    /// No way is left to make it.
    #[serde(rename = "segment.failed")]
    SegmentFailed { index: u32 },
    /// Every segment is there.
    #[serde(rename = "job.assembling")]
    Assembling {
        #[serde(with = "time::serde::rfc3339")]
        deadline: Timestamp,
    },
    /// The video is there, and verified.
    #[serde(rename = "video.made")]
    VideoMade { try_id: String, video: AssetRef, thumbnail: AssetRef, verification: Box<Verification> },
    #[serde(rename = "job.done")]
    Done,
}

mw_kernel::words! {
    /// What happened, in one word.
    RenderEventName {
        PickedUp = "job.picked_up",
        Planned = "job.planned",
        Assigned = "work.assigned",
        Started = "work.started",
        Failed = "work.failed",
        Withdrawn = "work.withdrawn",
        Unserved = "work.unserved",
        Served = "work.served",
        Restored = "work.restored",
        FellBack = "work.fell_back",
        SegmentDone = "segment.done",
        SegmentFailed = "segment.failed",
        Assembling = "job.assembling",
        VideoMade = "video.made",
        Done = "job.done",
    }
}

impl OwnEvent for RenderEvent {
    fn name(&self) -> &'static str {
        let name = match self {
            RenderEvent::PickedUp { .. } => RenderEventName::PickedUp,
            RenderEvent::Planned { .. } => RenderEventName::Planned,
            RenderEvent::Assigned { .. } => RenderEventName::Assigned,
            RenderEvent::Started { .. } => RenderEventName::Started,
            RenderEvent::Failed { .. } => RenderEventName::Failed,
            RenderEvent::Withdrawn { .. } => RenderEventName::Withdrawn,
            RenderEvent::Unserved { .. } => RenderEventName::Unserved,
            RenderEvent::Served { .. } => RenderEventName::Served,
            RenderEvent::Restored { .. } => RenderEventName::Restored,
            RenderEvent::FellBack(_) => RenderEventName::FellBack,
            RenderEvent::SegmentDone { .. } => RenderEventName::SegmentDone,
            RenderEvent::SegmentFailed { .. } => RenderEventName::SegmentFailed,
            RenderEvent::Assembling { .. } => RenderEventName::Assembling,
            RenderEvent::VideoMade { .. } => RenderEventName::VideoMade,
            RenderEvent::Done => RenderEventName::Done,
        };
        name.as_str()
    }
}
