//! Starting a run, from whichever channel: a definition and an input become a committed run.

pub mod body;
pub mod definition;

pub use body::StartBody;

use mw_edge::config::Config;
use mw_edge::ids::new_id;
use mw_edge::refusal::{draining, field_errors, of_run};
use mw_edge::{Context, Problem, clock, llm, problem, startup};
use mw_kernel::status::ProvidersMode;
use mw_media::run::{self, Input, InputError, PersonaSource, Run, StartRequest};
use mw_store::chat::Turn;
use mw_store::commit::{Committed, Decision, Idempotency};
use mw_store::runs::{ProjectVersion, StartLoaded};
use serde_json::Value;

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

/// A run about to start.
pub struct Start {
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

/// A run that has started; for a repeated Idempotency-Key the one that started then.
pub struct Started {
    pub run_id: String,
    pub run: Run,
    pub kick: bool,
}

impl Start {
    /// A start from a body: 422 when its project is not loaded.
    pub fn of(body: StartBody, loaded: StartLoaded, started_by: String) -> Result<Start, Problem> {
        let StartLoaded { project, known, user_id, .. } = loaded;
        let version = project.filter(|project| known.contains(&project.key)).ok_or_else(|| unknown_project(&known))?;
        let StartBody { input, mut options, .. } = body;
        if let (Some(said), Some(user_id)) = (options.get_mut("user_id"), &user_id) {
            *said = user_id.as_str().into();
        }
        Ok(Start { version, started_by, user_id, input, options, skip: Vec::new(), add: Vec::new() })
    }

    /// Starts the run and keeps the conversation's turn, where there is one, in the same statement.
    pub fn commit(
        self,
        context: &mut Context,
        idempotency: Option<Idempotency>,
        chat: Option<&dyn Fn(&Run) -> Turn>,
    ) -> Result<Started, Problem> {
        let mode = startup::mode(&context.config)?;
        let definition = definition::get(context, &self.version)?;
        let request = self.request(&context.config, mode, definition);
        let now = clock::now();
        let mut new_id = new_id;
        let transition = run::start(request, &mut run::Context { now, new_id: &mut new_id }).map_err(invalid_input)?;
        let run = transition.run.clone();
        let chat = chat.map(|turn| turn(&run));
        let transition = transition.erase().map_err(|refusal| of_run(&refusal))?;
        let decision = Decision { transition: Some(transition), idempotency, chat, ..Decision::default() };
        let answer = mw_store::commit::commit(context.database()?, now, std::slice::from_ref(&decision))?;
        match answer.results.into_iter().next() {
            Some(Committed::Committed) => Ok(Started { run_id: run.run_id.clone(), run, kick: answer.kick }),
            Some(Committed::Replay { run_id }) => Ok(Started { run_id, run, kick: false }),
            Some(Committed::Mismatch { .. }) => Err(problem::idempotency_key_reused()),
            Some(Committed::OverBudget { used, limit }) => Err(problem::budget_exhausted(used, limit, now)),
            Some(Committed::Draining { reason }) => Err(draining(reason.as_deref())),
            Some(Committed::Conflict { .. } | Committed::Fenced { .. }) | None => {
                Err(problem::internal().because("unexpected result of runs_commit"))
            }
        }
    }

    fn request(
        self,
        config: &Config,
        mode: ProvidersMode,
        definition: mw_media::definition::Definition,
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

/// Who speaks for the personas of a run that starts now.
fn personas(config: &Config, mode: ProvidersMode) -> PersonaSource {
    if llm::speaks(config, mode) { PersonaSource::Model } else { PersonaSource::Rules }
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

    #[test]
    fn an_unknown_project_is_told_the_known_ones() {
        let known = |keys: &[&str]| unknown_project(&keys.iter().map(|key| key.to_string()).collect::<Vec<_>>()).detail;
        assert_eq!(known(&["aismr", "test_video_gen"]), "Input should be 'aismr' or 'test_video_gen'");
        assert_eq!(known(&["aismr"]), "Input should be 'aismr'");
        assert_eq!(known(&[]), "no project is loaded");
    }

    #[test]
    fn a_model_speaks_only_with_a_key_and_a_network() {
        let with_key = Config::of(&[("openai_api_key", "k")]);
        assert_eq!(personas(&with_key, ProvidersMode::Mock), PersonaSource::Rules);
        assert_eq!(personas(&with_key, ProvidersMode::Sim), PersonaSource::Model);
        assert_eq!(personas(&Config::of(&[]), ProvidersMode::Live), PersonaSource::Rules);
    }
}
