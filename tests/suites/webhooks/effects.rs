//! What a delivery does to runs: it is a poke, and the provider's own word decides.

use super::{kieai, kieai_body, receipts_of, shotstack, upload_post};
use crate::support::{Run, eventually, service, signing, simulator, unique};
use serde_json::{Value, json};

const EVIL: &str = "https://evil.example/injected.mp4";

/// A run whose clips are at the provider, for as long as the test wants: callbacks are held and nothing is finished.
fn at_work(storm: &simulator::Storm) -> Run {
    storm.hold();
    storm.latency(json!({"kieai_ms": 600_000}));
    let run = Run::generating();
    eventually("the clips are submitted", || {
        let jobs = run.jobs("generate");
        (jobs.len() == 2 && jobs.iter().all(|job| job["state"] == "submitted")).then_some(())
    });
    run
}

fn task_of(run: &Run, kind: &str) -> (String, String) {
    let job = run.jobs(kind).remove(0);
    (job["job_id"].as_str().unwrap().to_owned(), job["task_id"].as_str().unwrap().to_owned())
}

#[test]
#[ignore = "needs simulated providers"]
fn a_forged_body_under_a_valid_kieai_signature_changes_nothing() {
    let storm = simulator::storm();
    let run = at_work(&storm);
    let before = run.view();
    let (job, task) = task_of(&run, "generate");
    // kie.ai signs id and time only: anybody who saw one callback can say anything about that task.
    for body in [
        kieai_body(&task, EVIL),
        json!({"code": 501, "msg": "failed", "data": {"taskId": task, "state": "fail"}}),
        json!({"code": 200, "data": {"taskId": task, "state": "success", "videoUrl": EVIL, "metadata": {"runId": run.id, "videoIndex": 1}}}),
    ] {
        let answer = kieai(&format!("?run_id={}&job={job}", run.id), &task, &body).send().expect(200).json();
        assert_eq!(answer["status"], "accepted");
    }
    run.pass_time();
    let polled = "SELECT FROM outbox WHERE run_id = $1 AND job_id = $2 AND kind = 'poll' AND attempt > 0";
    eventually("the provider is asked", || (service().database().count(polled, &[&run.id, &job]) == 1).then_some(()));
    let after = run.view();
    assert_eq!(
        (&after["status"], &after["result"], &after["artifacts"]),
        (&before["status"], &before["result"], &before["artifacts"])
    );
    assert!(!after.to_string().contains("evil.example"));
}

#[test]
#[ignore = "needs simulated providers"]
fn a_forged_done_of_shotstack_changes_nothing() {
    let storm = simulator::storm();
    storm.latency(json!({"shotstack_ms": 1500}));
    storm.fault(json!({"provider": "shotstack", "fault": "forged_done"}));
    let run = Run::generating();
    eventually("the render is at the provider", || {
        run.jobs("render").first().filter(|job| job["state"] == "submitted").map(|_| ())
    });
    let (job, task) = task_of(&run, "render");
    let forged =
        json!({"type": "edit", "action": "render", "id": task, "owner": "mallory", "status": "done", "url": EVIL});
    shotstack(&format!("?run_id={}&job={job}", run.id), &forged).send().expect(200);
    let run = run.waiting_for("awaiting_prepublish");
    let view = run.view();
    assert!(!view.to_string().contains("evil.example"), "{view}");
    assert!(view["result"]["renderUrl"].as_str().unwrap().contains(&task));
}

#[test]
#[ignore = "needs simulated providers"]
fn a_callback_for_another_runs_job_pokes_that_job_only() {
    let storm = simulator::storm();
    let (run, other) = (at_work(&storm), at_work(&storm));
    let (_, task) = task_of(&run, "generate");
    let before = other.view();
    // The run in the URL is a stranger's: the job decides whose event this is.
    let body = kieai_body(&task, EVIL);
    kieai(&format!("?run_id={}", other.id), &task, &body).send().expect(200);
    assert_eq!(receipts_of(&body)[0]["run_id"], run.id.as_str());
    assert_eq!(other.view()["result"], before["result"]);
}

#[test]
#[ignore = "needs simulated providers"]
fn a_late_webhook_moves_no_ended_run() {
    let storm = simulator::storm();
    let run = at_work(&storm);
    let (job, task) = task_of(&run, "generate");
    service().post(&format!("/v1/runs/{}/cancel", run.id)).send().expect(200);
    let before = run.view();
    kieai(&format!("?run_id={}&job={job}", run.id), &task, &kieai_body(&task, "https://x.example/late.mp4"))
        .send()
        .expect(200);
    storm.latency(json!({"kieai_ms": 1}));
    storm.release();
    run.pass_time();
    let after = run.view();
    assert_eq!(after["status"], "cancelled");
    assert_eq!((&after["result"], &after["artifacts"]), (&before["result"], &before["artifacts"]));
    run.assert_healthy();
}

#[test]
fn a_webhook_on_a_published_run_changes_nothing() {
    let _calm = simulator::calm();
    let run = Run::start().published();
    let before = run.view();
    let (job, task) = task_of(&run, "generate");
    let answer =
        kieai(&format!("?run_id={}&job={job}", run.id), &task, &kieai_body(&task, EVIL)).send().expect(200).json();
    assert_eq!(answer["status"], "accepted");
    let (_, post) = task_of(&run, "publish");
    let event = json!({"event": "upload_completed", "job_id": post, "platform": "tiktok", "result": {"success": false, "error": "too late"}});
    upload_post(&event).send().expect(200);
    let (_, render) = task_of(&run, "render");
    shotstack("", &json!({"type": "edit", "action": "render", "id": render, "status": "failed", "error": "no"}))
        .send()
        .expect(200);
    run.pass_time();
    assert_eq!(run.view(), before);
    run.assert_healthy();
}

#[test]
#[ignore = "needs simulated providers"]
fn a_lost_upload_post_event_is_made_up_for_by_asking() {
    let storm = simulator::storm();
    storm.fault(json!([{"provider": "upload-post", "fault": "callback_dropped"}, {"provider": "shotstack", "fault": "callback_dropped"},
                       {"provider": "kieai", "fault": "callback_dropped"}]));
    let run = Run::start().published();
    assert_eq!(run.count_events("run.published"), 1);
}

#[test]
#[ignore = "needs simulated providers"]
fn doubled_and_reordered_callbacks_change_nothing_twice() {
    let storm = simulator::storm();
    for provider in ["kieai", "shotstack", "upload-post"] {
        storm.fault(json!([{"provider": provider, "fault": "callback_twice"}, {"provider": provider, "fault": "callback_reordered"},
                           {"provider": provider, "fault": "callback_forged"}]));
    }
    storm.fault(json!([{"provider": "kieai", "fault": "forged_body_valid_signature"}, {"provider": "shotstack", "fault": "copy_before_render"}]));
    let run = Run::start().published();
    assert_eq!(run.count_events("job.succeeded"), 4);
    assert_eq!(run.artifacts("kieai.clip").len(), 2);
    assert!(!run.view().to_string().contains("evil"), "{}", run.view());
    run.assert_healthy();
}

#[test]
#[ignore = "needs simulated providers"]
fn other_spellings_of_the_providers_change_nothing() {
    let storm = simulator::storm();
    storm.fault(json!([{"provider": "kieai", "fault": "ids_as_task_id"}, {"provider": "kieai", "fault": "result_urls_as_string"},
                       {"provider": "kieai", "fault": "unknown_state"}, {"provider": "shotstack", "fault": "unknown_status"},
                       {"provider": "upload-post", "fault": "queued_while_running"}, {"provider": "upload-post", "fault": "results_as_object"}]));
    let published = Run::start().published().view();
    for video in published["result"]["videos"].as_array().unwrap() {
        let url = video["assetUrl"].as_str().unwrap();
        assert!(url.starts_with("http") && !url.contains(['[', ']', '"']), "{url}");
    }
}

#[test]
#[ignore = "needs simulated providers"]
fn a_poke_makes_the_provider_be_asked_at_once() {
    let storm = simulator::storm();
    let run = at_work(&storm);
    let (job, task) = task_of(&run, "generate");
    let later = "UPDATE outbox SET due_at = now() + interval '1 hour' WHERE run_id = $1 AND state = 'due'";
    eventually("nobody asks any more", || (service().database().execute(later, &[&run.id]) == 2).then_some(()));
    let asked = || -> u64 { storm.tasks(std::slice::from_ref(&job))[0]["queries"].as_u64().unwrap() };
    let before = asked();
    kieai(&format!("?run_id={}&job={job}", run.id), &task, &kieai_body(&task, EVIL)).send().expect(200);
    eventually("the provider is asked", || (asked() > before).then_some(()));
    // A repetition pokes again, though it is stored once.
    eventually("nobody asks any more", || {
        let waits = "SELECT FROM outbox WHERE job_id = $1 AND state = 'due' AND due_at > now()";
        (service().database().count(waits, &[&job]) == 1).then_some(())
    });
    let before = asked();
    let again =
        kieai(&format!("?run_id={}&job={job}", run.id), &task, &kieai_body(&task, EVIL)).send().expect(200).json();
    assert_eq!(again["status"], "duplicate");
    eventually("the provider is asked again", || (asked() > before).then_some(()));
}

#[test]
#[ignore = "needs simulated providers"]
fn refused_deliveries_poke_nobody() {
    let storm = simulator::storm();
    let run = at_work(&storm);
    let (job, task) = task_of(&run, "generate");
    let due = || -> Value { service().database().row("SELECT hint FROM provider_jobs WHERE job_id = $1", &[&job]) };
    let before = due();
    let path = format!("/v1/webhooks/kieai?run_id={}&job={job}", run.id);
    let forged = signing::kieai("not the secret", &task, signing::unix_now());
    super::signed(service().call("POST", &path).json(&kieai_body(&task, EVIL)), forged).send().expect(403);
    service().call("POST", &path).json(&kieai_body(&unique("task"), EVIL)).send().expect(403);
    assert_eq!(due(), before);
}
