//! A reference to a file that the control plane keeps: `asset:` and the asset's id. It is never a path and never an address, so
//! that whoever holds one can reach this file and no other.

use serde::{Deserialize, Serialize};

/// What every reference begins with.
pub const SCHEME: &str = "asset:";

/// A reference to an asset. Its id is hexadecimal, 32 digits where it was drawn and 64 where it is the hash of the content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AssetRef(String);

impl AssetRef {
    /// The reference in a text; `None` for what refers to no asset.
    pub fn parse(text: &str) -> Option<AssetRef> {
        let id = text.strip_prefix(SCHEME)?;
        let is_hexadecimal = id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (matches!(id.len(), 32 | 64) && is_hexadecimal).then(|| AssetRef(text.to_owned()))
    }

    /// The whole reference.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The asset's id.
    pub fn id(&self) -> &str {
        self.0.strip_prefix(SCHEME).unwrap_or_default()
    }
}

impl std::fmt::Display for AssetRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<AssetRef> for String {
    fn from(asset: AssetRef) -> String {
        asset.0
    }
}

impl TryFrom<String> for AssetRef {
    type Error = &'static str;

    fn try_from(text: String) -> Result<AssetRef, &'static str> {
        AssetRef::parse(&text).ok_or(NOT_AN_ASSET)
    }
}

/// What is said of a text that refers to no asset.
pub const NOT_AN_ASSET: &str = "not a reference to an uploaded asset (asset:<id>)";

mw_kernel::words! {
    /// What an upload is for; it decides which content is accepted.
    #[derive(Default)]
    Category {
        #[default]
        Image = "image",
        Mask = "mask",
        Audio = "audio",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_of_ours_is_a_reference() {
        for id in ["0123456789abcdef0123456789abcdef", &"a".repeat(64)] {
            let asset = AssetRef::parse(&format!("asset:{id}")).unwrap();
            assert_eq!((asset.id(), asset.as_str().len()), (id, id.len() + 6));
        }
        for text in [
            "",
            "asset:",
            "asset:../../etc/passwd",
            "asset:0123456789ABCDEF0123456789ABCDEF",
            "asset:0123456789abcdef0123456789abcde/",
            "file:///etc/passwd",
            "/etc/passwd",
            "http://169.254.169.254/",
            "asset:0123456789abcdef0123456789abcdef0",
        ] {
            assert_eq!(AssetRef::parse(text), None, "{text}");
            assert!(serde_json::from_value::<AssetRef>(text.into()).is_err());
        }
    }
}
