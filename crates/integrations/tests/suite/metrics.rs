//! docs/metrics.md lists every family. With `UPDATE_DOCS=1` the page is written instead.

use mw_integrations::metrics::{families, find};
use mw_media::metrics::{Family, Kind};

#[test]
fn the_page_lists_every_family() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (start, rest) = page.split_once("<!-- list -->\n").unwrap();
    let (listed, end) = rest.split_once("<!-- end -->").unwrap();
    let mut list = "| Metric | Labels | Meaning |\n|---|---|---|\n".to_owned();
    for Family { name, kind, labels, help } in families() {
        let kind = if matches!(kind, Kind::Histogram(_)) { " (h)" } else { "" };
        let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
        list.push_str(&format!("| `{name}`{kind} | {labels} | {help} |\n"));
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, format!("{start}<!-- list -->\n{list}<!-- end -->{end}")).unwrap();
    } else {
        assert_eq!(listed, list, "run this test with UPDATE_DOCS=1");
    }
}

#[test]
fn every_family_has_a_name_of_its_own() {
    for pair in families().windows(2) {
        assert!(pair[0].name < pair[1].name, "{}", pair[1].name);
        assert_eq!(find(pair[0].name), Some(pair[0]));
    }
}
