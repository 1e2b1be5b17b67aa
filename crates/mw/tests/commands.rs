//! The command as a person runs it, against a stack of its own: what it prints and how it exits.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use mw::dev::{
    builder::Builder,
    stack::Stack,
    variables::Mode,
    with::{self, environment},
};
use serde_json::Value;
use std::process::{Command, Output};

struct Person {
    stack: Stack,
}

impl Person {
    fn new(mode: Mode) -> Self {
        Self { stack: Builder::new().mode(mode).fast(true).start().unwrap() }
    }

    fn runs(&self, arguments: &[&str]) -> Output {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        let mut command = Command::new(env!("CARGO_BIN_EXE_mw"));
        command.args(arguments).envs(environment(&self.stack)).env("MWPY_SKIP_DOTENV", "1").current_dir(root);
        command.output().unwrap()
    }

    /// What it prints, if it exits with `code`.
    fn sees(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.runs(arguments);
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        assert_eq!(output.status.code(), Some(code), "mw {arguments:?}: {text}");
        text
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.runs(&[&["--json"], arguments].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    fn starts_a_run(&self) -> String {
        let text = self.sees(1, &["--json", "demo", "--manual", "--timeout", "0"]);
        assert!(text.contains("is still pending_workflow"), "{text}");
        self.json(&["runs", "list", "--limit", "1"])["runs"][0]["runId"].as_str().unwrap().to_owned()
    }
}

#[test]
fn every_command_against_a_stack() {
    let person = Person::new(Mode::Mock);

    // The whole way, visibly.
    let demo = person.sees(0, &["demo", "--poll-interval", "0.05"]);
    for part in
        ["you      ", "brendan  ", "approved workflow", "approved ideate", "approved prepublish", "published after"]
    {
        assert!(demo.contains(part), "{part} is missing in {demo}");
    }
    let published =
        person.json(&["runs", "list", "--status", "published"])["runs"][0]["runId"].as_str().unwrap().to_owned();
    assert!(person.sees(0, &["runs", "watch", &published]).contains("run.published"));
    assert!(person.sees(0, &["runs", "show", &published]).contains("publish.url"));
    assert!(person.sees(0, &["runs", "events", &published]).contains("gate.opened"));

    // A run that waits, and a person who decides.
    let run = person.starts_a_run();
    assert!(person.sees(0, &["gates", "list"]).contains(&run));
    assert!(person.sees(0, &["gates", "link", &run, "workflow"]).contains("?token="));
    assert!(person.sees(1, &["runs", "watch", &run, "--timeout", "0"]).contains("is still"));
    assert!(person.sees(0, &["gates", "approve", &run, "workflow", "--comment", "fine"]).contains("approved"));
    assert!(person.sees(0, &["gates", "reject", &run, "ideate", "--comment", "dull"]).contains("rejected"));
    assert!(person.sees(1, &["runs", "watch", &run]).contains("run.rejected"));
    assert!(person.sees(1, &["runs", "cancel", &run]).contains("already rejected"));
    let other = person.starts_a_run();
    assert!(
        person.sees(0, &["runs", "cancel", &other, "--reason", "a test", "--actor", "me"]).contains("is cancelled")
    );

    // Is everything as it must be? And when it is not: what, and what to do.
    assert!(person.sees(0, &["doctor"]).contains("healthy: "));
    let broken = person.starts_a_run();
    let mut database = postgres::Client::connect(person.stack.database().url(), postgres::NoTls).unwrap();
    database.execute("UPDATE runs SET state = state - 'title' WHERE run_id = $1", &[&broken]).unwrap();
    let found = person.sees(1, &["doctor", "--run", &broken]);
    assert!(found.contains("state_unreadable") && found.contains(&format!("mw doctor --rebuild {broken}")), "{found}");
    assert_eq!(person.json(&["doctor"])["findings"][0]["run_id"], broken.as_str());
    assert!(person.sees(0, &["doctor", "--rebuild", &broken]).contains("timeline"));
    assert!(person.sees(0, &["doctor", "--run", &broken]).contains("healthy: 1 runs"));
    assert!(person.sees(0, &["doctor", "--limit", "1"]).contains("mw doctor --after "));
    assert!(person.sees(0, &["doctor", "--explain"]).contains("effect_lost"));
    person.sees(2, &["doctor", "--run", "nobody"]);

    // What the caller must change.
    assert!(person.sees(2, &["runs", "watch", "nobody"]).contains("run not found"));
    person.sees(2, &["gates", "approve", &run, "nogate"]);
    person.sees(2, &["demo", "unknown-project"]);
    person.sees(2, &["no-such-command"]);

    // The database, the projects, the configuration, the sweep.
    assert!(person.sees(0, &["db", "migrate"]).contains("nothing to do"));
    assert!(person.sees(0, &["db", "status"]).contains("applied"));
    assert!(person.sees(0, &["projects", "apply"]).contains("unchanged"));
    assert_eq!(person.json(&["projects", "list"])[0]["key"], "aismr");
    assert!(person.sees(0, &["validate", "config"]).contains("kieai"));
    person.sees(0, &["sweep"]);
    assert!(person.sees(0, &["completions", "bash"]).contains("complete"));

    // A command inside the stack, and its exit code.
    let script = format!("test \"$MW_BASE_URL\" = {} && test -n \"$MW_SWEEP_KEY\" && exit 7", person.stack.base_url());
    assert_eq!(with::run(person.stack, &["sh".into(), "-c".into(), script.into()]).unwrap(), 7);
}

#[test]
fn nothing_to_talk_to() {
    let mw = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mw"));
        command.args(arguments).env("MWPY_SKIP_DOTENV", "1").env_remove("DATABASE_URL").env_remove("API_KEY");
        command.output().unwrap().status.code()
    };
    assert_eq!(mw(&["runs", "list"]), Some(2), "no key");
    assert_eq!(mw(&["db", "status"]), Some(2), "no database");
    let nobody = Command::new(env!("CARGO_BIN_EXE_mw"))
        .args(["runs", "list"])
        .envs([("API_KEY", "x"), ("API_BASE_URL", "http://127.0.0.1:9")])
        .output()
        .unwrap();
    assert_eq!(nobody.status.code(), Some(1));
}

#[test]
fn a_killed_host_comes_back_on_its_port_and_finishes_the_run() {
    let mut stack = Builder::new().fast(true).hosts(2).setting("ADOPT_WAIT_SECONDS", "1").start().unwrap();
    let extra = stack.add_host().unwrap();
    assert_eq!((extra, stack.base_urls().len()), (2, 3));
    let urls = stack.base_urls();
    let mut demo = Command::new(env!("CARGO_BIN_EXE_mw"));
    demo.args(["demo", "--timeout", "120"]).envs(environment(&stack)).env("MWPY_SKIP_DOTENV", "1");
    let mut demo = demo.stdout(std::process::Stdio::null()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    stack.host(0).unwrap().kill();
    stack.start_host_again(0).unwrap();
    assert_eq!(stack.base_urls(), urls);
    assert!(demo.wait().unwrap().success());
    assert!(stack.host(9).is_err());
}
