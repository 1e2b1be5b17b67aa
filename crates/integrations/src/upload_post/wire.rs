//! The bodies of upload-post's API. Results come as an array or as an object, per platform, and partial success is normal.

use mw_media::job::PublishSpec;
use mw_media::retry::Trouble;
use serde_json::{Value, json};

use super::SYSTEM;
use crate::answer::{Answer, id, text_of, web_url};
use crate::outcome::{Fault, JobContext, Output, Progress, Recovery, Settings, Submission};

/// The form of an upload. The video is a URL in a text field, so that no component carries a file.
pub(super) fn fields(context: &JobContext, spec: &PublishSpec) -> Vec<(&'static str, String)> {
    let mut fields = vec![("user", spec.account.clone())];
    fields.extend(spec.platforms.iter().map(|platform| ("platform[]", platform.clone())));
    let disclosed = spec.disclosure.on(&spec.platforms);
    fields.extend(disclosed.flags.into_iter().map(|flag| (flag.field, "true".to_owned())));
    fields.extend([
        ("video", spec.video_url.clone()),
        ("title", spec.title.clone()),
        ("caption", spec.caption.clone()),
        ("description", spec.caption.clone()),
        ("async_upload", "true".to_owned()),
        ("request_id", context.job_id.clone()),
        ("external_id", context.job_id.clone()),
        // A draft in somebody's inbox is not a published video.
        ("disable_inbox_fallback", "true".to_owned()),
    ]);
    fields
}

pub(super) fn submission(answer: &Answer, settings: &Settings, job_id: &str) -> Submission {
    // A repeat of an Idempotency-Key answers 200 or 409; either way the first job stands.
    if answer.status.is_success() || answer.status.as_u16() == 409 {
        return accepted(answer, settings, job_id);
    }
    let says_no = answer.message().is_some() && answer.body.is_object();
    match answer.status.is_server_error() && !says_no {
        true => Submission::Unanswered(format!("HTTP {}", answer.status.as_u16())),
        false => Submission::Refused(answer.http_fault(&settings.api_key)),
    }
}

fn accepted(answer: &Answer, settings: &Settings, job_id: &str) -> Submission {
    if let Some(reason) = answer.unreadable {
        return Submission::Unanswered(format!("HTTP {}: {reason}", answer.status.as_u16()));
    }
    let named = ["request_id", "job_id"].into_iter().find_map(|name| id(answer.body.get(name)?));
    let says_no = answer.body.get("success") == Some(&json!(false));
    let is_replay = answer.status.as_u16() == 409;
    match named {
        // `success: false` beside an id is a job that has failed, which a query tells in full.
        Some(task_id) => Submission::Accepted { task_id },
        None if says_no && !is_replay => {
            let mut fault = answer.http_fault(&settings.api_key);
            if let Some(message) = failures(&rows(&answer.body)) {
                fault = Fault::new(fault.class, fault.code, message);
            }
            fault.code = "refused".to_owned();
            Submission::Refused(fault)
        }
        None => Submission::Accepted { task_id: job_id.to_owned() },
    }
}

/// What the status says. Rows are believed only once the whole has ended: a row may say `success` while it is queued.
pub(super) fn progress(answer: &Answer, settings: &Settings, task_id: &str) -> Result<Progress, Fault> {
    if is_unknown(answer) {
        // Just accepted uploads may not be listed yet; the job's deadline ends one that never is.
        let fault =
            Fault::new(answer.class_of(&Trouble::NotListed), "not_found", "upload-post does not know the upload");
        return Err(fault);
    }
    if !answer.status.is_success() {
        return Err(answer.http_fault(&settings.api_key));
    }
    let body = &answer.body;
    if !body.is_object() {
        return Err(answer.malformed("the answer is not an object"));
    }
    let status = body.get("status").and_then(Value::as_str).map(str::to_ascii_lowercase);
    match status.as_deref() {
        Some("completed") => Ok(verdict(body, task_id, false)),
        Some("failed") => Ok(verdict(body, task_id, true)),
        Some(_) => Ok(Progress::Running),
        // A synchronous answer has no status; its results are final.
        None if body.get("results").is_some() => Ok(verdict(body, task_id, false)),
        None => Err(answer.malformed("the answer has no status")),
    }
}

fn is_unknown(answer: &Answer) -> bool {
    answer.status.as_u16() == 404 || answer.body.get("status").and_then(Value::as_str) == Some("not_found")
}

pub(super) fn recovery(answer: &Answer, settings: &Settings, job_id: &str) -> Recovery {
    if is_unknown(answer) {
        Recovery::NotFound
    } else if !answer.status.is_success() {
        Recovery::Unknown(answer.http_fault(&settings.api_key))
    } else if !answer.body.is_object() {
        Recovery::Unknown(answer.malformed("the answer is not an object"))
    } else {
        Recovery::Found(job_id.to_owned())
    }
}

/// One platform's result.
pub(super) struct Row {
    platform: String,
    result: Value,
}

/// The rows of an answer, from an array or an object.
fn rows(body: &Value) -> Vec<Row> {
    match body.get("results") {
        Some(Value::Array(results)) => results
            .iter()
            .map(|result| Row {
                platform: result.get("platform").and_then(Value::as_str).unwrap_or_default().to_owned(),
                result: result.clone(),
            })
            .collect(),
        Some(Value::Object(results)) => results
            .iter()
            .map(|(platform, result)| Row { platform: platform.clone(), result: result.clone() })
            .collect(),
        _ => Vec::new(),
    }
}

/// The outcome of an upload that has ended: published if at least one platform has it; the others stay visible in `raw`.
fn verdict(body: &Value, task_id: &str, given_up: bool) -> Progress {
    let rows = rows(body);
    let published = rows.iter().find(|row| row.is_published(given_up));
    if let Some(row) = published {
        let url = row.url(task_id).or_else(|| url_in(body));
        let url = url.unwrap_or_else(|| format!("upload-post://{task_id}"));
        return Progress::Done(Output { url, raw: body.clone() });
    }
    if let (false, true, Some(url)) = (given_up, rows.is_empty(), url_in(body)) {
        return Progress::Done(Output { url, raw: body.clone() });
    }
    Progress::Failed(failure(&rows, body))
}

fn failure(rows: &[Row], body: &Value) -> Fault {
    if rows.iter().any(Row::went_to_inbox) {
        return failed("inbox_fallback", "not published, sent to inbox");
    }
    let message = failures(rows)
        .or_else(|| ["message", "error", "detail"].into_iter().find_map(|name| text_of(body.get(name)?)))
        .unwrap_or_else(|| "no platform reports a post".to_owned());
    failed("failed", &message)
}

/// The fault of a post that failed.
pub(super) fn failed(code: &str, message: &str) -> Fault {
    Fault::new(SYSTEM.class_of(&Trouble::Failed(message)), code, message)
}

/// What went wrong, platform by platform.
fn failures(rows: &[Row]) -> Option<String> {
    let texts: Vec<String> =
        rows.iter().filter_map(|row| Some(format!("{}: {}", row.platform, row.error()?))).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

impl Row {
    pub(super) fn new(platform: &str, result: &Value) -> Row {
        Row { platform: platform.to_owned(), result: result.clone() }
    }

    pub(super) fn went_to_inbox(&self) -> bool {
        self.result.get("fallback_to_inbox") == Some(&json!(true))
    }

    /// An upload that upload-post has given up needs a trace of the post: its rows may be from when they were queued.
    pub(super) fn is_published(&self, given_up: bool) -> bool {
        let succeeded = self.result.get("success") == Some(&json!(true));
        succeeded
            && !self.went_to_inbox()
            && (!given_up || self.publish_id().is_some() || url_in(&self.result).is_some())
    }

    /// The post's address, else one made of its id, as the original did.
    pub(super) fn url(&self, task_id: &str) -> Option<String> {
        url_in(&self.result).or_else(|| Some(format!("upload-post://{task_id}/{}", self.publish_id()?)))
    }

    fn publish_id(&self) -> Option<String> {
        ["publish_id", "post_id", "id"].into_iter().find_map(|name| id(self.result.get(name)?))
    }

    pub(super) fn error(&self) -> Option<String> {
        if self.result.get("success") == Some(&json!(true)) {
            return None;
        }
        let text = ["message", "error", "detail"].into_iter().find_map(|name| text_of(self.result.get(name)?));
        Some(text.unwrap_or_else(|| "failed without a reason".to_owned()))
    }
}

fn url_in(home: &Value) -> Option<String> {
    ["canonicalUrl", "url", "post_url"].into_iter().find_map(|name| web_url(home.get(name)?))
}
