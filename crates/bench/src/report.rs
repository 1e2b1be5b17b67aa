//! The tables, printed row by row as they are measured, under the name of the host that they are of; and the machine that they were
//! measured on.

use crate::aims::{self, Measure};
use crate::load::Measured;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) struct Report {
    /// As tables name it, like `Spin 4.1`.
    host: String,
    /// Everything that was printed.
    text: String,
    section: String,
    rows: Vec<Value>,
    measures: BTreeMap<Measure, f64>,
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
    pub(crate) fn begin(host: &str, about: &[String]) -> Report {
        let mut report = Report {
            host: host.to_owned(),
            text: String::new(),
            section: String::new(),
            rows: Vec::new(),
            measures: BTreeMap::new(),
        };
        about.iter().for_each(|line| report.line(line));
        report
    }

    pub(crate) fn line(&mut self, line: &str) {
        println!("{line}");
        self.text.push_str(line);
        self.text.push('\n');
    }

    pub(crate) fn section(&mut self, title: &str) {
        title.clone_into(&mut self.section);
        let heading = format!("\n**{title}, on {}**\n", self.host);
        self.line(&heading);
        self.line("| what | load | a second | p50 ms | p95 ms | p99 ms | |");
        self.line("|---|---|---|---|---|---|---|");
    }

    pub(crate) fn add(&mut self, row: Row) {
        let number =
            |value: Option<f64>, digits: usize| value.map_or("–".to_owned(), |value| format!("{value:.digits$}"));
        let Row { what, load, rate, p50, p95, p99, note } = row;
        let digits = if rate.is_some_and(|rate| rate < 100.0) { 1 } else { 0 };
        let line = format!(
            "| {what} | {load} | {} | {} | {} | {} | {note} |",
            number(rate, digits),
            number(p50, 2),
            number(p95, 2),
            number(p99, 2)
        );
        self.line(&line);
        self.rows.push(json!({"section": self.section, "what": what, "load": load, "rate": rate, "p50_ms": p50,
                              "p95_ms": p95, "p99_ms": p99, "note": note}));
    }

    /// A figure for which there is an aim.
    pub(crate) fn measure(&mut self, measure: Measure, value: Option<f64>) {
        self.measures.extend(value.map(|value| (measure, value)));
    }

    /// The table of the aims.
    pub(crate) fn aims(&mut self) {
        for line in aims::table(&self.host, &self.measures) {
            self.line(&line);
        }
    }

    pub(crate) fn measures(&self) -> &BTreeMap<Measure, f64> {
        &self.measures
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn json(&self) -> Value {
        json!({"host": self.host, "rows": self.rows})
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
            "MyloWare {} on {host}, with PostgreSQL {version} and the load on the same machine; fsync {}, synchronous_commit {}.",
            env!("CARGO_PKG_VERSION"),
            setting(database, "fsync"),
            setting(database, "synchronous_commit")
        ),
        format!(
            "{cores} cores ({}), {} GiB; load average {} before.",
            model.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            memory.unwrap_or_default() >> 20,
            file("/proc/loadavg").split(' ').next().unwrap_or_default()
        ),
    ]
}
