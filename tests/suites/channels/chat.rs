//! Brendan on Telegram.

use super::{Person, number, told};
use crate::support::service;
use crate::support::simulator::{Simulator, calm};
use serde_json::{Value, json};

fn simulator() -> Simulator {
    Simulator::of(service())
}

fn words(chat: &str, from: &str, text: &str, update_id: u64) -> Value {
    let number = |id: &str| id.parse::<i64>().unwrap();
    json!({"chat_id": number(chat), "from": number(from), "text": text, "update_id": update_id})
}

fn runs_of(chat: &str) -> Vec<Value> {
    let sql = "SELECT run_id, state->>'started_by' AS started_by FROM runs WHERE user_id = $1";
    service().database().rows(sql, &[&format!("telegram_{chat}")])
}

#[test]
#[ignore = "needs simulated providers"]
fn a_message_starts_one_run_however_often_it_is_delivered() {
    let _calm = calm();
    let simulator = simulator();
    let ann = Person::known(service(), "telegram");
    let words = words(&ann.id, &ann.id, "Make a Test Video Gen run about candles", number());
    let answer = simulator.say(&words);
    assert_eq!(answer["status"], 200, "{answer}");
    let reply = answer["body"]["brendan_response"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    assert!(reply.contains("/v1/hitl/approve/"), "{reply}");
    for _ in 0..3 {
        assert_eq!(simulator.say(&words)["body"], json!({"ok": true, "duplicate": true}));
    }
    let runs = runs_of(&ann.id);
    assert_eq!((runs.len(), runs[0]["started_by"].as_str()), (1, Some(ann.name.as_str())));
    let sent = told(&simulator, &ann.id, "sendMessage", "disable_web_page_preview\":true");
    assert_eq!(sent["body"]["chat_id"], json!(ann.id.parse::<i64>().unwrap()));
    let said: Vec<Value> = simulator.messages(Some(&ann.id));
    assert_eq!(said.iter().filter(|message| message["body"]["text"] == reply.as_str()).count(), 1);
}

#[test]
#[ignore = "needs simulated providers"]
fn a_strangers_chat_is_refused_politely_and_once() {
    let _calm = calm();
    let simulator = simulator();
    let eve = Person::stranger("telegram");
    for _ in 0..3 {
        let answer = simulator.say(&words(&eve.id, &eve.id, "Make a Test Video Gen run about candles", number()));
        assert_eq!((&answer["status"], &answer["body"]), (&json!(200), &json!({"ok": true})));
    }
    told(&simulator, &eve.id, "sendMessage", "Sorry, I only talk to people");
    assert_eq!(simulator.messages(Some(&eve.id)).len(), 1);
    assert_eq!(runs_of(&eve.id).len(), 0);
    assert_eq!(
        service().database().count("SELECT FROM chat_messages WHERE user_id = $1", &[&format!("telegram_{}", eve.id)]),
        0
    );
}

#[test]
#[ignore = "needs simulated providers"]
fn a_chat_that_was_added_may_talk_whoever_writes() {
    let _calm = calm();
    let simulator = simulator();
    let (chat, eve) = (format!("-{}", number()), Person::stranger("telegram"));
    // Of a project without runs, so that nobody else's run is announced there.
    let added =
        service().post("/v1/channels").json(&json!({"kind": "telegram", "address": chat, "project": "general"}));
    let added = added.send().expect(200).json();
    let answer = simulator.say(&words(&chat, &eve.id, "what is the status of my run?", number()));
    assert!(answer["body"]["brendan_response"].as_str().is_some_and(|text| text.contains("no runs yet")), "{answer}");
    let path = format!("/v1/channels/{}/remove", added["id"].as_str().unwrap());
    service().post(&path).json(&json!({})).send().expect(200);
    service().post(&path).json(&json!({})).send().expect(404);
}
