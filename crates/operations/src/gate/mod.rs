//! Deciding at a gate, from whichever channel: every decision goes through [`decide`].
//!
//! ```text
//! request   what a person sends: a form, or JSON        policy    what the gate's policy has against somebody
//! commit    decides by the core, and commits            refusal   why not, in HTTP
//! link      signed links                                page      what a person is shown before, and `outcome_page` after
//! ```

mod commit;
pub mod inbox;
pub mod layout;
pub mod link;
pub mod outcome_page;
pub mod page;
pub mod policy;
pub mod refusal;
pub mod request;

pub use commit::{Decider, GateStanding, decide};
pub use request::DecisionRequest;
