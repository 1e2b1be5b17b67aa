//! Reads a folder of knowledge: Markdown, JSON and text, at any depth.
//!
//! Symbolic links are followed inside of the folder, also to what is hidden there: Kubernetes mounts a ConfigMap as links into
//! `..data`. Each file and each folder is read once, under its own name where it has one that is not hidden, so that links in
//! circles end. A link that leads out of the folder, or nowhere, could not be read, which removes nothing from the database.

use crate::error::{Error, Result};
use mw_media::knowledge::document::Format;
use mw_media::knowledge::{Document, documents};
use serde::Serialize;
use std::collections::{BTreeSet, VecDeque};
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

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
        let unreadable =
            |error: std::io::Error| Error::misuse(format!("cannot read the folder {}: {error}", root.display()));
        let top = root.canonicalize().map_err(unreadable)?;
        fs::read_dir(&top).map_err(unreadable)?;
        let mut walk =
            Walk { top: top.clone(), seen: BTreeSet::new(), links: VecDeque::new(), folder: Folder::default() };
        walk.enter(&top, String::new());
        while let Some((link, path)) = walk.links.pop_front() {
            walk.follow(&link, path);
        }
        let mut folder = walk.folder;
        if folder.files == 0 {
            return Err(Error::misuse(format!("there is no Markdown, JSON or text in {}", root.display())));
        }
        folder.documents.sort_by(|one, other| one.path.cmp(&other.path));
        folder.ignored.sort();
        folder.failed.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(folder)
    }

    fn fail(&mut self, path: String, reason: impl Display) {
        self.failed.push(Failed { path, reason: reason.to_string() });
    }

    fn take(&mut self, file: &Path, path: String) {
        let Some(format) = Format::of(&path) else {
            self.ignored.push(path);
            return;
        };
        self.files += 1;
        match text(file).and_then(|text| documents(&path, format, &text).map_err(|error| error.to_string())) {
            Ok(documents) => self.documents.extend(documents),
            Err(reason) => self.fail(path, reason),
        }
    }

    /// Whether a path of the database belongs to a file that could not be read.
    pub(super) fn has_failed(&self, path: &str) -> bool {
        self.failed.iter().any(|failed| {
            let rest = path.strip_prefix(failed.path.as_str());
            failed.path.is_empty()
                || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("_chunk") || rest.starts_with('/'))
        })
    }
}

/// The way through a folder.
struct Walk {
    top: PathBuf,
    /// What was read, by its own path in the file system.
    seen: BTreeSet<PathBuf>,
    /// Links and the paths that they have below the folder; they come after what is in the folder itself.
    links: VecDeque<(PathBuf, String)>,
    folder: Folder,
}

impl Walk {
    /// Reads a directory, which is `below` the folder.
    fn enter(&mut self, directory: &Path, below: String) {
        if !self.seen.insert(directory.to_owned()) {
            return;
        }
        let entries = fs::read_dir(directory).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.folder.fail(below.trim_end_matches('/').to_owned(), error),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name();
            let path = format!("{below}{}", name.to_string_lossy());
            if name.to_string_lossy().starts_with('.') {
                continue;
            }
            match entry.file_type() {
                Err(error) => self.folder.fail(path, error),
                Ok(_) if name.to_str().is_none() => self.folder.fail(path, "its name is not UTF-8"),
                Ok(kind) if kind.is_dir() => self.enter(&entry.path(), format!("{path}/")),
                Ok(kind) if kind.is_symlink() => self.links.push_back((entry.path(), path)),
                Ok(kind) if kind.is_file() => self.read(entry.path(), path),
                Ok(_) => self.folder.ignored.push(path),
            }
        }
    }

    fn read(&mut self, file: PathBuf, path: String) {
        if self.seen.insert(file.clone()) {
            self.folder.take(&file, path);
        } else {
            self.folder.ignored.push(path);
        }
    }

    fn follow(&mut self, link: &Path, path: String) {
        let target = link.canonicalize();
        match target.and_then(|target| Ok((fs::metadata(&target)?, target))) {
            // A picture, wherever it may be.
            Err(_) if is_other_kind(&path) => self.folder.ignored.push(path),
            Err(error) => self.folder.fail(path, format!("its link leads nowhere: {error}")),
            Ok((kind, target)) if !target.starts_with(&self.top) => {
                if kind.is_file() && Format::of(&path).is_none() {
                    self.folder.ignored.push(path);
                } else {
                    self.folder.fail(path, "its link leads out of the folder");
                }
            }
            Ok((kind, target)) if kind.is_dir() => self.enter(&target, format!("{path}/")),
            Ok((kind, target)) if kind.is_file() => self.read(target, path),
            Ok(_) => self.folder.ignored.push(path),
        }
    }
}

/// Whether a name is that of a file which is no knowledge, and not that of a folder.
fn is_other_kind(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.contains('.') && Format::of(name).is_none()
}

fn text(file: &Path) -> std::result::Result<String, String> {
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    if length > BYTES_MAX {
        return Err(format!("it has {length} bytes, more than {BYTES_MAX}"));
    }
    let bytes = fs::read(file).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| format!("it is not UTF-8 at byte {}", error.utf8_error().valid_up_to()))
}
