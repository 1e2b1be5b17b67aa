//! What a media run waits for that waits for no person.

use crate::definition::Step;
use crate::run::{ClipState, JobPhase, Run};
use mw_kernel::run::Working;

pub(super) fn working(run: &Run) -> Working {
    let (waiting_for, can_retry) = waiting_for(run);
    Working { waiting_for, then: "the run fails with step_timeout; what was finished is kept".to_owned(), can_retry }
}

/// What the run waits for, and whether something failed.
fn waiting_for(run: &Run) -> (String, bool) {
    match run.body.current_step() {
        Some(Step::Persona { persona, .. }) => (format!("the language model, which speaks for {persona}"), false),
        Some(step @ (Step::Generate { .. } | Step::Render { .. } | Step::Publish { .. } | Step::Gate { .. })) => {
            let can_retry = run.body.step_jobs().any(|(_, job)| matches!(job.phase, JobPhase::Failed { .. }));
            (jobs_in_words(run, step), can_retry)
        }
        None => ("nothing that is known".to_owned(), false),
    }
}

/// `<provider>: 3 of 12 clips are there, 8 at work, 1 not yet accepted`.
fn jobs_in_words(run: &Run, step: &Step) -> String {
    let phase = |test: fn(&JobPhase) -> bool| run.body.step_jobs().filter(|(_, job)| test(&job.phase)).count();
    let requested = phase(|phase| matches!(phase, JobPhase::Requested));
    let at_work = phase(|phase| matches!(phase, JobPhase::Submitted { .. }));
    let failed = phase(|phase| matches!(phase, JobPhase::Failed { .. }));
    let mut parts = Vec::new();
    if matches!(step, Step::Generate { .. }) {
        let clips = &run.body.clips;
        let there = clips.iter().filter(|clip| matches!(clip.state, ClipState::Generated { .. })).count();
        parts.push(format!("{there} of {} clips are there", clips.len()));
    }
    for (count, words) in [(at_work, "running"), (requested, "not yet accepted"), (failed, "failed")] {
        if count > 0 {
            parts.push(format!("{count} {words}"));
        }
    }
    format!("{}: {}", step.work().map_or("a provider", |work| work.provider), parts.join(", "))
}
