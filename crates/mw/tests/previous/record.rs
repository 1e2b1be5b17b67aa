//! Records the statements of a release, for the releases after it. By hand, once for each release, from its checkout:
//!
//! ```sh
//! ./dev build                                # there: its components
//! MW_PREVIOUS_ROOT=/path/to/it cargo test -p mw --test previous -- --ignored --exact record::a_release
//! ```
//!
//! Its components run on its own schema while people and providers do everything once; PostgreSQL's log says what they sent.

use crate::{Call, fixture, replay};
use mw::{folder, migrations, mode::Mode};
use mw_stack::{builder::Builder, cluster::Cluster, stack::Stack, with};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

/// What is left in the end, by table, in an order that two replays share.
const TABLES: [(&str, &str); 4] =
    [("hitl_approvals", "id"), ("gates", "run_id, gate, opening"), ("jobs", "job_id"), ("outbox", "effect_id")];

#[test]
#[ignore = "by hand, once for each release"]
fn a_release() {
    let release =
        PathBuf::from(std::env::var("MW_PREVIOUS_ROOT").expect("MW_PREVIOUS_ROOT names a release's checkout"));
    let own = folder::root().unwrap();
    let cluster = Cluster::fast(&own);
    let in_use = cluster.enter().unwrap();
    let mut admin = migrations::connect(&in_use.superuser_url("postgres").unwrap()).unwrap();
    let log = folder::state(&own).join("log/postgres-fast.log");
    let before = std::fs::read_to_string(&log).unwrap_or_default().len();
    admin.batch_execute("ALTER ROLE mw SET log_statement = 'all'").unwrap();
    let stack =
        Builder::new().root(&release).mode(Mode::Mock).cron(false).provider_limits(true).cluster(cluster).start();
    let stack = stack.unwrap();
    everything_once(&stack);
    drop(stack);
    admin.batch_execute("ALTER ROLE mw RESET log_statement").unwrap();

    let text = std::fs::read_to_string(&log).unwrap();
    let mut calls = calls(&text[before..]);
    calls.extend(TABLES.map(|(name, order)| Call {
        sql: format!(
            "SELECT jsonb_agg(to_jsonb(each) ORDER BY {order}) FROM {name} AS each WHERE $1::jsonb IS NOT NULL"
        ),
        request: json!({}),
        body: None,
        answer: Value::Null,
    }));
    let migrations = migrations::from_folder(&release.join("migrations")).unwrap();
    let (answers, again) = (replay(&calls, &migrations), replay(&calls, &migrations));
    for ((call, answer), again) in calls.iter_mut().zip(answers).zip(again) {
        call.answer = steady(answer, &again);
    }
    let lines: Vec<String> = calls.iter().map(|call| serde_json::to_string(call).unwrap()).collect();
    std::fs::write(fixture(), lines.join("\n") + "\n").unwrap();
    println!("{} calls", calls.len());
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
    let body = json!({"project": "test_video_gen", "input": {"topic": "candles"}});
    post("/v1/runs/start", body);
    let other = waiting();
    mw(&["why", &other]);
    mw(&["runs", "show", &other]);
    mw(&["runs", "events", &other]);
    mw(&["runs", "cancel", &other]);
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

/// What the log says was executed: `execute …: SELECT f($1::text::jsonb)::text`, then `parameters: $1 = '…', $2 = '\x…'`.
fn calls(log: &str) -> Vec<Call> {
    let mut lines = log.lines();
    let mut calls = Vec::new();
    while let Some(line) = lines.next() {
        let Some((_, sql)) = line.split_once(": SELECT ").filter(|(before, _)| before.contains("LOG:  execute")) else {
            continue;
        };
        let sql = sql.replace("::text::jsonb", "");
        let sql = sql.trim_end_matches("::text");
        let Some(name) = sql.strip_suffix("($1)").or_else(|| sql.strip_suffix("($1, $2)")) else { continue };
        if !name.chars().all(|c| c.is_ascii_lowercase() || c == '_') || name.starts_with("pg_") {
            continue;
        }
        let Some((_, parameters)) = lines.next().and_then(|line| line.split_once("arameters: $1 = '")) else {
            continue;
        };
        let (request, body) = match parameters.split_once("', $2 = '\\x") {
            Some((request, hex)) => (request, Some(unhex(hex.trim_end_matches('\'')))),
            None => (parameters.strip_suffix('\'').unwrap(), None),
        };
        let request = serde_json::from_str(&request.replace("''", "'")).unwrap();
        calls.push(Call { sql: format!("SELECT {sql}"), request, body, answer: Value::Null });
    }
    calls
}

fn unhex(hex: &str) -> String {
    let bytes = (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap());
    String::from_utf8(bytes.collect()).unwrap()
}

/// What that release's statements answer and its components do not read.
const UNREAD: [&str; 1] = ["due"];

/// The answer, with null for what nobody reads and for what another answer to the same call has differently.
fn steady(answer: Value, again: &Value) -> Value {
    match (answer, again) {
        (Value::Object(answer), Value::Object(again)) => {
            let members = answer.into_iter().map(|(name, value)| {
                let value = if UNREAD.contains(&name.as_str()) { Value::Null } else { value };
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
