use crate::run::testing::*;
use crate::run::*;
use crate::status::*;
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
