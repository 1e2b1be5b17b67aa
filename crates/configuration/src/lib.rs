//! What a deployment is configured with, and what is wrong with it. Components read it from Spin's variables, `mw` from the
//! environment or a file; the rules are the same, and know no host.
//!
//! ```text
//! config      variables, typed             startup   mode, place, and why traffic must not be taken
//! secrets     all of them, and what is too weak   signing   those that sign links, sessions, turns
//! llm         which language model         exports   where traces and errors go
//! webhook_sources   who signs by Standard Webhooks   words   switches, levels and numbers
//! machine     which addresses are of this machine
//! ```

pub mod config;
pub mod exports;
pub mod llm;
pub mod machine;
pub mod secrets;
pub mod signing;
pub mod startup;
pub mod webhook_sources;
pub mod words;
