//! Takes the guards of the SQL functions away, one by one, and sees whether the tests notice. A guard that nobody misses is
//! either missing a test or no guard.
//!
//! ```sh
//! mw-stack db --fast -- cargo run -p mw-fuzz --bin mw-mutants -- --sample 20 --seed 7     # some
//! mw-stack db --fast -- cargo run -p mw-fuzz --bin mw-mutants                             # all, for hours
//! mw-stack db --fast -- cargo run -p mw-fuzz --bin mw-mutants -- effects_settle           # one function's
//! ```
//!
//! A mutant is put into a copy of the database, and the tests of its function's domain run there until one fails.
//! `survivors.txt` has the mutants that are known to survive, each with the reason.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod database;
mod guards;
mod tests;

use database::Server;
use guards::Mutant;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;
use tests::{Programs, Verdict};

/// At once: each is a test program with a database, and the machine is small.
const WORKERS: usize = 2;
/// Domains whose functions are read by pages and gauges only; the black-box suites are their tests.
const READ_BY_PAGES: [&str; 3] = ["console", "health", "metrics"];

/// What is asked for.
struct Options {
    sample: usize,
    seed: u64,
    functions: Vec<String>,
    only_list: bool,
}

/// A mutant and the domain of its function.
struct Subject {
    domain: String,
    mutant: Mutant,
}

fn main() {
    let options = options();
    let accepted = accepted();
    let mut subjects = subjects(&options);
    let known: Vec<&str> = subjects.iter().map(|subject| subject.mutant.name.as_str()).collect();
    let stale: Vec<&String> = accepted.keys().filter(|name| !known.contains(&name.as_str())).collect();
    if options.functions.is_empty() && !stale.is_empty() {
        fail(&format!("survivors.txt names mutants that are no more: {stale:?}"));
    }
    let all = subjects.len();
    shuffle(&mut subjects, options.seed);
    // A sample stays the same while some of it is accepted.
    subjects.truncate(options.sample);
    subjects.retain(|subject| !accepted.contains_key(&subject.mutant.name));
    if options.only_list {
        subjects.iter().for_each(|subject| println!("{}", subject.mutant.name));
        return println!("{all} mutants, {} of them accepted as survivors", accepted.len());
    }
    let ran = subjects.len();
    let survivors = run(subjects);
    println!("{ran} of {all} mutants ran, seed {}; {} are accepted as survivors", options.seed, accepted.len());
    if !survivors.is_empty() {
        fail(&format!("nobody noticed these:\n{}", survivors.join("\n")));
    }
}

fn fail(message: &str) -> ! {
    eprintln!("mw-mutants: {message}");
    std::process::exit(1)
}

fn options() -> Options {
    let mut options = Options { sample: usize::MAX, seed: 1, functions: Vec::new(), only_list: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|text| text.parse::<u64>().ok()).expect("a number");
        match word.as_str() {
            "--sample" => options.sample = usize::try_from(number()).expect("a number"),
            "--seed" => options.seed = number(),
            "--list" => options.only_list = true,
            _ => options.functions.push(word),
        }
    }
    options
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `name of the mutant | reason` on each line.
fn accepted() -> BTreeMap<String, String> {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("survivors.txt")).expect("survivors.txt");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pair = |line: &str| line.rsplit_once(" | ").map(|(name, reason)| (name.to_owned(), reason.to_owned()));
    lines.map(|line| pair(line).unwrap_or_else(|| fail(&format!("survivors.txt: no reason: {line}")))).collect()
}

fn subjects(options: &Options) -> Vec<Subject> {
    let mut found = Vec::new();
    for domain in std::fs::read_dir(root().join("migrations/functions")).expect("migrations/functions") {
        let domain = domain.unwrap().path();
        let name = domain.file_name().unwrap().to_string_lossy().into_owned();
        if READ_BY_PAGES.contains(&name.as_str()) && options.functions.is_empty() {
            continue;
        }
        for file in std::fs::read_dir(&domain).unwrap() {
            let file = file.unwrap().path();
            let function = file.file_stem().unwrap().to_string_lossy().into_owned();
            if options.functions.is_empty() || options.functions.contains(&function) {
                let text = std::fs::read_to_string(&file).unwrap();
                let mutants = guards::mutants(&function, &text).into_iter();
                found.extend(mutants.map(|mutant| Subject { domain: name.clone(), mutant }));
            }
        }
    }
    found.sort_by(|one, other| one.mutant.name.cmp(&other.mutant.name));
    found
}

/// The same order for the same seed.
fn shuffle(subjects: &mut [Subject], seed: u64) {
    let rank = |subject: &Subject| {
        let start = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xcbf2_9ce4_8422_2325;
        let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        subject.mutant.name.bytes().fold(start, mix).rotate_left(17)
    };
    subjects.sort_by_key(rank);
}

/// Runs the mutants; names those that nobody noticed.
fn run(subjects: Vec<Subject>) -> Vec<String> {
    let programs = Programs::build(&root());
    let server = Server::of_environment();
    let left = Mutex::new(subjects.into_iter());
    let survivors = Mutex::new(Vec::new());
    let work = || {
        loop {
            let Some(subject) = left.lock().unwrap().next() else { return };
            let started = Instant::now();
            let verdict = judge(&subject, &server, &programs);
            println!("{:5.1} s {verdict} {}", started.elapsed().as_secs_f64(), subject.mutant.name);
            if verdict == Verdict::Unnoticed {
                survivors.lock().unwrap().push(subject.mutant.name);
            }
        }
    };
    std::thread::scope(|scope| (0..WORKERS).for_each(|_| drop(scope.spawn(work))));
    survivors.into_inner().unwrap()
}

fn judge(subject: &Subject, server: &Server, programs: &Programs) -> Verdict {
    let copy = server.copy();
    if let Err(reason) = copy.apply(&subject.mutant.text) {
        return Verdict::Impossible(reason);
    }
    programs.judge(&subject.domain, copy.url(), &subject.mutant.text)
}
