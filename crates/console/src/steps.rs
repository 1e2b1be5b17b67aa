//! A run's steps as a picture: a list that a stylesheet draws, and that reads well without one.

use mw_media::definition::Step;
use mw_media::run::Run;
use mw_media::status::Status;

/// A step and how it stands.
pub(super) struct StepShown {
    pub(super) name: String,
    /// `gate`, `persona` or `provider`: decides the shape.
    pub(super) kind: &'static str,
    /// `done`, `now`, `held`, `stopped` or `ahead`: decides the colour, and is read out.
    pub(super) state: &'static str,
    pub(super) words: &'static str,
}

pub(super) fn of(run: &Run) -> Vec<StepShown> {
    let here = run.body.step as usize;
    let numbered = run.body.pipeline.iter().enumerate();
    let shown = numbered.map(|(index, step)| {
        let (state, words) = match index.cmp(&here) {
            std::cmp::Ordering::Less => ("done", "done"),
            std::cmp::Ordering::Equal => current(run.status),
            std::cmp::Ordering::Greater => ("ahead", "to come"),
        };
        StepShown { name: step.name().to_owned(), kind: kind(step), state, words }
    });
    shown.collect()
}

fn current(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Published => ("done", "done"),
        Status::PendingWorkflow | Status::AwaitingIdeate | Status::AwaitingPrepublish | Status::AwaitingApproval => {
            ("now", "waits for a person")
        }
        Status::Running | Status::Publishing => ("now", "at work"),
        Status::Paused => ("held", "paused"),
        Status::Failed => ("stopped", "failed here"),
        Status::Cancelled => ("stopped", "cancelled here"),
        Status::Rejected => ("stopped", "rejected here"),
        Status::Expired => ("stopped", "expired here"),
    }
}

fn kind(step: &Step) -> &'static str {
    match step {
        Step::Gate { .. } => "gate",
        Step::Persona { .. } => "persona",
        Step::Generate { .. } | Step::Render { .. } | Step::Publish { .. } => "provider",
    }
}
