//! The kernel's rules, shown on media runs: one file for each.

mod cancel;
mod deadline;
mod extend;
mod gate;
mod notification;
pub(crate) mod order;
mod pause;
mod terminate;
mod trace;
mod warn;
mod why;
