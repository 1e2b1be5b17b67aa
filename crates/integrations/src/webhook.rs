//! A provider's webhook: how a delivery is verified and read, and what the provider expects of the answer.

use crate::callback::{Callback, CallbackError};
use crate::signature::SignatureStatus;
use crate::system::System;
use http::HeaderMap;

/// The receiving side of a provider.
pub struct Webhook {
    pub system: &'static System,
    /// Its path, as spin.toml has it.
    pub path: &'static str,
    /// The name of its operation in openapi.json.
    pub operation: &'static str,
    /// What its route does, in one line, and what else there is to know.
    pub summary: &'static str,
    pub more: &'static str,
    /// The variable of its signing secret; `None` where deliveries are unsigned.
    pub secret: Option<&'static str>,
    /// A valid signature covers the body; else headers that were valid once stay so over any body.
    pub signs_body: bool,
    /// The headers that it signs with, and that say what it sends: kept beside a delivery.
    pub headers: &'static [&'static str],
    /// Checks a delivery with these secrets at this time (Unix).
    pub verify: fn(&HeaderMap, &[u8], &[&str], u64) -> SignatureStatus,
    pub parse: fn(&[u8]) -> Result<Callback, CallbackError>,
    /// What it expects of an answer beside our status.
    pub answer: &'static [(&'static str, Code)],
}

/// A constant member of an answer.
#[derive(Debug, Clone, Copy)]
pub enum Code {
    Number(u16),
    Text(&'static str),
}
