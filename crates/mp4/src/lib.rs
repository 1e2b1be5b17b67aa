//! Reads the head of an MP4: where its movie is, which tracks it has, how long it plays. A worker's word is not enough for the
//! control plane, and it has no FFmpeg: this is what it can check by itself from the first bytes of a file and its size.
//!
//! The bytes are a stranger's: nothing is indexed, nothing is reserved by a size that they claim, no call descends deeper than
//! the six levels of boxes that are known, and every loop takes at least eight bytes a turn.

mod boxes;
mod judge;
mod movie;

pub use judge::{Expected, Mismatch, TOLERANCE_SECONDS};
pub use movie::{Kind, Movie, Track};

/// As much as a control plane should read: the movie box of 60 seconds at 30 frames a second is about 40 kB.
pub const HEAD: usize = 1 << 20;

/// Why a file is refused before anybody plays it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the file is empty")]
    Empty,
    #[error("the file is not an MP4")]
    NotMp4,
    #[error("the file is cut off: its boxes need {needed} bytes and it has {size}")]
    CutOff { needed: u64, size: u64 },
    #[error("the media comes before the movie box, so that players must load the whole file first")]
    NotFastStart,
    #[error("the movie box does not end within the first {0} bytes")]
    HeadTooShort(usize),
    #[error("the file has no media")]
    NoMedia,
    #[error("a box of the file is malformed: {0}")]
    Malformed(&'static str),
}

/// What the file says of itself. `head` are its first bytes, at most [`HEAD`]; `size` is how long the whole file is.
pub fn read(head: &[u8], size: u64) -> Result<Movie, Fault> {
    if size == 0 {
        return Err(Fault::Empty);
    }
    movie::read(head, size)
}
