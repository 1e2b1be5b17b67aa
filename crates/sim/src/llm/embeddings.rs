//! The embedder counts words.

use axum::Json;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::faults::OVERLOADED_529;
use super::openai::PROVIDER;
use super::{Refused, openai};
use crate::fault::On;
use crate::world::App;

/// Texts with many words in common have vectors that are near each other.
pub(super) fn vectors(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Response, Refused> {
    let body = openai::admitted(app, headers, body)?;
    let texts: Option<Vec<&str>> = match body.get("input") {
        Some(Value::String(text)) => Some(vec![text]),
        Some(Value::Array(texts)) => texts.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let texts = texts.filter(|texts| !texts.is_empty() && texts.iter().all(|text| !text.is_empty()));
    let texts = texts.ok_or_else(|| openai::bad("'$.input' is invalid", Some("input")))?;
    if app.strikes(PROVIDER, OVERLOADED_529, On::Create).is_some() {
        return Err(Box::new(openai::overloaded()));
    }
    let dimensions = body.get("dimensions").and_then(Value::as_u64).map_or(1536, |count| count.clamp(1, 3072) as usize);
    let rows = texts
        .iter()
        .enumerate()
        .map(|(index, text)| json!({"object": "embedding", "index": index, "embedding": vector(text, dimensions)}));
    Ok(Json(json!({"object": "list", "model": body.get("model"), "data": rows.collect::<Vec<_>>(),
                   "usage": {"prompt_tokens": texts.len(), "total_tokens": texts.len()}}))
    .into_response())
}

/// A bag of words: each counts at the place that its hash names. Of length 1, and never nothing.
fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0.0_f32; dimensions];
    let lower = text.to_lowercase();
    for word in lower.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 3) {
        let hash = word
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
        if let Some(count) = vector.get_mut((hash % dimensions as u64) as usize) {
            *count += 1.0;
        }
    }
    let length = vector.iter().map(|count| count * count).sum::<f32>().sqrt();
    match vector.first_mut() {
        Some(first) if length == 0.0 => *first = 1.0,
        _ => vector.iter_mut().for_each(|count| *count /= length),
    }
    vector
}
