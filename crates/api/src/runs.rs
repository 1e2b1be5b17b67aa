//! Reading, listing and explaining runs, and attaching artifacts.

pub mod bodies;

use bodies::{AttachArtifact, Attached, EventPage, EventsQuery, Notification, Run, RunPage, RunPath, RunsQuery};
use mw_edge::about::Tag::Runs;
use mw_edge::body::{self, Body, Fields};
use mw_edge::query::{cursor, invalid_query, page_size, sequence, short_text};
use mw_edge::route::{Route, get, post};
use mw_edge::{Context, Problem, Request, Response, kick, problem};
use mw_kernel::principal::OPERATOR;
use mw_kernel::principal::Role::{Operator, Viewer};
use mw_kernel::run::{AnyCommand, Attachment, NOTIFICATION};
use mw_operations::runs::view::Why;
use mw_operations::runs::{self, view};
use mw_store::runs::Filter;
use serde_json::Value;

pub const ROUTES: &[Route] = &[
    get("/v1/runs", Viewer, list)
        .is(Runs, "list_runs", "List runs, newest first")
        .query::<RunsQuery>()
        .gives::<RunPage>("A page of runs.")
        .with_headers::<bodies::NextPage>(),
    get("/v1/runs/{run_id}", Viewer, show)
        .is(Runs, "show_run", "Show a run with its artifacts")
        .path::<RunPath>()
        .gives::<Run>("The run."),
    get("/v1/runs/{run_id}/events", Viewer, events)
        .is(Runs, "list_events", "Read a run's timeline")
        .path::<RunPath>()
        .query::<EventsQuery>()
        .gives::<EventPage>("A page of events, oldest first, each with the hash of its chain."),
    get("/v1/runs/{run_id}/why", Viewer, why)
        .is(Runs, "explain_run", "What a run waits for, in plain words")
        .path::<RunPath>()
        .gives::<Why>("Since when, until when, what happens then, and what an operator can do."),
    post("/v1/runs/{run_id}/artifacts", Operator, attach)
        .is(Runs, "attach_artifact", "Attach an artifact to a run")
        .path::<RunPath>()
        .takes::<AttachArtifact>()
        .gives::<Attached>("Attached."),
];

fn list(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
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

/// The same query with another cursor, as `Link: <…>; rel="next"`; of the same path, wherever a proxy has put it.
fn next_link(request: &Request, cursor: &str) -> String {
    let kept = request.raw_query().split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let mut query: Vec<String> = kept.map(str::to_owned).collect();
    query.push(format!("cursor={cursor}"));
    // A query may hold what would end the link's brackets.
    let query = query.join("&").replace('<', "%3C").replace('>', "%3E");
    format!("<?{query}>; rel=\"next\"")
}

fn show(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    Ok(Response::ok(&view::one(&request.parameter("run_id"), context)?))
}

fn why(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    Ok(Response::ok(&view::why(&request.parameter("run_id"), context)?))
}

fn events(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let after = match request.query("after") {
        None => 0,
        Some(text) => sequence(&text).ok_or_else(|| invalid_query("after", "should be a sequence number"))?,
    };
    Ok(Response::ok(&view::timeline(&request.parameter("run_id"), after, page_size(request)?, context)?))
}

fn attach(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let attachment = parse_attachment(request)?;
    let artifact_type = attachment.artifact_type.clone();
    let run = runs::load(context, &request.parameter("run_id"))?;
    let actor = context.actor("api")?;
    require_own_user(&attachment, &run.user_id, context)?;
    let attached = runs::apply(context, run, &AnyCommand::Attach(attachment), &actor)?;
    let response = Response::ok(&Attached { status: "ok", run_id: attached.run.run_id, artifact_type });
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
    let artifact = AttachArtifact::read(&mut fields);
    let metadata = artifact.metadata.unwrap_or_default();
    if artifact.r#type.as_str() == NOTIFICATION {
        // Notifications also reach the user's conversation, so they need somebody and something to say.
        let mut inner = Fields::new(&metadata, "#/metadata");
        Notification::read(&mut inner);
        fields.errors.append(&mut inner.errors);
    }
    fields.finish()?;
    Ok(Attachment {
        artifact_type: artifact.r#type.0,
        provider: artifact.provider.map_or_else(|| "orchestrator".to_owned(), |provider| provider.0),
        url: artifact.url.map(|url| url.0),
        checksum: artifact.checksum.map(|checksum| checksum.0),
        persona: artifact.persona.map(|persona| persona.0),
        metadata: Value::Object(metadata),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::refused_by;

    fn refusal(method: &str, target: &str, body: &str) -> Problem {
        refused_by(ROUTES, method, target, body)
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
        assert_eq!(next_link(&asked, "new"), "<?status=failed&limit=5&cursor=new>; rel=\"next\"");
    }
}
