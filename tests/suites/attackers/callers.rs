//! Speaking for somebody else: what a body says of its user, and how often one person may ask under many names.

use super::evil_address;
use crate::principals::Person;
use crate::support::{Run, Service, eventually, service, stack, unique};
use mw::mode::Mode;
use serde_json::{Value, json};

fn start_for(caller: &Service, user_id: Option<&str>, title: &str) -> crate::support::Answer {
    let body = json!({"project": "test_video_gen", "input": {"title": title}, "options": {"user_id": user_id}});
    caller.post("/v1/runs/start").json(&body).send()
}

fn told(user_id: &str) -> usize {
    service().database().count("SELECT FROM chat_messages WHERE user_id = $1", &[&user_id])
}

#[test]
fn nobody_starts_a_run_in_anothers_name() {
    let (ann, bob) = (Person::with_role("approver"), Person::with_role("viewer"));
    let part = format!("{}/shop", bob.name);
    for other in [bob.name.as_str(), &part, "operator", "telegram_8000001", "telegram_-100200300"] {
        let before = told(other);
        let refused = start_for(&ann.service, Some(other), "A fine title").expect(403).json();
        assert_eq!(refused["code"], "user-not-yours", "{refused}");
        let said = refused["detail"].as_str().unwrap();
        assert!(said.contains(other) && said.contains(&format!("{0} or {0}/<conversation>", ann.name)), "{said}");
        let chat = json!({"user_id": other, "message": "my runs"});
        assert_eq!(
            ann.service.post("/v1/chat/brendan").json(&chat).send().expect(403).json()["code"],
            "user-not-yours"
        );
        if other != "operator" {
            assert_eq!(told(other), before, "{other}");
        }
    }
    let runs = "SELECT FROM runs WHERE state->>'started_by' = $1";
    assert_eq!(service().database().count(runs, &[&ann.name]), 0);
}

#[test]
fn a_run_is_for_the_owner_of_the_key() {
    let ann = Person::with_role("approver");
    let word = unique("shop");
    let own = format!("{}/{word}", ann.name);
    for (said, expected) in
        [(None, ann.name.as_str()), (Some(ann.name.as_str()), &ann.name), (Some(&word), &own), (Some(&own), &own)]
    {
        let run_id = start_for(&ann.service, said, "A fine title").expect(200).json()["runId"].clone();
        let view = service().get(&format!("/v1/runs/{}", run_id.as_str().unwrap())).send().expect(200).json();
        assert_eq!(view["userId"], expected, "{said:?}");
    }
    // The shared key speaks for many.
    let user = unique("user");
    start_for(service(), Some(&user), "A fine title").expect(200);
    assert_eq!(told(&user), 1);
}

#[test]
fn no_notice_is_planted_in_anothers_conversation() {
    let (eve, victim) = (Person::with_role("operator"), unique("victim"));
    let run = Run::start();
    let path = format!("/v1/runs/{}/artifacts", run.id);
    let notice = |user: &str| json!({"type": "notification", "metadata": {"user_id": user, "message": evil_address()}});
    let refused = eve.service.post(&path).json(&notice(&victim)).send().expect(403).json();
    assert_eq!(refused["code"], "user-not-yours");
    assert_eq!(told(&victim), 0);
    eve.service.post(&path).json(&notice(&run.user)).send().expect(200);
    let sql = "SELECT content FROM chat_messages WHERE user_id = $1 ORDER BY message_id DESC LIMIT 1";
    let kept = service().database().row(sql, &[&run.user])["content"].to_string();
    assert!(kept.contains("https[:]//evil[.]example"), "{kept}");
}

#[test]
fn no_title_brings_a_live_address_to_a_conversation() {
    let user = unique("user");
    start_for(service(), Some(&user), &evil_address()).expect(200);
    let chat = json!({"user_id": user, "message": "what is new?"});
    let said = service().post("/v1/chat/brendan").json(&chat).send().expect(200).json()["response"].to_string();
    assert!(said.contains("https[:]//evil[.]example") && !said.contains("evil.example"), "{said}");
}

#[test]
fn ten_keys_of_one_person_share_one_limit() {
    let stack = stack::builder().mode(Mode::Mock).cron(false).setting("RUNS_START_PER_MINUTE", "12").start().unwrap();
    let service = stack::service_of(&stack);
    let body = json!({"name": "ann", "role": "operator"});
    let first = service.post("/v1/principals").json(&body).send().expect(201).json();
    let with_key = |made: &Value| Service { api_key: made["key"].as_str().unwrap().to_owned(), ..service.clone() };
    let mut callers = vec![with_key(&first)];
    for _ in 1..10 {
        let made = service.post("/v1/principals/ann/keys").json(&json!({})).send().expect(201).json();
        callers.push(with_key(&made));
    }
    let start = |caller: &Service| caller.post("/v1/runs/start").json(&json!({})).limited().send().status;
    let statuses: Vec<u16> = (0..3).flat_map(|_| callers.iter().map(start).collect::<Vec<_>>()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 422).count(), 12, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 18, "{statuses:?}");
    // Somebody else is not held up by that.
    assert_eq!(start(&service), 422);
}

#[test]
#[ignore = "needs simulated providers"]
fn conversations_of_one_person_share_one_budget() {
    let stack = stack::builder()
        .cron(false)
        .setting("OPENAI_API_KEY", "dev-openai-key")
        .setting("CHAT_BUDGET_TOKENS_PER_DAY", "1")
        .start()
        .unwrap();
    let service = stack::service_of(&stack);
    let made =
        service.post("/v1/principals").json(&json!({"name": "ann", "role": "approver"})).send().expect(201).json();
    let ann = Service { api_key: made["key"].as_str().unwrap().to_owned(), ..service.clone() };
    let fallback = |caller: &Service, user: &str| {
        let body = json!({"user_id": user, "message": "what can you do?"});
        caller.post("/v1/chat/brendan").json(&body).send().expect(200).json()["fallback"].clone()
    };
    assert_ne!(fallback(&ann, "1"), "budget");
    eventually("the tokens count", || {
        (service.database().count("SELECT FROM chat_usage WHERE input_tokens > 0", &[]) > 0).then_some(())
    });
    for user in ["ann", "ann/1", "2"] {
        assert_eq!(fallback(&ann, user), "budget", "{user}");
    }
    assert_ne!(fallback(&service, "anna"), "budget");
}
