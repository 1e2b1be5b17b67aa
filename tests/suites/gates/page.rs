//! The page about gates: every command on it does what it says.

use crate::readme::{commands, root};
use crate::support::Run;
use crate::support::shell::says;
use crate::support::stack::{builder, service_of};
use mw::mode::Mode;

#[test]
fn every_command_of_the_page_about_gates_works() {
    let stack = builder().mode(Mode::Mock).start().unwrap();
    let run = Run::start_at(&service_of(&stack), "test_video_gen");
    let lines = commands(&root().join("docs/gates.md"));
    assert!(lines.len() >= 9, "{lines:?}");
    let told: String = lines.iter().map(|line| says(&stack, line, &[("RUN", &run.id)], "")).collect();
    for part in [
        "may decide: any approver",
        "may be edited: title",
        "/v1/hitl/approve/",
        "workflow of",
        ": approved",
        ": changes_requested",
        "earlier links are void",
        ": rejected",
        "\"gates\"",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}
