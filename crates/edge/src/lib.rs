//! What every component shares at its edge, and the only crate that knows the Spin SDK.
//!
//! ```text
//! component   the export macros and `serve`: request ─► handler ─► answer ─► work after the answer
//! request     what came in; the body only on demand, only to a limit      incoming   (host ─► request)
//! response    what goes out, complete and in one piece                    outgoing   (response ─► host)
//! body        JSON bodies as types           query   what lists read      csrf       forms of our own pages only
//! problem     every error as RFC 9457, with stable codes                  refusal    what the store and the core refuse
//! auth        who asks                 request_id  X-Request-ID           limits     RateLimit headers
//! route       a line of a table of routes, and the way in by it           about      what it says of itself
//! discovery   what no route takes
//! context     what handlers work with  database    the store's port       outbound   the providers' port
//! variables   Spin's; the rules about them are `mw_configuration`'s       cache      Spin's key-value store
//! dialect     what was met of the language model's server, remembered there
//! seal        signatures               cursor, ids, idempotency           clock, log
//! kick        wakes the dispatcher after an answer                        observation  records requests for /metrics
//! ```
//!
//! Each route's behaviour is in a feature crate; the components only name its handler.

// As the expansions of our own macros name it.
extern crate self as mw_edge;

pub mod about;
pub mod auth;
pub mod body;
pub mod cache;
pub mod clock;
pub mod component;
pub mod context;
pub mod csrf;
pub mod cursor;
pub mod database;
pub mod dialect;
pub mod discovery;
pub mod idempotency;
pub mod ids;
mod incoming;
pub mod kick;
pub mod limits;
pub mod log;
mod observation;
pub mod outbound;
pub mod outgoing;
pub mod problem;
pub mod query;
pub mod refusal;
pub mod request;
pub mod request_id;
pub mod response;
pub mod route;
pub mod seal;
pub mod variables;

pub use context::Context;
pub use mw_configuration::{config, exports, llm, machine, signing, startup, webhook_sources};
pub use problem::Problem;
pub use request::{Method, Request};
pub use response::Response;

/// For the expansion of [`body!`] and [`shape!`] only.
#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
pub use schemars;

/// For the expansion of [`shape!`] only.
#[doc(hidden)]
pub use serde;

/// For the expansion of [`component!`] only.
#[doc(hidden)]
pub use mw_kernel::run::Kinds;
#[doc(hidden)]
pub use wasi;
