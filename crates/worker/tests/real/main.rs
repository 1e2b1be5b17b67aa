//! With the real FFmpeg: files that are refused, the ends of work, and whole jobs.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod corpus;
mod ends;
mod jobs;

use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes a file by FFmpeg, in a folder.
fn ffmpeg(folder: &Path, args: &[&str], name: &str) -> PathBuf {
    let done = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-y"])
        .args(args)
        .arg(name)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    folder.join(name)
}
