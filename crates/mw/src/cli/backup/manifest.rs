//! The manifest beside a backup. It comes from a disk that is not ours to trust, and its values reach a terminal and SQL: so
//! each has a type that holds nothing but what we would have written, and a file that says anything else is no manifest.

use crate::error::{Error, Result, While};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A manifest has about 500 bytes.
const BYTES_MAX: u64 = 16_384;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub(super) created_at: Moment,
    pub(super) release: Release,
    /// The newest migration that was applied.
    pub(super) migration: u32,
    pub(super) postgres: u32,
    pub(super) sha256: Digest,
    pub(super) contents: Contents,
}

/// What must be there again after a restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contents {
    pub(super) runs: u64,
    pub(super) events: u64,
    pub(super) gates: u64,
    pub(super) approvals: u64,
    pub(super) artifacts: u64,
    pub(super) receipts: u64,
    /// Over the last hash of every timeline, which itself covers all events before it.
    pub(super) timelines: Digest,
}

/// A text of which nothing but a certain shape is taken.
macro_rules! shaped {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $fits:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub(super) struct $name(String);

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> std::result::Result<Self, Self::Error> {
                let fits: fn(&str) -> bool = $fits;
                if fits(&text) { Ok($name(text)) } else { Err($expected) }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

shaped!(
    /// A SHA-256 in lower-case hexadecimal digits.
    Digest,
    "a hash should be 64 hexadecimal digits",
    |text| text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
);
shaped!(
    /// A version as Cargo writes it.
    Release,
    "a release should be a version such as 1.2.3",
    |text| (1..=40).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-'))
);
shaped!(
    /// RFC 3339 in UTC.
    Moment,
    "a time should be RFC 3339, such as 2026-01-31T12:00:00Z",
    |text| humantime::parse_rfc3339(text).is_ok()
);

/// The manifest's file: the backup's own name, with .json after it.
pub(super) fn path_of(backup: &Path) -> PathBuf {
    let mut name = backup.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

/// Makes a file that only its owner reads; one that is there is an error.
pub(super) fn create_private(path: &Path) -> Result<File> {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Error::misuse(format!("{} exists: a backup overwrites nothing", path.display()))
        }
        _ => Error::failed(format!("could not make {}: {error}", path.display())),
    })
}

impl Manifest {
    pub(super) fn write(&self, backup: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).while_doing("write the manifest")?;
        create_private(&path_of(backup))?.write_all(format!("{text}\n").as_bytes()).while_doing("write the manifest")
    }

    pub(super) fn read(backup: &Path) -> Result<Manifest> {
        let path = path_of(backup);
        let unreadable =
            |error| Error::misuse(format!("{} cannot be read ({error}): it belongs to the backup", path.display()));
        let mut text = String::new();
        File::open(&path).and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text)).map_err(unreadable)?;
        Manifest::parse(&text)
            .map_err(|error| Error::misuse(format!("{} is no manifest of a backup: {error}", path.display())))
    }

    /// Reads the text of a manifest.
    pub fn parse(text: &str) -> std::result::Result<Manifest, serde_json::Error> {
        serde_json::from_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn good() -> Value {
        let hash = "0a".repeat(32);
        json!({
            "created_at": "2026-01-31T12:00:00Z", "release": "0.1.0-rc.1+linux", "migration": 7, "postgres": 15, "sha256": hash,
            "contents": {"runs": 1, "events": 2, "gates": 3, "approvals": 4, "artifacts": 5, "receipts": 6, "timelines": hash},
        })
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        let manifest: Manifest = serde_json::from_value(good()).unwrap();
        assert_eq!(serde_json::to_value(&manifest).unwrap(), good());
    }

    #[test]
    fn nothing_in_a_manifest_can_carry_a_command() {
        let hash = "0a".repeat(32);
        for text in [
            "$$",
            "$$;\n\\! touch /tmp/x\n",
            "$$\t\\! id",
            "`id`",
            "' OR 1=1 --",
            "\\! id",
            "\u{1b}]0;title\u{7}",
            "",
            &hash.to_uppercase(),
            &format!("{hash}\n"),
            &format!("{hash}$$"),
        ] {
            for pointer in ["/created_at", "/release", "/sha256", "/contents/timelines", "/contents/runs", "/migration"]
            {
                let mut hostile = good();
                *hostile.pointer_mut(pointer).unwrap() = text.into();
                let read = serde_json::from_value::<Manifest>(hostile);
                // Letters and digits are a release, whatever they say.
                let is_plain = pointer == "/release" && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
                assert!(read.is_err() || (is_plain && text.len() <= 40 && !text.is_empty()), "{pointer} {text:?}");
            }
        }
    }
}
