//! Channels in which people talk to us and decide: Telegram and Slack. A pressed button is decided here (`button`), as on every other
//! way in by `mw_operations::gate`.

mod button;
pub mod slack;
pub mod telegram;
