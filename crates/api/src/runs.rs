//! Reading, listing and explaining runs, and attaching artifacts.

use crate::body::{self, Fields};
use crate::context::Context;
use crate::cursor::Cursor;
use crate::problem::{self, Problem};
use crate::request::{Method, Request};
use crate::response::Response;
use crate::{auth, clock, commands, kick, route};
use mw_core::principal::OPERATOR;
use mw_core::run::{Attachment, Command, NOTIFICATION};
use mw_core::status::Status;
use mw_store::runs::{Explained, Filter};
use serde_json::{Value, json};

const PAGE_DEFAULT: u32 = 50;
const PAGE_MAX: u32 = 200;

pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    auth::require(request, context)?;
    let segments = request.segments();
    let path: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (route, methods): (&'static str, &[Method]) = match path.as_slice() {
        ["v1", "runs"] => ("/v1/runs", &[Method::Get]),
        ["v1", "runs", _] => ("/v1/runs/{run_id}", &[Method::Get]),
        ["v1", "runs", _, "events"] => ("/v1/runs/{run_id}/events", &[Method::Get]),
        ["v1", "runs", _, "why"] => ("/v1/runs/{run_id}/why", &[Method::Get]),
        ["v1", "runs", _, "artifacts"] => ("/v1/runs/{run_id}/artifacts", &[Method::Post]),
        _ => return Err(problem::not_found("Not Found")),
    };
    context.route = route;
    if let Some(answer) = route::allow(request, methods)? {
        return Ok(answer);
    }
    match path.as_slice() {
        ["v1", "runs"] => list(request, context),
        ["v1", "runs", run_id] => show(run_id, context),
        ["v1", "runs", run_id, "events"] => events(run_id, request, context),
        ["v1", "runs", run_id, "why"] => Ok(Response::ok(&why(run_id, context)?)),
        ["v1", "runs", run_id, "artifacts"] => attach(run_id, request, context),
        _ => Err(problem::not_found("Not Found")),
    }
}

fn list(request: &Request, context: &mut Context) -> Result<Response, Problem> {
    let status = match request.query("status") {
        None => None,
        Some(word) => Some(status_of(&word, "query:status")?),
    };
    let before = match request.query("cursor") {
        None => None,
        Some(text) => Some(Cursor::parse(&text).ok_or_else(|| invalid_query("cursor", "is not one of ours"))?),
    };
    let filter = Filter {
        status,
        project: short_text(request, "project")?,
        user_id: short_text(request, "user_id")?,
        before: before.map(|cursor| (cursor.created_at, cursor.run_id)),
        ..Filter::default()
    };
    let (page, next) = page(context, &filter, page_size(request)?)?;
    let response = Response::ok(&page);
    Ok(match next {
        Some(cursor) => response.with_header("link", next_link(request, &cursor)),
        None => response,
    })
}

/// A page of runs as clients see it, with the cursor of the next one.
pub(crate) fn page(context: &mut Context, filter: &Filter, limit: u32) -> Result<(Value, Option<String>), Problem> {
    let mut page = mw_store::runs::list(context.database()?, filter, limit)?;
    let next = page.runs.last().filter(|_| page.more).and_then(Cursor::after);
    page.runs.iter_mut().for_each(normalise_times);
    Ok((json!({"runs": page.runs, "next_cursor": next}), next))
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

/// The status that a word names.
pub(crate) fn status_of(word: &str, pointer: &str) -> Result<Status, Problem> {
    Status::parse(word).ok_or_else(|| {
        let words: Vec<String> = Status::ALL.iter().map(|status| format!("'{status}'")).collect();
        problem::invalid_field(pointer, format!("Input should be one of {}", words.join(", ")))
    })
}

pub(crate) fn invalid_query(name: &str, what: &str) -> Problem {
    problem::invalid_field(&format!("query:{name}"), format!("{name} {what}"))
}

pub(crate) fn short_text(request: &Request, name: &str) -> Result<Option<String>, Problem> {
    match request.query(name) {
        Some(text) if text.chars().count() > 200 || text.contains('\0') => Err(invalid_query(name, "is not a name")),
        text => Ok(text.filter(|text| !text.is_empty())),
    }
}

pub(crate) fn page_size(request: &Request) -> Result<u32, Problem> {
    match request.query("limit") {
        None => Ok(PAGE_DEFAULT),
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=PAGE_MAX).contains(limit))
            .ok_or_else(|| invalid_query("limit", &format!("should be 1 to {PAGE_MAX}"))),
    }
}

fn show(run_id: &str, context: &mut Context) -> Result<Response, Problem> {
    Ok(Response::ok(&view(run_id, context)?))
}

/// A run as clients see it, with its artifacts.
pub(crate) fn view(run_id: &str, context: &mut Context) -> Result<Value, Problem> {
    let not_found = || problem::not_found("run not found");
    if !commands::is_run_id(run_id) {
        return Err(not_found());
    }
    context.log.about_run(run_id);
    let mut view = mw_store::runs::view(context.database()?, run_id)?.ok_or_else(not_found)?;
    normalise_times(&mut view);
    if let Some(artifacts) = view.get_mut("artifacts").and_then(Value::as_array_mut) {
        artifacts.iter_mut().for_each(normalise_times);
    }
    Ok(view)
}

/// PostgreSQL writes times with its own offset and without trailing zeros; clients get one form.
pub(crate) fn normalise_times(object: &mut Value) {
    for name in [
        "createdAt",
        "updatedAt",
        "deadline",
        "finishedAt",
        "nextRetryAt",
        "lastErrorAt",
        "settledAt",
        "since",
        "disabledAt",
        "expiresAt",
        "revokedAt",
    ] {
        if let Some(Value::String(text)) = object.get_mut(name)
            && let Some(time) = clock::parse(text)
        {
            *text = clock::rfc3339(time);
        }
    }
}

fn events(run_id: &str, request: &Request, context: &mut Context) -> Result<Response, Problem> {
    let after = match request.query("after") {
        None => 0,
        Some(text) => sequence(&text).ok_or_else(|| invalid_query("after", "should be a sequence number"))?,
    };
    Ok(Response::ok(&timeline(run_id, after, page_size(request)?, context)?))
}

/// Sequence numbers are PostgreSQL's bigint.
pub(crate) fn sequence(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| i64::try_from(*number).is_ok())
}

/// A page of a run's timeline after a sequence number.
pub(crate) fn timeline(run_id: &str, after: u64, limit: u32, context: &mut Context) -> Result<Value, Problem> {
    let not_found = || problem::not_found("run not found");
    if !commands::is_run_id(run_id) {
        return Err(not_found());
    }
    context.log.about_run(run_id);
    let page = mw_store::runs::timeline(context.database()?, run_id, after, limit)?.ok_or_else(not_found)?;
    let next = page.events.last().filter(|_| page.more).and_then(|event| event.get("seq").cloned());
    Ok(json!({"runId": run_id, "events": page.events, "next_after": next}))
}

/// What the run waits for, in plain words.
pub(crate) fn why(run_id: &str, context: &mut Context) -> Result<Value, Problem> {
    let not_found = || problem::not_found("run not found");
    if !commands::is_run_id(run_id) {
        return Err(not_found());
    }
    context.log.about_run(run_id);
    let Explained { run, facts } = mw_store::runs::facts(context.database()?, run_id)?.ok_or_else(not_found)?;
    let why = run.why(&facts);
    Ok(json!({
        "runId": run.run_id, "status": run.status, "waitingFor": why.waiting_for,
        "since": why.since.map(clock::rfc3339), "until": why.until.map(clock::rfc3339),
        "then": why.then, "details": why.details, "can": why.can,
    }))
}

fn attach(run_id: &str, request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let attachment = parse_attachment(request)?;
    let artifact_type = attachment.artifact_type.clone();
    let run = commands::load(context, run_id)?;
    let actor = context.actor("api")?;
    require_own_user(&attachment, &run.user_id, context)?;
    let outcome = commands::carry_out(context, run, &Command::Attach(attachment), &actor)?;
    let answer = json!({"status": "ok", "runId": outcome.run.run_id, "artifactType": artifact_type});
    let response = Response::ok(&answer);
    Ok(if outcome.kick { response.then(kick::dispatch) } else { response })
}

/// A notification is told in its user's conversation: only the shared key may tell another than the run's own user.
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
    use crate::problem::tests::refused_by;
    use crate::request::tests::request;

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
    fn times_get_one_form() {
        let mut run = json!({"createdAt": "2025-11-14T13:00:00.5+01:00", "deadline": null, "finishedAt": "soon"});
        normalise_times(&mut run);
        assert_eq!(run["createdAt"], "2025-11-14T12:00:00.500000Z");
        assert_eq!(run["finishedAt"], "soon");
    }

    #[test]
    fn the_next_link_keeps_the_filters() {
        let asked = request("GET", "/v1/runs?status=failed&cursor=old&limit=5", &[], "");
        assert_eq!(next_link(&asked, "new"), "</v1/runs?status=failed&limit=5&cursor=new>; rel=\"next\"");
    }
}
