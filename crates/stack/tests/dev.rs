//! `./dev` before it builds anything.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use mw::folder;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::process::Command;

/// With nothing on PATH but what the look at the ports needs, so that what comes after it ends for want of Rust.
fn dev(arguments: &[&str]) -> (Option<i32>, String) {
    let folder = std::env::temp_dir().join(format!("mw-dev-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&folder).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    for program in ["bash", "dirname", "tr", "grep"] {
        let found = std::env::split_paths(&path).map(|place| place.join(program)).find(|program| program.is_file());
        symlink(found.unwrap(), folder.join(program)).unwrap();
    }
    let mut command = Command::new(folder::root().unwrap().join("dev"));
    command.args(arguments).env("PATH", &folder).env("HOME", &folder).env("MW_STATE", &folder);
    let output = command.env("MW_HOST", "Local").env_remove("PROVIDERS_MODE").output().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_busy_port_is_found_before_the_build() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for arguments in [["up", "--port", &port].as_slice(), &["up", &format!("--port={port}"), "--mode", "mock"]] {
        let (code, said) = dev(arguments);
        assert!(code == Some(2) && said.contains(&format!("port {port} for the API is in use")), "{said}");
    }
    let free = mw_stack::ports::free().unwrap().to_string();
    let (_, said) = dev(&["up", "--port", &free, "--mode", "mock"]);
    assert!(!said.contains("is in use") && said.contains("Rust is missing"), "{said}");
}
