//! `mw-stack kb-bench`, with a corpus that is small enough for every day.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use serde_json::Value;
use std::process::Command;

#[test]
fn a_large_corpus_is_searched_in_time() {
    let output = Command::new(env!("CARGO_BIN_EXE_mw-stack"))
        .args(["kb-bench", "--json", "--passages", "3000", "--queries", "50"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let measured: Value = serde_json::from_slice(&output.stdout).unwrap();
    println!("{measured}");
    assert_eq!(measured["searches"], 50);
    assert!(measured["p95_seconds"].as_f64().unwrap() <= 0.5);
}
