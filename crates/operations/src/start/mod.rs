//! POST /v1/runs/start, and what it shares with chat: a definition and an input become a committed run.

use crate::auth;
use crate::body::{self, Fields};
use crate::commands::new_id;
use crate::config::Config;
use crate::context::Context;
use crate::limits::RUNS_START;
use crate::problem::{self, FieldError, Problem};
use crate::request::{Method, Request};
use crate::response::Response;
use crate::{clock, definitions, drain, idempotency, kick, llm, route, startup};
use mw_core::run::{self, Input, InputError, PersonaSource, Run, StartRequest};
use mw_core::status::ProvidersMode;
use mw_store::chat::Turn;
use mw_store::commit::{Committed, Decision, Idempotency};
use mw_store::runs::{ProjectVersion, StartLoaded};
use serde_json::{Map, Value, json};

const USER_ID_LENGTH_MAX: usize = 200;

pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    context.route = "/v1/runs/start";
    auth::require(request, context)?;
    if let Some(answer) = route::allow(request, &[Method::Post])? {
        return Ok(answer);
    }
    // Bodies that fail validation count too, so the limit is asked before the fault is told.
    let wish = idempotency::key(request).and_then(|key| Ok((key, parse(request)?)));
    let project = wish.as_ref().map_or("", |(_, wish)| wish.project.as_str());
    let user_id = wish.as_ref().ok().and_then(|(_, wish)| wish.user_id());
    let caller = auth::limiter_subject(request, context);
    let limit = RUNS_START.limit(&context.config, &caller)?;
    let key_hash = context.claimed_key();
    let (database, now) = (context.connection()?, clock::now());
    let mut loaded = mw_store::runs::start_load(database, now, key_hash.as_deref(), project, user_id, &limit)?;
    context.admit(loaded.principal.take())?;
    let headers = RUNS_START.check(loaded.limit.as_ref())?;
    let (key, wish) = wish.map_err(|problem| problem.with_headers(&headers))?;
    let said = wish.user_id().unwrap_or_default();
    context.require_own(loaded.is_somebody_else, said).map_err(|problem| problem.with_headers(&headers))?;
    let started_by = context.name()?;
    // By name, so that a repetition with the next key is one too.
    let idempotency = key.map(|key| Idempotency {
        caller: format!("principal:{started_by}"),
        key,
        fingerprint: idempotency::fingerprint(&wish.payload),
    });
    context.ride(200);
    let begun = Begin::wished(wish, loaded, started_by)
        .and_then(|begin| begin.carry_out(context, idempotency, None))
        .map_err(|problem| problem.with_headers(&headers))?;
    context.log.about_run(&begun.run_id);
    let response = Response::ok(&json!({"runId": begun.run_id, "status": begun.run.status.as_str()}));
    let response = response.with_headers(headers);
    Ok(if begun.kick { response.then(kick::dispatch) } else { response })
}

/// The request's body.
pub struct Wish {
    pub project: String,
    pub input: Input,
    pub options: Value,
    /// What an Idempotency-Key is bound to.
    pub payload: Value,
}

impl Wish {
    /// The user whom the body names, who need not be the caller's to name.
    pub(crate) fn user_id(&self) -> Option<&str> {
        self.options.get("user_id").and_then(Value::as_str)
    }
}

/// Reads the body; every fault in it is told at once.
pub fn parse(request: &mut Request) -> Result<Wish, Problem> {
    read(&body::json_object(request)?)
}

/// Reads a body's members.
pub(crate) fn read(members: &Map<String, Value>) -> Result<Wish, Problem> {
    let mut fields = Fields::new(members, "#");
    let project = fields.required_text("project", 1, 64);
    let input = fields.required_object("input");
    let options = fields.object("options").cloned().unwrap_or_default();
    let mut errors = fields.errors;
    let input = input.map(|input| parse_input(input, &mut errors)).unwrap_or_default();
    let mut option_fields = Fields::new(&options, "#/options");
    if option_fields.text("user_id", 1, USER_ID_LENGTH_MAX).is_some_and(|text| text.chars().any(char::is_control)) {
        option_fields.fail("user_id", "Input should not contain control characters");
    }
    errors.append(&mut option_fields.errors);
    if !errors.is_empty() {
        return Err(problem::invalid(errors));
    }
    let payload = json!({"project": project, "input": input, "options": options});
    Ok(Wish { project, input, options: Value::Object(options), payload })
}

/// The types are checked here, the rules by core.
fn parse_input(members: &Map<String, Value>, errors: &mut Vec<FieldError>) -> Input {
    let mut fields = Fields::new(members, "#/input");
    let mut text = |name: &str| fields.text(name, 0, usize::MAX);
    let [title, prompt, object, subject, topic] = ["title", "prompt", "object", "subject", "topic"].map(&mut text);
    let modifiers = fields.texts("modifiers");
    let input = Input { title, prompt, object, subject, topic, modifiers };
    if fields.errors.is_empty() {
        errors.extend(field_errors(input.errors()));
    }
    errors.append(&mut fields.errors);
    input
}

pub fn field_errors(errors: Vec<run::FieldError>) -> impl Iterator<Item = FieldError> {
    errors.into_iter().map(|error| FieldError::new(error.pointer, error.detail))
}

/// Names the projects that are loaded, as the original named its two.
fn unknown_project(known: &[String]) -> Problem {
    let quoted: Vec<String> = known.iter().map(|key| format!("'{key}'")).collect();
    let detail = match quoted.split_last() {
        None => "no project is loaded".to_owned(),
        Some((last, [])) => format!("Input should be {last}"),
        Some((last, first)) => format!("Input should be {} or {last}", first.join(", ")),
    };
    problem::invalid_field("#/project", detail)
}

/// A run about to begin.
pub struct Begin {
    pub version: ProjectVersion,
    /// Name of the principal that starts it.
    pub started_by: String,
    /// For whom; `None` for a user of the run's own.
    pub user_id: Option<String>,
    pub input: Input,
    pub options: Value,
    pub skip: Vec<String>,
    pub add: Vec<String>,
}

/// A run that has begun; for a repeated Idempotency-Key the one that began then.
pub struct Begun {
    pub run_id: String,
    pub run: Run,
    pub kick: bool,
}

impl Begin {
    /// A start from a body: 422 when its project is not loaded.
    pub(crate) fn wished(wish: Wish, loaded: StartLoaded, started_by: String) -> Result<Begin, Problem> {
        let StartLoaded { project, known, user_id, .. } = loaded;
        let version = project.filter(|project| known.contains(&project.key)).ok_or_else(|| unknown_project(&known))?;
        let Wish { input, mut options, .. } = wish;
        if let (Some(said), Some(user_id)) = (options.get_mut("user_id"), &user_id) {
            *said = user_id.as_str().into();
        }
        Ok(Begin { version, started_by, user_id, input, options, skip: Vec::new(), add: Vec::new() })
    }

    /// Starts the run and keeps the conversation's turn, where there is one, in the same statement.
    pub fn carry_out(
        self,
        context: &mut Context,
        idempotency: Option<Idempotency>,
        chat: Option<&dyn Fn(&Run) -> Turn>,
    ) -> Result<Begun, Problem> {
        let mode = startup::mode(&context.config)?;
        let definition = definitions::get(context, &self.version)?;
        let request = self.request(&context.config, mode, definition);
        let now = clock::now();
        let mut new_id = new_id;
        let transition = run::start(request, &mut run::Context { now, new_id: &mut new_id }).map_err(invalid_input)?;
        let run = transition.run.clone();
        let chat = chat.map(|turn| turn(&run));
        let decision = Decision { transition: Some(transition), idempotency, chat, ..Decision::default() };
        let answer = mw_store::commit::commit(context.database()?, now, std::slice::from_ref(&decision))?;
        match answer.results.into_iter().next() {
            Some(Committed::Committed) => Ok(Begun { run_id: run.run_id.clone(), run, kick: answer.kick }),
            Some(Committed::Replay { run_id }) => Ok(Begun { run_id, run, kick: false }),
            Some(Committed::Mismatch { .. }) => Err(problem::idempotency_key_reused()),
            Some(Committed::OverBudget { used, limit }) => Err(problem::budget_exhausted(used, limit, now)),
            Some(Committed::Draining { reason }) => Err(drain::refusal(reason.as_deref())),
            Some(Committed::Conflict { .. } | Committed::Fenced { .. }) | None => {
                Err(problem::internal().because("unexpected result of runs_commit"))
            }
        }
    }

    fn request(
        self,
        config: &Config,
        mode: ProvidersMode,
        definition: mw_core::definition::Definition,
    ) -> StartRequest {
        let run_id = new_id();
        StartRequest {
            user_id: self.user_id.unwrap_or_else(|| format!("user_{}", run_id.get(..8).unwrap_or_default())),
            started_by: Some(self.started_by),
            run_id,
            digest: self.version.digest,
            definition,
            input: self.input,
            options: self.options,
            mode,
            personas: personas(config, mode),
            skip: self.skip,
            add: self.add,
        }
    }
}

/// A language model speaks for the personas when there is a key for one; never in mock mode, which needs no network.
fn personas(config: &Config, mode: ProvidersMode) -> PersonaSource {
    match (mode, llm::has_model(config)) {
        (ProvidersMode::Sim | ProvidersMode::Live, true) => PersonaSource::Model,
        _ => PersonaSource::Rules,
    }
}

fn invalid_input(error: InputError) -> Problem {
    match error {
        InputError::Fields(errors) => problem::invalid(field_errors(errors).collect()),
        InputError::NoRuns(_) => problem::invalid_field("#/project", error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::config;
    use crate::request::tests::request;

    fn parsed(body: &str) -> Result<Wish, Problem> {
        parse(&mut request("POST", "/v1/runs/start", &[("content-type", "application/json")], body))
    }

    fn pointers(body: &str) -> Vec<String> {
        parsed(body).err().unwrap().errors.into_iter().map(|error| error.pointer).collect()
    }

    #[test]
    fn unknown_members_are_dropped_and_options_are_free() {
        let wish = parsed(
            r#"{"project":"aismr","input":{"object":"candle","extra":1},"options":{"user_id":"ann","x":[1]},"more":true}"#,
        )
        .unwrap();
        assert_eq!(wish.input.object.as_deref(), Some("candle"));
        assert_eq!(wish.options["x"], json!([1]));
        assert!(!wish.payload.to_string().contains("extra"));
    }

    #[test]
    fn every_fault_is_told_at_once() {
        assert_eq!(pointers("{}"), ["#/project", "#/input"]);
        assert_eq!(pointers(r#"{"project":"aismr","input":{}}"#), ["#/input"]);
        assert_eq!(
            pointers(r#"{"project":7,"input":{"title":1,"modifiers":"x"},"options":{"user_id":""}}"#),
            ["#/project", "#/input/title", "#/input/modifiers", "#/options/user_id"]
        );
        assert_eq!(pointers(r#"{"project":"aismr","input":[],"options":1}"#), ["#/input", "#/options"]);
        let missing = parsed(r#"{"project":"aismr","input":{"title":null}}"#).err().unwrap();
        assert!(missing.detail.contains("Provide at least one of title, prompt, object, subject, or topic"));
    }

    #[test]
    fn an_unknown_project_is_told_the_known_ones() {
        let known = |keys: &[&str]| unknown_project(&keys.iter().map(|key| key.to_string()).collect::<Vec<_>>()).detail;
        assert_eq!(known(&["aismr", "test_video_gen"]), "Input should be 'aismr' or 'test_video_gen'");
        assert_eq!(known(&["aismr"]), "Input should be 'aismr'");
        assert_eq!(known(&[]), "no project is loaded");
    }

    #[test]
    fn a_model_speaks_only_with_a_key_and_a_network() {
        let with_key = config(&[("openai_api_key", "k")]);
        assert_eq!(personas(&with_key, ProvidersMode::Mock), PersonaSource::Rules);
        assert_eq!(personas(&with_key, ProvidersMode::Sim), PersonaSource::Model);
        assert_eq!(personas(&config(&[]), ProvidersMode::Live), PersonaSource::Rules);
    }
}
