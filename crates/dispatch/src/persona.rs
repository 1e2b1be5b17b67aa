//! Asks the language model for a persona's answer. An answer of the wrong shape counts as a failed attempt; a persona
//! that cannot answer fails its run, and no rule speaks in its place.

use crate::Settings;
use crate::perform::{Met, Performed};
use mw_core::definition::{Role, Step};
use mw_core::persona::{PersonaOutput, brief};
use mw_core::run::{Command, Run};
use mw_providers::llm::{Ask, Message, Shape, complete};
use mw_providers::{Fault, FaultClass, HttpClient};

/// Enough for a storyboard of twelve clips, with room for a model that thinks first.
const ANSWER_TOKENS_MAX: u32 = 8000;

pub(crate) async fn perform(http: &impl HttpClient, settings: &Settings, run: &Run) -> (Performed, Met) {
    let Some(Step::Persona { persona, role, instructions, .. }) = run.current_step() else {
        return (Performed::Stale, Met::NOBODY);
    };
    let Some(llm) = &settings.llm else {
        let fault = Fault::new(FaultClass::Final, "llm_missing", "no language model is configured");
        return (give_up(run, fault), Met::NOBODY);
    };
    let (system, user, schema) = brief(run, *role, instructions);
    let ask = Ask {
        system: &system,
        messages: &[Message::User(user)],
        tools: &[],
        shape: Some(Shape { name: persona_schema_name(*role), schema: &schema }),
        answer_tokens_max: ANSWER_TOKENS_MAX,
    };
    let answer = match complete(http, llm, &ask).await {
        Ok((answer, _)) => answer,
        Err(fault) => {
            let met = Met::fault(&fault);
            return (if fault.is_final() { give_up(run, fault) } else { retry(run, fault) }, met);
        }
    };
    let performed = match PersonaOutput::from_model(answer, *role, run) {
        Ok(output) => {
            let source = format!("model:{}", llm.model);
            Performed::Tell(Command::FinishPersona { step: run.step, output, source })
        }
        Err(error) => retry(run, Fault::new(FaultClass::Retryable, "llm_answer", format!("{persona}: {error}"))),
    };
    (performed, Met::ANSWER)
}

fn persona_schema_name(role: Role) -> &'static str {
    match role {
        Role::Ideate => "ideate",
        Role::Write => "write",
        Role::Edit => "edit",
        Role::Sound => "sound",
        Role::Caption => "caption",
    }
}

fn give_up(run: &Run, fault: Fault) -> Performed {
    Performed::Tell(Command::FailPersona { step: run.step, code: fault.code, message: fault.message })
}

fn retry(run: &Run, fault: Fault) -> Performed {
    let give_up = Command::FailPersona { step: run.step, code: fault.code.clone(), message: fault.message.clone() };
    Performed::Retry { fault, not_sent: false, give_up: Some(give_up) }
}
