//! Deliveries of providers, and those that matched nothing.

use super::{BATCH, FEW, PAGE, Statement, statement};
use crate::history::{new_id, now};
use mw_store::dead_letters::{self, Action, Ending, Order};
use mw_store::native::Client;
use mw_store::webhooks::{self, Delivery, Match, Receipt};
use serde_json::json;

pub(crate) fn all() -> Vec<Statement> {
    [receipts(), dead_letters()].into_iter().flatten().collect()
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

fn dead_letters() -> Vec<Statement> {
    vec![
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
        statement("dead_letters_list of what is exhausted", PAGE, |db, _| {
            let filter = dead_letters::Filter { exhausted: Some(true), ..dead_letters::Filter::default() };
            assert_eq!(dead_letters::list(db, &filter, 50).unwrap().letters.len(), 50);
        }),
        statement("dead_letter_view", FEW, |db, _| {
            let letter = newest_letter(db);
            assert!(dead_letters::view(db, &letter, 1000).unwrap().is_some());
        }),
        statement("dead_letters_retry", 6 * BATCH, |db, _| {
            dead_letters::retry(db, now(), 200).unwrap();
        }),
        statement("dead_letter_settle", PAGE, |db, _| {
            let letter = newest_letter(db);
            let order = Order { action: Action::Discard, actor: "ann", reason: "known", dry_run: false };
            assert_eq!(dead_letters::settle(db, now(), &letter, &order).unwrap().result, Ending::Discarded);
        }),
    ]
}

fn newest_letter(db: &mut Client) -> String {
    let page = dead_letters::list(db, &dead_letters::Filter::default(), 1).unwrap();
    page.letters[0]["id"].as_str().unwrap().to_owned()
}
