//! A collector of traces by its names, limits and errors.

use crate::system::{Limits, Secret, System};
use mw_media::retry::FaultClass::{Final, Unavailable};
use mw_media::retry::Pattern::Status;
use mw_media::retry::{Rule, rule};

pub static SYSTEM: System = System {
    rules: &RULES,
    // A collector that hangs holds few effects at a time; a dispatcher has room for 32.
    limits: Some(Limits { starts_max: None, window_seconds: 10, open_jobs_max: None, in_flight_max: Some(4) }),
    secrets: &[Secret::with_address("otlp_headers"), Secret::where_set("langsmith_api_key")],
    takes_export: Some("trace"),
    ..System::new("otlp", "Collector of traces", "takes the traces of runs that ended")
};

static RULES: [Rule; 3] = [
    rule(Status(502..=504), Unavailable, "with 429, the only statuses that OTLP says to try again"),
    rule(Status(0..=428), Final, "refused: the same spans would be refused again"),
    rule(Status(430..=999), Final, "refused: the same spans would be refused again"),
];
