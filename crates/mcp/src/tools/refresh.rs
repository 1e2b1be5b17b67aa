//! The index of the knowledge made anew from the documents that are kept: what an earlier release cut otherwise is cut as
//! today. Files come in by `mw kb ingest` only, since a component sees none.

use crate::tool::{Call, Session, Tool, ToolOutcome};
use mw_edge::body::Fields;
use mw_edge::{Problem, clock, problem};
use mw_kernel::principal::Role;
use mw_media::knowledge::Document;
use mw_store::knowledge::{self, Whole};
use serde_json::json;
use std::time::{Duration, Instant};

pub(crate) const REFRESH_INDEX: Tool = Tool { name: "refresh_index", role: Role::Operator, call: refresh };

const PAGE: u32 = 50;
/// Clients wait half a minute; what is left then is done by the next call, which passes over what is fresh.
const TIME_LIMIT: Duration = Duration::from_secs(20);
/// What HotDash's index was made from, of which there is one here.
const SOURCES: [&str; 4] = ["all", "curated", "web", "supabase"];

fn refresh(session: &mut Session<'_>, call: &Call<'_>) -> Result<ToolOutcome, Problem> {
    let mut fields = Fields::new(call.arguments, "#");
    let sources = fields.text("sources", 1, 100).unwrap_or_else(|| "all".to_owned());
    // Whatever is stale is made anew, in full or not.
    fields.boolean("full");
    fields.finish()?;
    check(&sources)?;
    let started = Instant::now();
    let (mut count, mut changed, mut after, mut more) = (0_usize, 0_usize, None::<String>, false);
    loop {
        let page = knowledge::read(session.context.database()?, after.as_deref(), PAGE)?;
        let Some(last) = page.last() else { break };
        if started.elapsed() > TIME_LIMIT {
            more = true;
            break;
        }
        after = Some(last.path.clone());
        count = count.saturating_add(page.len());
        let stale: Vec<Document> = page.into_iter().filter_map(stale).collect();
        if !stale.is_empty() {
            let applied = knowledge::apply(session.context.database()?, clock::now(), &stale, &[])?;
            changed = changed.saturating_add(applied.changed.len());
        }
    }
    Ok(ToolOutcome::facts(json!({
        "ok": !more,
        "runDir": session.context.request_id,
        "count": count,
        "changed": changed,
        "sources": {"curated": count},
        "duration": started.elapsed().as_millis() as u64,
        "timestamp": clock::rfc3339(clock::now()),
    })))
}

fn check(sources: &str) -> Result<(), Problem> {
    let words: Vec<&str> = sources.split(',').map(str::trim).collect();
    match words.iter().find(|word| !SOURCES.contains(word)) {
        Some(unknown) => Err(problem::bad_request(&format!(
            "Invalid source: {unknown}. Must be one of: all, web, supabase, curated"
        ))),
        None if words.iter().any(|word| matches!(*word, "all" | "curated")) => Ok(()),
        None => Err(problem::bad_request("Nothing is indexed from web or supabase: the knowledge is curated")),
    }
}

/// The document cut as today, where that is not as it was.
fn stale(kept: Whole) -> Option<Document> {
    let Whole { path, project, persona, content, hash } = kept;
    let fresh = Document::cut(path, project, persona, content);
    (fresh.hash != hash).then_some(fresh)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_there_is_can_be_refreshed() {
        for good in ["all", "curated", "web, curated", "all,supabase"] {
            assert!(check(good).is_ok(), "{good}");
        }
        assert!(check("web").unwrap_err().detail.starts_with("Nothing is indexed from web"));
        assert!(check("curated,s3").unwrap_err().detail.starts_with("Invalid source: s3"));
        assert!(check("").is_err());
    }
}
