//! The table, printed row by row as it is measured, and the machine that it was measured on.

use crate::load::Measured;
use serde_json::{Value, json};

pub(crate) struct Report {
    rows: Vec<Value>,
}

/// A line of the table. What was not measured is a dash.
#[derive(Default)]
pub(crate) struct Row {
    pub(crate) what: String,
    /// How the load came, as `8 connections` or `1,000/s`.
    pub(crate) load: String,
    pub(crate) rate: Option<f64>,
    pub(crate) p50: Option<f64>,
    pub(crate) p95: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) note: String,
}

impl Row {
    pub(crate) fn of(what: &str, load: &str, measured: &Measured, expected: u16) -> Row {
        Row {
            what: what.to_owned(),
            load: load.to_owned(),
            rate: Some(measured.rate()),
            p50: Some(measured.milliseconds(50)),
            p95: Some(measured.milliseconds(95)),
            p99: Some(measured.milliseconds(99)),
            note: measured.others(expected).unwrap_or_default(),
        }
    }

    /// A figure that is no load, in words.
    pub(crate) fn said(what: &str, note: String) -> Row {
        Row { what: what.to_owned(), note, ..Row::default() }
    }

    pub(crate) fn noting(mut self, note: String) -> Row {
        let parts = [std::mem::take(&mut self.note), note];
        self.note = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
        self
    }
}

impl Report {
    pub(crate) fn begin(about: &[String]) -> Report {
        about.iter().for_each(|line| println!("{line}"));
        Report { rows: Vec::new() }
    }

    pub(crate) fn section(&self, title: &str) {
        println!(
            "\n**{title}**\n\n| what | load | a second | p50 ms | p95 ms | p99 ms | |\n|---|---|---|---|---|---|---|"
        );
    }

    pub(crate) fn add(&mut self, row: Row) {
        let number =
            |value: Option<f64>, digits: usize| value.map_or("–".to_owned(), |value| format!("{value:.digits$}"));
        let Row { what, load, rate, p50, p95, p99, note } = row;
        let digits = if rate.is_some_and(|rate| rate < 100.0) { 1 } else { 0 };
        println!(
            "| {what} | {load} | {} | {} | {} | {} | {note} |",
            number(rate, digits),
            number(p50, 2),
            number(p95, 2),
            number(p99, 2)
        );
        self.rows.push(json!({"what": what, "load": load, "rate": rate, "p50_ms": p50, "p95_ms": p95, "p99_ms": p99,
                              "note": note}));
    }

    pub(crate) fn json(&self) -> Value {
        Value::from(self.rows.clone())
    }
}

/// The machine and what runs on it.
pub(crate) fn about(host: &str, database: &mut postgres::Client) -> Vec<String> {
    let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = file("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map(|(_, model)| model.to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = file("/proc/meminfo")
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse::<u64>().ok());
    let version = database.query_one("SHOW server_version", &[]).map_or_else(|_| String::new(), |row| row.get(0));
    let setting = |database: &mut postgres::Client, name: &str| -> String {
        database.query_one(&format!("SHOW {name}"), &[]).map_or_else(|_| String::new(), |row| row.get(0))
    };
    vec![
        format!(
            "{cores} cores ({}), {} GiB; load average {}",
            model.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            memory.unwrap_or_default() >> 20,
            file("/proc/loadavg").split(' ').next().unwrap_or_default()
        ),
        format!(
            "MyloWare {} on {host}, PostgreSQL {version} on the same machine, fsync {}, synchronous_commit {}",
            env!("CARGO_PKG_VERSION"),
            setting(database, "fsync"),
            setting(database, "synchronous_commit")
        ),
    ]
}
