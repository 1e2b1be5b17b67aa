//! What one statement reads, by PostgreSQL's own counters of the transaction it runs in, which is then rolled back. The
//! plans themselves are hidden in functions; what they read is not.

use mw_store::native::Client;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// plpgsql plans with the values at hand five times, then perhaps without: both plans are measured.
const CALLS: usize = 8;

/// Tables that stay small however long the product runs.
const BOUNDED: [&str; 11] = [
    "kb_corpus",
    "projects",
    "project_versions",
    "project_budgets",
    "provider_states",
    "drain",
    "leases",
    "schema_migrations",
    "schema_functions",
    "schema_release",
    "metric_totals",
];

/// The most that any call of a statement read.
#[derive(Default)]
pub(crate) struct Reads {
    /// Rows read by scanning a growing table.
    pub(crate) scanned: BTreeMap<String, i64>,
    /// Entries read of each index.
    pub(crate) indexed: BTreeMap<String, i64>,
    /// Indexes that were looked into, whatever was found.
    pub(crate) used: BTreeSet<String>,
    pub(crate) fastest: Option<Duration>,
}

pub(crate) fn measure(db: &mut Client, mut statement: impl FnMut(&mut Client)) -> Reads {
    let mut reads = Reads::default();
    for _ in 0..CALLS {
        db.driver().batch_execute("BEGIN").unwrap();
        let before = counters(db);
        let started = Instant::now();
        statement(db);
        let took = started.elapsed();
        let after = counters(db);
        db.driver().batch_execute("ROLLBACK").unwrap();
        reads.fastest = Some(reads.fastest.map_or(took, |fastest| fastest.min(took)));
        for ((name, kind), (count, scans)) in after {
            let (count_before, scans_before) = before.get(&(name.clone(), kind.clone())).copied().unwrap_or_default();
            let read = count - count_before;
            if kind == "i" && scans > scans_before {
                reads.used.insert(name.clone());
            }
            let most = if kind == "i" { &mut reads.indexed } else { &mut reads.scanned };
            if read > 0 && !BOUNDED.contains(&name.as_str()) {
                let most = most.entry(name).or_default();
                *most = read.max(*most);
            }
        }
    }
    reads
}

/// Tuples returned by scans so far, and how many scans, by (name, kind): of a table the sequential ones, of an index its entries.
fn counters(db: &mut Client) -> BTreeMap<(String, String), (i64, i64)> {
    let sql =
        "SELECT relname::text, relkind::text, pg_stat_get_xact_tuples_returned(oid), pg_stat_get_xact_numscans(oid)
                 FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')";
    let rows = db.driver().query(sql, &[]).unwrap();
    rows.iter().map(|row| ((row.get(0), row.get(1)), (row.get(2), row.get(3)))).collect()
}

/// Indexes that keep no promise, but are there to be read.
pub(crate) fn plain_indexes(db: &mut Client) -> BTreeSet<String> {
    let sql = "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
                WHERE relnamespace = 'public'::regnamespace AND NOT indisunique";
    db.driver().query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}
