//! What every component shares at its edge, and the only crate that knows the Spin SDK.
//!
//! ```text
//! component   the export macros and `serve`: request ─► handler ─► answer ─► work after the answer
//! request     what came in; the body only on demand, only to a limit      incoming   (host ─► request)
//! response    what goes out, complete and in one piece                    outgoing   (response ─► host)
//! body        JSON bodies, checked by hand   query   what lists read      csrf       forms of our own pages only
//! problem     every error as RFC 9457, with stable codes                  refusal    what the store and the core refuse
//! auth        who asks                 request_id  X-Request-ID           limits     RateLimit headers
//! routes      the table of routes      route       the way into a handler
//! context     what handlers work with  database    the store's port       outbound   the providers' port
//! variables   Spin's; the rules about them are `mw_configuration`'s       cache      Spin's key-value store
//! seal        signatures               cursor, ids, idempotency           clock, log
//! kick        wakes the dispatcher after an answer                        observation  records requests for /metrics
//! ```
//!
//! Each route's behaviour is in a feature crate; the components only name its handler.

pub mod auth;
pub mod body;
pub mod cache;
pub mod clock;
pub mod component;
pub mod context;
pub mod csrf;
pub mod cursor;
pub mod database;
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
pub mod routes;
pub mod seal;
pub mod variables;

pub use context::Context;
pub use mw_configuration::{config, exports, llm, signing, startup, webhook_sources};
pub use problem::Problem;
pub use request::{Method, Request};
pub use response::Response;

/// For the expansion of [`component!`] only.
#[doc(hidden)]
pub use mw_kernel::run::Kinds;
#[doc(hidden)]
pub use wasi;
