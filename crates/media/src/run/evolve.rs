//! How a media run's own events change it. `evolve` never decides: it believes every event.

use crate::Timestamp;
use crate::definition::{Role, Step};
use crate::job::JobSpec;
use crate::run::body::{Clip, ClipState, Job, JobPhase, Media};
use crate::run::event::{MediaEvent, Plan};
use crate::run::{Run, Started};
use mw_kernel::status::End;

pub(super) fn started(run: &mut Run, started: &Started) {
    let plan = &started.plan;
    let body = &mut run.body;
    body.personas = plan.personas;
    body.pipeline = plan.pipeline.clone();
    body.settings = Some(plan.settings.clone());
    body.input = plan.input.clone();
    body.options = plan.options.clone();
    body.effects = plan.effects;
    if let Some(inheritance) = &plan.inheritance {
        body.inheritance = Some(inheritance.clone());
        return inheritance.clone().apply(body);
    }
    body.clips = planned(plan);
}

fn planned(plan: &Plan) -> Vec<Clip> {
    let clip = |clip: &crate::run::event::PlannedClip| Clip {
        subject: clip.subject.clone(),
        header: clip.header.clone(),
        prompt: None,
        state: ClipState::Pending,
    };
    plan.clips.iter().map(clip).collect()
}

pub(super) fn evolve(run: &mut Run, event: &MediaEvent, at: Timestamp) {
    match event {
        MediaEvent::StepStarted { step, deadline, .. } => {
            run.body.step = *step;
            run.body.answered = false;
            // A gate has a deadline of its own.
            let is_gate = matches!(run.body.current_step(), Some(Step::Gate { .. }));
            run.work_deadline = (!is_gate).then_some(*deadline);
        }
        MediaEvent::PersonaFinished { step, output, .. } => {
            run.body.answered = true;
            if let Some(role) = run.body.role_at(*step) {
                output.apply(role, run);
            }
        }
        MediaEvent::RunPublished => run.end(End::Done, at),
        MediaEvent::PersonaRequested { .. }
        | MediaEvent::JobRequested { .. }
        | MediaEvent::JobSubmitted { .. }
        | MediaEvent::JobSubmissionRepeated { .. }
        | MediaEvent::JobEffectRestored { .. }
        | MediaEvent::JobSucceeded { .. }
        | MediaEvent::JobFailed { .. }
        | MediaEvent::JobRetried { .. }
        | MediaEvent::JobReplaced { .. }
        | MediaEvent::JobAdopted { .. }
        | MediaEvent::ClipAdopted { .. } => run.body.evolve_job(event),
    }
}

impl Media {
    fn evolve_job(&mut self, event: &MediaEvent) {
        match event {
            MediaEvent::JobRequested { job_id, step, provider, spec, known_as } => {
                let (provider, spec, known_as) = (provider.clone(), spec.clone(), known_as.clone());
                let job = Job { step: *step, provider, spec, phase: JobPhase::Requested, known_as };
                self.jobs.insert(job_id.clone(), job);
            }
            MediaEvent::JobSubmitted { job_id, task_id, .. } => {
                self.set_phase(job_id, JobPhase::Submitted { task_id: task_id.clone() });
            }
            MediaEvent::JobSucceeded { job_id, url } => self.job_succeeded(job_id, url),
            MediaEvent::JobFailed { job_id, code, message } => self.job_failed(job_id, code, message),
            MediaEvent::JobRetried { job_id, .. } => {
                self.reopen_clip(job_id);
                self.set_phase(job_id, JobPhase::Requested);
            }
            MediaEvent::JobReplaced { job_id, by } => {
                self.reopen_clip(job_id);
                self.set_phase(job_id, JobPhase::Replaced { by: by.clone() });
            }
            MediaEvent::JobAdopted { job_id, step, provider, spec, task_id, .. } => {
                let (provider, spec) = (provider.clone(), spec.clone());
                let phase = JobPhase::Submitted { task_id: task_id.clone() };
                self.jobs.insert(job_id.clone(), Job { step: *step, provider, spec, phase, known_as: None });
            }
            MediaEvent::ClipAdopted { index, url, .. } => {
                self.set_clip(*index, ClipState::Generated { url: url.clone() });
            }
            MediaEvent::StepStarted { .. }
            | MediaEvent::PersonaRequested { .. }
            | MediaEvent::PersonaFinished { .. }
            | MediaEvent::JobSubmissionRepeated { .. }
            | MediaEvent::JobEffectRestored { .. }
            | MediaEvent::RunPublished => {}
        }
    }

    fn job_succeeded(&mut self, job_id: &str, url: &str) {
        let Some(job) = self.jobs.get(job_id) else { return };
        let task_id = job.phase.task_id().unwrap_or_default().to_owned();
        match &job.spec {
            JobSpec::Generate(spec) => self.set_clip(spec.index, ClipState::Generated { url: url.to_owned() }),
            JobSpec::Render(_) => self.render_url = Some(url.to_owned()),
            JobSpec::Publish(_) => self.publish_url = Some(url.to_owned()),
        }
        self.set_phase(job_id, JobPhase::Succeeded { task_id, url: url.to_owned() });
    }

    fn job_failed(&mut self, job_id: &str, code: &str, message: &str) {
        let Some(job) = self.jobs.get(job_id).cloned() else { return };
        match &job.spec {
            JobSpec::Generate(spec) => {
                self.set_clip(spec.index, ClipState::Failed { code: code.to_owned(), message: message.to_owned() });
            }
            JobSpec::Render(_) | JobSpec::Publish(_) => {}
        }
        let task_id = job.phase.task_id().map(str::to_owned);
        self.set_phase(job_id, JobPhase::Failed { code: code.to_owned(), message: message.to_owned(), task_id });
    }

    fn reopen_clip(&mut self, job_id: &str) {
        if let Some(JobSpec::Generate(spec)) = self.jobs.get(job_id).map(|job| &job.spec) {
            let index = spec.index;
            self.set_clip(index, ClipState::Pending);
        }
    }

    fn set_clip(&mut self, index: u32, state: ClipState) {
        if let Some(clip) = self.clips.get_mut(index as usize) {
            clip.state = state;
        }
    }

    fn set_phase(&mut self, job_id: &str, phase: JobPhase) {
        if let Some(job) = self.jobs.get_mut(job_id) {
            job.phase = phase;
        }
    }

    fn role_at(&self, step: u32) -> Option<Role> {
        match self.pipeline.get(step as usize)? {
            Step::Persona { role, .. } => Some(*role),
            Step::Gate { .. } | Step::Generate { .. } | Step::Render { .. } | Step::Publish { .. } => None,
        }
    }
}
