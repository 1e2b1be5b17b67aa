//! Asks the language model for a persona's answer. What the step allows is looked up before, and again when the model calls
//! its tool: the flight then ends, and goes on with what was found, so that no connection is held while the model thinks.
//! An answer of the wrong shape counts as a failed attempt; a persona that cannot answer fails its run, and no rule speaks in
//! its place.

use super::{Settings, command};
use crate::perform::{Came, Met, Performed};
use mw_integrations::llm::{self, Answered, Arguments, Ask, Message, Shape, Tool, ToolAnswer, ToolCall, converse};
use mw_integrations::{Fault, FaultClass, HttpClient};
use mw_media::definition::{Role, Step};
use mw_media::persona::likeness::likenesses;
use mw_media::persona::memory::{Cited, Memory, Passage, Recalled, idea_runs, question};
use mw_media::persona::tool::{CallError, PersonaCall, PersonaTool, read};
use mw_media::persona::{Brief, PersonaOutput, Tokens, brief};
use mw_media::run::{MediaCommand, Run};
use mw_store::effects::Used;
use mw_store::personas::{Recall, recall};
use mw_store::{Database, DbError};
use serde_json::{Value, json};
use std::time::Instant;

/// Enough for a storyboard of twelve clips, with room for a model that thinks first.
const ANSWER_TOKENS_MAX: u32 = 8000;
/// Answers of the model in one attempt.
const ROUNDS_MAX: u32 = 4;
/// The last round begins before: with its own time-outs it ends within the lease.
const ROUNDS_SECONDS: f64 = 10.0;
const SEARCHES_MAX: usize = 4;
/// Of what is looked up before the model is asked: one word in common says little.
const PREPARED_WORDS_MIN: u32 = 2;

/// A conversation with the model about one step, between two of its answers.
pub(super) struct Talk {
    memory: Memory,
    query: String,
    messages: Vec<Message>,
    rounds: u32,
    began: Instant,
    used: Used,
    /// Passages that it was given when it asked, beside those of the memory.
    found: Vec<Cited>,
    /// What the calls of its last answer are answered; searches wait for theirs.
    answers: Vec<ToolAnswer>,
    searches: Vec<Search>,
    searched: usize,
}

struct Search {
    call_id: String,
    query: String,
}

impl Talk {
    /// A talk that has not begun; none where the run is not at a persona.
    pub(super) fn of(run: &Run) -> Option<Talk> {
        let Some(Step::Persona { persona, role, .. }) = run.body.current_step() else { return None };
        Some(Talk {
            memory: Memory::default(),
            query: question(run, *role),
            messages: Vec::new(),
            rounds: 0,
            began: Instant::now(),
            used: Used {
                project: run.definition.key.clone(),
                persona: persona.clone(),
                mode: run.mode.as_str().to_owned(),
                ..Used::default()
            },
            found: Vec::new(),
            answers: Vec::new(),
            searches: Vec::new(),
            searched: 0,
        })
    }

    /// Looks up what the persona needs before it is asked, and later what the model asked for.
    pub(super) fn look_up(&mut self, db: &mut dyn Database, run: &Run) -> Result<(), DbError> {
        if self.messages.is_empty() { self.remember(db, run) } else { self.search(db, run) }
    }

    fn remember(&mut self, db: &mut dyn Database, run: &Run) -> Result<(), DbError> {
        if let Some(Step::Persona { persona, role, tools, .. }) = run.body.current_step()
            && may_search(tools)
        {
            let idea_runs = idea_runs(run, *role);
            let wanted = Recall { idea_runs, words_min: PREPARED_WORDS_MIN, ..recalling(run, persona, &self.query) };
            self.memory = recall(db, &wanted)?;
        }
        Ok(())
    }

    /// Carries out the searches that the model asked for.
    fn search(&mut self, db: &mut dyn Database, run: &Run) -> Result<(), DbError> {
        for Search { call_id, query } in std::mem::take(&mut self.searches) {
            let found = recall(db, &recalling(run, &self.used.persona, &query))?;
            let told: Vec<Value> = found.passages.iter().map(Passage::told).collect();
            self.found.extend(found.passages.iter().map(Passage::cited));
            self.memory.milliseconds += found.milliseconds;
            let content = json!({"passages": told}).to_string();
            self.answers.push(ToolAnswer { call_id, content, is_error: false });
        }
        Ok(())
    }
}

fn recalling<'a>(run: &'a Run, persona: &'a str, query: &'a str) -> Recall<'a> {
    Recall { run_id: &run.run_id, project: &run.definition.key, persona, query, words_min: 1, idea_runs: 0 }
}

fn may_search(tools: &[PersonaTool]) -> bool {
    tools.contains(&PersonaTool::MemorySearch)
}

/// Asks until the model has answered, or wants something looked up: then the talk comes back.
pub(super) async fn perform(
    http: &impl HttpClient,
    settings: &Settings,
    run: &Run,
    mut talk: Box<Talk>,
) -> Result<Came, Box<Talk>> {
    let Some(Step::Persona { role, instructions, tools, .. }) = run.body.current_step() else {
        return Ok(Came::new(Performed::Stale, Met::NOBODY));
    };
    let Some(llm) = &settings.llm else {
        let fault = Fault::new(FaultClass::Final, "llm_missing", "no language model is configured");
        return Ok(Came::new(give_up(run, fault), Met::NOBODY));
    };
    talk.used.model.clone_from(&llm.model);
    let Brief { system, user, schema } = brief(run, *role, instructions, &talk.memory);
    if talk.messages.is_empty() {
        talk.messages.push(Message::User(user));
    } else {
        talk.messages.push(Message::ToolAnswers(std::mem::take(&mut talk.answers)));
    }
    let offered: Vec<Tool> = tools.iter().copied().map(offer).collect();
    let shape = Shape { name: schema_name(*role), schema: &schema };
    loop {
        let ask = Ask {
            system: &system,
            messages: &talk.messages,
            tools: &offered,
            shape: Some(shape),
            answer_tokens_max: ANSWER_TOKENS_MAX,
        };
        let answered = match converse(http, llm, &ask).await {
            Ok(answered) => answered,
            Err(fault) => {
                let met = Met::fault(&fault);
                return Ok(talk.came(if fault.is_final() { give_up(run, fault) } else { retry(run, fault) }, met));
            }
        };
        talk.used.input_tokens += answered.usage.input_tokens;
        talk.used.output_tokens += answered.usage.output_tokens;
        talk.rounds += 1;
        // A call with the shape's name is the answer itself, as some servers give it.
        if answered.calls.iter().all(|call| call.name == shape.name) {
            let performed = talk.finished(run, *role, llm, shape.name, &answered);
            return Ok(talk.came(performed, Met::ANSWER));
        }
        if talk.rounds >= ROUNDS_MAX || talk.began.elapsed().as_secs_f64() > ROUNDS_SECONDS {
            let fault = Fault::new(FaultClass::Retryable, "llm_rounds", "the model called tools and gave no answer");
            return Ok(talk.came(retry(run, fault), Met::ANSWER));
        }
        talk.hear(tools, answered);
        if !talk.searches.is_empty() {
            return Err(talk);
        }
        let answers = std::mem::take(&mut talk.answers);
        talk.messages.push(Message::ToolAnswers(answers));
    }
}

impl Talk {
    /// Takes an answer's calls: what may be searched for waits for its search, the others are answered with why not.
    fn hear(&mut self, allowed: &[PersonaTool], answered: Answered) {
        for ToolCall { id, name, arguments, .. } in &answered.calls {
            let arguments = match arguments {
                Arguments::Parsed(value) => value,
                Arguments::Unreadable(_) => &Value::Null,
            };
            let objection = match read(allowed, name, arguments) {
                Ok(PersonaCall::MemorySearch { query }) if self.searched < SEARCHES_MAX => {
                    self.searched += 1;
                    self.searches.push(Search { call_id: id.clone(), query });
                    continue;
                }
                Ok(PersonaCall::MemorySearch { .. }) => "no more searches: answer now".to_owned(),
                Err(error) => {
                    self.used.refused_calls += u32::from(error == CallError::NotAllowed);
                    error.to_string()
                }
            };
            self.answers.push(ToolAnswer { call_id: id.clone(), content: objection, is_error: true });
        }
        self.messages.push(Message::Assistant { text: answered.text, calls: answered.calls });
    }

    fn finished(&self, run: &Run, role: Role, llm: &llm::Settings, name: &str, answered: &Answered) -> Performed {
        let answer = match llm::structured(answered, name, llm) {
            Ok(answer) => answer,
            Err(fault) => return retry(run, fault),
        };
        let mut output = match PersonaOutput::from_model(answer, role, run) {
            Ok(output) => output,
            Err(error) => {
                let message = format!("{}: {error}", self.used.persona);
                return retry(run, Fault::new(FaultClass::Retryable, "llm_answer", message));
            }
        };
        output.likenesses = likenesses(run, &output.headers, &self.memory.ideas);
        output.tokens = Some(Tokens { input: self.used.input_tokens, output: self.used.output_tokens });
        let passages: Vec<Cited> = self.memory.passages.iter().map(Passage::cited).chain(self.found.clone()).collect();
        let (query, milliseconds) = (self.query.clone(), self.memory.milliseconds);
        output.recalled = (!passages.is_empty()).then_some(Recalled { query, passages, milliseconds });
        Performed::Tell(command(MediaCommand::FinishPersona {
            step: run.body.step,
            output,
            source: format!("model:{}", llm.model),
        }))
    }

    fn came(&self, performed: Performed, met: Met) -> Came {
        Came { used: Some(self.used.clone()), ..Came::new(performed, met) }
    }
}

fn offer(tool: PersonaTool) -> Tool {
    Tool { name: tool.as_str(), description: tool.description().to_owned(), schema: tool.schema() }
}

fn schema_name(role: Role) -> &'static str {
    match role {
        Role::Ideate => "ideate",
        Role::Write => "write",
        Role::Edit => "edit",
        Role::Sound => "sound",
        Role::Caption => "caption",
    }
}

fn give_up(run: &Run, fault: Fault) -> Performed {
    Performed::Tell(command(MediaCommand::FailPersona {
        step: run.body.step,
        code: fault.code,
        message: fault.message,
    }))
}

fn retry(run: &Run, fault: Fault) -> Performed {
    let give_up = command(MediaCommand::FailPersona {
        step: run.body.step,
        code: fault.code.clone(),
        message: fault.message.clone(),
    });
    Performed::Retry { fault, not_sent: false, give_up: Some(give_up) }
}
