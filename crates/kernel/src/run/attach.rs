//! Somebody attaches an artifact. Recorded in every state, terminal ones included: it moves nothing.

use crate::run::event::{Common, Event};
use crate::run::kind::Kind;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An artifact as it comes in over HTTP.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attachment {
    pub artifact_type: String,
    pub provider: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    #[serde(default)]
    pub metadata: Value,
}

pub(super) fn decide<B: Kind>(attachment: &Attachment) -> Vec<Event<B>> {
    vec![Common::ArtifactAttached(Box::new(attachment.clone())).into()]
}
