//! Every rule of a definition. A fault says where it is, as a JSON pointer, and what to change.

use super::guardrail::{Guardrail, PromptCheck};
use super::template::Template;
use super::{ByRule, CLIPS_MAX, Definition, Role, STEPS_MAX, Settings, Step, Subjects};
use crate::job::JobKind;
use crate::run::{Editable, SUMMARY_PLACES, optional_steps};
use serde::Serialize;

const TEXT_CHARS_MAX: usize = 500;
const LIST_MAX: usize = 50;
const PROVIDER_CHARS_MAX: usize = 32;

/// Places of the texts that are about a whole run.
const RUN_PLACES: [&str; 6] = ["title", "clips", "subjects", "seconds", "hashtags", "theme"];
/// Places of a clip's prompt.
const CLIP_PLACES: [&str; 5] = ["subject", "title", "seconds", "theme", "change"];

/// Why a definition is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DefinitionError {
    #[error("not a definition: {0}")]
    Shape(String),
    #[error("{}", sentences(.0))]
    Faults(Vec<Fault>),
}

/// One rule that a definition breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// JSON pointer into the file; empty for the file as a whole.
    pub pointer: String,
    /// What to change.
    pub detail: String,
}

impl Fault {
    pub fn at(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Fault { pointer: pointer.into(), detail: detail.into() }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Fault { pointer, detail } = self;
        if pointer.is_empty() { write!(out, "{detail}") } else { write!(out, "{pointer}: {detail}") }
    }
}

/// All faults in one line.
pub fn sentences(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; ")
}

/// The rules that a definition breaks, in the order of the file.
pub(super) fn faults(definition: &Definition) -> Vec<Fault> {
    let mut found = Faults::default();
    found.identity(definition);
    if definition.has_runs() {
        found.requests(definition);
        found.steps(&definition.steps);
        found.optional_personas(definition);
        match &definition.settings {
            Some(settings) => found.settings(settings),
            None => found.add("/settings", "a project with steps needs settings"),
        }
    } else if definition.is_default || !definition.requests.is_empty() {
        found.add("/steps", "only a project with steps has is_default or requests");
    }
    found.0
}

#[derive(Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.0.push(Fault::at(pointer, detail));
    }

    fn unless(&mut self, is_kept: bool, pointer: impl Into<String>, detail: impl Into<String>) {
        if !is_kept {
            self.add(pointer, detail);
        }
    }

    fn identity(&mut self, definition: &Definition) {
        let Definition { key, version, .. } = definition;
        let key_ok = (1..=64).contains(&key.len())
            && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        self.unless(key_ok, "/key", format!("key {key:?} must be 1 to 64 of a-z, 0-9 and _"));
        let version_ok = (1..=32).contains(&version.len()) && !version.contains(char::is_whitespace);
        self.unless(version_ok, "/version", "version must be 1 to 32 characters without spaces");
    }

    fn requests(&mut self, definition: &Definition) {
        let (may_skip, may_add) = optional_steps(definition);
        for (index, request) in definition.requests.iter().enumerate() {
            let at = format!("/requests/{index}");
            self.words(&request.words, format!("{at}/words"));
            for (list, names, known) in [("skip", &request.skip, &may_skip), ("add", &request.add, &may_add)] {
                for (place, name) in names.iter().enumerate().filter(|(_, name)| !known.contains(&name.as_str())) {
                    let known = if known.is_empty() { "nobody" } else { &known.join(", ") };
                    let may = format!("{name} is none of the personas that a request may {list}, which are {known}");
                    self.add(format!("{at}/{list}/{place}"), may);
                }
            }
            self.unless(!(request.skip.is_empty() && request.add.is_empty()), at, "name personas to skip or to add");
        }
    }

    fn steps(&mut self, steps: &[Step]) {
        self.unless(steps.len() <= STEPS_MAX, "/steps", format!("at most {STEPS_MAX} steps"));
        for (index, step) in steps.iter().enumerate() {
            let at = format!("/steps/{index}");
            self.unless(step.limit_seconds() > 0, &at, format!("step {} needs a time limit above 0", step.name()));
            match step {
                Step::Gate { .. } => self.gate(&at, steps, index),
                Step::Persona { persona, role, by_rule, .. } => self.persona(&at, persona, *role, by_rule),
                Step::Generate { provider, persona, .. }
                | Step::Render { provider, persona, .. }
                | Step::Publish { provider, persona, .. } => {
                    let detail = format!("provider {provider:?} must be 1 to {PROVIDER_CHARS_MAX} of a-z, 0-9 and -");
                    self.unless(is_provider(provider), format!("{at}/provider"), detail);
                    let named = persona.as_ref().is_none_or(|name| is_text(name));
                    self.unless(named, format!("{at}/persona"), "name a persona, or leave it out");
                }
            }
        }
        self.order(steps);
    }

    fn gate(&mut self, at: &str, steps: &[Step], index: usize) {
        let Some(Step::Gate { gate, expires_after_seconds, policy, question, summary, .. }) = steps.get(index) else {
            return;
        };
        let earlier = || steps.iter().take(index);
        let is_new = !earlier().any(|step| step.name() == gate.as_str());
        self.unless(is_new, format!("{at}/gate"), format!("an earlier step has the name {gate}"));
        if let Err(error) = policy.validate(*expires_after_seconds) {
            self.add(format!("{at}/policy"), format!("gate {gate}: {error}"));
        }
        let is_made = earlier().any(|step| matches!(step, Step::Generate { .. }));
        for (place, group) in policy.edits.iter().enumerate() {
            let at = format!("{at}/policy/edits/{place}");
            match Editable::parse(group) {
                None => self
                    .add(at, format!("there is no group of texts {group:?}; there are {}", Editable::WORDS.join(", "))),
                Some(Editable::Plan | Editable::Script) if is_made => {
                    self.add(at, "only captions can be edited after the clips are made");
                }
                Some(Editable::Plan | Editable::Script | Editable::Captions) => {}
            }
        }
        self.unless(
            question.as_ref().is_none_or(|text| is_text(text)),
            format!("{at}/question"),
            "ask something, or leave it out",
        );
        if let Some(summary) = summary {
            self.template(summary, &SUMMARY_PLACES, format!("{at}/summary"));
        }
    }

    fn order(&mut self, steps: &[Step]) {
        let is_of = |kind, step: &Step| step.work().is_some_and(|work| work.kind == kind);
        for (name, kind) in
            [("generate", JobKind::Generate), ("render", JobKind::Render), ("publish", JobKind::Publish)]
        {
            let count = steps.iter().filter(|step| is_of(kind, step)).count();
            self.unless(count == 1, "/steps", format!("exactly one {name} step is needed"));
        }
        let place = |kind| steps.iter().position(|step| is_of(kind, step));
        let write = steps.iter().position(|step| matches!(step, Step::Persona { role: Role::Write, .. }));
        let places = [write, place(JobKind::Generate), place(JobKind::Render), place(JobKind::Publish)];
        let in_order = places.is_sorted_by(|a, b| a.is_some() && a < b);
        self.unless(in_order, "/steps", "steps come in the order write persona, generate, render, publish");
        let is_last = steps.last().is_some_and(|step| is_of(JobKind::Publish, step));
        self.unless(is_last, "/steps", "publish is the last step");
    }

    fn optional_personas(&mut self, definition: &Definition) {
        for (index, optional) in definition.optional_personas.iter().enumerate() {
            let at = format!("/optional_personas/{index}");
            self.persona(&at, &optional.persona, optional.role, &optional.by_rule);
            let is_known = |step: &Step| matches!(step, Step::Persona { .. }) && step.name() == optional.before;
            let unknown =
                format!("{} goes before {}, which is no persona of the steps", optional.persona, optional.before);
            self.unless(definition.steps.iter().any(is_known), format!("{at}/before"), unknown);
        }
    }

    fn persona(&mut self, at: &str, persona: &str, role: Role, by_rule: &ByRule) {
        self.unless(is_text(persona), format!("{at}/persona"), "name the persona");
        let ByRule { summary, prompt, caption, title, sound } = by_rule;
        let texts = [
            ("summary", summary, &RUN_PLACES[..], true),
            ("prompt", prompt, &CLIP_PLACES[..], role == Role::Write),
            ("caption", caption, &RUN_PLACES[..], role == Role::Caption),
            ("title", title, &RUN_PLACES[..], role == Role::Caption),
        ];
        for (name, text, places, is_of_role) in texts {
            let at = format!("{at}/by_rule/{name}");
            match text {
                Some(text) if is_of_role => self.template(text, places, at),
                Some(_) => self.add(at, format!("this role has no {name}: leave it out")),
                None if is_of_role && ["prompt", "caption"].contains(&name) => {
                    self.add(at, format!("write the {name} of runs without a language model"));
                }
                None => {}
            }
        }
        for (index, text) in sound.iter().enumerate() {
            self.template(text, &RUN_PLACES, format!("{at}/by_rule/sound/{index}"));
        }
        let may_sound = sound.is_empty() || role == Role::Sound;
        self.unless(may_sound, format!("{at}/by_rule/sound"), "this role has no sound: leave it out");
    }

    fn template(&mut self, template: &Template, places: &[&str], at: String) {
        if let Some(fault) = template.fault(places) {
            self.add(at, fault);
        }
    }

    fn settings(&mut self, settings: &Settings) {
        let Settings { clips, publish, guardrails, clips_per_day, .. } = settings;
        let counted = (1..=CLIPS_MAX).contains(&clips.count);
        self.unless(counted, "/settings/clips/count", format!("clips.count is 1 to {CLIPS_MAX}"));
        let at = "/settings/clips/duration_seconds";
        self.unless((1.0..=60.0).contains(&clips.duration_seconds), at, "clips.duration_seconds is 1 to 60");
        let covers_a_run = clips_per_day.is_none_or(|most| most >= clips.count);
        let detail = "clips_per_day is at least clips.count, or no run could ever start";
        self.unless(covers_a_run, "/settings/clips_per_day", detail);
        if let Err(error) = publish.disclosure.validate() {
            self.add("/settings/publish/disclosure", error);
        }
        let one_each = match &clips.subjects {
            Subjects::Fixed { items } => items.len() == clips.count as usize,
            Subjects::Request => true,
        };
        self.unless(one_each, "/settings/clips/subjects/items", "clips.subjects.items has one entry per clip");
        let at = "/settings/publish/platforms";
        self.unless(!publish.platforms.is_empty(), at, "publish.platforms names at least one platform");
        for (index, guardrail) in guardrails.iter().enumerate() {
            self.guardrail(guardrail, &format!("/settings/guardrails/{index}"));
        }
    }

    fn guardrail(&mut self, guardrail: &Guardrail, at: &str) {
        let Guardrail { sentence, check, rule } = guardrail;
        let length = format!("write a sentence of 1 to {TEXT_CHARS_MAX} characters");
        self.unless(is_text(sentence), format!("{at}/sentence"), &length);
        self.unless(rule.as_ref().is_none_or(|rule| is_text(rule)), format!("{at}/rule"), length);
        self.unless(rule.is_none() || check.is_some(), format!("{at}/rule"), "a rule names a check: add one");
        match check {
            Some(PromptCheck::PromptContains { any_of }) => self.words(any_of, format!("{at}/check/any_of")),
            Some(PromptCheck::DoesNotAskFor { words }) => {
                self.words(words, format!("{at}/check/words"));
                self.unless(words.iter().all(|word| is_one_word(word)), format!("{at}/check/words"), ONE_WORD);
            }
            Some(PromptCheck::CountAtMost { noun, .. }) => {
                self.unless(is_one_word(noun), format!("{at}/check/noun"), ONE_WORD);
            }
            None => {}
        }
    }

    fn words(&mut self, words: &[String], at: String) {
        let are_good = (1..=LIST_MAX).contains(&words.len()) && words.iter().all(|word| is_text(word));
        self.unless(are_good, at, format!("list 1 to {LIST_MAX} words or phrases"));
    }
}

const ONE_WORD: &str = "write each as one word, as it stands in a prompt";

fn is_text(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= TEXT_CHARS_MAX
}

/// As the rows of providers have it; whether there is such a provider is not known here.
fn is_provider(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=PROVIDER_CHARS_MAX).contains(&name.len()) && name.bytes().all(fits) && !name.starts_with('-')
}

fn is_one_word(text: &str) -> bool {
    super::guardrail::words(text) == [text]
}
