//! `/_sim`: how tests steer the simulator.

use mw_sim::fault::known;
use serde_json::json;

use crate::common::*;

#[test]
fn faults_are_listed_switched_on_and_cleared() {
    let sim = Sim::start();
    let (_, faults) = sim.get("/_sim/faults");
    assert_eq!(faults["known"].as_array().unwrap().len(), known().len());
    assert!(faults["known"].as_array().unwrap().iter().all(|known| known["description"].as_str().unwrap().len() > 5));
    for known in known() {
        for provider in &known.providers {
            sim.control("faults", json!({"provider": provider, "fault": known.fault}));
        }
    }
    assert!(sim.state()["rules"].as_array().unwrap().len() >= known().len());
    let request = http::Request::delete(format!("{}/_sim/faults", sim.url)).body(Vec::new()).unwrap();
    assert_eq!(sim.call(request), (200, json!({"active": []})));
}

#[test]
fn senseless_rules_are_refused() {
    let sim = Sim::start();
    for rule in [
        json!({"provider": "kieai", "fault": "unheard_of"}),
        json!({"provider": "nobody", "fault": "delay"}),
        json!({"provider": "kieai", "fault": "forged_done"}),
        json!({"provider": "kieai", "fault": "delay", "probability": 7}),
        json!({"provider": "kieai", "fault": "delay", "typo": 7}),
        json!([{"provider": "kieai", "fault": "delay"}, {"provider": "openai", "fault": "forged_done"}]),
        json!("delay"),
    ] {
        let (status, answer) = sim.post("/_sim/faults", rule.clone());
        assert_eq!(status, 400, "{rule}");
        assert!(answer["error"].is_string());
    }
    assert_eq!(sim.state()["rules"], json!([]));
}

#[test]
fn latencies_change_one_by_one() {
    let sim = Sim::start();
    let expected = json!({"kieai_ms": 300, "shotstack_ms": 5, "upload_post_ms": 300});
    assert_eq!(sim.control("latency", json!({"shotstack_ms": 5})), expected);
    assert_eq!(sim.get("/_sim/latency").1, expected);
    assert_eq!(sim.post("/_sim/latency", json!({"shotstack_ms": "soon"})).0, 400);
    assert_eq!(sim.post("/_sim/latency", json!({"typo_ms": 5})).0, 400);
}

#[test]
fn the_webhook_url_can_be_set() {
    let sim = Sim::start();
    assert_eq!(sim.control("upload-post-webhook-url", json!({"url": "http://x/"})), json!({"url": "http://x/"}));
}

#[test]
fn results_resolve() {
    let sim = Sim::start();
    assert_eq!(sim.get("/_sim/media/any-name.mp4").0, 200);
    assert_eq!(sim.get("/_sim/media/any-name.exe").0, 404);
    assert_eq!(sim.get("/_sim/posts/tiktok/abc").0, 200);
    assert_eq!(sim.get("/_sim/posts/tiktok/%3Cb%3E").0, 404);
    assert_eq!((sim.get("/_sim").0, sim.get("/_sim/").0), (200, 200));
    assert_eq!(sim.get("/elsewhere").0, 404);
}
