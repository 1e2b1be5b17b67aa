//! Reading, listing and explaining runs, and attaching artifacts.

use mw_edge::body::{self, Fields};
use mw_edge::query::{cursor, invalid_query, page_size, sequence, short_text};
use mw_edge::{Context, Problem, Request, Response, kick, problem, route};
use mw_kernel::principal::OPERATOR;
use mw_kernel::run::{AnyCommand, Attachment, NOTIFICATION};
use mw_operations::runs::{self, view};
use mw_store::runs::Filter;
use serde_json::{Value, json};

pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    if let Some(answer) = route::enter(request, context)? {
        return Ok(answer);
    }
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["v1", "runs"] => list(request, context),
        ["v1", "runs", run_id] => show(run_id, context),
        ["v1", "runs", run_id, "events"] => events(run_id, request, context),
        ["v1", "runs", run_id, "why"] => Ok(Response::ok(&view::why(run_id, context)?)),
        ["v1", "runs", run_id, "artifacts"] => attach(run_id, request, context),
        _ => Err(problem::not_found("Not Found")),
    }
}

fn list(request: &Request, context: &mut Context) -> Result<Response, Problem> {
    let status = match request.query("status") {
        None => None,
        Some(word) => Some(view::status_of(context.kinds, &word, "query:status")?),
    };
    let before = cursor(request)?;
    let filter = Filter {
        status,
        project: short_text(request, "project")?,
        user_id: short_text(request, "user_id")?,
        before: before.map(|cursor| (cursor.created_at, cursor.run_id)),
        ..Filter::default()
    };
    let (page, next) = view::page(context, &filter, page_size(request)?)?;
    let response = Response::ok(&page);
    Ok(match next {
        Some(cursor) => response.with_header("link", next_link(request, &cursor)),
        None => response,
    })
}

/// The same query with another cursor, as `Link: <…>; rel="next"`.
fn next_link(request: &Request, cursor: &str) -> String {
    let kept = request.raw_query().split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let mut query: Vec<String> = kept.map(str::to_owned).collect();
    query.push(format!("cursor={cursor}"));
    // A query may hold what would end the link's brackets.
    let query = query.join("&").replace('<', "%3C").replace('>', "%3E");
    format!("</v1/runs?{query}>; rel=\"next\"")
}

fn show(run_id: &str, context: &mut Context) -> Result<Response, Problem> {
    Ok(Response::ok(&view::one(run_id, context)?))
}

fn events(run_id: &str, request: &Request, context: &mut Context) -> Result<Response, Problem> {
    let after = match request.query("after") {
        None => 0,
        Some(text) => sequence(&text).ok_or_else(|| invalid_query("after", "should be a sequence number"))?,
    };
    Ok(Response::ok(&view::timeline(run_id, after, page_size(request)?, context)?))
}

fn attach(run_id: &str, request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let attachment = parse_attachment(request)?;
    let artifact_type = attachment.artifact_type.clone();
    let run = runs::load(context, run_id)?;
    let actor = context.actor("api")?;
    require_own_user(&attachment, &run.user_id, context)?;
    let attached = runs::apply(context, run, &AnyCommand::Attach(attachment), &actor)?;
    let answer = json!({"status": "ok", "runId": attached.run.run_id, "artifactType": artifact_type});
    let response = Response::ok(&answer);
    Ok(if attached.kick { response.then(kick::dispatch) } else { response })
}

/// A notification appears in its user's conversation: only the shared key may notify another than the run's own user.
fn require_own_user(attachment: &Attachment, own: &str, context: &Context) -> Result<(), Problem> {
    let named = attachment.metadata.get("user_id").and_then(Value::as_str).unwrap_or_default();
    let is_believed = attachment.artifact_type != NOTIFICATION || context.name()? == OPERATOR;
    if is_believed || named == own { Ok(()) } else { Err(problem::user_not_yours(named, own)) }
}

/// Reads an artifact's body.
pub fn parse_attachment(request: &mut Request) -> Result<Attachment, Problem> {
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let artifact_type = fields.required_text("type", 1, 100);
    let provider = fields.text("provider", 1, 100);
    let url = fields.text("url", 1, 2000);
    let checksum = fields.text("checksum", 1, 200);
    let persona = fields.text("persona", 1, 100);
    let metadata = fields.object("metadata").cloned().unwrap_or_default();
    if artifact_type == NOTIFICATION {
        // Notifications also reach the user's conversation, so they need somebody and something to say.
        let mut inner = Fields::new(&metadata, "#/metadata");
        inner.required_text("user_id", 1, 200);
        inner.required_text("message", 1, 2000);
        fields.errors.append(&mut inner.errors);
    }
    fields.finish()?;
    Ok(Attachment {
        artifact_type,
        provider: provider.unwrap_or_else(|| "orchestrator".to_owned()),
        url,
        checksum,
        persona,
        metadata: Value::Object(metadata),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::refused_by;

    fn refusal(method: &str, target: &str, body: &str) -> Problem {
        refused_by(handle, method, target, body)
    }

    #[test]
    fn bad_queries_and_bodies_are_422_before_any_statement() {
        for target in [
            "/v1/runs?status=done",
            "/v1/runs?limit=0",
            "/v1/runs?limit=201",
            "/v1/runs?limit=ten",
            "/v1/runs?cursor=xyz",
            "/v1/runs?project=a%00b",
            "/v1/runs/r1/events?after=-1",
            "/v1/runs/r1/events?after=18446744073709551615",
        ] {
            assert_eq!(refusal("GET", target, "").status, 422, "{target}");
        }
        for (target, body) in [
            ("/v1/runs/r1/artifacts", "{}"),
            ("/v1/runs/r1/artifacts", "{\"type\":\"x\",\"metadata\":[]}"),
            ("/v1/runs/r1/artifacts", "{\"type\":\"notification\"}"),
        ] {
            assert_eq!(refusal("POST", target, body).status, 422, "{target} {body}");
        }
    }

    #[test]
    fn impossible_ids_are_404_and_wrong_methods_405() {
        assert_eq!(refusal("GET", &format!("/v1/runs/{}", "x".repeat(200)), "").detail, "run not found");
        assert_eq!(refusal("GET", "/v1/runs/%00", "").status, 404);
        assert_eq!(refusal("DELETE", "/v1/runs/r1", "").status, 405);
        assert_eq!(refusal("POST", "/v1/runs/r1/why", "").status, 405);
    }

    #[test]
    fn the_next_link_keeps_the_filters() {
        let asked = Request::in_memory("GET", "/v1/runs?status=failed&cursor=old&limit=5", &[], "");
        assert_eq!(next_link(&asked, "new"), "</v1/runs?status=failed&limit=5&cursor=new>; rel=\"next\"");
    }
}
