//! The dispatcher and the sweep against a real PostgreSQL and the provider simulator, natively and on a clock of their
//! own: waiting takes no time. `DATABASE_URL` names a server on which each test makes a database of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod concurrency;
mod ends;
mod exports;
mod fixture;
mod fuse;
mod interrupts;
mod journey;
mod limits;
mod lost_answers;
#[path = "../../../store/tests/store/migrated.rs"]
mod migrated;
mod mutants;
mod notify;
mod outages;
mod pausing;
mod personas;
mod random;
mod refusals;
mod sweeper;
mod sweeping;
