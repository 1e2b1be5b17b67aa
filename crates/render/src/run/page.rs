//! What pages show of a render job: its steps, its segments and its events in words.

use crate::failure::FailureCode;
use crate::run::body::{Phase, Segment, Stage, Work};
use crate::run::event::{Fallback, RenderEventName};
use crate::run::kind::Status;
use crate::run::successor::JobStep;
use crate::run::view::output_address;
use crate::run::{Run, why};
use crate::work::Place;
use mw_kernel::run::{Doer, Piece, Pieces, Product, Progress, Standing, Step, Text, Tone, Work as Shown, capital};
use mw_kernel::status::End;
use serde::Deserialize;
use serde_json::Value;

pub(super) fn standing(status: Status) -> Standing {
    match status {
        Status::Queued => Standing::new("waiting for a worker", Tone::Works),
        Status::Planning => Standing::new("planning", Tone::Works),
        Status::RenderingSegments => Standing::new("rendering", Tone::Works),
        Status::Assembling => Standing::new("assembling", Tone::Works),
        Status::Paused => Standing::new("paused", Tone::Rests),
        Status::Done => Standing::new("done", Tone::Done),
        Status::Failed => Standing::new("failed", Tone::Failed),
        Status::Cancelled => Standing::new("cancelled", Tone::Rests),
        Status::Rejected => Standing::new("rejected", Tone::Rests),
        Status::Expired => Standing::new("expired", Tone::Rests),
    }
}

pub(super) fn steps(run: &Run) -> Vec<Step> {
    let here = match run.body.phase {
        Phase::Queued | Phase::Planning => JobStep::Plan,
        Phase::RenderingSegments => JobStep::Render,
        Phase::Assembling => JobStep::Assemble,
    };
    let is_done = run.end == Some(End::Done);
    let progress = |step: JobStep| match step.cmp(&here) {
        std::cmp::Ordering::Less => Progress::Done,
        std::cmp::Ordering::Equal if is_done => Progress::Done,
        std::cmp::Ordering::Equal => Progress::Now,
        std::cmp::Ordering::Greater => Progress::Ahead,
    };
    let step = |step: &JobStep| Step { name: step.to_string(), doer: Doer::Provider, progress: progress(*step) };
    JobStep::ALL.iter().map(step).collect()
}

pub(super) fn product(run: &Run) -> Product {
    let body = &run.body;
    let is_done = run.end == Some(End::Done);
    Product {
        concept: Some(body.spec.prompt.clone()).filter(|prompt| !prompt.trim().is_empty()),
        pieces: Pieces { noun: "segment", list: body.segments.iter().map(piece).collect() },
        video: is_done.then(|| output_address(&body.job_id)),
        caption: None,
        post: None,
        work: body.works().flat_map(|(place, work)| shown(place, work)).collect(),
    }
}

fn piece(segment: &Segment) -> Piece {
    let failure = segment.work.failures.last().filter(|_| segment.made.is_none());
    Piece {
        number: segment.planned.index as usize + 1,
        header: format!("{} s, {}", segment.planned.duration_seconds, segment.work.status()),
        subject: segment.made.as_ref().map(|made| made.assignment.maker().to_owned()).unwrap_or_default(),
        prompt: Text { text: Some(segment.planned.prompt.clone()), proposed: false },
        url: None,
        failure: failure.map(|failure| failure.code.words().to_owned()),
    }
}

/// A piece of work that somebody has, or waits for.
fn shown(place: Place, work: &Work) -> Option<Shown> {
    let (one, standing, task, note) = match &work.stage {
        Stage::Waiting { one } => (one, Standing::new("waiting for a worker", Tone::Works), None, None),
        Stage::Running { one, lease } => {
            (one, Standing::new("being made", Tone::Works), Some(lease.lease_id.clone()), Some(lease.worker.clone()))
        }
        Stage::Idle | Stage::Done | Stage::Failed => return None,
    };
    let note = note.map(|worker| format!("{place}, on {worker}")).unwrap_or_else(|| place.to_string());
    let provider = one.assignment.maker().to_owned();
    Some(Shown { id: one.id.clone(), provider, standing, task, note: Some(note) })
}

/// An event in one sentence.
pub(super) fn sentence(event: &str, data: &Value) -> Option<String> {
    let name = RenderEventName::parse(event)?;
    let said: Said = serde_json::from_value(data.clone()).unwrap_or_default();
    let what = || capital(&said.what());
    let number = said.index.map_or(0, |index| index + 1);
    Some(match name {
        RenderEventName::PickedUp => format!("Worker {} picked the job up", said.worker),
        RenderEventName::Planned => match said.segments {
            1 => "Planned 1 segment".to_owned(),
            count => format!("Planned {count} segments"),
        },
        RenderEventName::Assigned => format!("{} goes to {}", what(), said.maker()),
        RenderEventName::Started => format!("Worker {} began", said.lease.worker),
        RenderEventName::Failed => {
            let words = FailureCode::parse(&said.code).map_or("it failed", FailureCode::words);
            let detail = if said.message.is_empty() { String::new() } else { format!(" ({})", said.message) };
            format!("{} was not made by {}: {words}{detail}", what(), said.maker())
        }
        RenderEventName::Withdrawn => format!("{} no longer waits for {}: {}", what(), said.maker(), said.reason),
        RenderEventName::Unserved => "No engine that may make it is healthy".to_owned(),
        RenderEventName::Served => "Its engine is healthy again".to_owned(),
        RenderEventName::Restored => "Its work was lost, and is due again".to_owned(),
        RenderEventName::FellBack => {
            let place = said.place.map(|place| place.to_string()).unwrap_or_default();
            let to = match Fallback::parse(&said.fallback) {
                Some(Fallback::Engine) => format!("goes to {} instead", said.to),
                Some(Fallback::Archetype) => format!("becomes a plain overlay, made by {}", said.to),
                Some(Fallback::Template) => "becomes the plain template".to_owned(),
                None => format!("falls back to {}", said.to),
            };
            format!("{} {to}: {}", capital(&place), said.reason)
        }
        RenderEventName::SegmentDone => format!("Segment {number} is there"),
        RenderEventName::SegmentFailed => format!("Segment {number} could not be made in any way"),
        RenderEventName::Assembling => "All segments are there: the video is assembled".to_owned(),
        RenderEventName::VideoMade => "The video is there, and passed every check".to_owned(),
        RenderEventName::Done => "The job is done".to_owned(),
    })
}

/// The members that sentences are made of.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    worker: String,
    segments: u32,
    index: Option<u32>,
    assignment: Option<crate::work::Assignment>,
    lease: SaidLease,
    code: String,
    message: String,
    reason: String,
    place: Option<Place>,
    fallback: String,
    to: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SaidLease {
    worker: String,
}

impl Said {
    fn what(&self) -> String {
        self.assignment.map(|assignment| assignment.place().to_string()).unwrap_or_default()
    }

    fn maker(&self) -> String {
        self.assignment.map(why::by).unwrap_or_default()
    }
}
