//! Artifacts: what a run leaves for people and reports to see. Each follows from an event; the names and the order are
//! those of the original (contract, section 5).

use crate::brendan::speech::plain;
use crate::definition::Step;
use crate::job::{JobKind, JobSpec};
use crate::persona::PersonaOutput;
use crate::run::attach::Attachment;
use crate::run::deadline::STEP_TIMEOUT;
use crate::run::event::{Event, Recorded};
use crate::run::state::{ClipState, DecidedGate, Run};
use crate::status::GateName;
use serde::Serialize;
use serde_json::{Value, json};

/// The type of artifacts that are told in the conversation of their user, too.
pub const NOTIFICATION: &str = "notification";

/// One artifact row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Artifact {
    #[serde(rename = "type")]
    pub artifact_type: String,
    pub provider: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    pub metadata: Value,
}

impl Artifact {
    fn new(artifact_type: &str, provider: &str, metadata: Value) -> Self {
        Artifact {
            artifact_type: artifact_type.to_owned(),
            provider: provider.to_owned(),
            url: None,
            checksum: None,
            persona: None,
            metadata,
        }
    }

    fn by(mut self, persona: Option<&str>) -> Self {
        self.persona = persona.map(str::to_owned);
        self
    }

    fn at(mut self, url: &str) -> Self {
        self.url = Some(url.to_owned());
        self
    }
}

/// The artifacts of one event, given the run after it. Each says which mode made it.
pub(super) fn of(run: &Run, recorded: &Recorded) -> Vec<Artifact> {
    let mut artifacts = list(run, recorded);
    for artifact in &mut artifacts {
        if let Value::Object(metadata) = &mut artifact.metadata {
            metadata.insert("providersMode".to_owned(), json!(run.mode));
        }
    }
    artifacts
}

fn list(run: &Run, recorded: &Recorded) -> Vec<Artifact> {
    match &recorded.event {
        Event::RunStarted(started) => {
            vec![Artifact::new("run.start", "api", json!({"input": started.input, "options": started.options}))]
        }
        Event::GateOpened { gate, summary, .. } => gate_opened(run, *gate, summary, recorded),
        Event::GateVoted(decided) => vec![approval(decided)],
        Event::GateDecided(decided) => vec![approval(decided)],
        Event::GateReopened { gate, summary, reason, .. } => {
            let message = format!("{summary} Links from before no longer work: {reason}.");
            vec![notification(run, waiting(*gate), Some(*gate), &message)]
        }
        Event::GateEscalated { gate, .. } => {
            let message = format!("Nobody has decided at the {gate} gate yet: others were called in.");
            vec![notification(run, "escalated", Some(*gate), &message)]
        }
        Event::GateExtended { gate, deadline, .. } => {
            let message = format!("Nobody decided at the {gate} gate: it now closes at {}.", super::rfc3339(*deadline));
            vec![notification(run, waiting(*gate), Some(*gate), &message)]
        }
        Event::PersonaFinished { persona, output, .. } => persona_finished(persona, output),
        Event::JobRequested { spec: JobSpec::Render(spec), .. } => {
            let metadata = json!({"clipCount": spec.clips.len(), "timeline": spec});
            vec![Artifact::new("shotstack.timeline", "shotstack", metadata).by(maker(run, JobKind::Render))]
        }
        Event::JobSubmitted { job_id, task_id, .. } => job_submitted(run, job_id, task_id),
        Event::JobSucceeded { job_id, url } => job_succeeded(run, job_id, url),
        Event::JobFailed { job_id, code, message } => job_failed(run, job_id, code, message),
        Event::ArtifactAttached(attachment) => vec![attached(attachment)],
        Event::RunPublished => vec![notification(run, "completed", None, "Your video is published.")],
        Event::RunRejected { gate } => vec![notification(run, "rejected", Some(*gate), "The run was rejected.")],
        Event::RunExpired { gate } => {
            let message = if gate.is_some() { "Nobody decided in time." } else { "The run was paused for too long." };
            vec![notification(run, "expired", *gate, message)]
        }
        Event::GateWarned { gate, .. } => {
            let until = run.deadline.map(super::rfc3339).unwrap_or_default();
            let message = format!("The {gate} gate closes at {until}: nobody has decided yet.");
            vec![notification(run, waiting(*gate), Some(*gate), &message)]
        }
        Event::JobAdopted { job_id, task_id, .. } => job_submitted(run, job_id, task_id),
        Event::ClipAdopted { index, url, from_run } => clip_adopted(run, *index, url, from_run),
        Event::RunFailed { error_type, error_message } => run_failed(run, error_type, error_message),
        Event::RunCancelled { reason, actor } => {
            vec![Artifact::new("run.cancelled", "api", json!({"reason": reason, "actor": actor}))]
        }
        Event::StepStarted { .. }
        | Event::GateExpired { .. }
        | Event::PersonaRequested { .. }
        | Event::JobRequested { .. }
        | Event::JobSubmissionRepeated { .. }
        | Event::JobRetried { .. }
        | Event::JobReplaced { .. }
        | Event::RunPaused { .. }
        | Event::RunResumed { .. }
        | Event::DeadlineExtended { .. }
        | Event::RunRetried { .. } => Vec::new(),
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

fn gate_opened(run: &Run, gate: GateName, summary: &str, recorded: &Recorded) -> Vec<Artifact> {
    let metadata = json!({
        "gate": gate, "project": run.definition.key, "summary": summary,
        "requested_at": super::rfc3339(recorded.at),
    });
    vec![
        Artifact::new("hitl.request", "orchestrator", metadata).by(Some(last_persona(run))),
        notification(run, waiting(gate), Some(gate), summary),
    ]
}

fn approval(decided: &DecidedGate) -> Artifact {
    let mut metadata = json!({
        "gate": decided.gate, "decision": decided.verdict.outcome(), "approver": decided.approver,
        "comment": decided.comment, "ip": decided.ip, "channel": decided.channel,
    });
    if let (false, Value::Object(fields)) = (decided.edits.is_empty(), &mut metadata) {
        fields.insert("edits".to_owned(), json!(decided.edits));
    }
    Artifact::new("hitl.approval", "api", metadata)
}

/// The type of a notification that asks for a decision.
fn waiting(gate: GateName) -> &'static str {
    match gate {
        GateName::Workflow => "awaiting_workflow",
        GateName::Ideate => "awaiting_ideate",
        GateName::Prepublish => "awaiting_prepublish",
    }
}

/// The persona that worked before the current step; brendan before any has.
fn last_persona(run: &Run) -> &str {
    let before = run.pipeline.get(..run.step as usize).unwrap_or_default();
    before.iter().rev().find(|step| matches!(step, Step::Persona { .. })).map_or("brendan", |step| step.name())
}

/// The persona in whose name the definition puts this kind of work.
fn maker(run: &Run, kind: JobKind) -> Option<&str> {
    run.pipeline.iter().filter_map(Step::work).find_map(|(found, persona)| persona.filter(|_| found == kind))
}

fn attached(attachment: &Attachment) -> Artifact {
    let mut metadata = attachment.metadata.clone();
    if let (NOTIFICATION, Some(message)) = (attachment.artifact_type.as_str(), metadata.get_mut("message")) {
        *message = plain(message.as_str().unwrap_or_default()).into();
    }
    Artifact {
        artifact_type: attachment.artifact_type.clone(),
        provider: attachment.provider.clone(),
        url: attachment.url.clone(),
        checksum: attachment.checksum.clone(),
        persona: attachment.persona.clone(),
        metadata,
    }
}

/// What is told in the conversation of the run's user in Brendan's name, so that others' words in it bring no address.
fn notification(run: &Run, kind: &str, gate: Option<GateName>, message: &str) -> Artifact {
    Artifact::new(
        NOTIFICATION,
        "orchestrator",
        json!({
            "type": kind, "message": plain(message), "user_id": run.user_id, "run_id": run.run_id,
            "gate": gate, "project": run.definition.key,
        }),
    )
}

fn job_submitted(run: &Run, job_id: &str, task_id: &str) -> Vec<Artifact> {
    match run.jobs.get(job_id).map(|job| &job.spec) {
        Some(JobSpec::Generate(spec)) => vec![Artifact::new("kieai.job", "kieai", json!({
            "prompt": spec.prompt, "duration": spec.duration_seconds, "aspectRatio": spec.aspect_ratio,
            "quality": spec.quality, "model": spec.model, "videoIndex": spec.index, "taskId": task_id,
            "metadata": {"runId": run.run_id, "videoIndex": spec.index, "subject": spec.subject, "header": spec.header},
        })).by(maker(run, JobKind::Generate))],
        Some(JobSpec::Render(_) | JobSpec::Publish(_)) | None => Vec::new(),
    }
}

fn job_succeeded(run: &Run, job_id: &str, url: &str) -> Vec<Artifact> {
    let Some(job) = run.jobs.get(job_id) else { return Vec::new() };
    match &job.spec {
        JobSpec::Generate(spec) => {
            let metadata = json!({"videoIndex": spec.index, "subject": spec.subject, "header": spec.header});
            let mut artifacts = vec![Artifact::new("kieai.clip", "kieai", metadata).at(url)];
            artifacts.extend(wait_over(run));
            artifacts
        }
        JobSpec::Render(spec) => {
            let indexes: Vec<u32> = spec.clips.iter().map(|clip| clip.index).collect();
            let metadata = json!({"videoIndexes": indexes, "status": "done", "jobId": job.phase.task_id()});
            vec![Artifact::new("render.url", "shotstack", metadata).at(url).by(maker(run, JobKind::Render))]
        }
        JobSpec::Publish(spec) => {
            let mut metadata = json!({
                "caption": spec.caption, "accountId": spec.account, "socialProvider": "upload-post", "success": true,
                "source": spec.video_url, "platforms": spec.platforms,
                "disclosure": spec.disclosure.on(&spec.platforms),
            });
            if let (crate::status::ProvidersMode::Mock, Value::Object(fields)) = (run.mode, &mut metadata) {
                fields.insert("mock".to_owned(), Value::Bool(true));
            }
            vec![Artifact::new("publish.url", "upload-post", metadata).at(url).by(maker(run, JobKind::Publish))]
        }
    }
}

fn clip_adopted(run: &Run, index: u32, url: &str, from_run: &str) -> Vec<Artifact> {
    let Some(clip) = run.clips.get(index as usize) else { return Vec::new() };
    let metadata =
        json!({"videoIndex": index, "subject": clip.subject, "header": clip.header, "adoptedFrom": from_run});
    let mut artifacts = vec![Artifact::new("kieai.clip", "kieai", metadata).at(url)];
    artifacts.extend(wait_over(run));
    artifacts
}

/// One `kieai.wait` when the last clip has come.
fn wait_over(run: &Run) -> Option<Artifact> {
    let (expected, generated) = clips_of(run);
    (generated == expected).then(|| wait(run, expected, generated, "completed"))
}

/// How many clips the run needs, and how many have come.
fn clips_of(run: &Run) -> (usize, usize) {
    let generated = run.clips.iter().filter(|clip| matches!(clip.state, ClipState::Generated { .. })).count();
    (run.clips.len(), generated)
}

fn wait(run: &Run, expected: usize, generated: usize, status: &str) -> Artifact {
    let metadata = json!({"expectedCount": expected, "generatedCount": generated, "status": status});
    Artifact::new("kieai.wait", "kieai", metadata).by(maker(run, JobKind::Generate))
}

fn run_failed(run: &Run, error_type: &str, error_message: &str) -> Vec<Artifact> {
    let mut artifacts = Vec::new();
    if error_type == STEP_TIMEOUT && matches!(run.current_step(), Some(Step::Generate { .. })) {
        let (expected, generated) = clips_of(run);
        artifacts.push(wait(run, expected, generated, "timeout"));
    }
    let metadata = json!({"error_type": error_type, "error_message": error_message, "project": run.definition.key});
    artifacts.push(Artifact::new("run.failed", "orchestrator", metadata));
    artifacts.push(notification(run, "failed", None, error_message));
    artifacts
}

fn job_failed(run: &Run, job_id: &str, code: &str, message: &str) -> Vec<Artifact> {
    match run.jobs.get(job_id).map(|job| &job.spec) {
        Some(JobSpec::Generate(spec)) => vec![
            Artifact::new(
                "kieai.error",
                "kieai",
                json!({
                    "prompt": spec.prompt, "model": spec.model, "videoIndex": spec.index,
                    "errorCode": code, "errorMessage": message,
                }),
            )
            .by(maker(run, JobKind::Generate)),
        ],
        Some(JobSpec::Render(_)) => {
            let metadata = json!({"error": message, "code": code});
            vec![Artifact::new("shotstack.error", "shotstack", metadata).by(maker(run, JobKind::Render))]
        }
        Some(JobSpec::Publish(_)) => {
            let metadata = json!({"error": message, "code": code});
            vec![Artifact::new("upload-post.error", "upload-post", metadata).by(maker(run, JobKind::Publish))]
        }
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
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
            let requested = run.step_jobs().find(|(_, job)| job.phase == JobPhase::Requested);
            let command = match (&run.gate, requested) {
                (Some(open), _) => Command::DecideGate(approve(open.gate)),
                (None, Some((id, _))) => {
                    Command::SubmitJob { job_id: id.clone(), task_id: format!("t-{id}"), adopted: false }
                }
                (None, None) => {
                    let (id, _) =
                        run.step_jobs().find(|(_, job)| matches!(job.phase, JobPhase::Submitted { .. })).unwrap();
                    Command::FinishJob { job_id: id.clone(), url: format!("https://files.test/{id}") }
                }
            };
            transition = with_context(T0, |context| apply(&run, &command, "t", context)).unwrap().unwrap();
        }
    }

    #[test]
    fn the_reference_sequence_of_artifacts_is_kept() {
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
            types.extend(std::iter::repeat_n("kieai.job", clips));
            types.extend(std::iter::repeat_n("kieai.clip", clips));
            types.extend([
                "kieai.wait",
                "shotstack.timeline",
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
            let told = artifacts.iter().filter(|artifact| artifact.artifact_type == super::NOTIFICATION);
            told.map(|artifact| artifact.metadata["message"].to_string()).collect::<Vec<_>>().concat()
        };
        let mut wanted = request("test_video_gen");
        wanted.input.title = Some(evil.to_owned());
        let started = with_context(T0, |context| start(wanted, context)).unwrap();
        let metadata = serde_json::json!({"user_id": "u", "message": evil});
        let attachment = super::Attachment {
            artifact_type: super::NOTIFICATION.to_owned(),
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
