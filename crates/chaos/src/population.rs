//! People and programs who use the product: they start runs, look at them, decide at gates, by key and by link, and
//! repeat what got no answer. Each of them is a thread with random numbers of its own.

use crate::api::Api;
use crate::ledger::Ledger;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Open runs of one person.
const OPEN_MAX: usize = 6;
/// Repetitions of a call that got no answer, or was told to come back.
const TRIES_MAX: u32 = 40;

/// Everything that a person does with an open run. A new verb goes here, with what its 2xx promises in the ledger.
#[derive(Debug, Clone, Copy)]
enum Act {
    Approve,
    ApproveByLink,
    Reject,
    Cancel,
}

pub(crate) struct Person<'a> {
    pub(crate) api: &'a Api,
    pub(crate) ledger: &'a Ledger,
    pub(crate) random: fastrand::Rng,
    pub(crate) stop: &'a AtomicBool,
}

impl Person<'_> {
    pub(crate) fn live(mut self) {
        let mut open: Vec<String> = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            if open.len() < OPEN_MAX {
                open.extend(self.start());
            }
            let place = self.random.usize(..open.len().max(1));
            if let Some(run_id) = open.get(place).cloned()
                && self.attend(&run_id)
            {
                open.swap_remove(place);
            }
            std::thread::sleep(Duration::from_millis(self.random.u64(20..120)));
        }
    }

    fn host(&mut self) -> usize {
        self.random.usize(..self.api.hosts.len().max(1))
    }

    /// The same request with the same key, until somebody answers.
    fn start(&mut self) -> Option<String> {
        let key = format!("chaos-{:032x}", self.random.u128(..));
        let body = json!({
            "project": "test_video_gen", "input": {"object": "candle"}, "options": {"user_id": format!("user-{key}")},
        });
        for _ in 0..TRIES_MAX {
            let host = self.host();
            let headers = [("x-api-key", self.api.key.as_str()), ("idempotency-key", key.as_str())];
            let answer = self.api.ask_with(self.ledger, host, "/v1/runs/start", Some(&body), &headers);
            if let Some(answer) = answer.filter(|answer| answer.is_acknowledged()) {
                let run_id = answer.text("runId").to_owned();
                self.ledger.lock().started.insert(run_id.clone());
                return Some(run_id);
            }
            if self.stop.load(Ordering::Relaxed) {
                return None;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        None
    }

    /// Looks at a run and does what there is to do; tells whether it has ended.
    fn attend(&mut self, run_id: &str) -> bool {
        let host = self.host();
        let Some(view) = self.api.ask(self.ledger, host, &format!("/v1/runs/{run_id}"), None) else { return false };
        if view.body.get("finishedAt").is_some_and(|at| !at.is_null()) {
            return true;
        }
        let gate = view.text("awaiting_gate").to_owned();
        let act = match self.random.u32(..100) {
            0 => Act::Cancel,
            1..4 => Act::Reject,
            4..40 => Act::ApproveByLink,
            _ => Act::Approve,
        };
        self.act(act, run_id, &gate);
        false
    }

    fn act(&mut self, act: Act, run_id: &str, gate: &str) {
        let host = self.host();
        match act {
            Act::Cancel => cancel(self.api, self.ledger, host, run_id),
            Act::Approve | Act::ApproveByLink | Act::Reject if gate.is_empty() => {}
            Act::Approve => decide(self.api, self.ledger, host, run_id, gate, "approve"),
            Act::Reject => decide(self.api, self.ledger, host, run_id, gate, "reject"),
            Act::ApproveByLink => approve_by_link(self.api, self.ledger, host, run_id, gate),
        }
    }
}

pub(crate) fn cancel(api: &Api, ledger: &Ledger, host: usize, run_id: &str) {
    let answer = api.ask(
        ledger,
        host,
        &format!("/v1/runs/{run_id}/cancel"),
        Some(&json!({"reason": "chaos", "actor": "chaos"})),
    );
    if answer.is_some_and(|answer| answer.is_acknowledged()) {
        ledger.lock().cancelled.insert(run_id.to_owned());
    }
}

pub(crate) fn decide(api: &Api, ledger: &Ledger, host: usize, run_id: &str, gate: &str, verdict: &str) {
    let answer =
        api.ask(ledger, host, &format!("/v1/hitl/approve/{run_id}/{gate}"), Some(&json!({"decision": verdict})));
    if answer.is_some_and(|answer| answer.is_acknowledged()) {
        ledger.lock().decided.insert((run_id.to_owned(), gate.to_owned(), verdict.to_owned()));
    }
}

fn approve_by_link(api: &Api, ledger: &Ledger, host: usize, run_id: &str, gate: &str) {
    let Some(link) = api.ask(ledger, host, &format!("/v1/hitl/link/{run_id}/{gate}"), None) else { return };
    let Some((_, path)) = link.text("approvalUrl").split_once("/v1/") else { return };
    let path = format!("/v1/{path}");
    // Who only looks decides nothing.
    api.send(ledger, host, &path, None, &[]);
    let answer = api.send(ledger, host, &path, Some(r#"{"decision":"approve"}"#), &[]);
    if answer.is_some_and(|answer| answer.is_acknowledged()) {
        ledger.lock().decided.insert((run_id.to_owned(), gate.to_owned(), "approve".to_owned()));
    }
}
