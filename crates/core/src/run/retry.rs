//! An operator asks for what failed to be tried again, in a run that is still open. A job that the provider never accepted
//! goes out under its own id, so that a late callback still finds it; one that failed there is replaced by another.

use crate::run::event::Event;
use crate::run::state::{JobPhase, Run};
use crate::run::{Context, Refusal, refuse_terminal};

/// The error code of a job whose submissions were never answered.
pub const SUBMISSION_UNANSWERED: &str = "submission_unanswered";

pub(super) fn decide(run: &Run, reason: &str, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
    refuse_terminal(run)?;
    let mut events = Vec::new();
    for (job_id, job) in run.step_jobs() {
        match &job.phase {
            JobPhase::Failed { task_id: None, code, .. } => {
                events.push(Event::JobRetried { job_id: job_id.clone(), unanswered: code == SUBMISSION_UNANSWERED });
            }
            JobPhase::Failed { task_id: Some(_), .. } => {
                let by = (context.new_id)();
                events.push(Event::JobReplaced { job_id: job_id.clone(), by: by.clone() });
                events.push(Event::JobRequested { job_id: by, step: job.step, spec: job.spec.clone() });
            }
            JobPhase::Requested
            | JobPhase::Submitted { .. }
            | JobPhase::Succeeded { .. }
            | JobPhase::Replaced { .. } => {}
        }
    }
    if !events.is_empty() {
        events.insert(0, Event::RunRetried { reason: reason.to_owned() });
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use crate::run::testing::{T0, at_generate, every_state, job_ids, try_command, with_context};
    use crate::run::{ClipState, Command, JobPhase, Refusal, Run, apply};

    fn retry() -> Command {
        Command::Retry { reason: "credits are back".into() }
    }

    fn failed(run: &Run, job_id: &str) -> Run {
        let fail = Command::FailJob { job_id: job_id.to_owned(), code: "402".into(), message: "no credits".into() };
        try_command(run, fail).unwrap()
    }

    #[test]
    fn a_job_that_was_never_accepted_goes_out_under_its_own_id() {
        let run = at_generate();
        let ids = job_ids(&run);
        let run = failed(&run, &ids[0]);
        let transition = with_context(T0, |context| apply(&run, &retry(), "t", context)).unwrap().unwrap();
        assert_eq!(transition.rows.rearmed.len(), 1);
        assert_eq!(
            (transition.rows.rearmed[0].job_id.as_str(), transition.rows.rearmed[0].unanswered),
            (&*ids[0], false)
        );
        assert_eq!(transition.run.jobs[&ids[0]].phase, JobPhase::Requested);
        assert_eq!(transition.run.clips[0].state, ClipState::Pending);
        assert!(transition.rows.effects.is_empty());
    }

    #[test]
    fn a_job_that_failed_at_the_provider_is_replaced_and_the_step_ends_with_the_new_one() {
        let run = at_generate();
        let ids = job_ids(&run);
        let mut run = run;
        for id in &ids {
            let submit = Command::SubmitJob { job_id: id.clone(), task_id: id.clone(), adopted: false };
            run = try_command(&run, submit).unwrap();
        }
        let run = try_command(&failed(&run, &ids[0]), retry()).unwrap();
        let JobPhase::Replaced { by } = run.jobs[&ids[0]].phase.clone() else { panic!("{:?}", run.jobs) };
        let stale = Command::FinishJob { job_id: ids[0].clone(), url: "https://late".into() };
        assert!(matches!(try_command(&run, stale), Err(Refusal::StaleJob { .. })));
        let submit = Command::SubmitJob { job_id: by.clone(), task_id: "new".into(), adopted: false };
        let mut run = try_command(&run, submit).unwrap();
        for job_id in [by, ids[1].clone()] {
            run = try_command(&run, Command::FinishJob { job_id, url: "https://clip".into() }).unwrap();
        }
        assert_eq!(run.current_step().unwrap().name(), "render");
    }

    #[test]
    fn where_nothing_failed_nothing_changes() {
        for run in every_state() {
            match try_command(&run, retry()) {
                Ok(next) => assert_eq!(next, run),
                Err(refusal) => {
                    assert!(run.status.is_terminal() && matches!(refusal, Refusal::AlreadyTerminal { .. }));
                }
            }
        }
    }
}
