//! Telegram and Slack, played by the simulator: what people are sent, what their buttons decide, what the bot answers.

mod chat;
mod edits;
mod moves;
pub(crate) mod page;
mod slack;
mod telegram;

use crate::support::simulator::Simulator;
use crate::support::{Run, Service, eventually, unique};
use serde_json::{Value, json};

/// A person whom the messengers know by an id.
struct Person {
    name: String,
    id: String,
}

impl Person {
    /// An approver, known to the product; `messenger` is `telegram` or `slack`.
    fn known(service: &Service, messenger: &str) -> Person {
        let person = Person::stranger(messenger);
        let body = json!({"name": person.name, "role": "approver", messenger: person.id});
        service.post("/v1/principals").json(&body).send().expect(201);
        person
    }

    fn stranger(messenger: &str) -> Person {
        let id = if messenger == "slack" { format!("U{}", number()) } else { number().to_string() };
        Person { name: unique("ann"), id }
    }
}

/// An id that no other test has.
pub(crate) fn number() -> u64 {
    let [high, low] =
        [0, 8].map(|at| u64::from_str_radix(&uuid::Uuid::new_v4().simple().to_string()[at..at + 6], 16).unwrap());
    1_000_000_000 + high * 1000 + low % 1000
}

/// A run that a user of Telegram asked for, with notices in that chat.
pub(crate) fn run_of_chat(service: &Service, chat: &str) -> Run {
    let user = format!("telegram_{chat}");
    let body = json!({"project": "test_video_gen", "input": {"object": "candle"}, "options": {"user_id": user}});
    let answer = service.post("/v1/runs/start").json(&body).send().expect(200).json();
    Run { service: service.clone(), id: answer["runId"].as_str().unwrap().to_owned(), user }
}

/// The newest message to an address by this method, once there is one whose body holds this text.
pub(crate) fn told(simulator: &Simulator, address: &str, method: &str, part: &str) -> Value {
    eventually(&format!("{method} with {part}"), || {
        let messages = simulator.messages(Some(address)).into_iter().rev();
        messages
            .filter(|message| message["method"] == method)
            .find(|message| message["body"].to_string().contains(part))
    })
}

/// What a press was answered with, once there is an answer with this text.
pub(crate) fn answered(simulator: &Simulator, part: &str) -> Value {
    told(simulator, "", "answerCallbackQuery", part)
}

/// Approver and channel of the decisions of a run.
pub(crate) fn decisions(run: &Run) -> Vec<(String, String, String)> {
    let sql = "SELECT decision, approver, channel FROM hitl_approvals WHERE run_id = $1 ORDER BY id";
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = run.service.database().rows(sql, &[&run.id]);
    rows.iter().map(|row| (text(row, "decision"), text(row, "approver"), text(row, "channel"))).collect()
}
