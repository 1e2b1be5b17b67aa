//! Runs the targets: seeded, bounded, shrunk. The summary goes past the test harness, which would swallow it.

use mw_fuzz::mutation::mutated;
use mw_fuzz::targets::Target;
use mw_fuzz::{Seen, corpus};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::cell::Cell;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

const CASES: u32 = 2000;
const SEED: u64 = 20_260_101;
/// A case takes microseconds; a busy machine may pause, a quadratic parser shows under `./dev fuzz` (`-timeout`).
const LONGEST: Duration = Duration::from_secs(10);

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
    let result = runner.run(&mutated(corpus::of(target.name)), |case| {
        let started = Instant::now();
        if (target.check)(&case) == Seen::Taken {
            taken.set(taken.get() + 1);
        }
        assert!(started.elapsed() < LONGEST, "{} bytes took {:?}", case.len(), started.elapsed());
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

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect(variable))
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
