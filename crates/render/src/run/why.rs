//! What a render job waits for, in plain words.

use crate::run::Run;
use crate::run::body::{Phase, Stage, Work};
use crate::work::{Assignment, Place};
use mw_kernel::run::Working;

pub(super) fn working(run: &Run) -> Working {
    Working {
        waiting_for: waiting_for(run),
        then: match run.body.phase {
            Phase::Queued => "the job fails, since no worker picked it up".to_owned(),
            Phase::Planning | Phase::RenderingSegments | Phase::Assembling => {
                "the job fails; a retry keeps the segments that are there".to_owned()
            }
        },
        can_retry: false,
    }
}

/// What did not end in time.
pub(super) fn overdue_work(run: &Run) -> String {
    match run.body.phase {
        Phase::Queued => "no worker picked it up".to_owned(),
        Phase::Planning | Phase::RenderingSegments | Phase::Assembling => waiting_for(run),
    }
}

fn waiting_for(run: &Run) -> String {
    let body = &run.body;
    let progress = format!("{} of {} segments are there", body.done_count(), body.count());
    let open: Vec<String> = body.works().filter_map(|(place, work)| words(place, work)).collect();
    match (body.phase, open.is_empty()) {
        (Phase::Queued, _) => format!("a worker to pick it up: {}", open.first().cloned().unwrap_or(progress)),
        (Phase::Planning | Phase::RenderingSegments | Phase::Assembling, true) => progress,
        (Phase::Planning | Phase::RenderingSegments | Phase::Assembling, false) => {
            format!("{progress}; {}", open.join("; "))
        }
    }
}

/// A piece of work that is waiting or under way; none for another.
fn words(place: Place, work: &Work) -> Option<String> {
    let tries = match work.failures.len() {
        0 => String::new(),
        _ => {
            work.failures.last().map(|last| format!(" (before, {}: {})", last.assignment.maker(), last.code.words()))?
        }
    };
    Some(match &work.stage {
        Stage::Waiting { one } => {
            let health = if one.unserved_since.is_some() { ", which is not healthy" } else { "" };
            format!("{place} waits for {}{health}{tries}", by(one.assignment))
        }
        Stage::Running { one, lease } => {
            format!("{place} is made by {} on {}{tries}", by(one.assignment), lease.worker)
        }
        Stage::Idle | Stage::Done | Stage::Failed => return None,
    })
}

/// Who makes it, for people.
pub(super) fn by(assignment: Assignment) -> String {
    match assignment {
        Assignment::Segment { engine, .. } => engine.to_string(),
        Assignment::SegmentTemplate { .. } | Assignment::VideoTemplate => "the template".to_owned(),
        Assignment::Assembly => "the assembly".to_owned(),
    }
}
