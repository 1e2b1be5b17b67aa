//! The house takes a kind of run that it does not know: everything here happens to counting runs, in a real PostgreSQL, through
//! the product's own store, engine, sweep, routes and pages, none of which names them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod doctor;
mod house;
mod life;
#[path = "../../../store/tests/store/migrated.rs"]
mod migrated;
mod pages;
mod sources;
mod verbs;
