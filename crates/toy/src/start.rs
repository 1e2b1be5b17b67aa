//! How a counting run begins, anew or after another.

use crate::{Counter, Plan, open_gates};
use mw_kernel::Kind;
use mw_kernel::gate_policy::GatePolicy;
use mw_kernel::run::{Context, Decided, DefinitionRef, Draft, Event, Run, Started, Succession, record};
use mw_kernel::status::ProvidersMode;

/// Starts a run that counts to a number.
pub fn start(run_id: &str, target: u32, policy: &GatePolicy, context: &mut Context<'_>) -> Decided<Counter> {
    let started = Started {
        kind: Counter::NAME.to_owned(),
        definition: DefinitionRef { key: "counting".into(), version: "1".into(), digest: "0".repeat(64) },
        title: format!("Count to {target}"),
        user_id: "user-1".to_owned(),
        started_by: Some("starter".to_owned()),
        mode: ProvidersMode::Mock,
        parent: None,
        plan: Plan { target },
    };
    record(Run::empty(run_id.to_owned()), begin(run_id, started, policy, context), context.now, "user-1")
}

/// The events of a run that counts anew after another.
pub fn successor(parent: &Run<Counter>, wish: &Succession, context: &mut Context<'_>) -> Vec<Event<Counter>> {
    let started = Started::after(parent, wish.key.clone(), Vec::new(), Plan { target: parent.body.target });
    begin(&wish.run_id, started, &GatePolicy::default(), context)
}

fn begin(run_id: &str, started: Started<Plan>, policy: &GatePolicy, context: &mut Context<'_>) -> Vec<Event<Counter>> {
    let mut draft = Draft::of(&Run::empty(run_id.to_owned()));
    draft.push(Event::Started(Box::new(started)), context);
    open_gates(&mut draft, policy, context);
    draft.events
}
