//! What a media run's own events are in its trace: the chat that started it, its steps, its personas, and its jobs with the
//! calls about them. The rest is the kernel's ([`mw_kernel::trace`]).

use crate::job::JobKind;
use crate::run::MediaEventName;
use crate::status::{ProvidersMode, Status};
use mw_kernel::trace::{Key, Line, Outcome, Tree};
use serde_json::Value;

/// What `options.entrypoint` of a run says that was started in chat.
const ENTRYPOINT: &str = "brendan";
const CHAT: Key = Key::Beside("chat");
const PERSONA: Key = Key::Within("persona");

pub(super) fn started(tree: &mut Tree<'_>, line: &Line) {
    let entrypoint = line.data.get("options").and_then(|options| options.get("entrypoint"));
    if entrypoint.and_then(Value::as_str) == Some(ENTRYPOINT) {
        tree.begin(CHAT, "brendan-chat".to_owned(), line, []);
        tree.end(&CHAT, line.at, Outcome::Ok);
    }
}

pub(super) fn take(tree: &mut Tree<'_>, line: &Line) {
    let Some(name) = MediaEventName::parse(&line.name) else { return tree.mark_run(line) };
    let (at, job_id) = (line.at, line.text("job_id"));
    match name {
        MediaEventName::StepStarted => {
            tree.end_work(at);
            let step = [("step", line.number("step").into())];
            tree.begin(Key::Step, format!("step {}", line.text("name")), line, step);
        }
        MediaEventName::PersonaRequested => persona(tree, line),
        MediaEventName::PersonaFinished => persona_finished(tree, line),
        MediaEventName::JobRequested => job(tree, line, "submit"),
        MediaEventName::JobAdopted => job(tree, line, "poll"),
        MediaEventName::JobSubmitted => {
            tree.end(&Key::Call("submit", job_id.to_owned()), at, Outcome::Ok);
            tree.begin(Key::Call("poll", job_id.to_owned()), "poll".to_owned(), line, []);
        }
        MediaEventName::JobSubmissionRepeated | MediaEventName::JobEffectRestored => {
            tree.mark(&Key::Job(job_id.to_owned()), line);
        }
        MediaEventName::JobSucceeded => tree.end_job(job_id, at, Outcome::Ok),
        MediaEventName::JobFailed => tree.end_job(job_id, at, Outcome::Error(line.text("code").to_owned())),
        MediaEventName::JobReplaced => tree.end_job(job_id, at, Outcome::Error("replaced".to_owned())),
        MediaEventName::JobRetried => {
            tree.end_job(job_id, at, Outcome::Unset);
            job(tree, line, "submit");
        }
        MediaEventName::ClipAdopted => tree.mark(&Key::Step, line),
        MediaEventName::RunPublished => tree.finish(Status::Published.as_str(), Outcome::Ok, at),
    }
}

fn persona(tree: &mut Tree<'_>, line: &Line) {
    let persona = line.text("persona");
    tree.begin(PERSONA, format!("persona {persona}"), line, [("persona", persona.into())]);
}

/// One that speaks by rule is asked and answers in the same event.
fn persona_finished(tree: &mut Tree<'_>, line: &Line) {
    if !tree.is_open(&PERSONA) {
        persona(tree, line);
    }
    if let Some(model) = line.text("source").strip_prefix("model:") {
        tree.say(&PERSONA, "gen_ai.operation.name", "chat".into());
        tree.say(&PERSONA, "gen_ai.request.model", model.into());
    }
    tree.end(&PERSONA, line.at, Outcome::Ok);
}

/// A job and its first call. One that is asked for again is what it was.
fn job(tree: &mut Tree<'_>, line: &Line, call: &'static str) {
    let job_id = line.text("job_id");
    let told = JobKind::parse(line.text_in("spec", "kind")).map(|kind| format!("{} {kind}", line.text("provider")));
    let Some(order) = told.or_else(|| tree.note(job_id).map(str::to_owned)) else { return };
    tree.keep(job_id, &order);
    let provider = match tree.mode() {
        ProvidersMode::Mock => "mock",
        ProvidersMode::Sim | ProvidersMode::Live => order.split(' ').next().unwrap_or_default(),
    };
    let attributes = [("provider", provider.into()), ("job_id", job_id.into())];
    tree.begin(Key::Job(job_id.to_owned()), order.clone(), line, attributes);
    tree.begin(Key::Call(call, job_id.to_owned()), call.to_owned(), line, []);
}
