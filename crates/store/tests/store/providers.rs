//! The providers that the code knows have their rows, whatever an older version registered.

use crate::fixture::*;
use mw_store::effects::register_providers;
use mw_store::native::Client;
use serde_json::{Value, json};

fn provider(name: &str, takes_export: Option<&str>, job_seconds: Option<&str>) -> Value {
    json!({
        "provider": name, "job_seconds": job_seconds, "takes_export": takes_export,
        "starts_max": 5, "window_seconds": 60, "open_jobs_max": null, "in_flight_max": null,
    })
}

fn takes_traces(db: &mut Client) -> Vec<String> {
    let rows = db.driver().query("SELECT provider FROM provider_states WHERE takes_export = 'trace'", &[]).unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[test]
fn an_export_moves_from_provider_to_provider() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    db.driver().execute("DELETE FROM provider_states", &[]).unwrap();
    let before = json!([provider("older", Some("trace"), None), provider("newer", None, Some("newer_job_seconds"))]);
    assert_eq!(register_providers(&mut db, &before).unwrap().added, 2);
    assert_eq!(takes_traces(&mut db), ["older"]);

    let swapped = json!([provider("newer", Some("trace"), None), provider("older", None, Some("older_job_seconds"))]);
    assert_eq!(register_providers(&mut db, &swapped).unwrap().added, 0);
    assert_eq!(takes_traces(&mut db), ["newer"]);
}

#[test]
fn a_provider_that_is_gone_keeps_its_limits_alone() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    register_providers(&mut db, &json!([provider("gone", None, Some("gone_job_seconds"))])).unwrap();
    db.driver().execute("UPDATE provider_states SET starts_max = 7 WHERE provider = 'gone'", &[]).unwrap();
    register_providers(&mut db, &json!([])).unwrap();
    let sql = "SELECT job_seconds, starts_max FROM provider_states WHERE provider = 'gone'";
    let row = db.driver().query_one(sql, &[]).unwrap();
    assert_eq!((row.get::<_, Option<String>>(0), row.get::<_, i32>(1)), (None, 7));
}
