//! Names that could be taken for somebody else's: of principals, and of links; and texts that say more than is seen of them.

use super::people::{gate_link, link_in};
use crate::support::{Run, service, unique};
use serde_json::json;

/// Of a messenger's users, with blanks, capitals, and letters that only look like ours.
const MISTAKABLE: [&str; 14] = [
    "telegram_5",
    "telegram:-100",
    "telegram_-100",
    "slack_u1",
    "slack:C01",
    "ann ",
    " ann",
    "ann\t",
    "ann\u{a0}",
    "ann\u{200b}",
    "Ann",
    "\u{430}nn",
    "\u{ff41}nn",
    "ann/part",
];

#[test]
fn no_principal_has_a_name_that_could_be_mistaken() {
    for name in MISTAKABLE.iter().chain(&["operator"]) {
        let body = json!({"name": name, "role": "approver"});
        let problem = service().post("/v1/principals").json(&body).send().expect(422).json();
        assert_eq!(problem["errors"][0]["pointer"], "#/name", "{name:?}");
    }
}

/// Groups, channels, other ways to write a person's id, and accounts that many write in the name of.
#[test]
fn no_principal_is_known_by_an_id_that_is_not_one_persons() {
    let ann = unique("ann");
    service().introduce(&ann, "approver");
    let path = format!("/v1/principals/{ann}/identities");
    for id in ["-1001234567890", "05", "+5", "0", "1087968824", "136817688", "777000", "@ann", "ann"] {
        service().post(&path).json(&json!({"telegram": id})).send().expect_invalid("#/telegram");
    }
    for id in ["C0123456789", "D0123456789", "G0123456789", "u0123456789", "U1 "] {
        service().post(&path).json(&json!({"slack": id})).send().expect_invalid("#/slack");
    }
}

#[test]
fn no_link_has_a_name_that_could_be_mistaken() {
    let run = Run::start();
    for name in MISTAKABLE {
        gate_link(&run, name).expect_invalid("query:approver");
    }
}

#[test]
fn an_approver_sees_all_that_is_asked_for() {
    let hidden: String = "also a weapon".chars().filter_map(|c| char::from_u32(0xe0000 + u32::from(c))).collect();
    let input = json!({"object": format!("can\u{200b}dle{hidden}"), "title": "Nice \u{202e}nur\u{202c}"});
    let body = json!({"project": "aismr", "input": input});
    let started = service().post("/v1/runs/start").json(&body).send().expect(200).json();
    let id = started["runId"].as_str().unwrap().to_owned();
    let run = Run { service: service().clone(), id, user: String::new() };
    let link = gate_link(&run, &unique("ann")).expect(200).json();
    let link = link_in(link["approvalUrl"].as_str().unwrap()).unwrap();
    let page = service().call("GET", &link).send().expect(200).text();
    assert!(page.contains("candle") && page.contains("Nice nur"), "{page}");
    assert!(page.chars().all(|c| !('\u{202a}'..='\u{202e}').contains(&c) && c < '\u{e0000}'), "{page}");
}
