//! Links that decide: who gets one of those who ask over HTTP, and what becomes of one whose approver may no longer decide.

use super::people::{KINDS, Person, acts, gate_link, link_in};
use crate::support::run::path_of;
use crate::support::{Run, service, signing, unique};
use mw_media::token::{Claims, issue};
use serde_json::json;

#[test]
fn an_operator_makes_links_for_those_only_who_may_decide() {
    let run = Run::start();
    for kind in KINDS {
        let person = Person::new(service(), kind);
        let answer = gate_link(&run, &person.name);
        // Anybody alone may decide at this gate, so a name that no table knows is good enough.
        if acts(kind) || kind == "stranger" {
            answer.expect(200);
        } else {
            let problem = answer.expect(403).json();
            assert_eq!(problem["code"], "gate-not-yours", "{kind}");
            assert!(problem["detail"].as_str().unwrap().contains(&person.name), "{problem}");
        }
    }
}

#[test]
fn nobody_asks_for_a_link_beyond_their_role() {
    let run = Run::start();
    let other = unique("somebody");
    for (kind, own, others) in [
        ("stranger", 401, 401),
        ("disabled", 401, 401),
        ("viewer", 403, 403),
        ("approver", 200, 403),
        ("operator", 200, 200),
    ] {
        let person = Person::new(service(), kind);
        let path = format!("/v1/hitl/link/{}/workflow", run.id);
        person.service.get(&path).send().expect(own);
        person.service.get(&format!("{path}?approver={other}")).send().expect(others);
        person.service.get(&format!("{path}?approver=operator")).send().expect(others);
    }
}

#[test]
fn chat_links_are_for_those_only_who_may_decide() {
    for kind in KINDS {
        let person = Person::new(service(), kind);
        for (user, links) in
            [(person.name.clone(), acts(kind) || kind == "stranger"), (format!("telegram_{}", person.id), false)]
        {
            let body = json!({"user_id": user, "message": "Make a Test Video Gen run about candles"});
            let said = service().post("/v1/chat/brendan").json(&body).send().expect(200).json();
            let text = said["response"].as_str().unwrap();
            assert_eq!(link_in(text).is_some(), links, "{kind} as {user}: {text}");
            assert!(links || text.contains("/console/runs/"), "{text}");
        }
    }
}

/// Neither the page nor the decision.
#[track_caller]
fn refused(run: &Run, link: &str) {
    for method in ["GET", "POST"] {
        service().call(method, link).send().expect(403);
    }
    assert_eq!(run.status(), "pending_workflow");
}

#[test]
fn a_link_is_good_for_nothing_once_its_approver_may_not_decide() {
    let run = Run::start();
    let (gone, lowered) = (Person::new(service(), "approver"), Person::new(service(), "approver"));
    let links = [&gone, &lowered].map(|person| run.link_for("workflow", Some(&person.name)));
    service().call("GET", &links[0]).send().expect(200);
    gone.disable(service());
    service().post(&format!("/v1/principals/{}", lowered.name)).json(&json!({"role": "viewer"})).send().expect(200);
    for link in links {
        refused(&run, &link);
    }
}

#[test]
fn links_of_an_earlier_release_are_refused() {
    let run = Run::start();
    let expires_at = signing::unix_now() + 60;
    for name in ["telegram:-100", "telegram_5", "slack:C0123456789", "Ann", "ann ", "\u{430}nn", "ann/part", ""] {
        let claims = Claims {
            opening: 1,
            subject_sha256: run.subject("workflow"),
            approver: name.to_owned(),
            expires_at,
            nonce: "n".to_owned(),
        };
        let token = issue(&service().hitl_secret, &run.id, mw_media::gate!("workflow"), &claims);
        refused(&run, &format!("{}?token={token}", run.gate_path("workflow")));
    }
    let own = service().get(&format!("/v1/hitl/link/{}/workflow", run.id)).send().expect(200).json();
    service().call("POST", &path_of(own["approvalUrl"].as_str().unwrap())).send().expect(200);
}
