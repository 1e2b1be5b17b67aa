//! What several features share beyond the edge: one concept, one place.
//!
//! ```text
//! gate/    deciding at a gate: request, policy, commit, page, link
//! start/   starting a run                     verbs/   what operators do to runs, one or many
//! turn/    asking Brendan for a chat turn     runs/    loading, changing and showing runs
//! projects, dead_letters, drain               the same on every way in
//! ```

pub mod dead_letters;
pub mod drain;
pub mod gate;
pub mod projects;
pub mod runs;
pub mod start;
pub mod turn;
pub mod verbs;
