//! The tests that a mutant must not survive: those of the store and of the engine, as programs that are built once.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A mutant that makes a test wait for ever is noticed, too.
const LONGEST: Duration = Duration::from_secs(180);

/// Modules of the store's tests that know a domain best; they are asked first.
const BEST: [(&str, &[&str]); 13] = [
    ("channels", &["channels::"]),
    ("chat", &["chat::", "budget::"]),
    ("commit", &["commit::", "effects::", "verbs::"]),
    ("dead_letters", &["dead_letters::"]),
    ("dispatch", &["effects::", "breaker::", "limits::"]),
    ("doctor", &["doctor::"]),
    ("drain", &["drain::"]),
    ("gates", &["requests::"]),
    ("knowledge", &["knowledge::"]),
    ("principals", &["principals::", "limits::"]),
    ("retention", &["retention::", "upkeep::"]),
    ("sweep", &["sweep::"]),
    ("webhooks", &["webhooks::", "attackers::"]),
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
            let messages = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
            let found = messages.filter(|message| message["target"]["name"] == name).last();
            PathBuf::from(found.expect(name)["executable"].as_str().expect("a program"))
        };
        Programs { store: program("store"), engine: program("engine") }
    }

    /// Whether any test notices the mutant in this database; tests with a database of their own put it there, too.
    pub(crate) fn judge(&self, domain: &str, url: &str, mutant: &str) -> Verdict {
        let best = BEST.iter().find(|(name, _)| *name == domain).map_or(&[][..], |(_, modules)| modules);
        let failure = |program: &Path, modules: &[&str]| failure(program, modules, url, mutant);
        let first = if best.is_empty() { None } else { failure(&self.store, best) };
        let noticed = first.or_else(|| failure(&self.store, &[])).or_else(|| failure(&self.engine, &[]));
        noticed.map_or(Verdict::Unnoticed, Verdict::Noticed)
    }
}

/// The first test of the program that fails.
fn failure(program: &Path, modules: &[&str], url: &str, mutant: &str) -> Option<String> {
    let mut command = Command::new(program);
    // What compares the schema with its files sees every mutant.
    command.args(modules).args(["--skip", "schema::", "--test-threads", "2"]);
    command.env("DATABASE_URL", url).env("MW_SQL_MUTANT", mutant).env("RUST_BACKTRACE", "0");
    command.env("LLVM_PROFILE_FILE", "/dev/null");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a test program");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
    let until = Instant::now() + LONGEST;
    let failed = loop {
        match receiver.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) => match line.strip_suffix(" ... FAILED").and_then(|line| line.strip_prefix("test ")) {
                Some(test) => break Some(test.to_owned()),
                None => {}
            },
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => break Some("nobody in time".to_owned()),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break None,
        }
    };
    let _ = child.kill();
    let ended = child.wait().expect("its end");
    // A program that breaks off has noticed something.
    failed.or_else(|| (!ended.success()).then(|| "its end".to_owned()))
}
