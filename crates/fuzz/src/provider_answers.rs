//! Answers of providers and of language models: whatever they say can be committed (PostgreSQL stores no U+0000), is
//! bounded, and never carries our key.

use crate::message::{Message, Provider, now};
use crate::{Seen, storable};
use mw_integrations::jobs::{self, JobProvider};
use mw_integrations::{
    Adoption, Fault, JobContext, Progress, Recovery, Settings, Submission, kieai as kie, lenient, llm as model,
    shotstack as shots, upload_post as post,
};
use mw_media::brendan::{KnownProject, KnownRun, tools};
use mw_media::definition::Role;
use mw_media::job::{GenerateSpec, JobSpec, OverlayStyle, PublishSpec, RenderClip, RenderSpec};
use mw_media::persona::PersonaOutput;
use mw_media::persona::tool::{self, PersonaTool};
use mw_media::status::Status;
use serde_json::{Value, json};

const KEY: &str = "key-0123456789";
const JOB: &str = "0d4f6c3e-7f1f-4f0e-9f5e-3a1b2c3d4e5f";
const RENDER: &str = "2abd5c11-0f3d-4c6d-ba20-235fc9b8e8b7";
const LONGEST_WAIT_SECONDS: u64 = 24 * 60 * 60;

pub(crate) fn kieai(bytes: &[u8]) -> Seen {
    let mut taken = false;
    for name in ["veo3_fast", "runway-gen4", "wan/3-0-video-prime"] {
        let (submitted, told, adopted) = job(bytes, &kie::JOBS, &JobSpec::Generate(clip(name)), "t1");
        taken |= submitted || told || adopted;
    }
    Seen::from(taken)
}

pub(crate) fn shotstack(bytes: &[u8]) -> Seen {
    let (submitted, told, adopted) = job(bytes, &shots::JOBS, &JobSpec::Render(render()), RENDER);
    Seen::from(submitted || told || adopted)
}

pub(crate) fn upload_post(bytes: &[u8]) -> Seen {
    // Almost every success is taken here, so what it tells of the post decides.
    let (_, told, _) = job(bytes, &post::JOBS, &JobSpec::Publish(publication()), JOB);
    Seen::from(told)
}

/// Whether a provider's answer is an accepted submission, a word about the task, a confirmation that the task is ours.
fn job(bytes: &[u8], provider: &dyn JobProvider, spec: &JobSpec, task_id: &str) -> (bool, bool, bool) {
    let (client, to) = (Provider::answering(bytes), settings());
    let submitted = submission(&now(jobs::submit(&client, provider, &to, &context(), spec)));
    let told = progress(&now(jobs::query(&client, provider, &to, spec, task_id)));
    let adopted = now(jobs::confirm(&client, provider, &to, spec, task_id, JOB));
    match now(jobs::find(&client, provider, &to, JOB)) {
        Some(Recovery::Found(task_id)) => assert_eq!(task_id, JOB),
        Some(Recovery::Unknown(fault)) => bounded(&fault),
        Some(Recovery::NotFound) | None => {}
    }
    (submitted, told, adopted.is_some_and(|adopted| adoption(bytes, &adopted)))
}

pub(crate) fn llm(bytes: &[u8]) -> Seen {
    let provider = Provider::answering(bytes);
    let mut taken = false;
    for api in [model::Api::OpenAi, model::Api::Anthropic] {
        let settings = model::Settings {
            api,
            base_url: "https://llm.example".into(),
            api_key: KEY.into(),
            model: "some-model".into(),
            dialect: model::Learnt::default(),
        };
        let ask = model::Ask {
            system: "You are iggy.",
            messages: &[model::Message::User("candles".into())],
            tools: &[],
            shape: Some(model::Shape { name: "storyboard", schema: &json!({}) }),
            answer_tokens_max: 1000,
        };
        match now(model::complete(&provider, &settings, &ask)) {
            Ok((answer, _)) => taken |= persona(answer),
            Err(fault) => bounded(&fault),
        }
        let mut told = String::new();
        let ask = model::Ask { shape: None, ..ask };
        match now(model::converse_streaming(&provider, &settings, &ask, &mut |piece| told.push_str(piece))) {
            Ok(answered) => {
                assert!(answered.calls.len() <= model::CALLS_MAX && answered.text.len() <= model::TEXT_BYTES_MAX);
                storable(&json!(answered.text));
                taken = true;
            }
            Err(fault) => bounded(&fault),
        }
    }
    Seen::from(taken)
}

/// JSON whose text is damaged: sound JSON is read as it is, whatever is read can be stored, and reading it again changes nothing.
pub(crate) fn damaged(bytes: &[u8]) -> Seen {
    let read = lenient::read(bytes);
    if let Ok(sound) = serde_json::from_slice::<Value>(bytes) {
        let read = read.as_ref().expect("sound JSON is read");
        assert!(read.repaired || read.value == sound);
    }
    let Some(read) = read else { return Seen::Refused };
    storable(&read.value);
    let again = lenient::read(read.value.to_string().as_bytes()).expect("what was read is JSON");
    assert!(!again.repaired && again.value == read.value);
    Seen::Taken
}

/// What a persona may say of a run of two clips, per role.
fn persona(answer: Value) -> bool {
    let run = crate::rules::started_run();
    [Role::Ideate, Role::Write, Role::Edit, Role::Sound, Role::Caption].into_iter().any(|role| {
        let Ok(output) = PersonaOutput::from_model(answer.clone(), role, &run) else { return false };
        storable(&json!(output));
        assert!(output.summary.chars().count() <= 2000 && output.sound.len() <= 5);
        match role {
            Role::Ideate => assert_eq!(output.headers.len(), run.body.clips.len()),
            Role::Write => assert_eq!(output.prompts.len(), run.body.clips.len()),
            Role::Caption => assert!(output.caption.is_some()),
            Role::Edit | Role::Sound => {}
        }
        matches!(role, Role::Ideate | Role::Write | Role::Caption)
    })
}

/// A call of a tool, `{"name": …, "arguments": …}`: only of what is there, on the user's own runs.
pub(crate) fn tool_call(bytes: &[u8]) -> Seen {
    let Ok(called) = serde_json::from_slice::<Value>(bytes) else { return Seen::Refused };
    let (name, arguments) = (called["name"].as_str().unwrap_or_default(), &called["arguments"]);
    let searched = tool::read(&PersonaTool::ALL, name, arguments);
    assert!(tool::read(&[], name, arguments).is_err(), "a tool that the step does not allow");
    let project = KnownProject {
        key: "aismr".into(),
        title: "AISMR".into(),
        keywords: Vec::new(),
        is_default: true,
        requests: Vec::new(),
        has_runs: true,
        ..KnownProject::default()
    };
    let run = KnownRun {
        run_id: "run-1".into(),
        project: "aismr".into(),
        status: Status::Running.into(),
        awaiting_gate: None,
    };
    let call = tools::read(name, arguments, &[project], &[run]);
    match &call {
        Ok(tools::Call::ExplainRun { run_id } | tools::Call::ResendLink { run_id }) => assert_eq!(run_id, "run-1"),
        Ok(tools::Call::StartRun { proposal: text } | tools::Call::SearchKnowledge { query: text, .. }) => {
            assert!(!text.trim().is_empty() && text.chars().count() <= 2000);
        }
        Ok(tools::Call::ListRuns | tools::Call::ProposeRun(_)) => {}
        Err(error) => assert!(error.to_string().chars().count() <= 2000),
    }
    Seen::from(call.is_ok() || searched.is_ok())
}

pub(crate) fn retry_after(bytes: &[u8]) -> Seen {
    let message = Message::read(bytes);
    let value = message.headers.iter().find(|(name, _)| name == "retry-after").map_or("", |(_, value)| value.as_str());
    let wait = mw_integrations::retry_after::seconds(value, 784_111_777);
    assert!(wait.is_none_or(|seconds| seconds <= LONGEST_WAIT_SECONDS));
    let order = JobSpec::Render(render());
    let asked = now(jobs::query(&Provider::answering(bytes), &shots::JOBS, &settings(), &order, RENDER));
    progress(&asked);
    Seen::from(asked.is_err_and(|fault| fault.retry_after_seconds.is_some()))
}

fn submission(submission: &Submission) -> bool {
    match submission {
        Submission::Accepted { task_id } => {
            assert!(!task_id.trim().is_empty());
            storable(&json!(task_id));
            assert!(task_id.len() <= 512, "no index holds a longer one");
            true
        }
        Submission::Refused(fault) => {
            bounded(fault);
            false
        }
        Submission::Unanswered(message) => {
            storable(&json!(message));
            false
        }
    }
}

fn progress(progress: &Result<Progress, Fault>) -> bool {
    match progress {
        Ok(Progress::Done(output)) => {
            let known = ["https://", "http://", "upload-post://"].iter().any(|scheme| output.url.starts_with(scheme));
            assert!(known, "{}", output.url);
            storable(&json!(output.url));
            assert!(output.url.len() <= 10_000);
            true
        }
        Ok(Progress::Failed(fault)) => {
            bounded(fault);
            true
        }
        Ok(Progress::Running) => false,
        Err(fault) => {
            bounded(fault);
            false
        }
    }
}

/// Nothing is adopted that does not name our job.
fn adoption(bytes: &[u8], adoption: &Adoption) -> bool {
    match adoption {
        Adoption::Ours => assert!(String::from_utf8_lossy(bytes).contains(JOB), "a stranger's task is ours"),
        Adoption::Unknown(fault) => bounded(fault),
        Adoption::NotOurs => {}
    }
    *adoption == Adoption::Ours
}

fn bounded(fault: &Fault) {
    assert!(fault.message.chars().count() <= 500 && fault.code.chars().count() <= 500);
    assert!(fault.retry_after_seconds.is_none_or(|seconds| seconds <= LONGEST_WAIT_SECONDS));
    assert!(!fault.to_string().contains(KEY), "the key is told: {fault}");
    storable(&json!(fault));
}

fn settings() -> Settings {
    Settings { base_url: "https://provider.example".into(), api_key: KEY.into() }
}

fn context() -> JobContext {
    JobContext {
        run_id: "run-1".into(),
        job_id: JOB.into(),
        callback_url: Some(format!("https://us.example/v1/webhooks/p?run_id=run-1&job={JOB}")),
        idempotency_key: format!("{JOB}:1"),
    }
}

fn clip(model: &str) -> GenerateSpec {
    GenerateSpec {
        index: 0,
        subject: "sun".into(),
        header: "pickle".into(),
        prompt: "A sun made of pickles".into(),
        model: model.into(),
        duration_seconds: 8.0,
        quality: "1080p".into(),
        aspect_ratio: "9:16".into(),
    }
}

fn render() -> RenderSpec {
    let clip = RenderClip {
        index: 0,
        url: "https://clips.example/0.mp4".into(),
        subject: "sun".into(),
        header: "pickle".into(),
        duration_seconds: 8.0,
    };
    RenderSpec {
        clips: vec![clip],
        overlay: OverlayStyle::default(),
        resolution: "hd".into(),
        aspect_ratio: "9:16".into(),
        effects: true,
    }
}

fn publication() -> PublishSpec {
    PublishSpec {
        video_url: "https://videos.example/final.mp4".into(),
        caption: "Moon & sun".into(),
        title: "Moon and sun".into(),
        account: "AISMR".into(),
        platforms: vec!["tiktok".into()],
        disclosure: Default::default(),
    }
}
