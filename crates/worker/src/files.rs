//! Where the files of a piece of work are: by reference, never by a name that a client chose.

use crate::input::Content;
use crate::program::Failure;
use mw_render::AssetRef;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The files that a spec refers to.
#[derive(Debug, Clone, Default)]
pub struct Files(BTreeMap<AssetRef, PathBuf>);

impl Files {
    pub fn add(&mut self, asset: AssetRef, path: PathBuf) {
        self.0.insert(asset, path);
    }

    /// Links a file into the folder of the work under a name of ours, and says what it is by its content.
    pub fn place(&self, asset: &AssetRef, folder: &Path, name: &str) -> Result<Placed, Failure> {
        let path = self.0.get(asset).ok_or_else(|| Failure::Input(format!("{asset} is not there")))?;
        place(path, folder, name)
    }
}

/// A file in the folder of the work.
#[derive(Debug, Clone)]
pub struct Placed {
    pub name: String,
    pub content: Content,
}

pub fn place(path: &Path, folder: &Path, name: &str) -> Result<Placed, Failure> {
    let unreadable = |error| Failure::Io("an input cannot be read", error);
    let path = path.canonicalize().map_err(unreadable)?;
    let content = Content::of_file(&path).map_err(unreadable)?;
    let content = content
        .ok_or_else(|| Failure::Input(format!("{name} is neither a picture, a sound nor a video that is known")))?;
    let link = folder.join(name);
    let _ = std::fs::remove_file(&link);
    std::os::unix::fs::symlink(&path, link).map_err(|error| Failure::Io("an input cannot be linked", error))?;
    Ok(Placed { name: name.to_owned(), content })
}

impl Placed {
    pub fn image(self) -> Result<Placed, Failure> {
        if self.content.is_image() { Ok(self) } else { Err(Failure::Input(format!("{} is no picture", self.name))) }
    }

    pub fn sound(self) -> Result<Placed, Failure> {
        if self.content.is_sound() { Ok(self) } else { Err(Failure::Input(format!("{} is no sound", self.name))) }
    }

    pub fn video(self) -> Result<Placed, Failure> {
        if self.content == Content::Mp4 { Ok(self) } else { Err(Failure::Input(format!("{} is no MP4", self.name))) }
    }

    /// The arguments that open it: as what it is, with files only, and no larger than a picture may be.
    pub fn open(&self) -> Vec<std::ffi::OsString> {
        let mut open = crate::args!["-protocol_whitelist", "file", "-f", self.content.format()];
        if self.content.is_image() {
            open.extend(crate::args!["-max_pixels", "16777216"]);
        }
        open.extend(crate::args!["-i", &self.name]);
        open
    }
}
