//! Routes of gates: to decide by a link or a key (`approve`), the inbox of open gates (`inbox`), and a fresh link (`link`).

pub mod approve;
pub mod inbox;
pub mod link;

use mw_edge::shape;
use mw_kernel::status::GateName;

shape! {
    pub struct GatePath {
        /// The run.
        pub run_id: String,
        /// The gate, as the project names it.
        pub gate: GateName,
    }
}
