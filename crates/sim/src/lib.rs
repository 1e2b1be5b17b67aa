//! The provider simulator: speaks the wire contracts of every outside system, calls back as they do, and misbehaves when told
//! to.
//!
//! * [`config`]: addresses, keys, latencies. [`serve`]: the server, for `mw-sim` and for tests.
//! * `player`: what the rest knows of a system that is played, and the list of them. One folder or file for each: how it answers,
//!   signs, calls back and fails. `llm`: a model in two APIs. `guard`: the faults that any of them can have.
//! * `world`: everything that the simulator remembers. [`fault`]: what can be switched on. `delivery`: callbacks. `signer`: how
//!   they are signed.
//! * `telemetry`: spans and errors that came. `messages`: what bots sent. `person`: what people press.
//! * `control`: the API under `/_sim` with which tests steer all this. `media`: the files that results point to.

pub mod config;
mod control;
mod delivery;
pub mod fault;
mod guard;
mod kieai;
mod llm;
mod media;
mod messages;
mod otlp;
mod person;
mod player;
mod sentry;
mod server;
mod shotstack;
mod signer;
mod slack;
mod telegram;
mod telemetry;
mod upload_post;
mod world;

pub use config::{Config, Latency, settings};
pub use player::{Provider, Setting};
pub use server::serve;
