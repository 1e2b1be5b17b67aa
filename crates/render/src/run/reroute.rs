//! Segments that still wait are looked at again: the policy, the engines' health or the time that they waited may send them
//! elsewhere. What is under way stays where it is.

use crate::engine::{Engine, Policy};
use crate::run::body::Stage;
use crate::run::engines::Engines;
use crate::run::event::{Fallback, RenderEvent};
use crate::run::go_on::{assign, fall_back, go_on};
use crate::run::ladder;
use crate::run::{Draft, Event, Run, own};
use crate::work::{Assignment, Place, Try};
use mw_kernel::Timestamp;
use mw_kernel::run::{Context, Refusal, refuse_ended};
use time::Duration;

/// How long a segment waits for any healthy engine before the template stands in for it.
pub const NO_ENGINE_SECONDS: u32 = 120;

pub(super) fn decide(run: &Run, engines: &Engines, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
    refuse_ended(run)?;
    let mut draft = Draft::of(run);
    if run.pause.is_some() {
        return Ok(Vec::new());
    }
    for segment in &run.body.segments {
        if let (Stage::Waiting { one }, Some(engine)) =
            (&segment.work.stage, segment.work.one().and_then(|one| one.assignment.engine()))
        {
            look_at(&mut draft, one, engine, engines, context);
        }
    }
    Ok(draft.events)
}

fn look_at(draft: &mut Draft, one: &Try, engine: Engine, engines: &Engines, context: &mut Context<'_>) {
    let policy = draft.run.body.policy(engines.over);
    if !policy.allows(engine) {
        withdraw(draft, one, format!("the policy is {policy} now"), context);
        return go_on(draft, engines, context);
    }
    if !engines.is_healthy(engine) {
        return unhealthy(draft, one, engine, policy, engines, context);
    }
    if one.unserved_since.is_some() {
        draft.push(own(RenderEvent::Served { try_id: one.id.clone() }), context);
    }
    let Some(hop_after) = engines.hop_after_seconds else { return };
    let has_waited = waited(one.due_at, hop_after, context.now);
    if has_waited && policy == Policy::LocalPreferred && engine.is_local() {
        let reason = format!("{engine} was busy for more than {hop_after} s");
        if let Some(to) = open_engine(draft, one, engines, |other| !other.is_local()) {
            withdraw(draft, one, reason.clone(), context);
            fall_back(draft, Fallback::Engine, Some(one.assignment), to, &reason, context);
            assign(draft, to, 0, engines, context);
        }
    }
}

/// The engine that it waits for is not healthy: another is asked, or in the end nobody.
fn unhealthy(
    draft: &mut Draft,
    one: &Try,
    engine: Engine,
    policy: Policy,
    engines: &Engines,
    context: &mut Context<'_>,
) {
    let reason = format!("{engine} is not healthy");
    if let Some(to) = open_engine(draft, one, engines, |other| policy.allows(other)) {
        withdraw(draft, one, reason.clone(), context);
        let is_remote = to.engine().is_some_and(|engine| !engine.is_local());
        if policy == Policy::LocalPreferred && is_remote {
            fall_back(draft, Fallback::Engine, Some(one.assignment), to, &reason, context);
        }
        return assign(draft, to, 0, engines, context);
    }
    let Some(since) = one.unserved_since else {
        return draft.push(own(RenderEvent::Unserved { try_id: one.id.clone() }), context);
    };
    let may_stand_in = draft.run.body.spec.allow_template && engines.has_template;
    if may_stand_in && waited(since, NO_ENGINE_SECONDS, context.now) {
        let Place::Segment(index) = one.assignment.place() else { return };
        let to = Assignment::SegmentTemplate { index };
        let reason = format!("no engine was healthy for {NO_ENGINE_SECONDS} s");
        withdraw(draft, one, reason.clone(), context);
        fall_back(draft, Fallback::Template, Some(one.assignment), to, &reason, context);
        assign(draft, to, 0, engines, context);
    }
}

/// The first healthy engine that could take it instead.
fn open_engine(draft: &Draft, one: &Try, engines: &Engines, may: impl Fn(Engine) -> bool) -> Option<Assignment> {
    let Place::Segment(index) = one.assignment.place() else { return None };
    let segment = draft.run.body.segment(index)?;
    let policy = draft.run.body.policy(engines.over);
    let open = ladder::untried(&segment.work, index, segment.archetype, policy);
    let engine = open.into_iter().find(|engine| may(*engine) && engines.is_healthy(*engine))?;
    Some(Assignment::Segment { index, engine, archetype: segment.archetype })
}

fn withdraw(draft: &mut Draft, one: &Try, reason: String, context: &Context<'_>) {
    let (try_id, assignment) = (one.id.clone(), one.assignment);
    draft.push(own(RenderEvent::Withdrawn { try_id, assignment, reason }), context);
}

fn waited(since: Timestamp, seconds: u32, now: Timestamp) -> bool {
    since + Duration::seconds(i64::from(seconds)) <= now
}
