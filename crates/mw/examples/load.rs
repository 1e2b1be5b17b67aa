//! What one machine does, for docs/scaling.md: `cargo run -p mw --example load`. Starts a stack of its own (one host, mock
//! providers, PostgreSQL with fsync) and prints one line for each kind of request and each number of callers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement may stop"
)]

use mw::dev::{builder::Builder, stack::Stack, variables::Mode};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const LIMITS: [&str; 3] = ["RUNS_START_PER_MINUTE", "HITL_APPROVE_PER_MINUTE", "CHAT_PER_MINUTE"];
const REQUESTS: usize = 1_000;
const WHOLE_RUNS: usize = 60;

struct Caller {
    base: String,
    key: String,
    agent: ureq::Agent,
}

impl Caller {
    fn new(stack: &Stack) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Self { base: stack.base_url(), key: stack.setting("API_KEY").unwrap().to_owned(), agent }
    }

    fn get(&self, path: &str) -> Value {
        let request = self.agent.get(format!("{}{path}", self.base)).header("x-api-key", &self.key);
        let mut answer = request.call().unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.body_mut().read_json().unwrap()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.agent.post(format!("{}{path}", self.base)).header("x-api-key", &self.key);
        let mut answer = request.send_json(body).unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.body_mut().read_json().unwrap()
    }

    fn start(&self) -> String {
        let body = json!({"project": "test_video_gen", "input": {"topic": "candles"}});
        let run = self.post("/v1/runs/start", &body);
        run["runId"].as_str().unwrap_or_else(|| panic!("{run}")).to_owned()
    }

    /// One run to its publication, every gate approved as soon as it opens.
    fn publish(&self) {
        let run = self.start();
        loop {
            let status = self.get(&format!("/v1/runs/{run}"))["status"].as_str().unwrap().to_owned();
            match status.as_str() {
                "published" => return,
                "pending_workflow" => drop(self.approve(&run, "workflow")),
                "awaiting_ideate" => drop(self.approve(&run, "ideate")),
                "awaiting_prepublish" => drop(self.approve(&run, "prepublish")),
                "failed" => panic!("{run} failed"),
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    fn approve(&self, run: &str, gate: &str) -> Value {
        self.post(&format!("/v1/hitl/approve/{run}/{gate}"), &json!({}))
    }
}

/// `total` calls by `callers` threads; prints how many a second, and how long one took.
fn measure(stack: &Stack, what: &str, callers: usize, total: usize, call: impl Fn(&Caller) + Sync) {
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    let mut took: Vec<Duration> = std::thread::scope(|scope| {
        let work = || {
            let caller = Caller::new(stack);
            let mut took = Vec::new();
            loop {
                if next.fetch_add(1, Ordering::Relaxed) >= total {
                    return took;
                }
                let began = Instant::now();
                call(&caller);
                took.push(began.elapsed());
            }
        };
        let threads: Vec<_> = (0..callers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let rate = total as f64 / began.elapsed().as_secs_f64();
    took.sort();
    let at = |share: usize| took[(took.len() - 1) * share / 100].as_secs_f64() * 1000.0;
    println!("| {what} | {callers} | {rate:.0} | {:.1} | {:.1} |", at(50), at(95));
}

fn main() {
    let limits =
        LIMITS.into_iter().fold(Builder::new().mode(Mode::Mock), |builder, name| builder.setting(name, "1000000"));
    let stack = limits.start().unwrap();
    let run = Caller::new(&stack).start();
    println!("| what | callers | a second | p50 ms | p95 ms |\n|---|---|---|---|---|");
    for callers in [1, 16] {
        measure(&stack, "read a run", callers, REQUESTS, |caller| drop(caller.get(&format!("/v1/runs/{run}"))));
        measure(&stack, "start a run", callers, REQUESTS, |caller| drop(caller.start()));
    }
    let mut database = mw::migrations::connect(stack.database().url()).unwrap();
    let mut number = |sql: &str| -> i64 { database.query_one(sql, &[]).unwrap().get(0) };
    let size = "SELECT pg_database_size(current_database())";
    let before = number(size);
    measure(&stack, "a whole run, gates approved at once", 8, WHOLE_RUNS, Caller::publish);
    println!("\n{} KiB of database for each published run", (number(size) - before) / WHOLE_RUNS as i64 / 1024);
    let commits = number("SELECT avg(version)::bigint FROM runs WHERE status = 'published'");
    let effects = number(
        "SELECT count(*) / count(DISTINCT run_id) FROM outbox JOIN runs USING (run_id) WHERE status = 'published'",
    );
    println!("at most {commits} commits of its row, and {effects} effects, each claimed once");
}
