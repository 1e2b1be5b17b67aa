//! Both projects from the chat message to `published`.

use crate::support::simulator::Simulator;
use crate::support::{Run, run, service, simulator, unique};
use serde_json::{Value, json};

/// Asks Brendan for a run.
fn asked(message: &str) -> Run {
    let user = unique("user");
    let body = json!({"user_id": user, "message": message});
    let answer = service().post("/v1/chat/brendan").json(&body).send().expect(200).json();
    let id = answer["runId"].as_str().unwrap_or_else(|| panic!("no run: {answer}")).to_owned();
    assert_eq!(answer["run_ids"], json!([id]));
    Run { service: service().clone(), id, user }
}

/// The contract's reference sequence.
fn reference(clips: usize) -> Vec<String> {
    let mut names = vec![
        "run.start",
        "hitl.request(workflow)",
        "notification(awaiting_workflow)",
        "hitl.approval(workflow)",
        "hitl.request(ideate)",
        "notification(awaiting_ideate)",
        "hitl.approval(ideate)",
    ];
    names.extend(vec!["kieai.job"; clips]);
    names.extend(vec!["kieai.clip"; clips]);
    names.extend([
        "kieai.wait",
        "shotstack.timeline",
        "render.url",
        "hitl.request(prepublish)",
        "notification(awaiting_prepublish)",
        "hitl.approval(prepublish)",
        "publish.url",
        "notification(completed)",
    ]);
    names.into_iter().map(str::to_owned).collect()
}

/// Jobs and clips of one step come in any order: they are sorted where they stand.
fn in_reference_order(mut names: Vec<String>) -> Vec<String> {
    let is_clip_work = |name: &String| name.starts_with("kieai.job") || name.starts_with("kieai.clip");
    if let (Some(first), Some(last)) = (names.iter().position(is_clip_work), names.iter().rposition(is_clip_work)) {
        names[first..=last].sort_by_key(|name| name.starts_with("kieai.clip"));
    }
    names
}

/// Walks a run to its end, looking at it on the way.
fn walk(run: &Run, clips: usize) -> Value {
    let waiting = run.wait_for("pending_workflow");
    assert_eq!(waiting["awaiting_gate"], "workflow");
    run.clone().approved("workflow");
    assert_eq!(run.wait_for("awaiting_ideate")["awaiting_gate"], "ideate");
    run.clone().approved("ideate");
    let rendered = run.wait_for("awaiting_prepublish");
    assert_eq!(rendered["awaiting_gate"], "prepublish");
    let videos = rendered["result"]["videos"].as_array().unwrap();
    assert_eq!(videos.len(), clips);
    for (index, video) in videos.iter().enumerate() {
        assert_eq!(video["index"], index);
        assert_eq!(video["status"], "generated");
        assert_eq!(video["duration"], 8.0);
        for member in ["assetUrl", "prompt", "renderUrl", "subject", "header"] {
            assert!(video[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {video}");
        }
    }
    assert!(rendered["result"]["renders"][0]["jobId"].is_string());
    assert_eq!(rendered["result"]["finalRenderUrl"], rendered["result"]["renderUrl"]);
    assert!(rendered["result"].get("publishUrls").is_none(), "nothing is published before the last gate");
    run.clone().approved("prepublish");
    let published = run.wait_for("published");
    assert_eq!(published["awaiting_gate"], Value::Null);
    assert_eq!(published["result"]["totalVideos"], clips);
    assert!(published["result"].get("error").is_none());
    assert_eq!(in_reference_order(run.artifact_names()), reference(clips));
    published
}

#[test]
fn test_video_gen_goes_from_chat_to_published() {
    let _calm = simulator::calm();
    let run = asked("Please make a test video about candles");
    let published = walk(&run, 2);
    let videos = &published["result"]["videos"];
    assert_eq!((&videos[0]["subject"], &videos[0]["header"]), (&json!("moon"), &json!("cheeseburger")));
    assert_eq!((&videos[1]["subject"], &videos[1]["header"]), (&json!("sun"), &json!("pickle")));
    let url = published["result"]["publishUrls"][0].as_str().unwrap();
    let post = run.artifacts("publish.url").remove(0);
    assert_eq!(post["url"], url);
    if service().is_mock() {
        assert!(url.starts_with("https://publish.mock/"), "{url}");
        assert_eq!(videos[1]["assetUrl"], format!("https://assets.mock/{}-1.mp4", run.id));
        assert_eq!(published["result"]["renderUrl"], format!("https://mock.video.myloware/{}-final.mp4", run.id));
        assert_eq!(post["metadata"]["mock"], true);
    }
    run.assert_healthy();
}

#[test]
fn a_post_says_that_a_machine_made_it() {
    let _calm = simulator::calm();
    let run = Run::rendered();
    let path = format!("/v1/gates/{}/prepublish", run.id);
    let shown = service().get(&path).send().expect(200).json()["brief"]["disclosure"].clone();
    assert_eq!(shown["flags"], json!([{"platform": "tiktok", "field": "is_aigc"}]));
    run.clone().approved("prepublish");
    run.wait_for("published");
    assert_eq!(run.artifacts("publish.url")[0]["metadata"]["disclosure"], shown);
    if !service().is_mock() {
        let state = Simulator::of(service()).state();
        let video = run.view()["result"]["finalRenderUrl"].clone();
        let is_its = |task: &&Value| task["provider"] == "upload-post" && task["request"]["video"] == video;
        let post = state["tasks"].as_array().unwrap().iter().find(is_its).unwrap();
        assert_eq!(post["request"]["is_aigc"], "true", "{post}");
    }
}

#[test]
fn aismr_publishes_twelve_clips_from_one_chat_message() {
    let _calm = simulator::calm();
    let run = asked("Create a surreal aismr video about candles");
    let published = walk(&run, 12);
    let videos = published["result"]["videos"].as_array().unwrap();
    assert!(videos.iter().all(|video| video["subject"] == "candles"), "{videos:?}");
    let urls: std::collections::BTreeSet<&str> =
        videos.iter().map(|video| video["assetUrl"].as_str().unwrap()).collect();
    assert_eq!(urls.len(), 12, "each clip is its own");
    assert!(videos[4]["prompt"].as_str().unwrap().to_lowercase().contains("candle"));
    let wait = run.artifacts("kieai.wait").remove(0)["metadata"].clone();
    assert_eq!(
        (&wait["expectedCount"], &wait["generatedCount"], &wait["status"]),
        (&json!(12), &json!(12), &json!("completed"))
    );
    run.assert_healthy();
}

#[test]
fn every_artifact_says_which_mode_made_it_and_who() {
    let _calm = simulator::calm();
    let run = Run::start().published();
    for artifact in run.view()["artifacts"].as_array().unwrap() {
        assert_eq!(artifact["metadata"]["providersMode"], service().mode.as_str(), "{artifact}");
    }
    let by = |kind: &str| run.artifacts(kind).iter().map(|artifact| artifact["persona"].clone()).collect::<Vec<_>>();
    assert_eq!(by("kieai.job"), [json!("riley"), json!("riley")]);
    assert_eq!(by("render.url"), [json!("alex")]);
    assert_eq!(by("publish.url"), [json!("quinn")]);
    assert_eq!(by("hitl.request"), [json!("brendan"), json!("iggy"), json!("alex")]);
    for job in run.artifacts("kieai.job") {
        let metadata = &job["metadata"];
        for member in ["prompt", "model", "aspectRatio", "quality", "taskId"] {
            assert!(metadata[member].is_string(), "{member}: {metadata}");
        }
        assert_eq!(metadata["metadata"]["runId"], run.id.as_str());
    }
    let timeline = run.artifacts("shotstack.timeline").remove(0)["metadata"].clone();
    assert_eq!(timeline["clipCount"], 2);
}

#[test]
fn a_rejection_at_the_last_gate_publishes_nothing() {
    let _calm = simulator::calm();
    let run = Run::rendered();
    service().post(&run.gate_path("prepublish")).json(&json!({"decision": "reject"})).send().expect(200);
    run.wait_for("rejected");
    assert!(run.artifacts("publish.url").is_empty());
    assert_eq!(run.jobs("publish").len(), 0);
    assert_eq!(run.artifact_names().last().unwrap(), "notification(rejected)");
    run.assert_healthy();
}

#[test]
fn a_run_that_is_cancelled_at_work_stops_there() {
    let _calm = simulator::calm();
    let run = Run::generating();
    let answer = service().post(&format!("/v1/runs/{}/cancel", run.id)).send();
    if answer.status == 409 {
        // Mock providers may have been faster: then it waits at the last gate, which cancel ends too.
        panic!("a waiting run can be cancelled: {}", answer.text());
    }
    run.pass_time();
    assert_eq!(run.status(), "cancelled");
    let open = "SELECT FROM outbox WHERE run_id = $1 AND state IN ('due', 'leased')";
    assert_eq!(service().database().count(open, &[&run.id]), 0);
    assert!(
        run.artifacts("publish.url").is_empty()
            && run.artifacts("notification").iter().all(|note| note["metadata"]["type"] != "completed")
    );
    run.assert_healthy();
}

#[test]
fn ten_runs_at_once_all_reach_published() {
    let _calm = simulator::calm();
    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                let run = Run::start().published();
                assert_eq!(run.count_events("run.published"), 1);
                assert_eq!(in_reference_order(run.artifact_names()), reference(2));
            });
        }
    });
}

#[test]
fn the_paths_of_signed_links_are_of_this_service() {
    let run = Run::start();
    let answer = service().get(&format!("/v1/hitl/link/{}/workflow", run.id)).send().expect(200).json();
    let path = run::path_of(answer["approvalUrl"].as_str().unwrap());
    service().call("GET", &path).send().expect(200);
}
