//! The command as a person runs it, against a stack of its own: what it prints and how it exits.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use mw::mode::Mode;
use mw_postgresql::Address;
use mw_stack::{
    builder::Builder,
    stack::Stack,
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

    // What a persona said, and another deployment than the one that is meant.
    assert!(person.sees(0, &["runs", "debug-persona", "iggy", &published]).contains("persona.finished"));
    let result = ["runs", "debug-persona", "iggy", &published, "--project", "test-video-gen", "--source", "result"];
    assert!(person.sees(0, &result).contains("renderUrl"));
    assert!(person.sees(2, &["runs", "debug-persona", "nobody", &published]).contains("has not come to nobody"));
    assert!(person.sees(2, &["runs", "debug-persona", "iggy", &published, "--project", "aismr"]).contains("not of"));
    let traced = ["runs", "watch", &published, "--env", "local", "--langsmith-project", "films"];
    assert!(person.sees(0, &traced).contains("project films"));
    assert!(person.sees(2, &["runs", "watch", &published, "--env", "PROD"]).contains("is local, not prod"));
    assert!(person.sees(2, &["demo", "--env", "staging", "--skip-health"]).contains("is local, not staging"));
    person.sees(1, &["demo", "--api-base", "http://127.0.0.1:9"]);

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
    let mut database = mw::migrations::connect(person.stack.database().url()).unwrap();
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
    person.sees(2, &["gates", "approve", &run, "No Gate"]);
    person.sees(2, &["demo", "unknown-project"]);
    person.sees(2, &["no-such-command"]);

    // The database, the projects, the configuration, the sweep.
    assert!(person.sees(0, &["db", "migrate"]).contains("nothing to do"));
    assert!(person.sees(0, &["db", "status"]).contains("applied"));
    assert!(person.sees(0, &["projects", "apply"]).contains("unchanged"));
    assert_eq!(person.json(&["projects", "list"])[0]["key"], "aismr");
    assert!(person.sees(0, &["projects", "check", "projects/aismr.json"]).contains("nothing is wrong"));
    person.sees(2, &["projects", "check", "no-such-file.json"]);
    assert!(person.sees(0, &["validate", "config"]).contains("kieai"));
    person.sees(0, &["sweep"]);
    assert!(person.sees(0, &["completions", "bash"]).contains("complete"));

    // A command inside the stack, and its exit code.
    let script = format!("test \"$MW_BASE_URL\" = {} && test -n \"$MW_SWEEP_KEY\" && exit 7", person.stack.base_url());
    assert_eq!(with::run(person.stack, &["sh".into(), "-c".into(), script.into()]).unwrap(), 7);
}

#[test]
fn operating_commands_say_no_with_their_exit_codes() {
    let person = Person::new(Mode::Sim);
    let folder = std::env::temp_dir().join(format!("mw-operating-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    let file = |name: &str| folder.join(name).display().to_string();
    let base_url = person.stack.base_url();

    // Nobody there, not 2xx, too slow: 1, and the artefact says why.
    assert!(person.sees(1, &["smoke", "--iterations", "2", "--base-url", "http://127.0.0.1:9"]).contains("100.0 %"));
    let artifact = file("synthetic.json");
    let check = |code: i32, url: &str, budget: &str| -> Value {
        person.sees(code, &["synthetic", "--url", url, "--budget-ms", budget, "--artifact", &artifact]);
        serde_json::from_str(&std::fs::read_to_string(&artifact).unwrap()).unwrap()
    };
    let good = check(0, &format!("{base_url}/health"), "30000");
    assert_eq!((&good["ok"], &good["status"], &good["error"]), (&true.into(), &200.into(), &Value::Null));
    let members: Vec<&String> = good.as_object().unwrap().keys().collect();
    assert_eq!(members, ["budgetMs", "durationMs", "error", "ok", "status", "target", "timestamp"]);
    assert_eq!(check(1, &format!("{base_url}/version"), "30000")["status"], 401, "it has no key");
    assert_eq!(check(1, "http://127.0.0.1:9/health", "30000")["status"], Value::Null);
    person.sees(2, &["synthetic", "--url", "nonsense", "--artifact", &artifact]);

    // Settings.
    std::fs::write(file("env"), "ENVIRONMENT=prod\nAPI_KEY=dev-local-api-key\nDATABASE_URL=postgresql://h/x\n")
        .unwrap();
    let said = person.sees(2, &["validate", "env", "--file", &file("env")]);
    assert!(said.contains("API_KEY is a development default") && !said.contains("dev-local-api-key"), "{said}");
    person.sees(2, &["validate", "env", "--file", &file("nothing")]);
    assert!(person.sees(1, &["validate", "personas"]).contains("by rules"));
    person.sees(2, &["validate", "personas", "--project", "nothing"]);

    // A provider that refuses the key, and one that is away.
    let kieai = format!("{}/kieai", person.stack.simulator_url().unwrap());
    let asks = |key: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mw"));
        command.args(["validate", "providers"]).envs(environment(&person.stack)).env("MWPY_SKIP_DOTENV", "1");
        command.envs([("PROVIDERS_MODE", "sim"), ("KIEAI_BASE_URL", &kieai), ("KIEAI_API_KEY", key)]);
        command.envs([("SHOTSTACK_BASE_URL", "http://127.0.0.1:9"), ("UPLOAD_POST_BASE_URL", "http://127.0.0.1:9")]);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = asks("wrong-key");
    assert!(code == Some(1) && said.contains("refuses the key") && said.contains("does not answer"), "{said}");
    let (code, said) = asks(person.stack.setting("KIEAI_API_KEY").unwrap());
    assert!(code == Some(1) && said.contains("takes the key"), "{said}");

    // What is not fit for traffic, and what cannot be purged.
    let run = person.starts_a_run();
    assert!(person.sees(1, &["db", "purge-runs", "--run-id", &run]).contains("it has not ended"));
    person.sees(2, &["db", "purge-runs"]);
    assert_eq!(person.json(&["status"])["gates"]["waiting"], 1);
    let mut database = mw::migrations::connect(person.stack.database().url()).unwrap();
    let newest = "DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)";
    database.execute(newest, &[]).unwrap();
    assert!(person.sees(1, &["status"]).contains("migrations are behind"));
    std::fs::remove_dir_all(folder).unwrap();
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
fn a_database_that_is_away_is_said() {
    let person = Person::new(Mode::Mock);
    let url = Address::read(person.stack.database().url()).unwrap();
    let mut admin = url.with_database("postgres").connect("commands").unwrap();
    let name = url.database().unwrap();
    let mut open = |may: &str| {
        admin.batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {may}")).unwrap();
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'", &[&name]).unwrap();
    };
    open("false");
    let status = person.sees(1, &["status"]);
    for part in ["NO: ", "unanswered ", "drain           unknown", "runs            unknown", "outbox          unknown"]
    {
        assert!(status.contains(part), "{part}: {status}");
    }
    assert_eq!(person.json(&["status"])["drain"], Value::Null);
    let doctor = person.sees(2, &["doctor"]);
    let cause = format!(
        "cannot connect to PostgreSQL at {}: database \"{name}\" is not currently accepting connections",
        url.place_name()
    );
    assert!(doctor.contains(&cause), "{doctor}");
    open("true");
}

#[test]
fn addresses_that_lead_nowhere_get_one_line() {
    let mw = |database: &str, api: &str, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mw"));
        command.args(arguments).envs([
            ("MWPY_SKIP_DOTENV", "1"),
            ("API_KEY", "x"),
            ("DATABASE_URL", database),
            ("API_BASE_URL", api),
        ]);
        let output = command.output().unwrap();
        (output.status.code(), [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat())
    };
    let here = "http://127.0.0.1:9";
    for (database, api, arguments, code, line) in [
        (
            "mysql://u:secret@h/x",
            here,
            ["db", "status"],
            2,
            "mw: DATABASE_URL must look like postgresql://user:password@host:5432/database\n",
        ),
        (
            "postgresql://u:sec@ret@h/x",
            here,
            ["db", "migrate"],
            2,
            "mw: DATABASE_URL cannot be read: percent-encode what is special",
        ),
        (
            "postgresql://u:secret@h/x?sslcert=a",
            here,
            ["projects", "list"],
            2,
            "mw: DATABASE_URL has sslcert, which asks for",
        ),
        (
            "postgresql://u:secret@127.0.0.1:9/x",
            here,
            ["projects", "list"],
            1,
            "mw: cannot connect to PostgreSQL at 127.0.0.1:9: Connection refused",
        ),
        (
            "postgresql://u:secret@127.0.0.1:9/x?supa=a",
            here,
            ["projects", "list"],
            1,
            "mw: DATABASE_URL has options that change nothing here: supa (of Supabase)\n",
        ),
        (
            "postgresql://h/x",
            "127.0.0.1:3000",
            ["runs", "list"],
            2,
            "mw: API_BASE_URL must begin with http:// or https://, like http://127.0.0.1:3000\n",
        ),
        ("postgresql://h/x", "localhost:3000", ["gates", "list"], 2, "mw: API_BASE_URL must begin with http://"),
    ] {
        let (found, said) = mw(database, api, &arguments);
        assert!(found == Some(code) && said.starts_with(line) && !said.contains("sec"), "{database} {api}: {said}");
    }
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
