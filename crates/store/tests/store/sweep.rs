use crate::fixture::*;
use mw_media::status::ProvidersMode;
use mw_store::console::{self, Visit};
use mw_store::metrics::{self, Histogram, Observation, observe};
use mw_store::native::Client;
use mw_store::sweep::{finish, fold_metrics, overdue_runs};
use serde_json::json;
use time::Duration;

#[test]
fn overdue_runs_come_by_key_and_each_once() {
    let mut db = connect();
    let runs: Vec<_> = (0..5).map(|_| started(&mut db, "test_video_gen", ProvidersMode::Mock)).collect();
    let late = now() + Duration::days(8);
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = overdue_runs(&mut db, late, after.as_ref(), 2).unwrap();
        let Some(last) = page.last().cloned() else { break };
        seen.extend(page.into_iter().map(|run| run.run_id));
        after = Some(last);
    }
    for run in &runs {
        assert_eq!(seen.iter().filter(|id| **id == run.run_id).count(), 1);
    }
    assert!(overdue_runs(&mut db, now() - Duration::days(1), None, 2).unwrap().is_empty());
}

#[test]
fn observations_are_folded_once() {
    let mut db = connect();
    let labels = format!("test=\"{}\"", fresh_id());
    for _ in 0..3 {
        let sql = "INSERT INTO metric_observations (name, labels, value) VALUES ('test_total', $1, 2)";
        db.driver().execute(sql, &[&labels]).unwrap();
    }
    fold_metrics(&mut db, 100_000).unwrap();
    fold_metrics(&mut db, 100_000).unwrap();
    let sql = "SELECT coalesce(sum(value), 0)::bigint FROM metric_totals WHERE labels = $1";
    // A sweep of another test may hold the rows for a moment; it folds them all the same.
    let total = (0..50).map(|_| count(&mut db, sql, &labels)).find(|total| *total == 6);
    assert_eq!(total, Some(6));
}

#[test]
fn observations_of_a_histogram_fall_into_its_buckets_together_and_by_run() {
    let mut db = connect();
    let run = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    let labels = format!("path=\"/{}\"", fresh_id());
    for seconds in [0.05, 0.06, 7.0] {
        observe(&mut db, &Observation { labels: &labels, seconds, run_id: Some(&run.run_id), unless: None }).unwrap();
    }
    observe(&mut db, &Observation { labels: &labels, seconds: 0.01, run_id: None, unless: None }).unwrap();
    let all = |db: &mut Client, runs: u32| -> Vec<_> {
        let mut read = metrics::read(db, now(), runs).unwrap().histograms;
        read.retain(|histogram| histogram.labels == labels);
        read
    };
    let folded = (0..50).find_map(|_| {
        fold_metrics(&mut db, 100_000).unwrap();
        let histograms = all(&mut db, 1_000);
        let count = |histogram: &Histogram| histogram.buckets.iter().map(|(_, count)| count).sum::<u64>();
        (histograms.first().is_some_and(|together| count(together) == 4)).then_some(histograms)
    });
    let [together, by_run] = folded.unwrap().try_into().unwrap();
    assert_eq!((together.run_id.as_str(), together.buckets), ("", vec![(Some(0.05), 2), (Some(0.1), 1), (None, 1)]));
    assert_eq!((by_run.run_id, by_run.buckets), (run.run_id, vec![(Some(0.05), 1), (Some(0.1), 1), (None, 1)]));
    assert!((by_run.sum - 7.11).abs() < 1e-9);
    assert_eq!(all(&mut db, 0).len(), 1);
}

#[test]
fn a_sweep_counts_itself_without_making_work_for_the_next() {
    let mut db = connect();
    let name =
        "SELECT coalesce(sum(count), 0)::bigint FROM metric_histograms WHERE name = 'sweep_seconds' AND labels <> $1";
    let before = count(&mut db, name, "-");
    let fence: i64 = db.driver().query_one("SELECT fence FROM leases WHERE name = 'sweep'", &[]).unwrap().get(0);
    finish(&mut db, now(), fence, &json!({"granted": true, "deadlines": 2, "metrics": 0}), 0.2).unwrap();
    assert!(count(&mut db, name, "-") > before);
    let waiting = "SELECT count(*) FROM metric_observations WHERE name LIKE 'sweep%' AND labels <> $1";
    assert_eq!(count(&mut db, waiting, "-"), 0);
}

#[test]
fn what_is_drawn_is_kept_by_minute_and_hour_for_a_day() {
    let mut db = connect();
    let provider = fresh_id();
    let observed = [
        ("provider_request_seconds", "kind=\"submit\"", 1.0),
        ("provider_request_seconds", "kind=\"poll\"", 3.0),
        ("effect_attempts_total", "kind=\"submit\",outcome=\"failed\"", 1.0),
        ("effect_attempts_total", "kind=\"submit\",outcome=\"answered\"", 1.0),
    ];
    for (name, more, value) in observed {
        let labels = format!("provider=\"{provider}\",{more}");
        let sql = "INSERT INTO metric_observations (name, labels, value) VALUES ($1, $2, $3)";
        db.driver().execute(sql, &[&name, &labels, &value]).unwrap();
    }
    let drawn = |db: &mut Client| -> Vec<(u32, u32, String, u64, f64)> {
        let points = console::providers(db, Visit { now: now(), key_hash: None }).unwrap().page.series;
        let own = points.into_iter().filter(|point| point.provider == provider);
        let mut own: Vec<_> = own.map(|point| (point.minutes, point.ago, point.name, point.count, point.sum)).collect();
        own.sort_by(|one, other| one.partial_cmp(other).unwrap());
        own
    };
    let folded = (0..50).find_map(|_| {
        fold_metrics(&mut db, 100_000).unwrap();
        Some(drawn(&mut db)).filter(|drawn| drawn.len() == 4)
    });
    let summed: Vec<_> =
        folded.unwrap().into_iter().map(|(minutes, _, name, count, sum)| (minutes, name, count, sum)).collect();
    let of = |minutes, name: &str, count, sum| (minutes, name.to_owned(), count, sum);
    let expected = [
        of(1, "provider_answers", 2, 4.0),
        of(1, "provider_errors", 1, 1.0),
        of(60, "provider_answers", 2, 4.0),
        of(60, "provider_errors", 1, 1.0),
    ];
    assert_eq!(summed, expected);

    let mut age = |hours: &str| {
        let sql = "UPDATE metric_series SET at = at - $1::text::interval WHERE provider = $2";
        db.driver().execute(sql, &[&hours, &provider]).unwrap();
        fold_metrics(&mut db, 100_000).unwrap();
        let kept: i64 = db
            .driver()
            .query_one("SELECT count(*) FROM metric_series WHERE provider = $1", &[&provider])
            .unwrap()
            .get(0);
        (kept, drawn(&mut db).iter().map(|point| point.1).collect::<Vec<_>>())
    };
    assert_eq!(age("2 hours"), (2, vec![2, 2]));
    assert_eq!(age("23 hours"), (0, Vec::new()));
}
