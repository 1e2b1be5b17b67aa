//! Names that could be taken for somebody else's: of principals, and of links.

use super::people::gate_link;
use crate::support::{Run, service};
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

#[test]
fn no_link_has_a_name_that_could_be_mistaken() {
    let run = Run::start();
    for name in MISTAKABLE {
        gate_link(&run, name).expect_invalid("query:approver");
    }
}
