//! PostgreSQL as people have it. Every native program reads DATABASE_URL here and connects here, so that what `mw validate env`
//! accepts is what connects.
//!
//! - `address`  an address: read, shown without its secrets, written for Spin and for PostgreSQL's own programs
//! - `options`  what may stand behind its question mark, and what becomes of each option
//! - `connect`  connecting, and why it failed
//! - `pooler`   whether a pooler in transaction mode stands before the server
//! - `tls`      how a server's certificate is judged

mod address;
mod connect;
mod options;
mod pooler;
mod tls;

pub use address::{Address, Fault};
pub use connect::{Unconnected, reason};
pub use options::{Ignored, SslMode};
pub use pooler::Pooling;
pub use tls::{Roots, Trust, client_config};
