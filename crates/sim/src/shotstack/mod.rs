//! Shotstack: renders. Nothing is signed, and every POST is another render.

mod faults;

use std::collections::HashMap;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::delivery::{self, Delivery};
use crate::fault::Fault;
use crate::player::{Jobs, Player, Provider, Setting};
use crate::signer::Signer;
use crate::world::{App, NewTask, Task, job_in, unix_ms};
use faults::*;

pub(crate) static PLAYER: Player = Player {
    settings: &[Setting::secret("shotstack_api_key", "The only key that Shotstack accepts [default: any]")],
    key: Some("shotstack_api_key"),
    faults: &[FAULTS],
    jobs: Some(&Renders),
    ..Player::new("shotstack", "/shotstack/edit/v1", routes, error)
};

const PROVIDER: Provider = Provider(&PLAYER);

struct Renders;

impl Jobs for Renders {
    fn latency_ms(&self) -> u64 {
        500
    }

    fn attempts(&self) -> u64 {
        10
    }

    /// `min(attempt³, 900)` seconds, from the second on.
    fn gap(&self, attempt: u64) -> Duration {
        Duration::from_secs((attempt + 1).pow(3).min(900))
    }

    /// Every redirect counts.
    fn is_delivered(&self, status: u16) -> bool {
        (200..400).contains(&status)
    }

    fn lie(&self, task_id: &str, url: &str, _secret: &str, _at_unix: u64) -> (Vec<(&'static str, String)>, Value) {
        (Vec::new(), done_by_a_stranger(task_id, url))
    }
}

fn error(_status: StatusCode, message: &str) -> Value {
    json!({"success": false, "message": message, "response": {"error": message}})
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/edit/{stage}/render", post(create))
        .route("/edit/{stage}/render/{id}", get(status))
        .fallback(|| async { refused(StatusCode::NOT_FOUND, "Not Found", "unknown route") })
}

fn refused(status: StatusCode, message: &str, detail: &str) -> Response {
    (status, Json(json!({"success": false, "message": message, "response": detail}))).into_response()
}

/// The gateway before Shotstack speaks for itself.
fn unauthorized(app: &App, stage: &str, headers: &HeaderMap) -> Option<Response> {
    if !["v1", "stage"].contains(&stage) {
        return Some(refused(StatusCode::NOT_FOUND, "Not Found", "unknown stage"));
    }
    let key = headers.get("x-api-key").and_then(|value| value.to_str().ok());
    let forbidden = (StatusCode::FORBIDDEN, Json(json!({"message": "Forbidden"})));
    (!app.config.accepts(PROVIDER, key)).then(|| forbidden.into_response())
}

async fn create(State(app): State<App>, Path(stage): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let refusal = unauthorized(&app, &stage, &headers);
    let edit = match refusal {
        Some(refusal) => Err(refusal),
        None => edit_in(&body).map_err(|detail| refused(StatusCode::BAD_REQUEST, "Bad Request", &detail)),
    };
    match edit {
        Ok(edit) => accept(&app, &headers, edit),
        Err(refusal) => {
            app.world().count(PROVIDER).refusals += 1;
            refusal
        }
    }
}

fn edit_in(body: &[u8]) -> Result<Value, String> {
    let edit: Value = serde_json::from_slice(body).map_err(|_| "Malformed JSON in request body".to_owned())?;
    check(&edit)?;
    Ok(edit)
}

/// What Shotstack accepts.
fn check(edit: &Value) -> Result<(), String> {
    let tracks = edit.get("timeline").and_then(|timeline| timeline.get("tracks")).and_then(Value::as_array);
    let tracks = tracks.filter(|tracks| !tracks.is_empty()).ok_or("\"timeline.tracks\" is required")?;
    for track in tracks {
        let clips = track.get("clips").and_then(Value::as_array).filter(|clips| !clips.is_empty());
        clips.ok_or("\"clips\" is required")?.iter().try_for_each(check_clip)?;
    }
    let output = edit.get("output").ok_or("\"output\" is required")?;
    let formats = ["mp4", "gif", "mp3", "jpg", "png", "bmp"];
    let format = output.get("format").and_then(Value::as_str).unwrap_or_default();
    if !formats.contains(&format) {
        return Err("\"output.format\" is required".to_owned());
    }
    one_of(output, "resolution", &["preview", "mobile", "sd", "hd", "1080", "4k"])?;
    one_of(output, "aspectRatio", &["16:9", "9:16", "1:1", "4:5", "4:3"])
}

fn check_clip(clip: &Value) -> Result<(), String> {
    let asset = clip.get("asset").ok_or("\"asset\" is required")?;
    let kind = asset.get("type").and_then(Value::as_str).ok_or("\"asset.type\" is required")?;
    let needed = match kind {
        "text" => "text",
        _ => "src",
    };
    let content = asset.get(needed).and_then(Value::as_str).unwrap_or_default();
    if content.is_empty() {
        return Err(format!("\"asset.{needed}\" is required"));
    }
    for (name, words) in [("start", ["auto", "auto"]), ("length", ["auto", "end"])] {
        let value = clip.get(name).ok_or_else(|| format!("\"{name}\" is required"))?;
        let is_time = value.as_f64().is_some_and(|time| time >= 0.0);
        if !is_time && !value.as_str().is_some_and(|word| words.contains(&word)) {
            return Err(format!("\"{name}\" must be a number"));
        }
    }
    Ok(())
}

fn one_of(home: &Value, name: &str, known: &[&str]) -> Result<(), String> {
    match home.get(name) {
        Some(value) if !value.as_str().is_some_and(|text| known.contains(&text)) => {
            Err(format!("\"output.{name}\" must be one of [{}]", known.join(", ")))
        }
        _ => Ok(()),
    }
}

fn accept(app: &App, headers: &HeaderMap, edit: Value) -> Response {
    let callback_url = edit.get("callback").and_then(Value::as_str).map(str::to_owned);
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    let task = app.world().create(NewTask {
        provider: PROVIDER,
        kind: "render",
        task_id: Uuid::new_v4().to_string(),
        job_id: callback_url.as_deref().and_then(job_in),
        callback_url,
        // Recorded, and not heeded: a second POST gives a second render.
        idempotency_key: key.map(str::to_owned),
        request: edit,
    });
    call_back(app, &task);
    let response = json!({"message": "Render Successfully Queued", "id": task.task_id});
    let body = json!({"success": true, "message": "Created", "response": response});
    (StatusCode::CREATED, Json(body)).into_response()
}

/// The render's callback and that of its copy on the CDN, which comes after it unless told otherwise.
fn call_back(app: &App, task: &Task) {
    let Some(url) = delivery::target(app, task) else {
        return;
    };
    let delivery = |body: Value| Delivery::of(task, &url, body, Signer::unsigned());
    let mut real = vec![delivery(rendered(app, task))];
    if !task.has(RENDER_FAILS) {
        real.push(delivery(copied(app, task)));
    }
    if task.has(COPY_BEFORE_RENDER) {
        real.reverse();
    }
    let is_lied_about = task.has(FORGED_DONE) || task.has(Fault::CALLBACK_FORGED);
    let forged = is_lied_about.then(|| Delivery::forged(task, &url, forged(task), Signer::unsigned()));
    delivery::schedule(app, task, real, forged.into_iter().collect());
}

fn rendered(app: &App, task: &Task) -> Value {
    let failed = task.has(RENDER_FAILS);
    json!({
        "type": "edit",
        "action": "render",
        "id": task.task_id,
        "owner": "5ca6hu7s9k",
        "status": if failed { "failed" } else { "done" },
        "url": (!failed).then(|| app.media_url(&task.task_id)),
        "error": failed.then(|| error_text(task)),
        "completed": now(),
    })
}

fn copied(app: &App, task: &Task) -> Value {
    json!({
        "type": "serve",
        "action": "copy",
        "id": Uuid::new_v4().to_string(),
        "render": task.task_id,
        "owner": "5ca6hu7s9k",
        "status": "ready",
        "url": app.media_url(&format!("cdn-{}", task.task_id)),
        "error": null,
        "completed": now(),
    })
}

fn forged(task: &Task) -> Value {
    done_by_a_stranger(&task.task_id, "https://evil.example/final.mp4")
}

fn done_by_a_stranger(task_id: &str, url: &str) -> Value {
    json!({
        "type": "edit",
        "action": "render",
        "id": task_id,
        "owner": "mallory",
        "status": "done",
        "url": url,
        "error": null,
        "completed": now(),
    })
}

fn error_text(task: &Task) -> String {
    let text = task.quirk(RENDER_FAILS).and_then(|quirk| quirk.text.clone());
    text.unwrap_or_else(|| "Failed to download an asset".to_owned())
}

fn now() -> String {
    let nanoseconds = i128::from(unix_ms()) * 1_000_000;
    let time = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

async fn status(
    State(app): State<App>,
    Path((stage, id)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = unauthorized(&app, &stage, &headers) {
        return refusal;
    }
    if Uuid::parse_str(&id).is_err() {
        return refused(StatusCode::BAD_REQUEST, "Bad Request", "\"id\" must be a valid GUID");
    }
    let Some(task) = app.world().queried(PROVIDER, &id) else {
        return refused(StatusCode::NOT_FOUND, "Not Found", "Render not found");
    };
    let with_data = query.get("data").is_none_or(|data| data == "true");
    let body = json!({"success": true, "message": "OK", "response": render(&app, &task, with_data)});
    Json(body).into_response()
}

fn render(app: &App, task: &Task, with_data: bool) -> Value {
    let status = match task.progress() {
        1.0.. if task.has(RENDER_FAILS) => "failed",
        1.0.. => "done",
        _ if task.has(UNKNOWN_STATUS) => "preprocessing",
        0.0..0.2 => "queued",
        0.2..0.4 => "fetching",
        0.4..0.9 => "rendering",
        _ => "saving",
    };
    json!({
        "id": task.task_id,
        "owner": "5ca6hu7s9k",
        "plan": "sandbox",
        "status": status,
        "error": if status == "failed" { error_text(task) } else { String::new() },
        "duration": 14.5,
        "renderTime": 1000,
        "url": (status == "done").then(|| app.media_url(&task.task_id)),
        "poster": null,
        "thumbnail": null,
        "data": if with_data { task.request.clone() } else { Value::Null },
        "created": now(),
        "updated": now(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_wait_as_documented() {
        let gaps: Vec<u64> = (1..10).map(|attempt| Renders.gap(attempt).as_secs()).collect();
        assert_eq!(gaps, [8, 27, 64, 125, 216, 343, 512, 729, 900]);
        assert_eq!(gaps.iter().sum::<u64>(), 48 * 60 + 44);
    }

    #[test]
    fn a_redirect_is_delivered() {
        assert!(Renders.is_delivered(303) && !Renders.is_delivered(404));
    }
}
