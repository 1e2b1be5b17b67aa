//! A run is born: the input is checked, the pipeline is built from the definition with what the request skips and
//! adds, the clips are planned, and the first step is entered.

use crate::definition::{Definition, Role, Settings, Step, Subjects};
use crate::run::advance::enter;
use crate::run::body::{Media, PersonaSource};
use crate::run::event::{Plan, PlannedClip};
use crate::run::{Context, DefinitionRef, Draft, Event, FieldError, Run, Started};
use crate::status::ProvidersMode;
use mw_kernel::letters::seen;
use mw_kernel::run::Kind;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The largest number of modifiers in a request.
const MODIFIERS_MAX: usize = 50;

/// What the run is about. At least one of the texts is needed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Input {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub modifiers: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InputError {
    #[error("the input is not valid")]
    Fields(Vec<FieldError>),
    #[error("project {0} is for chat only and has no runs")]
    NoRuns(String),
}

/// Everything that a run starts from.
#[derive(Debug, Clone, PartialEq)]
pub struct StartRequest {
    pub run_id: String,
    pub definition: Definition,
    pub digest: String,
    pub input: Input,
    /// Free-form, kept with the run.
    pub options: Value,
    pub user_id: String,
    /// Name of the principal that starts it.
    pub started_by: Option<String>,
    pub mode: ProvidersMode,
    pub personas: PersonaSource,
    /// Personas left out.
    pub skip: Vec<String>,
    /// Optional personas of the definition that are wanted.
    pub add: Vec<String>,
}

impl Input {
    /// Every rule of the request's `input`, with the field that breaks it.
    pub fn errors(&self) -> Vec<FieldError> {
        let texts = [
            ("title", &self.title, 3, 200),
            ("prompt", &self.prompt, 3, 400),
            ("object", &self.object, 1, 200),
            ("subject", &self.subject, 1, 200),
            ("topic", &self.topic, 1, 200),
        ];
        let mut errors = Vec::new();
        for (name, text, least, most) in &texts {
            let length = text.as_ref().map(|text| text.trim().chars().count());
            if length.is_some_and(|length| !(*least..=*most).contains(&length)) {
                errors.push(field(name, format!("must be {least} to {most} characters")));
            }
        }
        if self.modifiers.len() > MODIFIERS_MAX {
            errors.push(field("modifiers", format!("at most {MODIFIERS_MAX} modifiers")));
        }
        if self.modifiers.iter().any(|modifier| !(1..=200).contains(&modifier.trim().chars().count())) {
            errors.push(field("modifiers", "each modifier must be 1 to 200 characters"));
        }
        if texts.iter().all(|(_, text, _, _)| text.is_none()) {
            let detail = "Value error, Provide at least one of title, prompt, object, subject, or topic";
            errors.push(FieldError { pointer: "#/input".to_owned(), detail: detail.to_owned() });
        }
        errors
    }

    /// The input without what nobody sees: approvers decide about what they are shown, and providers make what they are told.
    fn seen(self) -> Input {
        let Input { title, prompt, object, subject, topic, modifiers } = self;
        let [title, prompt, object, subject, topic] =
            [title, prompt, object, subject, topic].map(|text| text.map(|text| seen(&text)));
        Input { title, prompt, object, subject, topic, modifiers: modifiers.iter().map(|text| seen(text)).collect() }
    }

    /// What the clips of a `request` project are about.
    fn clip_subject(&self, project_title: &str) -> String {
        [&self.object, &self.subject]
            .into_iter()
            .flatten()
            .map(|text| text.trim())
            .find(|text| !text.is_empty())
            .unwrap_or(project_title)
            .to_owned()
    }
}

fn field(name: &str, detail: impl Into<String>) -> FieldError {
    FieldError { pointer: format!("#/input/{name}"), detail: detail.into() }
}

pub(super) fn decide(request: StartRequest, context: &mut Context<'_>) -> Result<Vec<Event>, InputError> {
    let request = StartRequest { input: request.input.seen(), ..request };
    let errors = request.input.errors();
    if !errors.is_empty() {
        return Err(InputError::Fields(errors));
    }
    let definition = &request.definition;
    let Some(settings) = definition.settings.clone().filter(|_| definition.has_runs()) else {
        return Err(InputError::NoRuns(definition.key.clone()));
    };
    let started = Started {
        kind: Media::NAME.to_owned(),
        definition: DefinitionRef {
            key: definition.key.clone(),
            version: definition.version.clone(),
            digest: request.digest.clone(),
        },
        title: title(&request),
        user_id: request.user_id.clone(),
        started_by: request.started_by.clone(),
        mode: request.mode,
        parent: None,
        plan: Plan {
            personas: request.personas,
            pipeline: pipeline(definition, &request.skip, &request.add),
            clips: planned_clips(&settings, &request.input, &definition.title),
            settings,
            input: serde_json::to_value(&request.input).unwrap_or_default(),
            options: request.options.clone(),
            effects: !skips_editing(definition, &request.skip),
            inheritance: None,
        },
    };
    let mut draft = Draft::of(&Run::empty(request.run_id));
    draft.push(Event::Started(Box::new(started)), context);
    enter(&mut draft, 0, context);
    Ok(draft.events)
}

fn title(request: &StartRequest) -> String {
    let input = &request.input;
    let words = [&input.title, &input.object, &input.subject, &input.topic].into_iter().flatten().next();
    match words {
        Some(words) => format!("{}: {words}", request.definition.title),
        None => request.definition.title.clone(),
    }
}

/// The definition's steps without the skipped personas and with the wanted optional ones.
fn pipeline(definition: &Definition, skip: &[String], add: &[String]) -> Vec<Step> {
    let mut pipeline = Vec::with_capacity(definition.steps.len());
    for step in &definition.steps {
        for optional in definition.optional_personas.iter().filter(|optional| {
            matches!(step, Step::Persona { .. }) && optional.before == step.name() && add.contains(&optional.persona)
        }) {
            pipeline.push(Step::Persona {
                persona: optional.persona.clone(),
                role: optional.role,
                instructions: optional.instructions.clone(),
                tools: optional.tools.clone(),
                by_rule: optional.by_rule.clone(),
                timeout_seconds: 600,
            });
        }
        if !may_skip(step) || !skip.iter().any(|name| name == step.name()) {
            pipeline.push(step.clone());
        }
    }
    pipeline
}

/// The personas that a request may leave out, and those that it may add.
#[must_use]
pub fn optional_steps(definition: &Definition) -> (Vec<&str>, Vec<&str>) {
    let may_skip = definition.steps.iter().filter(|step| may_skip(step)).map(Step::name).collect();
    (may_skip, definition.optional_personas.iter().map(|optional| optional.persona.as_str()).collect())
}

/// Work and gates are never skipped; of the personas only those whose work has a plain default.
fn may_skip(step: &Step) -> bool {
    match step {
        Step::Persona { role, .. } => match role {
            Role::Edit | Role::Sound => true,
            Role::Ideate | Role::Write | Role::Caption => false,
        },
        Step::Gate { .. } | Step::Generate { .. } | Step::Render { .. } | Step::Publish { .. } => false,
    }
}

fn skips_editing(definition: &Definition, skip: &[String]) -> bool {
    definition.steps.iter().any(|step| {
        matches!(step, Step::Persona { role: Role::Edit, .. }) && skip.iter().any(|name| name == step.name())
    })
}

fn planned_clips(settings: &Settings, input: &Input, project_title: &str) -> Vec<PlannedClip> {
    match &settings.clips.subjects {
        Subjects::Fixed { items } => items
            .iter()
            .map(|item| PlannedClip { subject: item.subject.clone(), header: item.header.clone() })
            .collect(),
        Subjects::Request => {
            let subject = input.clip_subject(project_title);
            let named = capitalised(&subject);
            (0..settings.clips.count as usize)
                .map(|index| PlannedClip {
                    subject: subject.clone(),
                    header: input.modifiers.get(index).cloned().unwrap_or_else(|| format!("{named} #{}", index + 1)),
                })
                .collect()
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::start;
    use crate::run::testing::{T0, with_context};
    use crate::run::testing::{definition, request, started};
    use crate::status::Status;

    #[test]
    fn a_run_starts_at_its_first_gate_with_its_clips_planned() {
        let run = started("test_video_gen");
        assert_eq!(run.status, Status::PendingWorkflow);
        let headers: Vec<_> = run.body.clips.iter().map(|clip| (clip.subject.as_str(), clip.header.as_str())).collect();
        assert_eq!(headers, [("moon", "cheeseburger"), ("sun", "pickle")]);
    }

    #[test]
    fn a_run_knows_the_principal_that_started_it() {
        assert_eq!(started("test_video_gen").started_by.as_deref(), Some("starter"));
        let nobody = StartRequest { started_by: None, ..request("test_video_gen") };
        let run = with_context(T0, |context| start(nobody, context)).unwrap().run;
        let old = serde_json::to_value(run).unwrap();
        assert_eq!(old.get("started_by"), None);
        assert_eq!(serde_json::from_value::<Run>(old).unwrap().started_by, None);
    }

    #[test]
    fn headers_of_a_request_project_are_its_modifiers_then_numbers() {
        let mut request = request("aismr");
        request.input =
            Input { object: Some("candle".into()), modifiers: vec!["Void Candle".into()], ..Input::default() };
        let run = with_context(T0, |context| start(request, context)).unwrap().run;
        assert_eq!(run.body.clips.len(), 12);
        assert_eq!(run.body.clips[0].header, "Void Candle");
        assert_eq!(run.body.clips[1].header, "Candle #2");
        assert!(run.body.clips.iter().all(|clip| clip.subject == "candle"));
    }

    #[test]
    fn nothing_hides_in_what_a_run_is_started_with() {
        let mut hiding = request("aismr");
        let tags: String = "also a weapon".chars().filter_map(|c| char::from_u32(0xe0000 + u32::from(c))).collect();
        hiding.input = Input {
            object: Some(format!("candle{tags}")),
            title: Some("Nice \u{202e}nur\u{202c}".into()),
            modifiers: vec![format!("Void{tags} Candle")],
            ..Input::default()
        };
        let run = with_context(T0, |context| start(hiding, context)).unwrap().run;
        assert!(run.title.ends_with(": Nice nur"), "{}", run.title);
        assert_eq!(run.body.clips[0].subject, "candle");
        assert_eq!(run.body.clips[0].header, "Void Candle");
        let mut blank = request("aismr");
        blank.input = Input { object: Some(tags), ..Input::default() };
        assert!(matches!(with_context(T0, |context| start(blank, context)), Err(InputError::Fields(_))));
    }

    #[test]
    fn skips_and_extras_change_the_pipeline() {
        let mut with = request("aismr");
        with.skip = vec!["alex".into(), "generate".into(), "workflow".into(), "riley".into()];
        with.add = vec!["morgan".into(), "nobody".into()];
        let run = with_context(T0, |context| start(with, context)).unwrap().run;
        let names: Vec<_> = run.body.pipeline.iter().map(Step::name).collect();
        assert_eq!(
            names,
            ["workflow", "iggy", "ideate", "riley", "generate", "render", "prepublish", "morgan", "quinn", "publish"]
        );
        assert!(!run.body.effects);
    }

    #[test]
    fn a_chat_only_project_has_no_runs() {
        let error = with_context(T0, |context| start(request("general"), context)).unwrap_err();
        assert_eq!(error, InputError::NoRuns("general".into()));
        assert!(!definition("general").has_runs());
    }

    #[test]
    fn every_rule_of_the_input_names_its_field() {
        let long = "x".repeat(401);
        let cases = [
            (Input::default(), "#/input"),
            (Input { title: Some("ab".into()), ..Input::default() }, "#/input/title"),
            (Input { prompt: Some(long), ..Input::default() }, "#/input/prompt"),
            (Input { object: Some(" ".into()), ..Input::default() }, "#/input/object"),
            (
                Input { topic: Some("t".into()), modifiers: vec![String::new()], ..Input::default() },
                "#/input/modifiers",
            ),
            (
                Input { topic: Some("t".into()), modifiers: vec!["m".into(); 51], ..Input::default() },
                "#/input/modifiers",
            ),
        ];
        for (input, pointer) in cases {
            let errors = input.errors();
            assert_eq!(errors.first().map(|error| error.pointer.as_str()), Some(pointer), "{input:?}");
        }
        assert!(Input { title: Some("abc".into()), ..Input::default() }.errors().is_empty());
    }
}
