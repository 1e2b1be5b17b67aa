//! What instances cost: the time of one that needs no database, memory, and the sizes of the components.

use crate::aims::Measure;
use crate::fixture::Fixture;
use crate::load::Pace;
use crate::report::{Report, Row};
use anyhow::{Context, Result};
use mw_stack::process::Process;
use std::time::Duration;

const INSTANCES: u32 = 64;

pub(super) fn measure(fixture: &Fixture, during: Duration, report: &mut Report) -> Result<()> {
    report.section("Instances");
    let ping = |_| http::Request::get("/docs").body(Default::default()).unwrap_or_default();
    let measured = fixture.load(1, Pace::Closed, during, ping)?;
    report.add(Row::of("a fresh instance that answers 401 without the database", "1 connection", &measured, 401));
    if let Some(stack) = &fixture.stack {
        let resident = || stack.serving().flat_map(Process::members).map(resident_kib).sum::<u64>();
        let before = resident();
        let parts = fixture.request("GET", "/v1/runs?limit=50", String::new()).into_parts().0;
        let make = move |_| http::Request::from_parts(parts.clone(), Default::default());
        fixture.load(INSTANCES as usize, Pace::Closed, during, make)?;
        let after = resident();
        let each = after.saturating_sub(before) / u64::from(INSTANCES);
        let note = format!(
            "{} MiB before, {} MiB after {INSTANCES} instances at once: about {each} KiB each",
            before >> 10,
            after >> 10
        );
        report.add(Row::said("memory of the host", note));
        let sizes = sizes(report)?;
        report.add(Row::said("components", sizes));
    }
    Ok(())
}

fn sizes(report: &mut Report) -> Result<String> {
    let root = mw::folder::root()?;
    let manifest: toml::Table = std::fs::read_to_string(root.join("spin.toml"))?.parse()?;
    let components = manifest.get("component").and_then(|table| table.as_table()).context("no components")?;
    let mut sizes = Vec::new();
    for (name, component) in components {
        let source =
            component.get("source").and_then(|source| source.as_str()).context("a component without source")?;
        sizes.push((std::fs::metadata(root.join(source))?.len(), name.as_str()));
    }
    sizes.sort_unstable();
    let total: u64 = sizes.iter().map(|(bytes, _)| bytes).sum();
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let (smallest, largest) = (sizes.first().context("none")?, sizes.last().context("none")?);
    report.measure(Measure::LargestComponent, Some(megabytes(largest.0)));
    report.measure(Measure::Application, Some(total as f64 / f64::from(1 << 20)));
    Ok(format!(
        "{} of {:.2} MB together: {} {:.2} MB to {} {:.2} MB",
        sizes.len(),
        megabytes(total),
        smallest.1,
        megabytes(smallest.0),
        largest.1,
        megabytes(largest.0)
    ))
}

fn resident_kib(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

/// Seconds of processor time that a process has used.
pub(super) fn cpu_seconds(id: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect::<Vec<_>>()).unwrap_or_default();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
    // proc(5): utime and stime, in hundredths.
    (ticks(11) + ticks(12)) / 100.0
}
