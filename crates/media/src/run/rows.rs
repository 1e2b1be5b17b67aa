//! What a media run's own events write beside the run: jobs, and effects for the dispatcher.

use crate::Timestamp;
use crate::job::JobSpec;
use crate::retry;
use crate::run::{Effect, EffectKind, Job, JobPhase, JobRow, MediaEvent, Rearmed, Rows, Run};
use crate::status::ProvidersMode;
use mw_kernel::run::JobState;
use serde_json::json;

pub(super) fn extend(run: &Run, event: &MediaEvent, at: Timestamp, rows: &mut Rows) {
    match event {
        MediaEvent::PersonaRequested { step, .. } => rows.effects.push(persona_effect(run, *step, at)),
        MediaEvent::JobRequested { job_id, .. } => {
            rows.jobs.extend(current_job(run, job_id, JobState::Requested));
            rows.effects
                .extend(run.body.jobs.get(job_id).map(|job| job_effect(EffectKind::Submit, run, job_id, job, at)));
        }
        MediaEvent::JobSubmitted { job_id, task_id, .. } | MediaEvent::JobAdopted { job_id, task_id, .. } => {
            submitted(run, job_id, task_id, at, rows);
        }
        MediaEvent::JobRetried { job_id, unanswered } => {
            rows.jobs.extend(current_job(run, job_id, JobState::Requested));
            rows.rearmed.extend(rearmed(run, job_id, *unanswered, at));
        }
        MediaEvent::JobEffectRestored { job_id } => rows.rearmed.extend(rearmed(run, job_id, true, at)),
        MediaEvent::JobSucceeded { job_id, .. } => rows.jobs.extend(current_job(run, job_id, JobState::Succeeded)),
        MediaEvent::JobFailed { job_id, .. } => rows.jobs.extend(current_job(run, job_id, JobState::Failed)),
        MediaEvent::StepStarted { .. }
        | MediaEvent::PersonaFinished { .. }
        | MediaEvent::JobSubmissionRepeated { .. }
        | MediaEvent::JobReplaced { .. }
        | MediaEvent::ClipAdopted { .. }
        | MediaEvent::RunPublished => {}
    }
}

fn persona_effect(run: &Run, step: u32, due_at: Timestamp) -> Effect {
    Effect {
        // A persona that works on changes works anew.
        key: match run.rounds() {
            0 => format!("persona:{}:{step}", run.run_id),
            round => format!("persona:{}:{step}:{round}", run.run_id),
        },
        kind: EffectKind::Persona,
        provider: "llm".to_owned(),
        job_id: None,
        payload: json!({"step": step}),
        due_at,
    }
}

fn submitted(run: &Run, job_id: &str, task_id: &str, at: Timestamp, rows: &mut Rows) {
    let Some(job) = run.body.jobs.get(job_id) else { return };
    rows.jobs.push(job_row(job_id, job, JobState::Submitted, Some(task_id)));
    let wait_seconds = match run.mode {
        ProvidersMode::Mock => 0,
        ProvidersMode::Sim | ProvidersMode::Live => retry::poll_wait_seconds(1),
    };
    let due_at = at + time::Duration::seconds(i64::from(wait_seconds));
    rows.effects.push(job_effect(EffectKind::Poll, run, job_id, job, due_at));
}

/// The effect that an open job is waiting for. `unanswered`: as a submission, it may have reached the provider.
fn rearmed(run: &Run, job_id: &str, unanswered: bool, at: Timestamp) -> Option<Rearmed> {
    let job = run.body.jobs.get(job_id)?;
    let kind = match &job.phase {
        JobPhase::Requested => EffectKind::Submit,
        JobPhase::Submitted { .. } => EffectKind::Poll,
        JobPhase::Succeeded { .. } | JobPhase::Failed { .. } | JobPhase::Replaced { .. } => return None,
    };
    let effect = job_effect(kind, run, job_id, job, at);
    Some(Rearmed { effect, unanswered: unanswered && kind == EffectKind::Submit })
}

fn current_job(run: &Run, job_id: &str, state: JobState) -> Option<JobRow> {
    let job = run.body.jobs.get(job_id)?;
    Some(job_row(job_id, job, state, job.phase.task_id()))
}

fn job_row(job_id: &str, job: &Job, state: JobState, task_id: Option<&str>) -> JobRow {
    JobRow {
        job_id: job_id.to_owned(),
        kind: job.spec.kind().as_str().to_owned(),
        provider: job.provider.clone(),
        state,
        is_over: match state {
            JobState::Requested | JobState::Submitted => false,
            JobState::Succeeded | JobState::Failed => true,
        },
        task_id: task_id.map(str::to_owned),
        account: match &job.spec {
            JobSpec::Publish(spec) => Some(spec.account.clone()),
            JobSpec::Generate(_) | JobSpec::Render(_) => None,
        },
    }
}

fn job_effect(kind: EffectKind, run: &Run, job_id: &str, job: &Job, due_at: Timestamp) -> Effect {
    Effect {
        key: format!("{kind}:{job_id}"),
        kind,
        provider: match run.mode {
            ProvidersMode::Mock => "mock".to_owned(),
            ProvidersMode::Sim | ProvidersMode::Live => job.provider.clone(),
        },
        job_id: Some(job_id.to_owned()),
        payload: json!({}),
        due_at,
    }
}
