//! Conversations: whose they are, what a model is told of them, what they have used, and how they go.

use crate::fixture::*;
use crate::principals::added;
use mw_media::Timestamp;
use mw_media::brendan::KnownProject;
use mw_media::definition::Step;
use mw_media::gate_policy::GatePolicy;
use mw_media::link::Waiting;
use mw_media::principal::{Named, Principal, Role};
use mw_media::status::ProvidersMode;
use mw_store::chat::{Asking, ChatLoaded, Said, Summary, Turn, Used, delete, export, load, run, save, summarise};
use mw_store::native::Client;
use mw_store::sweep::fold_metrics;
use mw_store::{Limit, metrics};
use time::Duration;

fn used(tokens: u64) -> Used {
    Used { model: fresh_id(), input_tokens: tokens, output_tokens: 1, cost: 0.25 }
}

fn turn(user_id: &str, words: &str) -> Turn {
    let said = |role: &str| Said { role: role.into(), content: words.into() };
    Turn { user_id: user_id.into(), messages: vec![said("user"), said("brendan")], ..Turn::default() }
}

fn loaded(db: &mut Client, at: Timestamp, key_hash: Option<&str>, user_id: &str) -> ChatLoaded {
    let limit = Limit { name: "test", caller: user_id, limit: 1_000_000, window_seconds: 60 };
    load(db, at, Asking { key_hash, user_id, reader: None, history: 40 }, &limit).unwrap()
}

fn words(loaded: &ChatLoaded) -> Vec<&str> {
    loaded.history.iter().map(|kept| kept.said.content.as_str()).collect()
}

#[test]
fn behind_a_principals_key_a_conversation_is_their_own() {
    let mut db = connect();
    let (ann, key) = added(&mut db);
    let bob = fresh_id();
    save(&mut db, now(), &turn(&bob, "a secret")).unwrap();
    let other = loaded(&mut db, now(), Some(&key), &bob);
    assert_eq!((other.user_id.clone(), other.history.len()), (format!("{}/{bob}", ann.name), 0));
    for own in [ann.name.clone(), format!("{}/shop", ann.name)] {
        assert_eq!(loaded(&mut db, now(), Some(&key), &own).user_id, own);
    }
    assert_eq!(loaded(&mut db, now(), None, &bob).user_id, bob);
}

#[test]
fn two_users_in_parallel_never_see_each_others_words() {
    let users = [fresh_id(), fresh_id(), fresh_id()];
    std::thread::scope(|scope| {
        for user in &users {
            scope.spawn(move || {
                let mut db = connect();
                for index in 0..15 {
                    save(&mut db, now(), &turn(user, &format!("{user} {index}"))).unwrap();
                    let found = loaded(&mut db, now(), None, user);
                    assert_eq!(found.history.len(), 2 * (index + 1));
                    assert!(words(&found).iter().all(|word| word.starts_with(user.as_str())));
                    let page = export(&mut db, now(), None, user, None, 200).unwrap();
                    assert!(
                        page.messages.iter().all(|said| said["content"].as_str().unwrap().starts_with(user.as_str()))
                    );
                }
            });
        }
    });
}

#[test]
fn a_summary_stands_for_what_it_is_of_and_only_the_first_of_two_counts() {
    let mut db = connect();
    let user = fresh_id();
    for index in 0..3 {
        save(&mut db, now(), &turn(&user, &index.to_string())).unwrap();
    }
    let before = loaded(&mut db, now(), None, &user);
    assert_eq!((before.history.len(), before.summary_until), (6, 0));
    let until_id = before.history[3].message_id;
    let used = used(7);
    let made = |summary, after_id, until_id| Summary { user_id: &user, after_id, until_id, summary, used: &used };
    assert!(summarise(&mut db, now(), &made(Some("first"), 0, until_id)).unwrap());
    assert!(!summarise(&mut db, now(), &made(Some("second"), 0, until_id)).unwrap());
    assert!(!summarise(&mut db, now(), &made(None, 0, 0)).unwrap(), "nothing but its tokens");
    let after = loaded(&mut db, now(), None, &user);
    assert_eq!(
        (after.summary.as_deref(), after.summary_until, words(&after)),
        (Some("first"), until_id, vec!["2", "2"])
    );
    assert_eq!(after.tokens_today, Some(3 * 8));
    let last = after.history[1].message_id;
    assert!(summarise(&mut db, now(), &made(Some("third"), until_id, last)).unwrap());
    assert!(loaded(&mut db, now(), None, &user).history.is_empty());
}

#[test]
fn a_deleted_conversation_is_gone_with_its_summary_and_its_numbers_stay() {
    let mut db = connect();
    let (user, other) = (fresh_id(), fresh_id());
    for user in [&user, &other] {
        for _ in 0..3 {
            save(&mut db, now(), &Turn { used: Some(used(9)), ..turn(user, "secret") }).unwrap();
        }
    }
    let until_id = loaded(&mut db, now(), None, &user).history[5].message_id;
    let used = used(1);
    let made = Summary { user_id: &user, after_id: 0, until_id, summary: Some("secret"), used: &used };
    assert!(summarise(&mut db, now(), &made).unwrap());
    let first = delete(&mut db, &user, 4).unwrap();
    assert_eq!((first.deleted, first.more), (4, true));
    let rest = delete(&mut db, &user, 4).unwrap();
    assert_eq!((rest.deleted, rest.more), (2, false));
    assert!(!summarise(&mut db, now(), &made).unwrap(), "a summary that comes late brings nothing back");
    let page = export(&mut db, now(), None, &user, None, 10).unwrap();
    assert_eq!((page.messages.len(), page.summary), (0, None));
    assert_eq!((page.usage["turns"].as_u64(), page.usage["input_tokens"].as_u64()), (Some(3), Some(29)));
    assert_eq!(loaded(&mut db, now(), None, &user).tokens_today, Some(34));
    assert_eq!(loaded(&mut db, now(), None, &other).history.len(), 6);
}

#[test]
fn a_run_is_told_to_its_own_user_only() {
    let mut db = connect();
    let own = started(&mut db, "test_video_gen", ProvidersMode::Mock);
    let told = run(&mut db, &own.user_id, &own.run_id).unwrap().unwrap();
    assert_eq!((told["status"].as_str(), told["waits_at_gate"].as_str()), (Some("pending_workflow"), Some("workflow")));
    assert_eq!(told["latest_events"][0]["type"], "run.started");
    assert!(told["latest_events"][0]["at"].as_str().is_some(), "{told}");
    assert_eq!(run(&mut db, &fresh_id(), &own.run_id).unwrap(), None);
}

#[test]
fn a_page_of_an_export_follows_the_other() {
    let mut db = connect();
    let user = fresh_id();
    for index in 0..3 {
        save(&mut db, now(), &turn(&user, &index.to_string())).unwrap();
    }
    let (mut after, mut said) = (None, Vec::new());
    loop {
        let page = export(&mut db, now(), None, &user, after, 4).unwrap();
        said.extend(page.messages.iter().map(|said| said["content"].as_str().unwrap().to_owned()));
        after = page.messages.last().and_then(|last| last["message_id"].as_i64());
        if !page.more {
            break;
        }
    }
    assert_eq!(said, ["0", "0", "1", "1", "2", "2"]);
}

#[test]
fn tokens_count_for_the_day_on_which_they_were_used_and_on_the_metrics() {
    let mut db = connect();
    let user = fresh_id();
    let turn = Turn { used: Some(used(100)), planner: Some("model"), ..turn(&user, "hello") };
    let model = turn.used.clone().unwrap().model;
    save(&mut db, now() - Duration::days(1), &turn).unwrap();
    assert_eq!(loaded(&mut db, now(), None, &user).tokens_today, None);
    for _ in 0..2 {
        save(&mut db, now(), &turn).unwrap();
    }
    assert_eq!(loaded(&mut db, now(), None, &user).tokens_today, Some(202));
    let page = export(&mut db, now(), None, &user, None, 1).unwrap();
    assert_eq!((page.usage["days"].as_array().unwrap().len(), page.usage["cost"].as_f64()), (2, Some(0.75)));
    while fold_metrics(&mut db, 1000).unwrap().acted > 0 {}
    let read = metrics::read(&mut db, now(), 0).unwrap();
    let total = |labels: &str| read.totals.iter().find(|total| total.labels == labels).map(|total| total.value);
    assert_eq!(total(&format!("model=\"{model}\",token_type=\"input\"")), Some(300.0));
    assert_eq!(total(&format!("model=\"{model}\",token_type=\"output\"")), Some(3.0));
}

#[test]
fn conversations_of_a_person_share_the_tokens_of_a_day() {
    let mut db = connect();
    let person = fresh_id();
    for (user, tokens) in [(person.clone(), 10), (format!("{person}/1"), 20), (format!("{person}x"), 400)] {
        save(&mut db, now(), &Turn { used: Some(used(tokens)), ..turn(&user, "hello") }).unwrap();
    }
    for user in [person.clone(), format!("{person}/1"), format!("{person}/new")] {
        assert_eq!(loaded(&mut db, now(), None, &user).tokens_today, Some(32), "{user}");
    }
    assert_eq!(loaded(&mut db, now(), None, &format!("{person}x")).tokens_today, Some(401));
}

#[test]
fn a_conversation_is_new_until_something_is_said() {
    let (mut db, user) = (connect(), fresh_id());
    assert!(loaded(&mut db, now(), None, &user).is_new);
    save(&mut db, now(), &turn(&user, "hello")).unwrap();
    assert!(!loaded(&mut db, now(), None, &user).is_new);
}

#[test]
fn behind_a_principals_key_nobody_else_is_named() {
    let mut db = connect();
    let (ann, key) = added(&mut db);
    let (bob, _) = added(&mut db);
    for other in [bob.name.clone(), format!("{}/shop", bob.name), "operator".into(), "telegram_-5".into()] {
        assert!(loaded(&mut db, now(), Some(&key), &other).is_somebody_else, "{other}");
        assert!(!loaded(&mut db, now(), None, &other).is_somebody_else, "the shared key is believed");
    }
    for own in [ann.name.clone(), format!("{}/{}", ann.name, bob.name), "shop".into()] {
        assert!(!loaded(&mut db, now(), Some(&key), &own).is_somebody_else, "{own}");
    }
}

#[test]
fn a_turn_knows_its_reader_and_the_policy_of_the_gate() {
    let mut db = connect();
    started(&mut db, "aismr", ProvidersMode::Mock);
    let (user, name) = (fresh_id(), format!("p{}", fresh_id()));
    let mut transition = start_transition("aismr", ProvidersMode::Mock);
    transition.run.user_id.clone_from(&user);
    let Step::Gate { policy, .. } = &mut transition.run.body.pipeline[0] else { panic!() };
    *policy = GatePolicy { approvals: 2, ..GatePolicy::default() };
    let run = transition.run.clone();
    commit_one(&mut db, of(transition));
    let sql = "INSERT INTO principals (name, role, created_at, disabled_at) VALUES ($1, 'viewer', now(), now())";
    db.driver().execute(sql, &[&name]).unwrap();
    let limit = Limit { name: "test", caller: &user, limit: 100, window_seconds: 60 };
    let mut turn_for = |reader: Option<&str>| {
        load(&mut db, now(), Asking { key_hash: None, user_id: &user, reader, history: 0 }, &limit).unwrap()
    };
    let loaded = turn_for(Some(&name));
    assert_eq!(loaded.runs[0].waiting(), run.gates.first().map(|open| Waiting::of(&run, open)));
    let reader = Named { principal: Principal::known(name, Role::Viewer, Vec::new()), disabled: true };
    assert_eq!(loaded.reader, Some(reader));
    assert_eq!((turn_for(Some("nobody-at-all")).reader, turn_for(None).reader), (None, None));
}

#[test]
fn a_turn_knows_the_words_of_every_project() {
    let mut db = connect();
    let shipped = definition("test_video_gen");
    started(&mut db, &shipped.key, ProvidersMode::Mock);
    let turn = loaded(&mut db, now(), None, &fresh_id());
    let known = turn.projects.into_iter().map(|project| project.known).find(|known| known.key == shipped.key).unwrap();
    assert!(known.is_default && known.clips.is_some() && !known.platforms.is_empty());
    assert_eq!(known, KnownProject::from(shipped));
}

#[test]
fn a_notice_is_told_once() {
    let mut db = connect();
    let user = fresh_id();
    let insert = "INSERT INTO chat_messages (user_id, role, content, created_at) VALUES ($1, 'notice', 'ready', now())";
    db.driver().execute(insert, &[&user]).unwrap();
    let before = loaded(&mut db, now(), None, &user);
    assert_eq!((before.notices.len(), before.history.len()), (1, 0), "a notice is nobody's words");
    assert!(before.is_new, "and no answer");
    save(&mut db, now(), &Turn { told_until: before.notices[0].message_id, ..turn(&user, "hello") }).unwrap();
    assert_eq!(loaded(&mut db, now(), None, &user).notices, []);
}

#[test]
fn at_most_twenty_notices_are_told_at_once() {
    let mut db = connect();
    let user = fresh_id();
    let insert = "INSERT INTO chat_messages (user_id, role, content, created_at)
                  SELECT $1, 'notice', 'ready', now() FROM generate_series(1, 21)";
    db.driver().execute(insert, &[&user]).unwrap();
    assert_eq!(loaded(&mut db, now(), None, &user).notices.len(), 20);
}

#[test]
fn a_conversation_is_new_until_brendan_has_answered_in_it() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let (user, other) = (fresh_id(), fresh_id());
    save(&mut db, now(), &turn(&other, "hello")).unwrap();
    let until_id = loaded(&mut db, now(), None, &other).history[1].message_id;
    let made = Summary { user_id: &other, after_id: 0, until_id, summary: Some("theirs"), used: &used(1) };
    assert!(summarise(&mut db, now(), &made).unwrap());
    let first = loaded(&mut db, now(), None, &user);
    assert!(first.is_new && first.summary.is_none(), "whatever others have said");
    assert!(first.draining.is_none());
    save(&mut db, now(), &turn(&user, "hello")).unwrap();
    assert!(!loaded(&mut db, now(), None, &user).is_new);
}

#[test]
fn a_turn_knows_the_newest_fifty_runs() {
    let mut db = connect();
    started(&mut db, "test_video_gen", ProvidersMode::Mock);
    let user = fresh_id();
    let start = || {
        let mut transition = start_transition("test_video_gen", ProvidersMode::Mock);
        transition.run.user_id.clone_from(&user);
        of(transition)
    };
    let starts: Vec<_> = (0..51).map(|_| start()).collect();
    mw_store::commit::commit(&mut db, now(), &starts).unwrap();
    assert_eq!(loaded(&mut db, now(), None, &user).runs.len(), 50);
}

#[test]
fn nothing_of_a_conversation_is_read_unasked() {
    let mut db = connect();
    let user = fresh_id();
    save(&mut db, now(), &Turn { used: Some(used(9)), ..turn(&user, "hello") }).unwrap();
    let until_id = loaded(&mut db, now(), None, &user).history[0].message_id;
    let made = Summary { user_id: &user, after_id: 0, until_id, summary: Some("hello"), used: &used(1) };
    assert!(summarise(&mut db, now(), &made).unwrap());
    let limit = Limit { name: "test", caller: &user, limit: 1_000_000, window_seconds: 60 };
    let asking = Asking { key_hash: None, user_id: &user, reader: None, history: 0 };
    let found = load(&mut db, now(), asking, &limit).unwrap();
    assert_eq!((found.history, found.summary, found.tokens_today), (Vec::new(), None, None));
}

#[test]
fn a_project_without_steps_has_no_runs() {
    let mut db = connect();
    for project in ["general", "aismr"] {
        mw_store::projects::apply(&mut db, &definition(project)).unwrap();
    }
    let found = loaded(&mut db, now(), None, &fresh_id()).projects;
    let has_runs = |key: &str| found.iter().find(|project| project.known.key == key).unwrap().known.has_runs;
    assert!(has_runs("aismr") && !has_runs("general"));
}

#[test]
fn the_start_of_a_run_is_told_with_its_own_answer() {
    let mut db = connect();
    let (user, started, other) = (fresh_id(), fresh_id(), fresh_id());
    for run_id in [&started, &other] {
        let notice = "INSERT INTO chat_messages (user_id, role, content, run_id, created_at) VALUES ($1, 'notice', 'x', $2, now())";
        db.driver().execute(notice, &[&user, &run_id]).unwrap();
    }
    let turn = Turn { started: Some(started), ..turn(&user, "make one") };
    save(&mut db, now(), &turn).unwrap();
    let left: Vec<_> = loaded(&mut db, now(), None, &user).notices.into_iter().map(|notice| notice.run_id).collect();
    assert_eq!(left, [Some(other)]);
}
