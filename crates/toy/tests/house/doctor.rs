//! The doctor looks at counting runs: well ones are well, and whoever puts a hand into the tables is noticed.

use crate::house::House;
use crate::life::counting;
use mw_store::doctor::{Invariant, Rebuilt, Scope, rebuild};
use mw_toy::KINDS;
use time::Duration;

fn found(house: &House, run_id: &str) -> Vec<Invariant> {
    let mut found: Vec<_> = house.findings(&Scope::run(run_id)).into_iter().map(|finding| finding.invariant).collect();
    found.sort();
    found
}

fn sql(house: &House, sql: &str, run_id: &str) {
    // Nobody of ours does this: the timeline is guarded.
    let mut db = house.db();
    db.driver().batch_execute("ALTER TABLE run_events DISABLE TRIGGER run_events_guard").unwrap();
    assert_eq!(db.driver().execute(sql, &[&run_id]).unwrap(), 1, "{sql}");
}

#[test]
fn runs_in_every_state_are_well() {
    let mut house = House::new();
    let waiting = house.start(2);
    let paused = house.start(2);
    house
        .order(&paused, &mw_kernel::run::Order::Pause { until: mw_engine::World::now(&house) + Duration::days(1) })
        .unwrap();
    let resting = counting(&house, 1);
    house.dispatch();
    let working = counting(&house, 2);
    let ended = house.start(1);
    house.order(&ended, &mw_kernel::run::Order::Cancel).unwrap();
    assert_eq!(house.findings(&Scope::default()), []);
    // A run that rests has nothing due, and only its kind knows that this is well.
    assert_eq!(house.status(&resting), "resting");
    let lost = "UPDATE outbox SET state = 'fenced' WHERE run_id = $1";
    sql(&house, lost, &working);
    assert_eq!(found(&house, &working), [Invariant::RunStuck]);
    assert_eq!(found(&house, &waiting), []);
}

#[test]
fn a_tampered_event_is_found() {
    let house = House::new();
    let run_id = counting(&house, 2);
    sql(
        &house,
        "UPDATE run_events SET body = replace(body, '\"target\":2', '\"target\":9') WHERE run_id = $1 AND seq = 1",
        &run_id,
    );
    assert!(found(&house, &run_id).contains(&Invariant::TimelineTampered));
    assert!(found(&house, &run_id).contains(&Invariant::StateDiffers));
    let now = mw_engine::World::now(&house);
    assert!(matches!(rebuild(&mut house.db(), KINDS, now, &run_id).unwrap(), Rebuilt::Untrusted(_)));
}

#[test]
fn a_tampered_state_is_found_and_rebuilt_from_the_timeline() {
    let house = House::new();
    let run_id = counting(&house, 2);
    let before = house.run(&run_id);
    sql(&house, "UPDATE runs SET state = jsonb_set(state, '{body,count}', '7') WHERE run_id = $1", &run_id);
    assert_eq!(found(&house, &run_id), [Invariant::StateDiffers]);
    let now = mw_engine::World::now(&house);
    assert_eq!(rebuild(&mut house.db(), KINDS, now, &run_id).unwrap(), Rebuilt::Done);
    assert_eq!((house.run(&run_id), found(&house, &run_id)), (before, Vec::new()));
}

#[test]
fn a_body_that_nobody_can_read_is_found_and_can_be_ended() {
    let house = House::new();
    let run_id = house.start(1);
    sql(&house, "UPDATE runs SET state = state #- '{body,target}' WHERE run_id = $1", &run_id);
    assert_eq!(found(&house, &run_id), [Invariant::StateUnreadable]);
    let refused = house.ask("POST", &format!("/v1/runs/{run_id}/cancel"), "{}").err().unwrap();
    assert_eq!(refused.code, "run-unreadable");
    let ended = house.json("POST", &format!("/v1/runs/{run_id}/terminate"), "{}");
    assert_eq!(ended["status"], "failed");
}
