//! /console/start: a form for each project, made from what is loaded, and the run that it starts.

use super::form::Form;
use super::runs::run_path;
use super::view::{Frame, Place, page};
use super::visitor::{Guest, Visitor};
use super::{Answer, see_other};
use askama::Template;
use mw_edge::{Context, clock, idempotency, kick};
use mw_kernel::principal::Role;
use mw_media::definition::{Definition, Step};
use mw_operations::start::{Start, body};
use mw_store::commit::Idempotency;
use serde_json::{Map, Value, json};

#[derive(Template)]
#[template(path = "start.html")]
struct Page {
    frame: Frame,
    token: String,
    projects: Vec<Project>,
    may_start: bool,
    /// The same form sent twice starts one run; filled in otherwise it starts another.
    once: String,
}

struct Project {
    key: String,
    title: String,
    description: String,
    version: String,
    clips: u32,
    model: String,
    gates: String,
    platforms: String,
    guardrails: Vec<String>,
}

pub(super) fn show(guest: &Guest, context: &mut Context) -> Answer {
    let seen = mw_store::console::start(context.connection()?, guest.visit())?;
    let visitor = guest.admit(seen.shell, context)?;
    let projects = seen.page.projects.iter().filter_map(project).collect();
    Ok(page(
        200,
        &Page {
            frame: Frame::of("Start a run", Place::Start, &visitor),
            token: visitor.token.clone(),
            projects,
            may_start: visitor.may(Role::Approver),
            once: uuid::Uuid::new_v4().to_string(),
        },
    )?)
}

/// `None` for a project that only chats.
fn project(definition: &Definition) -> Option<Project> {
    let settings = definition.settings.as_ref().filter(|_| definition.has_runs())?;
    let gates = definition.steps.iter().filter(|step| matches!(step, Step::Gate { .. })).map(Step::name);
    Some(Project {
        key: definition.key.clone(),
        title: definition.title.clone(),
        description: definition.description.clone(),
        version: definition.version.clone(),
        clips: settings.clips.count,
        model: settings.clips.model.clone(),
        gates: gates.collect::<Vec<_>>().join(", "),
        platforms: settings.publish.platforms.join(", "),
        guardrails: settings.sentences(),
    })
}

/// POST /console/start/begin.
pub(super) fn act(visitor: &Visitor, form: &Form, context: &mut Context) -> Answer {
    let body = body::read(&members(visitor, form))?;
    let caller = visitor.caller();
    let limit = context.limit(&caller)?;
    let (project, user_id) = (&body.project, body.user_id());
    let loaded = mw_store::runs::start_load(context.database()?, clock::now(), None, project, user_id, &limit)?;
    context.count(loaded.limit.as_ref())?;
    let fingerprint = idempotency::fingerprint(&body.payload);
    let key = format!("{}-{fingerprint}", form.text("once").chars().take(40).collect::<String>());
    let idempotency = Idempotency { caller: format!("console:{}", visitor.principal.name), key, fingerprint };
    let start = Start::of(body, loaded, context.name()?)?;
    let started = start.commit(context, Some(idempotency), None)?;
    let response = see_other(run_path(&started.run_id));
    Ok(if started.kick { response.then(kick::dispatch) } else { response })
}

/// The form as the API's body.
fn members(visitor: &Visitor, form: &Form) -> Map<String, Value> {
    let mut input = Map::new();
    for name in ["title", "prompt", "object", "subject", "topic"] {
        if !form.text(name).is_empty() {
            input.insert(name.to_owned(), form.text(name).trim().into());
        }
    }
    let modifiers: Vec<&str> = form.text("modifiers").lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if !modifiers.is_empty() {
        input.insert("modifiers".to_owned(), json!(modifiers));
    }
    let options = json!({"entrypoint": "console", "user_id": visitor.principal.name});
    let body = json!({"project": form.text("project"), "input": input, "options": options});
    body.as_object().cloned().unwrap_or_default()
}
