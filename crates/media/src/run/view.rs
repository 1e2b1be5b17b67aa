//! The run as the API shows it: `runs.payload` and `runs.result` (contract, section 2.3).

use crate::definition::Step;
use crate::job::JobSpec;
use crate::run::{ClipState, Job, Run};
use serde_json::{Map, Value, json};

/// What the run was asked to be; written once.
pub(super) fn payload(run: &Run) -> Value {
    let pipeline: Vec<&str> = run.body.pipeline.iter().filter(|step| !is_gate(step)).map(Step::name).collect();
    let gates: Vec<&str> = run.body.pipeline.iter().filter(|step| is_gate(step)).map(Step::name).collect();
    let proposal = json!({
        "title": run.title,
        "project": run.definition.key,
        "clips": run.body.clips.len(),
        "pipeline": pipeline,
        "gates": gates,
        "platforms": run.body.settings.as_ref().map(|settings| &settings.publish.platforms),
    });
    json!({
        "project": run.definition.key,
        "input": run.body.input,
        "graph_spec": {"pipeline": pipeline, "hitl_gates": gates},
        "user_id": run.user_id,
        "options": run.body.options,
        "metadata": {
            "project_spec": {"version": run.definition.version, "settings": run.body.settings},
            "workflow_proposal": proposal,
            "providers_mode": run.mode,
        },
    })
}

/// What has been made so far; grows with the run.
pub(super) fn result(run: &Run) -> Value {
    let videos: Vec<Value> = run.body.clips.iter().enumerate().map(|(index, _)| video(run, index)).collect();
    let mut result = Map::new();
    result.insert("project".to_owned(), json!(run.definition.key));
    result.insert("totalVideos".to_owned(), json!(run.body.clips.len()));
    result.insert("videos".to_owned(), Value::Array(videos));
    if let Some(url) = &run.body.render_url {
        result.insert("renders".to_owned(), json!([{"url": url, "jobId": render_task(run)}]));
        result.insert("renderUrl".to_owned(), json!(url));
        result.insert("finalRenderUrl".to_owned(), json!(url));
    }
    if let Some(url) = &run.body.publish_url {
        result.insert("publishUrls".to_owned(), json!([url]));
    }
    if let Some(error) = &run.error {
        result.insert(
            "error".to_owned(),
            json!({
                "error_type": error.error_type, "error_message": error.error_message, "project": run.definition.key,
            }),
        );
    }
    Value::Object(result)
}

fn video(run: &Run, index: usize) -> Value {
    let Some(clip) = run.body.clips.get(index) else { return Value::Null };
    let status = match &clip.state {
        ClipState::Pending => "pending",
        ClipState::Generated { .. } => "generated",
        ClipState::Failed { .. } => "failed",
    };
    let mut video = Map::new();
    video.insert("index".to_owned(), json!(index));
    video.insert("subject".to_owned(), json!(clip.subject));
    video.insert("header".to_owned(), json!(clip.header));
    video.insert("status".to_owned(), json!(status));
    if let Some(prompt) = &clip.prompt {
        video.insert("prompt".to_owned(), json!(prompt));
    }
    match &clip.state {
        ClipState::Generated { url } => {
            video.insert("assetUrl".to_owned(), json!(url));
            video.insert("duration".to_owned(), json!(run.body.settings.as_ref().map(|s| s.clips.duration_seconds)));
        }
        ClipState::Failed { code, message } => {
            video.insert("error".to_owned(), json!({"code": code, "message": message}));
        }
        ClipState::Pending => {}
    }
    if let (Some(url), ClipState::Generated { .. }) = (&run.body.render_url, &clip.state) {
        video.insert("renderUrl".to_owned(), json!(url));
    }
    Value::Object(video)
}

fn render_task(run: &Run) -> Option<&str> {
    run.body.jobs.values().filter(|job| is_render(job)).find_map(|job| job.phase.task_id())
}

fn is_render(job: &Job) -> bool {
    match job.spec {
        JobSpec::Render(_) => true,
        JobSpec::Generate(_) | JobSpec::Publish(_) => false,
    }
}

fn is_gate(step: &Step) -> bool {
    match step {
        Step::Gate { .. } => true,
        Step::Persona { .. } | Step::Generate { .. } | Step::Render { .. } | Step::Publish { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{payload, result};
    use crate::run::testing::gate;
    use crate::run::testing::{at_gate, started};

    #[test]
    fn the_payload_carries_the_graph_and_the_proposal() {
        let payload = payload(&started("test_video_gen"));
        assert_eq!(payload["graph_spec"]["hitl_gates"], serde_json::json!(["workflow", "ideate", "prepublish"]));
        assert_eq!(payload["metadata"]["workflow_proposal"]["clips"], 2);
        assert_eq!(payload["metadata"]["providers_mode"], "mock");
    }

    #[test]
    fn the_result_grows_with_the_run() {
        assert_eq!(result(&started("test_video_gen"))["videos"][0]["status"], "pending");
        let result = result(&at_gate(gate("prepublish")));
        assert_eq!(result["videos"][1]["status"], "generated");
        assert_eq!(result["totalVideos"], 2);
        assert!(result["finalRenderUrl"].is_string());
        assert!(result["renders"][0]["jobId"].is_string());
    }
}
