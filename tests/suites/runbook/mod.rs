//! What operators do: the runbook, line by line; a restore drill; secrets that change under load; the variables.

mod drill;
mod page;
mod rotation;
mod variables;
