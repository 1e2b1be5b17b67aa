//! Does a search find what it should? Questions with the documents that answer them, and how many of those are among the
//! first five.

use super::ingest::unreachable;
use crate::error::{Error, Result, While};
use crate::exposition::quantile;
use mw_store::Database;
use mw_store::knowledge::{Embedding, Search, SearchError, search};
use serde::{Deserialize, Serialize};
use std::fmt::{Display, Formatter};
use std::path::Path;
use std::time::Instant;

/// Recall is measured among so many.
pub const FIRST: u32 = 5;

/// A question, and what must be found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub query: String,
    #[serde(default)]
    pub project: Option<String>,
    #[serde(default)]
    pub persona: Option<String>,
    /// Paths of documents.
    pub expected: Vec<String>,
}

/// How a question fared.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    pub query: String,
    pub expected: Vec<String>,
    /// The first five, best first.
    pub found: Vec<String>,
    pub seconds: f64,
}

impl Outcome {
    /// The part of what was expected that was found.
    #[must_use]
    pub fn recall(&self) -> f64 {
        let hits = self.expected.iter().filter(|path| self.found.contains(path)).count();
        part(hits, self.expected.len())
    }

    /// One over the place of the first expected document; 0 when there is none.
    #[must_use]
    pub fn reciprocal_rank(&self) -> f64 {
        let place = self.found.iter().position(|path| self.expected.contains(path));
        place.map_or(0.0, |place| part(1, place + 1))
    }
}

/// Reads a file of questions.
pub fn cases(file: &Path) -> Result<Vec<Case>> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Error::misuse(format!("cannot read the questions in {}: {error}", file.display())))?;
    let cases: Vec<Case> = serde_json::from_str(&text).while_doing(file.display())?;
    match cases.iter().find(|case| case.expected.is_empty() || case.query.trim().is_empty()) {
        Some(case) => Err(Error::misuse(format!("{}: {:?} expects nothing", file.display(), case.query))),
        None if cases.is_empty() => Err(Error::misuse(format!("{} has no questions", file.display()))),
        None => Ok(cases),
    }
}

/// Asks one question.
pub fn ask(db: &mut dyn Database, case: &Case, vector: Option<&Embedding>) -> Result<Outcome> {
    let (project, persona) = (case.project.as_deref(), case.persona.as_deref());
    let began = Instant::now();
    let wanted = Search { query: &case.query, project, persona, limit: FIRST, vector, counted: false };
    let passages = search(db, &wanted).map_err(refused)?;
    Ok(Outcome {
        query: case.query.clone(),
        expected: case.expected.clone(),
        found: passages.into_iter().map(|passage| passage.path).collect(),
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// A failed search as the command's error.
pub fn refused(error: SearchError) -> Error {
    match error {
        SearchError::Database(error) => unreachable(error),
        SearchError::OtherEmbedder { .. } => Error::misuse(format!("{error} (mw kb ingest makes them anew)")),
    }
}

/// How long searches took, in seconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latencies {
    searches: usize,
    p50_seconds: Option<f64>,
    pub p95_seconds: Option<f64>,
    max_seconds: Option<f64>,
}

impl Latencies {
    #[must_use]
    pub fn of(seconds: &[f64]) -> Self {
        let at = |part| quantile(seconds, part);
        Self { searches: seconds.len(), p50_seconds: at(0.5), p95_seconds: at(0.95), max_seconds: at(1.0) }
    }
}

impl Display for Latencies {
    fn fmt(&self, out: &mut Formatter<'_>) -> std::fmt::Result {
        let milliseconds = |seconds: Option<f64>| seconds.unwrap_or_default() * 1000.0;
        let (p50, p95) = (milliseconds(self.p50_seconds), milliseconds(self.p95_seconds));
        write!(out, "p50 {p50:.1} ms, p95 {p95:.1} ms, at most {:.1} ms", milliseconds(self.max_seconds))
    }
}

/// The mean over all questions.
#[must_use]
pub fn mean(outcomes: &[Outcome], of: impl Fn(&Outcome) -> f64) -> f64 {
    // `sum` of no numbers is −0.
    outcomes.iter().map(of).fold(0.0, |sum, one| sum + one) * part(1, outcomes.len())
}

#[allow(clippy::cast_precision_loss, reason = "counts of questions")]
fn part(some: usize, all: usize) -> f64 {
    some as f64 / all.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recall_and_rank_count_what_was_expected() {
        let outcome = |expected: &[&str], found: &[&str]| Outcome {
            query: "q".into(),
            expected: expected.iter().map(|path| (*path).to_owned()).collect(),
            found: found.iter().map(|path| (*path).to_owned()).collect(),
            seconds: 0.0,
        };
        let half = outcome(&["a", "b"], &["c", "a"]);
        assert_eq!((half.recall(), half.reciprocal_rank()), (0.5, 0.5));
        let none = outcome(&["a"], &[]);
        assert_eq!((none.recall(), none.reciprocal_rank()), (0.0, 0.0));
        assert_eq!(mean(&[half, none], Outcome::recall), 0.25);
    }
}
