//! Providers that say no: for now, or for good.

use super::{assert_submitted_once, tasks};
use crate::support::{Run, eventually, simulator};
use serde_json::{Value, json};

/// Refused twice with this fault, then accepted: the run goes on.
fn passes(provider: &str, fault: &str) {
    let storm = simulator::storm();
    storm.fault(json!({"provider": provider, "fault": fault, "on": "create", "times": 2}));
    let run = Run::start().published();
    assert_submitted_once(&storm, &run);
    run.assert_healthy();
}

#[test]
#[ignore = "needs simulated providers"]
fn kieais_429_is_tried_again() {
    passes("kieai", "status_429");
}

#[test]
#[ignore = "needs simulated providers"]
fn kieais_429_in_a_200_is_tried_again() {
    passes("kieai", "code_429");
}

#[test]
#[ignore = "needs simulated providers"]
fn kieais_maintenance_is_tried_again() {
    passes("kieai", "code_455");
}

#[test]
#[ignore = "needs simulated providers"]
fn kieais_500_is_tried_again() {
    passes("kieai", "status_500");
}

#[test]
#[ignore = "needs simulated providers"]
fn shotstacks_429_is_tried_again() {
    passes("shotstack", "status_429");
}

#[test]
#[ignore = "needs simulated providers"]
fn upload_posts_500_and_429_are_tried_again() {
    passes("upload-post", "status_500");
    passes("upload-post", "status_429");
}

#[test]
#[ignore = "needs simulated providers"]
fn failing_questions_are_asked_again() {
    let storm = simulator::storm();
    for provider in ["kieai", "shotstack", "upload-post"] {
        for fault in ["status_500", "status_429", "drop_connection", "malformed_json"] {
            storm.fault(json!({"provider": provider, "fault": fault, "on": "query", "times": 1}));
        }
    }
    let run = Run::start().published();
    assert_submitted_once(&storm, &run);
}

#[test]
#[ignore = "needs simulated providers"]
fn a_final_refusal_fails_the_run_and_says_why() {
    let storm = simulator::storm();
    storm.fault(json!({"provider": "kieai", "fault": "code_402"}));
    let run = Run::generating();
    let view = run.wait_for("failed");
    assert_eq!(view["result"]["error"]["project"], "test_video_gen");
    assert!(view["result"]["error"]["error_message"].as_str().unwrap().contains("credits"), "{view}");
    let error = run.artifacts("kieai.error").remove(0)["metadata"].clone();
    assert_eq!(error["errorCode"], "402");
    let failed = run.artifacts("run.failed").remove(0)["metadata"].clone();
    assert_eq!(failed["project"], "test_video_gen");
    assert!(failed["error_type"].is_string() && failed["error_message"].is_string());
    assert_eq!(run.artifact_names().last().unwrap(), "notification(failed)");
    assert!(tasks(&storm, &run, "kieai").is_empty());
    run.assert_healthy();
}

#[test]
#[ignore = "needs simulated providers"]
fn a_failed_clip_leaves_the_others_results_in_place() {
    let storm = simulator::storm();
    storm.fault(json!({"provider": "kieai", "fault": "task_fails", "times": 1}));
    let run = Run::generating();
    let view = run.wait_for("failed");
    let videos = view["result"]["videos"].as_array().unwrap();
    let by = |status: &str| videos.iter().filter(|video| video["status"] == status).count();
    assert_eq!((by("generated"), by("failed")), (1, 1), "{videos:?}");
    assert!(videos.iter().any(|video| video["assetUrl"].is_string()));
    assert_eq!((run.artifacts("kieai.clip").len(), run.artifacts("kieai.error").len()), (1, 1));
    assert!(view["result"]["error"].is_object());
    run.assert_healthy();
}

#[test]
#[ignore = "needs simulated providers"]
fn a_failed_render_fails_the_run_with_its_clips_kept() {
    let storm = simulator::storm();
    storm.fault(json!({"provider": "shotstack", "fault": "render_fails", "text": "Asset could not be downloaded"}));
    let run = Run::generating();
    let view = run.wait_for("failed");
    assert_eq!(
        view["result"]["videos"].as_array().unwrap().iter().filter(|video| video["status"] == "generated").count(),
        2
    );
    let error = run.artifacts("shotstack.error").remove(0)["metadata"].clone();
    assert_eq!(error["error"], "Asset could not be downloaded");
}

#[test]
#[ignore = "needs simulated providers"]
fn a_failed_post_fails_the_run_without_a_word_of_success() {
    for fault in ["post_fails", "fallback_to_inbox"] {
        let storm = simulator::storm();
        storm.fault(json!({"provider": "upload-post", "fault": fault}));
        let run = Run::rendered().approved("prepublish");
        let view = run.wait_for("failed");
        assert!(view["result"].get("publishUrls").is_none(), "{fault}: {view}");
        let told: Vec<Value> =
            run.artifacts("notification").iter().map(|note| note["metadata"]["type"].clone()).collect();
        assert!(!told.contains(&json!("completed")) && told.contains(&json!("failed")), "{fault}: {told:?}");
    }
}

#[test]
#[ignore = "needs simulated providers"]
fn a_refusing_provider_is_asked_a_bounded_number_of_times() {
    let storm = simulator::storm();
    storm.fault(json!({"provider": "kieai", "fault": "code_429", "on": "create"}));
    let run = Run::generating();
    let view = eventually("the run gives up", || {
        run.pass_time();
        Some(run.view()).filter(|view| view["status"] == "failed")
    });
    assert!(view["result"]["error"]["error_message"].is_string());
    let requests = storm.state()["counts"]["kieai"]["requests"].as_u64().unwrap();
    assert!(requests > 5, "{requests}");
    assert_eq!(
        storm.state()["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|task| run.job_ids().contains(&task["job_id"].as_str().unwrap_or_default().to_owned()))
            .count(),
        0
    );
    let dead = "SELECT FROM outbox WHERE run_id = $1 AND state = 'dead'";
    assert!(run.service.database().count(dead, &[&run.id]) > 0);
}

#[test]
#[ignore = "needs simulated providers"]
fn a_cancelled_run_asks_its_providers_nothing_more() {
    let storm = simulator::storm();
    storm.latency(json!({"kieai_ms": 600_000}));
    storm.hold();
    let run = Run::generating();
    eventually("the clips are submitted", || (tasks(&storm, &run, "kieai").len() == 2).then_some(()));
    run.service.post(&format!("/v1/runs/{}/cancel", run.id)).send().expect(200);
    let queries = |storm: &simulator::Storm| {
        tasks(storm, &run, "kieai").iter().map(|task| task["queries"].as_u64().unwrap()).sum::<u64>()
    };
    let before = queries(&storm);
    storm.release();
    run.pass_time();
    run.pass_time();
    assert_eq!(queries(&storm), before);
    assert_eq!(run.status(), "cancelled");
}
