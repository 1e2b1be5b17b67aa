//! Records a release for the releases after it. By hand, once for each release, from its checkout, with its components built:
//!
//! ```sh
//! MW_RELEASE_ROOT=/path/to/it cargo test --test upgrade -- --ignored --exact record::a_release
//! ```
//!
//! Its components run on its own schema while people and providers do everything once; PostgreSQL's log says what they sent.

use crate::{Call, Release, ask, recording, scratch};
use mw::migrations::{self, Schema};
use mw::{folder, mode::Mode};
use mw_stack::{builder::Builder, cluster::Cluster, stack::Stack, with};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::PathBuf, process::Command};

#[test]
#[ignore = "by hand, once for each release"]
fn a_release() {
    let root = PathBuf::from(std::env::var("MW_RELEASE_ROOT").expect("MW_RELEASE_ROOT names a release's checkout"));
    let own = folder::root().unwrap();
    let cluster = Cluster::fast(&own);
    let in_use = cluster.enter().unwrap();
    let mut admin = migrations::connect(&in_use.superuser_url("postgres").unwrap()).unwrap();
    let log = Log::begin();
    admin.batch_execute("ALTER ROLE mw SET log_statement = 'all'").unwrap();
    let stack = Builder::new().root(&root).mode(Mode::Mock).cron(false).provider_limits(true).cluster(cluster).start();
    let stack = stack.unwrap();
    everything_once(&stack);
    drop(stack);
    admin.batch_execute("ALTER ROLE mw RESET log_statement").unwrap();

    let release = Release::recorded(migrations::from_folder(&root.join("migrations")).unwrap(), log.calls());
    std::fs::create_dir_all(recording()).unwrap();
    let files: BTreeMap<String, &str> = release.schema.files().collect();
    std::fs::write(recording().join("schema.json"), serde_json::to_string_pretty(&files).unwrap() + "\n").unwrap();
    let lines: Vec<String> = release.calls.iter().map(|call| serde_json::to_string(call).unwrap()).collect();
    std::fs::write(recording().join("statements.jsonl"), lines.join("\n") + "\n").unwrap();
    println!("{} calls; take away the #[ignore] of the test that replays them", release.calls.len());
}

fn everything_once(stack: &Stack) {
    let mw = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mw"));
        command.args(arguments).envs(with::environment(stack)).env("MWPY_SKIP_DOTENV", "1");
        let output = command.output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let waiting = || {
        mw(&["demo", "--manual", "--timeout", "0"]);
        let list: Value = serde_json::from_str(&mw(&["--json", "runs", "list", "--limit", "1"])).unwrap();
        list["runs"][0]["runId"].as_str().unwrap().to_owned()
    };
    assert!(mw(&["demo", "--poll-interval", "0.5"]).contains("published"));
    let run = waiting();
    for verb in [&["runs", "pause", &run][..], &["runs", "resume", &run], &["runs", "extend", &run, "--for", "12h"]] {
        mw(verb);
    }
    mw(&["gates", "link", &run, "workflow"]);
    let key = stack.setting("API_KEY").unwrap();
    let post = |path: &str, body: Value| {
        ureq::post(format!("{}{path}", stack.base_url())).header("x-api-key", key).send_json(body).unwrap();
    };
    post(&format!("/v1/hitl/approve/{run}/workflow"), json!({"decision": "reject", "comment": "dull"}));
    mw(&["runs", "rerun", &run, "--from", "workflow"]);
    post("/v1/runs/start", json!({"project": "test_video_gen", "input": {"topic": "candles"}}));
    let other = waiting();
    for verb in
        [&["why", &other][..], &["runs", "show", &other], &["runs", "events", &other], &["runs", "cancel", &other]]
    {
        mw(verb);
    }
    let list = mw(&["--json", "runs", "list"]);
    for status in ["published", "rejected", "cancelled", "pending_workflow"] {
        assert!(list.contains(&format!("\"{status}\"")), "no run is {status}: {list}");
    }
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let base = stack.base_url();
    let body = json!({"type": "edit", "action": "render", "id": "nobody", "status": "done"});
    agent.post(format!("{base}/v1/webhooks/shotstack")).send_json(body).unwrap();
    for path in ["/metrics", "/ready"] {
        agent.get(format!("{base}{path}")).call().unwrap();
    }
    for command in [&["dlq", "list"][..], &["drain", "on"], &["drain", "off"], &["drain", "status"], &["sweep"]] {
        mw(command);
    }
}

/// The log of the fast cluster, from a moment on.
pub(crate) struct Log {
    file: PathBuf,
    begins: usize,
}

impl Log {
    pub(crate) fn begin() -> Self {
        let file = folder::state(&folder::root().unwrap()).join("log/postgres-fast.log");
        let begins = std::fs::read_to_string(&file).unwrap_or_default().len();
        Self { file, begins }
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        calls(&std::fs::read_to_string(&self.file).unwrap()[self.begins..])
    }
}

impl Release {
    /// With the answers that its own schema gives, twice.
    pub(crate) fn recorded(schema: Schema, mut calls: Vec<Call>) -> Self {
        let (_one, mut one) = scratch(&schema);
        let (_other, mut other) = scratch(&schema);
        let (answers, again) = (ask(&mut one, &calls), ask(&mut other, &calls));
        for ((call, answer), again) in calls.iter_mut().zip(answers).zip(again) {
            call.answer = steady(answer, &again);
        }
        Self { schema, calls }
    }
}

/// What the log says was executed: `execute …: SELECT f($1::text::jsonb)::text`, then `parameters: $1 = '…', $2 = '\x…'`; with the
/// request's observation beside it `SELECT answer::text, request_observe($2…) FROM f(…) AS answer`, whose parameter is the last.
fn calls(log: &str) -> Vec<Call> {
    let mut lines = log.lines();
    let mut calls = Vec::new();
    while let Some(line) = lines.next() {
        let Some((_, sql)) = line.split_once(": SELECT ").filter(|(before, _)| before.contains("LOG:  execute")) else {
            continue;
        };
        let sql = sql.replace("::text::jsonb", "");
        let beside = sql.strip_prefix("answer::text, request_observe(").and_then(|rest| rest.split_once(" FROM "));
        let (is_observed, sql) = beside.map_or((false, sql.as_str()), |(_, call)| (true, call));
        let sql = sql.trim_end_matches(" AS answer").trim_end_matches("::text");
        let Some(name) = sql.strip_suffix("($1)").or_else(|| sql.strip_suffix("($1, $2)")) else { continue };
        if !name.chars().all(|c| c.is_ascii_lowercase() || c == '_') || name.starts_with("pg_") {
            continue;
        }
        let Some((_, parameters)) = lines.next().and_then(|line| line.split_once("arameters: $1 = '")) else {
            continue;
        };
        let observed = parameters.rsplit_once("', $").filter(|_| is_observed).map(|(others, _)| format!("{others}'"));
        let parameters = observed.as_deref().unwrap_or(parameters);
        let (request, body) = match parameters.split_once("', $2 = '\\x") {
            Some((request, hex)) => (request, Some(unhex(hex.trim_end_matches('\'')))),
            None => (parameters.strip_suffix('\'').unwrap(), None),
        };
        let request = serde_json::from_str(&request.replace("''", "'")).unwrap();
        calls.push(Call { function: name.to_owned(), request, body, answer: Value::Null });
    }
    calls
}

fn unhex(hex: &str) -> String {
    let bytes = (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap());
    String::from_utf8(bytes.collect()).unwrap()
}

/// The answer, with null for what another answer to the same call has differently.
fn steady(answer: Value, again: &Value) -> Value {
    match (answer, again) {
        (Value::Object(answer), Value::Object(again)) => {
            let members = answer.into_iter().map(|(name, value)| {
                let steady = steady(value, again.get(&name).unwrap_or(&Value::Null));
                (name, steady)
            });
            Value::Object(members.collect())
        }
        (Value::Array(answer), Value::Array(again)) if answer.len() == again.len() => {
            Value::Array(answer.into_iter().zip(again).map(|(value, again)| steady(value, again)).collect())
        }
        (answer, again) if answer == *again => answer,
        _ => Value::Null,
    }
}
