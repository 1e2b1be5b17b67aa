//! The kernel's promises, seen by whoever does not know the kind.

use crate::run::Render;
use crate::run::testing::{T0, claim, started, with_context};
use crate::work::Place;
use mw_kernel::run::{Facts, KindOf, Kinds, Order};
use mw_kernel::status::End;
use serde_json::json;

const KINDS: Kinds = Kinds(&[&KindOf::<Render>::new()]);

#[test]
fn whoever_does_not_know_the_kind_can_end_and_explain_it() {
    let run = claim(&started(json!({})), Place::Segment(0));
    let erased = run.erase().unwrap();
    let kind = KINDS.of(&erased).unwrap();
    assert_eq!(kind.why(&erased, &Facts::default()).unwrap(), run.why(&Facts::default()));
    assert_eq!(kind.goes_on_at(&erased).unwrap().as_deref(), Some("render"));
    for (order, end) in [(Order::Terminate, End::Failed), (Order::Cancel, End::Cancelled)] {
        let ended = with_context(T0, 9, |context| kind.order(&erased, &order, "why", "ann", context)).unwrap().unwrap();
        assert_eq!((ended.run.end, ended.run.deadline), (Some(end), None));
    }
}

#[test]
fn an_order_carries_the_job_and_its_plan() {
    let payload = <Render as mw_kernel::Kind>::payload(&started(json!({})));
    assert_eq!((&payload["project"], &payload["attempt"]), (&json!("product_hero_clean"), &json!(1)));
    assert_eq!(payload["spec"]["render_spec_version"], 1);
}
