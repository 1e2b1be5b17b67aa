//! What pages show of a run, as plain data that its kind gives: pages know how to draw it, and no kind.

use crate::run::brief::Text;
use serde::Serialize;

/// A step of a run, and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub name: String,
    pub doer: Doer,
    pub progress: Progress,
}

/// Who acts in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doer {
    /// Somebody decides at a gate.
    Person,
    /// A language model, or the rules that speak in its place.
    Model,
    /// Whoever makes things.
    Provider,
}

/// Where a run is, seen from one of its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Done,
    Now,
    Ahead,
}

/// A status for people: its words, and what it means for whoever looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub words: &'static str,
    pub tone: Tone,
}

impl Standing {
    pub const fn new(words: &'static str, tone: Tone) -> Standing {
        Standing { words, tone }
    }
}

/// What a status means for whoever looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Waits for a person.
    Waits,
    Works,
    Done,
    Failed,
    /// Nothing happens, and nothing is wrong.
    Rests,
}

/// What a gate decides about, for its page. Whatever is empty has no place on the page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Matter {
    /// What is decided about as a whole, once there is one.
    pub video: Option<String>,
    pub pieces: Pieces,
    /// What the run takes, in words.
    pub cost: Option<String>,
    pub post: Option<Post>,
    pub disclosure: Option<Disclosure>,
    /// What code can check.
    pub checks: Vec<Check>,
    /// What only people can.
    pub guardrails: Vec<String>,
}

impl Matter {
    /// Whether a check of the guard-rails fails.
    pub fn is_broken(&self) -> bool {
        self.checks.iter().any(|check| !check.kept)
    }

    /// What stands over the folded list of the pieces: what they cost, or else how many there are.
    pub fn about_pieces(&self) -> String {
        let Pieces { noun, list } = &self.pieces;
        self.cost.clone().unwrap_or_else(|| format!("{} {noun}{}", list.len(), if list.len() == 1 { "" } else { "s" }))
    }
}

/// What a run has made so far, for its page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Product {
    pub concept: Option<String>,
    pub pieces: Pieces,
    pub video: Option<String>,
    pub caption: Option<String>,
    /// Where the result was posted.
    pub post: Option<String>,
    pub work: Vec<Work>,
}

/// Parts of a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pieces {
    /// What one is called.
    pub noun: &'static str,
    pub list: Vec<Piece>,
}

impl Pieces {
    /// What all of them are called, at the beginning of a sentence.
    pub fn title(&self) -> String {
        format!("{}s", capital(self.noun))
    }

    /// What one of them is called.
    pub fn label(&self, number: usize) -> String {
        format!("{} {number}", capital(self.noun))
    }
}

/// A word with a capital letter first.
pub fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A part of a whole; its number is from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub number: usize,
    pub header: String,
    pub subject: String,
    pub prompt: Text,
    pub url: Option<String>,
    pub failure: Option<String>,
}

/// What is to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    pub title: Option<String>,
    pub text: String,
    /// It is not written yet.
    pub proposed: bool,
}

/// What a post says of how it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosure {
    pub summary: String,
    /// Some platform is not told.
    pub is_incomplete: bool,
}

/// One rule, and whether the run keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub rule: String,
    pub kept: bool,
    /// What breaks it; empty when it is kept.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// Something that was asked of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    pub id: String,
    pub provider: String,
    pub standing: Standing,
    /// The provider's own id of it.
    pub task: Option<String>,
    pub note: Option<String>,
}
