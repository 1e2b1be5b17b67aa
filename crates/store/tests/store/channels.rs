//! Notices: told once to each address, also after the run's end; updates of bots: handled once, and again when the first
//! handling died; presses: by whom and about what.

use crate::fixture::*;
use mw_media::notification::Occasion;
use mw_media::principal::{Named, Principal, Role};
use mw_media::run::{Command, Run};
use mw_media::status::ProvidersMode;
use mw_store::channels::{
    self, Adding, Addressed, Begun, Kind, Recipient, Unwelcome, UpdateKey, add, begin_update, end_update, list,
    pressed, remove, replay,
};
use mw_store::chat::{Said, Turn, save};
use mw_store::native::Client;
use mw_store::{effects, sweep};
use time::Duration;

pub(crate) fn added(db: &mut Client, kind: Kind, address: &str, project: Option<&str>) {
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
    let run = tell(&mut db, &run, &approve(mw_media::gate!("workflow"), "ann"));
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
    transition.run.gates[0].policy = serde_json::from_value(policy).unwrap();
    let run = transition.run.clone();
    commit_one(&mut db, of(transition));
    assert_eq!(addresses(&mut db, &run), ["11", "12"]);
    let sql = "SELECT payload->>'approver', (payload->>'is_principal')::boolean FROM outbox WHERE run_id = $1 LIMIT 1";
    let row = db.driver().query_one(sql, &[&run.run_id]).unwrap();
    assert_eq!((row.get(0), row.get(1)), ("ann", true));
    let called_in = "SELECT address FROM runs, notice_targets(runs,
        '{\"occasion\": \"gate_escalated\", \"gate\": \"workflow\", \"opening\": 1}') WHERE run_id = $1 ORDER BY address";
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
    let findings = mw_store::doctor::examine(
        &mut db,
        mw_kinds::KINDS,
        now(),
        &mw_store::doctor::Scope::run(&run.run_id),
        &mut |_| {},
    );
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

pub(crate) fn key() -> UpdateKey {
    UpdateKey { kind: Kind::Telegram, update_id: fresh_id() }
}

#[test]
fn an_update_is_handled_once_and_again_when_its_first_handling_died() {
    let mut db = connect();
    let key = key();
    let at = now();
    let begin = |db: &mut Client, at| begin_update(db, at, &key, Some("5"), None, None).unwrap();
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
            .map(|_| scope.spawn(|| begin_update(&mut connect(), now(), &key, Some("5"), None, None).unwrap()))
            .collect();
        calls.into_iter().map(|call| call.join().unwrap()).filter(|begun| matches!(begun, Begun::Mine { .. })).count()
    });
    assert_eq!(mine, 1);
}

#[test]
fn a_turn_and_its_update_are_done_together() {
    let mut db = connect();
    let key = key();
    begin_update(&mut db, now(), &key, Some("5"), None, None).unwrap();
    let turn = Turn {
        user_id: fresh_id(),
        messages: vec![Said { role: "user".into(), content: "hello".into() }],
        update: Some(key.clone()),
        ..Turn::default()
    };
    save(&mut db, now(), &turn).unwrap();
    assert_eq!(
        begin_update(&mut db, now() + Duration::hours(1), &key, Some("5"), None, None).unwrap(),
        Begun::Duplicate
    );
}

/// Who may talk where: allowed, in private, refused for which reason, and as whom.
type Standing = (bool, bool, Option<Unwelcome>, Option<String>);

fn begin(db: &mut Client, chat: &str, from: &str) -> Standing {
    match begin_update(db, now(), &key(), Some(chat), Some(from), None).unwrap() {
        Begun::Mine { allowed, private, refusal, principal, .. } => {
            (allowed, private, refusal, principal.map(|principal| principal.name))
        }
        other => panic!("{other:?}"),
    }
}

/// An approver 11, an operator 12, a viewer 21 and a disabled approver 22; chats -100 and 77 are listed.
fn people(db: &mut Client) {
    for (name, telegram) in [("ann", "11"), ("olga", "12"), ("vic", "21"), ("gone", "22")] {
        known(db, name, "staff", telegram);
    }
    let change = "UPDATE principals SET role = 'operator' WHERE name = 'olga';
                  UPDATE principals SET role = 'viewer' WHERE name = 'vic';
                  UPDATE principals SET disabled_at = now() WHERE name = 'gone'";
    db.driver().batch_execute(change).unwrap();
    for address in ["-100", "77"] {
        added(db, Kind::Telegram, address, None);
    }
}

#[test]
fn who_may_talk_to_the_bot_goes_by_role_and_place() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    people(&mut db);
    let (stranger, barred) = (Some(Unwelcome::Stranger), Some(Unwelcome::Barred));
    for (chat, from, allowed, refusal, name) in [
        ("11", "11", true, None, Some("ann")),
        ("12", "12", true, None, Some("olga")),
        ("21", "21", false, barred, None),
        ("22", "22", false, barred, None),
        ("99", "99", false, stranger, None),
        ("77", "77", true, None, None),
        ("-100", "11", true, None, Some("ann")),
        ("-100", "99", true, None, None),
        ("-100", "21", false, barred, None),
        ("-100", "22", false, barred, None),
        ("-201", "11", false, stranger, Some("ann")),
        ("-202", "99", false, stranger, None),
        ("-203", "21", false, barred, None),
        ("-204", "22", false, barred, None),
    ] {
        let expected = (allowed, chat == from, refusal, name.map(str::to_owned));
        assert_eq!(begin(&mut db, chat, from), expected, "{from} in {chat}");
    }
}

#[test]
fn a_refusal_is_said_once() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    people(&mut db);
    for (chat, from, first) in [("99", "99", Unwelcome::Stranger), ("-100", "21", Unwelcome::Barred)] {
        assert_eq!(begin(&mut db, chat, from).2, Some(first), "{from} in {chat}");
        assert_eq!(begin(&mut db, chat, from), (false, chat == from, None, None), "{from} in {chat}");
    }
    assert_eq!(begin(&mut db, "-100", "22").2, Some(Unwelcome::Barred), "to each who is barred");
}

/// The recipients of the notices that are due, by address.
pub(crate) fn recipients(db: &mut Client) -> Vec<(String, Recipient)> {
    let claimed = effects::claim(db, now(), 16, 45).unwrap().effects;
    let notices = claimed.into_iter().filter_map(|effect| {
        let addressed: Addressed = serde_json::from_str(&effect.payload).ok()?;
        Some((addressed.address, effect.recipient.unwrap()))
    });
    notices.collect()
}

#[test]
fn a_notice_comes_with_who_reads_it_when_it_leaves() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    started(&mut db, "aismr", ProvidersMode::Mock);
    started(&mut db, "test_video_gen", ProvidersMode::Mock);
    known(&mut db, "ann", "staff", "11");
    added(&mut db, Kind::Telegram, "-100", None);
    added(&mut db, Kind::Telegram, "-101", Some("aismr"));
    let mut transition = start_transition("aismr", ProvidersMode::Mock);
    transition.run.user_id = "telegram_11".into();
    commit_one(&mut db, of(transition));
    db.driver()
        .batch_execute(
            "UPDATE channels SET project = 'test_video_gen' WHERE address = '-101';
             UPDATE principals SET role = 'viewer', disabled_at = now() WHERE name = 'ann'",
        )
        .unwrap();
    let mut found = recipients(&mut db);
    found.sort_by(|one, other| one.0.cmp(&other.0));
    let ann = Named { principal: Principal::known("ann", Role::Viewer, vec!["staff".into()]), disabled: true };
    let expected = [
        ("-100", Recipient { listed: true, person: None }),
        ("-101", Recipient { listed: false, person: None }),
        ("11", Recipient { listed: false, person: Some(ann) }),
    ];
    assert_eq!(found, expected.map(|(address, recipient)| (address.to_owned(), recipient)));
}

#[test]
fn old_updates_go() {
    let own = OwnDatabase::new();
    let mut db = own.connect();
    let (old, young) = (key(), key());
    begin_update(&mut db, now() - Duration::days(8), &old, None, None, None).unwrap();
    begin_update(&mut db, now(), &young, None, None, None).unwrap();
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
    assert_eq!(typed(&press.run.unwrap()), run);
    assert_eq!(press.notice.unwrap().occasion, Occasion::GateOpened { gate: mw_media::gate!("workflow"), opening: 1 });
    assert_eq!(pressed(&mut db, Kind::Telegram, effect_id, "99").unwrap().principal, None);
    db.driver().batch_execute("UPDATE principals SET disabled_at = now()").unwrap();
    assert_eq!(pressed(&mut db, Kind::Telegram, effect_id, "11").unwrap().principal, None, "who left is a stranger");
    let elsewhere = pressed(&mut db, Kind::Slack, effect_id, "11").unwrap();
    assert_eq!((elsewhere.run, elsewhere.principal), (None, None));
    assert_eq!(pressed(&mut db, Kind::Telegram, effect_id + 1_000, "11").unwrap().run, None);
}
