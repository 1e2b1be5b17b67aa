//! The statements against a real PostgreSQL: `DATABASE_URL` names a migrated database (`mw-stack with -- cargo test`).
//! Each test makes its own runs, so that all of them may run at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod attackers;
mod breaker;
mod budget;
mod channels;
mod chat;
mod commit;
mod dead_letters;
mod differential;
mod doctor;
mod drain;
mod effects;
mod fixture;
mod gates;
mod knowledge;
mod limits;
mod migrated;
mod moves;
mod principals;
mod providers;
mod requests;
mod retention;
mod schema;
mod sweep;
mod upkeep;
mod verbs;
mod webhooks;
