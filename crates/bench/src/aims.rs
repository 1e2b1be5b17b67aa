//! The aims (DESIGN, section 5) that this program measures, and which of them a host meets.

use std::collections::BTreeMap;

/// What an aim is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Measure {
    WebhooksOfFloor,
    WebhooksP50,
    WebhooksP99,
    /// What the floor did of the rate at which the two above are measured.
    FloorPaced,
    WireP50,
    WireP99,
    Transitions,
    SweepSeconds,
    StartP95,
    ChatP95,
    ModelChatP95,
    IdleStatements,
    IdleProcessor,
    LargestComponent,
    Application,
    BackendsAtRest,
    BackendsMost,
    Unavailable,
}

/// The least or the most that a figure may be.
#[derive(Debug, Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
    Below(f64),
}

struct Aim {
    measure: Measure,
    what: &'static str,
    bound: Bound,
    unit: &'static str,
    digits: usize,
}

const fn aim(measure: Measure, what: &'static str, bound: Bound, unit: &'static str, digits: usize) -> Aim {
    Aim { measure, what, bound, unit, digits }
}

const AIMS: [Aim; 17] = [
    aim(Measure::WebhooksOfFloor, "webhooks a second, of the floor", Bound::AtLeast(90.0), " %", 0),
    aim(Measure::WebhooksP50, "webhook at 1,000/s, p50", Bound::Below(2.0), " ms", 1),
    aim(Measure::WebhooksP99, "webhook at 1,000/s, p99", Bound::Below(25.0), " ms", 1),
    aim(Measure::WireP50, "approval → the provider's wire, p50", Bound::Below(5.0), " ms", 1),
    aim(Measure::WireP99, "approval → the provider's wire, p99", Bound::Below(20.0), " ms", 1),
    aim(Measure::Transitions, "transitions a second, whole runs of 2 clips", Bound::AtLeast(3000.0), "", 0),
    aim(Measure::SweepSeconds, "10,000 overdue runs, until all have ended", Bound::Below(2.0), " s", 1),
    aim(Measure::StartP95, "run start, p95", Bound::Below(20.0), " ms", 1),
    aim(Measure::ChatP95, "chat turn by rules, p95", Bound::Below(20.0), " ms", 1),
    aim(Measure::ModelChatP95, "chat turn beside a model, p95 of our part", Bound::Below(20.0), " ms", 1),
    aim(Measure::IdleStatements, "idle, statements a second", Bound::Below(1.0), "", 2),
    aim(Measure::IdleProcessor, "idle, of a core", Bound::Below(1.0), " %", 2),
    aim(Measure::LargestComponent, "the largest component", Bound::Below(1.5), " MB", 2),
    aim(Measure::Application, "all components", Bound::Below(40.0), " MiB", 1),
    aim(Measure::BackendsAtRest, "backends of PostgreSQL at rest", Bound::AtMost(30.0), "", 0),
    aim(Measure::BackendsMost, "backends under 200 requests at once", Bound::AtMost(64.0), "", 0),
    aim(Measure::Unavailable, "503 under 200 requests at once", Bound::AtMost(0.0), "", 0),
];

impl Bound {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bound) => value >= bound,
            Self::AtMost(bound) => value <= bound,
            Self::Below(bound) => value < bound,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(bound) => format!("≥ {bound}"),
            Self::AtMost(bound) => format!("≤ {bound}"),
            Self::Below(bound) => format!("< {bound}"),
        }
    }
}

/// Whether the floor itself does nearly as many as are offered; else the host has no room for the aims at that rate.
fn has_room(measures: &BTreeMap<Measure, f64>) -> bool {
    measures.get(&Measure::FloorPaced).is_none_or(|rate| *rate >= 990.0)
}

fn verdict(aim: &Aim, value: f64, measures: &BTreeMap<Measure, f64>) -> &'static str {
    match aim.measure {
        _ if aim.bound.is_met(value) => "yes",
        Measure::WebhooksP50 | Measure::WebhooksP99 if !has_room(measures) => "**no**; nor does the floor keep up",
        _ => "**no**",
    }
}

/// The lines of the table, those that are not met first.
pub(crate) fn table(host: &str, measures: &BTreeMap<Measure, f64>) -> Vec<String> {
    let mut lines = vec![
        format!("\n**Aims, on {host}**\n"),
        "| measure | aim | is | met |".to_owned(),
        "|---|---|---|---|".to_owned(),
    ];
    let measured = AIMS.iter().filter_map(|aim| Some((aim, *measures.get(&aim.measure)?)));
    let (met, missed): (Vec<_>, Vec<_>) = measured.partition(|(aim, value)| aim.bound.is_met(*value));
    lines.extend(missed.into_iter().chain(met).map(|(aim, value)| {
        let Aim { what, unit, digits, .. } = aim;
        format!("| {what} | {}{unit} | {value:.digits$}{unit} | {} |", aim.bound.text(), verdict(aim, value, measures))
    }));
    lines
}

/// A few of them for who looks at the front page.
pub(crate) fn summary(host: &str, measures: &BTreeMap<Measure, f64>) -> Vec<String> {
    const SHOWN: [Measure; 6] = [
        Measure::WebhooksOfFloor,
        Measure::WireP50,
        Measure::Transitions,
        Measure::StartP95,
        Measure::ChatP95,
        Measure::LargestComponent,
    ];
    let mut lines = vec![format!("| What | On {host} |"), "|---|---|".to_owned()];
    let shown = AIMS.iter().filter(|aim| SHOWN.contains(&aim.measure));
    lines.extend(shown.filter_map(|Aim { measure, what, unit, digits, .. }| {
        measures.get(measure).map(|value| format!("| {what} | {value:.digits$}{unit} |"))
    }));
    lines
}

/// Aims that a whole measurement left without a figure; the sweep needs a history.
pub(crate) fn without_a_figure(measures: &BTreeMap<Measure, f64>, has_history: bool) -> Vec<&'static str> {
    let is_asked = |aim: &&Aim| has_history || aim.measure != Measure::SweepSeconds;
    AIMS.iter().filter(is_asked).filter(|aim| !measures.contains_key(&aim.measure)).map(|aim| aim.what).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_met_stands_first() {
        let measures = BTreeMap::from([(Measure::WebhooksOfFloor, 92.4), (Measure::WireP50, 8.8)]);
        let table = table("Spin 4.1", &measures);
        assert_eq!(table[3], "| approval → the provider's wire, p50 | < 5 ms | 8.8 ms | **no** |");
        assert_eq!(table[4], "| webhooks a second, of the floor | ≥ 90 % | 92 % | yes |");
        assert_eq!(table.len(), 5);
        assert_eq!(without_a_figure(&measures, false).len(), AIMS.len() - 3);
    }

    #[test]
    fn a_host_without_room_for_the_rate_is_told() {
        let measures = BTreeMap::from([(Measure::WebhooksP50, 90.0), (Measure::FloorPaced, 700.0)]);
        assert!(table("x", &measures)[3].ends_with("| **no**; nor does the floor keep up |"));
    }

    #[test]
    fn the_front_page_names_the_host() {
        let lines = summary("Spin 4.1", &BTreeMap::from([(Measure::StartP95, 9.04)]));
        assert_eq!(lines, ["| What | On Spin 4.1 |", "|---|---|", "| run start, p95 | 9.0 ms |"]);
    }
}
