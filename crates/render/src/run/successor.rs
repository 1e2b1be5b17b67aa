//! A retry: another run of the same job. It keeps every segment that is there, unless all is to be made anew.

use crate::run::body::Hop;
use crate::run::engines::Engines;
use crate::run::event::Kept;
use crate::run::start::{QUEUE_SECONDS, begin};
use crate::run::{Event, Phase, Plan, Render, Run, Started};
use crate::work::Place;
use mw_kernel::run::{Context, Refusal, Succession, deadline_after};
use mw_kernel::status::End;

mw_kernel::words! {
    /// The steps of a job, by which a rerun names where to begin.
    JobStep {
        /// Nothing is kept.
        Plan = "plan",
        /// The segments that are there are kept.
        Render = "render",
        /// All segments are there, and the video is made anew.
        Assemble = "assemble",
    }
}

pub(super) fn decide(parent: &Run, wish: &Succession, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
    let step = first_step(parent, wish.from.as_deref())?;
    let body = &parent.body;
    let kept = if wish.fresh || step == JobStep::Plan { Vec::new() } else { kept(body) };
    let is_kept = |hop: &&Hop| match hop.place {
        Place::Segment(index) => kept.iter().any(|kept| kept.index == index),
        Place::Video => false,
    };
    let plan = Plan {
        job_id: body.job_id.clone(),
        attempt: body.attempt + 1,
        created_at: body.created_at,
        spec: body.spec.clone(),
        segments: body.segments.iter().map(|segment| segment.planned.clone()).collect(),
        deadline: deadline_after(context.now, QUEUE_SECONDS),
        hops: body.hops.iter().filter(is_kept).cloned().collect(),
        counted: body.counted.clone(),
        ordered_by: body.ordered_by.clone(),
        kept,
    };
    let started = Started::after(parent, format!("{step}:{}", wish.key), Vec::new(), plan);
    Ok(begin(&wish.run_id, started, &Engines::assumed(), context))
}

fn kept(body: &Render) -> Vec<Kept> {
    let kept = body.segments.iter().filter_map(|segment| {
        let (index, made) = (segment.planned.index, segment.made.clone()?);
        Some(Kept { index, archetype: segment.archetype, made, started: segment.work.started })
    });
    kept.collect()
}

/// Where a retry begins: at the segments that are missing, or where somebody says.
fn first_step(parent: &Run, from: Option<&str>) -> Result<JobStep, Refusal> {
    let Some(name) = from else {
        return match parent.end {
            Some(End::Done) => {
                Err(Refusal::NothingToRetry { run_id: parent.run_id.clone(), status: parent.status.to_string() })
            }
            Some(End::Failed | End::Cancelled | End::Rejected | End::Expired) | None => Ok(reached(&parent.body)),
        };
    };
    let known = || JobStep::WORDS.iter().map(|step| (*step).to_owned()).collect();
    let step = JobStep::parse(name).ok_or_else(|| Refusal::UnknownStep { step: name.to_owned(), known: known() })?;
    let reached = reached(&parent.body);
    if step > reached {
        return Err(Refusal::StepNotReached { step: name.to_owned(), reached: reached.to_string() });
    }
    Ok(step)
}

/// How far a job came.
pub(super) fn reached(body: &Render) -> JobStep {
    match (body.is_complete(), body.phase) {
        (true, _) => JobStep::Assemble,
        (false, Phase::Queued | Phase::Planning | Phase::RenderingSegments | Phase::Assembling) => JobStep::Render,
    }
}
