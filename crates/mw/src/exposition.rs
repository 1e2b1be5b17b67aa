//! /metrics as `mw` reads it: samples with their labels, sums, and quantiles of histograms.

use std::collections::BTreeMap;

/// One line of the text format.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// Everything that one scrape showed.
#[derive(Debug, Clone, Default)]
pub struct Exposition {
    samples: Vec<Sample>,
}

/// Labels and the values that they must have.
pub type Wanted<'a> = &'a [(&'a str, &'a str)];

impl Exposition {
    /// Lines that are no samples are left out: what is there is checked by the product's own tests.
    pub fn parse(text: &str) -> Self {
        let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(sample);
        Self { samples: samples.collect() }
    }

    pub fn all(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter()
    }

    pub fn family<'a>(&'a self, name: &'a str, wanted: Wanted<'a>) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| {
            // As in PromQL: a label that is not there is empty.
            let fits = |(key, value): &(&str, &str)| sample.labels.get(*key).map_or("", String::as_str) == *value;
            sample.name == name && wanted.iter().all(fits)
        })
    }

    /// The sum of the samples with these labels; nothing where there is none.
    pub fn sum(&self, name: &str, wanted: Wanted<'_>) -> Option<f64> {
        self.family(name, wanted).map(|sample| sample.value).reduce(|sum, value| sum + value)
    }

    /// The sums by one label.
    pub fn by(&self, name: &str, label: &str, wanted: Wanted<'_>) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for sample in self.family(name, wanted) {
            *sums.entry(sample.labels.get(label).cloned().unwrap_or_default()).or_default() += sample.value;
        }
        sums
    }

    /// The bound under which this part of a histogram's observations lies, of those that came after `before`; nothing
    /// when none came. Observations beyond the last bound count as infinite.
    pub fn quantile_since(&self, before: &Self, name: &str, wanted: Wanted<'_>, part: f64) -> Option<(f64, f64)> {
        let buckets = format!("{name}_bucket");
        let mut counts: Vec<(f64, f64)> = Vec::new();
        let earlier = before.by_bound(&buckets, wanted);
        for (bound, count) in self.by_bound(&buckets, wanted) {
            let seen =
                earlier.iter().find(|(other, _)| other.total_cmp(&bound).is_eq()).map_or(0.0, |(_, count)| *count);
            counts.push((bound, count - seen));
        }
        let total = counts.last()?.1;
        let found = counts.iter().find(|(_, count)| *count >= total * part)?;
        (total > 0.0).then_some((found.0, total))
    }

    fn by_bound(&self, buckets: &str, wanted: Wanted<'_>) -> Vec<(f64, f64)> {
        let mut bounds: Vec<(f64, f64)> = Vec::new();
        for sample in self.family(buckets, wanted) {
            let Some(bound) = sample.labels.get("le").and_then(|bound| number(bound)) else { continue };
            match bounds.iter_mut().find(|(known, _)| known.total_cmp(&bound).is_eq()) {
                Some((_, count)) => *count += sample.value,
                None => bounds.push((bound, sample.value)),
            }
        }
        bounds.sort_by(|one, other| one.0.total_cmp(&other.0));
        bounds
    }
}

fn number(text: &str) -> Option<f64> {
    if text == "+Inf" { Some(f64::INFINITY) } else { text.parse().ok() }
}

/// `name{a="b"} 1`; label values of ours hold no quotes or commas that would need more.
fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let pair = |pair: &str| {
        let (key, value) = pair.split_once("=\"")?;
        Some((key.to_owned(), value.trim_end_matches('"').to_owned()))
    };
    let labels = labels.trim_end_matches('}').split("\",").filter_map(pair).collect();
    Some(Sample { name: name.to_owned(), labels, value: number(value)? })
}

/// The value under which this part of the measurements lies (nearest rank).
pub fn quantile(values: &[f64], part: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    // At most the number of measurements, and never negative.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let rank = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP h x\n# TYPE h histogram\nh_bucket{path=\"/a\",le=\"0.5\"} 1\nh_bucket{path=\"/a\",le=\"1\"} 19\n\
        h_bucket{path=\"/a\",le=\"+Inf\"} 20\nh_bucket{path=\"/b\",le=\"+Inf\"} 7\nruns{status=\"running\",project=\"a\"} 2\n\
        runs{status=\"running\",project=\"b\"} 3\nlag 1.5\n";

    #[test]
    fn sums_go_by_labels() {
        let scrape = Exposition::parse(TEXT);
        assert_eq!(scrape.sum("runs", &[("status", "running")]), Some(5.0));
        assert_eq!((scrape.sum("lag", &[]), scrape.sum("nothing", &[])), (Some(1.5), None));
        assert_eq!(scrape.by("runs", "project", &[]), BTreeMap::from([("a".to_owned(), 2.0), ("b".to_owned(), 3.0)]));
    }

    #[test]
    fn quantiles_are_bounds_of_what_came_since() {
        let scrape = Exposition::parse(TEXT);
        let none = Exposition::default();
        assert_eq!(scrape.quantile_since(&none, "h", &[("path", "/a")], 0.95), Some((1.0, 20.0)));
        assert_eq!(scrape.quantile_since(&none, "h", &[("path", "/a")], 0.99), Some((f64::INFINITY, 20.0)));
        assert_eq!(scrape.quantile_since(&scrape, "h", &[("path", "/a")], 0.95), None);
    }

    #[test]
    fn measured_quantiles_take_the_nearest_rank() {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!((quantile(&values, 0.95), quantile(&values, 0.5)), (Some(19.0), Some(10.0)));
        assert_eq!((quantile(&[4.0], 0.95), quantile(&[], 0.95)), (Some(4.0), None));
    }
}
