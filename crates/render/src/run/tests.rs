//! What the contract promises of a render job.

mod claims;
mod fallback;
mod life;
mod model;
mod order;
mod views;
