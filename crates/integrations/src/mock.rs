//! Mock mode: the calls of a provider without a network. Every submission is accepted and done at once, under URLs that
//! say what they are, and the same job always gives the same answers.

use mw_media::job::{JobSpec, PublishSpec};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::callback::hex;
use crate::outcome::{JobContext, Output, Progress, Submission};
use crate::system::{Limits, System};

/// Nobody: it has no limit and cannot fail.
pub static SYSTEM: System = System {
    limits: Some(Limits { starts_max: None, window_seconds: 10, open_jobs_max: None, in_flight_max: None }),
    ..System::new("mock", "Mock", "made up on the spot")
};

pub fn submit(context: &JobContext, spec: &JobSpec) -> Submission {
    Submission::Accepted { task_id: task_id(context, spec) }
}

pub fn query(context: &JobContext, spec: &JobSpec) -> Progress {
    Progress::Done(Output { url: url(context, spec), raw: json!({"mock": true, "taskId": task_id(context, spec)}) })
}

fn task_id(context: &JobContext, spec: &JobSpec) -> String {
    let run = &context.run_id;
    match spec {
        JobSpec::Generate(spec) => format!("{run}-{}", spec.index),
        JobSpec::Render(_) => format!("{run}-render"),
        JobSpec::Publish(_) => format!("{run}-publish"),
    }
}

fn url(context: &JobContext, spec: &JobSpec) -> String {
    let run = &context.run_id;
    match spec {
        JobSpec::Generate(spec) => format!("https://assets.mock/{run}-{}.mp4", spec.index),
        JobSpec::Render(_) => format!("https://mock.video.myloware/{run}-final.mp4"),
        JobSpec::Publish(spec) => post_url(spec),
    }
}

/// `https://publish.mock/<name>-<6 hex>`: the video's name, and a hash of what is posted where.
fn post_url(spec: &PublishSpec) -> String {
    let file = spec.video_url.split(['?', '#']).next().unwrap_or_default();
    let file = file.rsplit('/').next().unwrap_or_default();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let name: String = stem
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || matches!(character, '-' | '_'))
        .take(100)
        .collect();
    let what = [&spec.video_url, &spec.caption, &spec.account, &spec.platforms.join(",")];
    let hash = hex(&Sha256::digest(what.map(String::as_str).join("\n")));
    let hash: String = hash.chars().take(6).collect();
    match name.is_empty() {
        true => format!("https://publish.mock/video-{hash}"),
        false => format!("https://publish.mock/{name}-{hash}"),
    }
}
