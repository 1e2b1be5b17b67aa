//! The bodies of kie.ai's API. Readers take every spelling that its documents and its clients know.

use mw_media::job::GenerateSpec;
use mw_media::retry::{FaultClass, Trouble};
use serde_json::{Map, Value, json};

use super::SYSTEM;
use crate::answer::{Answer, id, integer, redacted, text_of, web_url};
use crate::lenient;
use crate::outcome::{Fault, JobContext, Output, Progress, Settings};
use crate::retry_after;

/// One of kie.ai's three APIs; the model's name chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Veo,
    Runway,
    /// Everything else: Sora, Wan, Kling, …
    Market,
}

impl Family {
    pub fn of_model(model: &str) -> Family {
        let model = model.trim().to_ascii_lowercase();
        if model.starts_with("veo") {
            Family::Veo
        } else if model.starts_with("runway") {
            Family::Runway
        } else {
            Family::Market
        }
    }

    pub(super) fn create_path(self) -> &'static str {
        match self {
            Family::Veo => "/api/v1/veo/generate",
            Family::Runway => "/api/v1/runway/generate",
            Family::Market => "/api/v1/jobs/createTask",
        }
    }

    pub(super) fn query_path(self) -> &'static str {
        match self {
            Family::Veo => "/api/v1/veo/record-info",
            Family::Runway => "/api/v1/runway/record-detail",
            Family::Market => "/api/v1/jobs/recordInfo",
        }
    }
}

/// The request for one clip.
pub(super) fn create_body(family: Family, context: &JobContext, spec: &GenerateSpec) -> Value {
    let mut body = match family {
        Family::Veo => veo_body(spec),
        Family::Runway => runway_body(spec),
        Family::Market => json!({"model": spec.model, "input": market_input(spec)}),
    };
    if let (Some(url), Some(fields)) = (&context.callback_url, body.as_object_mut()) {
        fields.insert("callBackUrl".into(), json!(url));
    }
    body
}

/// The aspect is sent under its new and its old name, and the resolution always, because its default is disputed.
fn veo_body(spec: &GenerateSpec) -> Value {
    json!({
        "prompt": spec.prompt,
        "model": spec.model,
        "generationType": "TEXT_2_VIDEO",
        "aspect_ratio": spec.aspect_ratio,
        "aspectRatio": spec.aspect_ratio,
        "resolution": spec.quality,
    })
}

/// Runway makes 5 or 10 seconds; the longer one rules out 1080p.
fn runway_body(spec: &GenerateSpec) -> Value {
    let (duration, quality) = match spec.duration_seconds <= 5.0 {
        true => (5, spec.quality.as_str()),
        false => (10, "720p"),
    };
    json!({
        "prompt": spec.prompt,
        "duration": duration,
        "quality": quality,
        "aspectRatio": spec.aspect_ratio,
        "waterMark": "",
    })
}

/// Sora names the aspect in words and counts the length as `n_frames`; the others take plain fields.
fn market_input(spec: &GenerateSpec) -> Value {
    if !spec.model.starts_with("sora") {
        return json!({
            "prompt": spec.prompt,
            "aspect_ratio": spec.aspect_ratio,
            "resolution": spec.quality,
            "duration": spec.duration_seconds.ceil() as u32,
        });
    }
    let is_tall = spec
        .aspect_ratio
        .split_once(':')
        .and_then(|(width, height)| Some((width.parse::<u32>().ok()?, height.parse::<u32>().ok()?)))
        .is_some_and(|(width, height)| height > width);
    json!({
        "prompt": spec.prompt,
        "aspect_ratio": if is_tall { "portrait" } else { "landscape" },
        "n_frames": if spec.duration_seconds <= 10.0 { "10" } else { "15" },
        "size": if spec.quality == "1080p" { "high" } else { "standard" },
        "remove_watermark": true,
    })
}

pub(super) fn class_of_code(code: i64) -> FaultClass {
    SYSTEM.class_of(&Trouble::Code(code))
}

/// The fault of an answer in which kie.ai itself says no; `None` for success and for answers that are not kie.ai's.
pub(super) fn refusal(answer: &Answer, settings: &Settings) -> Option<Fault> {
    let code = integer(answer.body.get("code")?)?;
    if code == 200 {
        return None;
    }
    let message = answer.message().unwrap_or_else(|| "no message".to_owned());
    let fault = Fault::new(class_of_code(code), code.to_string(), redacted(&message, &settings.api_key));
    Some(fault.after(retry_after::of_answer(&answer.headers)))
}

/// The fault of a query that told nothing about the task.
pub(super) fn record_fault(answer: &Answer, settings: &Settings) -> Option<Fault> {
    refusal(answer, settings).or_else(|| {
        if !answer.status.is_success() {
            Some(answer.http_fault(&settings.api_key))
        } else if !answer.body.get("data").is_some_and(Value::is_object) {
            Some(answer.malformed("the answer has no data"))
        } else {
            None
        }
    })
}

/// The task's id in a create answer or a callback.
pub(super) fn task_id(body: &Value) -> Option<String> {
    let data = body.get("data")?;
    ["taskId", "task_id"]
        .into_iter()
        .find_map(|name| id(data.get(name)?))
        .or_else(|| id(data.get("response")?.get("taskId")?))
}

/// What a query says about the task.
pub(super) fn progress(family: Family, answer: &Answer, settings: &Settings) -> Result<Progress, Fault> {
    if let Some(fault) = record_fault(answer, settings) {
        // 501 and 451 are verdicts on the generation, given as the code of the query.
        return match fault.code.as_str() {
            "501" | "451" => Ok(Progress::Failed(fault)),
            _ => Err(fault),
        };
    }
    let Some(data) = answer.body.get("data") else {
        return Err(answer.malformed("the answer has no data"));
    };
    match state(family, data) {
        State::Running => Ok(Progress::Running),
        State::Failed => Ok(Progress::Failed(task_fault(data))),
        State::Success => match result_url(data) {
            Some(url) => Ok(Progress::Done(Output { url, raw: answer.body.clone() })),
            None => Err(answer.malformed("the task has succeeded and names no result")),
        },
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Running,
    Success,
    Failed,
}

/// Unknown states count as still running: the job's deadline ends it, never a word that we don't know.
fn state(family: Family, data: &Value) -> State {
    let flag = data.get("successFlag").and_then(integer);
    match (family, flag) {
        (Family::Veo, Some(1)) => State::Success,
        (Family::Veo, Some(2 | 3)) => State::Failed,
        (Family::Veo, Some(_)) => State::Running,
        _ => named_state(data).unwrap_or(State::Running),
    }
}

/// The state by name, in the spellings of all families and of the original system.
pub(super) fn named_state(data: &Value) -> Option<State> {
    match data.get("state")?.as_str()?.to_ascii_lowercase().as_str() {
        "success" | "completed" => Some(State::Success),
        "fail" | "failed" | "error" | "canceled" | "cancelled" => Some(State::Failed),
        _ => Some(State::Running),
    }
}

/// Why a task has failed; the class says whether the same request may succeed another time.
pub(super) fn task_fault(data: &Value) -> Fault {
    let field = |names: [&str; 2]| names.into_iter().find_map(|name| data.get(name));
    let code = field(["failCode", "errorCode"]).and_then(id);
    let class = code.as_deref().and_then(|code| code.parse().ok()).map_or(FaultClass::Final, class_of_code);
    let message = field(["failMsg", "errorMessage"])
        .and_then(text_of)
        .or_else(|| text_of(data.get("error")?))
        .unwrap_or_else(|| "generation failed".to_owned());
    Fault::new(class, code.unwrap_or_else(|| "failed".to_owned()), message)
}

/// The first result, wherever the family puts it.
pub(super) fn result_url(data: &Value) -> Option<String> {
    let result_json = data.get("resultJson").map(unpacked);
    let homes = [
        Some(data.clone()),
        data.get("response").map(unpacked),
        data.get("info").map(unpacked),
        data.get("videoInfo").map(unpacked),
        data.get("result").map(unpacked),
        result_json,
    ];
    homes.iter().flatten().find_map(url_in)
}

fn url_in(home: &Value) -> Option<String> {
    let single = ["videoUrl", "video_url"].into_iter().find_map(|name| web_url(home.get(name)?));
    let listed = ["resultUrls", "result_urls"].into_iter().find_map(|name| first_url(home.get(name)?));
    single.or(listed).or_else(|| web_url(home.get("assetUrl")?))
}

/// The first URL of an array, of a JSON array in a text, of `"[http://…]"` without quotes, or of a plain text.
fn first_url(value: &Value) -> Option<String> {
    match value {
        Value::Array(urls) => urls.iter().find_map(web_url),
        Value::String(text) => match lenient::read(text.as_bytes()).map(|read| read.value) {
            Some(Value::Array(urls)) => urls.iter().find_map(web_url),
            _ => text
                .trim()
                .trim_start_matches('[')
                .trim_end_matches(']')
                .split(',')
                .find_map(|url| web_url(&json!(url.trim().trim_matches('"')))),
        },
        _ => None,
    }
}

/// An object that may come as JSON inside a text.
fn unpacked(value: &Value) -> Value {
    let inner = value.as_str().and_then(|text| lenient::read(text.as_bytes()));
    inner.map_or_else(|| value.clone(), |inner| inner.value)
}

/// Whether the task's own parameters carry a callback URL with our job's id.
pub(super) fn belongs_to(body: &Value, job_id: &str) -> bool {
    let Some(data) = body.get("data").and_then(Value::as_object) else {
        return false;
    };
    !job_id.is_empty() && callback_urls(data).iter().any(|url| url.contains(job_id))
}

/// Market and Veo document their field; that Runway shows the callback URL in `generateParam` is not confirmed.
fn callback_urls(data: &Map<String, Value>) -> Vec<String> {
    ["param", "paramJson", "generateParam"]
        .into_iter()
        .filter_map(|name| data.get(name).map(unpacked))
        .flat_map(|parameters| {
            ["callBackUrl", "callbackUrl", "callback_url"]
                .map(|name| parameters.get(name).and_then(Value::as_str).map(str::to_owned))
        })
        .flatten()
        .collect()
}
