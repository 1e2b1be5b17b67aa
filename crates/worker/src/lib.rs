//! The native render worker: from the spec of a piece of work to a verified file, by FFmpeg and ffprobe from the system.
//!
//! - [`program`]: how the programs are run. [`scratch`]: the folder of one piece of work. [`input`], [`probe`]: what a file is.
//! - [`scene`]: one segment, and the plain template. [`assembly`]: the whole video of its segments, with [`captions`] and [`sound`].
//! - [`verify`]: whether a file may be delivered. [`render`]: a whole job on this machine. [`check`]: what the machine can do.

pub mod assembly;
pub mod backdrop;
pub mod captions;
pub mod check;
pub mod files;
pub mod fonts;
pub mod input;
pub mod motion;
pub mod probe;
pub mod program;
pub mod render;
pub mod scene;
pub mod scratch;
pub mod sound;
pub mod verify;
pub mod work;
