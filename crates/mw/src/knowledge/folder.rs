//! Reads a folder of knowledge: Markdown, JSON and text, at any depth.

use crate::error::{Error, Result};
use mw_media::knowledge::document::Format;
use mw_media::knowledge::{Document, documents};
use serde::Serialize;
use std::fs;
use std::path::Path;

/// A longer file is no text that anybody wrote.
const BYTES_MAX: u64 = 20_000_000;

/// What is in a folder.
#[derive(Debug, Default)]
pub struct Folder {
    pub files: usize,
    pub documents: Vec<Document>,
    /// What could not be read; nothing of it is changed in the database.
    pub failed: Vec<Failed>,
    /// Other kinds of files, by path.
    pub ignored: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    pub path: String,
    pub reason: String,
}

impl Folder {
    /// Reads all of it. A folder that is not there, or has no knowledge in it, is an error: it would empty the database.
    pub fn read(root: &Path) -> Result<Folder> {
        let mut folder = Folder::default();
        folder.descend(root, "")?;
        if folder.files == 0 {
            return Err(Error::misuse(format!("there is no Markdown, JSON or text in {}", root.display())));
        }
        folder.documents.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(folder)
    }

    fn descend(&mut self, directory: &Path, below: &str) -> Result<()> {
        let unreadable =
            |error: std::io::Error| Error::misuse(format!("cannot read the folder {}: {error}", directory.display()));
        let mut entries =
            fs::read_dir(directory).map_err(unreadable)?.collect::<std::io::Result<Vec<_>>>().map_err(unreadable)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let path = format!("{below}{}", name.to_string_lossy());
            if name.to_string_lossy().starts_with('.') {
                continue;
            }
            // Links are not followed: what is ingested is what is in the folder.
            let kind = entry.file_type().map_err(unreadable)?;
            if kind.is_dir() {
                self.descend(&entry.path(), &format!("{path}/"))?;
            } else {
                self.take(&entry.path(), path, kind.is_file());
            }
        }
        Ok(())
    }

    fn take(&mut self, file: &Path, path: String, is_file: bool) {
        let Some(format) = Format::of(&path).filter(|_| is_file) else {
            self.ignored.push(path);
            return;
        };
        self.files += 1;
        match text(file).and_then(|text| documents(&path, format, &text).map_err(|error| error.to_string())) {
            Ok(documents) => self.documents.extend(documents),
            Err(reason) => self.failed.push(Failed { path, reason }),
        }
    }

    /// Whether a path of the database belongs to a file that could not be read.
    pub(super) fn has_failed(&self, path: &str) -> bool {
        self.failed.iter().any(|failed| {
            path.strip_prefix(failed.path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with("_chunk"))
        })
    }
}

fn text(file: &Path) -> std::result::Result<String, String> {
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    if length > BYTES_MAX {
        return Err(format!("it has {length} bytes, more than {BYTES_MAX}"));
    }
    let bytes = fs::read(file).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| format!("it is not UTF-8 at byte {}", error.utf8_error().valid_up_to()))
}
