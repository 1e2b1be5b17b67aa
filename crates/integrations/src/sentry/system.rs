//! Sentry by its names and limits.

use crate::system::{Limits, Secret, System};

pub static SYSTEM: System = System {
    limits: Some(Limits { starts_max: Some(20), window_seconds: 1, open_jobs_max: None, in_flight_max: Some(4) }),
    secrets: &[Secret::where_set("sentry_dsn")],
    takes_export: Some("report"),
    ..System::new("sentry", "Sentry", "takes what failed")
};
