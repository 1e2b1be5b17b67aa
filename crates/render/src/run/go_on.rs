//! What follows by itself: whatever nobody works on is given to somebody, and what is complete is assembled and done.

use crate::engine::Engine;
use crate::failure::FailureCode;
use crate::run::body::{Hop, Phase};
use crate::run::engines::Engines;
use crate::run::event::{Fallback, RenderEvent};
use crate::run::ladder::{self, Next};
use crate::run::{Draft, FailureReason, own};
use crate::work::{Assignment, Place};
use mw_kernel::run::{Context, deadline_after};

/// What a job may take from its picking up, and more for each segment; what the assembly may take.
pub const JOB_SECONDS: u32 = 3_600;
pub const JOB_SECONDS_PER_SEGMENT: u32 = 300;
pub const ASSEMBLY_SECONDS: u32 = 3_600;

/// Goes on with everything that nobody works on, unless the run is paused or has ended.
pub(super) fn go_on(draft: &mut Draft, engines: &Engines, context: &mut Context<'_>) {
    if draft.run.pause.is_some() {
        return;
    }
    for index in 0..draft.run.body.count() {
        if !draft.run.is_ended() {
            segment(draft, index, engines, context);
        }
    }
    if draft.run.is_ended() || !draft.run.body.is_complete() {
        return;
    }
    if draft.run.body.phase == Phase::RenderingSegments {
        draft.push(own(RenderEvent::Assembling { deadline: deadline_after(context.now, ASSEMBLY_SECONDS) }), context);
    }
    if draft.run.body.video.is_idle() {
        video(draft, engines, context);
    }
    if draft.run.body.video.is_done() && !draft.run.is_ended() {
        draft.push(own(RenderEvent::Done), context);
    }
}

fn segment(draft: &mut Draft, index: u32, engines: &Engines, context: &mut Context<'_>) {
    let body = &draft.run.body;
    let Some(segment) = body.segment(index).filter(|segment| segment.work.is_idle()) else { return };
    let next = ladder::segment(body, segment, engines);
    let why = reason(draft, Place::Segment(index), engines);
    if !take(draft, Place::Segment(index), next, &why, engines, context) {
        let message = format!("segment {} of {} could not be made: {why}", index + 1, draft.run.body.count());
        draft.push(own(RenderEvent::SegmentFailed { index }), context);
        draft.fail(FailureReason::SegmentsIncomplete.as_str(), message, context);
    }
}

fn video(draft: &mut Draft, engines: &Engines, context: &mut Context<'_>) {
    let next = ladder::video(&draft.run.body);
    let why = reason(draft, Place::Video, engines);
    let was_invalid = draft.run.body.video.failures.last().is_some_and(|last| last.code == FailureCode::OutputInvalid);
    if !take(draft, Place::Video, next, &why, engines, context) {
        let error_type = if was_invalid { FailureReason::OutputInvalid } else { FailureReason::Crash };
        draft.fail(error_type.as_str(), format!("the video could not be made: {why}"), context);
    }
}

/// Takes the next step; `false` where none is left.
fn take(draft: &mut Draft, place: Place, next: Next, why: &str, engines: &Engines, context: &mut Context<'_>) -> bool {
    let Next::Assign { assignment, fallbacks, wait_seconds } = next else { return false };
    let from = draft.run.body.work(place).and_then(|work| work.failures.last()).map(|last| last.assignment);
    for fallback in fallbacks {
        fall_back(draft, fallback, from, assignment, why, context);
    }
    assign(draft, assignment, wait_seconds, engines, context);
    true
}

/// Records a step down.
pub(super) fn fall_back(
    draft: &mut Draft,
    fallback: Fallback,
    from: Option<Assignment>,
    to: Assignment,
    reason: &str,
    context: &Context<'_>,
) {
    let hop = Hop {
        place: to.place(),
        fallback,
        from: from.map(|from| from.maker().to_owned()),
        to: to.maker().to_owned(),
        reason: reason.to_owned(),
        counted: !draft.run.body.counted.contains(&fallback),
    };
    draft.push(own(RenderEvent::FellBack(hop)), context);
}

/// Gives work to somebody.
pub(super) fn assign(
    draft: &mut Draft,
    assignment: Assignment,
    wait_seconds: u32,
    engines: &Engines,
    context: &mut Context<'_>,
) {
    let event = RenderEvent::Assigned {
        try_id: (context.new_id)(),
        assignment,
        policy: draft.run.body.policy(engines.over),
        due_at: deadline_after(context.now, wait_seconds),
    };
    draft.push(own(event), context);
}

/// Why the work goes elsewhere, for people.
fn reason(draft: &Draft, place: Place, engines: &Engines) -> String {
    let failure = draft.run.body.work(place).and_then(|work| work.failures.last());
    if let Some(failure) = failure {
        let (maker, words) = (failure.assignment.maker(), failure.code.words());
        let detail = failure.message.trim();
        return if detail.is_empty() { format!("{maker}: {words}") } else { format!("{maker}: {words} ({detail})") };
    }
    let policy = draft.run.body.policy(engines.over);
    let missing: Vec<&str> = Engine::ALL
        .iter()
        .filter(|engine| policy.allows(**engine) && !engines.is_healthy(**engine))
        .map(|engine| engine.as_str())
        .collect();
    if missing.is_empty() { "no engine is left".to_owned() } else { format!("not healthy: {}", missing.join(", ")) }
}
