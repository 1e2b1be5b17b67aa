//! The two text formats of metrics: Prometheus 0.0.4 and OpenMetrics 1.0. They differ in the names of counters' families, in
//! the order of the comments and in the end.

use mw_integrations::metrics::families;
use mw_media::metrics::{Family, Kind, REQUEST_SECONDS};
use mw_store::metrics::{Histogram, Metrics, Sample};
use std::collections::BTreeMap;
use std::fmt::Write;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Prometheus,
    OpenMetrics,
}

impl Format {
    /// OpenMetrics only for an Accept header that prefers it.
    pub(crate) fn asked(accept: &str) -> Format {
        let mut best = (0.0, Format::Prometheus);
        for wish in accept.split(',') {
            let mut parameters = wish.split(';').map(str::trim);
            let format = match parameters.next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "application/openmetrics-text" => Format::OpenMetrics,
                "text/plain" | "text/*" | "*/*" => Format::Prometheus,
                _ => continue,
            };
            let mut weight = 1.0;
            let mut spoken = true;
            for parameter in parameters {
                match parameter.split_once('=').map(|(name, value)| (name.trim(), value.trim().trim_matches('"'))) {
                    Some(("q", value)) => weight = value.parse::<f32>().unwrap_or(0.0),
                    Some(("version", value)) if format == Format::OpenMetrics => {
                        spoken = matches!(value, "1.0.0" | "0.0.1")
                    }
                    _ => {}
                }
            }
            if spoken && weight > best.0 {
                best = (weight, format);
            }
        }
        best.1
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The lines of each family without its name: `{labels} value` behind a suffix.
pub(crate) struct Exposition {
    /// By name.
    families: Vec<Family>,
    lines: BTreeMap<&'static str, Vec<String>>,
}

impl Exposition {
    pub(crate) fn of(metrics: Metrics, version: &str) -> Exposition {
        let mut exposition = Exposition { families: families(), lines: BTreeMap::new() };
        exposition.adapter_calls(&metrics.totals);
        for sample in metrics.totals.iter().chain(&metrics.gauges) {
            exposition.sample(&sample.name, &sample.labels, sample.value);
        }
        for histogram in &metrics.histograms {
            exposition.histogram(histogram);
        }
        exposition.sample("myloware_build_info", &format!("version=\"{}\"", escaped(version)), 1.0);
        exposition
    }

    pub(crate) fn text(mut self, format: Format) -> String {
        let mut text = String::new();
        for family in &self.families {
            head(&mut text, family, format);
            for line in self.lines.remove(family.name).unwrap_or_default() {
                text.push_str(family.name);
                text.push_str(&line);
            }
        }
        if format == Format::OpenMetrics {
            text.push_str("# EOF\n");
        }
        text
    }

    fn family(&self, name: &str) -> Option<Family> {
        let place = self.families.binary_search_by_key(&name, |family| family.name).ok()?;
        self.families.get(place).copied()
    }

    /// A total that this release does not know, from an older or a newer one, is left out.
    fn sample(&mut self, name: &str, labels: &str, value: f64) {
        if let Some(family) = self.family(name) {
            self.line(family.name, "", labels, value);
        }
    }

    fn line(&mut self, family: &'static str, suffix: &str, labels: &str, value: f64) {
        let labels = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        self.lines.entry(family).or_default().push(format!("{suffix}{labels} {value}\n"));
    }

    /// Requests by the contract's labels, provider and mode: the sum over kinds and outcomes.
    fn adapter_calls(&mut self, totals: &[Sample]) {
        let mut calls: BTreeMap<&str, f64> = BTreeMap::new();
        for attempts in totals.iter().filter(|total| total.name == "effect_attempts_total") {
            let provider = attempts.labels.split('"').nth(1).unwrap_or_default();
            *calls.entry(provider).or_default() += attempts.value;
        }
        for (provider, value) in calls {
            let mode = if provider == "mock" { "mock" } else { "live" };
            self.sample("adapter_calls_total", &format!("provider=\"{provider}\",mode=\"{mode}\""), value);
        }
    }

    /// Buckets with what lies below them, sum and count. Requests are counted in a family of their own too.
    fn histogram(&mut self, histogram: &Histogram) {
        let Some(Family { name: family, kind, .. }) = self.family(&histogram.name) else { return };
        let Kind::Histogram(bounds) = kind else { return };
        let is_request = family == REQUEST_SECONDS;
        let mut labels = histogram.labels.clone();
        if is_request && !histogram.run_id.is_empty() {
            let _ = write!(labels, ",runId=\"{}\"", escaped(&histogram.run_id));
        }
        let up_to = |le: f64| -> u64 {
            let below = |bound: &Option<f64>| bound.unwrap_or(f64::INFINITY) <= le;
            histogram.buckets.iter().filter(|(bound, _)| below(bound)).map(|(_, count)| count).sum()
        };
        let comma = if labels.is_empty() { "" } else { "," };
        for bound in bounds {
            // 1.0, not 1: OpenMetrics wants floats in `le`.
            self.line(family, "_bucket", &format!("{labels}{comma}le=\"{bound:?}\""), up_to(*bound) as f64);
        }
        let count = up_to(f64::INFINITY) as f64;
        self.line(family, "_bucket", &format!("{labels}{comma}le=\"+Inf\""), count);
        self.line(family, "_sum", &labels, histogram.sum);
        self.line(family, "_count", &labels, count);
        if is_request {
            self.sample("http_requests_total", &labels, count);
        }
    }
}

fn head(text: &mut String, family: &Family, format: Format) {
    let Family { name, kind, help, .. } = family;
    let kind = match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram(_) => "histogram",
    };
    // Writing to a String cannot fail.
    let _ = match format {
        Format::Prometheus => writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}"),
        Format::OpenMetrics => {
            let name = name.strip_suffix("_total").unwrap_or(name);
            writeln!(text, "# TYPE {name} {kind}\n# HELP {name} {help}")
        }
    };
}

/// A label's value as both formats write it.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str, labels: &str, value: f64) -> Sample {
        Sample { name: name.to_owned(), labels: labels.to_owned(), value }
    }

    fn metrics() -> Metrics {
        let histogram = |name: &str, labels: &str, run_id: &str| Histogram {
            name: name.to_owned(),
            labels: labels.to_owned(),
            run_id: run_id.to_owned(),
            buckets: vec![(Some(0.1), 2), (Some(2.0), 1), (None, 1)],
            sum: 12.5,
        };
        Metrics {
            totals: vec![
                sample("effect_attempts_total", "provider=\"p\",kind=\"poll\",outcome=\"answered\"", 3.0),
                sample("effect_attempts_total", "provider=\"p\",kind=\"submit\",outcome=\"failed\"", 1.0),
                sample("unknown_total", "", 1.0),
            ],
            gauges: vec![sample("runs_overdue", "", 0.0)],
            histograms: vec![
                histogram("sweep_seconds", "", ""),
                histogram("http_request_duration_seconds", "path=\"/x\"", "r\"1"),
            ],
        }
    }

    fn lines(format: Format, name: &str) -> Vec<String> {
        let text = Exposition::of(metrics(), "1").text(format);
        text.lines().filter(|line| line.contains(name)).map(str::to_owned).collect()
    }

    #[test]
    fn a_histogram_counts_what_lies_below_each_bound() {
        let lines = lines(Format::Prometheus, "sweep_seconds");
        assert_eq!(lines[0], "# HELP sweep_seconds Sweeps that had work.");
        assert_eq!(lines[1], "# TYPE sweep_seconds histogram");
        assert_eq!(lines[2], "sweep_seconds_bucket{le=\"0.01\"} 0");
        assert_eq!(lines[4], "sweep_seconds_bucket{le=\"0.1\"} 2");
        assert_eq!(lines[7], "sweep_seconds_bucket{le=\"2.0\"} 3");
        assert_eq!(
            lines[11..],
            ["sweep_seconds_bucket{le=\"+Inf\"} 4", "sweep_seconds_sum 12.5", "sweep_seconds_count 4"]
        );
    }

    #[test]
    fn requests_are_counted_with_their_run() {
        assert_eq!(
            lines(Format::Prometheus, "http_requests_total")[2..],
            ["http_requests_total{path=\"/x\",runId=\"r\\\"1\"} 4"]
        );
    }

    #[test]
    fn calls_are_summed_over_kinds_and_outcomes() {
        let lines = lines(Format::Prometheus, "adapter_calls_total");
        assert_eq!(lines[2..], ["adapter_calls_total{provider=\"p\",mode=\"live\"} 4"]);
    }

    #[test]
    fn openmetrics_names_counters_without_total_and_ends() {
        let text = Exposition::of(metrics(), "1").text(Format::OpenMetrics);
        assert!(text.contains("# TYPE http_requests counter\n# HELP http_requests "));
        assert!(text.ends_with("# EOF\n") && !text.contains("\n\n"));
    }

    #[test]
    fn openmetrics_is_for_who_prefers_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(Format::asked(prometheus), Format::OpenMetrics);
        for accept in [
            "",
            "*/*",
            "text/html",
            "text/plain, application/openmetrics-text;q=0.5",
            "application/openmetrics-text; version=2.0.0",
            "application/openmetrics-text;q=0",
        ] {
            assert_eq!(Format::asked(accept), Format::Prometheus, "{accept}");
        }
    }
}
