//! What is looked up for a persona before a language model speaks for it.

use crate::{Database, DbError, call};
use mw_media::persona::memory::Memory;
use serde_json::json;

const PASSAGES_MAX: u32 = 3;
const PASSAGE_CHARS_MAX: u32 = 1_200;

/// What to look for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recall<'a> {
    pub run_id: &'a str,
    pub project: &'a str,
    pub persona: &'a str,
    /// A question or words, in natural language.
    pub query: &'a str,
    /// A passage has at least so many words of it; what has fewer is about something else.
    pub words_min: u32,
    /// How many of the project's newest other runs are searched for ideas; 0 for none.
    pub idea_runs: u32,
}

/// The best passages for this project and persona, or for all; and earlier ideas.
pub fn recall(db: &mut dyn Database, wanted: &Recall<'_>) -> Result<Memory, DbError> {
    let request = json!({
        "query": wanted.query, "project": wanted.project, "persona": wanted.persona, "run_id": wanted.run_id,
        "idea_runs": wanted.idea_runs, "passages_max": PASSAGES_MAX, "words_min": wanted.words_min,
        "chars_max": PASSAGE_CHARS_MAX,
    });
    call(db, "persona_recall", &request)
}
