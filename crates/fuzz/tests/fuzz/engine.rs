//! Runs the targets: seeded, bounded, shrunk. The summary goes past the test harness, which would swallow it.

use crate::mutation::mutated;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use serde_json::Value;
use std::cell::Cell;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A parser under fuzz.
pub(crate) struct Target {
    /// Also the folder of its corpus.
    pub(crate) name: &'static str,
    /// Panics where the promise is broken.
    pub(crate) check: fn(&[u8]) -> Seen,
}

/// What the parser made of the bytes; either is fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    Taken,
    Refused,
}

impl From<bool> for Seen {
    fn from(taken: bool) -> Seen {
        if taken { Seen::Taken } else { Seen::Refused }
    }
}

const CASES: u32 = 2000;
const SEED: u64 = 20_260_101;

pub(crate) fn run(targets: &[Target]) {
    let (cases, seed) = (number("FUZZ_CASES", u64::from(CASES)), number("FUZZ_SEED", SEED));
    let only = std::env::var("FUZZ_TARGET").ok();
    let chosen = targets.iter().filter(|target| only.as_deref().is_none_or(|name| name == target.name));
    // A panic is a finding and is reported once, shrunk.
    std::panic::set_hook(Box::new(|_| {}));
    let findings: Vec<String> =
        chosen.filter_map(|target| fuzz(target, u32::try_from(cases).expect("FUZZ_CASES"), seed).err()).collect();
    drop(std::panic::take_hook());
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

fn fuzz(target: &Target, cases: u32, seed: u64) -> Result<(), String> {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 10_000, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let taken = Cell::new(0_u32);
    let result = runner.run(&mutated(corpus(target.name)), |case| {
        if (target.check)(&case) == Seen::Taken {
            taken.set(taken.get() + 1);
        }
        Ok::<_, TestCaseError>(())
    });
    match result {
        Ok(()) => {
            say(&format!("fuzz {:22} {cases} cases, {} taken, seed {seed}", target.name, taken.get()));
            Ok(())
        }
        Err(TestError::Abort(reason)) => Err(format!("{}: {reason}", target.name)),
        Err(TestError::Fail(reason, case)) => Err(finding(target, seed, &reason.to_string(), &case)),
    }
}

/// The shortest case found is kept as a file that may be moved into the corpus.
fn finding(target: &Target, seed: u64, reason: &str, case: &[u8]) -> String {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{seed}", target.name));
    std::fs::write(&file, case).unwrap();
    let text = String::from_utf8_lossy(case);
    format!("{}: {reason}\nseed {seed}, kept in {}:\n{text:?}", target.name, file.display())
}

pub(crate) fn corpus_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The messages of a target, in the order of their names, so that a seed always means the same.
pub(crate) fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = corpus_folder().join(target);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).expect(target).map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// PostgreSQL stores every character but U+0000: a fact that holds one could never be committed.
pub(crate) fn storable(fact: &Value) {
    let clean = match fact {
        Value::String(text) => !text.contains('\0'),
        Value::Array(items) => {
            items.iter().for_each(storable);
            true
        }
        Value::Object(members) => {
            members.values().for_each(storable);
            members.keys().all(|name| !name.contains('\0'))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    };
    assert!(clean, "U+0000 in {fact}");
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect(variable))
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
