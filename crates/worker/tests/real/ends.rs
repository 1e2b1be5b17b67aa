//! However work ends, it ends soon and leaves nothing behind.

use mw_worker::args;
use mw_worker::program::{Failure, Programs, Runner, Stop};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Sixty seconds of work, in real time.
fn endless(runner: &Runner<'_>, made: &mut dyn FnMut(f64)) -> Result<(), Failure> {
    let args = args!["-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=s=64x64:d=60", "-f", "null", "-"];
    runner.ffmpeg(&args, made).map(drop)
}

#[test]
fn work_stops_within_a_second() {
    let (folder, stop, programs) = (TempDir::new().unwrap(), Stop::default(), Programs::default());
    let runner = Runner::new(&programs, folder.path(), &stop, Duration::from_secs(30));
    let mut asked = None;
    let end = endless(&runner, &mut |_| {
        stop.ask();
        asked.get_or_insert(Instant::now());
    });
    assert!(matches!(end, Err(Failure::Stopped)));
    assert!(asked.unwrap().elapsed() < Duration::from_secs(1));
    assert!(programs_in(folder.path()).is_empty());
    assert!(matches!(endless(&runner, &mut |_| {}), Err(Failure::Stopped)), "what is stopped starts nothing");
}

#[test]
fn work_ends_at_its_limit() {
    let (folder, stop, programs) = (TempDir::new().unwrap(), Stop::default(), Programs::default());
    let (limit, begun) = (Duration::from_millis(400), Instant::now());
    let end = endless(&Runner::new(&programs, folder.path(), &stop, limit), &mut |_| {});
    assert!(end.as_ref().is_err_and(Failure::is_transient), "{end:?}");
    assert!(matches!(end, Err(Failure::TimedOut { .. })) && begun.elapsed() < Duration::from_secs(2));
    assert!(programs_in(folder.path()).is_empty());
}

#[test]
fn a_failure_says_what_ffmpeg_said() {
    let (folder, stop, programs) = (TempDir::new().unwrap(), Stop::default(), Programs::default());
    let runner = Runner::new(&programs, folder.path(), &stop, Duration::from_secs(30));
    let end = runner.ffmpeg(&args!["-v", "error", "-i", "nothing.mp4", "-f", "null", "-"], &mut |_| {});
    let error = end.unwrap_err();
    assert!(error.to_string().contains("nothing.mp4: No such file") && !error.is_transient(), "{error}");
}

#[test]
fn a_missing_program_is_one_clear_line() {
    let check =
        Command::new(env!("CARGO_BIN_EXE_mw-worker")).args(["check", "--ffmpeg", "/nowhere/ffmpeg"]).output().unwrap();
    let said = String::from_utf8(check.stdout).unwrap();
    let missing: Vec<_> = said.lines().filter(|line| line.starts_with("MISSING")).collect();
    assert_eq!(missing.len(), 1, "{said}");
    assert!(missing[0].contains("/nowhere/ffmpeg is not installed") && !check.status.success());
    let check = Command::new(env!("CARGO_BIN_EXE_mw-worker")).arg("check").output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
}

/// Starts a job of a minute, and waits until FFmpeg works on it.
fn rendering(folder: &Path) -> std::process::Child {
    let job = folder.join("job.json");
    fs::write(&job, r#"{"preset_id": "overlay_classic", "prompt": "a long job", "target_duration_seconds": 60}"#)
        .unwrap();
    let scratch = folder.join("scratch");
    fs::create_dir_all(&scratch).unwrap();
    let mut worker = Command::new(env!("CARGO_BIN_EXE_mw-worker"));
    worker.arg("render").arg(job).arg("--to").arg(folder.join("video.mp4")).arg("--scratch").arg(&scratch);
    let worker = worker.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    until(|| !programs_in(&scratch).is_empty());
    worker
}

fn until(mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The programs that run in a folder or below it.
fn programs_in(folder: &Path) -> Vec<u32> {
    let folder = folder.canonicalize().unwrap();
    let processes =
        fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    processes.filter(|id| fs::read_link(format!("/proc/{id}/cwd")).is_ok_and(|cwd| cwd.starts_with(&folder))).collect()
}

#[test]
fn a_worker_that_is_told_to_end_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let mut worker = rendering(folder.path());
    let told = Instant::now();
    kill_process(Pid::from_child(&worker), Signal::TERM).unwrap();
    assert!(!worker.wait().unwrap().success());
    assert!(told.elapsed() < Duration::from_secs(1), "{:?}", told.elapsed());
    let scratch = folder.path().join("scratch");
    assert!(programs_in(&scratch).is_empty());
    assert_eq!(fs::read_dir(scratch).unwrap().count(), 0);
    assert!(!folder.path().join("video.mp4").exists());
}

#[test]
fn a_killed_workers_programs_end_and_its_files_are_swept() {
    let folder = TempDir::new().unwrap();
    let mut worker = rendering(folder.path());
    worker.kill().unwrap();
    worker.wait().unwrap();
    let scratch = folder.path().join("scratch");
    until(|| programs_in(&scratch).is_empty());
    assert!(fs::read_dir(&scratch).unwrap().count() > 0);
    mw_worker::scratch::sweep(&scratch).unwrap();
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
}
