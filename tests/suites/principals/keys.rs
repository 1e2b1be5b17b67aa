//! Keys: made, carried round, ended; and what a request may count on meanwhile.

use super::{Person, asking, stranger};
use crate::support::{Run, service, unique};
use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_rotation_loses_no_request() {
    let person = Person::with_role("viewer");
    let current = Mutex::new(person.service.clone());
    let stop = AtomicBool::new(false);
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let clients = (0..4).map(|_| {
            scope.spawn(|| {
                let mut answers = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let service = current.lock().unwrap().clone();
                    answers.push(service.get("/v1/runs?limit=1").send().status);
                }
                answers
            })
        });
        let clients: Vec<_> = clients.collect();
        for _ in 0..8 {
            // Whoever reads the old key just now uses it just now.
            *current.lock().unwrap() = person.rotated(Some(1));
        }
        stop.store(true, Ordering::Relaxed);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    assert!(!answers.is_empty() && answers.iter().all(|status| *status == 200), "{answers:?}");
}

#[test]
fn a_rotated_key_is_good_until_its_end() {
    let person = Person::with_role("viewer");
    let new = person.rotated(Some(2));
    for service in [&person.service, &new] {
        service.get("/v1/ping").send().expect(200);
    }
    let sql = "UPDATE principal_keys SET expires_at = now() WHERE name = $1 AND expires_at IS NOT NULL";
    assert_eq!(service().database().execute(sql, &[&person.name]), 1);
    person.service.get("/v1/ping").send().expect_problem(401, "Invalid API key");
    new.get("/v1/ping").send().expect(200);
    // And at once, where that is asked for.
    let newest = person.rotated(Some(0));
    new.get("/v1/ping").send().expect(401);
    newest.get("/v1/ping").send().expect(200);
}

#[test]
fn a_disabled_principal_is_refused_at_once() {
    let (run, person) = (Run::start(), Person::with_role("approver"));
    let link = format!("/v1/hitl/link/{}/workflow", run.id);
    let link = person.service.get(&link).send().expect(200).json()["approvalUrl"].as_str().unwrap().to_owned();
    let link = crate::support::run::path_of(&link);
    for _ in 0..2 {
        service().post(&person.path("/disable")).send().expect(200);
        let start = json!({"project": "test_video_gen", "input": {"object": "candle"}});
        person.service.post("/v1/runs/start").json(&start).send().expect_problem(401, "Invalid API key");
        person.service.get(&run.gate_path("workflow")).send().expect(401);
        person.service.get("/v1/runs").send().expect(401);
        // Links that were handed out before are no way round.
        service().call("POST", &link).send().expect_problem(403, "invalid or expired token");
    }
    assert_eq!(run.status(), "pending_workflow");
    service().post(&person.path("/enable")).send().expect(200);
    person.service.get("/v1/runs").send().expect(200);
    service().call("POST", &link).send().expect(200);
}

#[test]
fn a_revoked_key_is_refused_and_the_others_go_on() {
    let person = Person::with_role("viewer");
    let made = service().post(&person.path("/keys")).json(&json!({})).send().expect(201).json();
    let second = asking(&made);
    let revoke = person.path(&format!("/keys/{}/revoke", made["keyId"].as_str().unwrap()));
    for _ in 0..2 {
        service().post(&revoke).send().expect(200);
        second.get("/v1/ping").send().expect(401);
        person.service.get("/v1/ping").send().expect(200);
    }
    service().post(&person.path("/keys/000000000000/revoke")).send().expect_problem(404, "key not found");
}

#[test]
fn a_start_that_is_repeated_with_the_next_key_is_the_same_run() {
    let person = Person::with_role("approver");
    let new = person.rotated(None);
    let key = unique("start");
    let body = json!({"project": "test_video_gen", "input": {"object": "candle"}});
    let start = |service: &crate::support::Service| -> Value {
        let call = service.post("/v1/runs/start").header("idempotency-key", &key).json(&body);
        call.send().expect(200).json()["runId"].clone()
    };
    assert_eq!(start(&person.service), start(&new));
    assert_ne!(start(&person.service), start(service()), "somebody else's key is another one");
}

#[test]
fn a_name_is_given_once_and_no_list_shows_a_key() {
    let person = Person::with_role("viewer");
    let again = json!({"name": person.name, "role": "operator"});
    let taken = service().post("/v1/principals").json(&again).send().expect(409).json();
    assert_eq!(taken["code"], "principal-exists");
    person.service.get("/v1/principals").send().expect(403);
    let page = service().get(&format!("/v1/principals?cursor={}", &person.name[..person.name.len() - 1])).send();
    let text = page.clone().expect(200).text();
    assert!(text.contains(&person.name) && !text.contains(&person.service.api_key[3..20]), "{text}");
    let sql = "SELECT FROM principal_keys WHERE encode(key_hash, 'hex') = $1";
    assert_eq!(service().database().count(sql, &[&&person.service.api_key[3..]]), 0, "a key is not its hash");
}

#[test]
fn ids_in_channels_and_roles_change_and_what_is_wrong_is_told() {
    let (ann, bob) = (Person::with_role("viewer"), Person::with_role("viewer"));
    let id = crate::channels::number().to_string();
    let identify = |person: &Person, body: Value| service().post(&person.path("/identities")).json(&body).send();
    identify(&ann, json!({"telegram": id})).expect(200);
    assert_eq!(identify(&bob, json!({"telegram": id})).expect(409).json()["code"], "identity-taken");
    identify(&ann, json!({"slack": "U024BE7LH"})).expect(200);
    identify(&bob, json!({"telegram": id})).expect(200);
    identify(&ann, json!({})).expect_invalid("#/telegram");
    identify(&ann, json!({"telegram": "not an id"})).expect_invalid("#/telegram");
    service().post(&ann.path("")).json(&json!({"role": "boss"})).send().expect_invalid("#/role");
    service().post(&ann.path("")).json(&json!({"role": "operator"})).send().expect(200);
    ann.service.get("/v1/principals?limit=1").send().expect(200);
    let nobody = format!("/v1/principals/{}", unique("nobody"));
    service().post(&nobody).json(&json!({})).send().expect_problem(404, "principal not found");
    service().post(&format!("{nobody}/disable")).send().expect(404);
    service()
        .post("/v1/principals")
        .json(&json!({"name": "operator", "role": "viewer"}))
        .send()
        .expect_invalid("#/name");
    stranger().post(&ann.path("/disable")).send().expect(401);
}
