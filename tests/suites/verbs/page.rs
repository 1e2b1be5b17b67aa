//! The page for operators: every command on it does what it says.

use crate::readme::{commands, root};
use crate::support::Run;
use crate::support::shell::says;
use crate::support::stack::{builder, service_of};
use mw::mode::Mode;

#[test]
fn every_command_of_the_page_about_runs_works() {
    let stack = builder().mode(Mode::Mock).start().unwrap();
    let run = Run::start_at(&service_of(&stack), "test_video_gen");
    let lines = commands(&root().join("docs/operating-runs.md"));
    assert!(lines.len() >= 15, "{lines:?}");
    let mut told = String::new();
    for line in lines {
        told.push_str(&says(&stack, &line, &[("RUN", &run.id)], ""));
    }
    for part in [
        "waits for  a person at the workflow gate",
        "is paused",
        "unchanged: pending_workflow",
        "is failed",
        "goes on as",
        "nothing was done: add --yes to do it",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}
