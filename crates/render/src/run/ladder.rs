//! What comes next for a piece of work: the same engine again, the next engine, a simpler archetype, the template, or nothing.
//! Each step is held within the job's policy, as an operator's override has it at this moment.

use crate::engine::{Engine, Policy};
use crate::failure::FailureCode;
use crate::presets::Archetype;
use crate::run::body::{Render, Segment, Work};
use crate::run::engines::Engines;
use crate::run::event::Fallback;
use crate::work::Assignment;

/// How often one engine tries the same work, and how often work may be handed back beside.
pub const TRIES_MAX: usize = 3;
pub const HANDED_BACK_MAX: usize = 10;
/// How often the video is assembled where a failure would come again.
pub const ASSEMBLIES_MAX: usize = 2;

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    Assign {
        assignment: Assignment,
        /// The steps down that this takes.
        fallbacks: Vec<Fallback>,
        wait_seconds: u32,
    },
    /// No way is left.
    GiveUp,
}

impl Next {
    fn of(assignment: Assignment, fallbacks: Vec<Fallback>) -> Next {
        Next::Assign { assignment, fallbacks, wait_seconds: 0 }
    }
}

/// What comes next for a segment that nobody works on.
pub(super) fn segment(body: &Render, segment: &Segment, engines: &Engines) -> Next {
    let policy = body.policy(engines.over);
    let (work, index) = (&segment.work, segment.planned.index);
    let open = |archetype| untried(work, index, archetype, policy);
    let find = |archetype| open(archetype).find(|engine| engines.is_healthy(*engine));
    if let Some((assignment, wait_seconds)) = again(work) {
        let may_again = match assignment.engine() {
            None => true,
            Some(engine) => policy.allows(engine) && (engines.is_healthy(engine) || find(segment.archetype).is_none()),
        };
        if may_again {
            return Next::Assign { assignment, fallbacks: Vec::new(), wait_seconds };
        }
    }
    let template = Assignment::SegmentTemplate { index };
    if has_tried(work, template) {
        return Next::GiveUp;
    }
    let on = |engine, archetype, first: Option<Fallback>| {
        let assignment = Assignment::Segment { index, engine, archetype };
        let mut fallbacks: Vec<Fallback> = first.into_iter().collect();
        // Only the next engine is counted as one; with a simpler archetype all engines begin anew.
        let is_next = first.is_none() && failed_elsewhere(work);
        let is_remote = policy == Policy::LocalPreferred && !engine.is_local();
        if is_next || is_remote {
            fallbacks.push(Fallback::Engine);
        }
        Next::of(assignment, fallbacks)
    };
    if let Some(engine) = find(segment.archetype) {
        return on(engine, segment.archetype, None);
    }
    // Where none of the engines that it may use was tried yet, it waits for the first of them.
    let has_tried_one = Engine::ALL.iter().any(|engine| policy.allows(*engine) && has_tried_engine(work, *engine));
    if !has_tried_one && let Some(engine) = open(segment.archetype).next() {
        return Next::of(Assignment::Segment { index, engine, archetype: segment.archetype }, Vec::new());
    }
    if let Some(archetype) = simpler(segment.archetype)
        && let Some(engine) = find(archetype)
    {
        return on(engine, archetype, Some(Fallback::Archetype));
    }
    if body.spec.allow_template {
        return Next::of(template, vec![Fallback::Template]);
    }
    Next::GiveUp
}

/// What comes next for the video, whose segments are all there.
pub(super) fn video(body: &Render) -> Next {
    let work = &body.video;
    if let Some((assignment, wait_seconds)) = again(work) {
        return Next::Assign { assignment, fallbacks: Vec::new(), wait_seconds };
    }
    if !has_tried(work, Assignment::Assembly) {
        return Next::of(Assignment::Assembly, Vec::new());
    }
    if body.spec.allow_template && !has_tried(work, Assignment::VideoTemplate) {
        return Next::of(Assignment::VideoTemplate, vec![Fallback::Template]);
    }
    Next::GiveUp
}

/// The archetype that is easier to make.
fn simpler(archetype: Archetype) -> Option<Archetype> {
    match archetype {
        Archetype::ProductHero => Some(Archetype::Overlay),
        Archetype::Overlay | Archetype::MemeText => None,
    }
}

/// The last assignment once more, and how long to wait before: where its failure may pass and tries are left.
fn again(work: &Work) -> Option<(Assignment, u32)> {
    let last = work.failures.last()?;
    let same = work.failures.iter().filter(|failure| failure.assignment == last.assignment);
    let (handed_back, tries): (Vec<_>, Vec<_>) = same.partition(|failure| failure.code == FailureCode::HandedBack);
    let tries_max = match (last.code.is_transient(), last.assignment) {
        (true, _) => TRIES_MAX,
        (false, Assignment::Assembly) => ASSEMBLIES_MAX,
        (false, Assignment::Segment { .. } | Assignment::SegmentTemplate { .. } | Assignment::VideoTemplate) => 1,
    };
    let may = tries.len() < tries_max && handed_back.len() < HANDED_BACK_MAX;
    may.then(|| (last.assignment, last.code.wait_seconds(tries.len())))
}

/// Whether the assignment failed. What was only handed back was not tried, unless too often.
fn has_tried(work: &Work, assignment: Assignment) -> bool {
    let same = || work.failures.iter().filter(|failure| failure.assignment == assignment);
    same().any(|failure| failure.code != FailureCode::HandedBack) || same().count() >= HANDED_BACK_MAX
}

fn has_tried_engine(work: &Work, engine: Engine) -> bool {
    let is_its = |assignment: Assignment| assignment.engine() == Some(engine) && has_tried(work, assignment);
    work.failures.iter().any(|failure| is_its(failure.assignment))
}

fn failed_elsewhere(work: &Work) -> bool {
    work.failures.iter().any(|failure| has_tried(work, failure.assignment))
}

pub(super) fn untried(work: &Work, index: u32, archetype: Archetype, policy: Policy) -> impl Iterator<Item = Engine> {
    let is_untried = move |engine: &Engine| {
        policy.allows(*engine) && !has_tried(work, Assignment::Segment { index, engine: *engine, archetype })
    };
    Engine::ALL.iter().copied().filter(is_untried)
}
