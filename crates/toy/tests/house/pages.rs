//! What people and programs are shown of a counting run: the inbox, its page and timeline, `why`, lists, and the metrics.

use crate::house::{House, hidden};
use crate::life::counting;
use mw_toy::GATES;

#[test]
fn the_console_shows_its_gates_and_takes_a_decision() {
    let house = House::new();
    let run_id = house.start(2);
    let cookie = house.sign_in();
    let inbox = house.page(&cookie, "/console");
    assert_eq!(inbox.matches("Count to 2?").count(), 2, "a card for each gate");
    assert!(inbox.contains("first_check of counting to 2.") && inbox.contains("second_check of counting to 2."));
    let (token, subject) = (hidden(&inbox, "token"), hidden(&inbox, "subject_sha256"));
    let form = format!("token={token}&opening=1&subject_sha256={subject}&decision=approve&from=run");
    let back = house.press(&cookie, &format!("/console/runs/{run_id}/gates/{}", GATES[0]), &form);
    let page = house.page(&cookie, &back);
    assert!(page.contains("Approved. It goes on.") && page.contains("Approved at the first_check gate"), "{page}");
    assert_eq!(house.run(&run_id).gates.len(), 1);
}

#[test]
fn the_page_of_a_run_shows_its_steps_timeline_and_parts() {
    let mut house = House::new();
    let run_id = counting(&house, 2);
    house.dispatch();
    let cookie = house.sign_in();
    let page = house.page(&cookie, &format!("/console/runs/{run_id}"));
    for text in [
        "Count to 2",
        "<span class=\"chip off\">resting</span>",
        "its timer",
        "Counted 1",
        "Counted 2",
        "Approved at the second_check gate",
        "<h2 id=\"clips-title\">Numbers</h2>",
        "number 2",
        "<span class=\"name\">rest</span>",
    ] {
        assert!(page.contains(text), "no {text:?} in {page}");
    }
    let cancelled = house.press(&cookie, &format!("/console/runs/{run_id}/verbs/cancel"), &token_of(&page));
    assert!(house.page(&cookie, &cancelled).contains("cancelled here"));
}

fn token_of(page: &str) -> String {
    format!("token={}", hidden(page, "token"))
}

#[test]
fn lists_filter_by_its_own_words() {
    let house = House::new();
    let (waiting, working) = (house.start(1), counting(&house, 1));
    let cookie = house.sign_in();
    let page = house.page(&cookie, "/console/runs?status=checking");
    assert!(page.contains(&waiting) && !page.contains(&working) && page.contains("waits: two checks"));
    let listed = house.json("GET", "/v1/runs?status=counting", "");
    assert_eq!((listed["runs"].as_array().unwrap().len(), &listed["runs"][0]["runId"]), (1, &working.into()));
    let refused = house.ask("GET", "/v1/runs?status=published", "").err().unwrap();
    assert!(refused.detail.contains("'checking'"), "{}", refused.detail);
    let left = house.json("GET", "/admin/drain", "");
    assert_eq!((&left["left"]["runs"]["counting"], &left["left"]["waiting_for_people"]), (&1.into(), &1.into()));
}

#[test]
fn why_says_what_it_waits_for() {
    let house = House::new();
    let run_id = house.start(2);
    let why = house.json("GET", &format!("/v1/runs/{run_id}/why"), "");
    assert_eq!(why["waitingFor"], "a person at the first_check gate: first_check of counting to 2.");
    assert!(why["details"].to_string().contains("and for a person at the second_check gate"));
    let working = counting(&house, 2);
    let why = house.json("GET", &format!("/v1/runs/{working}/why"), "");
    assert_eq!((&why["waitingFor"], &why["status"]), (&"counting to 1".into(), &"counting".into()));
    assert_eq!(why["details"][0].as_str().unwrap().split(':').next(), Some("the work that mock does"));
}

#[test]
fn agents_find_its_gates_in_their_inbox() {
    let house = House::new();
    let run_id = house.start(2);
    let gates = house.json("GET", "/v1/gates?project=counting", "");
    let gates = gates["gates"].as_array().unwrap();
    assert_eq!(gates.iter().map(|gate| gate["gateId"].as_str().unwrap()).collect::<Vec<_>>(), GATES);
    assert_eq!((&gates[0]["runId"], &gates[0]["brief"]["target"]), (&run_id.clone().into(), &2.into()));
    let ignored = house.json("POST", &format!("/v1/gates/{run_id}/{}", GATES[1]), r#"{"type":"ignore"}"#);
    assert_eq!(ignored["status"], "rejected");
}

#[test]
fn it_is_shown_and_its_timeline_with_it() {
    let house = House::new();
    let run_id = counting(&house, 1);
    let shown = house.json("GET", &format!("/v1/runs/{run_id}"), "");
    assert_eq!((&shown["status"], &shown["result"]["count"]), (&"counting".into(), &0.into()));
    let timeline = house.json("GET", &format!("/v1/runs/{run_id}/events"), "");
    let names: Vec<&str> =
        timeline["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    let gates = ["gate.opened", "gate.opened", "gate.decided", "gate.decided"];
    assert_eq!(names, [&["run.started"][..], &gates, &["count.requested"]].concat());
}

#[test]
fn metrics_count_it() {
    let mut house = House::new();
    let run_id = counting(&house, 1);
    house.dispatch();
    house.order(&run_id, &mw_kernel::run::Order::Cancel).unwrap();
    house.start(1);
    house.sweep();
    let metrics = String::from_utf8(house.ask("GET", "/metrics", "").unwrap().body).unwrap();
    for line in [
        "runs_started_total{project=\"counting\"} 2",
        "runs_finished_total{project=\"counting\",status=\"cancelled\"} 1",
        "gates_open{gate=\"second_check\"} 1",
    ] {
        assert!(metrics.contains(line), "no {line} in {metrics}");
    }
}
