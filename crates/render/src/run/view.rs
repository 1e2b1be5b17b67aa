//! A job as the API shows it. Everything here follows from the events: flag, reason, metadata and progress tell one story.

use crate::presets::Archetype;
use crate::run::body::{Phase, Render, Segment, SegmentStatus};
use crate::run::event::Fallback;
use crate::run::{Run, Status};
use mw_kernel::Timestamp;
use mw_kernel::status::End;
use serde::Serialize;
use serde_json::{Value, json};

/// The longest reason of fallbacks, in characters.
const REASON_CHARS_MAX: usize = 1_000;
/// How far a job is at most before it is done, in per cent.
const PROGRESS_MAX_BEFORE_DONE: f64 = 90.0;

mw_kernel::words! {
    /// A job's status, as it is answered.
    JobStatus {
        Queued = "QUEUED",
        Planning = "PLANNING",
        RenderingSegments = "RENDERING_SEGMENTS",
        Assembling = "ASSEMBLING",
        Done = "DONE",
        Failed = "FAILED",
    }
}

impl JobStatus {
    /// A paused job is where it was; whatever ended without a video has failed.
    pub fn of(run: &Run) -> JobStatus {
        match (run.end, run.body.phase) {
            (Some(End::Done), _) => JobStatus::Done,
            (Some(End::Failed | End::Cancelled | End::Rejected | End::Expired), _) => JobStatus::Failed,
            (None, Phase::Queued) => JobStatus::Queued,
            (None, Phase::Planning) => JobStatus::Planning,
            (None, Phase::RenderingSegments) => JobStatus::RenderingSegments,
            (None, Phase::Assembling) => JobStatus::Assembling,
        }
    }
}

/// `GET /api/v1/jobs/{id}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobView {
    pub job_id: String,
    pub status: JobStatus,
    pub archetype: Archetype,
    pub preset_id: String,
    pub target_duration_seconds: u32,
    pub progress_pct: f64,
    pub output_uri: Option<String>,
    pub thumbnail_uri: Option<String>,
    pub metadata_uri: Option<String>,
    pub fallback_used: bool,
    pub fallback_reason: Option<String>,
    pub error: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: Timestamp,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: Timestamp,
}

/// One segment of `GET /api/v1/jobs/{id}/segments`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SegmentView {
    pub index: u32,
    pub status: SegmentStatus,
    pub duration_seconds: u32,
    pub engine_used: Option<&'static str>,
    pub artifact_uri: Option<String>,
    pub error: Option<String>,
}

/// `metadata.json` of a job that is done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metadata {
    pub job_id: String,
    pub preset_id: String,
    pub archetype: Archetype,
    pub engine_used: String,
    pub brand_safe: bool,
    pub target_duration_seconds: u32,
    pub segments: Vec<MetadataSegment>,
    pub fallback_used: bool,
    pub fallback_reason: Option<String>,
    pub seeds: Vec<u32>,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: Timestamp,
    #[serde(with = "time::serde::rfc3339")]
    pub completed_at: Timestamp,
}

/// A segment of `metadata.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetadataSegment {
    pub index: u32,
    pub engine: &'static str,
    pub uri: String,
    pub seed: u32,
    pub duration: u32,
}

impl JobView {
    /// The job whose newest run this is, as it last changed then.
    pub fn of(run: &Run, updated_at: Timestamp) -> JobView {
        let body = &run.body;
        let output = body.output.as_ref().filter(|_| run.end == Some(End::Done));
        JobView {
            job_id: body.job_id.clone(),
            status: JobStatus::of(run),
            archetype: body.spec.archetype,
            preset_id: body.spec.preset_id.clone(),
            target_duration_seconds: body.spec.target_duration_seconds,
            progress_pct: progress(run),
            output_uri: output.map(|output| output.video.to_string()),
            thumbnail_uri: output.map(|output| output.thumbnail.to_string()),
            metadata_uri: output.map(|_| metadata_uri(&body.job_id)),
            fallback_used: body.fallback_used(),
            fallback_reason: body.fallback_reason(),
            error: error(run),
            created_at: body.created_at,
            updated_at,
        }
    }
}

impl SegmentView {
    pub fn of(segment: &Segment) -> SegmentView {
        let status = segment.work.status();
        let failure = segment.work.failures.last().filter(|_| status == SegmentStatus::Failed);
        let under_way = segment.work.lease().and_then(|_| segment.work.one()).map(|one| one.assignment.maker());
        SegmentView {
            index: segment.planned.index,
            status,
            duration_seconds: segment.planned.duration_seconds,
            engine_used: segment.made.as_ref().map(|made| made.assignment.maker()).or(under_way),
            artifact_uri: segment.made.as_ref().map(|made| made.file.asset.to_string()),
            error: failure.map(|failure| format!("{}: {}", failure.code.words(), failure.message)),
        }
    }
}

impl Metadata {
    /// Of a job that is done; nothing is told of a video that is not there.
    pub fn of(run: &Run) -> Option<Metadata> {
        let (body, spec) = (&run.body, &run.body.spec);
        let (Some(End::Done), Some(completed_at), Some(output)) = (run.end, run.finished_at, &body.output) else {
            return None;
        };
        let segment = |segment: &Segment| {
            let made = segment.made.as_ref()?;
            Some(MetadataSegment {
                index: segment.planned.index,
                engine: made.assignment.maker(),
                uri: made.file.asset.to_string(),
                seed: segment.planned.seed,
                duration: segment.planned.duration_seconds,
            })
        };
        let segments: Vec<MetadataSegment> = body.segments.iter().filter_map(segment).collect();
        let mut engines: Vec<&str> = segments.iter().map(|segment| segment.engine).collect();
        // A template in the place of the video shows nothing that an engine made.
        if output.assignment == crate::work::Assignment::VideoTemplate {
            engines = vec![output.assignment.maker()];
        }
        engines.sort_unstable();
        engines.dedup();
        Some(Metadata {
            job_id: body.job_id.clone(),
            preset_id: spec.preset_id.clone(),
            archetype: spec.archetype,
            engine_used: engines.join(","),
            brand_safe: spec.brand_safe,
            target_duration_seconds: spec.target_duration_seconds,
            seeds: segments.iter().map(|segment| segment.seed).collect(),
            segments,
            fallback_used: body.fallback_used(),
            fallback_reason: body.fallback_reason(),
            created_at: body.created_at,
            completed_at,
        })
    }
}

impl Render {
    /// Whether anything was made in a simpler way, or on the network where local engines are preferred.
    pub fn fallback_used(&self) -> bool {
        !self.hops.is_empty()
    }

    /// The steps down that were taken, each with its reason.
    pub fn fallback_reason(&self) -> Option<String> {
        let hop = |hop: &crate::run::Hop| {
            let from = hop.from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
            format!("{} of {}{from} to {}: {}", hop.fallback, hop.place, hop.to, hop.reason)
        };
        let reasons: Vec<String> = self.hops.iter().map(hop).collect();
        (!reasons.is_empty()).then(|| reasons.join("; ").chars().take(REASON_CHARS_MAX).collect())
    }

    /// What metrics count of this run, each type once in a job.
    pub fn counted_fallbacks(&self) -> impl Iterator<Item = Fallback> {
        self.hops.iter().filter(|hop| hop.counted).map(|hop| hop.fallback)
    }
}

/// How far a job is, in per cent; it never falls.
pub(super) fn progress(run: &Run) -> f64 {
    if run.end == Some(End::Done) {
        return 100.0;
    }
    let total = run.body.segments.len().max(1) as f64;
    let share = run.body.done_count() as f64 / total * 100.0;
    ((share * 10.0).round() / 10.0).min(PROGRESS_MAX_BEFORE_DONE)
}

/// Why the job failed, as its answer says.
pub(super) fn error(run: &Run) -> Option<String> {
    match run.end? {
        End::Done => None,
        End::Cancelled => Some(format!("Cancelled by {}", run.cancelled_by.as_deref().unwrap_or("an operator"))),
        End::Expired => Some("The job was paused for too long".to_owned()),
        End::Failed | End::Rejected => {
            Some(run.error.as_ref().map_or_else(|| "failed".to_owned(), |error| error.error_message.clone()))
        }
    }
}

/// Where the metadata of a job are.
pub fn metadata_uri(job_id: &str) -> String {
    format!("/api/v1/jobs/{job_id}/metadata")
}

/// Where the video of a job is.
pub(super) fn output_address(job_id: &str) -> String {
    format!("/api/v1/jobs/{job_id}/output")
}

pub(super) fn payload(run: &Run) -> Value {
    json!({"project": run.definition.key, "job_id": run.body.job_id, "attempt": run.body.attempt, "spec": run.body.spec})
}

/// What the database and the pages read of a job.
pub(super) fn result(run: &Run) -> Value {
    let body = &run.body;
    let output = body.output.as_ref().filter(|_| run.status == Status::Done);
    json!({
        "job_id": body.job_id, "attempt": body.attempt, "status": JobStatus::of(run),
        "progress_pct": progress(run), "fallback_used": body.fallback_used(),
        "fallback_reason": body.fallback_reason(), "error": error(run),
        "output_uri": output.map(|output| output.video.as_str()),
        "thumbnail_uri": output.map(|output| output.thumbnail.as_str()),
        "metadata_uri": output.map(|_| metadata_uri(&body.job_id)),
        "segments": body.segments.iter().map(SegmentView::of).collect::<Vec<_>>(),
    })
}
