//! What the kernel's own tests share.

use crate::status::GateName;

/// The gate of a name.
pub(crate) fn gate(name: &str) -> GateName {
    GateName::parse(name).unwrap()
}
