//! The main path: from a message to a published video, in the mode of the environment.

mod definition;
mod path;
mod timeline;
