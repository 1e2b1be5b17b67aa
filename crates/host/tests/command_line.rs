//! What only our host has: its options, its log, its refusals, and how it starts and stops.

// The lints' exception for tests doesn't reach helpers outside of #[test].
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use support::{Host, command, component, eventually, fetch, get, manifest, raw, write};

const HEAD: &str = "spin_manifest_version = 2\n[application]\nname = 'x'\n[[trigger.http]]\nroute = '/...'\ncomponent = 'a'\n[component.a]\n";

fn with_source(wasm: &Path) -> PathBuf {
    write("spin.toml", format!("{HEAD}source = '{}'\n", wasm.display()))
}

/// Starts what must not start; its one line of explanation.
fn refusal(manifest: &Path, arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = command(manifest).args(arguments).output().unwrap();
    let text = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

#[test]
fn what_cannot_be_run_is_refused_at_start() {
    let empty_component = write("empty.wasm", b"\0asm\x0d\0\x01\0");
    let stranger = r#"(component (import "fermyon:spin/redis@2.0.0" (instance (export "ping" (func)))))"#;
    let stranger = write("stranger.wasm", wat::parse_str(stranger).unwrap());
    let module = write("module.wasm", wat::parse_str("(module)").unwrap());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = taken.local_addr().unwrap().to_string();
    let cases: &[(&Path, &[&str], &[&str])] = &[
        (Path::new("/nowhere/spin.toml"), &[], &["/nowhere/spin.toml", "--manifest"]),
        (&with_source(Path::new("/nowhere/a.wasm")), &[], &["/nowhere/a.wasm is missing", "build"]),
        (&with_source(&empty_component), &[], &["wasi:http/incoming-handler"]),
        (&with_source(&stranger), &[], &["fermyon:spin/redis@2.0.0"]),
        (&with_source(&module), &[], &["not a WASI 0.2 component"]),
        (&with_source(component()), &["--listen", &busy], &["already in use", "--listen"]),
        (&with_source(component()), &["--max-instances", "2000000"], &["--max-instances"]),
        (&with_source(component()), &["--request-timeout", "NaN"], &["--request-timeout"]),
        (&manifest("spin.toml"), &[], &["SPIN_VARIABLE_DATABASE_URL"]),
        (&manifest("spin-cron.toml"), &[], &["SPIN_VARIABLE_CRON_HOST, SPIN_VARIABLE_CRON_URL"]),
    ];
    for (manifest, arguments, reasons) in cases {
        let free = if arguments.contains(&"--listen") { &[][..] } else { &["--listen", "127.0.0.1:0"] };
        let text = refusal(manifest, &[free, arguments].concat());
        for reason in *reasons {
            assert!(text.contains(reason), "{reason}: {text}");
        }
    }
}

#[test]
fn without_a_catch_all_unmatched_paths_are_404() {
    let manifest =
        write("spin.toml", HEAD.replace("/...", "/only") + &format!("source = '{}'\n", component().display()));
    let mut command = command(&manifest);
    command.args(["--listen", "127.0.0.1:0"]);
    let host = Host::run(command);
    assert_eq!(fetch(&format!("{}/other", host.base)), (404, String::new()));
    assert_eq!(fetch(&format!("{}/only", host.base)).0, 404, "the component's own 404");
}

#[test]
fn prints_of_components_are_logged_under_their_name() {
    let host = Host::start(&[]);
    get(&format!("{}/log", host.base));
    eventually("both streams are in the log", || {
        let log = host.log();
        log.contains("[conformance] a line on stdout\n")
            && log.contains("[conformance] a line on stderr in two pieces, without an end\n")
    });
    fetch(&format!("{}/trap", host.base));
    eventually("a trap is in the log", || {
        host.log().contains("[mw-host] component conformance failed: the guest trapped")
    });
    get(&format!("{}/outbound?url=http://exact.spin.internal/", host.base));
    eventually("a denied call is in the log with its cure", || host.log().contains("add it to allowed_outbound_hosts"));
}

#[test]
fn the_request_timeout_stops_guests_that_wait_and_that_loop() {
    let host = Host::start(&["--request-timeout", "0.3"]);
    for path in ["/sleep?ms=5000", "/spin"] {
        let started = Instant::now();
        assert_eq!(fetch(&format!("{}{path}", host.base)).0, 500, "{path}");
        assert!(started.elapsed() < Duration::from_secs(3), "{path}");
    }
    assert_eq!(get(&format!("{}/sleep?ms=10", host.base)), "slept");
}

/// Waits until so many guests are asleep.
fn asleep(host: &Host, count: usize) {
    eventually("the guests are at work", || host.log().matches("[conformance] sleeping").count() >= count);
}

#[test]
fn one_guest_too_many_gets_a_500() {
    let host = Host::start(&["--max-instances", "2"]);
    let url = format!("{}/sleep?ms=2000", host.base);
    std::thread::scope(|scope| {
        let guests = [scope.spawn(|| fetch(&url).0), scope.spawn(|| fetch(&url).0)];
        asleep(&host, 2);
        assert_eq!(fetch(&url).0, 500);
        for guest in guests {
            assert_eq!(guest.join().unwrap(), 200);
        }
    });
}

#[test]
fn a_signal_ends_it_at_once_unless_it_is_to_drain() {
    let cases = [("0", false), ("20", true)];
    for (drain_seconds, finishes) in cases {
        let mut host = Host::start(&["--drain-seconds", drain_seconds]);
        let authority = host.authority().to_owned();
        std::thread::scope(|scope| {
            let request = b"GET /sleep?ms=2500 HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
            let answer = scope.spawn(|| raw(&authority, request, Duration::from_secs(20)));
            asleep(&host, 1);
            let started = Instant::now();
            assert_eq!(host.terminate(), Some(0));
            assert!(finishes || started.elapsed() < Duration::from_secs(2), "drain {drain_seconds}");
            assert_eq!(answer.join().unwrap().contains("slept"), finishes, "drain {drain_seconds}");
        });
    }
}

/// Head and body in two packets would cost 40 ms each with a client that delays its acknowledgements.
#[test]
fn small_answers_leave_whole() {
    let host = Host::start(&[]);
    let request = b"GET /headers HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
    let answer = raw(host.authority(), request, Duration::from_secs(1)).to_lowercase();
    assert!(answer.contains("content-length: ") && !answer.contains("transfer-encoding"), "{answer}");
    let agent = ureq::Agent::new_with_defaults();
    let url = format!("{}/headers", host.base);
    let mut times: Vec<_> = (0..20)
        .map(|_| {
            let started = Instant::now();
            agent.get(&url).call().unwrap().body_mut().read_to_string().unwrap();
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    assert!(times[5] < Duration::from_millis(30), "{times:?}");
}

#[test]
fn a_second_start_needs_no_compiler() {
    let cache = write("cache/empty", "");
    let start = || {
        let mut command = Host::command(&[]);
        command.env("MW_CACHE_DIR", cache.parent().unwrap());
        let started = Instant::now();
        drop(Host::run(command));
        started.elapsed()
    };
    let (first, second) = (start(), start());
    assert!(second < first / 2, "{first:?}, {second:?}");
}

#[test]
fn cron_triggers_again() {
    let server = Host::start(&[]);
    let mut command = command(&manifest("spin-cron.toml"));
    command.env("SPIN_VARIABLE_CRON_URL", format!("{}/echo", server.base)).env("SPIN_VARIABLE_CRON_HOST", &server.base);
    let mut cron = Host::run(command);
    // Among so many ticks one ends in an error and one traps.
    eventually("seven ticks, through errors and traps", || cron.log().matches("[ticks] tick ").count() >= 7);
    let log = cron.log();
    let mut ticks: Vec<u64> = log.lines().filter_map(|line| line.strip_prefix("[ticks] tick ")?.parse().ok()).collect();
    let count = ticks.len();
    ticks.dedup();
    assert_eq!(ticks.len(), count, "no second is rung twice: {log}");
    assert!(log.contains("a tick that can be divided by 3"), "{log}");
    assert_eq!(cron.terminate(), Some(0));
}
