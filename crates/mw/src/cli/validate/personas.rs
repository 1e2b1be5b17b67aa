//! A project's personas, in the order in which they work.

use super::Context;
use crate::{
    cli::runs,
    error::{Error, Result},
    mode::Mode,
    projects,
};
use mw_configuration::llm;
use mw_media::definition::{Definition, Step};
use serde_json::json;
use std::path::Path;

pub(super) fn run(context: &Context, project: Option<&str>, dir: &Path) -> Result<u8> {
    let key = project.map(runs::key);
    let definitions = projects::from_folder(dir)?;
    let is_meant = |definition: &&Definition| key.as_ref().map_or(definition.is_default, |key| definition.key == *key);
    let definition = definitions.iter().find(is_meant).ok_or_else(|| {
        let known: Vec<&str> = definitions.iter().map(|definition| definition.key.as_str()).collect();
        let missing = key.as_ref().map_or("no default project".to_owned(), |key| format!("no project {key}"));
        Error::misuse(format!("there is {missing}: there are {}", known.join(", ")))
    })?;
    let named = definition.steps.iter().filter_map(|step| match step {
        Step::Persona { persona, role, .. } => Some((persona, role, false)),
        Step::Gate { .. } | Step::Generate { .. } | Step::Render { .. } | Step::Publish { .. } => None,
    });
    let optional = definition.optional_personas.iter().map(|persona| (&persona.persona, &persona.role, true));
    let personas: Vec<_> = named
        .chain(optional)
        .map(|(persona, role, is_optional)| json!({ "persona": persona, "role": role, "optional": is_optional }))
        .collect();
    let mode = Mode::choose(None, &context.settings)?;
    let config = context.settings.config();
    let by_model = llm::speaks(&config, mode.into());
    let report =
        json!({ "project": definition.key, "personas": personas, "by": if by_model { "model" } else { "rules" } });
    context.print(&report, |_| {
        for persona in &personas {
            let word = |name| crate::api::text(persona, name);
            let optional = if persona.get("optional") == Some(&true.into()) { "  (when asked for)" } else { "" };
            println!("{:<10} {}{optional}", word("persona"), word("role"));
        }
        println!(
            "{}",
            match (by_model, llm::has_model(&config)) {
                (true, _) => "a language model speaks for them",
                (false, true) => "they work by rules: in mock mode no model is asked",
                (false, false) => "they work by rules: neither OPENAI_API_KEY nor ANTHROPIC_API_KEY is set",
            }
        );
    })?;
    Ok(u8::from(!by_model))
}
