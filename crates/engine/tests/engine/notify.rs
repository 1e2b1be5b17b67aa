//! People are told: once, in words made when they are sent, and whatever goes wrong there stays there.

use crate::fixture::*;
use mw_media::button::{self, Press};
use mw_media::gate_policy::GatePolicy;
use mw_media::run::{Command, PersonaSource, Run};
use mw_media::status::{GateName, ProvidersMode, Status};
use mw_media::token;
use mw_store::channels::{Kind, add, replay};
use serde_json::{Value, json};
use time::Duration;

/// A world in which one chat and one channel are told of every run.
fn engine() -> Engine {
    let mut engine = Engine::new();
    engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules);
    let now = mw_engine::World::now(&engine);
    add(&mut engine.db(), now, Kind::Telegram, "-100", None).unwrap();
    add(&mut engine.db(), now, Kind::Slack, "C01", None).unwrap();
    engine
}

fn start(engine: &mut Engine) -> Run {
    engine.start("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules)
}

fn sent(engine: &Engine, address: &str) -> Vec<Value> {
    let url = format!("{}/_sim/messages?address={address}", engine.sim);
    let answer: Value = ureq::get(url).call().unwrap().body_mut().read_json().unwrap();
    answer["messages"].as_array().unwrap().iter().map(|message| message["body"].clone()).collect()
}

/// Dispatches until nobody is to be told any more.
fn tell_all(engine: &mut Engine) {
    for _ in 0..40 {
        engine.dispatch();
        if engine.count("SELECT count(*) FROM outbox WHERE kind = 'notify' AND state = 'due'") == 0 {
            return;
        }
        engine.pass_until_due();
    }
    panic!("somebody is never told: {:?}", engine.open_effects());
}

fn states(engine: &Engine, provider: &str) -> Vec<(String, Option<String>)> {
    let sql = "SELECT state, last_error FROM outbox WHERE kind = 'notify' AND provider = $1 ORDER BY effect_id";
    let rows = engine.db().driver().query(sql, &[&provider]).unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Somebody whom Telegram knows by this id, in a state of these words of SQL.
fn person(engine: &Engine, name: &str, id: &str, role: &str, disabled_at: &str) {
    let sql = format!(
        "INSERT INTO principals (name, role, created_at, disabled_at) VALUES ('{name}', '{role}', now(), {disabled_at});
         INSERT INTO principal_identities (channel, identity, name) VALUES ('telegram', '{id}', '{name}')"
    );
    engine.db().driver().batch_execute(&sql).unwrap();
}

/// A run of a user of Telegram, who is told of it in their chat.
fn start_of_chat(engine: &mut Engine, chat: &str) -> Run {
    let mut transition = engine.born("test_video_gen", ProvidersMode::Mock, PersonaSource::Rules);
    transition.run.user_id = format!("telegram_{chat}");
    engine.commit_start(transition)
}

fn page_of(run: &Run) -> String {
    format!("https://myloware.example/console/runs/{}/gates/workflow", run.run_id)
}

#[test]
fn a_chat_that_many_read_gets_buttons_and_the_consoles_page() {
    let mut engine = engine();
    let run = start(&mut engine);
    tell_all(&mut engine);
    let telegram = sent(&engine, "-100").remove(0);
    let slack = sent(&engine, "C01").remove(0);
    assert_eq!(slack["blocks"][1]["elements"][2]["url"], page_of(&run));
    assert!(telegram["text"].as_str().unwrap().contains(&page_of(&run)), "{telegram}");
    assert!(telegram["reply_markup"]["inline_keyboard"][0][0]["callback_data"].is_string());
    assert!(!telegram.to_string().contains("token=") && !slack.to_string().contains("token="));
}

#[test]
fn a_persons_own_chat_gets_what_the_person_may() {
    let mut engine = engine();
    for (name, id, role, disabled_at) in
        [("ann", "11", "approver", "NULL"), ("vic", "21", "viewer", "NULL"), ("gone", "22", "approver", "now()")]
    {
        person(&engine, name, id, role, disabled_at);
    }
    let viewers = start_of_chat(&mut engine, "21");
    for chat in ["11", "22", "99"] {
        start_of_chat(&mut engine, chat);
    }
    tell_all(&mut engine);
    assert!(sent(&engine, "11").remove(0)["text"].as_str().unwrap().contains("/workflow?token="));
    let viewer = sent(&engine, "21").remove(0);
    assert!(viewer["text"].as_str().unwrap().contains(&page_of(&viewers)) && viewer["reply_markup"].is_null());
    assert_eq!((sent(&engine, "22").len(), sent(&engine, "99").len()), (0, 0), "nobody of ours reads there");
}

#[test]
fn who_reads_is_asked_when_the_message_leaves() {
    let mut engine = engine();
    person(&engine, "ann", "11", "approver", "NULL");
    person(&engine, "bob", "12", "approver", "NULL");
    start_of_chat(&mut engine, "11");
    start_of_chat(&mut engine, "12");
    let change = "UPDATE principals SET disabled_at = now() WHERE name = 'ann';
                  UPDATE principals SET role = 'viewer' WHERE name = 'bob'; DELETE FROM channels";
    engine.db().driver().batch_execute(change).unwrap();
    tell_all(&mut engine);
    assert_eq!((sent(&engine, "11").len(), sent(&engine, "-100").len(), sent(&engine, "C01").len()), (0, 0, 0));
    assert!(!sent(&engine, "12").remove(0).to_string().contains("token="));
    assert!(
        states(&engine, "slack").iter().all(|(state, note)| {
            state == "done" && note.as_deref().is_some_and(|note| note.contains("not listed"))
        })
    );
}

#[test]
fn a_link_of_a_quorum_is_in_the_principals_name() {
    let mut engine = engine();
    person(&engine, "ann", "11", "approver", "NULL");
    let policy = GatePolicy { approvals: 2, approvers: vec!["ann".into(), "bob".into()], ..GatePolicy::default() };
    let run = engine.start_with_policy(&policy);
    tell_all(&mut engine);
    let text = sent(&engine, "11").remove(0)["text"].as_str().unwrap().to_owned();
    assert_eq!(approver_of(&engine, &run, &text), "ann");
    assert!(!sent(&engine, "-100").remove(0).to_string().contains("token="));
}

/// In whose name the link in a text decides.
fn approver_of(engine: &Engine, run: &Run, text: &str) -> String {
    let (_, after) = text.split_once("/workflow?token=").unwrap();
    let (token, _) = after.split_once('"').unwrap();
    let now = mw_engine::World::now(engine);
    token::verify(&["a-long-hitl-secret"], &run.run_id, mw_media::gate!("workflow"), token, now).unwrap().approver
}

#[test]
fn an_open_gate_is_told_with_a_link_and_buttons_that_are_signed() {
    let mut engine = engine();
    person(&engine, "ann", "11", "approver", "NULL");
    let run = start_of_chat(&mut engine, "11");
    tell_all(&mut engine);
    let message = sent(&engine, "11").remove(0);
    let text = message["text"].as_str().unwrap();
    assert!(text.contains("Start this run?") && text.contains(&run.run_id), "{text}");
    let (_, after) = text.split_once("/workflow?token=").unwrap();
    let (sent_token, _) = after.split_once('"').unwrap();
    let secret = "a-long-hitl-secret";
    let now = mw_engine::World::now(&engine);
    let claims = token::verify(&[secret], &run.run_id, mw_media::gate!("workflow"), sent_token, now).unwrap();
    assert_eq!((claims.opening, claims.approver.as_str()), (1, "ann"));
    let row = &message["reply_markup"]["inline_keyboard"][0];
    let (effect_id, press) = button::verify(&[secret], row[0]["callback_data"].as_str().unwrap()).unwrap();
    assert_eq!(press, Press::Approve);
    let sql = format!("SELECT count(*) FROM outbox WHERE effect_id = {effect_id} AND run_id = '{}'", run.run_id);
    assert_eq!(engine.count(&sql), 1);
}

#[test]
fn a_whole_run_is_told_from_the_first_gate_to_the_post() {
    let mut engine = engine();
    let run = start(&mut engine);
    for gate in ["workflow", "ideate", "prepublish"] {
        let gate = GateName::parse(gate).unwrap();
        engine.carry(&run.run_id);
        tell_all(&mut engine);
        engine.approve(&run.run_id, gate);
    }
    assert!(is_published(&engine.carry(&run.run_id)));
    tell_all(&mut engine);
    let titles: Vec<String> = sent(&engine, "C01")
        .iter()
        .map(|body| body["text"].as_str().unwrap().lines().next().unwrap().to_owned())
        .collect();
    let expected = [
        "Start this run?",
        "operator approved the workflow gate",
        "Make these clips?",
        "operator approved the ideate gate",
        "Publish this video?",
        "operator approved the prepublish gate",
        "Your video is published",
    ];
    assert_eq!(titles, expected);
    assert_eq!(engine.findings(mw_store::doctor::Scope::run(&run.run_id)), []);
}

#[test]
fn what_was_decided_before_it_went_out_is_not_asked() {
    let mut engine = engine();
    let run = start(&mut engine);
    engine.tell(&run.run_id, &Command::Cancel { reason: "r".into(), actor: "a".into() });
    tell_all(&mut engine);
    assert_eq!(sent(&engine, "-100"), Vec::<Value>::new());
    let (state, note) = states(&engine, "telegram").remove(0);
    assert!(state == "done" && note.unwrap().starts_with("overtaken"));
}

#[test]
fn a_failed_send_is_tried_again_and_never_touches_the_run() {
    let mut engine = engine();
    engine.fault(&json!({"provider": "telegram", "fault": "status_429", "retry_after_seconds": 7, "times": 1}));
    engine.fault(&json!({"provider": "slack", "fault": "status_500", "times": 2}));
    let run = start(&mut engine);
    let before = engine.run(&run.run_id);
    engine.dispatch();
    assert_eq!(sent(&engine, "-100").len(), 0);
    tell_all(&mut engine);
    assert_eq!((sent(&engine, "-100").len(), sent(&engine, "C01").len()), (1, 1));
    assert_eq!(engine.run(&run.run_id), before);
}

#[test]
fn what_cannot_be_delivered_is_dead_visible_and_sent_on_demand() {
    let mut engine = engine();
    engine.fault(&json!({"provider": "telegram", "fault": "message_refused", "times": 1}));
    let run = start(&mut engine);
    tell_all(&mut engine);
    let (state, error) = states(&engine, "telegram").remove(0);
    assert!(state == "dead" && error.unwrap().contains("blocked by the user"));
    assert_eq!(engine.run(&run.run_id).status, Status::PendingWorkflow);
    let facts = mw_store::runs::facts(&mut engine.db(), KINDS, &run.run_id).unwrap().unwrap();
    let why = typed(&facts.run).why(&facts.facts);
    assert!(why.details.iter().any(|line| line.contains("telling somebody over telegram: dead")), "{why:?}");
    assert_eq!(engine.findings(mw_store::doctor::Scope::run(&run.run_id)), []);
    let now = mw_engine::World::now(&engine);
    assert_eq!(replay(&mut engine.db(), now, None, 10).unwrap().acted, 1);
    tell_all(&mut engine);
    assert_eq!(sent(&engine, "-100").len(), 1);
}

#[test]
fn a_messenger_that_is_down_stops_no_provider_and_is_given_up_after_a_day() {
    let mut engine = engine();
    engine.fault(&json!({"provider": "telegram", "fault": "status_500"}));
    let run = engine.generating("test_video_gen");
    let run = engine.carry(&run.run_id);
    assert_eq!(run.status, Status::AwaitingPrepublish);
    for _ in 0..8 {
        engine.dispatch();
        engine.pass_until_due();
    }
    let breakers = "SELECT count(*) FROM provider_states WHERE breaker <> 'closed' AND provider = 'telegram'";
    assert_eq!(engine.count(breakers), 1);
    assert_eq!(engine.count("SELECT count(*) FROM provider_states WHERE breaker <> 'closed'"), 1);
    engine.ahead += Duration::hours(25);
    ureq::delete(format!("{}/_sim/faults", engine.sim)).call().unwrap();
    tell_all(&mut engine);
    assert_eq!(sent(&engine, "-100"), Vec::<Value>::new());
    let told = states(&engine, "telegram");
    assert!(told.iter().any(|(state, why)| state == "dead" && why.as_deref().unwrap_or("").contains("within a day")));
}

#[test]
fn without_a_bot_token_nobody_is_told_and_nothing_is_tried_again() {
    let mut engine = engine();
    engine.settings.notify.bots.remove("telegram");
    start(&mut engine);
    tell_all(&mut engine);
    let told = states(&engine, "telegram");
    assert_eq!(told, [("done".to_owned(), Some("no bot token".to_owned()))]);
    assert_eq!(sent(&engine, "C01").len(), 1);
}

#[test]
fn a_paused_run_still_tells() {
    let mut engine = engine();
    let run = start(&mut engine);
    let until = mw_engine::World::now(&engine) + Duration::days(1);
    engine.tell(&run.run_id, &Command::Pause { reason: "r".into(), actor: "a".into(), until });
    tell_all(&mut engine);
    assert_eq!(sent(&engine, "-100").len(), 1);
}
