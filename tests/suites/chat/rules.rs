//! The conversations of tests/conversations with the whole product. crates/media reads the same ones with the planner alone, which
//! also holds them to what is asked back, skipped and added.

use super::{response, say};
use crate::support::unique;
use serde_json::Value;
use std::path::Path;

fn conversations() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conversations");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let read = |file| -> Vec<Value> { serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap() };
    files.flat_map(read).collect()
}

/// What is wrong with an answer.
fn faults(turn: &Value, answer: &Value, runs: usize) -> Vec<String> {
    let mut faults = Vec::new();
    let said = response(answer);
    let started = answer["run_ids"].as_array().unwrap().len() > runs;
    if started != (turn["then"] == "start") {
        faults.push(format!("expected {}", turn["then"]));
    }
    let texts = ["hears", "remarks"].into_iter().filter_map(|name| turn[name].as_array()).flatten();
    for text in texts.filter(|text| !said.contains(text.as_str().unwrap())) {
        faults.push(format!("{text} is not said"));
    }
    let cited = answer["citations"].as_array().is_some_and(|citations| !citations.is_empty());
    if turn["cites"].as_bool().is_some_and(|expected| expected != cited) {
        faults.push("cited otherwise".to_owned());
    }
    if turn["no_link"] == true && said.contains("/v1/hitl/approve/") {
        faults.push("a link that was given is given again".to_owned());
    }
    faults
}

#[test]
fn every_conversation_goes_as_people_expect() {
    let conversations = conversations();
    // Those of another project are for the planner alone: the suites have the shipped projects.
    let ours: Vec<&Value> = conversations.iter().filter(|conversation| conversation["project"].is_null()).collect();
    assert!(ours.len() >= 100, "only {} conversations", ours.len());
    let mut wrong = Vec::new();
    for conversation in ours {
        let (user, mut runs) = (unique("talk"), 0);
        for turn in conversation["turns"].as_array().unwrap() {
            let answer = say(&user, turn["says"].as_str().unwrap());
            for fault in faults(turn, &answer, runs) {
                wrong.push(format!("{}: {}: {fault}: {}", conversation["name"], turn["says"], response(&answer)));
            }
            runs = answer["run_ids"].as_array().unwrap().len();
        }
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn articles_are_right_and_nothing_is_said_twice() {
    let said = say(&unique("user"), "make an AISMR video about candles with 12 clips with 12 clips");
    let text = response(&said);
    assert!(text.contains("I have prepared an AISMR run about candles, with 12 clips and 3 approvals: "), "{text}");
    assert_eq!(text.matches("with 12 clips").count(), 1, "{text}");
}
