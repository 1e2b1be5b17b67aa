use crate::run::testing::*;
use crate::run::*;

fn effect(state: EffectState) -> OpenEffect {
    OpenEffect {
        kind: EffectKind::Submit,
        provider: "reel-house".into(),
        state,
        attempt: 2,
        due_at: T0,
        job_id: Some("j1".into()),
        unanswered: false,
        last_error: Some("429".into()),
    }
}

#[test]
fn every_state_says_what_it_waits_for_until_when_and_what_can_be_done() {
    for run in every_state() {
        let why = run.why(&Facts::default());
        assert!(!why.waiting_for.is_empty() && !why.then.is_empty() && !why.can.is_empty());
        assert_eq!(why.until, run.deadline);
        assert!(why.can.iter().all(|command| command.starts_with("mw ") && command.contains(&run.run_id)));
    }
}

#[test]
fn a_gate_a_pause_and_work_are_told_apart() {
    let none = Facts::default();
    assert!(at_gate(gate("ideate")).why(&none).waiting_for.starts_with("a person at the ideate gate"));
    assert_eq!(paused(&at_generate()).why(&none).waiting_for, "an operator: ann paused it (r)");
    let maker = at_generate().body.current_step().unwrap().work().unwrap().provider.to_owned();
    let expected = format!("{maker}: 0 of 2 clips are there, 2 not yet accepted");
    assert_eq!(at_generate().why(&none).waiting_for, expected);
    let job_id = job_ids(&at_generate())[0].clone();
    assert!(!job_id.is_empty());
}

#[test]
fn work_in_flight_is_told_with_its_last_error() {
    let told = |effect, facts: &Facts| {
        let facts = Facts { effects: vec![effect], ..facts.clone() };
        at_generate().why(&facts).details.remove(0)
    };
    let words = |state, facts: &Facts| told(effect(state), facts);
    let none = Facts::default();
    assert_eq!(
        words(EffectState::Due, &none),
        format!("submitting job j1 to reel-house: attempt 3 is due at {}; last: 429", rfc3339(T0))
    );
    assert!(words(EffectState::Dead, &none).contains("dead after 2 attempts"));
    assert!(words(EffectState::Held, &none).contains("held while the run is paused"));
    assert!(words(EffectState::Leased, &none).contains("attempt 2 is on its way"));
    let resting = Facts { resting: [("reel-house".to_owned(), "noon".to_owned())].into(), ..none };
    assert!(words(EffectState::Due, &resting).contains("not asked before noon"));
    let lost = OpenEffect { unanswered: true, ..effect(EffectState::Due) };
    assert!(told(lost, &Facts::default()).contains("looked for first"));
}
