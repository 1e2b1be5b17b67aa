//! The provider simulator: speaks the wire contracts of kie.ai, Shotstack, upload-post, OpenAI, Anthropic, Telegram, Slack,
//! a collector of traces and Sentry, calls back as they do, and misbehaves when told to.
//!
//! * [`config`]: addresses, keys, latencies. [`serve`]: the server, for `mw-sim` and for tests.
//! * `kieai`, `shotstack`, `upload_post`, `telegram`, `slack`, `otlp`, `sentry`: one provider each. `llm`: a model in two APIs.
//!   `guard`: the faults that any of them can have.
//! * `world`: everything that the simulator remembers. `fault`: what can be switched on. `delivery`: callbacks.
//! * `telemetry`: spans and errors that came. `messages`: what bots sent. `person`: what people write and press.
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
mod sentry;
mod server;
mod shotstack;
mod signer;
mod slack;
mod telegram;
mod telemetry;
mod upload_post;
mod world;

pub use config::{Config, Latency};
pub use server::serve;
