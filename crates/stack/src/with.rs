//! `mw-stack with` and `mw-stack db -- …`: a stack, or only a database, of its own for one command, which finds the addresses
//! and secrets in its environment.

use crate::{
    database::{self, Database},
    host, secrets,
    stack::Stack,
};
use mw::{
    error::{Error, Result, While},
    migrations, signals,
};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::Path,
    process::{Command, ExitStatus},
    time::Duration,
};

/// What the command finds about the stack in its environment.
#[must_use]
pub fn environment(stack: &Stack) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::from([
        ("MW_BASE_URL".to_owned(), stack.base_url()),
        ("MW_BASE_URLS".to_owned(), stack.base_urls().join(",")),
        ("API_BASE_URL".to_owned(), stack.base_url()),
        ("DATABASE_URL".to_owned(), stack.database().url().to_owned()),
        (database::APP_VARIABLE.to_owned(), stack.setting("DATABASE_URL").unwrap_or_default().to_owned()),
        ("MW_MODE".to_owned(), stack.mode().name().to_owned()),
        ("MW_LOG".to_owned(), stack.log().display().to_string()),
        (host::VARIABLE.to_owned(), stack.kind_of_host().kind().name().to_owned()),
    ]);
    if let Some(simulator) = stack.simulator_url() {
        environment.insert("MW_SIM_URL".to_owned(), simulator);
    }
    for name in secrets::names() {
        let value = stack.setting(&name).unwrap_or_default().to_owned();
        if matches!(name.as_str(), "API_KEY" | "SWEEP_KEY") {
            environment.insert(format!("MW_{name}"), value.clone());
        }
        environment.insert(name, value);
    }
    environment
}

/// Runs the command against the stack and returns its exit code; then the stack is gone.
pub fn run(stack: Stack, command: &[OsString]) -> Result<u8> {
    let status = run_command(command, &environment(&stack))?;
    let log = stack.log().to_path_buf();
    drop(stack);
    if status.success() {
        let _ = std::fs::remove_dir_all(log);
        return Ok(0);
    }
    if std::env::var_os("CI").is_some() {
        print_logs(&log);
    }
    eprintln!("mw-stack: the command ended with {status}; the stack's logs are in {}", log.display());
    Ok(exit_code(status))
}

/// Runs the command with a migrated database of its own and returns its exit code; then the database is gone.
pub fn run_with_database(root: &Path, database: Database, command: &[OsString]) -> Result<u8> {
    let list = migrations::from_folder(&root.join("migrations"))?;
    migrations::migrate(&mut migrations::connect(database.url())?, &list)?;
    let environment = BTreeMap::from([
        ("DATABASE_URL".to_owned(), database.url().to_owned()),
        (database::APP_VARIABLE.to_owned(), database.app_url()?),
    ]);
    run_command(command, &environment).map(exit_code)
}

pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

/// A signal to us waits for the command, which the terminal has signalled, too.
fn run_command(command: &[OsString], environment: &BTreeMap<String, String>) -> Result<ExitStatus> {
    let (program, arguments) = command.split_first().ok_or_else(|| Error::misuse("name a command after --"))?;
    let mut child = Command::new(program)
        .args(arguments)
        .envs(environment)
        .spawn()
        .map_err(|error| Error::misuse(format!("cannot run {}: {error}", program.to_string_lossy())))?;
    let mut has_signalled = false;
    loop {
        if let Some(status) = child.try_wait().while_doing("wait for the command")? {
            return Ok(status);
        }
        if signals::asked_to_stop() && !has_signalled {
            has_signalled = true;
            if let Some(process) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Where nobody can look at the files afterwards.
fn print_logs(folder: &Path) {
    for file in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let text = std::fs::read_to_string(file.path()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(40)..).unwrap_or_default();
        eprintln!("── {}\n{}", file.path().display(), tail.join("\n"));
    }
}
