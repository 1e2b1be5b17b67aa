//! What failed is tried again, in a run that is still open: by an operator, or once by itself where a provider failed in
//! passing. A job that the provider never accepted goes out under its own id, so that a late callback still finds it; one
//! that failed there is replaced by another.

use crate::run::{Context, Event, Job, JobPhase, MediaEvent, Refusal, Run, finish_job};

/// The error code of a job whose submissions were never answered.
pub const SUBMISSION_UNANSWERED: &str = "submission_unanswered";

/// The failed jobs of the current step, asked for again.
pub(super) fn decide(run: &Run, context: &mut Context<'_>) -> Vec<Event> {
    let mut events = Vec::new();
    for (job_id, job) in run.body.step_jobs() {
        match &job.phase {
            JobPhase::Failed { task_id: None, code, .. } => {
                let unanswered = code == SUBMISSION_UNANSWERED;
                events.push(Event::Own(MediaEvent::JobRetried { job_id: job_id.clone(), unanswered }));
            }
            JobPhase::Failed { task_id: Some(_), .. } => {
                events.extend(again(job_id, job, (context.new_id)()));
            }
            JobPhase::Requested
            | JobPhase::Submitted { .. }
            | JobPhase::Succeeded { .. }
            | JobPhase::Replaced { .. } => {}
        }
    }
    events
}

/// The same order once more, as another job.
fn again(job_id: &str, job: &Job, by: String) -> [Event; 2] {
    let requested = MediaEvent::JobRequested {
        job_id: by.clone(),
        step: job.step,
        provider: job.provider.clone(),
        spec: job.spec.clone(),
        known_as: None,
    };
    [Event::Own(MediaEvent::JobReplaced { job_id: job_id.to_owned(), by }), Event::Own(requested)]
}

/// A job failed at its provider in a way that may pass: it is asked for again as another job, once for each order.
pub(super) fn replace(
    run: &Run,
    job_id: &str,
    code: &str,
    message: &str,
    context: &mut Context<'_>,
) -> Result<Vec<Event>, Refusal> {
    let job = run.body.jobs.get(job_id).filter(|job| matches!(job.phase, JobPhase::Submitted { .. }));
    let is_first = |job: &&Job| {
        let earlier = |other: &Job| other.spec == job.spec && matches!(other.phase, JobPhase::Replaced { .. });
        // A held run sends nothing: there an operator decides.
        run.pause.is_none() && !run.body.jobs.values().any(earlier)
    };
    let Some(job) = job.filter(is_first).filter(|_| !run.is_ended()) else {
        return finish_job::fail(run, job_id, code, message, context);
    };
    let failed =
        MediaEvent::JobFailed { job_id: job_id.to_owned(), code: code.to_owned(), message: message.to_owned() };
    let again = again(job_id, job, (context.new_id)());
    Ok(std::iter::once(Event::Own(failed)).chain(again).collect())
}

#[cfg(test)]
mod tests {
    use crate::run::MediaCommand;
    use crate::run::testing::{T0, at_generate, every_state, job_ids, try_command, with_context};
    use crate::run::{ClipState, Command, JobPhase, Refusal, Run, apply};

    fn retry() -> Command {
        Command::Retry { reason: "credits are back".into() }
    }

    fn failed(run: &Run, job_id: &str) -> Run {
        let fail = Command::Own(MediaCommand::FailJob {
            job_id: job_id.to_owned(),
            code: "402".into(),
            message: "no credits".into(),
        });
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
            (transition.rows.rearmed[0].effect.job_id.as_deref(), transition.rows.rearmed[0].unanswered),
            (Some(&*ids[0]), false)
        );
        assert_eq!(transition.run.body.jobs[&ids[0]].phase, JobPhase::Requested);
        assert_eq!(transition.run.body.clips[0].state, ClipState::Pending);
        assert!(transition.rows.effects.is_empty());
    }

    #[test]
    fn a_job_that_failed_at_the_provider_is_replaced_and_the_step_ends_with_the_new_one() {
        let run = at_generate();
        let ids = job_ids(&run);
        let mut run = run;
        for id in &ids {
            let submit =
                Command::Own(MediaCommand::SubmitJob { job_id: id.clone(), task_id: id.clone(), adopted: false });
            run = try_command(&run, submit).unwrap();
        }
        let run = try_command(&failed(&run, &ids[0]), retry()).unwrap();
        let JobPhase::Replaced { by } = run.body.jobs[&ids[0]].phase.clone() else { panic!("{:?}", run.body.jobs) };
        let stale = Command::Own(MediaCommand::FinishJob { job_id: ids[0].clone(), url: "https://late".into() });
        assert!(matches!(try_command(&run, stale), Err(Refusal::StaleJob { .. })));
        let submit =
            Command::Own(MediaCommand::SubmitJob { job_id: by.clone(), task_id: "new".into(), adopted: false });
        let mut run = try_command(&run, submit).unwrap();
        for job_id in [by, ids[1].clone()] {
            run = try_command(&run, Command::Own(MediaCommand::FinishJob { job_id, url: "https://clip".into() }))
                .unwrap();
        }
        assert_eq!(run.body.current_step().unwrap().name(), "render");
    }

    #[test]
    fn a_job_that_failed_in_passing_is_asked_for_once_more_and_then_fails() {
        let run = at_generate();
        let id = job_ids(&run)[0].clone();
        let submit = |run: &Run, id: &str| {
            try_command(
                run,
                Command::Own(MediaCommand::SubmitJob { job_id: id.into(), task_id: id.into(), adopted: false }),
            )
            .unwrap()
        };
        let replace = |run: &Run, id: &str| {
            let (code, message) = ("render_failed".into(), "temporarily unavailable".into());
            try_command(run, Command::Own(MediaCommand::ReplaceJob { job_id: id.to_owned(), code, message })).unwrap()
        };
        let run = replace(&submit(&run, &id), &id);
        let JobPhase::Replaced { by } = run.body.jobs[&id].phase.clone() else { panic!("{:?}", run.body.jobs) };
        assert_eq!((&run.body.jobs[&by].phase, &run.body.clips[0].state), (&JobPhase::Requested, &ClipState::Pending));
        let run = replace(&submit(&run, &by), &by);
        assert!(matches!(run.body.jobs[&by].phase, JobPhase::Failed { .. }), "once is enough");
        let stale =
            Command::Own(MediaCommand::ReplaceJob { job_id: "unknown".into(), code: "c".into(), message: "m".into() });
        assert!(matches!(try_command(&run, stale), Err(Refusal::StaleJob { .. })));
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
