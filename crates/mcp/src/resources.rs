//! Runs and their timelines as resources: `run://<id>` and `run://<id>/timeline?after=<seq>`.

use super::message::RpcError;
use super::protocol::Ask;
use super::tool::Session;
use mw_edge::Problem;
use mw_edge::cursor::Cursor;
use mw_edge::query::sequence;
use mw_edge::request::{form_value, percent_decode};
use mw_kernel::token::percent_encode;
use mw_operations::runs::view;
use mw_store::runs::Filter;
use serde_json::{Value, json};

const PAGE: u32 = 50;
const EVENTS: u32 = 100;
const JSON: &str = "application/json";

/// What a `run://` address names.
#[derive(Debug, PartialEq, Eq)]
enum Address {
    Run(String),
    Timeline { run_id: String, after: u64 },
}

impl Address {
    fn parse(uri: &str) -> Option<Address> {
        let (path, query) = uri.strip_prefix("run://")?.split_once('?').unwrap_or((uri.strip_prefix("run://")?, ""));
        let (run_id, rest) = path.split_once('/').unwrap_or((path, ""));
        let run_id = percent_decode(run_id).into_owned();
        match (run_id.is_empty(), rest) {
            (false, "") => Some(Address::Run(run_id)),
            (false, "timeline") => {
                let after = form_value(query, "after").map_or(Some(0), |text| sequence(&text))?;
                Some(Address::Timeline { run_id, after })
            }
            _ => None,
        }
    }
}

pub(super) fn templates() -> Value {
    json!({"resourceTemplates": [
        {
            "uriTemplate": "run://{runId}", "name": "run", "title": "A run", "mimeType": JSON,
            "description": "A run as it stands, with its artifacts.",
        },
        {
            "uriTemplate": "run://{runId}/timeline{?after}", "name": "timeline", "title": "A run's timeline", "mimeType": JSON,
            "description": "What happened to a run, oldest first, 100 events at a time; `after` is the last one's sequence number.",
        },
    ]})
}

/// The newest runs, a page at a time.
pub(super) fn list(session: &mut Session<'_>, ask: &Ask<'_>) -> Result<Value, RpcError> {
    let before = match ask.params.get("cursor").map(|cursor| cursor.as_str().and_then(Cursor::parse)) {
        None => None,
        Some(Some(cursor)) => Some((cursor.created_at, cursor.run_id)),
        Some(None) => return Err(RpcError::invalid_params("cursor is not one of ours")),
    };
    let filter = Filter { before, ..Filter::default() };
    let (page, next) = view::page(session.context, &filter, PAGE).map_err(|problem| failed(&problem, session))?;
    let runs = page.get("runs").and_then(Value::as_array);
    let resources: Vec<Value> = runs.into_iter().flatten().filter_map(resource).collect();
    let mut listed = json!({"resources": resources});
    if let (Some(next), Some(members)) = (next, listed.as_object_mut()) {
        members.insert("nextCursor".to_owned(), json!(next));
    }
    Ok(listed)
}

fn resource(run: &Value) -> Option<Value> {
    let said = |name: &str| run.get(name).and_then(Value::as_str);
    let run_id = said("runId")?;
    Some(json!({
        "uri": format!("run://{}", percent_encode(run_id)),
        "name": run_id,
        "title": format!("{} {}", said("project")?, said("createdAt")?),
        "description": said("status")?,
        "mimeType": JSON,
    }))
}

pub(super) fn read(session: &mut Session<'_>, ask: &Ask<'_>) -> Result<Value, RpcError> {
    let uri = ask.text("uri").ok_or_else(|| RpcError::invalid_params("uri is required"))?;
    let not_found = || RpcError::invalid_params("Resource not found").with_data(json!({"uri": uri}));
    let content = match Address::parse(uri).ok_or_else(not_found)? {
        Address::Run(run_id) => view::one(&run_id, session.context),
        Address::Timeline { run_id, after } => view::timeline(&run_id, after, EVENTS, session.context),
    };
    let content = content.map_err(|problem| match problem.status {
        404 => not_found(),
        _ => failed(&problem, session),
    })?;
    Ok(json!({"contents": [{"uri": uri, "mimeType": JSON, "text": content.to_string()}]}))
}

/// Our fault or the database's; the cause is in the log.
fn failed(problem: &Problem, session: &Session<'_>) -> RpcError {
    session.context.log_problem(problem);
    RpcError::new(200, super::message::INTERNAL_ERROR, problem.detail.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_runs_and_timelines_and_nothing_else() {
        assert_eq!(Address::parse("run://a%2Fb"), Some(Address::Run("a/b".into())));
        let timeline = |after| Some(Address::Timeline { run_id: "r1".into(), after });
        assert_eq!(Address::parse("run://r1/timeline"), timeline(0));
        assert_eq!(Address::parse("run://r1/timeline?after=7"), timeline(7));
        for other in [
            "run://",
            "run:///timeline",
            "run://r1/else",
            "run://r1/timeline?after=x",
            "http://r1",
            "r1",
            "run://r1/timeline?after=18446744073709551615",
        ] {
            assert_eq!(Address::parse(other), None, "{other}");
        }
    }
}
