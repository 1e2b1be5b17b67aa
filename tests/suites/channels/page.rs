//! The page about channels: every command on it does what it says.

use crate::readme::{commands, root};
use crate::support::Run;
use crate::support::shell::says;
use crate::support::stack::{builder, service_of};

/// A setting of the environment's stack.
pub(crate) fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

#[test]
#[ignore = "needs simulated providers"]
fn every_command_of_the_page_about_channels_works() {
    let stack = builder().start().unwrap();
    let run = Run::start_at(&service_of(&stack), "test_video_gen");
    let telegram = format!("{}/telegram", stack.simulator_url().unwrap());
    let lines = commands(&root().join("docs/channels.md"));
    assert!(lines.len() >= 7, "{lines:?}");
    let mut told = String::new();
    for line in lines {
        told.push_str(&says(&stack, &line, &[("RUN", &run.id), ("TELEGRAM_BASE_URL", &telegram)], ""));
    }
    for part in [
        "telegram  -1001234567890        all projects",
        "slack     C0123456789           aismr",
        "telegram -1001234567890 is removed",
        "0 messages are due again",
        "updates to https://myloware.example/v1/telegram/webhook",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}
