//! What personas say: by rule when no language model is configured, and how any answer, a rule's or a model's, is
//! bounded and applied to the run. A role may change only what is its own.
//!
//! * [`brief`]: what a model is told. [`tool`]: what it may use meanwhile. [`memory`]: what is looked up for it.
//! * [`likeness`]: ideas that the project has had before.

pub mod brief;
pub mod likeness;
pub mod memory;
pub mod tool;

pub use brief::{Brief, brief};

use crate::definition::template::Template;
use crate::definition::{ByRule, Role, Step};
use crate::persona::likeness::Likeness;
use crate::persona::memory::Recalled;
use crate::run::{Clip, Field, Run, edit};
use crate::status::Verdict;
use mw_kernel::letters::seen;
use serde::{Deserialize, Serialize};
use serde_json::Value;

const PROMPT_CHARS_MAX: usize = 2_000;
const HEADER_CHARS_MAX: usize = 80;
const CAPTION_CHARS_MAX: usize = 150;
const TITLE_CHARS_MAX: usize = 80;
const SOUNDS_MAX: usize = 5;

/// A persona's answer. Each role fills its own fields; the others are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PersonaOutput {
    /// One or two sentences for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// One entry per clip, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prompts: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sound: Vec<String>,
    /// What was looked up for it. Ours to say, as all below: a model's own is dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recalled: Option<Recalled>,
    /// Headers that are too much like an earlier idea.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub likenesses: Vec<Likeness>,
    /// What a model has read and written for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<Tokens>,
}

/// Tokens of a language model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tokens {
    pub input: u64,
    pub output: u64,
}

/// Why a model's answer can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PersonaError {
    #[error("the answer has {found} {what}, the run has {expected} clips")]
    Count { what: &'static str, found: usize, expected: usize },
    #[error("the answer has an empty {0}")]
    Empty(&'static str),
    #[error("the answer is not of the expected shape: {0}")]
    Shape(String),
}

impl PersonaOutput {
    /// Reads a model's answer for a role: the shape, one entry per clip, nothing empty; long texts are cut.
    pub fn from_model(answer: Value, role: Role, run: &Run) -> Result<Self, PersonaError> {
        let mut output: PersonaOutput =
            serde_json::from_str(&answer.to_string()).map_err(|error| PersonaError::Shape(error.to_string()))?;
        (output.recalled, output.likenesses, output.tokens) = (None, Vec::new(), None);
        let clips = run.body.clips.len();
        match role {
            Role::Ideate => one_per_clip("headers", &output.headers, clips)?,
            Role::Write => one_per_clip("prompts", &output.prompts, clips)?,
            Role::Caption => {
                if output.caption.as_ref().is_none_or(|caption| caption.trim().is_empty()) {
                    return Err(PersonaError::Empty("caption"));
                }
            }
            Role::Edit | Role::Sound => {}
        }
        cut_all(&mut output.headers, HEADER_CHARS_MAX);
        cut_all(&mut output.prompts, PROMPT_CHARS_MAX);
        cut_all(&mut output.sound, HEADER_CHARS_MAX);
        output.sound.truncate(SOUNDS_MAX);
        output.summary = cut(&output.summary, PROMPT_CHARS_MAX);
        output.caption = output.caption.map(|caption| cut(&caption, CAPTION_CHARS_MAX));
        output.title = output.title.map(|title| cut(&title, TITLE_CHARS_MAX));
        Ok(output)
    }

    /// Applies the fields that belong to the role, but for texts that a person wrote.
    pub(crate) fn apply(&self, role: Role, run: &mut Run) {
        match role {
            Role::Ideate => {
                write_each(run, &self.headers, Field::Header);
                run.body.likenesses.clone_from(&self.likenesses);
                run.body.concept = Some(self.summary.clone()).filter(|summary| !summary.is_empty());
            }
            Role::Write => write_each(run, &self.prompts, Field::Prompt),
            Role::Caption => {
                if !edit::is_written_by_a_person(run, Field::Caption) {
                    run.body.caption.clone_from(&self.caption);
                }
                if !edit::is_written_by_a_person(run, Field::PostTitle) {
                    run.body.post_title.clone_from(&self.title);
                }
            }
            Role::Edit | Role::Sound => {}
        }
    }
}

fn write_each(run: &mut Run, texts: &[String], field: fn(u32) -> Field) {
    for (field, text) in (0..).map(field).zip(texts) {
        if !edit::is_written_by_a_person(run, field) {
            field.set(run, text);
        }
    }
}

fn one_per_clip(what: &'static str, texts: &[String], expected: usize) -> Result<(), PersonaError> {
    if texts.len() != expected {
        return Err(PersonaError::Count { what, found: texts.len(), expected });
    }
    if texts.iter().any(|text| text.trim().is_empty()) {
        return Err(PersonaError::Empty(what));
    }
    Ok(())
}

fn cut_all(texts: &mut [String], chars_max: usize) {
    for text in texts {
        *text = cut(text, chars_max);
    }
}

/// Nothing hides in a model's texts either: approvers decide about what they see.
fn cut(text: &str, chars_max: usize) -> String {
    seen(text).trim().chars().take(chars_max).collect()
}

/// The deterministic answer of a role: the texts of the definition, filled with the run's values. Enough to make a good run
/// without a model.
pub fn by_rules(run: &Run, role: Role) -> PersonaOutput {
    let texts = texts(run, role);
    let fill = |template: &Template| template.fill(|place| of_run(run, place));
    let mut output = PersonaOutput {
        summary: texts.summary.as_ref().map(fill).unwrap_or_default(),
        caption: texts.caption.as_ref().map(|caption| cut(&fill(caption), CAPTION_CHARS_MAX)),
        title: texts.title.as_ref().map(|title| cut(&fill(title), TITLE_CHARS_MAX)),
        sound: texts.sound.iter().map(fill).collect(),
        ..PersonaOutput::default()
    };
    match role {
        Role::Ideate => output.headers = run.body.clips.iter().map(|clip| clip.header.clone()).collect(),
        Role::Write => output.prompts = run.body.clips.iter().map(|clip| prompt(run, &texts, clip)).collect(),
        Role::Edit | Role::Sound | Role::Caption => {}
    }
    output
}

/// What the persona of a role says by rule: the one at work, else the first in the pipeline.
fn texts(run: &Run, role: Role) -> ByRule {
    let of_role = |step: &Step| match step {
        Step::Persona { role: found, by_rule, .. } => (*found == role).then(|| by_rule.clone()),
        Step::Gate { .. } | Step::Generate { .. } | Step::Render { .. } | Step::Publish { .. } => None,
    };
    run.body.current_step().and_then(of_role).or_else(|| run.body.pipeline.iter().find_map(of_role)).unwrap_or_default()
}

/// The header is on-screen text and has no place in a prompt.
fn prompt(run: &Run, texts: &ByRule, clip: &Clip) -> String {
    let value = |place: &str| match place {
        "subject" => vec![clip.subject.clone()],
        "change" => changes_requested(run).map(str::to_owned).collect(),
        _ => of_run(run, place),
    };
    texts.prompt.as_ref().map(|prompt| cut(&prompt.fill(value), PROMPT_CHARS_MAX)).unwrap_or_default()
}

/// The values of a place that is about the whole run.
fn of_run(run: &Run, place: &str) -> Vec<String> {
    let settings = run.body.settings.as_ref();
    let one = match place {
        "title" => Some(run.title.clone()),
        "clips" => Some(run.body.clips.len().to_string()),
        "subjects" => Some(subjects(run)),
        "seconds" => settings.map(|settings| settings.clips.duration_seconds.to_string()),
        "hashtags" => settings.map(|settings| settings.publish.hashtags.join(" ")).filter(|tags| !tags.is_empty()),
        "theme" => {
            ["prompt", "topic", "title"].iter().find_map(|key| Some(run.body.input.get(key)?.as_str()?.to_owned()))
        }
        _ => None,
    };
    one.into_iter().collect()
}

fn subjects(run: &Run) -> String {
    let mut subjects: Vec<&str> = Vec::new();
    for clip in &run.body.clips {
        if !subjects.contains(&clip.subject.as_str()) {
            subjects.push(&clip.subject);
        }
    }
    subjects.join(" and ")
}

/// What approvers asked to be changed so far, in order.
fn changes_requested(run: &Run) -> impl Iterator<Item = &str> {
    let asked = run.decided.iter().filter(|decided| decided.verdict == Verdict::RequestChanges);
    asked.filter_map(|decided| decided.comment.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::testing::started;
    use serde_json::json;

    #[test]
    fn rules_never_put_a_header_into_a_prompt() {
        let run = started("test_video_gen");
        for (clip, prompt) in run.body.clips.iter().zip(by_rules(&run, Role::Write).prompts) {
            assert!(prompt.contains(&clip.subject) && !prompt.contains(&clip.header), "{prompt}");
        }
    }

    #[test]
    fn an_answer_with_the_wrong_number_of_clips_is_refused() {
        let run = started("test_video_gen");
        for (role, answer) in [
            (Role::Ideate, json!({"headers": ["a"]})),
            (Role::Write, json!({"prompts": ["a", " "]})),
            (Role::Caption, json!({"caption": ""})),
            (Role::Write, json!({"prompts": "a"})),
        ] {
            assert!(PersonaOutput::from_model(answer, role, &run).is_err());
        }
    }

    #[test]
    fn a_role_changes_only_what_is_its_own() {
        let mut run = started("test_video_gen");
        let before = run.clone();
        let everything = PersonaOutput {
            summary: "s".into(),
            headers: vec!["x".into(), "y".into()],
            prompts: vec!["p".into(), "q".into()],
            caption: Some("c".into()),
            title: Some("t".into()),
            sound: vec!["z".into()],
            ..PersonaOutput::default()
        };
        everything.apply(Role::Edit, &mut run);
        assert_eq!(run, before);
        everything.apply(Role::Write, &mut run);
        assert_eq!(
            (run.body.clips[0].header.as_str(), run.body.clips[0].prompt.as_deref()),
            ("cheeseburger", Some("p"))
        );
    }

    #[test]
    fn long_answers_are_cut() {
        let run = started("test_video_gen");
        let answer = json!({"caption": "x".repeat(500), "title": "y".repeat(500)});
        let output = PersonaOutput::from_model(answer, Role::Caption, &run).unwrap();
        assert_eq!(output.caption.map(|caption| caption.len()), Some(CAPTION_CHARS_MAX));
    }
}
