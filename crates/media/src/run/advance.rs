//! Enters the next step, and goes on while steps need nobody: personas that speak by rule finish at once, so one
//! commit carries a run from a person's click to the next request to a provider.

use crate::definition::{Settings, Step};
use crate::job::{GenerateSpec, JobSpec, PublishSpec, RenderClip, RenderSpec};
use crate::persona;
use crate::run::body::{ClipState, JobPhase, PersonaSource, step_deadline};
use crate::run::{Context, Draft, Event, MediaEvent, Run, gate};

/// Enters step `step` of the pipeline and whatever follows without waiting.
pub(super) fn enter(draft: &mut Draft, step: u32, context: &mut Context<'_>) {
    // Bounded by the pipeline's length.
    let mut next = Some(step);
    while let Some(index) = next {
        next = enter_one(draft, index, context);
    }
}

/// Leaves the current step when its work is done: onwards, or into failure when a job was given up. A paused run stays,
/// with what it has; `resume` asks again.
pub(super) fn leave_when_done(draft: &mut Draft, context: &mut Context<'_>) {
    if draft.run.pause.is_some() {
        return;
    }
    match work(&draft.run) {
        Work::Open => {}
        Work::Done => enter_next(draft, context),
        Work::Failed { code, message } => {
            draft.fail(code, message, context);
        }
    }
}

/// How the work of the current step stands.
enum Work {
    Open,
    Done,
    Failed { code: String, message: String },
}

fn work(run: &Run) -> Work {
    match run.body.current_step() {
        // A gate is left by its decision.
        Some(Step::Gate { .. }) => Work::Open,
        Some(Step::Persona { .. }) if run.body.answered => Work::Done,
        Some(Step::Persona { .. }) => Work::Open,
        Some(Step::Generate { .. } | Step::Render { .. } | Step::Publish { .. }) | None => jobs_work(run),
    }
}

fn jobs_work(run: &Run) -> Work {
    let mut failed = None;
    for (_, job) in run.body.step_jobs() {
        match &job.phase {
            JobPhase::Requested | JobPhase::Submitted { .. } => return Work::Open,
            JobPhase::Failed { code, message, .. } => {
                failed = failed.or(Some(Work::Failed { code: code.clone(), message: message.clone() }));
            }
            JobPhase::Succeeded { .. } | JobPhase::Replaced { .. } => {}
        }
    }
    failed.unwrap_or(Work::Done)
}

/// The step after the current one.
pub(super) fn enter_next(draft: &mut Draft, context: &mut Context<'_>) {
    let next = draft.run.body.step + 1;
    enter(draft, next, context);
}

fn enter_one(draft: &mut Draft, index: u32, context: &mut Context<'_>) -> Option<u32> {
    let Some(step) = draft.run.body.pipeline.get(index as usize).cloned() else {
        draft.push(Event::Own(MediaEvent::RunPublished), context);
        return None;
    };
    let deadline = step_deadline(context.now, &step);
    draft.push(Event::Own(MediaEvent::StepStarted { step: index, name: step.name().to_owned(), deadline }), context);
    match step {
        Step::Gate { .. } => {
            gate::open(draft, context);
            None
        }
        Step::Persona { persona, role, .. } => match draft.run.body.personas {
            PersonaSource::Rules => {
                let output = persona::by_rules(&draft.run, role);
                draft.push(
                    Event::Own(MediaEvent::PersonaFinished {
                        step: index,
                        persona,
                        source: "rules".to_owned(),
                        output,
                    }),
                    context,
                );
                Some(index + 1)
            }
            PersonaSource::Model => {
                draft.push(Event::Own(MediaEvent::PersonaRequested { step: index, persona }), context);
                None
            }
        },
        Step::Generate { .. } | Step::Render { .. } | Step::Publish { .. } => {
            request_jobs(draft, &step, index, context);
            // A successor may have inherited all of it.
            let done = !draft.run.is_ended() && matches!(jobs_work(&draft.run), Work::Done);
            done.then_some(index + 1)
        }
    }
}

fn request_jobs(draft: &mut Draft, step: &Step, index: u32, context: &mut Context<'_>) {
    let Some(settings) = draft.run.body.settings.clone() else {
        return draft.fail("definition_invalid", "the run has no settings", context);
    };
    let specs = match step {
        Step::Generate { .. } => generate_specs(&draft.run, &settings),
        Step::Render { .. } => vec![JobSpec::Render(render_spec(&draft.run, &settings))],
        Step::Publish { .. } => match publish_spec(&draft.run, &settings) {
            Some(spec) => vec![JobSpec::Publish(spec)],
            None => return draft.fail("nothing_to_publish", "there is no final render", context),
        },
        Step::Gate { .. } | Step::Persona { .. } => Vec::new(),
    };
    let provider = step.work().map_or("", |work| work.provider);
    for spec in specs {
        // What is ordered again, after changes, is new.
        let first = !draft.run.body.jobs.values().any(|job| job.spec == spec);
        let inheritance = draft.run.body.inheritance.as_ref().filter(|_| first);
        let event = inheritance.and_then(|inheritance| inheritance.adopt(provider, &spec, index, context));
        let event = event.unwrap_or_else(|| {
            let (job_id, provider) = ((context.new_id)(), provider.to_owned());
            Event::Own(MediaEvent::JobRequested { job_id, step: index, provider, spec, known_as: None })
        });
        draft.push(event, context);
    }
}

fn generate_specs(run: &Run, settings: &Settings) -> Vec<JobSpec> {
    let clips = &settings.clips;
    run.body
        .clips
        .iter()
        .enumerate()
        .map(|(index, clip)| {
            JobSpec::Generate(GenerateSpec {
                index: index as u32,
                subject: clip.subject.clone(),
                header: clip.header.clone(),
                prompt: clip.prompt.clone().unwrap_or_else(|| clip.subject.clone()),
                model: clips.model.clone(),
                duration_seconds: clips.duration_seconds,
                quality: clips.quality.clone(),
                aspect_ratio: clips.aspect_ratio.clone(),
            })
        })
        .collect()
}

fn render_spec(run: &Run, settings: &Settings) -> RenderSpec {
    let clips = run.body.clips.iter().enumerate().filter_map(|(index, clip)| match &clip.state {
        ClipState::Generated { url } => Some(RenderClip {
            index: index as u32,
            url: url.clone(),
            subject: clip.subject.clone(),
            header: clip.header.clone(),
            duration_seconds: settings.clips.duration_seconds,
        }),
        ClipState::Pending | ClipState::Failed { .. } => None,
    });
    RenderSpec {
        clips: clips.collect(),
        overlay: settings.render.overlay.clone(),
        resolution: settings.render.resolution.clone(),
        aspect_ratio: settings.clips.aspect_ratio.clone(),
        effects: run.body.effects,
    }
}

/// Only the final render is ever published, never a raw clip.
fn publish_spec(run: &Run, settings: &Settings) -> Option<PublishSpec> {
    Some(PublishSpec {
        video_url: run.body.render_url.clone()?,
        caption: run.body.caption.clone().unwrap_or_else(|| run.title.clone()),
        title: run.body.post_title.clone().unwrap_or_else(|| run.title.clone()),
        account: settings.publish.account.clone(),
        platforms: settings.publish.platforms.clone(),
        disclosure: settings.publish.disclosure.clone(),
    })
}
