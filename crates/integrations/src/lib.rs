//! What goes over the wire to and from the providers, and nothing else: no clock, no randomness, no sockets.
//!
//! * [`port`]: the HTTP client that the caller lends us, and its two ways to fail.
//! * [`outcome`]: what a submission, a query, an adoption and a recovery can say.
//! * [`signature`], [`callback`], [`headers`]: the receiving side, shared by all webhooks.
//! * [`standard`]: sources that sign by Standard Webhooks.
//! * [`kieai`], [`shotstack`], [`upload_post`]: one provider each, with the same calls.
//! * [`telegram`], [`slack`]: where people are; [`post`]: a message to them, before either has written it.
//! * [`otlp`]: a collector of traces. [`sentry`]: where errors are looked at.
//! * [`mock`]: the same calls without a network. [`llm`]: a language model, asked in either API.
//! * [`embedding`]: texts as vectors.
//!
//! What a signature does not cover is not believed: a kie.ai or Shotstack callback is a poke, and only a query with
//! our key ([`kieai::query`], [`shotstack::query`]) tells what became of a task.

mod answer;
pub mod callback;
pub mod embedding;
pub mod headers;
pub mod kieai;
pub mod llm;
pub mod mock;
pub mod otlp;
pub mod outcome;
pub mod port;
pub mod post;
pub mod retry_after;
pub mod sentry;
pub mod shotstack;
pub mod signature;
pub mod slack;
pub mod standard;
pub mod telegram;
pub mod upload_post;

pub use callback::{Callback, CallbackError, Hint, dedup_key};
pub use mw_media::retry::FaultClass;
pub use outcome::{Adoption, Fault, JobContext, Output, Progress, Recovery, Settings, Submission};
pub use port::{HttpClient, Pieces, StreamingClient, TransportError};
pub use signature::SignatureStatus;
