//! Groups that become supergroups, and channels that get another id: the conversation and what is on its way go on there.

use super::{Person, number, told};
use crate::support::simulator::{Simulator, calm};
use crate::support::{Run, service, stack};
use serde_json::{Value, json};

/// A listed group of projects without runs, so that nobody else's run is announced there.
struct Group {
    simulator: Simulator,
    ann: Person,
    old: i64,
    new: i64,
}

fn group() -> Group {
    let (old, new) = (-(number() as i64), -(1_000_000_000_000 + number() as i64));
    let channel = json!({"kind": "telegram", "address": old.to_string(), "project": "general"});
    service().post("/v1/channels").json(&channel).send().expect(200);
    Group { simulator: Simulator::of(service()), ann: Person::known(service(), "telegram"), old, new }
}

impl Group {
    #[track_caller]
    fn say(&self, chat: i64, text: &str) -> String {
        let from: i64 = self.ann.id.parse().unwrap();
        let answer = self.simulator.say(&json!({"chat_id": chat, "from": from, "text": text}));
        answer["body"]["brendan_response"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    fn run(&self) -> Run {
        let user = format!("telegram_{}", self.old);
        self.say(self.old, "Make a Test Video Gen run about candles");
        let rows = service().database().rows("SELECT run_id FROM runs WHERE user_id = $1", &[&user]);
        let run = Run { service: service().clone(), id: rows[0]["run_id"].as_str().unwrap().to_owned(), user };
        told(&self.simulator, &self.old.to_string(), "sendMessage", "Start this run?");
        run
    }

    fn is_listed_at(&self, chat: i64) -> bool {
        let listed = service().get("/v1/channels").send().expect(200).json();
        let address = chat.to_string();
        listed["channels"].as_array().unwrap().iter().any(|channel| channel["address"] == address.as_str())
    }
}

#[test]
#[ignore = "needs simulated providers"]
fn a_conversation_goes_on_in_the_supergroup() {
    let _calm = calm();
    let group = group();
    let run = group.run();
    group.simulator.upgrade(&json!({"chat_id": group.old, "to": group.new}));
    assert!(group.is_listed_at(group.new) && !group.is_listed_at(group.old));
    let answer = group.say(group.new, "what is the status of my run?");
    assert!(answer.contains(&run.id), "{answer}");
    let press =
        json!({"provider": "telegram", "address": group.old.to_string(), "button": "Approve", "from": group.ann.id});
    group.simulator.press(&press);
    run.wait_for("awaiting_ideate");
    told(&group.simulator, &group.new.to_string(), "sendMessage", "Make these clips?");
    run.assert_healthy();
}

#[test]
#[ignore = "needs simulated providers"]
fn a_notice_that_the_old_group_refuses_reaches_the_new_one() {
    let _calm = calm();
    let group = group();
    let run = group.run();
    group.simulator.upgrade(&json!({"chat_id": group.old, "to": group.new, "silent": true}));
    let run = run.approved("workflow");
    let found = crate::support::eventually("the notice is there", || {
        // Its next attempt is a moment away.
        run.pass_time();
        let messages = group.simulator.messages(Some(&group.new.to_string()));
        messages.into_iter().find(|message| message["body"].to_string().contains("Make these clips?"))
    });
    assert_eq!(found["body"]["chat_id"], json!(group.new));
    assert!(group.is_listed_at(group.new));
    assert!(group.say(group.new, "what is the status of my run?").contains(&run.id));
}

#[test]
#[ignore = "needs simulated providers"]
fn an_answer_follows_a_group_that_moved_meanwhile() {
    let _calm = calm();
    let group = group();
    group.simulator.upgrade(&json!({"chat_id": group.old, "to": group.new, "silent": true}));
    let answer = group.say(group.old, "what is the status of my run?");
    told(&group.simulator, &group.new.to_string(), "sendMessage", answer.lines().next().unwrap());
    assert!(group.is_listed_at(group.new));
}

#[test]
#[ignore = "needs simulated providers"]
fn a_converted_channel_of_slack_is_notified_under_its_new_id() {
    let stack = stack::builder().start().unwrap();
    let service = stack::service_of(&stack);
    let simulator = Simulator::of(&service);
    let (old, new) = ("G012Y48650T", "C012Y48650T");
    service.post("/v1/channels").json(&json!({"kind": "slack", "address": old})).send().expect(200);
    let forged = json!({"channel": old, "to": new, "secret": "another"});
    assert_eq!(simulator.convert(&forged)["status"], 403);
    let taken = simulator.convert(&json!({"channel": old, "to": new}));
    assert_eq!((&taken["status"], &taken["body"]), (&json!(200), &json!({})));
    let run = Run::start_at(&service, "test_video_gen");
    told(&simulator, new, "chat.postMessage", &run.id);
    let listed = service.get("/v1/channels").send().expect(200).json();
    let addresses: Vec<&Value> =
        listed["channels"].as_array().unwrap().iter().map(|channel| &channel["address"]).collect();
    assert_eq!(addresses, [new]);
}

#[test]
#[ignore = "needs simulated providers"]
fn who_asks_in_a_topic_is_answered_there() {
    let _calm = calm();
    let group = group();
    let from: i64 = group.ann.id.parse().unwrap();
    let words = json!({"chat_id": group.old, "from": from, "text": "@mylo_bot what can you do?", "topic": 77});
    assert!(group.simulator.say(&words)["body"]["brendan_response"].is_string());
    told(&group.simulator, &group.old.to_string(), "sendMessage", "\"message_thread_id\":77");
}
