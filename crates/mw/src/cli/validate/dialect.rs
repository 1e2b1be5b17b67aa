//! Which dialect of OpenAI's API the language model's server speaks: learnt as the product learns it, by two short questions, one for
//! JSON of a shape, one with a tool and as a stream.

use crate::{
    outbound::{Client, finished},
    settings::Settings,
};
use mw_configuration::llm::llm_settings;
use mw_integrations::llm::{Api, Ask, Message, Shape, Tool, complete, converse_streaming};
use mw_integrations::{Fault, llm, system::Probe};
use serde_json::{Value, json};

/// Room for a model that thinks first.
const TOKENS_MAX: u32 = 2000;

/// The verdict about a provider, and what its model's server does otherwise; a server that is no model's has no dialect.
pub(super) fn add(verdict: Value, probe: &Probe, base_url: &str, key: &str, settings: &Settings) -> Value {
    let Ok(Some(llm)) = llm_settings(&settings.config()) else { return verdict };
    let is_fine = verdict.get("ok") == Some(&Value::Bool(true));
    if !is_fine || llm.api != Api::OpenAi || probe.address.variable != "openai_base_url" {
        return verdict;
    }
    let llm = llm::Settings { base_url: base_url.to_owned(), api_key: key.to_owned(), ..llm };
    let told = ask(&llm);
    let names = llm.dialect.get().names();
    let said = match &told {
        Ok(()) if names.is_empty() => "speaks as OpenAI does".to_owned(),
        Ok(()) => format!("speaks a dialect: {}", names.join(", ")),
        Err(fault) => format!("its model {} does not answer: {fault}", llm.model),
    };
    let detail = verdict.get("detail").and_then(Value::as_str).unwrap_or_default();
    json!({ "ok": told.is_ok(), "detail": format!("{detail}; {said}"), "dialect": names })
}

fn ask(llm: &llm::Settings) -> Result<(), Fault> {
    let schema = json!({
        "type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": false,
    });
    let messages = [Message::User("Is 1 + 1 two? Answer with {\"ok\": true} or {\"ok\": false}.".to_owned())];
    let shape = Some(Shape { name: "validate", schema: &schema });
    let shaped =
        Ask { system: "Answer briefly.", messages: &messages, tools: &[], shape, answer_tokens_max: TOKENS_MAX };
    finished(complete(&Client, llm, &shaped))?;
    let nothing = json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false});
    let tools = [Tool { name: "no_tool", description: "Does nothing.".to_owned(), schema: nothing }];
    let messages = [Message::User("Say hello.".to_owned())];
    let free = Ask { messages: &messages, tools: &tools, shape: None, ..shaped };
    finished(converse_streaming(&Client, llm, &free, &mut |_| {})).map(|_| ())
}
