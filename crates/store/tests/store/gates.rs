//! The inbox: the gates that wait, in pages, the most urgent first.

use crate::fixture::*;
use mw_media::gate;
use mw_media::run::Command;
use mw_media::status::{GateName, ProvidersMode};
use mw_store::gates::{Filter, Place, open};
use mw_store::native::Client;

/// The runs whose gates wait, in pages of this size.
fn waiting(db: &mut Client, filter: &Filter, limit: u32) -> Vec<Vec<String>> {
    let (mut pages, mut after) = (Vec::new(), None::<Place>);
    loop {
        let page = open(db, &Filter { after, ..filter.clone() }, limit).unwrap();
        pages.push(page.gates.into_iter().map(|waiting| waiting.run.run_id).collect());
        after = page.next;
        if after.is_none() {
            return pages;
        }
    }
}

/// Runs at their first gate, with an hour between their deadlines; each is another's number of the list.
fn at_first_gates(db: &mut Client, projects: &[&str]) -> Vec<String> {
    let runs = projects.iter().map(|project| started(db, project, ProvidersMode::Mock).run_id);
    let runs: Vec<String> = runs.collect();
    for (hours, run_id) in (1..).zip(&runs) {
        let sql = "UPDATE gates SET deadline = now() + make_interval(hours => $2) WHERE run_id = $1";
        db.driver().execute(sql, &[run_id, &hours]).unwrap();
    }
    runs
}

#[test]
fn pages_of_the_inbox_follow_each_other_by_deadline() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let runs = at_first_gates(&mut db, &["aismr", "test_video_gen", "aismr"]);
    assert_eq!(waiting(&mut db, &Filter::default(), 2), [&runs[..2], &runs[2..]]);
    assert_eq!(waiting(&mut db, &Filter::default(), 3), [&runs[..]], "a full page may be the last");
}

#[test]
fn gates_of_one_deadline_come_in_one_order() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let mut runs = at_first_gates(&mut db, &["aismr"; 3]);
    db.driver().batch_execute("UPDATE gates SET deadline = now() + interval '1 hour'").unwrap();
    runs.sort();
    assert_eq!(waiting(&mut db, &Filter::default(), 1).concat(), runs);
}

#[test]
fn the_inbox_has_what_its_filter_names() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let runs = at_first_gates(&mut db, &["aismr", "test_video_gen", "test_video_gen"]);
    let approved = loaded(&mut db, &runs[1]);
    tell(&mut db, &approved, &approve(gate!("workflow"), "operator"));
    let of_project = Filter { project: Some("aismr".into()), ..Filter::default() };
    assert_eq!(waiting(&mut db, &of_project, 9).concat(), &runs[..1]);
    let at = |gate: GateName| Filter { gate: Some(gate), ..Filter::default() };
    assert_eq!(waiting(&mut db, &at(gate!("workflow")), 9).concat(), [runs[0].clone(), runs[2].clone()]);
    assert_eq!(waiting(&mut db, &at(gate!("ideate")), 9).concat(), &runs[1..2]);
}

#[test]
fn a_gate_whose_run_has_ended_waits_no_more() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let runs = at_first_gates(&mut db, &["aismr", "aismr"]);
    let ended = loaded(&mut db, &runs[0]);
    tell(&mut db, &ended, &Command::Cancel { reason: "r".into(), actor: "a".into() });
    assert_eq!(waiting(&mut db, &Filter::default(), 9).concat(), &runs[1..]);
}

#[test]
fn nobody_is_asked_about_a_paused_run() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let runs = at_first_gates(&mut db, &["aismr", "aismr"]);
    let held = loaded(&mut db, &runs[0]);
    let pause = Command::Pause { reason: "r".into(), actor: "a".into(), until: now() + time::Duration::DAY };
    tell(&mut db, &held, &pause);
    assert_eq!(waiting(&mut db, &Filter::default(), 9).concat(), &runs[1..]);
}
