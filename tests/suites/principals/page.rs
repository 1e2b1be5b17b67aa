//! The page about principals: every command on it does what it says.

use crate::readme::{commands, root};
use crate::support::Run;
use crate::support::shell::says;
use crate::support::stack::{builder, service_of};
use mw::mode::Mode;

#[test]
fn every_command_of_the_page_about_principals_works() {
    let stack = builder().mode(Mode::Mock).start().unwrap();
    let run = Run::start_at(&service_of(&stack), "test_video_gen");
    let lines = commands(&root().join("docs/principals.md"));
    assert!(lines.len() >= 10, "{lines:?}");
    let (mut told, mut key, mut key_id) = (String::new(), String::new(), String::new());
    for line in lines {
        let text = says(&stack, &line, &[("RUN", &run.id), ("KEY", &key), ("KEY_ID", &key_id)], "");
        if line.starts_with("mw principals add ann") {
            // Alone on the first line, as scripts take it.
            key = text.lines().next().unwrap().to_owned();
            assert!(key.starts_with("mw_") && key.len() == 67, "{text}");
            key_id = text.split("key ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        }
        told.push_str(&text);
    }
    for part in ["approver  editors", "approved", "\"key\":\"mw_", "ann is disabled", "is revoked", ", ends "] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}
