//! What the pages of the console read, as the console calls it.

use super::{FEW, OPEN, PAGE, Statement, statement};
use crate::history::now;
use mw_kinds::KINDS;
use mw_media::status::Status;
use mw_store::console::{self, Visit};
use mw_store::dead_letters;
use mw_store::runs::Filter;
use mw_store::{Limit, native::Client};

/// Somebody with a key that has to be looked up.
fn visit() -> Visit<'static> {
    Visit { now: now(), key_hash: Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") }
}

/// The shell counts two things to a hundred, on every page.
const SHELL: i64 = 400;

pub(crate) fn all() -> Vec<Statement> {
    [pages(), lists()].into_iter().flatten().collect()
}

fn pages() -> Vec<Statement> {
    vec![
        statement("console_shell", SHELL, |db, _| {
            assert_eq!(console::shell(db, visit()).unwrap().waiting, 100);
        }),
        statement("console_login", FEW, |db, _| {
            let limit = Limit { name: "console_login", caller: "ip:7", limit: 100, window_seconds: 60 };
            let hash = visit().key_hash.unwrap();
            assert!(console::login(db, now(), hash, &limit).unwrap().limit.unwrap().allowed);
        }),
        statement("console_inbox", SHELL + PAGE, |db, _| {
            assert_eq!(console::inbox(db, visit(), None, 20).unwrap().page.runs.len(), 20);
        }),
        statement("console_inbox, further on", SHELL + PAGE, |db, _| {
            let page = console::inbox(db, visit(), None, 20).unwrap().page;
            let last = page.runs.last().unwrap();
            assert!(console::inbox(db, visit(), Some((&last.at, &last.run_id)), 20).unwrap().page.more);
        }),
        statement("console_run", SHELL + PAGE, |db, run| {
            let seen = console::run(db, KINDS, visit(), &run.run_id, None, 40).unwrap();
            assert!(!seen.page.run.unwrap().events.is_empty());
        }),
        statement("console_webhooks", SHELL + PAGE, |db, _| {
            let seen = console::webhooks(db, visit(), false, None, 50).unwrap();
            assert!(seen.page.receipts.len() == 50 && seen.page.letters.len() == 50);
        }),
        statement("console_webhooks, refused, further on", SHELL + PAGE, |db, _| {
            let page = console::webhooks(db, visit(), true, None, 50).unwrap().page;
            let last = page.receipts.last().unwrap();
            let key = Some((last.received_at.as_str(), last.id.as_str()));
            assert_eq!(console::webhooks(db, visit(), true, key, 50).unwrap().page.receipts.len(), 50);
        }),
        statement("console_letter", SHELL + FEW, |db, _| {
            let page = dead_letters::list(db, &dead_letters::Filter::default(), 1).unwrap();
            let id = page.letters[0]["id"].as_str().unwrap();
            assert!(console::letter(db, visit(), id, 1000).unwrap().page.letter.is_some());
        }),
        statement("console_providers", OPEN, |db, _| {
            assert!(console::providers(db, visit()).unwrap().page.providers.iter().any(|row| row.open_jobs > 0));
        }),
        statement("console_system", OPEN, |db, _| {
            assert_eq!(console::system(db, visit()).unwrap().page.decisions.len(), 20);
        }),
        statement("console_start", SHELL + FEW, |db, _| {
            assert_eq!(console::start(db, visit()).unwrap().page.projects.len(), 3);
        }),
        statement("console_chat", SHELL + PAGE, |db, _| {
            assert_eq!(console::chat(db, visit(), "user-1", 50).unwrap().page.messages.len(), 50);
        }),
    ]
}

fn lists() -> Vec<Statement> {
    let overdue = || Some(mw_media::run::rfc3339(now()));
    let project = || Some("aismr".to_owned());
    let stuck = Filter { overdue_at: overdue(), ..Filter::default() };
    [
        ("console_runs", Filter::default(), 50, PAGE),
        ("console_runs by project", Filter { project: project(), ..Filter::default() }, 50, PAGE),
        ("console_runs that are stuck", stuck.clone(), 50, 6 * PAGE),
        ("console_runs that are stuck, of a project", Filter { project: project(), ..stuck.clone() }, 0, 6 * PAGE),
        ("console_runs that are stuck and ended", Filter { status: Some(Status::Failed.into()), ..stuck }, 0, 6 * PAGE),
        (
            "console_runs since",
            Filter { created_after: Some("2999-01-01T00:00:00Z".into()), ..Filter::default() },
            0,
            PAGE,
        ),
    ]
    .into_iter()
    .map(|(name, filter, found, entries_max)| {
        statement(name, SHELL + entries_max, move |db: &mut Client, _| {
            assert_eq!(console::runs(db, visit(), &filter, 50).unwrap().page.runs.len(), found, "{name}");
        })
    })
    .collect()
}
