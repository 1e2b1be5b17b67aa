//! Vectors of passages and questions, from the embedder that the settings name. One embedder for both: the database knows
//! whose vectors it has.

use super::ingest::unreachable;
use crate::{
    error::{Error, Result},
    outbound::{Client, finished},
    settings::Settings,
    signals,
};
use mw_integrations::embedding::{TEXTS_MAX, embed};
use mw_integrations::llm;
use mw_store::Database;
use mw_store::knowledge::{self, Embedding, vectorless};
use serde_json::json;

/// Tries at one request before the command gives up.
const TRIES: u32 = 4;

/// An OpenAI-compatible server and its model.
pub struct Embedder {
    settings: llm::Settings,
}

impl Embedder {
    /// `None` when EMBEDDINGS_MODEL is not set: then words alone decide.
    pub fn of(settings: &Settings) -> Result<Option<Embedder>> {
        let Some(model) = settings.get("EMBEDDINGS_MODEL") else { return Ok(None) };
        let base_url = settings.get("OPENAI_BASE_URL").unwrap_or("https://api.openai.com").to_owned();
        let api_key = settings.need("OPENAI_API_KEY")?.to_owned();
        Ok(Some(Embedder {
            settings: llm::Settings {
                api: llm::Api::OpenAi,
                base_url,
                api_key,
                model: model.to_owned(),
                dialect: llm::Learnt::default(),
            },
        }))
    }

    /// What the database calls it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.settings.model
    }

    /// A question's vector.
    pub fn question(&self, text: &str) -> Result<Embedding> {
        let vector = self.texts(&[text])?.pop().unwrap_or_default();
        Ok(Embedding { embedder: self.name().to_owned(), vector: json!(vector) })
    }

    /// Tried again when that may help.
    fn texts(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
        let mut tries = 1;
        loop {
            match finished(embed(&Client, &self.settings, texts)) {
                Ok(vectors) => return Ok(vectors),
                Err(fault) if fault.is_final() || tries >= TRIES => {
                    return Err(Error::failed(format!("the embedder {} refused: {fault}", self.name())));
                }
                Err(fault) => {
                    let seconds = fault.retry_after_seconds.unwrap_or(1 << (tries - 1)).min(60);
                    signals::pause(std::time::Duration::from_secs(seconds))?;
                    tries += 1;
                }
            }
        }
    }

    /// Gives a vector to every passage that has none of this embedder; `progress` is called with how many are done. `None` where
    /// PostgreSQL has no pgvector.
    pub fn complete(&self, db: &mut dyn Database, mut progress: impl FnMut(usize)) -> Result<Option<usize>> {
        let (mut done, mut after) = (0, None);
        let limit = u32::try_from(TEXTS_MAX).unwrap_or(1);
        loop {
            let page = vectorless(db, self.name(), after, limit).map_err(unreachable)?;
            if !page.ready {
                return Ok(None);
            }
            after = page.passages.last().map(|passage| passage.chunk_id);
            if after.is_none() {
                return Ok(Some(done));
            }
            let texts: Vec<String> =
                page.passages.iter().map(|passage| format!("{}\n\n{}", passage.title, passage.content)).collect();
            let made = self.texts(&texts.iter().map(String::as_str).collect::<Vec<_>>())?;
            let vectors: Vec<(i64, Vec<f32>)> =
                page.passages.iter().map(|passage| passage.chunk_id).zip(made).collect();
            knowledge::embed(db, self.name(), &vectors).map_err(unreachable)?;
            done += vectors.len();
            progress(done);
            signals::go_on()?;
        }
    }
}
