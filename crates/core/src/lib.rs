//! The rules of a run: pure, no clock, no randomness, no I/O.

pub mod job;
