//! How many statements a request costs, counted by PostgreSQL itself (pg_stat_statements): the numbers of docs/performance.md, which may
//! not creep up. A statement is a function of migrations/; what a request leaves to do afterwards counts, too.

use crate::support::{Call, Run, Service, eventually, signing, stack, unique};
use mw::folder;
use mw::mode::Mode;
use mw_stack::cluster::Cluster;
use mw_stack::statements::Statements;
use serde_json::json;
use std::collections::BTreeMap;

struct Counter {
    statements: Statements,
    /// What everything so far should have cost.
    expected: BTreeMap<String, i64>,
}

impl Counter {
    /// What a request costs, with what comes after its answer: that is waited for. What comes unexpected and later still shows
    /// at the next request.
    #[track_caller]
    fn costs(&mut self, what: &str, call: Call, status: u16, expected: &[(&str, i64)]) {
        call.send().expect(status);
        for (name, calls) in expected {
            *self.expected.entry((*name).to_owned()).or_default() += calls;
        }
        let counted = eventually(what, || {
            let counted = self.statements.counted().unwrap();
            (counted.values().sum::<i64>() >= self.expected.values().sum()).then_some(counted)
        });
        assert_eq!(counted, self.expected, "{what}, or the one before");
    }
}

fn webhook(service: &Service, task: &str, secret: &str) -> Call {
    let body = json!({"code": 200, "data": {"taskId": task, "info": {"resultUrls": [task]}}});
    let call = service.call("POST", "/v1/webhooks/kieai").json(&body);
    let headers = signing::kieai(secret, task, signing::unix_now());
    headers.iter().fold(call, |call, (name, value)| call.header(name, value))
}

#[test]
fn a_request_costs_the_statements_that_it_needs_and_no_more() {
    let cluster = Cluster::fast(&folder::root().unwrap());
    let stack = stack::builder().mode(Mode::Mock).cron(false).cluster(cluster).start().unwrap();
    let service = stack::service_of(&stack);
    let start = json!({"project": "test_video_gen", "input": {"topic": "candles"}});
    // The first one fetches the definition, which the key-value store keeps.
    let run = Run::start_at(&service, "test_video_gen");
    let mut counter = Counter { statements: Statements::begin(stack.database()).unwrap(), expected: BTreeMap::new() };

    let task = unique("task");
    counter.costs("a webhook", webhook(&service, &task, &service.kieai_secret), 200, &[("webhook_accept", 1)]);
    counter.costs("the same again", webhook(&service, &task, &service.kieai_secret), 200, &[("webhook_accept", 1)]);
    counter.costs("a forged one", webhook(&service, &unique("task"), "not the secret"), 403, &[("webhook_refuse", 1)]);
    let begun = [("start_load", 1), ("runs_commit", 1)];
    counter.costs("run start", service.post("/v1/runs/start").json(&start), 200, &begun);
    let decided = [("run_fetch", 1), ("runs_commit", 1)];
    let approve = service.post(&run.gate_path("workflow")).json(&json!({}));
    counter.costs("approving", approve, 200, &decided);
    let turn = json!({"user_id": unique("user"), "message": "how does a gate expire?"});
    counter.costs(
        "a turn of chat that looks something up",
        service.post("/v1/chat/brendan").json(&turn),
        200,
        &[("chat_load", 1), ("kb_answer", 1), ("chat_save", 1)],
    );
    let wish = json!({"user_id": unique("user"), "message": "Make a Test Video Gen run about candles"});
    counter.costs(
        "a turn of chat that starts a run, which looks up what is known of it",
        service.post("/v1/chat/brendan").json(&wish),
        200,
        &[("chat_load", 1), ("kb_answer", 1), ("runs_commit", 1)],
    );
    let path = format!("/v1/runs/{}", run.id);
    counter.costs("reading a run", service.get(&path), 200, &[("run_view", 1), ("request_observe", 1)]);
    counter.costs("a list", service.get("/v1/runs"), 200, &[("run_list", 1), ("request_observe", 1)]);
    counter.costs("/metrics", service.call("GET", "/metrics"), 200, &[("metrics_read", 1), ("request_observe", 1)]);
    counter.costs("a stranger", service.call("GET", &path), 401, &[("request_observe", 1)]);
    // It folds what the requests above left to count, and has nothing more to do the next time.
    let busy = [("sweep_begin", 1), ("metrics_fold", 1), ("sweep_finish", 1)];
    counter.costs("a sweep", service.post("/v1/sweep"), 200, &busy);
    counter.costs("an idle sweep", service.post("/v1/sweep"), 200, &[("sweep_begin", 1)]);
}
