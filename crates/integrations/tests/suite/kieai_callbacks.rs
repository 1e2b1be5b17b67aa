//! kie.ai's callbacks, and those of the original system.

use mw_integrations::{Callback, FaultClass, Hint, kieai};
use proptest::prelude::*;
use serde_json::{Value, json};

fn parse(body: Value) -> Callback {
    kieai::parse_callback(body.to_string().as_bytes()).unwrap()
}

#[test]
fn documented_callbacks_are_read() {
    let market = parse(json!({"code": 200, "msg": "Playground task completed successfully.", "data": {
        "taskId": "bd8f", "model": "wan/3-0-video-prime", "state": "success", "param": "{}",
        "resultJson": "{\"resultUrls\":[\"https://r.example/1.mp4\"]}", "costTime": 89}}));
    assert_eq!(market.task_id.as_deref(), Some("bd8f"));
    assert_eq!(market.event, "success");
    assert!(matches!(market.hint, Hint::Done(output) if output.url == "https://r.example/1.mp4"));

    let failed = parse(json!({"code": 501, "msg": "Playground task failed.", "data": {
        "taskId": "bd8f", "state": "fail", "failCode": "500", "failMsg": "upstream"}}));
    assert!(
        matches!(failed.hint, Hint::Failed(fault) if fault.code == "500" && fault.class == FaultClass::Unavailable)
    );

    let veo = parse(json!({"code": 200, "msg": "Veo3.1 video generated successfully.", "data": {
        "taskId": "veo_1", "fallbackFlag": false, "info": {"resultUrls": "[http://r.example/1.mp4]"}}}));
    assert!(matches!(veo.hint, Hint::Done(output) if output.url == "http://r.example/1.mp4"));

    let flagged = parse(
        json!({"code": 400, "msg": "Your prompt was flagged", "data": {"taskId": "veo_1", "fallbackFlag": false}}),
    );
    assert!(
        matches!(flagged.hint, Hint::Failed(fault) if fault.code == "400" && fault.message == "Your prompt was flagged")
    );

    let runway = parse(json!({"code": 200, "msg": "All generated successfully.", "data": {
        "task_id": "ee60", "video_id": "485d", "video_url": "https://r.example/1.mp4", "image_url": "https://r.example/1.png"}}));
    assert_eq!(runway.task_id.as_deref(), Some("ee60"));
    assert!(matches!(runway.hint, Hint::Done(output) if output.url == "https://r.example/1.mp4"));
}

#[test]
fn callbacks_of_the_original_are_read() {
    let done = parse(json!({"code": 200, "data": {
        "runId": "r-data", "response": {"taskId": "t9"}, "state": "completed", "result": {"assetUrl": "https://r.example/1.mp4"},
        "metadata": {"videoIndex": "2"}}, "metadata": {"runId": "r-top", "videoIndex": 1}}));
    assert_eq!(
        (done.run_id.as_deref(), done.video_index, done.task_id.as_deref()),
        (Some("r-top"), Some(1), Some("t9"))
    );
    assert!(matches!(done.hint, Hint::Done(output) if output.url == "https://r.example/1.mp4"));

    let failed =
        parse(json!({"data": {"taskId": "t", "error": "boom", "metadata": {"runId": "r", "videoIndex": "2"}}}));
    assert_eq!((failed.run_id.as_deref(), failed.video_index), (Some("r"), Some(2)));
    assert!(matches!(failed.hint, Hint::Failed(fault) if fault.message == "boom"));

    for (data, expected) in [
        (json!({"state": "canceled"}), "failed"),
        (json!({"state": "success"}), "done"),
        (json!({"state": "queueing", "videoIndex": -1}), "running"),
        (json!({}), "running"),
    ] {
        let callback = parse(json!({"data": data}));
        let hint = match callback.hint {
            Hint::Failed(_) => "failed",
            Hint::Done(_) => "done",
            Hint::Running => "running",
            Hint::Unrelated => "unrelated",
        };
        assert_eq!((hint, callback.video_index), (expected, None), "{data}");
    }
}

#[test]
fn other_bodies_are_refused() {
    for body in ["", "x", "[]", "{}", r#"{"data":[]}"#, r#"{"data":null}"#] {
        assert!(kieai::parse_callback(body.as_bytes()).is_err(), "{body}");
    }
}

proptest! {
    #[test]
    fn no_body_breaks_the_reader(body: Vec<u8>, text in "\\PC{0,60}") {
        let _ = kieai::parse_callback(&body);
        let data = json!({"code": 200, "data": {"taskId": text, "state": text, "resultJson": text, "successFlag": text}});
        let _ = kieai::parse_callback(data.to_string().as_bytes());
    }
}
