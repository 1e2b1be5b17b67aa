//! The statements against a real PostgreSQL: `DATABASE_URL` names a migrated database (`mw dev with -- cargo test`).
//! Each test makes its own runs, so that all of them may run at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod commit;
mod doctor;
mod effects;
mod fixture;
mod plans;
mod requests;
mod schema;
mod sweep;
mod webhooks;
