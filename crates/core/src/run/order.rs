//! What an operator asks for by name. One function for every way in (route, command, bulk) and for the dry run: it
//! decides, and the caller commits or does not. Retry means two things: in an open run the failed jobs go out again; of
//! an ended one a successor opens.

use crate::Timestamp;
use crate::run::state::Run;
use crate::run::successor::Succession;
use crate::run::{Command, Context, Refusal, Transition, apply, succeed};
use crate::status::Verb;

/// A verb with what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    Cancel,
    /// Expires the run when nobody resumes it in time.
    Pause {
        until: Timestamp,
    },
    Resume,
    Terminate,
    Extend {
        until: Timestamp,
    },
    Retry {
        key: String,
        fresh: bool,
    },
    Rerun {
        from: String,
        key: String,
        fresh: bool,
    },
}

impl Order {
    pub fn verb(&self) -> Verb {
        match self {
            Order::Cancel => Verb::Cancel,
            Order::Pause { .. } => Verb::Pause,
            Order::Resume => Verb::Resume,
            Order::Terminate => Verb::Terminate,
            Order::Extend { .. } => Verb::Extend,
            Order::Retry { .. } => Verb::Retry,
            Order::Rerun { .. } => Verb::Rerun,
        }
    }

    /// Decides the order. `None` when the wish is already fulfilled; a transition of another run (`expected_version` 0)
    /// is a successor's birth.
    pub fn decide(
        &self,
        run: &Run,
        reason: &str,
        actor: &str,
        context: &mut Context<'_>,
    ) -> Result<Option<Transition>, Refusal> {
        let (reason, actor) = (reason.to_owned(), actor.to_owned());
        let command = match self {
            Order::Retry { key, fresh } if run.status.is_terminal() => {
                return open(run, None, key, *fresh, &actor, context);
            }
            Order::Rerun { from, key, fresh } => return open(run, Some(from), key, *fresh, &actor, context),
            Order::Retry { .. } => Command::Retry { reason },
            Order::Cancel => Command::Cancel { reason, actor: actor.clone() },
            Order::Pause { until } => Command::Pause { reason, actor: actor.clone(), until: *until },
            Order::Resume => Command::Resume { reason },
            Order::Terminate => Command::Terminate { reason, actor: actor.clone() },
            Order::Extend { until } => Command::Extend { until: *until, reason },
        };
        apply(run, &command, &actor, context)
    }
}

fn open(
    parent: &Run,
    from: Option<&String>,
    key: &str,
    fresh: bool,
    actor: &str,
    context: &mut Context<'_>,
) -> Result<Option<Transition>, Refusal> {
    let wish = Succession { run_id: (context.new_id)(), from: from.cloned(), fresh, key: key.to_owned() };
    succeed(parent, &wish, actor, context).map(Some)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::run::testing::{T0, every_state, with_context};
    use time::Duration;

    /// One order of every verb.
    pub(crate) fn orders() -> Vec<Order> {
        let until = T0 + Duration::days(30);
        let orders = vec![
            Order::Cancel,
            Order::Pause { until },
            Order::Resume,
            Order::Terminate,
            Order::Extend { until },
            Order::Retry { key: String::new(), fresh: false },
            Order::Rerun { from: "workflow".into(), key: String::new(), fresh: false },
        ];
        assert_eq!(orders.iter().map(Order::verb).collect::<Vec<_>>(), Verb::ALL);
        orders
    }

    #[test]
    fn every_verb_in_every_state_moves_the_run_opens_a_successor_changes_nothing_or_is_refused() {
        for run in every_state() {
            for order in orders() {
                let decided = with_context(T0, |context| order.decide(&run, "why", "ann", context));
                let Ok(Some(transition)) = decided else { continue };
                let opened = transition.expected_version == 0;
                assert_eq!(opened, transition.run.run_id != run.run_id);
                assert_eq!(opened, run.status.is_terminal(), "{order:?} in {}: an ended run never moves", run.status);
                assert!(transition.events.iter().all(|event| event.actor == "ann"));
            }
        }
    }

    #[test]
    fn a_verb_that_was_carried_out_changes_nothing_more() {
        for run in every_state().iter().filter(|run| !run.status.is_terminal()) {
            for order in orders() {
                let Ok(Some(moved)) = with_context(T0, |context| order.decide(run, "why", "ann", context)) else {
                    continue;
                };
                let again = with_context(T0, |context| order.decide(&moved.run, "why", "ann", context));
                match again {
                    Ok(None) => {}
                    // The contract of cancel: a second one is told that it came second.
                    Err(Refusal::AlreadyTerminal { .. }) => assert_eq!(order, Order::Cancel),
                    other => panic!("{order:?} in {}: {other:?}", run.status),
                }
            }
        }
    }

    #[test]
    fn terminate_ends_every_open_state() {
        for run in every_state().iter().filter(|run| !run.status.is_terminal()) {
            let ended = with_context(T0, |context| Order::Terminate.decide(run, "why", "ann", context));
            assert!(ended.unwrap().unwrap().run.status.is_terminal());
        }
    }
}
