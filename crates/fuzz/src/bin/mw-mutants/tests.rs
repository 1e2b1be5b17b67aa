//! The tests that a mutant must not survive: those of the store and of the engine, as programs that are built once.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A mutant that makes a test wait for ever is noticed, too.
const LONGEST: Duration = Duration::from_secs(180);

/// The tests that know a domain: modules of the store's tests, and of the engine's. They answer within seconds, which all
/// tests for each of a thousand mutants would not.
const JUDGES: [(&str, &[&str], &[&str]); 16] = [
    ("channels", &["channels::", "attackers::"], &[]),
    ("chat", &["chat::", "budget::"], &[]),
    ("commit", &["commit::", "effects::", "verbs::", "budget::"], &["mutants::", "pausing::"]),
    ("dead_letters", &["dead_letters::"], &[]),
    ("dispatch", &["effects::", "breaker::", "limits::"], &["limits::"]),
    ("doctor", &["doctor::"], &[]),
    ("drain", &["drain::"], &[]),
    ("exports", &["commit::"], &["exports::"]),
    ("gates", &["gates::"], &[]),
    ("knowledge", &["knowledge::"], &[]),
    ("principals", &["principals::", "limits::"], &[]),
    ("projects", &["requests::", "budget::", "upkeep::"], &[]),
    ("retention", &["retention::", "upkeep::"], &[]),
    ("runs", &["requests::", "verbs::", "sweep::", "schema::"], &["sweeping::", "ends::"]),
    ("sweep", &["sweep::", "effects::"], &["sweeper::", "sweeping::", "ends::", "pausing::"]),
    ("webhooks", &["webhooks::", "attackers::"], &[]),
];

#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// A test failed; which.
    Noticed(String),
    Unnoticed,
    /// PostgreSQL refuses the function.
    Impossible(String),
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Verdict::Noticed(test) => write!(formatter, "noticed by {test}:"),
            Verdict::Unnoticed => write!(formatter, "NOT NOTICED:"),
            Verdict::Impossible(reason) => write!(formatter, "impossible ({reason}):"),
        }
    }
}

/// The test programs.
pub(crate) struct Programs {
    store: PathBuf,
    engine: PathBuf,
}

impl Programs {
    pub(crate) fn build(root: &Path) -> Programs {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(root).args(["test", "--locked", "--no-run", "--test", "store", "--test", "engine"]);
        let output = cargo.args(["--message-format", "json"]).stderr(Stdio::inherit()).output().expect("cargo");
        assert!(output.status.success(), "the tests do not build");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let program = |name: &str| {
            let mut messages = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
            let found = messages.rfind(|message| message["target"]["name"] == name);
            PathBuf::from(found.expect(name)["executable"].as_str().expect("a program"))
        };
        Programs { store: program("store"), engine: program("engine") }
    }

    /// Whether a test of the domain notices the mutant in this database; tests with a database of their own put it there, too.
    pub(crate) fn judge(&self, domain: &str, url: &str, mutant: &str) -> Verdict {
        let (_, store, engine) = JUDGES.iter().find(|(name, ..)| *name == domain).expect("JUDGES has every domain");
        let first = failure(&self.store, store, url, mutant);
        let noticed = first.or_else(|| match engine {
            [] => None,
            modules => failure(&self.engine, modules, url, mutant),
        });
        noticed.map_or(Verdict::Unnoticed, Verdict::Noticed)
    }
}

/// The first test of the program that fails.
fn failure(program: &Path, modules: &[&str], url: &str, mutant: &str) -> Option<String> {
    let mut command = Command::new(program);
    // A copy does not know of which release it is.
    command.args(modules).args(["--skip", "a_database_of_an_older_release", "--test-threads", "2"]);
    command.env("DATABASE_URL", url).env("MW_SQL_MUTANT", mutant).env("RUST_BACKTRACE", "0");
    command.env("LLVM_PROFILE_FILE", "/dev/null");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a test program");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let until = Instant::now() + LONGEST;
    let failed = loop {
        match receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                if let Some(test) = line.strip_suffix(" ... FAILED").and_then(|line| line.strip_prefix("test ")) {
                    break Some(test.to_owned());
                }
            }
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => break Some("nobody in time".to_owned()),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break None,
        }
    };
    let _ = child.kill();
    let ended = child.wait().expect("its end");
    // A program that breaks off has noticed something.
    failed.or_else(|| (!ended.success()).then(|| "its end".to_owned()))
}
