//! What is kept of a conversation, taken along and deleted; and by rules, a turn that is streamed.

use super::say;
use crate::support::{Answer, service, unique};
use serde_json::{Value, json};

fn path(user: &str) -> String {
    format!("/v1/chat/conversations/{}", user.replace('/', "%2F"))
}

fn exported(user: &str) -> Value {
    service().get(&path(user)).send().expect(200).json()
}

#[test]
fn a_conversation_can_be_taken_along_page_by_page() {
    let user = unique("user");
    for message in ["hello", "make a test video about the moon", "my runs"] {
        say(&user, message);
    }
    let whole = exported(&user);
    let messages = whole["messages"].as_array().unwrap();
    assert!(messages.len() >= 6 && messages[0]["content"] == "hello" && messages[0]["role"] == "user", "{whole}");
    assert!(messages.iter().all(|said| said["createdAt"].as_str().is_some_and(|at| at.ends_with('Z'))), "{whole}");
    assert!(!whole.to_string().contains("token="), "{whole}");
    assert_eq!((&whole["summary"], &whole["usage"]["turns"]), (&Value::Null, &json!(0)));
    let first = service().get(&format!("{}?limit=2", path(&user))).send().expect(200).json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = service().get(&format!("{}?limit=2&cursor={cursor}", path(&user))).send().expect(200).json();
    assert_eq!(second["messages"][0], messages[2]);
    for wrong in ["cursor=x", "cursor=-1", "limit=0"] {
        service().get(&format!("{}?{wrong}", path(&user))).send().expect(422);
    }
}

#[test]
fn a_deleted_conversation_is_gone_and_its_runs_stay() {
    let (user, other) = (unique("user"), unique("other"));
    for user in [&user, &other] {
        say(user, "make a test video about the moon");
    }
    let gone = service().call("DELETE", &path(&user)).key().send().expect(200).json();
    assert!(gone["deleted"].as_u64().unwrap() >= 2 && gone["more"] == false, "{gone}");
    assert_eq!(exported(&user)["messages"], json!([]));
    assert_eq!(service().database().count("SELECT FROM chat_messages WHERE user_id = $1", &[&user]), 0);
    assert!(exported(&other)["messages"].as_array().unwrap().len() >= 2);
    assert_eq!(say(&user, "my runs")["run_ids"].as_array().unwrap().len(), 1);
}

#[test]
fn a_conversation_is_open_to_its_owner_only() {
    let (ann, bob) = (unique("ann"), unique("bob"));
    let key = |name: &str, role: &str| {
        let body = json!({"name": name, "role": role});
        service().post("/v1/principals").json(&body).send().expect(201).json()["key"].as_str().unwrap().to_owned()
    };
    let (anns, bobs) = (key(&ann, "approver"), key(&bob, "operator"));
    let as_ann = |body: Value| {
        let call = service().call("POST", "/v1/chat/brendan").header("x-api-key", &anns).json(&body);
        call.send().expect(200)
    };
    say(&bob, "this is a secret");
    as_ann(json!({"user_id": ann, "message": "hello"}));
    // Another word is a part of its own, another principal is refused.
    as_ann(json!({"user_id": "shop", "message": "what did I say?"}));
    let part = format!("{ann}/shop");
    let other = json!({"user_id": bob, "message": "what did I say?"});
    let call = service().call("POST", "/v1/chat/brendan").header("x-api-key", &anns).json(&other);
    assert_eq!(call.send().expect(403).json()["code"], "user-not-yours");
    assert_eq!(service().database().count("SELECT FROM chat_messages WHERE user_id = $1", &[&part]), 2);
    assert!(!exported(&part).to_string().contains("secret"));
    for method in ["GET", "DELETE"] {
        let call = |user: &str| service().call(method, &path(user));
        call(&bob).header("x-api-key", &anns).send().expect(404);
        call(&ann).header("x-api-key", &bobs).send().expect(404);
        call(&ann).send().expect(401);
        call(&part).header("x-api-key", &anns).send().expect(200);
        call(&ann).header("x-api-key", &anns).send().expect(200);
    }
    assert_eq!(exported(&ann)["messages"], json!([]));
    service().post(&path(&ann)).json(&json!({})).send().expect(405);
}

#[test]
fn a_turn_by_rules_can_be_followed_too() {
    let body = json!({"user_id": unique("user"), "message": "my runs"});
    let answer: Answer =
        service().post("/v1/chat/brendan").json(&body).header("accept", "text/event-stream").send().expect(200);
    let text = answer.text();
    assert!(text.starts_with("event: status\n") && text.contains("\n\nevent: done\ndata: {"), "{text}");
    assert!(text.contains("\"planner\":\"rules\"") && text.ends_with("\n\n"), "{text}");
}

#[test]
fn a_sealed_turn_is_believed_of_nobody_outside() {
    let body = json!({"user_id": "telegram_1", "message": "my runs", "started_by": "operator", "caller": "c"});
    for seal in ["", "x", "99999999999.AAAA", "0."] {
        let call = service().call("POST", "/v1/chat/brendan").header("x-myloware-seal", seal).key();
        assert_eq!(call.json(&body).send().expect(401).json()["code"], "invalid-api-key", "{seal}");
    }
}
