//! What every component shares at its edge, and the only crate that knows the Spin SDK.
//!
//! ```text
//! component   the export macro and `serve`: request ─► handler ─► answer ─► work after the answer
//! request     what came in; the body only on demand, only to a limit      incoming   (host ─► request)
//! response    what goes out, complete and in one piece                    outgoing   (response ─► host)
//! problem     every error as RFC 9457, with stable codes
//! auth        who asks                 request_id  X-Request-ID           limits     RateLimit headers
//! rights      which role a route needs
//! config      Spin variables           startup     mode, place, readiness  clock, log
//! secrets     all of them, and what is too weak              config_check  judges them for /ready
//! context     what handlers work with  database    the store's port       outbound   the providers' port
//! llm         which language model
//! kick        wakes the dispatcher after an answer           observation  counts requests
//! exports     where traces and errors go
//! ```
//!
//! Each route's behaviour is a module of its own below; the components only name them.

pub mod auth;
pub mod body;
pub mod bulk;
pub mod buttons;
pub mod channels;
pub mod chat;
pub mod clock;
pub mod commands;
pub mod component;
pub mod config;
pub mod config_check;
pub mod console;
pub mod context;
pub mod cursor;
pub mod database;
pub mod dead_letters;
pub mod decide;
pub mod decision_page;
pub mod definitions;
pub mod drain;
pub mod exports;
mod exposition;
pub mod gate_link;
pub mod gates;
pub mod health;
pub mod idempotency;
pub mod inbox;
mod incoming;
pub mod kick;
pub mod limits;
pub mod links;
pub mod llm;
pub mod log;
pub mod mcp;
pub mod metrics;
mod observation;
pub mod outbound;
mod outgoing;
pub mod pages;
pub mod press;

pub mod principals;
pub mod problem;
pub mod projects;
pub mod reply;
pub mod request;
pub mod request_id;
pub mod response;
pub mod rights;
pub mod ring;
pub mod route;
pub mod run_start;
pub mod runs;
mod seal;
pub mod secrets;
pub mod slack;
pub mod startup;
pub mod telegram;
pub mod unmatched;
pub mod verbs;
pub mod verdict;
pub mod webhooks;
pub mod webhooks_std;

pub use context::Context;
pub use problem::Problem;
pub use request::{Method, Request};
pub use response::Response;

/// For the expansion of [`component!`] only.
#[doc(hidden)]
pub use wasi;
