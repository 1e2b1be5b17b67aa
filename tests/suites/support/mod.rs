//! What the suites share: the service under test, HTTP, runs, the database, the simulator, signatures, waiting.

pub(crate) mod database;
pub(crate) mod host;
pub(crate) mod http;
pub(crate) mod prometheus;
pub(crate) mod proxy;
pub(crate) mod run;
pub(crate) mod service;
pub(crate) mod shell;
pub(crate) mod signing;
pub(crate) mod simulator;
pub(crate) mod stack;
pub(crate) mod wait;

pub(crate) use http::{Answer, Call};
pub(crate) use run::Run;
pub(crate) use service::{Service, service};
pub(crate) use wait::eventually;

/// A name that no other test uses.
pub(crate) fn unique(prefix: &str) -> String {
    format!("{prefix}-{}", uuid::Uuid::new_v4().simple())
}
