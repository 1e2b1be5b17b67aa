//! POST /v1/chat/brendan: core plans the turn, this module carries it out and says it. Brendan hands out links and never
//! approves; he knows only the runs of the user who asks.

pub(crate) mod ask;

use crate::auth;
use crate::body::{self, Fields};
use crate::context::Context;
use crate::limits::CHAT_BRENDAN;
use crate::links::Reader;
use crate::problem::{self, Problem};
use crate::reply::Reply;
use crate::request::{Method, Request};
use crate::response::Response;
use crate::run_start::Begin;
use crate::{clock, definitions, drain, kick, reply, route};
use mw_core::brendan::rules::{self, Intent};
use mw_core::brendan::{KnownProject, KnownRun, Proposal};
use mw_core::definition::{Definition, Step};
use mw_core::run::Run;
use mw_store::channels::UpdateKey;
use mw_store::chat::{ChatLoaded, Decision, Said, Turn};
use mw_store::knowledge::answer;
use serde_json::{Map, Value, json};

pub(crate) const USER_ID_LENGTH_MAX: usize = 100;
pub(crate) const MESSAGE_LENGTH_MAX: usize = 8000;

pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    context.route = "/v1/chat/brendan";
    if request.header(ask::SEAL_HEADER).is_some() {
        let (asked, caller) = ask::open(request, context)?;
        return have(context, Ok(asked), &caller);
    }
    auth::require(request, context)?;
    if let Some(answer) = route::allow(request, &[Method::Post])? {
        return Ok(answer);
    }
    let caller = auth::limiter_subject(request, context);
    let asked = parse(request);
    have(context, asked, &caller)
}

/// Counts a turn, loads what it needs, and has it. Bodies that fail validation count too.
fn have(context: &mut Context, asked: Result<Asked, Problem>, caller: &str) -> Result<Response, Problem> {
    let user_id = asked.as_ref().map_or("", |asked| asked.user_id.as_str());
    let limit = CHAT_BRENDAN.limit(&context.config, caller)?;
    let key_hash = context.claimed_key();
    let mut loaded = mw_store::chat::load(context.connection()?, clock::now(), key_hash.as_deref(), user_id, &limit)?;
    context.admit(loaded.principal.take())?;
    let headers = CHAT_BRENDAN.check(loaded.limit.as_ref())?;
    let answered = match &loaded.draining {
        Some(draining) => Err(drain::refusal(draining.reason.as_deref())),
        None => asked.and_then(|mut asked| {
            name_the_key(context, &mut asked)?;
            context.ride(200);
            converse(context, &asked, &loaded)
        }),
    };
    match answered {
        Ok(spoken) => Ok(spoken.into_response().with_headers(headers)),
        Err(problem) => Err(problem.with_headers(&headers)),
    }
}

/// Who came with a key is named by it; a sealed turn names the person itself.
fn name_the_key(context: &mut Context, asked: &mut Asked) -> Result<(), Problem> {
    if context.principal().is_none() {
        return Ok(());
    }
    if let Reader::Person(name) = &mut asked.reader {
        *name = context.actor(&asked.user_id)?;
    }
    asked.started_by = context.name()?;
    Ok(())
}

/// One message to Brendan.
pub struct Asked {
    pub user_id: String,
    /// Whom links are made for: the user, where the environment's key asks for many; else whoever has the key; nobody where a
    /// program reads the answer.
    pub reader: Reader,
    pub message: String,
    /// Who starts the runs that it asks for.
    pub started_by: String,
    /// The bot's update that brought it.
    pub update: Option<UpdateKey>,
}

/// What Brendan said.
pub struct Spoken {
    pub text: String,
    /// The user's runs, oldest first.
    pub run_ids: Vec<String>,
    /// Whether to wake the dispatcher.
    pub kick: bool,
    /// The passages that the answer is made of: `doc_id`, `path` and `reason` of each.
    pub citations: Value,
}

impl Spoken {
    fn into_response(self) -> Response {
        let response = Response::ok(&json!({
            "response": self.text,
            "runId": self.run_ids.last(),
            "run_ids": self.run_ids,
            "citations": self.citations,
        }));
        if self.kick { response.then(kick::dispatch) } else { response }
    }
}

/// Reads the body.
pub fn parse(request: &mut Request) -> Result<Asked, Problem> {
    read(&body::json_object(request)?)
}

/// Reads a body's members.
pub(crate) fn read(members: &Map<String, Value>) -> Result<Asked, Problem> {
    let mut fields = Fields::new(members, "#");
    let user_id = fields.required_text("user_id", 1, USER_ID_LENGTH_MAX);
    let message = fields.required_text("message", 1, MESSAGE_LENGTH_MAX);
    if user_id.chars().any(char::is_control) {
        fields.fail("user_id", "Input should not contain control characters");
    }
    let reader = match fields.text("reader", 1, 20).as_deref() {
        None | Some("person") => Reader::Person(user_id.clone()),
        Some("program") => Reader::Program,
        Some(_) => {
            fields.fail("reader", "Input should be 'person' or 'program'");
            Reader::Program
        }
    };
    fields.finish()?;
    Ok(Asked { reader, started_by: user_id.clone(), user_id, message, update: None })
}

/// Plans a turn, carries it out and keeps it.
pub fn converse(context: &mut Context, asked: &Asked, loaded: &ChatLoaded) -> Result<Spoken, Problem> {
    let projects: Vec<KnownProject> = loaded.projects.iter().map(|project| project.known.clone()).collect();
    let runs: Vec<KnownRun> = loaded.runs.iter().map(|run| run.known.clone()).collect();
    let mut reply = Reply::default();
    let mut citations = json!([]);
    let mut decision = None;
    reply::notices(&mut reply, context, &asked.reader, loaded)?;
    match rules::plan(&asked.message, &projects, &runs) {
        Intent::Start(proposal) => return start(context, asked, loaded, *proposal, reply),
        Intent::ShowStatus { run_id } => reply::status(&mut reply, loaded, run_id.as_deref()),
        Intent::ListRuns => reply::runs(&mut reply, loaded),
        Intent::SendLink { run_id } => {
            reply::link(&mut reply, context, &asked.reader, loaded, run_id.as_deref())?;
        }
        Intent::AskBack { question } => {
            decision = Some(Decision::Clarify);
            reply.say(question);
        }
        Intent::Decline => {
            decision = Some(Decision::Decline);
            let answer = answer(context.database()?, &asked.message)?;
            reply.say(answer.text.as_deref().unwrap_or(reply::HELP));
            citations = answer.citations;
        }
    }
    let turn = turn(asked, loaded, reply.kept(), decision);
    mw_store::chat::save(context.database()?, clock::now(), &turn)?;
    Ok(Spoken { text: reply.text(), run_ids: known_runs(loaded), kick: false, citations })
}

/// Starts the proposed run; run and conversation are one statement.
fn start(
    context: &mut Context,
    asked: &Asked,
    loaded: &ChatLoaded,
    proposal: Proposal,
    mut reply: Reply,
) -> Result<Spoken, Problem> {
    let project = loaded.projects.iter().find(|project| project.known.key == proposal.project);
    let Some(project) = project.filter(|project| project.known.has_runs) else {
        return Err(problem::unavailable("no project is loaded").because(format!("{} is missing", proposal.project)));
    };
    let version = project.project_version();
    let definition = definitions::get(context, &version)?;
    let options = options(asked, &proposal, &definition);
    let title = project.known.title.clone();
    let started_by = asked.started_by.clone();
    let begin = Begin { version, started_by, input: proposal.input, options, skip: proposal.skip, add: proposal.add };
    let keep = |run: &Run| {
        let kept = [reply.kept(), reply::started_text(&title, run)];
        let kept: Vec<String> = kept.into_iter().filter(|text| !text.is_empty()).collect();
        turn(asked, loaded, kept.join("\n\n"), Some(Decision::Run))
    };
    let begun = begin.carry_out(context, None, Some(&keep))?;
    context.log.about_run(&begun.run_id);
    reply::started(&mut reply, context, &asked.reader, &title, &begun.run)?;
    let mut run_ids = known_runs(loaded);
    run_ids.push(begun.run_id.clone());
    Ok(Spoken { text: reply.text(), run_ids, kick: begun.kick, citations: json!([]) })
}

fn turn(asked: &Asked, loaded: &ChatLoaded, kept: String, decision: Option<Decision>) -> Turn {
    let said = |role: &str, content: String| Said { role: role.to_owned(), content };
    Turn {
        user_id: asked.user_id.clone(),
        messages: vec![said("user", asked.message.clone()), said("brendan", kept)],
        told_until: loaded.notices.last().map_or(0, |notice| notice.message_id),
        update: asked.update.clone(),
        decision,
    }
}

/// The user's runs, oldest first.
fn known_runs(loaded: &ChatLoaded) -> Vec<String> {
    loaded.runs.iter().rev().map(|run| run.known.run_id.clone()).collect()
}

/// What the run remembers of the conversation that started it.
fn options(asked: &Asked, proposal: &Proposal, definition: &Definition) -> Value {
    let mut pipeline = Vec::new();
    let mut gates = Vec::new();
    for step in &definition.steps {
        let added = definition
            .optional_personas
            .iter()
            .filter(|optional| optional.before == step.name() && proposal.add.contains(&optional.persona));
        pipeline.extend(added.map(|optional| optional.persona.clone()));
        match step {
            Step::Gate { gate, .. } => gates.push(gate.as_str()),
            _ if proposal.skip.iter().any(|name| name == step.name()) => {}
            _ => pipeline.push(step.name().to_owned()),
        }
    }
    json!({
        "entrypoint": "brendan",
        "user_id": asked.user_id,
        "classification": {
            "project": proposal.project,
            "object": proposal.input.object,
            "complexity": proposal.complexity,
            "skip_steps": proposal.skip,
            "optional_personas": proposal.add,
            "confidence": proposal.confidence,
        },
        "requested_pipeline": pipeline,
        "requested_hitl_gates": gates,
        "complexity": proposal.complexity,
        "optional_personas": proposal.add,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::request;

    #[test]
    fn a_turn_needs_a_user_and_a_message() {
        let parsed = |body: &str| parse(&mut request("POST", "/", &[], body));
        assert!(parsed(r#"{"user_id":"ann","message":"hello","more":1}"#).is_ok());
        for body in [
            "{}",
            r#"{"user_id":"ann"}"#,
            r#"{"user_id":"","message":"x"}"#,
            r#"{"user_id":"a\nb","message":"x"}"#,
            r#"{"user_id":"ann","message":"x","reader":"robot"}"#,
        ] {
            assert_eq!(parsed(body).err().unwrap().status, 422, "{body}");
        }
        let long = format!(r#"{{"user_id":"ann","message":"{}"}}"#, "x".repeat(8001));
        assert_eq!(parsed(&long).err().unwrap().errors[0].pointer, "#/message");
    }
}
