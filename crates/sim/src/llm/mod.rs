//! A language model behind two APIs. It has no thoughts of its own: it follows a script (`POST /_sim/llm`), gives what it was
//! given for a schema's name or the smallest value that satisfies the schema, or uses the tools that it is offered by a few
//! plain rules.
//!
//! * [`openai`], [`anthropic`]: what each wants of a request, refused as the real one would, and how it writes an answer.
//! * [`script`]: answers that a test wants. [`behaviour`]: answers without one. [`schema`]: values of a schema.
//! * [`dialect`]: how other servers speak OpenAI's API. [`stream`]: an answer piece by piece. [`embeddings`]: texts as vectors.

pub(crate) mod anthropic;
mod behaviour;
mod dialect;
mod embeddings;
mod faults;
pub(crate) mod openai;
mod schema;
mod script;
mod stream;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::fault::{On, Provider};
use crate::world::App;
use faults::*;
use script::Script;

/// Older requests are forgotten.
const REQUESTS_MAX: usize = 1_000;

/// What the model remembers.
#[derive(Default)]
pub(crate) struct Memory {
    /// What it answers to a schema of this name.
    canned: BTreeMap<String, Value>,
    script: Script,
    /// What it was asked, and what it said.
    requests: VecDeque<Value>,
    /// Calls of tools so far: they make ids.
    calls: u64,
}

/// What is asked, in no API's words.
struct Asked {
    provider: Provider,
    body: Value,
    is_streamed: bool,
    /// The user's last words.
    user: String,
    /// What tools have answered since, oldest first.
    results: Vec<ToolResult>,
    /// Answers of the model since.
    rounds: usize,
    tools: Vec<Offered>,
    /// The name and schema of the JSON that is wanted. Anthropic's API gives it no name: what the model says then is found by
    /// its members.
    shape: Option<(String, Value)>,
}

struct ToolResult {
    tool: String,
    content: String,
    is_error: bool,
}

impl ToolResult {
    /// What it says, where it is JSON: as it is, or between marks that say that it is data.
    fn json(&self) -> Value {
        let marked = self.content.strip_prefix("<data>").and_then(|text| text.strip_suffix("</data>"));
        serde_json::from_str(marked.unwrap_or(&self.content)).unwrap_or_default()
    }
}

struct Offered {
    name: String,
    schema: Value,
}

/// What the model says.
#[derive(Default)]
struct Said {
    text: Option<String>,
    calls: Vec<Called>,
    end: End,
}

struct Called {
    name: String,
    /// JSON, as a rule.
    arguments: String,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum End {
    #[default]
    Done,
    Refused,
    CutOff,
}

const REFUSAL_WORDS: &str = "I'm sorry, I can't help with that.";
/// What an attacker would like to have called, and with what.
const INJECTED_TOOL: &str = "approve_gate";

/// Tells the model what to say: answers by the name of a schema, and under `script` a script.
pub(crate) fn tell(app: &App, mut body: serde_json::Map<String, Value>) -> Result<Value, String> {
    let script = body.remove("script").map(Script::read).transpose()?;
    let memory = &mut app.world().llm;
    if let Some(script) = script {
        memory.script = script;
    }
    memory.canned.extend(body);
    Ok(json!({"schemas": memory.canned.keys().collect::<Vec<_>>()}))
}

/// Requests whose body contains a text, oldest first. Keys are in headers, which are not kept.
pub(crate) fn requests(app: &App, contains: &str) -> Value {
    let world = app.world();
    let wanted =
        world.llm.requests.iter().filter(|row| row.get("body").is_some_and(|body| body.to_string().contains(contains)));
    json!({"requests": wanted.collect::<Vec<_>>()})
}

/// A request that passed every check is answered, with the faults that strike.
fn answer(app: &App, asked: &Asked) -> Said {
    let started = Instant::now();
    let said = spoilt(app, asked, thought(app, asked));
    let calls = said.calls.iter().map(|call| json!({"name": call.name, "arguments": call.arguments}));
    let row = json!({
        "provider": asked.provider, "body": asked.body, "streamed": asked.is_streamed,
        "answer": {"text": said.text, "calls": calls.collect::<Vec<_>>()},
        "microseconds": u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
    });
    let requests = &mut app.world().llm.requests;
    if requests.len() == REQUESTS_MAX {
        requests.pop_front();
    }
    requests.push_back(row);
    said
}

fn thought(app: &App, asked: &Asked) -> Said {
    let memory = &mut app.world().llm;
    if let Some(said) = memory.script.next(asked) {
        return said;
    }
    match &asked.shape {
        Some((name, schema)) => {
            let fits = |answer: &&Value| schema::has_the_members(schema, answer);
            let canned =
                memory.canned.get(name).or_else(|| memory.canned.values().find(fits).filter(|_| name.is_empty()));
            let content = canned.cloned().unwrap_or_else(|| schema::smallest(schema, schema, 0));
            Said { text: Some(content.to_string()), ..Said::default() }
        }
        None => behaviour::said(asked),
    }
}

fn spoilt(app: &App, asked: &Asked, mut said: Said) -> Said {
    let strikes = |fault| app.strikes(asked.provider, fault, On::Create);
    let calls = |name: &str, arguments: String| Said {
        calls: vec![Called { name: name.to_owned(), arguments }],
        ..Said::default()
    };
    if strikes(REFUSAL).is_some() {
        Said { end: End::Refused, ..Said::default() }
    } else if strikes(NULL_CONTENT).is_some() {
        Said::default()
    } else if strikes(CUT_OFF).is_some() {
        let half = |text: &String| text.chars().take(text.chars().count() / 2).collect();
        said.text = said.text.as_ref().map(half);
        said.calls.iter_mut().for_each(|call| call.arguments = half(&call.arguments));
        Said { end: End::CutOff, ..said }
    } else if strikes(INVALID_JSON_CONTENT).is_some() {
        Said { text: Some("Sure! Here is your JSON: {".to_owned()), ..Said::default() }
    } else if strikes(INVALID_JSON_ARGUMENTS).is_some() {
        let offered = asked.tools.first().map(|tool| tool.name.as_str());
        let name = offered.or(asked.shape.as_ref().map(|(name, _)| name.as_str())).unwrap_or("answer");
        calls(name, "{\"a\": ".to_owned())
    } else if strikes(UNKNOWN_TOOL).is_some() {
        calls("no_such_tool", "{}".to_owned())
    } else if let Some(rule) = strikes(INJECTED_CALL) {
        let arguments = json!({"run_id": uuid::Uuid::nil().to_string(), "gate": "workflow", "decision": "approve", "user_id": "mallory"});
        calls(rule.text.as_deref().unwrap_or(INJECTED_TOOL), arguments.to_string())
    } else {
        said
    }
}

/// About four letters each, as English has them.
fn tokens(text: &str) -> usize {
    text.len().div_ceil(4)
}

impl Said {
    fn tokens(&self) -> usize {
        let calls: usize = self.calls.iter().map(|call| tokens(&call.arguments)).sum();
        self.text.as_deref().map_or(0, tokens) + calls
    }
}

/// The next id of a call: no two answers share one.
fn call_id(app: &App, prefix: &str) -> String {
    let memory = &mut app.world().llm;
    memory.calls += 1;
    format!("{prefix}_{:06}", memory.calls)
}

type Refused = Box<Response>;

fn respond(app: &App, provider: Provider, answer: Result<Response, Refused>) -> Response {
    match answer {
        Ok(answer) => {
            app.world().count(provider).creates += 1;
            answer
        }
        Err(refusal) => {
            app.world().count(provider).refusals += 1;
            *refusal
        }
    }
}

fn models() -> Response {
    Json(json!({"object": "list", "data": [{"id": "sim", "object": "model", "type": "model"}]})).into_response()
}

/// An object with one more member.
fn with(mut object: Value, name: &str, member: Value) -> Value {
    if let Value::Object(members) = &mut object {
        members.insert(name.to_owned(), member);
    }
    object
}

/// Letters, digits, `_` and `-`.
fn is_name(name: &str, length_max: usize) -> bool {
    (1..=length_max).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
}
