//! How upload-post reports an upload: at once, when asked, and by event.

use serde_json::{Map, Value, json};

use super::faults::*;
use crate::world::{App, Task};

fn platforms(task: &Task) -> Vec<&str> {
    let asked = task.request.get("platform").and_then(Value::as_array);
    let mut platforms: Vec<&str> = asked.into_iter().flatten().filter_map(Value::as_str).collect();
    // Partial success needs two: the second is then one that the profile adds by itself.
    if task.has(PARTIAL_SUCCESS) && platforms.len() == 1 {
        platforms.push("linkedin");
    }
    platforms
}

/// The final result of each platform.
fn results(app: &App, task: &Task) -> Vec<(String, Value)> {
    let platforms = platforms(task);
    let last = platforms.len().saturating_sub(1);
    let result = |position: usize, platform: &str| {
        let fails = task.has(POST_FAILS) || (task.has(PARTIAL_SUCCESS) && position == last);
        if fails {
            return json!({"success": false, "error": "session expired, reconnect the account"});
        }
        if task.has(FALLBACK_TO_INBOX) {
            return json!({"success": true, "fallback_to_inbox": true, "publish_id": "v_inbox_1", "status": "SEND_TO_USER_INBOX"});
        }
        let id: String = task.task_id.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
        let base = app.config.public_url.trim_end_matches('/');
        json!({
            "success": true,
            "url": format!("{base}/_sim/posts/{platform}/{id}"),
            "publish_id": id,
            "post_id": id,
            "status": "PUBLISH_SUCCESS",
            "error": null,
        })
    };
    platforms
        .iter()
        .enumerate()
        .map(|(position, platform)| ((*platform).to_owned(), result(position, platform)))
        .collect()
}

pub(super) fn accepted(task: &Task) -> Value {
    json!({
        "success": true,
        "message": "Upload initiated",
        "request_id": task.task_id,
        "total_platforms": platforms(task).len(),
    })
}

pub(super) fn synchronous(app: &App, task: &Task) -> Value {
    let results: Map<String, Value> = results(app, task).into_iter().collect();
    let success = results.values().any(|result| result.get("success") == Some(&json!(true)));
    json!({"success": success, "results": results, "usage": {"count": 5, "limit": 120}})
}

pub(super) fn status(app: &App, task: &Task) -> Value {
    let finished = task.is_finished();
    let results = match (finished, task.has(QUEUED_WHILE_RUNNING)) {
        (true, _) => results(app, task),
        (false, true) => queued(task),
        (false, false) => Vec::new(),
    };
    let succeeded = results.iter().filter(|(_, result)| result.get("success") == Some(&json!(true))).count();
    let word = match (finished, succeeded, task.progress()) {
        (true, 0, _) => "failed",
        (true, ..) => "completed",
        (false, _, ..0.3) => "pending",
        (false, _, ..0.6) => "queued",
        (false, ..) => "in_progress",
    };
    json!({
        "request_id": task.task_id,
        "external_id": task.request.get("external_id"),
        "status": word,
        "completed": if finished { results.len() } else { 0 },
        "total": platforms(task).len(),
        "results": shaped(task, results),
        "last_update": "2025-01-01T12:34:56Z",
    })
}

fn queued(task: &Task) -> Vec<(String, Value)> {
    let row = json!({"success": true, "message": "Queued", "upload_timestamp": "2025-01-01T12:34:56Z"});
    platforms(task).into_iter().map(|platform| (platform.to_owned(), row.clone())).collect()
}

/// An array of rows, or an object by platform.
fn shaped(task: &Task, results: Vec<(String, Value)>) -> Value {
    if task.has(RESULTS_AS_OBJECT) {
        return Value::Object(results.into_iter().collect());
    }
    let rows = results.into_iter().map(|(platform, mut result)| {
        if let Some(fields) = result.as_object_mut() {
            fields.insert("platform".to_owned(), json!(platform));
        }
        result
    });
    Value::Array(rows.collect())
}

pub(super) fn events(app: &App, task: &Task) -> Vec<Value> {
    results(app, task).into_iter().map(|(platform, result)| event(task, &platform, result)).collect()
}

/// A stranger's lie: it is posted, and this is the address.
pub(super) fn forged_event(task: &Task) -> Value {
    let platform = platforms(task).first().copied().unwrap_or("tiktok").to_owned();
    let result = json!({"success": true, "url": "https://evil.example/post", "publish_id": "1", "error": null});
    event(task, &platform, result)
}

fn event(task: &Task, platform: &str, result: Value) -> Value {
    json!({
        "event": "upload_completed",
        "job_id": task.task_id,
        "user_email": "owner@example.com",
        "profile_username": task.request.get("user"),
        "platform": platform,
        "media_type": "video",
        "title": task.request.get("title"),
        "caption": task.request.get("caption"),
        "result": result,
        "created_at": "2024-03-15T14:30:00.000000",
    })
}
