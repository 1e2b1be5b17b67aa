//! How its events change a render job. It believes every event.

use crate::presets::Archetype;
use crate::run::body::{Made, Output, Phase, Segment, Stage};
use crate::run::event::Fallback;
use crate::run::event::{Plan, RenderEvent};
use crate::run::{Run, Started};
use crate::work::{Failure, Lease, Place, Try};
use mw_kernel::Timestamp;
use mw_kernel::status::End;

pub(super) fn started(run: &mut Run, started: &Started) {
    let Plan { job_id, attempt, created_at, spec, segments, deadline, kept, hops, counted, ordered_by } = &started.plan;
    let body = &mut run.body;
    body.job_id.clone_from(job_id);
    (body.attempt, body.created_at) = (*attempt, *created_at);
    body.segments = segments.iter().map(|planned| Segment::of(planned.clone(), spec.archetype)).collect();
    body.spec = spec.clone();
    for kept in kept {
        if let Some(segment) = body.segments.get_mut(kept.index as usize) {
            segment.archetype = kept.archetype;
            segment.made = Some(kept.made.clone());
            (segment.work.stage, segment.work.started) = (Stage::Done, kept.started);
        }
    }
    body.hops.clone_from(hops);
    body.counted.clone_from(counted);
    body.ordered_by.clone_from(ordered_by);
    run.work_deadline = Some(*deadline);
}

pub(super) fn evolve(run: &mut Run, event: &RenderEvent, at: Timestamp) {
    match event {
        RenderEvent::PickedUp { deadline, .. } => {
            run.body.phase = Phase::Planning;
            run.work_deadline = Some(*deadline);
        }
        RenderEvent::Planned { .. } => run.body.phase = Phase::RenderingSegments,
        RenderEvent::Assigned { try_id, assignment, due_at, .. } => {
            let one = Try { id: try_id.clone(), assignment: *assignment, due_at: *due_at, unserved_since: None };
            if let Some(work) = run.body.work_mut(assignment.place()) {
                work.stage = Stage::Waiting { one };
            }
        }
        RenderEvent::Started { try_id, lease } => begin(run, try_id, lease, at),
        RenderEvent::Failed { assignment, code, message, .. } => {
            if let Some(work) = run.body.work_mut(assignment.place()) {
                work.stage = Stage::Idle;
                work.failures.push(Failure { assignment: *assignment, code: *code, message: message.clone() });
            }
        }
        RenderEvent::Withdrawn { assignment, .. } => {
            if let Some(work) = run.body.work_mut(assignment.place()) {
                work.stage = Stage::Idle;
            }
        }
        RenderEvent::Unserved { try_id } => set_unserved(run, try_id, Some(at)),
        RenderEvent::Served { try_id } => set_unserved(run, try_id, None),
        RenderEvent::Restored { .. } => {}
        RenderEvent::FellBack(hop) => {
            if let (Fallback::Archetype, Place::Segment(index)) = (hop.fallback, hop.place)
                && let Some(segment) = run.body.segments.get_mut(index as usize)
            {
                segment.archetype = Archetype::Overlay;
            }
            if !run.body.counted.contains(&hop.fallback) {
                run.body.counted.push(hop.fallback);
            }
            run.body.hops.push(hop.clone());
        }
        RenderEvent::SegmentDone { index, try_id, file } => {
            let assignment = found(run, try_id).map(|(_, one)| one.assignment);
            if let (Some(segment), Some(assignment)) = (run.body.segments.get_mut(*index as usize), assignment) {
                segment.made = Some(Made { try_id: try_id.clone(), assignment, file: file.clone() });
                (segment.work.stage, segment.work.completed_at) = (Stage::Done, Some(at));
            }
        }
        RenderEvent::SegmentFailed { index } => {
            if let Some(work) = run.body.work_mut(Place::Segment(*index)) {
                work.stage = Stage::Failed;
            }
        }
        RenderEvent::Assembling { deadline } => {
            run.body.phase = Phase::Assembling;
            run.work_deadline = Some(*deadline);
        }
        RenderEvent::VideoMade { try_id, video, thumbnail, verification } => {
            if let Some((_, one)) = found(run, try_id) {
                run.body.output = Some(Output {
                    try_id: try_id.clone(),
                    assignment: one.assignment,
                    video: video.clone(),
                    thumbnail: thumbnail.clone(),
                    verification: verification.as_ref().clone(),
                });
                (run.body.video.stage, run.body.video.completed_at) = (Stage::Done, Some(at));
            }
        }
        RenderEvent::Done => run.end(End::Done, at),
    }
}

fn found(run: &Run, try_id: &str) -> Option<(Place, Try)> {
    let (place, work) = run.body.find(try_id)?;
    Some((place, work.one()?.clone()))
}

fn begin(run: &mut Run, try_id: &str, lease: &Lease, at: Timestamp) {
    if let Some((place, one)) = found(run, try_id)
        && let Some(work) = run.body.work_mut(place)
    {
        work.stage = Stage::Running { one, lease: lease.clone() };
        work.started += 1;
        work.started_at = work.started_at.or(Some(at));
    }
}

fn set_unserved(run: &mut Run, try_id: &str, since: Option<Timestamp>) {
    if let Some((place, one)) = found(run, try_id)
        && let Some(work) = run.body.work_mut(place)
    {
        work.stage = Stage::Waiting { one: Try { unserved_since: since, ..one } };
    }
}
