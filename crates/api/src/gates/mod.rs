//! Routes of gates: to decide by a link or a key (`approve`), the inbox of open gates (`inbox`), and a fresh link (`link`).

pub mod approve;
pub mod inbox;
pub mod link;
