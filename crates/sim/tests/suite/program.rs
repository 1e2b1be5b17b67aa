//! `mw-sim` as a program.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use mw_integrations::HttpClient;

use crate::common::*;

fn program(listen: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mw-sim"));
    command.args(["--listen", listen, "--kieai-ms", "5"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[test]
fn it_says_where_it_listens_and_answers_there() {
    let mut child = program("127.0.0.1:0").spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim().strip_prefix("mw-sim listens on ").unwrap();
    let request = http::Request::get(format!("{url}/_sim/latency")).body(Vec::new()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let answer = runtime.block_on(Client::waiting(Duration::from_secs(10)).send(request));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(answer.unwrap().body(), br#"{"kieai_ms":5,"shotstack_ms":500,"upload_post_ms":300}"#);
}

#[test]
fn a_busy_port_is_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = program(&address).output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains(&format!("cannot listen on {address}")));
}
