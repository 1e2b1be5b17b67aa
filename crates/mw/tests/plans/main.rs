//! With a million finished runs behind it, no statement of the store scans a table that grows, none reads more of an
//! index than its answer needs, and no index is written for nobody. One test: the history is made once. Prints what each statement reads and takes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod history;
mod measure;
mod statements;

use history::History;
use measure::Reads;
use std::io::Write;
use std::time::Instant;

/// A scan of this many rows of a growing table is a table that is still small.
const SCANNED_MAX: i64 = 50;

/// For people's own queries, as the original has it; and for notices to groups, which no measured run has.
const READ_OTHERWISE: [&str; 2] = ["artifacts_by_persona", "principals_by_group"];

#[test]
fn no_statement_reads_the_history() {
    let started = Instant::now();
    let mut history = History::make();
    say(&format!("plans: a history of 1,000,000 runs, made in {:.1} s", started.elapsed().as_secs_f64()));
    let mut unread = measure::plain_indexes(&mut history.db);
    unread.retain(|index| !READ_OTHERWISE.contains(&index.as_str()));
    let mut faults: Vec<String> = statements::all()
        .into_iter()
        .filter_map(|(name, entries_max, mut call)| {
            let run = history.run.clone();
            let reads = measure::measure(&mut history.db, |db| call(db, &run));
            say(&line(name, &reads));
            unread.retain(|index| !reads.used.contains(index));
            fault(name, entries_max, &reads)
        })
        .collect();
    faults.extend(unread.into_iter().map(|index| format!("{index} is written and read by nothing")));
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn every_statement_of_the_store_is_measured() {
    let measured: String = sources(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plans/statements")).collect();
    for text in sources(concat!(env!("CARGO_MANIFEST_DIR"), "/../store/src")) {
        for call in text.split("(db, \"").skip(1) {
            let function = call.split('"').next().unwrap();
            assert!(measured.contains(&format!("\"{function}")), "{function} is not among the measured statements");
        }
    }
}

/// The texts of the files of a folder.
fn sources(folder: &str) -> impl Iterator<Item = String> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_file()).map(|path| std::fs::read_to_string(path).unwrap())
}

fn fault(name: &str, entries_max: i64, reads: &Reads) -> Option<String> {
    let rows_max = if entries_max >= statements::OPEN { entries_max } else { SCANNED_MAX };
    let scanned = reads.scanned.iter().filter(|(_, rows)| **rows > rows_max);
    let scanned = scanned.map(|(table, rows)| format!("scans {rows} rows of {table}"));
    let indexed = reads.indexed.iter().filter(|(_, entries)| **entries > entries_max);
    let indexed =
        indexed.map(|(index, entries)| format!("reads {entries} entries of {index}, {entries_max} are enough"));
    let faults: Vec<String> = scanned.chain(indexed).collect();
    (!faults.is_empty()).then(|| format!("{name} {}", faults.join("; ")))
}

fn line(name: &str, reads: &Reads) -> String {
    let took = reads.fastest.unwrap_or_default().as_secs_f64() * 1000.0;
    let scanned: i64 = reads.scanned.values().sum();
    let entries: i64 = reads.indexed.values().sum();
    format!("plans: {name:44} {took:7.2} ms, {scanned:2} rows scanned, {entries:5} index entries")
}

/// Past the test harness, which keeps what a passing test prints.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
