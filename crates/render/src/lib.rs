//! Render jobs: one prompt with its pictures and sounds becomes one verified video, made by workers that may die. Pure functions
//! over plain data; the names and rules are those of the contract.
//!
//! - [`presets`]: the named styles of videos. [`job`]: the body of a job, its limits and what is wrong with it.
//! - [`plan`]: the segments of a video, their prompts, and when which caption stands. [`asset`]: references to files.
//! - [`engine`]: who can make a segment, and what a policy allows. [`spec`]: what a worker is handed for each piece of work.
//! - [`failure`]: why work failed, and what follows. [`verify`]: whether a file is the video that was asked for.
//! - [`work`]: pieces of work, their limits and leases. [`run`]: the state machine of a job.

pub mod asset;
pub mod engine;
pub mod failure;
pub mod job;
pub mod plan;
pub mod presets;
pub mod run;
pub mod spec;
pub mod verify;
pub mod work;

pub use asset::AssetRef;
pub use engine::{Engine, Policy};
pub use failure::FailureCode;
pub use job::{JobBody, JobDefaults, JobRefusal};
pub use presets::{Archetype, Preset};
pub use spec::{AssemblySpec, RenderSpec, SegmentSpec, TemplateSpec, WorkSpec};
