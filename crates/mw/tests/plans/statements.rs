//! The statements, as the product calls them: name, the most index entries that one call may read, and the call. A name
//! begins with its SQL function; `every_statement_of_the_store_is_measured` looks for it here.

use crate::console;
use crate::history::{new_id, new_run, now};
use mw_media::knowledge::{document::Format, documents};
use mw_media::principal::{Principal, Role};
use mw_media::run::{Command, Context, GateDecision, Run, apply};
use mw_media::status::{Channel, Status, Verdict};
use mw_store::channels::{self, Begun, Kind, UpdateKey};
use mw_store::chat::{Said, Turn};
use mw_store::commit::{Committed, Decision, Idempotency, Outcome, Settle, commit};
use mw_store::dead_letters::{Action, Ending, Order};
use mw_store::doctor::{Rebuilt, Scope};
use mw_store::knowledge::Search;
use mw_store::native::Client;
use mw_store::principals::{self, Identities, Outcome as Wished};
use mw_store::runs::Filter;
use mw_store::webhooks::{Delivery, Match, Receipt};
use mw_store::{
    Limit, chat, dead_letters, doctor, drain, effects, gates, insight, metrics, projects, readiness, retention, runs,
    sweep, upkeep, webhooks,
};
use serde_json::json;

/// Of the key of person-785 in the history: the hash of that number.
const KEY_HASH: &str = "9e04a49e5786695116f9af28552da3083d4eeb015294b878d27053439e363cdf";

pub(crate) type Call = Box<dyn FnMut(&mut Client, &Run)>;
pub(crate) type Statement = (&'static str, i64, Call);

/// Enough for a look-up by key and what hangs on it.
pub(crate) const FEW: i64 = 40;
/// A page of 50, and one more to know of; some are passed over on the way.
pub(crate) const PAGE: i64 = 360;
/// A page, what is under a lease (bounded by limits), and the marks that earlier claims left in the index.
const CLAIM: i64 = 1_500;
/// The rows of a reconciler's batch of 200.
const BATCH: i64 = 450;
/// What is open, once or twice over; a table that holds nothing else may be scanned for it.
pub(crate) const OPEN: i64 = 25_000;
/// Every receipt, and every dead letter, once or twice over.
const RECEIPTS: i64 = 500_000;
/// Asked for by an operator, who may wait.
const HISTORY: i64 = i64::MAX;

pub(crate) fn all() -> Vec<Statement> {
    [
        reads(),
        console::all(),
        lists(),
        messengers(),
        commits(),
        receipts(),
        operations(),
        people(),
        knowledge(),
        runbook(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(crate) fn statement(
    name: &'static str,
    entries_max: i64,
    call: impl FnMut(&mut Client, &Run) + 'static,
) -> Statement {
    (name, entries_max, Box::new(call))
}

fn limit() -> Limit<'static> {
    Limit { name: "runs_start", caller: "ip:7", limit: 100, window_seconds: 60 }
}

fn used() -> chat::Used {
    chat::Used { model: "gpt".into(), input_tokens: 10, output_tokens: 2, cost: 0.5 }
}

fn reads() -> Vec<Statement> {
    vec![
        statement("run_fetch", FEW, |db, run| {
            assert!(runs::load(db, now(), &run.run_id, Some(&limit())).unwrap().run.is_some());
        }),
        statement("run_view", FEW, |db, _| assert!(runs::view(db, "old-1000").unwrap().is_some())),
        statement("run_timeline", FEW, |db, run| {
            assert!(!runs::timeline(db, &run.run_id, 0, 50).unwrap().unwrap().events.is_empty());
        }),
        statement("start_load", FEW, |db, _| {
            assert!(runs::start_load(db, now(), None, "aismr", Some("user-1"), &limit()).unwrap().project.is_some());
        }),
        statement("caller_admit", FEW, |db, _| {
            let admitted = principals::admit(db, now(), Some(KEY_HASH), &limit()).unwrap();
            assert!(admitted.principal.is_some() && admitted.limit.is_some());
        }),
        // The newest 20,000 runs of 90 days with their gates: an operator or an agent waits for a report.
        statement("insight_read", HISTORY, |db, _| assert!(insight::read(db, now(), 90).unwrap().counted > 0)),
        statement("chat_load", PAGE, |db, _| {
            let loaded = chat::load(
                db,
                now(),
                chat::Asking { key_hash: None, user_id: "user-1", reader: None, history: 5 },
                &limit(),
            )
            .unwrap();
            assert!(loaded.runs.len() == 50 && loaded.history.len() == 5 && !loaded.notices.is_empty());
        }),
        statement("chat_save", PAGE, |db, _| {
            let messages = vec![Said { role: "user".into(), content: "hello".into() }];
            chat::save(
                db,
                now(),
                &Turn {
                    user_id: "user-1".into(),
                    messages,
                    told_until: i64::MAX,
                    planner: Some("model"),
                    used: Some(used()),
                    ..Turn::default()
                },
            )
            .unwrap();
        }),
        statement("chat_run", FEW, |db, run| {
            assert!(chat::run(db, &run.user_id, &run.run_id).unwrap().is_some());
        }),
        statement("chat_export", PAGE, |db, _| {
            assert!(!chat::export(db, now(), None, "user-1", Some(1), 50).unwrap().messages.is_empty());
        }),
        statement("chat_summarise", FEW, |db, _| {
            let newest = chat::export(db, now(), None, "user-1", None, 1).unwrap().messages.remove(0);
            let until_id = newest["message_id"].as_i64().unwrap();
            let made = chat::Summary { user_id: "user-1", after_id: 0, until_id, summary: Some("x"), used: &used() };
            assert!(chat::summarise(db, now(), &made).unwrap());
        }),
        statement("chat_delete", PAGE, |db, _| assert_eq!(chat::delete(db, "user-2", 3).unwrap().deleted, 3)),
        statement("project_definition", FEW, |db, _| {
            let _ = projects::definition(db, "aismr", "1.3.0").unwrap();
        }),
        statement("project_list", FEW, |db, _| assert_eq!(projects::list(db, None).unwrap().len(), 3)),
        statement("project_apply", FEW, |db, _| {
            let definition = projects::list(db, Some("aismr")).unwrap().remove(0);
            projects::apply(db, &definition).unwrap();
        }),
        statement("run_facts", FEW, |db, run| {
            assert!(runs::facts(db, &run.run_id).unwrap().unwrap().facts.step_since.is_some());
        }),
        statement("run_states", PAGE, |db, _| {
            let filter = Filter { project: Some("aismr".into()), ..Filter::default() };
            assert_eq!(runs::states(db, now(), &filter, 50, &limit()).unwrap().runs.len(), 50);
        }),
        statement("gates_open", PAGE, |db, _| {
            assert!(gates::open(db, &gates::Filter::default(), 50).unwrap().next.is_some());
        }),
        statement("gates_open of a gate", PAGE, |db, _| {
            let filter = gates::Filter { gate: Some(mw_media::gate!("workflow")), ..gates::Filter::default() };
            assert!(gates::open(db, &filter, 50).unwrap().next.is_some());
        }),
        statement("drain_state", FEW, |db, _| assert!(!drain::state(db).unwrap().on)),
        statement("drain_status", OPEN, |db, _| assert!(drain::left(db).unwrap().is_at_work())),
        statement("dead_letters_list", PAGE, |db, _| {
            assert_eq!(dead_letters::list(db, &dead_letters::Filter::default(), 50).unwrap().letters.len(), 50);
        }),
        statement("dead_letters_list of a provider", PAGE, |db, _| {
            let filter = dead_letters::Filter { provider: Some("kieai".into()), ..dead_letters::Filter::default() };
            assert_eq!(dead_letters::list(db, &filter, 50).unwrap().letters.len(), 50);
        }),
        statement("dead_letters_list of a reason that none has", PAGE, |db, _| {
            let reason = Some(dead_letters::Reason::AmbiguousTask);
            let filter = dead_letters::Filter { reason, ..dead_letters::Filter::default() };
            assert!(dead_letters::list(db, &filter, 50).unwrap().letters.is_empty());
        }),
        statement("dead_letters_list of what is given up", PAGE, |db, _| {
            let filter = dead_letters::Filter { exhausted: Some(true), ..dead_letters::Filter::default() };
            assert_eq!(dead_letters::list(db, &filter, 50).unwrap().letters.len(), 50);
        }),
        statement("dead_letter_view", FEW, |db, _| {
            let letter = newest_letter(db);
            assert!(dead_letters::view(db, &letter, 1000).unwrap().is_some());
        }),
        statement("readiness", FEW, |db, _| {
            readiness::readiness(db).unwrap();
        }),
        statement("metrics_read", OPEN, |db, _| {
            let gauges = metrics::read(db, now(), 200).unwrap().gauges;
            assert!(gauges.iter().any(|gauge| gauge.name == "runs_active" && gauge.value >= 10_000.0));
        }),
    ]
}

fn lists() -> Vec<Statement> {
    let filter = |status: Option<Status>, project: Option<&str>, user: Option<&str>| Filter {
        status,
        project: project.map(str::to_owned),
        user_id: user.map(str::to_owned),
        ..Filter::default()
    };
    let deep = |filter: Filter| Filter { before: Some(("2026-06-01T00:00:00Z".into(), "x".into())), ..filter };
    let (failed, open) = (Some(Status::Failed), Some(Status::PendingWorkflow));
    [
        ("run_list", filter(None, None, None), 50),
        ("run_list, second half", deep(filter(None, None, None)), 50),
        ("run_list by status", filter(failed, None, None), 50),
        ("run_list by status, second half", deep(filter(failed, None, None)), 50),
        ("run_list by open status", filter(open, None, None), 50),
        ("run_list by a status that no run has", filter(Some(Status::Paused), None, None), 0),
        ("run_list by project", filter(None, Some("aismr"), None), 50),
        ("run_list by unknown project", filter(None, Some("nobody"), None), 0),
        ("run_list by user", filter(None, None, Some("user-7")), 50),
        ("run_list by unknown user", filter(None, None, Some("nobody")), 0),
        ("run_list by status and project", filter(failed, Some("aismr"), None), 50),
        ("run_list by a pair that no run has", filter(Some(Status::Expired), Some("aismr"), None), 0),
        ("run_list by project and user", filter(None, Some("aismr"), Some("user-7")), 50),
        ("run_list by status and user", filter(failed, None, Some("user-5")), 50),
    ]
    .into_iter()
    .map(|(name, filter, found)| {
        statement(name, PAGE, move |db, _| assert_eq!(runs::list(db, &filter, 50).unwrap().runs.len(), found, "{name}"))
    })
    .collect()
}

fn commits() -> Vec<Statement> {
    vec![
        statement("runs_commit of a start", PAGE, |db, _| {
            let idempotency = Idempotency { caller: "ann".into(), key: new_id(), fingerprint: "f".into() };
            committed(
                db,
                Decision { transition: Some(new_run()), idempotency: Some(idempotency), ..Decision::default() },
            );
        }),
        statement("runs_commit of a gate", PAGE, |db, run| {
            let decision =
                GateDecision::new(mw_media::gate!("workflow"), Verdict::Approve, Principal::operator(), Channel::Api);
            told(db, run, &Command::DecideGate(decision));
        }),
        statement("runs_commit of an end", PAGE, |db, run| {
            told(db, run, &Command::Cancel { reason: "no".into(), actor: "ann".into() });
        }),
        statement("runs_commit of an effect", CLAIM, |db, _| {
            let claim = effects::claim(db, now(), 1, 45).unwrap();
            let (effect_id, fence) = (claim.effects[0].effect_id, claim.effects[0].fence);
            let outcome = Outcome::Again { due_at: now(), not_sent: false, uncounted: false };
            let settle = Settle { effect_id, fence, outcome, error: None };
            committed(db, Decision { settle: Some(settle), ..Decision::default() });
        }),
        statement("run_force_end", PAGE, |db, run| {
            assert_eq!(runs::force_end(db, &run.run_id, "ann", "odd").unwrap(), runs::ForcedEnd::Ended);
        }),
        statement("effects_lease", CLAIM, |db, _| {
            assert_eq!(effects::claim(db, now(), 16, 45).unwrap().effects.len(), 16);
        }),
    ]
}

fn messengers() -> Vec<Statement> {
    let key = || UpdateKey { kind: Kind::Telegram, update_id: new_id() };
    vec![
        statement("channel_add", FEW, |db, _| {
            assert!(channels::add(db, now(), Kind::Slack, "C01", Some("aismr")).is_ok());
        }),
        statement("channel_list", FEW, |db, _| drop(channels::list(db).unwrap())),
        statement("channel_remove", FEW, |db, _| assert!(!channels::remove(db, &new_id()).unwrap())),
        statement("notices_replay", FEW, |db, _| assert_eq!(channels::replay(db, now(), None, 200).unwrap().acted, 0)),
        statement("update_begin", FEW, move |db, _| {
            let begun = channels::begin_update(db, now(), &key(), Some("5"), Some("5")).unwrap();
            assert!(matches!(begun, Begun::Mine { allowed: true, .. }));
        }),
        statement("update_end", FEW, move |db, _| channels::end_update(db, &key()).unwrap()),
        statement("press_load", FEW, |db, _| {
            assert!(channels::pressed(db, Kind::Telegram, 77, "5").unwrap().principal.is_some());
        }),
    ]
}

fn newest_letter(db: &mut Client) -> String {
    let page = dead_letters::list(db, &dead_letters::Filter::default(), 1).unwrap();
    page.letters[0]["id"].as_str().unwrap().to_owned()
}

fn told(db: &mut Client, run: &Run, command: &Command) {
    let transition = apply(run, command, "ann", &mut Context { now: now(), new_id: &mut new_id }).unwrap();
    committed(db, Decision { transition, ..Decision::default() });
}

fn committed(db: &mut Client, decision: Decision) {
    assert_eq!(commit(db, now(), &[decision]).unwrap().results, [Committed::Committed]);
}

fn receipts() -> Vec<Statement> {
    let by = |job_id: Option<&str>, task_id: Option<&str>, account: Option<&str>| Match {
        job_id: job_id.map(str::to_owned),
        task_id: task_id.map(str::to_owned),
        account: account.map(str::to_owned),
    };
    let mut all: Vec<Statement> = [
        ("webhook_accept by our id", by(Some("open-77"), None, None), Receipt::Accepted),
        ("webhook_accept by the provider's id", by(None, Some("open-77"), None), Receipt::Accepted),
        ("webhook_accept by account", by(None, Some("nobody"), Some("account-77")), Receipt::Accepted),
        ("webhook_accept of a dead letter", by(Some("nobody"), Some("nobody"), Some("nobody")), Receipt::Dlq),
    ]
    .into_iter()
    .map(|(name, matching, receipt)| {
        statement(name, FEW, move |db, _| {
            let delivery = Delivery {
                provider: "upload-post",
                key: &new_id(),
                headers: json!({}),
                query: "",
                signature_status: "valid",
                trusted: true,
                ignore: false,
                matching: matching.clone(),
                hint: json!({"task_id": "t"}),
            };
            assert_eq!(webhooks::accept(db, now(), &delivery, b"{}").unwrap().status, receipt);
        })
    })
    .collect();
    all.push(statement("webhook_refuse", FEW, |db, _| {
        let refusal = webhooks::Refusal {
            provider: "kieai",
            signature_status: "invalid",
            body_hash: "refused-77",
            headers: json!({}),
        };
        webhooks::refuse(db, now(), &refusal, b"{}").unwrap();
    }));
    all.push(statement("webhook_accept of a stranger", FEW, move |db, _| {
        let delivery = Delivery {
            provider: "shotstack",
            key: &new_id(),
            headers: json!({}),
            query: "",
            signature_status: "unsigned",
            trusted: false,
            ignore: false,
            matching: by(None, Some("nobody"), None),
            hint: json!({}),
        };
        assert_eq!(webhooks::accept(db, now(), &delivery, b"{}").unwrap().status, Receipt::Dlq);
    }));
    all
}

fn operations() -> Vec<Statement> {
    vec![
        statement("sweep_begin", FEW, |db, _| {
            let begun = sweep::begin(db, now(), "plans", 60, sweep::Exports { trace: true, report: true }).unwrap();
            assert!(begun.granted && begun.due.deadlines && begun.due.effects && !begun.due.retention);
        }),
        statement("sweep_finish", FEW, |db, _| sweep::finish(db, now(), 0, &json!({}), 0.1).unwrap()),
        statement("leases_expire", BATCH, |db, _| assert!(sweep::expire_leases(db, now(), 200).unwrap().acted >= 100)),
        statement("runs_past_deadline", BATCH, |db, _| {
            assert!(!sweep::overdue_runs(db, now(), None, 200).unwrap().is_empty())
        }),
        statement("runs_past_warning", BATCH, |db, _| {
            sweep::runs_to_warn(db, now(), None, 200).unwrap();
        }),
        // Once a minute: a page of open jobs beside what is open.
        statement("effects_restore", OPEN, |db, _| {
            assert!(sweep::restore_effects(db, now(), 200).unwrap().more);
        }),
        statement("dead_letters_retry", 6 * BATCH, |db, _| {
            dead_letters::retry(db, now(), 200).unwrap();
        }),
        statement("dead_letter_settle", PAGE, |db, _| {
            let letter = newest_letter(db);
            let order = Order { action: Action::Discard, actor: "ann", reason: "known", dry_run: false };
            assert_eq!(dead_letters::settle(db, now(), &letter, &order).unwrap().result, Ending::Discarded);
        }),
        statement("drain_switch", FEW, |db, _| {
            drain::switch(db, now(), true, "ann", None).unwrap();
        }),
        statement("request_observe", FEW, |db, _| {
            let observation = metrics::Observation { labels: "path=\"/x\"".into(), seconds: 0.1 };
            metrics::observe(db, &observation, None).unwrap();
        }),
        statement("metrics_fold", OPEN, |db, _| assert_eq!(sweep::fold_metrics(db, 200).unwrap().acted, 200)),
        statement("retention_prune", BATCH, |db, _| {
            assert_eq!(retention::prune(db, now(), retention::WEBHOOKS_DAYS, 200).unwrap().acted, 0);
        }),
        statement("artifacts_prune", 2 * BATCH, |db, _| {
            assert_eq!(retention::prune_artifacts(db, now(), 90, None, 200).unwrap().acted, 200);
        }),
        // Counts what it names: the old artifacts.
        statement("retention_count", HISTORY, |db, _| {
            retention::count(db, now(), 14, 365).unwrap();
        }),
        // Asked for by an operator, rarely: an index of the outbox by ended runs would cost every effect, so it is scanned.
        statement("runs_purge", HISTORY, |db, _| {
            let ended = upkeep::purge_runs_before(db, now(), None, 1, true).unwrap().purged;
            assert_eq!(upkeep::purge_runs(db, &ended, false).unwrap().purged, ended);
        }),
        statement("runs_purge by age", HISTORY, |db, _| {
            assert_eq!(upkeep::purge_runs_before(db, now(), None, 10, false).unwrap().purged.len(), 10);
        }),
        statement("social_seed", FEW, |db, _| {
            upkeep::seed_social(db, now(), "AISMR", "test_video_gen").unwrap();
        }),
        // A page of a hundred runs, with all that belongs to them.
        statement("doctor_page", 20 * BATCH, |db, _| {
            let scope = Scope { after: Some("old-5".into()), runs_max: Some(100), ..Scope::default() };
            assert_eq!(doctor::examine(db, now(), &scope, &mut |_| {}).unwrap().runs, 100);
        }),
        // All receipts, a thousand at a time, each with its letter.
        statement("doctor_webhooks", RECEIPTS, |db, _| {
            let scope = Scope { after: Some("~".into()), ..Scope::default() };
            assert!(doctor::examine(db, now(), &scope, &mut |_| {}).unwrap().webhooks > 100_000);
        }),
        statement("doctor_rebuild", PAGE, |db, run| {
            assert_eq!(doctor::rebuild(db, now(), &run.run_id).unwrap(), Rebuilt::Done);
        }),
    ]
}

/// Who is who.
fn people() -> Vec<Statement> {
    let key = || new_id().replace('-', "").repeat(2);
    // Beyond those of the history.
    let person = || (u64::from_str_radix(&new_id()[..8], 16).unwrap() + 1_000_000).to_string();
    let identities = move || Identities { telegram: Some(person()), slack: None };
    vec![
        statement("principal_find by key", FEW, |db, _| {
            assert_eq!(principals::of_key(db, now(), KEY_HASH).unwrap().unwrap().name, "person-785");
        }),
        statement("principals_named", FEW, |db, _| {
            assert_eq!(principals::named(db, &["person-785", "nobody"]).unwrap().len(), 1);
        }),
        statement("principal_find by identity", FEW, |db, _| {
            let found = principals::of_identity(db, Channel::Telegram, "785").unwrap();
            assert_eq!(found.unwrap().name, "person-785");
        }),
        statement("run_fetch by key and link", FEW, |db, run| {
            let by = runs::Asking { key_hash: Some(KEY_HASH), approver: Some("person-7"), limit: Some(&limit()) };
            let loaded = runs::load_for(db, now(), &run.run_id, by).unwrap();
            assert!(loaded.principal.is_some() && loaded.approver.is_some() && loaded.run.is_some());
        }),
        statement("principal_add", FEW, move |db, _| {
            let somebody = Principal::known(format!("p{}", new_id()), Role::Viewer, vec!["g".into()]);
            assert_eq!(principals::add(db, now(), &somebody, &identities(), &key()).unwrap(), Wished::Done);
        }),
        statement("principal_change", FEW, move |db, _| {
            let changed = principals::change(db, "person-7", Some(Role::Operator), None, Some(&identities()));
            assert_eq!(changed.unwrap(), Wished::Done);
        }),
        statement("principal_switch", FEW, |db, _| {
            assert_eq!(principals::switch(db, now(), "person-7", true).unwrap(), Wished::Done);
        }),
        statement("principal_key_add", FEW, move |db, _| {
            assert_eq!(principals::add_key(db, now(), "person-7", &key(), Some(1)).unwrap(), Wished::Done);
        }),
        statement("principal_key_revoke", FEW, |db, _| {
            assert_eq!(principals::revoke_key(db, now(), "person-785", &KEY_HASH[..12]).unwrap(), Wished::Done);
        }),
        statement("principal_list", PAGE, |db, _| {
            let page = principals::list(db, Some("person-5"), 50).unwrap();
            assert!(page.principals.len() == 50 && page.more);
        }),
    ]
}

/// What was ingested. A search reads some thousand passages at most, but of the index all that has the question's words.
fn knowledge() -> Vec<Statement> {
    const SEARCH: i64 = OPEN - 1;
    let document = || documents("page-7.md", Format::Markdown, "word1 word2 again").unwrap();
    vec![
        statement("kb_search", SEARCH, |db, _| {
            let wanted =
                Search { query: "word1 word2 word500 word15000", limit: 5, counted: true, ..Search::default() };
            assert_eq!(mw_store::knowledge::search(db, &wanted).unwrap().len(), 5);
        }),
        statement("kb_search of a project, common words", SEARCH, |db, _| {
            let wanted = Search { query: "word1 word2", project: Some("aismr"), limit: 5, ..Search::default() };
            assert_eq!(mw_store::knowledge::search(db, &wanted).unwrap().len(), 5);
        }),
        statement("persona_recall", SEARCH, |db, _| {
            let wanted = mw_store::personas::Recall {
                run_id: "none",
                project: "aismr",
                persona: "iggy",
                query: "word1 word2 word500 word15000",
                words_min: 2,
                idea_runs: 20,
            };
            let found = mw_store::personas::recall(db, &wanted).unwrap();
            assert!(!found.passages.is_empty() && found.passages.len() <= 3);
        }),
        statement("kb_answer", SEARCH, |db, _| {
            assert!(mw_store::knowledge::answer(db, "word1 word2").unwrap().text.is_some());
        }),
        statement("kb_list", PAGE, |db, _| {
            assert_eq!(mw_store::knowledge::list(db, Some("page-5"), 50).unwrap().documents.len(), 50);
        }),
        statement("kb_read", PAGE, |db, _| {
            assert_eq!(mw_store::knowledge::read(db, Some("page-5"), 50).unwrap().len(), 50);
        }),
        statement("kb_apply", PAGE, move |db, _| {
            let applied = mw_store::knowledge::apply(db, now(), &document(), &["page-8.md".to_owned()]).unwrap();
            assert_eq!((applied.changed.len(), applied.removed.len()), (1, 1));
        }),
        // Without pgvector there is nothing to read; with it, a page of what has no vector.
        statement("kb_vectorless", PAGE, |db, _| {
            let _ = mw_store::knowledge::vectorless(db, "none", None, 16).unwrap();
        }),
        statement("kb_embed", FEW, |db, _| {
            assert_eq!(mw_store::knowledge::embed(db, "another", &[]).unwrap(), 0);
        }),
    ]
}

/// What the runbooks type into psql.
fn runbook() -> Vec<Statement> {
    [
        (
            "runbook: newest runs",
            "SELECT run_id, project, status, created_at, updated_at FROM runs ORDER BY created_at DESC LIMIT 20",
        ),
        (
            "runbook: newest webhooks",
            "SELECT provider, signature_status, received_at FROM webhook_events ORDER BY received_at DESC LIMIT 50",
        ),
        (
            "runbook: newest approvals",
            "SELECT run_id, gate, created_at FROM hitl_approvals ORDER BY created_at DESC LIMIT 20",
        ),
    ]
    .into_iter()
    .map(|(name, sql)| statement(name, PAGE, move |db, _| assert!(db.driver().query(sql, &[]).unwrap().len() >= 20)))
    .collect()
}
