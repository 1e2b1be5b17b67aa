//! Artifacts: what a run leaves for people and reports to see. Each follows from an event; the names and the order are
//! those of the original (contract, section 5).

use crate::definition::{Step, Work};
use crate::job::{JobKind, JobSpec};
use crate::persona::PersonaOutput;
use crate::run::body::ClipState;
use crate::run::{Artifact, Common, Event, MediaEvent, Recorded, Run};
use mw_kernel::run::{STEP_TIMEOUT, done_notification};
use serde_json::{Value, json};

/// The artifacts of one event, given the run after it, beside those that every kind of run leaves.
pub(super) fn of(run: &Run, recorded: &Recorded) -> Vec<Artifact> {
    match &recorded.event {
        Event::Started(started) => {
            let plan = &started.plan;
            vec![Artifact::new("run.start", "api", json!({"input": plan.input, "options": plan.options}))]
        }
        Event::Common(Common::RunFailed { error_type, .. }) if error_type == STEP_TIMEOUT => timed_out(run),
        Event::Common(_) => Vec::new(),
        Event::Own(event) => of_own(run, event),
    }
}

fn of_own(run: &Run, event: &MediaEvent) -> Vec<Artifact> {
    match event {
        MediaEvent::PersonaFinished { persona, output, .. } => persona_finished(persona, output),
        MediaEvent::JobRequested { spec: JobSpec::Render(spec), .. } => {
            let metadata = json!({"clipCount": spec.clips.len(), "timeline": spec});
            vec![of_work(&worker(run, JobKind::Render), "timeline", metadata)]
        }
        MediaEvent::JobSubmitted { job_id, task_id, .. } | MediaEvent::JobAdopted { job_id, task_id, .. } => {
            job_submitted(run, job_id, task_id)
        }
        MediaEvent::JobSucceeded { job_id, url } => job_succeeded(run, job_id, url),
        MediaEvent::JobFailed { job_id, code, message } => job_failed(run, job_id, code, message),
        MediaEvent::ClipAdopted { index, url, from_run } => clip_adopted(run, *index, url, from_run),
        MediaEvent::RunPublished => vec![done_notification(run)],
        MediaEvent::StepStarted { .. }
        | MediaEvent::PersonaRequested { .. }
        | MediaEvent::JobRequested { .. }
        | MediaEvent::JobSubmissionRepeated { .. }
        | MediaEvent::JobEffectRestored { .. }
        | MediaEvent::JobRetried { .. }
        | MediaEvent::JobReplaced { .. } => Vec::new(),
    }
}

fn persona_finished(persona: &str, output: &PersonaOutput) -> Vec<Artifact> {
    let of_persona = |name, metadata| Artifact::new(name, "orchestrator", metadata).by(Some(persona));
    let recalled = output.recalled.iter().flat_map(|recalled| {
        let passages = &recalled.passages;
        let trace = json!({
            "query": recalled.query, "topK": passages.len(), "latency_ms": recalled.milliseconds,
            "docIds": passages.iter().map(|cited| &cited.doc_id).collect::<Vec<_>>(),
            "similarities": passages.iter().map(|cited| f64::from(cited.percent) / 100.0).collect::<Vec<_>>(),
        });
        let items: Vec<Value> = passages
            .iter()
            .map(|cited| json!({"doc_id": cited.doc_id, "path": cited.path, "reason": cited.title}))
            .collect();
        let citations = (!items.is_empty()).then(|| of_persona("citations", json!({"items": items})));
        std::iter::once(of_persona("retrieval.trace", trace)).chain(citations)
    });
    let sound = (!output.sound.is_empty()).then(|| of_persona("sound.design", json!({"items": output.sound})));
    recalled.chain(sound).collect()
}

/// The persona that worked before the current step; brendan before any has.
pub(super) fn last_persona(run: &Run) -> &str {
    let before = run.body.pipeline.get(..run.body.step as usize).unwrap_or_default();
    before.iter().rev().find(|step| matches!(step, Step::Persona { .. })).map_or("brendan", |step| step.name())
}

/// Who does this kind of work in the run, and in whose name.
fn worker(run: &Run, kind: JobKind) -> Work<'_> {
    let nobody = Work { kind, provider: "", persona: None };
    run.body.pipeline.iter().filter_map(Step::work).find(|work| work.kind == kind).unwrap_or(nobody)
}

/// An artifact named after the provider that made it: `<provider>.<what>`.
fn of_work(work: &Work<'_>, what: &str, metadata: Value) -> Artifact {
    of_provider(work.provider, what, metadata).by(work.persona)
}

fn of_provider(provider: &str, what: &str, metadata: Value) -> Artifact {
    Artifact::new(&format!("{provider}.{what}"), provider, metadata)
}

fn job_submitted(run: &Run, job_id: &str, task_id: &str) -> Vec<Artifact> {
    match run.body.jobs.get(job_id).map(|job| &job.spec) {
        Some(JobSpec::Generate(spec)) => vec![of_work(
            &worker(run, JobKind::Generate),
            "job",
            json!({
                "prompt": spec.prompt, "duration": spec.duration_seconds, "aspectRatio": spec.aspect_ratio,
                "quality": spec.quality, "model": spec.model, "videoIndex": spec.index, "taskId": task_id,
                "metadata": {"runId": run.run_id, "videoIndex": spec.index, "subject": spec.subject, "header": spec.header},
            }),
        )],
        Some(JobSpec::Render(_) | JobSpec::Publish(_)) | None => Vec::new(),
    }
}

fn job_succeeded(run: &Run, job_id: &str, url: &str) -> Vec<Artifact> {
    let Some(job) = run.body.jobs.get(job_id) else { return Vec::new() };
    match &job.spec {
        JobSpec::Generate(spec) => {
            let metadata = json!({"videoIndex": spec.index, "subject": spec.subject, "header": spec.header});
            let mut artifacts = vec![of_provider(&job.provider, "clip", metadata).at(url)];
            artifacts.extend(wait_over(run));
            artifacts
        }
        JobSpec::Render(spec) => {
            let indexes: Vec<u32> = spec.clips.iter().map(|clip| clip.index).collect();
            let metadata = json!({"videoIndexes": indexes, "status": "done", "jobId": job.phase.task_id()});
            let persona = worker(run, JobKind::Render).persona;
            vec![Artifact::new("render.url", &job.provider, metadata).at(url).by(persona)]
        }
        JobSpec::Publish(spec) => {
            let mut metadata = json!({
                "caption": spec.caption, "accountId": spec.account, "socialProvider": job.provider, "success": true,
                "source": spec.video_url, "platforms": spec.platforms,
                "disclosure": spec.disclosure.on(&spec.platforms),
            });
            if let (crate::status::ProvidersMode::Mock, Value::Object(fields)) = (run.mode, &mut metadata) {
                fields.insert("mock".to_owned(), Value::Bool(true));
            }
            let persona = worker(run, JobKind::Publish).persona;
            vec![Artifact::new("publish.url", &job.provider, metadata).at(url).by(persona)]
        }
    }
}

fn clip_adopted(run: &Run, index: u32, url: &str, from_run: &str) -> Vec<Artifact> {
    let Some(clip) = run.body.clips.get(index as usize) else { return Vec::new() };
    let metadata =
        json!({"videoIndex": index, "subject": clip.subject, "header": clip.header, "adoptedFrom": from_run});
    let provider = worker(run, JobKind::Generate).provider;
    let mut artifacts = vec![of_provider(provider, "clip", metadata).at(url)];
    artifacts.extend(wait_over(run));
    artifacts
}

/// One `<provider>.wait` when the last clip has come.
fn wait_over(run: &Run) -> Option<Artifact> {
    let (expected, generated) = clips_of(run);
    (generated == expected).then(|| wait(run, expected, generated, "completed"))
}

/// How many clips the run needs, and how many have come.
fn clips_of(run: &Run) -> (usize, usize) {
    let generated = run.body.clips.iter().filter(|clip| matches!(clip.state, ClipState::Generated { .. })).count();
    (run.body.clips.len(), generated)
}

fn wait(run: &Run, expected: usize, generated: usize, status: &str) -> Artifact {
    let metadata = json!({"expectedCount": expected, "generatedCount": generated, "status": status});
    of_work(&worker(run, JobKind::Generate), "wait", metadata)
}

/// Clips that did not come in time are counted.
fn timed_out(run: &Run) -> Vec<Artifact> {
    if !matches!(run.body.current_step(), Some(Step::Generate { .. })) {
        return Vec::new();
    }
    let (expected, generated) = clips_of(run);
    vec![wait(run, expected, generated, "timeout")]
}

fn job_failed(run: &Run, job_id: &str, code: &str, message: &str) -> Vec<Artifact> {
    let Some(job) = run.body.jobs.get(job_id) else { return Vec::new() };
    let metadata = match &job.spec {
        JobSpec::Generate(spec) => json!({
            "prompt": spec.prompt, "model": spec.model, "videoIndex": spec.index,
            "errorCode": code, "errorMessage": message,
        }),
        JobSpec::Render(_) | JobSpec::Publish(_) => json!({"error": message, "code": code}),
    };
    vec![of_work(&worker(run, job.spec.kind()), "error", metadata)]
}

#[cfg(test)]
mod tests {
    use crate::job::JobKind;
    use crate::run::MediaCommand;
    use crate::run::testing::{T0, approve, request, with_context};
    use crate::run::{Command, JobPhase, apply, start};

    /// Walks a project to `published` and returns the artifact types in order.
    fn artifact_types(project: &str) -> Vec<String> {
        let mut transition = with_context(T0, |context| start(request(project), context)).unwrap();
        let mut types = Vec::new();
        loop {
            types.extend(transition.rows.artifacts.iter().map(|artifact| artifact.artifact_type.clone()));
            let run = transition.run;
            if run.status.is_terminal() {
                return types;
            }
            // All submissions come before the first result, as in the reference sequence.
            let requested = run.body.step_jobs().find(|(_, job)| job.phase == JobPhase::Requested);
            let command = match (run.gates.first(), requested) {
                (Some(open), _) => Command::DecideGate(approve(open.gate)),
                (None, Some((id, _))) => Command::Own(MediaCommand::SubmitJob {
                    job_id: id.clone(),
                    task_id: format!("t-{id}"),
                    adopted: false,
                }),
                (None, None) => {
                    let (id, _) =
                        run.body.step_jobs().find(|(_, job)| matches!(job.phase, JobPhase::Submitted { .. })).unwrap();
                    Command::Own(MediaCommand::FinishJob {
                        job_id: id.clone(),
                        url: format!("https://files.test/{id}"),
                    })
                }
            };
            transition = with_context(T0, |context| apply(&run, &command, "t", context)).unwrap().unwrap();
        }
    }

    #[test]
    fn the_reference_sequence_of_artifacts_is_kept() {
        let definition = crate::run::testing::definition("test_video_gen");
        let maker = |kind| definition.works().find(|work| work.kind == kind).unwrap().provider;
        let of_clips = |what: &str| format!("{}.{what}", maker(JobKind::Generate));
        let (job, clip, wait) = (of_clips("job"), of_clips("clip"), of_clips("wait"));
        let timeline = format!("{}.timeline", maker(JobKind::Render));
        let sequence = |clips: usize| {
            let mut types = vec![
                "run.start",
                "hitl.request",
                "notification",
                "hitl.approval",
                "hitl.request",
                "notification",
                "hitl.approval",
            ];
            types.extend(std::iter::repeat_n(job.as_str(), clips));
            types.extend(std::iter::repeat_n(clip.as_str(), clips));
            types.extend([
                &wait,
                &timeline,
                "render.url",
                "hitl.request",
                "notification",
                "hitl.approval",
                "publish.url",
                "notification",
            ]);
            types
        };
        assert_eq!(artifact_types("test_video_gen"), sequence(2));
        assert_eq!(artifact_types("aismr"), sequence(12));
    }

    #[test]
    fn no_words_of_others_bring_an_address_to_a_conversation() {
        let evil = "see https://evil.example/a";
        let told = |artifacts: &[super::Artifact]| {
            let told = artifacts.iter().filter(|artifact| artifact.artifact_type == crate::run::NOTIFICATION);
            told.map(|artifact| artifact.metadata["message"].to_string()).collect::<Vec<_>>().concat()
        };
        let mut wanted = request("test_video_gen");
        wanted.input.title = Some(evil.to_owned());
        let started = with_context(T0, |context| start(wanted, context)).unwrap();
        let metadata = serde_json::json!({"user_id": "u", "message": evil});
        let attachment = crate::run::Attachment {
            artifact_type: crate::run::NOTIFICATION.to_owned(),
            provider: "api".to_owned(),
            url: None,
            checksum: None,
            persona: None,
            metadata,
        };
        let attach = Command::Attach(attachment);
        let attached = with_context(T0, |context| apply(&started.run, &attach, "t", context)).unwrap().unwrap();
        for text in [told(&started.rows.artifacts), told(&attached.rows.artifacts)] {
            assert!(text.contains("https[:]//evil[.]example/a") && !text.contains("evil.example"), "{text}");
        }
    }
}
