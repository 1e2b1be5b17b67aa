//! `mw-stack kb-bench`, with corpora that are small enough for every day.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use serde_json::Value;
use std::process::Command;

fn measured(script: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_mw-stack"))
        .args(["kb-bench", "--json", "--passages", "3000", "--queries", "50", "--script", script])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let measured = serde_json::from_slice(&output.stdout).unwrap();
    println!("{script}: {measured}");
    measured
}

#[test]
fn a_large_corpus_is_searched_in_time() {
    let measured = measured("spaced");
    assert_eq!(measured["searches"], 50);
    assert!(measured["p95_seconds"].as_f64().unwrap() <= 0.5);
}

#[test]
fn scripts_without_spaces_are_searched_in_time() {
    let measured = measured("unspaced");
    assert!(measured["p95_seconds"].as_f64().unwrap() <= 0.5);
    let share = measured["index_bytes"].as_f64().unwrap() / measured["text_bytes"].as_f64().unwrap();
    // Seven times, where 5,000 passages were measured: each two letters are an entry, and few pairs are common in this corpus.
    assert!(share < 10.0, "the index is {share} times as large as the texts");
}
