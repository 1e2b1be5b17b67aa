//! What people wrote down for agents: searched as Brendan searches it.

use crate::tool::{Call, Session, Tool, ToolOutcome};
use mw_edge::body::Fields;
use mw_edge::{Problem, clock, problem};
use mw_kernel::principal::Role;
use mw_store::knowledge::{PASSAGES_MAX, Passage, Search, SearchError, search};
use serde_json::{Value, json};
use std::time::Instant;

pub(crate) const QUERY_SUPPORT: Tool = Tool { name: "query_support", role: Role::Viewer, call: query };

const QUERY_LENGTH_MAX: usize = 1000;
const TOP_DEFAULT: u32 = 5;
const PREVIEW_CHARS: usize = 200;
/// As many passages make the answer; the others are named.
const ANSWERING: usize = 3;

fn query(session: &mut Session<'_>, call: &Call<'_>) -> Result<ToolOutcome, Problem> {
    let question = call.arguments.get("q").and_then(Value::as_str).map(str::trim).unwrap_or_default();
    if question.is_empty() {
        return Err(problem::bad_request("Query text is required"));
    }
    let top = top(call.arguments.get("topK")).ok_or_else(|| problem::bad_request("topK must be between 1 and 20"))?;
    let mut fields = Fields::new(call.arguments, "#");
    fields.text("q", 1, QUERY_LENGTH_MAX);
    let (project, persona) = (fields.text("project", 1, 50), fields.text("persona", 1, 50));
    fields.finish()?;
    let wanted = Search {
        query: question,
        project: project.as_deref(),
        persona: persona.as_deref(),
        limit: top,
        vector: None,
        counted: true,
    };
    let started = Instant::now();
    let passages = search(session.context.database()?, &wanted).map_err(|error| match error {
        SearchError::Database(error) => error.into(),
        error @ SearchError::OtherEmbedder { .. } => problem::internal().because(error),
    })?;
    Ok(ToolOutcome::facts(json!({
        "ok": true,
        "query": question,
        "response": response(&passages),
        "sources": passages.iter().map(source).collect::<Vec<_>>(),
        "metadata": {
            "topK": top,
            "timestamp": clock::rfc3339(clock::now()),
            "processingTime": started.elapsed().as_millis() as u64,
        },
    })))
}

fn top(sent: Option<&Value>) -> Option<u32> {
    match sent {
        None | Some(Value::Null) => Some(TOP_DEFAULT),
        Some(sent) => u32::try_from(sent.as_u64()?).ok().filter(|top| (1..=PASSAGES_MAX).contains(top)),
    }
}

/// The best passages in their own words: nothing is made up, and each says where it stands.
fn response(passages: &[Passage]) -> String {
    if passages.is_empty() {
        return "Nothing in the knowledge base answers this.".to_owned();
    }
    let said = passages.iter().take(ANSWERING).map(|passage| format!("{} [{}]", passage.content.trim(), passage.path));
    said.collect::<Vec<_>>().join("\n\n")
}

fn source(passage: &Passage) -> Value {
    let mut preview: String = passage.excerpt().chars().take(PREVIEW_CHARS).collect();
    if preview.chars().count() == PREVIEW_CHARS {
        preview.push('…');
    }
    json!({
        "id": passage.doc_id,
        "score": passage.score,
        "preview": preview,
        "metadata": {"source": passage.path, "table": "kb_documents", "url": null, "title": passage.title},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn top_k_is_a_whole_number_within_its_bounds() {
        assert_eq!([top(None), top(Some(&json!(1))), top(Some(&json!(20)))], [Some(5), Some(1), Some(20)]);
        for wrong in [json!(0), json!(21), json!(-1), json!("5"), json!(2.5), json!([])] {
            assert_eq!(top(Some(&wrong)), None, "{wrong}");
        }
    }
}
