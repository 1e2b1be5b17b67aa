//! Buttons in Slack, on a stack of its own: a channel is notified of every run.

use super::{Person, decisions, told};
use crate::support::simulator::Simulator;
use crate::support::{Run, stack};
use serde_json::{Value, json};

#[test]
#[ignore = "needs simulated providers"]
fn only_known_people_decide_in_slack() {
    let stack = stack::builder().start().unwrap();
    let service = stack::service_of(&stack);
    let simulator = Simulator::of(&service);
    let channel = "C0123456789";
    service.post("/v1/channels").json(&json!({"kind": "slack", "address": channel})).send().expect(200);
    let ann = Person::known(&service, "slack");
    let run = Run::start_at(&service, "test_video_gen");
    let message = told(&simulator, channel, "chat.postMessage", &run.id);
    let page = format!("/console/runs/{}/gates/workflow", run.id);
    assert!(message["body"]["blocks"][1]["elements"][2]["url"].as_str().unwrap().ends_with(&page), "{message}");
    let press = |button: &str, by: &str, more: Value| {
        let mut press = json!({"provider": "slack", "address": channel, "button": button, "from": by});
        press.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        simulator.press(&press)
    };
    for forged in [json!({"altered": true}), json!({"secret": "another"})] {
        assert_eq!(press("Approve", &ann.id, forged)["status"], 403);
    }
    let strange = press("Approve", "U99STRANGER", json!({}));
    assert_eq!(strange["status"], 200);
    let aside = told(&simulator, strange["press"].as_str().unwrap(), "response_url", "add your id: U99STRANGER");
    assert_eq!(aside["body"]["response_type"], "ephemeral");
    assert_eq!(decisions(&run), []);

    let pressed = press("Approve", &ann.id, json!({}));
    assert_eq!((&pressed["status"], &pressed["body"]), (&json!(200), &json!("")));
    run.wait_for("awaiting_ideate");
    assert_eq!(decisions(&run), [("approved".to_owned(), ann.name.clone(), "slack".to_owned())]);
    let text = format!("{} approved the workflow gate", ann.name);
    let instead = told(&simulator, pressed["press"].as_str().unwrap(), "response_url", &text);
    assert_eq!(instead["body"]["replace_original"], true);
    run.assert_healthy();
}
