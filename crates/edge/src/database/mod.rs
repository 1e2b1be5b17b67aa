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
use mw_store::metrics::Seen;
use mw_store::{Database, DbError, Param};
use std::time::Instant;

/// How statements reach PostgreSQL.
pub trait Way {
    /// For one request.
    fn open(config: &Config, request_id: &str) -> Box<dyn Way>
    where
        Self: Sized;

    fn query(&mut self, function: &str, params: &[Param<'_>]) -> Result<String, DbError>;

    /// Gives the connection back, where one is held; the next statement opens again.
    fn release(&mut self) {}
}

/// [`Way::open`] of the way that a component has chosen.
pub type OpenWay = fn(&Config, &str) -> Box<dyn Way>;

/// The database as a request has it, and what is known of the request itself for the statement that counts it.
pub struct RequestDatabase {
    way: Box<dyn Way>,
    /// The request that a writing statement counts beside its work, and since when it lasts.
    riding: Option<(String, Instant)>,
    /// Some statement has counted the request.
    counted: bool,
}

impl RequestDatabase {
    pub fn new(way: Box<dyn Way>) -> RequestDatabase {
        RequestDatabase { way, riding: None, counted: false }
    }

    /// Gives the connection back to the pool; the next statement opens again.
    pub fn release(&mut self) {
        self.way.release();
    }

    /// Lets the next writing statement count the request, with these labels.
    pub(crate) fn carry(&mut self, labels: String, started: Instant) {
        self.riding = Some((labels, started));
    }

    /// Whether some statement has counted the request.
    pub(crate) fn has_counted(&self) -> bool {
        self.counted
    }
}

impl Database for RequestDatabase {
    fn query(&mut self, function: &'static str, params: &[Param<'_>]) -> Result<String, DbError> {
        self.way.query(function, params)
    }

    fn seen(&self) -> Option<Seen> {
        let riding = self.riding.as_ref().filter(|_| !self.counted);
        riding.map(|(labels, started)| Seen { labels: labels.clone(), seconds: started.elapsed().as_secs_f64() })
    }

    fn counted(&mut self) {
        self.counted = true;
    }
}
