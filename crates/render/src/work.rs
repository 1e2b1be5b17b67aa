//! Pieces of work: what a worker can be given, for how long, and under which lease.

use crate::engine::Engine;
use crate::failure::FailureCode;
use crate::presets::Archetype;
use mw_kernel::Timestamp;
use serde::{Deserialize, Serialize};
use time::Duration;

/// How long a lease lasts from one heartbeat to the next, and how often a worker sends one.
pub const LEASE_SECONDS: u32 = 30;
pub const HEARTBEAT_SECONDS: u32 = 5;
/// Failures in a row, of one kind of work, after which a worker gets no more of it.
pub const QUARANTINE_AFTER: usize = 3;

mw_kernel::words! {
    /// The kinds of work that a claim hands out.
    WorkKind {
        Segment = "segment",
        Assembly = "assembly",
        Template = "template",
    }
}

/// Where in the video a piece of work belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The segment of this index, from 0.
    Segment(u32),
    /// The video as a whole.
    Video,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Segment(index) => write!(f, "segment {}", index + 1),
            Place::Video => f.write_str("the video"),
        }
    }
}

/// What is asked of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Assignment {
    Segment { index: u32, engine: Engine, archetype: Archetype },
    SegmentTemplate { index: u32 },
    Assembly,
    VideoTemplate,
}

impl Assignment {
    pub fn place(self) -> Place {
        match self {
            Assignment::Segment { index, .. } | Assignment::SegmentTemplate { index } => Place::Segment(index),
            Assignment::Assembly | Assignment::VideoTemplate => Place::Video,
        }
    }

    pub fn kind(self) -> WorkKind {
        match self {
            Assignment::Segment { .. } => WorkKind::Segment,
            Assignment::Assembly => WorkKind::Assembly,
            Assignment::SegmentTemplate { .. } | Assignment::VideoTemplate => WorkKind::Template,
        }
    }

    /// The engine that is asked; none where FFmpeg alone is enough.
    pub fn engine(self) -> Option<Engine> {
        match self {
            Assignment::Segment { engine, .. } => Some(engine),
            Assignment::SegmentTemplate { .. } | Assignment::Assembly | Assignment::VideoTemplate => None,
        }
    }

    /// Who makes it, as segments, metadata and metrics name it.
    pub fn maker(self) -> &'static str {
        self.engine().map_or(self.kind().as_str(), Engine::as_str)
    }

    /// The provider under whose name its effects are due and claimed.
    pub fn provider(self) -> &'static str {
        match self {
            Assignment::Segment { engine, .. } => engine.provider(),
            Assignment::Assembly => "render-assembly",
            Assignment::SegmentTemplate { .. } | Assignment::VideoTemplate => "render-template",
        }
    }

    /// The longest that it may take, whatever its worker says.
    pub fn limit_seconds(self) -> u32 {
        match self {
            Assignment::Segment { engine: Engine::LocalFfmpeg, .. } => 120,
            Assignment::Segment { engine: Engine::LocalComfyui | Engine::ApiLuma, .. } => 300,
            Assignment::SegmentTemplate { .. } | Assignment::VideoTemplate => 60,
            Assignment::Assembly => 600,
        }
    }
}

/// The providers whose effects a worker with these engines may claim: whoever has FFmpeg assembles and makes templates, too.
pub fn claimable(engines: &[Engine]) -> Vec<&'static str> {
    let own = engines.iter().map(|engine| engine.provider());
    let beside = [Assignment::Assembly.provider(), Assignment::VideoTemplate.provider()];
    let has_ffmpeg = engines.contains(&Engine::LocalFfmpeg);
    own.chain(beside.into_iter().filter(|_| has_ffmpeg)).collect()
}

/// One try at a piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    /// Unguessable; its effect's key holds it.
    pub id: String,
    pub assignment: Assignment,
    #[serde(with = "time::serde::rfc3339")]
    pub due_at: Timestamp,
    /// Since when no healthy engine may take it.
    #[serde(with = "time::serde::rfc3339::option", default, skip_serializing_if = "Option::is_none")]
    pub unserved_since: Option<Timestamp>,
}

/// Who works on a try, and until when at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub lease_id: String,
    pub worker: String,
    /// Rises with every claim of the try: an older one changes nothing.
    pub fence: u64,
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: Timestamp,
    /// The end of all heartbeats.
    #[serde(with = "time::serde::rfc3339")]
    pub limit: Timestamp,
}

impl Lease {
    /// Until when the lease holds after a heartbeat; none where the work has taken too long.
    pub fn renewed(&self, now: Timestamp) -> Option<Timestamp> {
        let until = (now + Duration::seconds(i64::from(LEASE_SECONDS))).min(self.limit);
        (now < self.limit).then_some(until)
    }
}

/// What a worker shows to say whose work it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub try_id: String,
    pub fence: u64,
}

/// A try that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub assignment: Assignment,
    pub code: FailureCode,
    pub message: String,
}

/// Whether a worker gets no more work of a kind, by how its last pieces of that kind ended, the newest first.
pub fn is_quarantined(ends: &[Option<FailureCode>]) -> bool {
    let is_its_fault = |end: &Option<FailureCode>| end.is_some_and(FailureCode::is_of_the_worker);
    ends.len() >= QUARANTINE_AFTER && ends.iter().take(QUARANTINE_AFTER).all(is_its_fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = time::macros::datetime!(2026-01-02 03:04:05 UTC);

    #[test]
    fn who_has_ffmpeg_assembles_and_makes_templates() {
        assert_eq!(claimable(&[Engine::LocalFfmpeg]), ["local-ffmpeg", "render-assembly", "render-template"]);
        assert_eq!(claimable(&[Engine::LocalComfyui, Engine::ApiLuma]), ["local-comfyui", "api-luma"]);
        assert!(claimable(&[]).is_empty());
    }

    #[test]
    fn no_heartbeat_goes_beyond_what_the_work_may_take() {
        let limit = T0 + Duration::seconds(120);
        let lease = Lease { lease_id: "l".into(), worker: "w".into(), fence: 1, started_at: T0, limit };
        assert_eq!(lease.renewed(T0), Some(T0 + Duration::seconds(30)));
        assert_eq!(lease.renewed(T0 + Duration::seconds(100)), Some(limit));
        assert_eq!(lease.renewed(limit), None);
    }

    #[test]
    fn three_failures_of_its_own_in_a_row_quarantine_a_worker() {
        let crashed = Some(FailureCode::Crashed);
        assert!(is_quarantined(&[crashed, Some(FailureCode::EngineFailed), crashed, None]));
        assert!(!is_quarantined(&[crashed, crashed]));
        assert!(!is_quarantined(&[crashed, None, crashed, crashed]));
        assert!(!is_quarantined(&[Some(FailureCode::EngineBusy), crashed, crashed, crashed]));
    }
}
