//! Buttons on Telegram.

use super::{Person, answered, decisions, number, run_of_chat, told};
use crate::support::simulator::{Simulator, calm};
use crate::support::{Run, service};
use serde_json::{Value, json};

/// Somebody's own chat with a run whose first gate was announced there.
struct Fixture {
    simulator: Simulator,
    chat: String,
    run: Run,
}

fn fixture() -> Fixture {
    let simulator = Simulator::of(service());
    let chat = Person::known(service(), "telegram").id;
    let run = run_of_chat(service(), &chat);
    told(&simulator, &chat, "sendMessage", &run.id);
    Fixture { simulator, chat, run }
}

impl Fixture {
    fn press(&self, button: &str, by: &Person, more: Value) -> Value {
        let mut press = json!({"provider": "telegram", "address": self.chat, "button": button, "from": by.id});
        press.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        self.simulator.press(&press)
    }
}

#[test]
#[ignore = "needs simulated providers"]
fn a_press_decides_and_bears_the_name_of_whoever_pressed() {
    let _calm = calm();
    let fixture = fixture();
    let ann = Person::known(service(), "telegram");
    let message = told(&fixture.simulator, &fixture.chat, "sendMessage", "Start this run?");
    assert!(message["body"]["text"].as_str().unwrap().contains("/v1/hitl/approve/"), "{message}");
    let answer = fixture.press("Approve", &ann, json!({}));
    assert_eq!((&answer["status"], &answer["body"]), (&json!(200), &json!({"ok": true})));
    fixture.run.wait_for("awaiting_ideate");
    assert_eq!(decisions(&fixture.run), [("approved".to_owned(), ann.name.clone(), "telegram".to_owned())]);
    answered(&fixture.simulator, &format!("{} approved the workflow gate", ann.name));
    told(&fixture.simulator, &fixture.chat, "editMessageReplyMarkup", "\"inline_keyboard\":[]");
    told(&fixture.simulator, &fixture.chat, "sendMessage", &format!("{} approved the workflow gate", ann.name));
    told(&fixture.simulator, &fixture.chat, "sendMessage", "Make these clips?");
    fixture.run.assert_healthy();
}

#[test]
#[ignore = "needs simulated providers"]
fn a_press_rejects() {
    let _calm = calm();
    let fixture = fixture();
    let ann = Person::known(service(), "telegram");
    fixture.press("Reject", &ann, json!({}));
    fixture.run.wait_for("rejected");
    told(&fixture.simulator, &fixture.chat, "sendMessage", &format!("{} said no at the workflow gate", ann.name));
}

#[test]
#[ignore = "needs simulated providers"]
fn a_stranger_decides_nothing_and_is_told_so() {
    let _calm = calm();
    let fixture = fixture();
    let eve = Person::stranger("telegram");
    assert_eq!(fixture.press("Approve", &eve, json!({}))["body"], json!({"ok": true}));
    answered(&fixture.simulator, &format!("add your id: {}", eve.id));
    assert_eq!((fixture.run.status().as_str(), decisions(&fixture.run).len()), ("pending_workflow", 0));
    let ann = Person::known(service(), "telegram");
    service().post(&format!("/v1/principals/{}/disable", ann.name)).json(&json!({})).send().expect(200);
    fixture.press("Approve", &ann, json!({}));
    answered(&fixture.simulator, &format!("add your id: {}", ann.id));
    assert_eq!(decisions(&fixture.run).len(), 0, "nor does somebody who left");
}

#[test]
#[ignore = "needs simulated providers"]
fn who_presses_after_the_decision_is_told_who_decided() {
    let _calm = calm();
    let fixture = fixture();
    let (ann, bob) = (Person::known(service(), "telegram"), Person::known(service(), "telegram"));
    fixture.press("Approve", &ann, json!({}));
    fixture.run.wait_for("awaiting_ideate");
    // The buttons of the first message; the newest are those of the next gate.
    let first = fixture.simulator.messages(Some(&fixture.chat)).remove(0);
    let data = first["body"]["reply_markup"]["inline_keyboard"][0][1]["callback_data"].as_str().unwrap().to_owned();
    for (person, expected) in [(&ann, "was approved by"), (&bob, &*format!("was approved by {}", ann.name))] {
        let update = json!({"update_id": number(), "callback_query": {
            "id": number().to_string(), "from": {"id": person.id.parse::<u64>().unwrap()}, "data": data,
            "message": {"message_id": first["message_id"], "chat": {"id": fixture.chat.parse::<u64>().unwrap()}}}});
        let call = service().call("POST", "/v1/telegram/webhook").json(&update);
        call.header("x-telegram-bot-api-secret-token", super::page::setting("TELEGRAM_WEBHOOK_SECRET"))
            .send()
            .expect(200);
        answered(&fixture.simulator, expected);
    }
    assert_eq!(decisions(&fixture.run).len(), 1);
}

#[test]
#[ignore = "needs simulated providers"]
fn a_press_on_a_message_that_changed_meanwhile_is_answered() {
    let _calm = calm();
    let fixture = fixture();
    let ann = Person::known(service(), "telegram");
    let reopened = format!("/v1/gates/{}/workflow/reopen", fixture.run.id);
    service().post(&reopened).json(&json!({"reason": "once more"})).send().expect(200);
    let first = fixture.simulator.messages(Some(&fixture.chat)).remove(0);
    let data = first["body"]["reply_markup"]["inline_keyboard"][0][0]["callback_data"].as_str().unwrap().to_owned();
    // Twice: the second finds no buttons on the message any more, as Telegram says.
    for _ in 0..2 {
        let update = json!({"update_id": number(), "callback_query": {
            "id": number().to_string(), "from": {"id": ann.id.parse::<u64>().unwrap()}, "data": data,
            "message": {"message_id": first["message_id"], "date": 0, "chat": {"id": fixture.chat.parse::<u64>().unwrap()}}}});
        let call = service().call("POST", "/v1/telegram/webhook").json(&update);
        let secret = super::page::setting("TELEGRAM_WEBHOOK_SECRET");
        call.header("x-telegram-bot-api-secret-token", secret).send().expect(200);
        answered(&fixture.simulator, "from an earlier opening");
    }
    assert_eq!(decisions(&fixture.run).len(), 0);
    fixture.press("Approve", &ann, json!({}));
    fixture.run.wait_for("awaiting_ideate");
}

#[test]
#[ignore = "needs simulated providers"]
fn a_repeated_update_is_a_duplicate_and_decides_once() {
    let _calm = calm();
    let fixture = fixture();
    let ann = Person::known(service(), "telegram");
    let same = json!({"update_id": number()});
    assert_eq!(fixture.press("Approve", &ann, same.clone())["body"], json!({"ok": true}));
    fixture.run.wait_for("awaiting_ideate");
    for _ in 0..3 {
        let again = fixture.press("Approve", &ann, same.clone());
        assert_eq!(again["body"], json!({"ok": true, "duplicate": true}));
    }
    assert_eq!(decisions(&fixture.run).len(), 1);
}

#[test]
#[ignore = "needs simulated providers"]
fn without_the_secret_an_update_is_nothing() {
    let _calm = calm();
    let fixture = fixture();
    let ann = Person::known(service(), "telegram");
    for secret in ["", "wrong"] {
        let answer = fixture.press("Approve", &ann, json!({"secret": secret}));
        assert_eq!((&answer["status"], &answer["body"]["code"]), (&json!(403), &json!("invalid-signature")));
    }
    assert_eq!(decisions(&fixture.run).len(), 0);
}
