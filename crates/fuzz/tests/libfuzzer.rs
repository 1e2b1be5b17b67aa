//! One target under libFuzzer, which `FUZZ_TARGET` names. libFuzzer brings `main` and its options; it is told what ran by
//! counters that `ops/fuzz-rustc` has compiled into our crates. Half of the cases are mutated by libFuzzer, which follows
//! the counters, the others by ours, which know JSON and what breaks parsers.
#![no_main]
#![allow(clippy::expect_used, clippy::indexing_slicing)]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use mw_fuzz::targets::{TARGETS, Target};
use mw_fuzz::{corpus, mutation};
use std::sync::LazyLock;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").expect("FUZZ_TARGET names a target: a folder of crates/fuzz/corpus");
    TARGETS.iter().find(|target| target.name == name).expect("FUZZ_TARGET is a target")
});

static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| corpus::of(TARGET.name));

fuzz_target!(|data: &[u8]| {
    (TARGET.check)(data);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed % 2 == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let spoilt = mutation::spoilt(&data[..size], &SEEDS, seed);
    let kept = spoilt.len().min(max_size);
    data[..kept].copy_from_slice(&spoilt[..kept]);
    kept
});
