use crate::fixture::*;
use mw_core::run::PersonaSource;
use mw_core::status::{GateName, ProvidersMode, Status};
use serde_json::json;

pub(crate) fn canned(engine: &Engine) {
    let answers = json!({
        "ideate": {"summary": "Two cats.", "headers": ["Cat A", "Cat B"]},
        "write": {"summary": "Prompts.", "prompts": ["first prompt", "second prompt"]},
        "edit": {"summary": "Cut."},
        "caption": {"summary": "Caption.", "caption": "Two cats!", "title": "Cats"},
    });
    ureq::post(format!("{}/_sim/llm", engine.sim)).send_json(&answers).unwrap();
}

#[test]
fn the_models_words_become_the_run() {
    let mut engine = Engine::new();
    canned(&engine);
    let run = engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Model);
    engine.approve(&run.run_id, GateName::Workflow);
    let run = engine.carry(&run.run_id);
    assert_eq!(run.status, Status::AwaitingIdeate);
    assert_eq!(run.clips[1].header, "Cat B");
    engine.approve(&run.run_id, GateName::Ideate);
    let run = engine.carry(&run.run_id);
    assert_eq!(run.clips[0].prompt.as_deref(), Some("first prompt"));
    engine.approve(&run.run_id, GateName::Prepublish);
    let run = engine.carry(&run.run_id);
    assert!(is_published(&run));
    assert_eq!(run.caption.as_deref(), Some("Two cats!"));
}

#[test]
fn a_model_that_refuses_fails_the_run_and_no_rule_speaks_for_it() {
    let mut engine = Engine::new();
    engine.fault(&json!({"provider": "openai", "fault": "refusal"}));
    let run = engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Model);
    engine.approve(&run.run_id, GateName::Workflow);
    let run = engine.carry(&run.run_id);
    assert_eq!(run.status, Status::Failed);
    assert!(run.error.unwrap().error_message.starts_with("iggy"));
}

#[test]
fn an_answer_of_the_wrong_shape_is_asked_for_again() {
    let mut engine = Engine::new();
    canned(&engine);
    engine.fault(&json!({"provider": "openai", "fault": "invalid_json_content", "times": 2}));
    let run = engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Model);
    engine.approve(&run.run_id, GateName::Workflow);
    assert_eq!(engine.carry(&run.run_id).status, Status::AwaitingIdeate);
}
