//! A run's steps as a picture: a list that a stylesheet draws, and that reads well without one.

use mw_kernel::run::{AnyRun, Doer, Progress, Step};
use mw_kernel::status::End;

/// A step and how it stands.
pub(super) struct StepShown {
    pub(super) name: String,
    /// `gate`, `persona` or `provider`: decides the shape.
    pub(super) kind: &'static str,
    /// `done`, `now`, `held`, `stopped` or `ahead`: decides the colour, and is read out.
    pub(super) state: &'static str,
    pub(super) words: &'static str,
}

pub(super) fn of(run: &AnyRun, steps: Vec<Step>) -> Vec<StepShown> {
    let shown = steps.into_iter().map(|Step { name, doer, progress }| {
        let (state, words) = match progress {
            Progress::Done => ("done", "done"),
            Progress::Now => current(run, doer),
            Progress::Ahead => ("ahead", "to come"),
        };
        StepShown { name, kind: kind(doer), state, words }
    });
    shown.collect()
}

fn current(run: &AnyRun, doer: Doer) -> (&'static str, &'static str) {
    match (run.end, &run.pause, doer) {
        (Some(End::Done), _, _) => ("done", "done"),
        (Some(End::Failed), _, _) => ("stopped", "failed here"),
        (Some(End::Cancelled), _, _) => ("stopped", "cancelled here"),
        (Some(End::Rejected), _, _) => ("stopped", "rejected here"),
        (Some(End::Expired), _, _) => ("stopped", "expired here"),
        (None, Some(_), _) => ("held", "paused"),
        (None, None, Doer::Person) => ("now", "waits for a person"),
        (None, None, Doer::Model | Doer::Provider) => ("now", "running"),
    }
}

fn kind(doer: Doer) -> &'static str {
    match doer {
        Doer::Person => "gate",
        Doer::Model => "persona",
        Doer::Provider => "provider",
    }
}
