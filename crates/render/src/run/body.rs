//! The body of a render job: its spec, its segments, the video, and every hop to something simpler.

use crate::asset::AssetRef;
use crate::engine::Policy;
use crate::plan::PlannedSegment;
use crate::presets::Archetype;
use crate::run::event::{Fallback, OrderedBy};
use crate::spec::{MadeSegment, RenderSpec};
use crate::verify::Verification;
use crate::work::{Assignment, Failure, Held, Lease, Place, Try};
use mw_kernel::Timestamp;
use serde::{Deserialize, Serialize};

mw_kernel::words! {
    /// How far an open job is.
    #[derive(Default)]
    Phase {
        /// Nobody has picked it up.
        #[default]
        Queued = "queued",
        Planning = "planning",
        RenderingSegments = "rendering_segments",
        Assembling = "assembling",
    }
}

/// A render job as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Render {
    /// The id by which the job is known; a retry is another run of the same job.
    pub job_id: String,
    /// Which run of the job this is, from 1.
    pub attempt: u32,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: Timestamp,
    pub spec: RenderSpec,
    pub phase: Phase,
    pub segments: Vec<Segment>,
    pub video: Work,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
    /// In their order; of what was kept of an earlier run, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<Hop>,
    /// What the job is counted under as fallen back, each once however often it is tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counted: Vec<Fallback>,
    /// The run of another kind that waits for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered_by: Option<OrderedBy>,
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    #[serde(flatten)]
    pub planned: PlannedSegment,
    /// May have become simpler than the job's.
    pub archetype: Archetype,
    pub work: Work,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made: Option<Made>,
}

/// How a segment, or the whole video, comes to be.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Work {
    pub stage: Stage,
    /// Tries that came to nothing, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// How often a worker began.
    #[serde(default)]
    pub started: u32,
    #[serde(with = "time::serde::rfc3339::option", default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    #[serde(with = "time::serde::rfc3339::option", default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
}

/// Where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// Nobody is asked yet.
    #[default]
    Idle,
    Waiting {
        #[serde(rename = "try")]
        one: Try,
    },
    Running {
        #[serde(rename = "try")]
        one: Try,
        lease: Lease,
    },
    Done,
    Failed,
}

/// A segment that is there, and who made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    pub try_id: String,
    pub assignment: Assignment,
    #[serde(flatten)]
    pub file: MadeSegment,
}

/// The finished video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Output {
    pub try_id: String,
    pub assignment: Assignment,
    pub video: AssetRef,
    pub thumbnail: AssetRef,
    pub verification: Verification,
}

/// A step to something simpler, or to an engine on the network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    pub place: Place,
    pub fallback: Fallback,
    /// Who was to make it before; none where nobody was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    pub to: String,
    pub reason: String,
    /// The first of its type in this job: metrics count these.
    pub counted: bool,
}

mw_kernel::words! {
    /// A segment's status, as it is answered.
    SegmentStatus {
        Pending = "PENDING",
        Running = "RUNNING",
        Done = "DONE",
        Failed = "FAILED",
    }
}

impl Work {
    /// The try that is waiting or under way.
    pub fn one(&self) -> Option<&Try> {
        match &self.stage {
            Stage::Waiting { one } | Stage::Running { one, .. } => Some(one),
            Stage::Idle | Stage::Done | Stage::Failed => None,
        }
    }

    pub fn lease(&self) -> Option<&Lease> {
        match &self.stage {
            Stage::Running { lease, .. } => Some(lease),
            Stage::Idle | Stage::Waiting { .. } | Stage::Done | Stage::Failed => None,
        }
    }

    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    pub fn is_idle(&self) -> bool {
        self.stage == Stage::Idle
    }

    pub fn status(&self) -> SegmentStatus {
        match &self.stage {
            Stage::Idle | Stage::Waiting { .. } => SegmentStatus::Pending,
            Stage::Running { .. } => SegmentStatus::Running,
            Stage::Done => SegmentStatus::Done,
            Stage::Failed => SegmentStatus::Failed,
        }
    }
}

impl Segment {
    pub(super) fn of(planned: PlannedSegment, archetype: Archetype) -> Segment {
        Segment { planned, archetype, work: Work::default(), made: None }
    }
}

impl Render {
    /// The body before the run's first event.
    pub(super) fn before_start() -> Render {
        Render {
            job_id: String::new(),
            attempt: 0,
            created_at: Timestamp::UNIX_EPOCH,
            spec: RenderSpec::before_start(),
            phase: Phase::Queued,
            segments: Vec::new(),
            video: Work::default(),
            output: None,
            hops: Vec::new(),
            counted: Vec::new(),
            ordered_by: None,
        }
    }

    /// The policy at this moment, under an operator's override. It is held where an engine is chosen, at the claim, and once more
    /// where a request leaves.
    pub fn policy(&self, over: Option<Policy>) -> Policy {
        self.spec.engine_policy.under(over)
    }

    /// How many segments there are.
    pub fn count(&self) -> u32 {
        self.segments.len() as u32
    }

    /// How many of them are there.
    pub fn done_count(&self) -> usize {
        self.segments.iter().filter(|segment| segment.work.is_done()).count()
    }

    /// Whether no segment is missing.
    pub fn is_complete(&self) -> bool {
        !self.segments.is_empty() && self.done_count() == self.segments.len()
    }

    pub fn segment(&self, index: u32) -> Option<&Segment> {
        self.segments.get(index as usize)
    }

    pub fn work(&self, place: Place) -> Option<&Work> {
        match place {
            Place::Segment(index) => self.segment(index).map(|segment| &segment.work),
            Place::Video => Some(&self.video),
        }
    }

    pub(super) fn work_mut(&mut self, place: Place) -> Option<&mut Work> {
        match place {
            Place::Segment(index) => self.segments.get_mut(index as usize).map(|segment| &mut segment.work),
            Place::Video => Some(&mut self.video),
        }
    }

    /// Every piece of work, in the order of the video, and the video itself last.
    pub fn works(&self) -> impl Iterator<Item = (Place, &Work)> {
        let segments = self.segments.iter().map(|segment| (Place::Segment(segment.planned.index), &segment.work));
        segments.chain([(Place::Video, &self.video)])
    }

    /// The piece of work that has this try waiting or under way.
    pub fn find(&self, try_id: &str) -> Option<(Place, &Work)> {
        self.works().find(|(_, work)| work.one().is_some_and(|one| one.id == try_id))
    }

    /// The try that a worker holds under this fence.
    pub fn held(&self, held: &Held) -> Option<(&Try, &Lease)> {
        let (_, work) = self.find(&held.try_id)?;
        Some((work.one()?, work.lease().filter(|lease| lease.fence == held.fence)?))
    }

    /// Whether some of the video is a template.
    pub fn has_template(&self) -> bool {
        let made = self.segments.iter().filter_map(|segment| segment.made.as_ref());
        made.map(|made| made.assignment).any(|assignment| assignment.engine().is_none())
    }
}
