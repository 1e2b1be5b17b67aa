//! FFmpeg and ffprobe as programs: arguments as a vector, never through a shell, with a time limit, progress, and an end within
//! moments when it is asked for.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// What a program may say on each of its outputs; what is said beyond it is read and thrown away.
const HEARD: usize = 4 << 20;
/// How much of what a failed program said is passed on.
const PASSED_ON: usize = 1500;
const NO_ROOM: [&str; 2] = ["No space left on device", "Cannot allocate memory"];
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Which programs are used. The names are looked for on PATH.
#[derive(Debug, Clone)]
pub struct Programs {
    pub ffmpeg: OsString,
    pub ffprobe: OsString,
}

impl Default for Programs {
    fn default() -> Self {
        Programs { ffmpeg: "ffmpeg".into(), ffprobe: "ffprobe".into() }
    }
}

/// Asks all work that shares it to stop. Work looks every 50 ms.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag, for those who set flags: signal handlers.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.0.clone()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{0} is not installed, or not on PATH (Debian: apt-get install ffmpeg)")]
    Missing(String),
    #[error("the work was told to stop")]
    Stopped,
    #[error("{program} was stopped after its limit of {} s", .limit.as_secs())]
    TimedOut { program: String, limit: Duration },
    #[error("{program} failed ({status}): {said}")]
    Failed { program: String, status: ExitStatus, said: String },
    #[error("{0}")]
    Input(String),
    #[error("{0} said something that cannot be read: {1}")]
    Unreadable(&'static str, String),
    #[error("{0}: {1}")]
    Io(&'static str, #[source] std::io::Error),
}

impl Failure {
    /// Whether the same work may succeed when it is tried again as it is.
    pub fn is_transient(&self) -> bool {
        match self {
            Failure::TimedOut { .. } | Failure::Io(..) => true,
            // A program that was ended from outside, or had no room, did not judge its input.
            Failure::Failed { status, said, .. } => {
                status.code().is_none() || NO_ROOM.iter().any(|text| said.contains(text))
            }
            Failure::Missing(_) | Failure::Stopped | Failure::Input(_) | Failure::Unreadable(..) => false,
        }
    }
}

/// What a program said.
#[derive(Debug, Default)]
pub struct Said {
    pub output: String,
    pub errors: String,
}

/// What is common to all calls for one piece of work.
pub struct Runner<'a> {
    pub programs: &'a Programs,
    /// The folder in which the programs run: all their arguments name files in it, so that no path is ever part of a filter.
    pub folder: &'a Path,
    pub stop: &'a Stop,
    /// No call goes on after it.
    pub deadline: Instant,
    pub limit: Duration,
}

impl<'a> Runner<'a> {
    pub fn new(programs: &'a Programs, folder: &'a Path, stop: &'a Stop, limit: Duration) -> Self {
        Runner { programs, folder, stop, deadline: Instant::now() + limit, limit }
    }

    /// Runs FFmpeg, and reports the seconds of media that are made.
    pub fn ffmpeg(&self, args: &[OsString], progress: &mut dyn FnMut(f64)) -> Result<Said, Failure> {
        const ALWAYS: [&str; 8] =
            ["-hide_banner", "-nostdin", "-nostats", "-y", "-progress", "pipe:1", "-stats_period", "0.5"];
        let args: Vec<OsString> = ALWAYS.iter().map(OsString::from).chain(args.iter().cloned()).collect();
        self.run(&self.programs.ffmpeg, &args, &mut |line| {
            if let Some(made) = line.strip_prefix("out_time_us=").and_then(|text| text.parse::<u32>().ok()) {
                progress(f64::from(made) / 1e6);
            }
        })
    }

    pub fn ffprobe(&self, args: &[OsString]) -> Result<Said, Failure> {
        self.run(&self.programs.ffprobe, args, &mut |_| {})
    }

    fn run(&self, program: &OsString, args: &[OsString], line: &mut dyn FnMut(&str)) -> Result<Said, Failure> {
        let name = program.to_string_lossy().into_owned();
        if self.stop.is_asked() {
            return Err(Failure::Stopped);
        }
        let program = find(program).ok_or_else(|| Failure::Missing(name.clone()))?;
        let start = command(&program, args, self.folder).spawn();
        let mut child = Guarded(start.map_err(|error| Failure::Io("a program could not be started", error))?);
        let errors = child.0.stderr.take().map(|errors| thread::spawn(move || hear(errors)));
        let (to_us, lines) = mpsc::sync_channel(64);
        let output = child.0.stdout.take().map(|output| thread::spawn(move || hear_lines(output, &to_us)));
        let status = loop {
            match lines.recv_timeout(LOOK_EVERY) {
                Ok(text) => line(&text),
                Err(RecvTimeoutError::Timeout) => {}
                // It has closed its output: it has ended, or is about to.
                Err(RecvTimeoutError::Disconnected) => {
                    if let Some(status) = child.0.try_wait().map_err(|error| Failure::Io("a program is lost", error))? {
                        break status;
                    }
                    thread::sleep(Duration::from_millis(2));
                }
            }
            if self.stop.is_asked() {
                return Err(Failure::Stopped);
            }
            if Instant::now() >= self.deadline {
                return Err(Failure::TimedOut { program: name, limit: self.limit });
            }
        };
        let heard = |thread: Option<thread::JoinHandle<String>>| {
            thread.and_then(|thread| thread.join().ok()).unwrap_or_default()
        };
        let said = Said { output: heard(output), errors: heard(errors) };
        // A signal to stop may have reached the program before us.
        match status.success() {
            true => Ok(said),
            false if self.stop.is_asked() => Err(Failure::Stopped),
            false => Err(Failure::Failed { program: name, status, said: tail(&said.errors) }),
        }
    }
}

/// A program with an environment in which no secret of ours is, in a group of its own, so that Ctrl-C reaches only us.
fn command(program: &OsString, args: &[OsString], folder: &Path) -> Command {
    // The kernel ends it when we are killed, in whatever way; setpriv belongs to every Linux.
    let mut command = match cfg!(target_os = "linux") && Path::new(SETPRIV).exists() {
        true => {
            let mut command = Command::new(SETPRIV);
            command.args(["--pdeathsig", "KILL", "--"]).arg(program);
            command
        }
        false => Command::new(program),
    };
    command.args(args).current_dir(folder).env_clear().process_group(0);
    for name in ["PATH", "HOME", "XDG_CACHE_HOME", "FONTCONFIG_PATH", "FONTCONFIG_FILE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("AV_LOG_FORCE_NOCOLOR", "1").env("LC_ALL", "C.UTF-8");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

const SETPRIV: &str = "/usr/bin/setpriv";

/// Where the program is: its own path, or where PATH has it.
fn find(program: &OsString) -> Option<OsString> {
    if Path::new(program).components().count() > 1 {
        return Path::new(program).is_file().then(|| program.clone());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file()).map(Into::into)
}

/// A child that does not outlive the value.
struct Guarded(Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}

fn hear(mut from: impl Read) -> String {
    let mut heard = Vec::new();
    let _ = from.by_ref().take(HEARD as u64).read_to_end(&mut heard);
    let _ = std::io::copy(&mut from, &mut std::io::sink());
    String::from_utf8_lossy(&heard).into_owned()
}

fn hear_lines(from: impl Read, to: &mpsc::SyncSender<String>) -> String {
    let mut heard = String::new();
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    // A line is read in bounded pieces: a program that never ends one fills no memory.
    while matches!(from.by_ref().take(64 << 10).read_until(b'\n', &mut line), Ok(read) if read > 0) {
        let text = String::from_utf8_lossy(&line).into_owned();
        if heard.len() + text.len() <= HEARD {
            heard.push_str(&text);
        }
        let _ = to.send(text.trim_end().to_owned());
        line.clear();
    }
    heard
}

/// The end of what was said, where FFmpeg names the fault.
fn tail(said: &str) -> String {
    let said = said.trim();
    let from = said.len().saturating_sub(PASSED_ON);
    let from = (from..=said.len()).find(|at| said.is_char_boundary(*at)).unwrap_or(0);
    said.get(from..).unwrap_or_default().to_owned()
}

/// Arguments from words of several types.
#[macro_export]
macro_rules! args {
    ($($arg:expr),* $(,)?) => { ::std::vec::Vec::from([$(::std::ffi::OsString::from($arg)),*]) };
}
