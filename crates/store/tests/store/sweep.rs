use crate::fixture::*;
use mw_core::status::ProvidersMode;
use mw_store::sweep::{fold_metrics, overdue_runs};
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
