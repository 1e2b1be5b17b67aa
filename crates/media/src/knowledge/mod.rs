//! Knowledge, before anybody looks for it: files become documents, documents are cut into passages.
//!
//! - [`document`]: what a file becomes, for whom it is, and how a long one is divided.
//! - [`passage`]: what a search finds: a few paragraphs under their headings.

pub mod document;
pub mod passage;

pub use document::{Document, Unreadable, documents};
pub use passage::Passage;
