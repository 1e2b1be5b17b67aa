//! What people wrote for Brendan, the personas and agents: kept by `mw kb ingest`, found by [`search`].

use crate::{Database, DbError, call, text};
use mw_kernel::Timestamp;
use mw_media::brendan;
use mw_media::knowledge::Document;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Most passages that one search gives.
pub const PASSAGES_MAX: u32 = 20;
/// As the contract has it: the first characters of a passage.
const EXCERPT_CHARS: usize = 240;

/// What is looked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Search<'a> {
    /// A question or words, in natural language.
    pub query: &'a str,
    /// Only what is for this project, or for all.
    pub project: Option<&'a str>,
    /// Only what is for this persona, or for all.
    pub persona: Option<&'a str>,
    /// How many passages, [`PASSAGES_MAX`] at most.
    pub limit: u32,
    /// The query's meaning, when somebody has worked it out; else words alone decide.
    pub vector: Option<&'a Embedding>,
    /// Whether `kb_search_seconds` counts it: what serves people does, what operators try out does not.
    pub counted: bool,
}

/// A text as a vector, and whose.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    pub embedder: String,
    /// The list of its numbers.
    pub vector: Value,
}

/// A passage that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Passage {
    pub doc_id: String,
    pub path: String,
    /// The headings above it.
    pub title: String,
    pub content: String,
    /// By rank: 1 for the first in every ranking.
    pub score: f64,
    /// How much of the question's words it has, each weighed by its rarity: 0 to 1.
    pub coverage: f64,
    /// Cosine to the query's vector, where there was one.
    pub similarity: Option<f64>,
    /// The stems of the question's words that it has.
    pub words: Vec<String>,
}

impl Passage {
    /// By hand: components have little room, and what derives a reader takes much of it.
    fn read(row: &Value) -> Option<Passage> {
        let text = |name: &str| row.get(name)?.as_str().map(str::to_owned);
        let words = row.get("words")?.as_array()?.iter();
        Some(Passage {
            doc_id: text("doc_id")?,
            path: text("path")?,
            title: text("title")?,
            content: text("content")?,
            score: row.get("score")?.as_f64()?,
            coverage: row.get("coverage")?.as_f64()?,
            similarity: row.get("similarity")?.as_f64(),
            words: words.filter_map(Value::as_str).map(str::to_owned).collect(),
        })
    }

    /// Its first characters, in one line.
    #[must_use]
    pub fn excerpt(&self) -> String {
        let words: Vec<&str> = self.content.split_whitespace().collect();
        words.join(" ").chars().take(EXCERPT_CHARS).collect()
    }
}

/// Why nothing was looked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    #[error(transparent)]
    Database(#[from] DbError),
    #[error("the knowledge has vectors of {}, the question one of {asked}: use one embedder for both", .corpus.as_deref().unwrap_or("nobody"))]
    OtherEmbedder { corpus: Option<String>, asked: String },
}

/// Finds the best passages, best first, one for each document.
pub fn search(db: &mut dyn Database, search: &Search<'_>) -> Result<Vec<Passage>, SearchError> {
    let request = json!({
        "query": search.query, "project": search.project, "persona": search.persona,
        "limit": search.limit.min(PASSAGES_MAX), "counted": search.counted,
        "vector": search.vector.map(|embedding| &embedding.vector),
        "embedder": search.vector.map(|embedding| embedding.embedder.as_str()),
    });
    let found: Value = call(db, "kb_search", &request)?;
    if let (Some(_), Some(asked)) = (found.get("mismatch"), search.vector) {
        let corpus = found.get("embedder").and_then(Value::as_str).map(str::to_owned);
        return Err(SearchError::OtherEmbedder { corpus, asked: asked.embedder.clone() });
    }
    let rows = found.get("passages").and_then(Value::as_array).map_or(&[] as &[Value], Vec::as_slice);
    let passages: Option<Vec<Passage>> = rows.iter().map(Passage::read).collect();
    passages.ok_or_else(|| DbError::Failed("unexpected answer: a passage that is none".to_owned()).into())
}

/// What Brendan says of a question, from the knowledge.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Answer {
    /// `None` when no passage has enough of it.
    pub text: Option<String>,
    /// `doc_id`, `path` and `reason` of each passage in the text.
    pub citations: Value,
}

/// Answers a question with the passages that have most of it, whoever they are for.
pub fn answer(db: &mut dyn Database, question: &str) -> Result<Answer, DbError> {
    let request = json!({
        "query": question, "coverage_min": brendan::COVERAGE_MIN, "coverage_near": brendan::COVERAGE_NEAR,
        "passages_max": brendan::PASSAGES_MAX, "chars_max": brendan::PASSAGE_CHARS_MAX,
    });
    call(db, "kb_answer", &request)
}

/// A document as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Held {
    pub path: String,
    pub hash: String,
}

/// A page of what is kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Page {
    /// By path.
    pub documents: Vec<Held>,
    /// Whose vectors it has.
    pub embedder: Option<String>,
    /// Whether PostgreSQL has room for vectors.
    pub vectors: bool,
}

/// Lists what is kept, by path, after one.
pub fn list(db: &mut dyn Database, after: Option<&str>, limit: u32) -> Result<Page, DbError> {
    call(db, "kb_list", &json!({"after": after, "limit": limit}))
}

/// A document's text, and for whom it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Whole {
    pub path: String,
    pub project: Option<String>,
    pub persona: Option<String>,
    pub content: String,
    pub hash: String,
}

/// Reads documents whole, by path, after one.
pub fn read(db: &mut dyn Database, after: Option<&str>, limit: u32) -> Result<Vec<Whole>, DbError> {
    #[derive(Deserialize)]
    struct Page {
        documents: Vec<Whole>,
    }
    call(db, "kb_read", &json!({"after": after, "limit": limit})).map(|page: Page| page.documents)
}

/// What came of documents, by path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
pub struct Applied {
    pub added: Vec<String>,
    pub changed: Vec<String>,
    pub removed: Vec<String>,
}

/// Keeps documents, and removes those that are gone; one that is there as it is stays untouched.
pub fn apply(
    db: &mut dyn Database,
    now: Timestamp,
    documents: &[Document],
    gone: &[String],
) -> Result<Applied, DbError> {
    call(db, "kb_apply", &json!({"now": text(now), "documents": documents, "gone": gone}))
}

/// A passage without a vector.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Vectorless {
    pub chunk_id: i64,
    pub title: String,
    pub content: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct VectorlessPage {
    /// False where PostgreSQL has no pgvector.
    pub ready: bool,
    pub passages: Vec<Vectorless>,
}

/// The next passages that have no vector of this embedder; vectors of another one go.
pub fn vectorless(
    db: &mut dyn Database,
    embedder: &str,
    after: Option<i64>,
    limit: u32,
) -> Result<VectorlessPage, DbError> {
    call(db, "kb_vectorless", &json!({"embedder": embedder, "after": after, "limit": limit}))
}

#[derive(Deserialize)]
struct Kept {
    kept: u64,
}

/// Keeps vectors of passages; says how many, which is none when another embedder has come meanwhile.
pub fn embed(db: &mut dyn Database, embedder: &str, vectors: &[(i64, Vec<f32>)]) -> Result<u64, DbError> {
    let rows: Vec<_> =
        vectors.iter().map(|(chunk_id, vector)| json!({"chunk_id": chunk_id, "vector": vector})).collect();
    call(db, "kb_embed", &json!({"embedder": embedder, "vectors": rows})).map(|kept: Kept| kept.kept)
}
