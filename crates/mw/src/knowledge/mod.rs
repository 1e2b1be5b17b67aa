//! The knowledge, from files to the database.
//!
//! - [`folder`]: reads a folder. [`ingest`]: makes the database hold what the folder holds, and nothing else.
//! - [`vectors`]: what passages and questions mean, where an embedder is set.
//! - [`evaluation`]: questions with the documents that must be found, and how long searches take.

pub mod evaluation;
pub mod folder;
pub mod ingest;
pub mod vectors;

/// Where the shipped knowledge is, seen from the clone.
pub const SHIPPED: &str = "data/kb/ingested";
