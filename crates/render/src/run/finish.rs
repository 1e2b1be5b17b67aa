//! A worker has made something. What it made is held against what was asked before it counts.

use crate::asset::AssetRef;
use crate::failure::FailureCode;
use crate::run::engines::Engines;
use crate::run::event::RenderEvent;
use crate::run::fail::MESSAGE_CHARS_MAX;
use crate::run::go_on::go_on;
use crate::run::{Draft, Event, Run, own, stale};
use crate::spec::MadeSegment;
use crate::verify::{self, ControlReport, FileReport, Verification};
use crate::work::{Assignment, Held, Place};
use mw_kernel::run::{Context, Refusal, refuse_ended};

/// A stored segment, and what its worker measured.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedSegment {
    pub held: Held,
    pub file: MadeSegment,
    pub report: FileReport,
    pub engines: Engines,
}

/// A stored video, what its worker measured, and what the control plane read of it itself.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedVideo {
    pub held: Held,
    pub video: AssetRef,
    pub thumbnail: AssetRef,
    pub report: FileReport,
    pub control: ControlReport,
    pub engines: Engines,
}

pub(super) fn segment(run: &Run, finished: &FinishedSegment, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
    let FinishedSegment { held, file, report, engines } = finished;
    if run.body.segments.iter().filter_map(|one| one.made.as_ref()).any(|made| made.try_id == held.try_id) {
        return Ok(Vec::new());
    }
    let assignment = held_assignment(run, held)?;
    let Place::Segment(index) = assignment.place() else { return Err(stale(run, &held.try_id)) };
    let planned = run.body.segment(index).map(|segment| &segment.planned).ok_or_else(|| stale(run, &held.try_id))?;
    let demands = run.body.spec.segment_demands(planned, run.body.count());
    let mut faults = verify::faults(&verify::segment(&demands, report));
    if faults.is_empty() && (file.sha256 != report.sha256 || file.milliseconds == 0) {
        faults = "another file was measured than was stored".to_owned();
    }
    let try_id = held.try_id.clone();
    let event = match faults.is_empty() {
        true => RenderEvent::SegmentDone { index, try_id, file: file.clone() },
        false => invalid(try_id, assignment, faults),
    };
    Ok(then(run, event, engines, context))
}

pub(super) fn video(run: &Run, finished: &FinishedVideo, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
    let FinishedVideo { held, video, thumbnail, report, control, engines } = finished;
    if run.body.output.as_ref().is_some_and(|output| output.try_id == held.try_id) {
        return Ok(Vec::new());
    }
    let assignment = held_assignment(run, held)?;
    let spec = &run.body.spec;
    let (finish, has_template) = match assignment {
        Assignment::VideoTemplate => (spec.finish_of_template(), true),
        Assignment::Assembly => (spec.finish_of_assembly(), run.body.has_template()),
        Assignment::Segment { .. } | Assignment::SegmentTemplate { .. } => return Err(stale(run, &held.try_id)),
    };
    let verification = Verification::of(&finish.output, spec.motion, has_template, report.clone(), control.clone());
    let try_id = held.try_id.clone();
    let event = match verification.is_passed() {
        true => {
            let (video, thumbnail, verification) = (video.clone(), thumbnail.clone(), Box::new(verification));
            RenderEvent::VideoMade { try_id, video, thumbnail, verification }
        }
        false => invalid(try_id, assignment, verification.faults()),
    };
    Ok(then(run, event, engines, context))
}

/// What came out is not what was asked for.
fn invalid(try_id: String, assignment: Assignment, faults: String) -> RenderEvent {
    let message = faults.chars().take(MESSAGE_CHARS_MAX).collect();
    RenderEvent::Failed { try_id, assignment, code: FailureCode::OutputInvalid, message }
}

/// What a worker holds; refused where it no longer holds it.
fn held_assignment(run: &Run, held: &Held) -> Result<Assignment, Refusal> {
    refuse_ended(run)?;
    let (one, _) = run.body.held(held).ok_or_else(|| stale(run, &held.try_id))?;
    Ok(one.assignment)
}

fn then(run: &Run, event: RenderEvent, engines: &Engines, context: &mut Context<'_>) -> Vec<Event> {
    let mut draft = Draft::of(run);
    draft.push(own(event), context);
    go_on(&mut draft, engines, context);
    draft.events
}
