//! Everything outside: one folder for each system, with its wire types, signature, requests, errors and names; no clock, no
//! randomness, no sockets.
//!
//! * [`registry`]: every system, one line each. [`system`]: what all others know of one.
//! * [`jobs`]: providers that make jobs, behind one trait. [`webhook`]: the receiving side of a provider.
//! * [`port`]: the HTTP client that the caller lends us, and its two ways to fail.
//! * [`outcome`]: what a submission, a query, an adoption and a recovery can say.
//! * [`lenient`]: JSON of strangers, read although its text is damaged.
//! * [`signature`], [`callback`], [`headers`]: what all webhooks share. [`standard`]: sources that sign by Standard Webhooks.
//! * [`telegram`], [`slack`]: where people are; [`post`]: a message to them, before either has written it.
//! * [`otlp`]: a collector of traces. [`sentry`]: where errors are looked at.
//! * [`metrics`]: the families of /metrics. [`mock`]: jobs without a network. [`llm`]: a language model, asked in either API. [`embedding`]: texts as vectors.
//!
//! What a signature does not cover is not believed: such a callback is a poke, and only a query with our key tells what
//! became of a task.

mod answer;
pub mod callback;
pub mod embedding;
pub mod headers;
pub mod jobs;
pub mod kieai;
pub mod lenient;
pub mod llm;
pub mod metrics;
pub mod mock;
pub mod otlp;
pub mod outcome;
mod pieces;
pub mod port;
pub mod post;
pub mod registry;
pub mod retry_after;
pub mod sentry;
pub mod shotstack;
pub mod signature;
pub mod slack;
pub mod standard;
pub mod system;
pub mod telegram;
pub mod upload_post;
pub mod webhook;

pub use callback::{Callback, CallbackError, Hint, dedup_key};
pub use mw_media::retry::FaultClass;
pub use outcome::{Adoption, Fault, JobContext, Output, Progress, Recovery, Settings, Submission};
pub use port::{HttpClient, Pieces, StreamingClient, TransportError};
pub use signature::SignatureStatus;
pub use webhook::Webhook;
