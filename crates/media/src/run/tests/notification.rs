use crate::notification::{Asked, Notice, Occasion, QUOTE_CHARS_MAX, message, quote};
use crate::run::testing::*;
use crate::run::*;
use crate::status::*;
use time::Duration;

fn opening_of(run: &Run) -> Occasion {
    let open = &run.gates[0];
    Occasion::GateOpened { gate: open.gate, opening: open.opening }
}

#[test]
fn an_open_gate_asks_and_says_what_and_until_when() {
    let run = at_gate(gate("prepublish"));
    let open = run.gates[0].clone();
    let message = message(&run, opening_of(&run)).unwrap();
    assert_eq!(message.title, "Publish this video?");
    assert_eq!(message.asked, Some(Asked { gate: open.gate, opening: open.opening }));
    let video = run.body.render_url.as_deref().unwrap();
    for part in [open.summary.as_str(), video, "marked as made by AI on tiktok", "Open until 20", &run.run_id] {
        assert!(message.text.contains(part), "{part}: {}", message.text);
    }
}

#[test]
fn nobody_is_asked_about_what_was_decided_meanwhile() {
    let run = at_gate(gate("workflow"));
    let asked = opening_of(&run);
    let Occasion::GateOpened { gate: name, opening } = asked else { panic!("{asked:?}") };
    let next = decide_with(&run, Command::DecideGate(approve(gate("workflow"))));
    assert_eq!(message(&next, asked), None);
    assert_eq!(message(&next, Occasion::GateWarned { gate: name, opening }), None);
    let told = message(&next, Occasion::GateDecided { gate: name, opening }).unwrap();
    assert_eq!((told.title.as_str(), told.asked), ("operator approved the workflow gate", None));
}

#[test]
fn a_rejection_is_told_once_with_who_and_why() {
    let run = at_gate(gate("ideate"));
    let decision =
        GateDecision { verdict: Verdict::Reject, comment: Some("too dull".into()), ..approve(gate("ideate")) };
    let transition =
        with_context(T0, |context| apply(&run, &Command::DecideGate(decision), "t", context)).unwrap().unwrap();
    let notices = &transition.rows.notifications;
    assert_eq!(
        notices.iter().map(|notice| notice.occasion).collect::<Vec<_>>(),
        [Occasion::RunEnded { end: End::Rejected }]
    );
    let told = message(&transition.run, Occasion::RunEnded { end: End::Rejected }).unwrap();
    assert!(told.text.contains("operator said no at the ideate gate.") && told.text.contains("too dull"));
}

#[test]
fn every_notice_of_a_run_has_a_number_of_its_own() {
    let run = at_gate(gate("workflow"));
    let command = Command::DecideGate(approve(gate("workflow")));
    let transition = with_context(T0, |context| apply(&run, &command, "t", context)).unwrap().unwrap();
    let notices = &transition.rows.notifications;
    assert_eq!(notices.len(), 2, "decided, and the next gate opened");
    assert!(notices[0].seq < notices[1].seq);
    let stored = serde_json::to_value(&notices[1]).unwrap();
    assert_eq!((stored["occasion"].as_str(), stored["gate"].as_str()), (Some("gate_opened"), Some("ideate")));
    assert_eq!(serde_json::from_value::<Notice>(stored).unwrap(), notices[1]);
}

#[test]
fn no_words_of_others_bring_an_address_to_a_notice() {
    let evil = "ask https://evil.example/login";
    let mut run = at_gate(gate("prepublish"));
    run.title = evil.to_owned();
    run.gates[0].summary = evil.to_owned();
    let video = run.body.render_url.clone().unwrap();
    let asked = message(&run, opening_of(&run)).unwrap().text;
    assert!(asked.contains(&video) && asked.matches("https[:]//evil[.]example/login").count() == 2, "{asked}");
    let decision =
        GateDecision { verdict: Verdict::Reject, comment: Some(evil.to_owned()), ..approve(gate("prepublish")) };
    let mut rejected = decide_with(&run, Command::DecideGate(decision));
    rejected.decided.last_mut().unwrap().approver = "www.evil.example".to_owned();
    let told = message(&rejected, Occasion::RunEnded { end: End::Rejected }).unwrap().text;
    assert!(!told.contains("evil.example") && told.contains("www[.]evil[.]example said no"), "{told}");
}

#[test]
fn long_words_are_cut_and_old_news_is_none() {
    assert_eq!(quote(&"é".repeat(QUOTE_CHARS_MAX)).chars().count(), QUOTE_CHARS_MAX);
    assert_eq!(quote(&"é".repeat(QUOTE_CHARS_MAX + 5)).chars().count(), QUOTE_CHARS_MAX + 1);
    let notice = Notice { seq: 1, occasion: Occasion::RunEnded { end: End::Failed }, at: T0 };
    assert!(!notice.is_old(T0 + Duration::hours(24)) && notice.is_old(T0 + Duration::hours(25)));
}
