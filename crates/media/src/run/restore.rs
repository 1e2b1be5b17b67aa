//! An open job that nobody works on gets its effect back. Nothing of ours loses one; a fault or a hand in the tables might.

use crate::run::{Event, JobPhase, MediaEvent, Run};

pub(super) fn decide(run: &Run, job_ids: &[String]) -> Vec<Event> {
    let is_open = |job_id: &&String| match run.body.jobs.get(*job_id).map(|job| &job.phase) {
        Some(JobPhase::Requested | JobPhase::Submitted { .. }) => true,
        Some(JobPhase::Succeeded { .. } | JobPhase::Failed { .. } | JobPhase::Replaced { .. }) | None => false,
    };
    let lost = job_ids.iter().filter(is_open);
    lost.map(|job_id| Event::Own(MediaEvent::JobEffectRestored { job_id: job_id.clone() })).collect()
}

#[cfg(test)]
mod tests {
    use crate::run::testing::{T0, at_generate, every_state, job_ids, try_command, with_context};
    use crate::run::{Command, EffectKind, JobPhase, MediaCommand, apply};

    fn restore(job_ids: &[String]) -> Command {
        Command::RestoreEffects { job_ids: job_ids.to_vec() }
    }

    #[test]
    fn a_job_gets_the_effect_that_its_phase_needs() {
        let run = at_generate();
        let ids = job_ids(&run);
        let submit = MediaCommand::SubmitJob { job_id: ids[1].clone(), task_id: "t".into(), adopted: false };
        let run = try_command(&run, Command::Own(submit)).unwrap();
        let decided = with_context(T0, |context| apply(&run, &restore(&ids), "sweep", context)).unwrap().unwrap();
        let made: Vec<_> = decided.rows.rearmed.iter().map(|made| (made.effect.kind, made.unanswered)).collect();
        // A submission counts as sent: it is looked for before anything goes out.
        assert_eq!(made, [(EffectKind::Submit, true), (EffectKind::Poll, false)]);
        assert_eq!(decided.rows.rearmed[0].effect.key, format!("submit:{}", ids[0]));
        assert_eq!((decided.run.body, decided.events.len()), (run.body, 2));
    }

    #[test]
    fn jobs_that_are_over_get_none() {
        for run in every_state().into_iter().filter(|run| !run.is_ended()) {
            let over = |phase: &JobPhase| !matches!(phase, JobPhase::Requested | JobPhase::Submitted { .. });
            let mut ids: Vec<_> =
                run.body.jobs.iter().filter(|(_, job)| over(&job.phase)).map(|(id, _)| id.clone()).collect();
            ids.push("unknown".to_owned());
            assert_eq!(try_command(&run, restore(&ids)).unwrap(), run);
        }
    }
}
