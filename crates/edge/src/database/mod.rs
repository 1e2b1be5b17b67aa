//! The store's port in a component, by one of two ways, which the component names where it exports its handler:
//!
//! - [`Pooled`]: it opens the database itself. Spin gives every such component a pool of its own, whose connections stay, so
//!   only those do it that must be fast (spin.toml grants them `database_url`; ops/runtime-config.toml has the sum).
//! - [`Remote`]: it asks the component `database` ([`service`]), by a call that never leaves the host and costs about a
//!   millisecond.

mod pooled;
mod remote;
pub mod service;

pub use pooled::Pooled;
pub use remote::Remote;

use crate::config::Config;
use mw_store::metrics::{Beside, Observation};
use mw_store::{Database, DbError, Param};
use std::time::Instant;

/// How statements reach PostgreSQL.
pub trait Way {
    /// For one request.
    fn open(config: &Config, request_id: &str) -> Box<dyn Way>
    where
        Self: Sized;

    fn query(&mut self, function: &str, params: &[Param<'_>]) -> Result<Answer, DbError>;

    /// Gives the connection back, where one is held; the next statement opens again.
    fn release(&mut self) {}
}

/// What a statement answered.
pub struct Answer {
    pub text: String,
    /// The observation that was sent along is recorded.
    pub recorded: bool,
}

/// [`Way::open`] of the way that a component has chosen.
pub type OpenWay = fn(&Config, &str) -> Box<dyn Way>;

/// The database as a request has it, and what is known of the request itself for the statement that records it.
pub struct RequestDatabase {
    way: Box<dyn Way>,
    /// The labels with which a writing statement records the request beside its work, and since when the request lasts.
    unrecorded: Option<(String, Instant)>,
    /// Some statement has recorded the request.
    recorded: bool,
}

impl RequestDatabase {
    pub fn new(way: Box<dyn Way>) -> RequestDatabase {
        RequestDatabase { way, unrecorded: None, recorded: false }
    }

    /// Gives the connection back to the pool; the next statement opens again.
    pub fn release(&mut self) {
        self.way.release();
    }

    /// Lets the next writing statement record the request, with these labels.
    pub(crate) fn record_with_next_write(&mut self, labels: String, started: Instant) {
        self.unrecorded = Some((labels, started));
    }

    /// Whether some statement has recorded the request.
    pub(crate) fn has_recorded(&self) -> bool {
        self.recorded
    }
}

impl Database for RequestDatabase {
    fn query(&mut self, function: &'static str, params: &[Param<'_>]) -> Result<String, DbError> {
        self.way.query(function, params).map(|answer| answer.text)
    }

    fn query_beside(
        &mut self,
        function: &'static str,
        params: &[Param<'_>],
        beside: Beside<'_>,
    ) -> Result<String, DbError> {
        let Some((labels, started)) = self.unrecorded.as_ref().filter(|_| !self.recorded) else {
            return self.query(function, params);
        };
        let Beside { run_id, unless } = beside;
        let observation = Observation { labels, seconds: started.elapsed().as_secs_f64(), run_id, unless };
        let observation = serde_json::to_string(&observation).map_err(|error| DbError::Failed(error.to_string()))?;
        let params = [params, &[Param::Observation(&observation)]].concat();
        let answer = self.way.query(function, &params)?;
        self.recorded = answer.recorded;
        Ok(answer.text)
    }
}
