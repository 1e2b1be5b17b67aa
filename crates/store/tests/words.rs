//! Rust decides, SQL guards and writes: no word of a status, an end, a verdict or a rule of retry stands in the body of an SQL
//! function. What a function has to say comes to it as data; the schema's CHECKs, indexes and generated columns know the words.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use mw_kernel::Kind;
use mw_kernel::run::{CommonName, JobState, MARKED_FAILED, RUN_STARTED, TERMINATED};
use mw_kernel::status::{End, Verdict};
use mw_media::run::{Media, MediaEventName, SUBMISSION_UNANSWERED};
use mw_store::commit::OutboxState;
use mw_store::effects::{Breaker, Contact};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Words that a function may say all the same: its file (or folder), the word, and why.
const ALLOWED: &[(&str, &str, &str)] = &[
    ("", "due", "a state of the outbox that SQL itself moves, under leases; its partial indexes need the literal"),
    ("", "held", "as above"),
    ("", "dead", "as above"),
    ("runs/runs_guard.sql", "failed", "the word that the runbook's SQL writes: the guard has to know it"),
    ("commit/runs_fence.sql", "closed", "a gate's own state, when it ends with its run"),
    ("principals/", "done", "an answer about a person's record"),
    ("webhooks/", "refused", "an outcome of a delivery, not of a provider's answer"),
    ("retention/", "refused", "as above"),
    ("console/console_webhooks.sql", "refused", "as above"),
    ("channels/update_begin.sql", "refused", "whom a budget is for"),
    ("sweep/sweep_begin.sql", "refused", "an outcome of a delivery"),
    ("commit/runs_commit.sql", "refused", "a member of its answer"),
    ("retention/runs_purge.sql", "open", "an answer: why a run is kept"),
    ("doctor/", "*", "a second account of what must hold, kept apart from the first on purpose; it changes nothing"),
];

#[test]
fn no_word_of_a_rule_stands_in_sql() {
    let words = words();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/functions");
    let (mut faults, mut unused) = (Vec::new(), ALLOWED.to_vec());
    for file in files(&root) {
        let name = file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        for (number, line) in std::fs::read_to_string(&file).unwrap().lines().enumerate() {
            for quoted in quoted(without_comment(line)).into_iter().filter(|quoted| words.contains(quoted)) {
                let fits = |(place, word, _): &(&str, &str, &str)| {
                    name.starts_with(place) && (*word == quoted || *word == "*")
                };
                match ALLOWED.iter().find(|allowed| fits(allowed)) {
                    Some(allowed) => unused.retain(|other| other != allowed),
                    None => faults.push(format!("{name}:{}: '{quoted}'", number + 1)),
                }
            }
        }
    }
    assert!(faults.is_empty(), "words of rules that are Rust's:\n{}", faults.join("\n"));
    assert_eq!(unused, [], "allowed for nothing");
}

#[test]
fn no_persona_of_a_project_stands_in_sql() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut names = BTreeSet::new();
    for file in std::fs::read_dir(root.join("projects")).unwrap().map(|file| file.unwrap().path()) {
        let project: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let steps = project["steps"].as_array().into_iter().flatten();
        names.extend(steps.filter_map(|step| step["persona"].as_str()).map(str::to_owned));
    }
    assert!(names.len() > 3, "{names:?}");
    for file in files(&root.join("migrations/functions")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let found: Vec<&str> = text.lines().flat_map(quoted).filter(|quoted| names.contains(*quoted)).collect();
        assert!(found.is_empty(), "{}: {found:?}", file.display());
    }
}

/// Every word by which Rust decides.
fn words() -> BTreeSet<&'static str> {
    let lists: [&[&str]; 9] = [
        Media::STATUSES,
        End::WORDS,
        Verdict::WORDS,
        CommonName::WORDS,
        MediaEventName::WORDS,
        OutboxState::WORDS,
        Contact::WORDS,
        JobState::WORDS,
        Breaker::WORDS,
    ];
    let outcomes = Verdict::ALL.iter().map(|verdict| verdict.outcome());
    // Of gates, of faults, of errors, and of a clip that cost something.
    let others = [
        "withdrawn",
        "open",
        "unavailable",
        "retryable",
        "final",
        TERMINATED,
        MARKED_FAILED,
        SUBMISSION_UNANSWERED,
        mw_kernel::run::STEP_TIMEOUT,
        RUN_STARTED,
        "generated",
    ];
    let mut words: BTreeSet<&str> = lists.iter().flat_map(|list| list.iter().copied()).collect();
    words.extend(outcomes.chain(others));
    // Nothing was asked of a provider: an ordinary word.
    words.remove("none");
    words
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn without_comment(line: &str) -> &str {
    line.split("--").next().unwrap_or_default()
}

/// What stands between quotes, single or double: the words of SQL and of the JSON in it.
fn quoted(line: &str) -> Vec<&str> {
    let word =
        |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || b"_.".contains(&byte));
    line.split(['\'', '"']).filter(word).collect()
}

#[test]
fn words_are_found_in_strings_of_sql_and_of_json() {
    assert_eq!(
        quoted(r#"IF a = 'failed' OR b @> '[{"type": "run.resumed"}]' THEN"#),
        ["failed", "type", "run.resumed"]
    );
    assert_eq!(without_comment("x -- 'failed'"), "x ");
}
