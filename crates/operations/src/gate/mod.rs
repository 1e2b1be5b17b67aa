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

pub use commit::{Decider, Decision, GateStanding, decide};
pub use request::DecisionRequest;

use mw_edge::Problem;
use mw_edge::refusal::of_run;
use mw_kernel::run::{AnyRun, Brief, Kinds, OpenGate};
use serde_json::Value;

/// What is decided about at an open gate.
pub fn brief(kinds: Kinds, run: &AnyRun, open: &OpenGate) -> Result<Brief<Value>, Problem> {
    kinds.of(run).and_then(|kind| kind.brief(run, open)).map_err(|refusal| of_run(&refusal))
}
