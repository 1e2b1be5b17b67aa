//! A strict reader of the Prometheus text format 0.0.4.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Default)]
pub(crate) struct Exposition {
    /// By the full sample name and its labels as written.
    pub(crate) samples: BTreeMap<String, f64>,
    pub(crate) types: BTreeMap<String, String>,
}

impl Exposition {
    /// Panics with the line that breaks a rule.
    pub(crate) fn parse(text: &str) -> Exposition {
        assert!(text.ends_with('\n'), "the last line must end with LF");
        assert!(!text.contains('\r'), "lines end with LF only");
        let mut exposition = Exposition::default();
        let mut helped = BTreeSet::new();
        let mut closed = BTreeSet::new();
        let mut current = String::new();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let family = match line.strip_prefix("# ") {
                Some(comment) => exposition.comment(comment, &mut helped),
                None => exposition.sample(line),
            };
            if family != current {
                assert!(closed.insert(family.clone()), "the lines of {family} are not together: {line}");
                current = family;
            }
        }
        for family in exposition.types.keys() {
            assert!(helped.contains(family), "{family} has no HELP");
        }
        exposition.check_histograms();
        exposition
    }

    fn comment(&mut self, comment: &str, helped: &mut BTreeSet<String>) -> String {
        let mut words = comment.splitn(3, ' ');
        let (keyword, name, rest) =
            (words.next().unwrap(), words.next().unwrap_or_default(), words.next().unwrap_or_default());
        assert!(is_name(name), "no metric name: # {comment}");
        assert!(!rest.is_empty(), "nothing said: # {comment}");
        match keyword {
            "HELP" => assert!(helped.insert(name.to_owned()), "second HELP: {name}"),
            "TYPE" => {
                assert!(["counter", "gauge", "histogram", "summary", "untyped"].contains(&rest), "# {comment}");
                assert!(rest != "counter" || name.ends_with("_total"), "a counter ends with _total: {name}");
                assert!(rest == "counter" || !name.ends_with("_total"), "not a counter: {name}");
                assert!(self.types.insert(name.to_owned(), rest.to_owned()).is_none(), "second TYPE: {name}");
            }
            other => panic!("unknown comment # {other}"),
        }
        name.to_owned()
    }

    fn sample(&mut self, line: &str) -> String {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
        let name = series.split('{').next().unwrap();
        assert!(is_name(name), "{line}");
        if let Some(labels) = series.strip_prefix(name).filter(|labels| !labels.is_empty()) {
            check_labels(labels);
        }
        let number = match value {
            "+Inf" => f64::INFINITY,
            "-Inf" => f64::NEG_INFINITY,
            "NaN" => f64::NAN,
            text => text.parse().unwrap_or_else(|_| panic!("no number: {line}")),
        };
        assert!(self.samples.insert(series.to_owned(), number).is_none(), "twice: {series}");
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| {
            name.strip_suffix(suffix).filter(|family| self.types.get(*family).is_some_and(|kind| kind == "histogram"))
        });
        let family = family.unwrap_or(name);
        assert!(self.types.contains_key(family), "no TYPE before {line}");
        family.to_owned()
    }

    /// Buckets rise, and the last is the count.
    fn check_histograms(&self) {
        for (series, count) in &self.samples {
            let Some((family, labels)) = series.split_once("_count") else { continue };
            if self.types.get(family).is_none_or(|kind| kind != "histogram") {
                continue;
            }
            let inner = labels.trim_matches(['{', '}']);
            let comma = if inner.is_empty() { "" } else { "," };
            let last = format!("{family}_bucket{{{inner}{comma}le=\"+Inf\"}}");
            assert_eq!(self.samples.get(&last), Some(count), "{last}");
            assert!(self.samples.contains_key(&format!("{family}_sum{labels}")), "{family}_sum{labels}");
            let prefix = format!("{family}_bucket{{{inner}{comma}le=\"");
            let mut buckets: Vec<(f64, f64)> = self
                .samples
                .iter()
                .filter_map(|(name, value)| {
                    let bound = name.strip_prefix(&prefix)?.strip_suffix("\"}")?;
                    Some((if bound == "+Inf" { f64::INFINITY } else { bound.parse().unwrap() }, *value))
                })
                .collect();
            buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(buckets.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{series}: {buckets:?}");
        }
    }

    /// The sum over all series of a name whose labels contain all of these.
    pub(crate) fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let wanted = |series: &&String| {
            series.split('{').next() == Some(name) && labels.iter().all(|label| series.contains(label))
        };
        self.samples.iter().filter(|(series, _)| wanted(series)).map(|(_, value)| value).sum()
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == ':')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

/// `{name="value",…}` with escapes, each name once.
fn check_labels(text: &str) {
    let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_else(|| panic!("{text}"));
    let mut rest = inner;
    let mut names = BTreeSet::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{text}"));
        assert!(is_name(name) && !name.contains(':') && names.insert(name.to_owned()), "label {name} in {text}");
        let mut escaped = false;
        let end = after.char_indices().find(|(_, c)| {
            let closes = *c == '"' && !escaped;
            assert!(!escaped || ['\\', '"', 'n'].contains(c), "escape in {text}");
            escaped = *c == '\\' && !escaped;
            closes
        });
        let (end, _) = end.unwrap_or_else(|| panic!("no closing quote: {text}"));
        rest = &after[end + 1..];
        rest = match rest.strip_prefix(',') {
            Some(more) => more,
            None => {
                assert!(rest.is_empty(), "{text}");
                rest
            }
        };
    }
}

#[test]
fn the_reader_is_strict() {
    let good =
        "# HELP a_total What.\n# TYPE a_total counter\na_total{x=\"1\",y=\"a\\\"b\"} 2\na_total{x=\"2\",y=\"\"} 3\n";
    assert_eq!(Exposition::parse(good).sum("a_total", &["x=\"2\""]), 3.0);
    let bad = [
        "a_total 1\n",
        "# HELP a_total What.\n# TYPE a_total counter\na_total 1",
        "# HELP a_total What.\n# TYPE a_total counter\na_total 1\na_total 2\n",
        "# HELP a_total What.\n# TYPE a_total gauge\na_total 1\n",
        "# HELP a_total What.\n# TYPE a_total counter\na_total{x=1} 1\n",
        "# TYPE a gauge\na 1\n",
    ];
    for text in bad {
        assert!(std::panic::catch_unwind(|| Exposition::parse(text)).is_err(), "{text}");
    }
}
