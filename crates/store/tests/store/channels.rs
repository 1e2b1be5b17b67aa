//! Notices: told once to each address, also after the run's end; updates of bots: handled once, and again when the first
//! handling died; presses: by whom and about what.

use crate::fixture::*;
use mw_core::notification::Occasion;
use mw_core::run::{Command, Run};
use mw_core::status::{GateName, ProvidersMode};
use mw_store::channels::{
    self, Adding, Addressed, Begun, Kind, UpdateKey, add, begin_update, end_update, list, pressed, remove, replay,
};
use mw_store::chat::{Said, Turn, save};
use mw_store::native::Client;
use mw_store::{effects, sweep};
use time::Duration;

fn added(db: &mut Client, kind: Kind, address: &str, project: Option<&str>) {
    assert!(matches!(add(db, now(), kind, address, project).unwrap(), Adding::Added { .. }));
}

fn known(db: &mut Client, name: &str, group: &str, telegram: &str) {
    db.driver()
        .execute(
            "INSERT INTO principals (name, role, groups, created_at) VALUES ($1, 'approver', ARRAY[$2], now())",
            &[&name, &group],
        )
        .unwrap();
    let sql = "INSERT INTO principal_identities (channel, identity, name) VALUES ('telegram', $2, $1)";
    db.driver().execute(sql, &[&name, &telegram]).unwrap();
}

/// What stands in the outbox for people: messenger, address, state.
fn told(db: &mut Client, run: &Run) -> Vec<(String, String, String)> {
    let sql = "SELECT provider, payload->>'address', state FROM outbox WHERE run_id = $1 AND kind = 'notify'
                ORDER BY effect_id";
    let rows = db.driver().query(sql, &[&run.run_id]).unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

fn addresses(db: &mut Client, run: &Run) -> Vec<String> {
    told(db, run).into_iter().map(|(_, address, _)| address).collect()
}

#[test]
fn every_address_of_the_project_and_of_all_is_told_once() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    started(&mut db, "aismr", ProvidersMode::Mock);
    started(&mut db, "test_video_gen", ProvidersMode::Mock);
    added(&mut db, Kind::Telegram, "-100", None);
    added(&mut db, Kind::Telegram, "-100", Some("aismr"));
    added(&mut db, Kind::Slack, "C01", Some("aismr"));
    added(&mut db, Kind::Slack, "C02", Some("test_video_gen"));
    let run = started(&mut db, "aismr", ProvidersMode::Mock);
    assert_eq!(addresses(&mut db, &run), ["C01", "-100"]);
    let run = tell(&mut db, &run, &approve(GateName::Workflow, "ann"));
    assert_eq!(addresses(&mut db, &run).len(), 6, "decided, and the next gate opened");
    let sql = "SELECT payload FROM outbox WHERE run_id = $1 AND provider = 'slack' ORDER BY effect_id";
    let payloads = db.driver().query(sql, &[&run.run_id]).unwrap();
    let occasions: Vec<Occasion> =
        payloads.iter().map(|row| serde_json::from_value::<Addressed>(row.get(0)).unwrap().notice.occasion).collect();
    assert!(matches!(
        occasions[..],
        [Occasion::GateOpened { .. }, Occasion::GateDecided { .. }, Occasion::GateOpened { .. }]
    ));
}

#[test]
fn a_user_of_telegram_hears_of_the_own_run() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    started(&mut db, "aismr", ProvidersMode::Mock);
    for (user_id, heard) in [("telegram_77", &["77"][..]), ("telegram_-5", &["-5"]), ("telegram_x", &[]), ("ann", &[])]
    {
        let mut transition = start_transition("aismr", ProvidersMode::Mock);
        transition.run.user_id = user_id.to_owned();
        let run = transition.run.clone();
        commit_one(&mut db, of(transition));
        assert_eq!(addresses(&mut db, &run), heard, "{user_id}");
    }
}

#[test]
fn whom_the_gates_policy_names_is_told_in_person() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    started(&mut db, "aismr", ProvidersMode::Mock);
    known(&mut db, "ann", "staff", "11");
    known(&mut db, "bob", "editors", "12");
    known(&mut db, "eve", "editors", "13");
    known(&mut db, "zoe", "others", "14");
    db.driver().execute("UPDATE principals SET disabled_at = now() WHERE name = 'eve'", &[]).unwrap();
    let mut transition = start_transition("aismr", ProvidersMode::Mock);
    let policy = serde_json::json!({"approvers": ["ann"], "groups": ["editors"], "escalate": {
        "after_seconds": 60, "approvers": ["zoe"]}});
    let mw_core::definition::Step::Gate { policy: held, .. } = &mut transition.run.pipeline[0] else { panic!() };
    *held = serde_json::from_value(policy).unwrap();
    let run = transition.run.clone();
    commit_one(&mut db, of(transition));
    assert_eq!(addresses(&mut db, &run), ["11", "12"]);
    let sql = "SELECT payload->>'approver', (payload->>'is_principal')::boolean FROM outbox WHERE run_id = $1 LIMIT 1";
    let row = db.driver().query_one(sql, &[&run.run_id]).unwrap();
    assert_eq!((row.get(0), row.get(1)), ("ann", true));
    let called_in = "SELECT address FROM runs, notice_targets(runs,
        '{\"occasion\": \"gate_escalated\", \"gate\": \"workflow\"}') WHERE run_id = $1 ORDER BY address";
    let rows = db.driver().query(called_in, &[&run.run_id]).unwrap();
    assert_eq!(rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>(), ["11", "12", "14"]);
}

#[test]
fn people_are_told_of_the_end_and_of_what_came_before_it() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    started(&mut db, "aismr", ProvidersMode::Mock);
    added(&mut db, Kind::Telegram, "-100", None);
    let run = started(&mut db, "aismr", ProvidersMode::Mock);
    let held =
        tell(&mut db, &run, &Command::Pause { reason: "r".into(), actor: "a".into(), until: now() + Duration::DAY });
    let run = tell(&mut db, &held, &Command::Terminate { reason: "r".into(), actor: "a".into() });
    let states: Vec<String> = told(&mut db, &run).into_iter().map(|(_, _, state)| state).collect();
    assert_eq!(states, ["due", "due"], "neither held nor cancelled");
    let claimed = effects::claim(&mut db, now(), 16, 45).unwrap().effects;
    assert_eq!(claimed.iter().filter(|effect| effect.run_id == run.run_id).count(), 2);
    let findings = mw_store::doctor::examine(&mut db, now(), &mw_store::doctor::Scope::run(&run.run_id), &mut |_| {});
    assert_eq!(findings.unwrap().findings, []);
}

#[test]
fn what_was_given_up_is_due_again_on_demand() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    started(&mut db, "aismr", ProvidersMode::Mock);
    added(&mut db, Kind::Telegram, "-100", None);
    let runs = [(); 2].map(|()| started(&mut db, "aismr", ProvidersMode::Mock));
    db.driver().batch_execute("UPDATE outbox SET state = 'dead', attempt = 5 WHERE kind = 'notify'").unwrap();
    assert_eq!(replay(&mut db, now(), Some(&runs[0].run_id), 200).unwrap().acted, 1);
    assert_eq!(told(&mut db, &runs[0])[0].2, "due");
    assert_eq!(told(&mut db, &runs[1])[0].2, "dead");
    assert_eq!(replay(&mut db, now(), None, 200).unwrap().acted, 1);
    assert_eq!(replay(&mut db, now(), None, 200).unwrap().acted, 0);
}

#[test]
fn a_channel_is_listed_once_and_only_for_projects_that_exist() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    started(&mut db, "aismr", ProvidersMode::Mock);
    added(&mut db, Kind::Slack, "C01", None);
    assert!(matches!(add(&mut db, now(), Kind::Slack, "C01", None).unwrap(), Adding::Known { .. }));
    assert_eq!(add(&mut db, now(), Kind::Slack, "C01", Some("nothing")).unwrap(), Adding::UnknownProject);
    added(&mut db, Kind::Slack, "C01", Some("aismr"));
    let listed = list(&mut db).unwrap();
    assert_eq!(listed.len(), 2);
    let id = listed[0]["id"].as_str().unwrap();
    assert!(remove(&mut db, id).unwrap() && !remove(&mut db, id).unwrap());
    db.driver()
        .batch_execute(
            "INSERT INTO channels (kind, address, created_at) SELECT 'telegram', n::text, now() FROM generate_series(1, 199) AS n",
        )
        .unwrap();
    assert_eq!(add(&mut db, now(), Kind::Telegram, "1000", None).unwrap(), Adding::Full);
    for (kind, address) in [("telegram", "@name"), ("telegram", ""), ("slack", "general"), ("irc", "C01")] {
        let sql = "INSERT INTO channels (kind, address, created_at) VALUES ($1, $2, now())";
        assert!(db.driver().execute(sql, &[&kind, &address]).is_err(), "{kind} {address}");
    }
}

fn key() -> UpdateKey {
    UpdateKey { kind: Kind::Telegram, update_id: fresh_id() }
}

#[test]
fn an_update_is_handled_once_and_again_when_its_first_handling_died() {
    let mut db = connect();
    let key = key();
    let at = now();
    let begin = |db: &mut Client, at| begin_update(db, at, &key, Some("5"), None).unwrap();
    assert!(matches!(begin(&mut db, at), Begun::Mine { .. }));
    assert_eq!(begin(&mut db, at + Duration::seconds(29)), Begun::AtWork);
    assert!(matches!(begin(&mut db, at + Duration::seconds(30)), Begun::Mine { .. }), "the first one died");
    assert_eq!(begin(&mut db, at + Duration::seconds(59)), Begun::AtWork, "the second one is at work");
    end_update(&mut db, &key).unwrap();
    assert_eq!(begin(&mut db, at + Duration::days(1)), Begun::Duplicate);
}

#[test]
fn twenty_deliveries_at_once_are_handled_by_one() {
    let key = key();
    let mine = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..20)
            .map(|_| scope.spawn(|| begin_update(&mut connect(), now(), &key, Some("5"), None).unwrap()))
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).filter(|begun| matches!(begun, Begun::Mine { .. })).count()
    });
    assert_eq!(mine, 1);
}

#[test]
fn a_turn_and_its_update_are_done_together() {
    let mut db = connect();
    let key = key();
    begin_update(&mut db, now(), &key, Some("5"), None).unwrap();
    let turn = Turn {
        user_id: fresh_id(),
        messages: vec![Said { role: "user".into(), content: "hello".into() }],
        update: Some(key.clone()),
        ..Turn::default()
    };
    save(&mut db, now(), &turn).unwrap();
    assert_eq!(begin_update(&mut db, now() + Duration::hours(1), &key, Some("5"), None).unwrap(), Begun::Duplicate);
}

#[test]
fn a_strangers_chat_is_refused_once_and_known_people_and_chats_never() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    known(&mut db, "ann", "staff", "11");
    added(&mut db, Kind::Telegram, "-100", None);
    let mut begin = |chat: &str, from: &str| match begin_update(&mut db, now(), &key(), Some(chat), Some(from)).unwrap()
    {
        Begun::Mine { allowed, refuse, principal } => (allowed, refuse, principal.map(|principal| principal.name)),
        other => panic!("{other:?}"),
    };
    assert_eq!(begin("99", "99"), (false, true, None));
    assert_eq!(begin("99", "99"), (false, false, None), "said once");
    assert_eq!(begin("-100", "99"), (true, false, None));
    assert_eq!(begin("11", "11"), (true, false, Some("ann".into())));
}

#[test]
fn old_updates_go() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let (old, young) = (key(), key());
    begin_update(&mut db, now() - Duration::days(8), &old, None, None).unwrap();
    begin_update(&mut db, now(), &young, None, None).unwrap();
    assert!(sweep::begin(&mut db, now(), "tester", 60, sweep::Exports::default()).unwrap().due.retention);
    mw_store::retention::prune(&mut db, now(), 14, 100).unwrap();
    let left: i64 = db.driver().query_one("SELECT count(*) FROM channel_updates", &[]).unwrap().get(0);
    assert_eq!(left, 1);
}

#[test]
fn a_press_is_about_its_own_message_in_its_own_messenger() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    started(&mut db, "aismr", ProvidersMode::Mock);
    known(&mut db, "ann", "staff", "11");
    added(&mut db, Kind::Telegram, "-100", None);
    let run = started(&mut db, "aismr", ProvidersMode::Mock);
    let effect_id: i64 =
        db.driver().query_one("SELECT max(effect_id) FROM outbox WHERE kind = 'notify'", &[]).unwrap().get(0);
    let press = channels::pressed(&mut db, Kind::Telegram, effect_id, "11").unwrap();
    assert_eq!(press.principal.unwrap().name, "ann");
    assert_eq!(press.run.unwrap(), run);
    assert!(matches!(press.notice.unwrap().occasion, Occasion::GateOpened { gate: GateName::Workflow, opening: 1 }));
    assert_eq!(pressed(&mut db, Kind::Telegram, effect_id, "99").unwrap().principal, None);
    let elsewhere = pressed(&mut db, Kind::Slack, effect_id, "11").unwrap();
    assert_eq!((elsewhere.run, elsewhere.principal), (None, None));
    assert_eq!(pressed(&mut db, Kind::Telegram, effect_id + 1_000, "11").unwrap().run, None);
}
