//! A provider finished a job, or it is given up. A step of several jobs ends when none is open any more: clips that
//! were made stay in the result, also when another one failed.

use crate::run::advance::leave_when_done;
use crate::run::{Context, Draft, Event, JobPhase, MediaEvent, Refusal, Run};
use mw_kernel::run::refuse_ended;

pub(super) fn decide(run: &Run, job_id: &str, url: &str, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
    refuse_ended(run)?;
    match run.body.jobs.get(job_id).map(|job| &job.phase) {
        Some(JobPhase::Submitted { .. }) => {
            let event = Event::Own(MediaEvent::JobSucceeded { job_id: job_id.to_owned(), url: url.to_owned() });
            Ok(finish(run, event, context))
        }
        Some(JobPhase::Succeeded { .. }) => Ok(Vec::new()),
        Some(JobPhase::Requested | JobPhase::Failed { .. } | JobPhase::Replaced { .. }) | None => {
            Err(stale(run, job_id))
        }
    }
}

pub(super) fn fail(
    run: &Run,
    job_id: &str,
    code: &str,
    message: &str,
    context: &mut Context<'_>,
) -> Result<Vec<Event>, Refusal> {
    refuse_ended(run)?;
    match run.body.jobs.get(job_id).map(|job| &job.phase) {
        Some(JobPhase::Requested | JobPhase::Submitted { .. }) => {
            let event = Event::Own(MediaEvent::JobFailed {
                job_id: job_id.to_owned(),
                code: code.to_owned(),
                message: message.to_owned(),
            });
            Ok(finish(run, event, context))
        }
        Some(JobPhase::Failed { .. }) => Ok(Vec::new()),
        Some(JobPhase::Succeeded { .. } | JobPhase::Replaced { .. }) | None => Err(stale(run, job_id)),
    }
}

fn stale(run: &Run, job_id: &str) -> Refusal {
    Refusal::StaleJob { run_id: run.run_id.clone(), job_id: job_id.to_owned() }
}

fn finish(run: &Run, event: Event, context: &mut Context<'_>) -> Vec<Event> {
    let mut draft = Draft::of(run);
    draft.push(event, context);
    leave_when_done(&mut draft, context);
    draft.events
}

#[cfg(test)]
mod tests {
    use crate::run::MediaCommand;
    use crate::run::testing::{at_generate, job_ids, try_command};
    use crate::run::{ClipState, Command, Refusal};
    use crate::status::Status;

    fn submit(job_id: &str) -> Command {
        Command::Own(MediaCommand::SubmitJob {
            job_id: job_id.to_owned(),
            task_id: format!("task-{job_id}"),
            adopted: false,
        })
    }
    fn done(job_id: &str) -> Command {
        Command::Own(MediaCommand::FinishJob {
            job_id: job_id.to_owned(),
            url: format!("https://clips.test/{job_id}.mp4"),
        })
    }
    fn fail(job_id: &str) -> Command {
        Command::Own(MediaCommand::FailJob {
            job_id: job_id.to_owned(),
            code: "501".into(),
            message: "generation failed".into(),
        })
    }

    #[test]
    fn the_step_ends_with_its_last_clip_in_any_order() {
        let run = at_generate();
        let ids = job_ids(&run);
        for order in [[0, 1], [1, 0]] {
            let mut run = run.clone();
            for id in &ids {
                run = try_command(&run, submit(id)).unwrap();
            }
            run = try_command(&run, done(&ids[order[0]])).unwrap();
            assert_eq!(run.status, Status::Running);
            run = try_command(&run, done(&ids[order[1]])).unwrap();
            assert!(run.body.clips.iter().all(|clip| matches!(clip.state, ClipState::Generated { .. })));
            assert_eq!(run.body.current_step().unwrap().name(), "render");
        }
    }

    #[test]
    fn a_failed_clip_leaves_the_others_and_fails_the_run_when_all_have_ended() {
        let run = at_generate();
        let ids = job_ids(&run);
        let run = try_command(&run, submit(&ids[1])).unwrap();
        let run = try_command(&run, fail(&ids[0])).unwrap();
        assert_eq!(run.status, Status::Running);
        let run = try_command(&run, done(&ids[1])).unwrap();
        assert_eq!(run.status, Status::Failed);
        assert_eq!(run.error.as_ref().unwrap().error_type, "501");
        assert_eq!(run.body.clips.iter().filter(|clip| matches!(clip.state, ClipState::Generated { .. })).count(), 1);
    }

    #[test]
    fn a_duplicate_result_changes_nothing_and_a_contradiction_is_stale() {
        let run = at_generate();
        let ids = job_ids(&run);
        let run = try_command(&run, submit(&ids[0])).unwrap();
        let run = try_command(&run, done(&ids[0])).unwrap();
        assert_eq!(try_command(&run, done(&ids[0])).unwrap(), run);
        assert!(matches!(try_command(&run, fail(&ids[0])), Err(Refusal::StaleJob { .. })));
        assert!(matches!(try_command(&run, submit(&ids[0])), Err(Refusal::StaleJob { .. })));
    }

    #[test]
    fn a_result_without_a_submission_is_stale() {
        let run = at_generate();
        let ids = job_ids(&run);
        assert!(matches!(try_command(&run, done(&ids[0])), Err(Refusal::StaleJob { .. })));
        assert!(matches!(try_command(&run, done("unknown")), Err(Refusal::StaleJob { .. })));
    }
}
