//! Edit-and-approve: what an approver changes while approving, kept as a diff. Which texts there are, and which may be
//! changed at a gate, the kind says.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// New texts, by the name of their field.
pub type Edit = BTreeMap<String, String>;

/// One text that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub field: String,
    /// What stood there; nothing where nobody had written yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    pub after: String,
}

/// One thing that is wrong with a request, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// JSON pointer into the request body.
    pub pointer: String,
    pub detail: String,
}
