//! What is true of every run, whatever its kind: pure functions over plain data. No clock, no randomness, no I/O; time and
//! ids come in as arguments, so that every rule can be enumerated in tests and replayed from the timeline.
//!
//! - [`run`]: the envelope of a run, its gates, pauses, deadlines and ends; `decide`, `evolve`, and what a [`Kind`] adds.
//! - [`gate_policy`]: who may decide at a gate, how many must agree, when people are reminded, and when it ends.
//! - [`principal`]: who acts, and with what role. [`link`]: who gets a link of a gate. [`token`]: how it is signed.
//!   [`button`]: what a button under a message carries.
//! - [`notification`]: what people are told of a run. [`speech`]: what of others' texts reaches people in our name.
//! - [`letters`]: the one spelling by which texts are compared, and characters that nobody sees.
//! - [`trace`]: a timeline as spans, for collectors of traces.
//! - [`status`]: the words that all kinds share.
//!
//! The kernel knows no kind, no provider, no persona and no gate by name.

pub mod button;
pub mod gate_policy;
pub mod letters;
pub mod link;
pub mod notification;
pub mod principal;
pub mod run;
pub mod speech;
pub mod status;
pub mod token;
pub mod trace;
mod words;

pub use run::{Body, Kind, Run};
pub use words::Word;

/// For the expansion of [`words!`], and for types that are answered as they are.
#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
pub use schemars;

/// A moment in UTC. Always given by the caller.
pub type Timestamp = time::OffsetDateTime;
