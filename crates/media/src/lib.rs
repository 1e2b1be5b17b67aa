//! The rules of MyloWare: pure functions over plain data. No clock, no randomness, no I/O; time and ids come in as
//! arguments, so that every rule can be enumerated in tests and replayed from the timeline.
//!
//! - [`definition`]: what a project is: its steps, clips and gates, validated when it is loaded.
//! - [`gate_policy`]: who may decide at a gate, how many must agree, what may be edited, and when it is told or ends.
//! - [`run`]: the state machine. `decide` turns a command into events, `evolve` folds events into the state.
//! - [`job`]: what a provider job is asked to make.
//! - [`persona`]: what the personas say when no language model is configured, and how an answer changes a run.
//! - [`brendan`]: the chat planner: a message in, an intent out.
//! - [`principal`]: who acts, and with what role.
//! - [`link`]: who gets a link of a gate. [`token`]: how it is signed. [`button`]: what a button under a message carries.
//! - [`notification`]: what people are told of a run. [`metrics`]: the families of /metrics.
//! - [`knowledge`]: what is ingested, cut into passages.
//! - [`retry`]: what a provider's error means, and when an effect is tried again.
//! - [`trace`]: a timeline as spans, for collectors of traces.

pub mod brendan;
pub mod definition;
pub mod disclosure;
pub mod job;
pub mod knowledge;
pub mod metrics;
pub mod persona;
pub mod retry;
pub mod run;
pub mod status;

#[doc(hidden)]
pub use mw_kernel::gate;
pub(crate) use mw_kernel::words;
pub use mw_kernel::{button, gate_policy, link, notification, principal, token, trace};

/// A moment in UTC. Always given by the caller.
pub type Timestamp = time::OffsetDateTime;
