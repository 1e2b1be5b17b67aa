//! Channels in which people talk to us and decide: Telegram and Slack. A pressed button is decided here (`button`), as on every other
//! way in by `mw_operations::gate`; a message that was changed amends the run that it started (`amend`).

mod amend;
mod button;
pub mod slack;
pub mod telegram;
