//! One child process in a process group of its own, so that Ctrl-C at the terminal reaches only us; its output goes to a
//! log file. Dropping it stops it.

use mw::error::{Error, Result, While};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process};
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// How long a child may take to finish what it is doing after SIGTERM.
const GRACE: Duration = Duration::from_secs(10);

/// What to start, so that it can be started again.
#[derive(Debug, Clone)]
pub struct Launch {
    pub name: String,
    pub program: PathBuf,
    pub arguments: Vec<String>,
    pub folder: PathBuf,
    pub environment: BTreeMap<String, String>,
    pub log: PathBuf,
    /// Whether SPIN_VARIABLE_* of our own environment reach the child too.
    pub inherit_variables: bool,
}

#[derive(Debug)]
pub struct Process {
    launch: Launch,
    child: Child,
}

impl Process {
    pub fn start(launch: Launch) -> Result<Self> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&launch.log)
            .while_doing(format!("open {}", launch.log.display()))?;
        let mut command = Command::new(&launch.program);
        if !launch.inherit_variables {
            for (name, _) in
                std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SPIN_VARIABLE_"))
            {
                command.env_remove(name);
            }
        }
        command.args(&launch.arguments).envs(&launch.environment).current_dir(&launch.folder).process_group(0);
        command.stdin(Stdio::null()).stdout(log.try_clone().while_doing("open the log")?).stderr(log);
        let child = command.spawn().while_doing(format!("start {}", launch.name))?;
        Ok(Self { launch, child })
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.launch.name
    }

    /// The name of its program, like `mw-host`.
    #[must_use]
    pub fn program(&self) -> String {
        self.launch.program.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    #[must_use]
    pub fn log(&self) -> &Path {
        &self.launch.log
    }

    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The processes of its group: itself, and those that it started (Linux).
    #[must_use]
    pub fn members(&self) -> Vec<u32> {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        ids.filter(|id| group_of(*id) == Some(self.id())).collect()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// An error with the end of its log, if it has ended.
    pub fn need_alive(&mut self) -> Result<()> {
        match self.ended() {
            None => Ok(()),
            Some(status) => Err(Error::failed(format!("{} ended ({status}):\n{}", self.name(), self.log_tail()))),
        }
    }

    /// How many of its components it says it has compiled, while it does.
    #[must_use]
    pub fn progress(&self) -> Option<String> {
        let text = fs::read_to_string(&self.launch.log).unwrap_or_default();
        let line = text.lines().rev().find(|line| line.contains("compiled "))?;
        line.split_once("compiled ").map(|(_, rest)| format!("compiled {rest}"))
    }

    /// The last lines that it wrote, and where the rest is.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let text = fs::read_to_string(&self.launch.log).unwrap_or_default();
        let mut lines: Vec<&str> = text.lines().rev().take(8).collect();
        lines.reverse();
        format!("    {}\n  all of it: {}", lines.join("\n    "), self.launch.log.display())
    }

    /// kill -9, as a crash would be.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }

    /// Lets it finish what it is doing; kills it when it takes too long.
    pub fn stop(&mut self) {
        if self.ended().is_some() {
            return;
        }
        self.signal(Signal::TERM);
        let began = Instant::now();
        while self.ended().is_none() {
            if began.elapsed() > GRACE {
                return self.kill();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Starts the same program again after its end.
    pub fn start_again(&mut self) -> Result<()> {
        self.stop();
        *self = Self::start(self.launch.clone())?;
        Ok(())
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether the process exists and its program is called so.
#[must_use]
pub fn is_running(id: i32, program: &str) -> bool {
    let Some(process) = Pid::from_raw(id) else {
        return false;
    };
    // Without the right to signal it (it runs as another user) it exists all the same.
    let exists = !matches!(test_kill_process(process), Err(rustix::io::Errno::SRCH));
    exists && command_line(id).is_none_or(|line| line.contains(program))
}

/// Stops a process group of an earlier life of ours, if its leader still runs this program; returns whether it did.
pub fn stop_leftover(id: i32, program: &str) -> bool {
    let Some(group) = Pid::from_raw(id).filter(|_| is_running(id, program)) else {
        return false;
    };
    let _ = kill_process_group(group, Signal::TERM);
    let began = Instant::now();
    while is_running(id, program) && began.elapsed() < GRACE {
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = kill_process_group(group, Signal::KILL);
    true
}

/// The process group, which is the third field after the program's name in parentheses.
fn group_of(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(2)?.parse().ok()
}

/// What a process was started with, where the system shows it (Linux).
fn command_line(id: i32) -> Option<String> {
    if !Path::new("/proc/self/cmdline").exists() {
        return None;
    }
    Some(
        fs::read(format!("/proc/{id}/cmdline"))
            .map(|line| String::from_utf8_lossy(&line).into_owned())
            .unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Launch {
        let log = std::env::temp_dir().join(format!("mw-process-{}.log", uuid::Uuid::new_v4()));
        Launch {
            name: "shell".into(),
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            folder: std::env::temp_dir(),
            environment: BTreeMap::from([("GREETING".to_owned(), "hello".to_owned())]),
            log,
            inherit_variables: false,
        }
    }

    #[test]
    fn a_child_that_ends_says_what_it_said() {
        let mut process = Process::start(shell("echo $GREETING; exit 3")).unwrap();
        while process.ended().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let error = process.need_alive().unwrap_err().to_string();
        assert!(error.contains("hello") && error.contains("exit status: 3"), "{error}");
        let _ = fs::remove_file(&process.launch.log);
    }

    #[test]
    fn stopping_takes_the_whole_group_and_starting_again_works() {
        let mut process = Process::start(shell("sleep 100 & wait")).unwrap();
        let id = i32::try_from(process.id()).unwrap();
        // The system shows a program's name a moment after it was started.
        crate::ports::wait_for(GRACE, "it", || Ok(is_running(id, "sh").then_some(()))).unwrap();
        assert!(!is_running(id, "postgres"));
        crate::ports::wait_for(GRACE, "its child", || Ok((process.members().len() == 2).then_some(()))).unwrap();
        process.start_again().unwrap();
        assert!(!is_running(id, "sh"));
        process.kill();
        assert!(process.ended().is_some());
        let _ = fs::remove_file(&process.launch.log);
    }
}
