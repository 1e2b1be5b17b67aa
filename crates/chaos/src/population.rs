//! People and programs who use the product: they start runs, look at them, decide at gates, by key and by link, and
//! repeat what got no answer. Each of them is a thread with random numbers of its own.

use crate::api::Api;
use crate::ledger::Ledger;
use mw_media::status::Verb;
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
    Order(Verb),
}

/// What becomes of a run that was attended to.
enum Attended {
    Open,
    Ended,
    /// It ended, and goes on in this successor.
    Succeeded(String),
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
            let Some(run_id) = open.get(place).cloned() else { continue };
            match self.attend(&run_id) {
                Attended::Open => {}
                Attended::Ended => {
                    open.swap_remove(place);
                }
                Attended::Succeeded(successor) => {
                    open.swap_remove(place);
                    open.push(successor);
                }
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

    /// Looks at a run and does what there is to do.
    fn attend(&mut self, run_id: &str) -> Attended {
        let host = self.host();
        let path = format!("/v1/runs/{run_id}");
        let Some(view) = self.api.ask(self.ledger, host, &path, None) else { return Attended::Open };
        if view.body.get("finishedAt").is_some_and(|at| !at.is_null()) {
            return self.look_back(run_id, view.text("status"));
        }
        let gate = view.text("awaiting_gate").to_owned();
        let act = match (view.text("status"), self.random.u32(..100)) {
            ("paused", 0..60) => Act::Order(Verb::Resume),
            (_, 0) => Act::Order(Verb::Cancel),
            (_, 1) => Act::Order(Verb::Terminate),
            (_, 2..8) => Act::Order(Verb::Pause),
            (_, 8..10) => Act::Order(Verb::Extend),
            (_, 10..14) => Act::Order(Verb::Retry),
            (_, 14..17) => Act::Reject,
            (_, 17..45) => Act::ApproveByLink,
            _ => Act::Approve,
        };
        self.act(act, run_id, &gate);
        Attended::Open
    }

    /// Some of the runs that ended without a post go on in a successor.
    fn look_back(&mut self, run_id: &str, status: &str) -> Attended {
        if status == "published" || self.random.u32(..4) > 0 {
            return Attended::Ended;
        }
        let host = self.host();
        order(self.api, self.ledger, host, run_id, Verb::Retry).map_or(Attended::Ended, Attended::Succeeded)
    }

    fn act(&mut self, act: Act, run_id: &str, gate: &str) {
        let host = self.host();
        match act {
            Act::Order(verb) => {
                order(self.api, self.ledger, host, run_id, verb);
            }
            Act::Approve | Act::ApproveByLink | Act::Reject if gate.is_empty() => {}
            Act::Approve => decide(self.api, self.ledger, host, run_id, gate, "approve"),
            Act::Reject => decide(self.api, self.ledger, host, run_id, gate, "reject"),
            Act::ApproveByLink => approve_by_link(self.api, self.ledger, host, run_id, gate),
        }
    }
}

/// The event that a verb leaves when it changed something.
fn event_of(verb: Verb) -> &'static str {
    match verb {
        Verb::Cancel => "run.cancelled",
        Verb::Pause => "run.paused",
        Verb::Resume => "run.resumed",
        Verb::Terminate => "run.failed",
        Verb::Extend => "deadline.extended",
        Verb::Retry => "run.retried",
        Verb::Rerun => "run.started",
    }
}

/// Gives an order, and notes what was acknowledged; names the successor, where one opened.
pub(crate) fn order(api: &Api, ledger: &Ledger, host: usize, run_id: &str, verb: Verb) -> Option<String> {
    let body = json!({"reason": "chaos", "actor": "chaos", "seconds": 30 * 24 * 3600});
    let answer = api.ask(ledger, host, &format!("/v1/runs/{run_id}/{verb}"), Some(&body))?;
    if !answer.is_acknowledged() {
        return None;
    }
    let mut entries = ledger.lock();
    if let Some(successor) = Some(answer.text("successor").to_owned()).filter(|id| !id.is_empty()) {
        entries.started.insert(successor.clone());
        return Some(successor);
    }
    if answer.text("outcome") != "unchanged" {
        entries.ordered.insert((run_id.to_owned(), event_of(verb)));
    }
    None
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
