//! Texts as vectors, from an OpenAI-compatible server: what `mw kb` compares by meaning.

use crate::answer::{Answer, Authorization, Call, NoAnswer};
use crate::llm::{SYSTEM, Settings, address};
use crate::outcome::Fault;
use crate::port::HttpClient;
use mw_media::retry::FaultClass;
use serde_json::{Value, json};

/// Every vector has so many numbers (contract section 15); servers that can make others are asked for these.
pub const DIMENSIONS: usize = 1536;
/// Texts in one request: their vectors fit into the largest answer that we read.
pub const TEXTS_MAX: usize = 16;

/// Asks for the vectors of some texts, [`TEXTS_MAX`] at most, in their order. `settings.model` is the embedder.
pub async fn embed(client: &impl HttpClient, settings: &Settings, texts: &[&str]) -> Result<Vec<Vec<f32>>, Fault> {
    let body = json!({
        "model": settings.model, "input": texts, "dimensions": DIMENSIONS, "encoding_format": "float",
    });
    let url = address(&settings.base_url, "/embeddings", settings.dialect.get()).text;
    let authorization = Authorization::Header("authorization", format!("Bearer {}", settings.api_key));
    let call = Call::post_json(&SYSTEM, url, authorization, &body);
    let answer = call.send(client).await.map_err(NoAnswer::into_fault)?;
    if !answer.status.is_success() {
        return Err(answer.http_fault(&settings.api_key));
    }
    vectors(&answer, texts.len())
}

/// One vector for each text, by its index, whatever order they come in.
fn vectors(answer: &Answer, count: usize) -> Result<Vec<Vec<f32>>, Fault> {
    let listed = answer.body.get("data").and_then(Value::as_array).map_or(&[] as &[Value], Vec::as_slice);
    let mut vectors = vec![Vec::new(); count];
    for row in listed {
        let index = row.get("index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
        let place =
            index.and_then(|index| vectors.get_mut(index)).ok_or_else(|| answer.malformed("a vector of no text"))?;
        *place = vector(row).ok_or_else(|| answer.malformed("a vector that is none"))?;
    }
    match vectors.iter().find(|vector| vector.len() != DIMENSIONS) {
        None => Ok(vectors),
        Some(odd) if odd.is_empty() => Err(answer.malformed("a text without a vector")),
        Some(odd) => {
            let message = format!("the embedder's vectors have {} numbers, and {DIMENSIONS} are kept", odd.len());
            Err(Fault::new(FaultClass::Final, "dimensions", message))
        }
    }
}

fn vector(row: &Value) -> Option<Vec<f32>> {
    #[allow(clippy::cast_possible_truncation, reason = "vectors are kept with single precision")]
    let number = |value: &Value| value.as_f64().map(|number| number as f32).filter(|number| number.is_finite());
    row.get("embedding")?.as_array()?.iter().map(number).collect()
}
