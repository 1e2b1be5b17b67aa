//! Answers that get lost on their way.

use super::{assert_submitted_once, tasks};
use crate::support::{Run, eventually, service, simulator};
use serde_json::json;

/// One answer to a creation at kie.ai is lost in this way; the callback names the task, and it is adopted.
fn lost_answer_is_adopted(fault: &str) {
    let storm = simulator::storm();
    storm.fault(json!({"provider": "kieai", "fault": fault, "on": "create", "times": 1}));
    let run = Run::generating().waiting_for("awaiting_prepublish");
    assert_submitted_once(&storm, &run);
    let adopted = run
        .events()
        .iter()
        .filter(|event| event["type"] == "job.submitted" && event["data"]["adopted"] == true)
        .count();
    assert_eq!(adopted, 1);
    assert_eq!(run.count_events("job.submission_repeated"), 0);
    run.assert_healthy();
}

#[test]
#[ignore = "needs simulated providers"]
fn a_job_whose_answer_was_lost_is_adopted_through_its_callback() {
    lost_answer_is_adopted("drop_connection");
}

#[test]
#[ignore = "needs simulated providers"]
fn a_gateways_error_after_the_work_submits_nothing_twice() {
    lost_answer_is_adopted("gateway_error_after_work");
}

#[test]
#[ignore = "needs simulated providers"]
fn half_of_an_answer_submits_nothing_twice() {
    lost_answer_is_adopted("malformed_json");
}

#[test]
#[ignore = "needs simulated providers"]
fn damaged_texts_of_providers_are_read_and_noted() {
    let storm = simulator::storm();
    for provider in ["kieai", "shotstack", "upload-post"] {
        storm.fault(json!([{"provider": provider, "fault": "damaged_text"}, {"provider": provider, "fault": "callback_damaged"}]));
    }
    let run = Run::start().published();
    assert_submitted_once(&storm, &run);
    let receipts = service().database().rows(
        "SELECT provider, headers->>'mw-repaired' AS note, outcome FROM webhook_events WHERE run_id = $1",
        &[&run.id],
    );
    let is_noted = |row: &&serde_json::Value| row["outcome"] == "accepted" && row["note"].is_string();
    assert!(receipts.iter().filter(is_noted).count() >= 3, "{receipts:?}");
    run.assert_healthy();
}

#[test]
#[ignore = "needs simulated providers"]
fn a_lost_answer_of_shotstack_is_adopted_too() {
    let storm = simulator::storm();
    storm.fault(json!({"provider": "shotstack", "fault": "drop_connection", "on": "create", "times": 1}));
    let run = Run::generating().waiting_for("awaiting_prepublish");
    assert_submitted_once(&storm, &run);
    assert_eq!(tasks(&storm, &run, "shotstack").len(), 1);
}

#[test]
#[ignore = "needs simulated providers"]
fn a_lost_answer_of_upload_post_is_recovered_by_our_own_id() {
    let storm = simulator::storm();
    storm.fault(json!([{"provider": "upload-post", "fault": "drop_connection", "on": "create", "times": 1},
                       {"provider": "upload-post", "fault": "callback_dropped"}]));
    let run = Run::start().published();
    assert_submitted_once(&storm, &run);
    let posts = tasks(&storm, &run, "upload-post");
    assert_eq!((posts.len(), &posts[0]["creates"]), (1, &json!(1)), "{posts:?}");
    assert_eq!(run.count_events("job.submission_repeated"), 0);
}

#[test]
#[ignore = "needs simulated providers"]
fn a_lost_answer_waits_for_its_callback_as_long_as_it_may_come() {
    let storm = simulator::storm();
    storm.hold();
    storm.fault(json!({"provider": "kieai", "fault": "drop_connection", "on": "create", "times": 1}));
    let run = Run::generating();
    eventually("one clip is done, the other unknown", || {
        let states =
            run.jobs("generate").iter().map(|job| job["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        run.pass_time();
        (states.iter().any(|state| state == "requested") && states.iter().any(|state| state == "succeeded"))
            .then_some(())
    });
    for _ in 0..3 {
        run.pass_time();
    }
    assert_submitted_once(&storm, &run);
    assert_eq!(run.status(), "running");
    storm.release();
    run.wait_for("awaiting_prepublish");
    assert_submitted_once(&storm, &run);
}

#[test]
#[ignore = "needs simulated providers"]
fn an_unanswered_submission_is_repeated_after_its_wait() {
    let storm = simulator::storm();
    storm.fault(json!([{"provider": "kieai", "fault": "drop_connection", "on": "create", "times": 1},
                       {"provider": "kieai", "fault": "callback_dropped"}]));
    let run = Run::generating();
    let unknown = "SELECT FROM outbox WHERE run_id = $1 AND kind = 'submit' AND state = 'due' AND sent_at IS NOT NULL";
    eventually("one submission is unanswered", || (service().database().count(unknown, &[&run.id]) == 1).then_some(()));
    service().database().pass_adoption(&run.id);
    let run = run.waiting_for("awaiting_prepublish");
    assert_eq!(run.count_events("job.submission_repeated"), 1);
    assert_eq!(tasks(&storm, &run, "kieai").len(), 3, "the documented exception");
    run.assert_healthy();
}

#[test]
#[ignore = "needs simulated providers"]
fn a_lost_post_that_cannot_be_asked_about_is_not_repeated() {
    let storm = simulator::storm();
    storm.fault(json!([
        {"provider": "upload-post", "fault": "gateway_error_after_work", "on": "create", "times": 1},
        {"provider": "upload-post", "fault": "status_500", "on": "query", "times": 2},
        {"provider": "upload-post", "fault": "callback_dropped"},
    ]));
    let run = Run::start().published();
    let posts = tasks(&storm, &run, "upload-post");
    assert_eq!((posts.len(), &posts[0]["creates"]), (1, &json!(1)), "{posts:?}");
}
