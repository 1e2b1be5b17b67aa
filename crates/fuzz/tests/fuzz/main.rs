//! Fuzz targets: every parser of bytes that strangers send, each with the promise that it keeps for any bytes.
//!
//! * [`TARGETS`] is the table; a target is a plain function over bytes that panics where its promise is broken.
//! * `corpus/<target>/` holds real messages, whole HTTP messages where headers count (`message`); `mutation` spoils
//!   them from a seed, `engine` runs, shrinks and reports.
//!
//! `cargo test -p mw-fuzz` is short. A long run, of all targets or of one, with a new seed:
//! `FUZZ_CASES=1000000 FUZZ_SEED=$RANDOM FUZZ_TARGET=kieai_webhook cargo test --release -p mw-fuzz`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod engine;
mod message;
mod mutation;
mod provider_answers;
mod requests;
mod rules;
mod webhooks;

use engine::{Seen, Target};

const TARGETS: &[Target] = &[
    Target { name: "kieai_webhook", check: webhooks::kieai },
    Target { name: "shotstack_webhook", check: webhooks::shotstack },
    Target { name: "upload_post_webhook", check: webhooks::upload_post },
    Target { name: "kieai_answer", check: provider_answers::kieai },
    Target { name: "shotstack_answer", check: provider_answers::shotstack },
    Target { name: "upload_post_answer", check: provider_answers::upload_post },
    Target { name: "llm_answer", check: provider_answers::llm },
    Target { name: "retry_after", check: provider_answers::retry_after },
    Target { name: "run_start_body", check: requests::run_start },
    Target { name: "chat_body", check: requests::chat },
    Target { name: "artifact_body", check: requests::artifact },
    Target { name: "verdict_body", check: requests::verdict },
    Target { name: "target_and_headers", check: requests::target_and_headers },
    Target { name: "cursor", check: requests::cursor },
    Target { name: "gate_token", check: rules::gate_token },
    Target { name: "project_definition", check: rules::project_definition },
];

#[test]
fn every_parser_of_outside_bytes_keeps_its_promise() {
    engine::run(TARGETS);
}

/// A target that refuses everything, or nothing, would prove little: each corpus has both, before any mutation.
#[test]
fn every_corpus_has_what_is_taken_and_what_is_refused() {
    for target in TARGETS {
        let seen: Vec<Seen> = engine::corpus(target.name).iter().map(|bytes| (target.check)(bytes)).collect();
        assert!(seen.contains(&Seen::Taken), "{}: nothing is taken", target.name);
        assert!(seen.contains(&Seen::Refused), "{}: nothing is refused", target.name);
    }
}

#[test]
fn every_corpus_belongs_to_a_target() {
    for entry in std::fs::read_dir(engine::corpus_folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(TARGETS.iter().any(|target| target.name == name), "corpus/{name} has no target");
    }
}
