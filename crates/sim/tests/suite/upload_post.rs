//! upload-post, and its own faults.

use mw_integrations::{Fault, Hint, Progress, Recovery, SignatureStatus, Submission, upload_post};
use serde_json::{Value, json};

use crate::common::*;

const BASE: &str = "/upload-post/api";

fn submit(sim: &Sim) -> Submission {
    sim.run(jobs::submit(
        &sim.client,
        &upload_post::JOBS,
        &sim.settings(BASE),
        &sim.context(JOB),
        &JobSpec::Publish(publish()),
    ))
}

fn query(sim: &Sim) -> Result<Progress, Fault> {
    sim.run(jobs::query(&sim.client, &upload_post::JOBS, &sim.settings(BASE), &JobSpec::Publish(publish()), JOB))
}

fn recover(sim: &Sim) -> Recovery {
    sim.run(jobs::find(&sim.client, &upload_post::JOBS, &sim.settings(BASE), JOB)).unwrap()
}

fn accepted() -> Submission {
    Submission::Accepted { task_id: JOB.into() }
}

fn verified(received: &Received) -> SignatureStatus {
    upload_post::verify(&received.headers, &received.body, &["old", UPLOAD_POST_SECRET], unix_now())
}

fn with_key(request: http::request::Builder, body: &str) -> http::Request<Vec<u8>> {
    request.header("authorization", "Apikey k").body(body.as_bytes().to_vec()).unwrap()
}

#[test]
fn a_posted_video_is_reported_signed() {
    let sim = Sim::start();
    assert_eq!(submit(&sim), accepted());
    assert_eq!(query(&sim), Ok(Progress::Running));
    let url = url_of(ended(|| query(&sim).unwrap()));
    let received = &sim.callbacks(1)[0];
    assert_eq!((received.uri.as_str(), verified(received)), ("/upload-post", SignatureStatus::Valid));
    assert!(upload_post::delivery_id(&received.headers).is_some());
    let event = upload_post::parse_callback(&received.body).unwrap();
    assert_eq!(
        (event.task_id.as_deref(), event.platform.as_deref(), event.profile.as_deref()),
        (Some(JOB), Some("tiktok"), Some("AISMR"))
    );
    assert!(matches!(event.hint, Hint::Done(output) if output.url == url));
    let task = &sim.state()["tasks"][0];
    assert_eq!(task["request"]["caption"], publish().caption);
    assert_eq!(task["request"]["video"], publish().video_url);
}

#[test]
fn a_repeat_is_answered_with_the_first_job() {
    for fault in [None, Some("replay_answers_409")] {
        let sim = Sim::start();
        assert_eq!(submit(&sim), accepted());
        if let Some(fault) = fault {
            sim.fault("upload-post", fault);
        }
        assert_eq!(submit(&sim), accepted());
        let state = sim.state();
        assert_eq!(state["tasks"].as_array().unwrap().len(), 1);
        assert_eq!((&state["tasks"][0]["creates"], &state["counts"]["upload-post"]["replays"]), (&json!(2), &json!(1)));
        assert_eq!(state["submitted_twice"], json!([]));
    }
}

#[test]
fn a_lost_answer_is_recovered() {
    let sim = Sim::start();
    assert_eq!(recover(&sim), Recovery::NotFound);
    sim.control("faults", json!({"provider": "upload-post", "fault": "drop_connection", "times": 1}));
    assert!(matches!(submit(&sim), Submission::Unanswered(_)));
    assert_eq!(recover(&sim), Recovery::Found(JOB.into()));
    sim.fault("upload-post", "status_500");
    assert!(matches!(recover(&sim), Recovery::Unknown(_)));
}

#[test]
fn shapes_make_no_difference() {
    let sim = Sim::start();
    sim.fault("upload-post", "queued_while_running");
    sim.fault("upload-post", "results_as_object");
    sim.fault("upload-post", "partial_success");
    assert_eq!(submit(&sim), accepted());
    assert_eq!(query(&sim), Ok(Progress::Running));
    let Progress::Done(output) = ended(|| query(&sim).unwrap()) else { panic!("published") };
    assert_eq!(output.raw["results"]["linkedin"]["success"], false);
    let events: Vec<Hint> =
        sim.callbacks(2).iter().map(|event| upload_post::parse_callback(&event.body).unwrap().hint).collect();
    assert_eq!(events.iter().filter(|hint| matches!(hint, Hint::Done(_))).count(), 1);
    assert_eq!(events.iter().filter(|hint| matches!(hint, Hint::Failed(_))).count(), 1);
}

#[test]
fn a_draft_is_no_post() {
    for (fault, code) in [("fallback_to_inbox", "inbox_fallback"), ("post_fails", "failed")] {
        let sim = Sim::start();
        sim.fault("upload-post", fault);
        assert_eq!(submit(&sim), accepted());
        assert!(
            matches!(ended(|| query(&sim).unwrap()), Progress::Failed(fault) if fault.code == code && fault.is_final())
        );
        let event = upload_post::parse_callback(&sim.callbacks(1)[0].body).unwrap();
        assert!(matches!(event.hint, Hint::Failed(fault) if fault.code == code));
    }
}

#[test]
fn a_synchronous_answer_is_an_acceptance() {
    let sim = Sim::start();
    sim.fault("upload-post", "answers_synchronously");
    assert_eq!(submit(&sim), accepted());
    assert!(matches!(query(&sim), Ok(Progress::Done(_))));

    let sim = Sim::start();
    sim.fault("upload-post", "answers_synchronously");
    sim.fault("upload-post", "post_fails");
    assert!(matches!(submit(&sim), Submission::Refused(fault) if fault.is_final()));
}

#[test]
fn deliveries_may_be_unsigned_or_forged() {
    let sim = Sim::start();
    sim.fault("upload-post", "unsigned_delivery");
    submit(&sim);
    assert_eq!(verified(&sim.callbacks(1)[0]), SignatureStatus::Missing);

    let sim = Sim::start();
    sim.fault("upload-post", "callback_forged");
    submit(&sim);
    let received = sim.callbacks(2);
    assert_eq!((verified(&received[0]), verified(&received[1])), (SignatureStatus::Invalid, SignatureStatus::Valid));

    let sim = Sim::with(|config| drop(config.settings.remove("upload_post_signing_secret")));
    submit(&sim);
    assert_eq!(verified(&sim.callbacks(1)[0]), SignatureStatus::Missing);
}

#[test]
fn the_channel_rests_after_five_failures_and_skips_for_good() {
    let sim = Sim::start();
    sim.answer_callbacks_with(&[500]);
    for job in 0..7 {
        let context = sim.context(&format!("job-{job}"));
        sim.run(jobs::submit(
            &sim.client,
            &upload_post::JOBS,
            &sim.settings(BASE),
            &context,
            &JobSpec::Publish(publish()),
        ));
        if job < 5 {
            sim.callbacks(job + 1);
            eventually(|| (sim.state()["tasks"][job]["callbacks"]["failed"] == 1).then_some(()));
        }
    }
    let state = eventually(|| Some(sim.state()).filter(|state| state["tasks"][6]["callbacks"]["dropped"] == 1));
    assert_eq!(state["tasks"][5]["callbacks"]["dropped"], 1);
    assert_eq!(sim.received().len(), 5);
}

#[test]
fn without_a_url_nobody_is_told() {
    let sim = Sim::with(|config| drop(config.settings.remove("upload_post_webhook_url")));
    submit(&sim);
    ended(|| query(&sim).unwrap());
    assert!(sim.received().is_empty());
}

#[test]
fn the_account_sets_its_url() {
    let sim = Sim::with(|config| drop(config.settings.remove("upload_post_webhook_url")));
    for (path, hook) in [("users/notifications", "/first"), ("notification-config", "/second")] {
        let body = json!({"channels": {"webhook": true}, "webhook_url": format!("{}{hook}", sim.hook_url)});
        let request = http::Request::post(format!("{}{BASE}/uploadposts/{path}", sim.url))
            .header("content-type", "application/json");
        assert_eq!(sim.call(with_key(request, &body.to_string())).0, 200);
    }
    assert_eq!(sim.post(&format!("{BASE}/uploadposts/notification-config"), json!({})).0, 401);
    submit(&sim);
    assert_eq!(sim.callbacks(1)[0].uri, "/second");
}

#[test]
fn requests_are_checked() {
    let sim = Sim::start();
    let upload = |fields: &[(&str, &str)]| -> (u16, Value) {
        let parts: String = fields
            .iter()
            .map(|(name, value)| format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"))
            .collect();
        let request = http::Request::post(format!("{}{BASE}/upload", sim.url))
            .header("content-type", "multipart/form-data; boundary=b");
        sim.call(with_key(request, &format!("{parts}--b--\r\n")))
    };
    let (user, video, tiktok) = (("user", "u"), ("video", "https://v"), ("platform[]", "tiktok"));
    for (fields, status) in [
        (vec![video, tiktok], 400),
        (vec![user, tiktok], 400),
        (vec![user, video], 400),
        (vec![user, video, ("platform[]", "myspace")], 400),
        (vec![user, video, ("platform[]", "youtube")], 400),
        (vec![user, video, ("platform[]", "youtube"), ("title", "t")], 200),
        (vec![user, video, tiktok, ("scheduled_date", "2026-12-01T10:00:00Z")], 202),
        (vec![user, video, tiktok], 200),
    ] {
        assert_eq!(upload(&fields).0, status, "{fields:?}");
    }
    let request = || http::Request::post(format!("{}{BASE}/upload", sim.url));
    assert_eq!(sim.call(with_key(request(), "{}")).0, 400);
    let broken = request().header("content-type", "multipart/form-data; boundary=b");
    assert_eq!(sim.call(with_key(broken, "--b\r\nhalf")).0, 400);
    let bearer = request().header("authorization", "Bearer k").body(b"x".to_vec()).unwrap();
    assert_eq!(sim.call(bearer), (401, json!({"success": false, "message": "Invalid or expired token"})));
}

#[test]
fn files_are_taken_and_forgotten() {
    let sim = Sim::start();
    let body = "--b\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nu\r\n\
                --b\r\nContent-Disposition: form-data; name=\"platform[]\"\r\n\r\nx\r\n\
                --b\r\nContent-Disposition: form-data; name=\"video\"; filename=\"v.mp4\"\r\n\r\nbytes\r\n--b--\r\n";
    let request = http::Request::post(format!("{}{BASE}/upload", sim.url))
        .header("content-type", "multipart/form-data; boundary=b")
        .header("x-request-id", "from-header");
    assert_eq!(sim.call(with_key(request, body)).0, 200);
    let task = &sim.state()["tasks"][0];
    assert_eq!((&task["request"]["video"], &task["task_id"]), (&json!("<file of 5 bytes>"), &json!("from-header")));
}

#[test]
fn statuses_and_history() {
    let sim = Sim::start();
    submit(&sim);
    let get = |path: &str| sim.call(with_key(http::Request::get(format!("{}{BASE}/uploadposts/{path}", sim.url)), ""));
    assert_eq!(get("status"), (400, json!({"error": "request_id is required"})));
    assert_eq!(get("status?job_id=x").0, 404);
    assert_eq!(get(&format!("status?job_id={JOB}")).0, 200);
    assert_eq!(get(&format!("history?external_id={JOB}")).1["total"], 1);
    assert_eq!(get("history?external_id=x").1["total"], 0);
    assert_eq!(get("history").1["total"], 1);
    assert_eq!(get("other").0, 404);
    assert_eq!(sim.get(&format!("{BASE}/uploadposts/status?request_id=x")).0, 401);
    assert_eq!(sim.get(&format!("{BASE}/uploadposts/history")).0, 401);
}
