//! What is looked up for a persona before a model is asked, and when it asks for more: passages of the knowledge, and the
//! ideas that the project has had.

use crate::definition::{Role, Subjects};
use crate::run::Run;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const QUESTION_CHARS_MAX: usize = 300;
/// Runs whose ideas count as earlier ones.
pub const IDEA_RUNS_MAX: u32 = 20;

/// What was found.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct Memory {
    pub passages: Vec<Passage>,
    /// Of the project's newest other runs, newest first.
    pub ideas: Vec<Idea>,
    /// How long it took.
    pub milliseconds: u64,
}

/// A passage of the knowledge.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Passage {
    pub doc_id: String,
    pub path: String,
    pub title: String,
    pub text: String,
    /// How much of the question it has, 0 to 100.
    pub percent: u8,
}

/// A clip of an earlier run: its subject and header.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Idea {
    pub run_id: String,
    pub text: String,
}

/// What was looked up, for the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recalled {
    pub query: String,
    pub passages: Vec<Cited>,
    pub milliseconds: u64,
}

/// A passage that was given to a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cited {
    pub doc_id: String,
    pub path: String,
    pub title: String,
    pub percent: u8,
}

impl Passage {
    /// As a model is shown it.
    pub fn told(&self) -> Value {
        json!({"title": self.title, "text": self.text})
    }

    pub fn cited(&self) -> Cited {
        let Passage { doc_id, path, title, percent, .. } = self.clone();
        Cited { doc_id, path, title, percent }
    }
}

impl Idea {
    pub(super) fn told(&self) -> Value {
        json!(self.text)
    }
}

/// What to look up for a role: its craft, and what the run is about.
pub fn question(run: &Run, role: Role) -> String {
    let craft = match role {
        Role::Ideate => "ideas headers modifiers",
        Role::Write => "writing clip prompts",
        Role::Edit => "cutting the video",
        Role::Sound => "sound design",
        Role::Caption => "caption title publishing",
    };
    let subject = run.body.clips.first().map_or("", |clip| &clip.subject);
    format!("{craft} {subject} {}", run.title).chars().take(QUESTION_CHARS_MAX).collect()
}

/// How many runs' earlier ideas matter to a role: a persona that ideates freely must not repeat one.
pub fn idea_runs(run: &Run, role: Role) -> u32 {
    let is_free = run.body.settings.as_ref().is_some_and(|settings| settings.clips.subjects == Subjects::Request);
    match role {
        Role::Ideate if is_free => IDEA_RUNS_MAX,
        Role::Ideate | Role::Write | Role::Edit | Role::Sound | Role::Caption => 0,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::run::testing::started;

    pub(crate) fn passage(text: &str) -> Passage {
        Passage { doc_id: "d".into(), path: "p.md".into(), title: "T".into(), text: text.into(), percent: 50 }
    }

    #[test]
    fn only_who_ideates_freely_needs_earlier_ideas() {
        assert_eq!(idea_runs(&started("aismr"), Role::Ideate), IDEA_RUNS_MAX);
        assert_eq!(idea_runs(&started("aismr"), Role::Write), 0);
        // Its clips are always the same.
        assert_eq!(idea_runs(&started("test_video_gen"), Role::Ideate), 0);
    }

    #[test]
    fn the_question_is_of_the_craft_and_the_subject() {
        let question = question(&started("aismr"), Role::Write);
        assert!(
            question.starts_with("writing clip prompts ") && question.len() <= QUESTION_CHARS_MAX * 4,
            "{question}"
        );
    }
}
