//! What the contract promises of a render job.

mod claims;
mod fallback;
mod life;
mod model;
mod observe;
mod order;
mod views;
