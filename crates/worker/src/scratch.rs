//! The folder of one piece of work: whatever happens to the work, the folder is gone afterwards.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const PREFIX: &str = "mw-worker-";
const LOCK: &str = "lock";

/// Removed when dropped. A worker that was killed leaves its folder unlocked, and the next one to start removes it.
pub struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// A new folder in `root`, usually the system's folder for temporary files.
    pub fn new(root: &Path) -> io::Result<Scratch> {
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(root)?;
        let lock = File::create(folder.path().join(LOCK))?;
        lock.lock()?;
        Ok(Scratch { folder, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Removes the folders of workers that are no more, and says how many there were.
pub fn sweep(root: &Path) -> io::Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) || !entry.file_type()?.is_dir() {
            continue;
        }
        // Without a lock it is being made, or being removed, at this moment.
        let Ok(lock) = File::open(entry.path().join(LOCK)) else { continue };
        match lock.try_lock() {
            Ok(()) => removed += usize::from(fs::remove_dir_all(entry.path()).is_ok()),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_a_killed_worker_is_swept() {
        let root = tempfile::tempdir().unwrap();
        let living = Scratch::new(root.path()).unwrap();
        let dead = root.path().join("mw-worker-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        fs::create_dir(root.path().join("of-others")).unwrap();
        assert_eq!(sweep(root.path()).unwrap(), 1);
        assert!(living.path().exists() && !dead.exists() && root.path().join("of-others").exists());
        let path = living.path().to_owned();
        drop(living);
        assert!(!path.exists());
    }
}
