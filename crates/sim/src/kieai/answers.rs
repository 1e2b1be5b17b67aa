//! How kie.ai reports a task, when asked and by callback. No two families do it alike.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use super::Family;
use super::faults::*;
use crate::world::{App, Task};

const FAILURE: &str = "Your prompt was flagged by Website as violating content policies.";

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Waiting,
    Queueing,
    Generating,
    Unknown,
    Success,
    Failed,
}

fn stage(task: &Task) -> Stage {
    match task.progress() {
        1.0.. if task.has(TASK_FAILS) => Stage::Failed,
        1.0.. => Stage::Success,
        _ if task.has(UNKNOWN_STATE) => Stage::Unknown,
        0.0..0.2 => Stage::Waiting,
        0.2..0.4 => Stage::Queueing,
        _ => Stage::Generating,
    }
}

/// The `data` of a query.
pub(super) fn record(family: Family, app: &App, task: &Task) -> Value {
    match family {
        Family::Veo => veo_record(app, task),
        Family::Market => market_record(app, task),
        Family::Runway => runway_record(app, task),
    }
}

fn id_name(task: &Task) -> &'static str {
    if task.has(IDS_AS_TASK_ID) { "task_id" } else { "taskId" }
}

fn result_urls(app: &App, task: &Task) -> Value {
    let url = app.media_url(&task.task_id);
    match task.has(RESULT_URLS_AS_STRING) {
        true => json!(format!("[{url}]")),
        false => json!([url]),
    }
}

fn veo_record(app: &App, task: &Task) -> Value {
    let stage = stage(task);
    let flag = match stage {
        Stage::Success => 1,
        Stage::Failed => 3,
        Stage::Unknown => 9,
        _ => 0,
    };
    let response = (stage == Stage::Success)
        .then(|| json!({"taskId": task.task_id, "resultUrls": result_urls(app, task), "resolution": "720p"}));
    let failed = stage == Stage::Failed;
    json!({
        id_name(task): task.task_id,
        "paramJson": task.request.to_string(),
        "successFlag": flag,
        "errorCode": failed.then_some(501),
        "errorMessage": failed.then_some(FAILURE),
        "createTime": zoneless(task.created_unix_ms()),
        "response": response,
    })
}

/// Veo's times have no zone.
fn zoneless(unix_ms: u64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    let time = i64::try_from(unix_ms / 1000).ok().and_then(|time| OffsetDateTime::from_unix_timestamp(time).ok());
    time.and_then(|time| time.format(format).ok()).unwrap_or_default()
}

fn market_record(app: &App, task: &Task) -> Value {
    let stage = stage(task);
    let state = match stage {
        Stage::Waiting => "waiting",
        Stage::Queueing => "queuing",
        Stage::Generating => "generating",
        Stage::Unknown => "dreaming",
        Stage::Success => "success",
        Stage::Failed => "fail",
    };
    let result = match stage {
        Stage::Success => json!({"resultUrls": result_urls(app, task)}).to_string(),
        _ => String::new(),
    };
    let failed = stage == Stage::Failed;
    json!({
        id_name(task): task.task_id,
        "model": task.request.get("model"),
        "state": state,
        "param": task.request.to_string(),
        "resultJson": result,
        "failCode": if failed { "501" } else { "" },
        "failMsg": if failed { FAILURE } else { "" },
        "costTime": 15000,
        "createTime": task.created_unix_ms(),
        "completeTime": task.is_finished().then_some(task.created_unix_ms()),
    })
}

fn runway_record(app: &App, task: &Task) -> Value {
    let stage = stage(task);
    let state = match stage {
        Stage::Waiting => "wait",
        Stage::Queueing => "queueing",
        Stage::Generating => "generating",
        Stage::Unknown => "dreaming",
        Stage::Success => "success",
        Stage::Failed => "fail",
    };
    let video = (stage == Stage::Success).then(|| json!({"videoUrl": app.media_url(&task.task_id)}));
    let failed = stage == Stage::Failed;
    json!({
        id_name(task): task.task_id,
        "generateParam": task.request,
        "state": state,
        "videoInfo": video,
        "failCode": failed.then_some(501),
        "failMsg": failed.then_some(FAILURE),
    })
}

/// The callback of a finished task.
pub(super) fn callback(family: Family, app: &App, task: &Task) -> Value {
    let name = id_name(task);
    match (family, task.has(TASK_FAILS)) {
        (Family::Veo, false) => json!({
            "code": 200,
            "msg": "Veo3.1 video generated successfully.",
            "data": {
                name: task.task_id,
                "fallbackFlag": false,
                "promptJson": task.request.to_string(),
                "info": {"resultUrls": result_urls(app, task), "originUrls": [app.media_url(&task.task_id)], "resolution": "720p"},
            },
        }),
        (Family::Veo, true) => {
            json!({"code": 400, "msg": FAILURE, "data": {name: task.task_id, "fallbackFlag": false}})
        }
        (Family::Market, failed) => market_callback(app, task, failed),
        (Family::Runway, false) => json!({
            "code": 200,
            "msg": "All generated successfully.",
            "data": {"task_id": task.task_id, "video_id": task.task_id, "video_url": app.media_url(&task.task_id)},
        }),
        (Family::Runway, true) => {
            json!({"code": 400, "msg": FAILURE, "data": {"task_id": task.task_id}})
        }
    }
}

fn market_callback(app: &App, task: &Task, failed: bool) -> Value {
    let (code, message) = match failed {
        true => (501, "Playground task failed."),
        false => (200, "Playground task completed successfully."),
    };
    let mut data = json!({
        id_name(task): task.task_id,
        "model": task.request.get("model"),
        "state": if failed { "fail" } else { "success" },
        "param": task.request.to_string(),
        "costTime": 1,
        "createTime": task.created_unix_ms(),
        "completeTime": task.created_unix_ms(),
        "creditsConsumed": if failed { 0 } else { 61 },
    });
    let more = match failed {
        true => json!({"failCode": "400", "failMsg": FAILURE}),
        false => json!({"resultJson": json!({"resultUrls": result_urls(app, task)}).to_string()}),
    };
    if let (Some(fields), Value::Object(more)) = (data.as_object_mut(), more) {
        fields.extend(more);
    }
    json!({"code": code, "msg": message, "data": data})
}

/// A stranger's lie about a task: it is done, and this is the clip.
pub(super) fn forged_callback(family: Family, task: &Task) -> Value {
    let evil = "https://evil.example/clip.mp4";
    let mut data = json!({id_name(task): task.task_id});
    let more = match family {
        Family::Veo => json!({"info": {"resultUrls": [evil]}}),
        Family::Market => {
            json!({"state": "success", "resultJson": json!({"resultUrls": [evil]}).to_string()})
        }
        Family::Runway => json!({"task_id": task.task_id, "video_url": evil}),
    };
    if let (Some(fields), Value::Object(more)) = (data.as_object_mut(), more) {
        fields.extend(more);
    }
    json!({"code": 200, "msg": "Playground task completed successfully.", "data": data})
}
