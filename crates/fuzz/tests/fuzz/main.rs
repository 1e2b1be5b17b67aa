//! Every target over its seeds and a number of mutations of them, and that no parser is without one.
//!
//! `cargo test -p mw-fuzz` is short. A long run, of all targets or of one, with a new seed:
//! `FUZZ_CASES=1000000 FUZZ_SEED=$RANDOM FUZZ_TARGET=kieai_webhook cargo test --release -p mw-fuzz`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod complete;
mod engine;

use mw_fuzz::targets::TARGETS;
use mw_fuzz::{Seen, corpus};

#[test]
fn every_parser_keeps_its_promise() {
    engine::run(TARGETS);
}

/// A target that refuses everything, or nothing, would prove little: each corpus has both, before any mutation.
#[test]
fn every_corpus_has_what_is_taken_and_what_is_refused() {
    for target in TARGETS {
        let seen: Vec<Seen> = corpus::of(target.name).iter().map(|bytes| (target.check)(bytes)).collect();
        assert!(seen.contains(&Seen::Taken), "{}: nothing is taken", target.name);
        assert!(seen.contains(&Seen::Refused), "{}: nothing is refused", target.name);
    }
}

#[test]
fn every_corpus_belongs_to_a_target() {
    for entry in std::fs::read_dir(corpus::folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(TARGETS.iter().any(|target| target.name == name), "corpus/{name} has no target");
    }
}
