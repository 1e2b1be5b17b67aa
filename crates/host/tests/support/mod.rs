//! For the tests of this folder: the conformance component built once, the host started on a free port and stopped
//! with the test, requests with JSON answers.

// Each test program uses its own part of this.
#![allow(dead_code, unreachable_pub)]

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::Value;

const HOST: &str = env!("CARGO_BIN_EXE_mw-host");
const CRATE: &str = env!("CARGO_MANIFEST_DIR");

/// Where the tests find PostgreSQL; without it they can't say anything about the host.
pub fn database_url() -> String {
    std::env::var("DATABASE_URL").expect(
        "DATABASE_URL is not set: name a PostgreSQL 15 database for these tests, such as postgres://postgres@127.0.0.1:5432/postgres",
    )
}

/// Runs SQL from outside of the host.
pub fn sql(statement: &str) -> Vec<String> {
    let run = async {
        let (client, connection) = tokio_postgres::connect(&database_url(), tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let messages = client.simple_query(statement).await.unwrap();
        let first = |message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        };
        messages.into_iter().filter_map(first).collect()
    };
    tokio::runtime::Runtime::new().unwrap().block_on(run)
}

/// The component as a file, built on first use.
pub fn component() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(HOST).ancestors().nth(2).unwrap();
        let mut build = Command::new(env!("CARGO"));
        build
            .args(["build", "--release", "--target", "wasm32-wasip2", "-p", "conformance", "--target-dir"])
            .arg(target);
        // What is set for the native build (coverage, say) is not meant for WebAssembly.
        for name in
            ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "LLVM_PROFILE_FILE"]
        {
            build.env_remove(name);
        }
        let status = build.current_dir(CRATE).status().unwrap();
        assert!(status.success(), "the conformance component does not build: is the target wasm32-wasip2 installed?");
        target.join("wasm32-wasip2/release/conformance.wasm")
    })
}

/// One of the conformance manifests with the component where it was built.
pub fn manifest(name: &str) -> PathBuf {
    let text = std::fs::read_to_string(Path::new(CRATE).join("conformance").join(name)).unwrap();
    let source = "../../../target/wasm32-wasip2/release/conformance.wasm";
    assert!(text.contains(source));
    write(name, text.replace(source, component().to_str().unwrap()))
}

/// A file of this test's own.
pub fn write(name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    static COUNT: Mutex<u32> = Mutex::new(0);
    let mut count = COUNT.lock().unwrap();
    *count += 1;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{count}", std::process::id()));
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    path
}

/// The command with this test run's cache and none of the caller's variables.
pub fn command(manifest: &Path) -> Command {
    let mut command = Command::new(HOST);
    command.arg("--manifest").arg(manifest);
    command.env("MW_CACHE_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"));
    command.env_remove("SPIN_MAX_INSTANCE_COUNT");
    command
}

/// A running host, stopped when dropped.
pub struct Host {
    pub base: String,
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Host {
    /// The conformance application, with its database.
    pub fn start(arguments: &[&str]) -> Self {
        Self::run(Self::command(arguments))
    }

    /// What `start` runs.
    pub fn command(arguments: &[&str]) -> Command {
        let url = database_url();
        let config: tokio_postgres::Config = url.parse().unwrap();
        let tokio_postgres::config::Host::Tcp(name) = &config.get_hosts()[0] else {
            panic!("DATABASE_URL must be TCP")
        };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        let mut command = command(&manifest("spin.toml"));
        command.args(["--listen", "127.0.0.1:0"]).args(arguments);
        command.env("SPIN_VARIABLE_DATABASE_URL", &url).env("SPIN_VARIABLE_DATABASE_HOST", format!("{name}:{port}"));
        command
    }

    pub fn run(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (kept, stderr) = (Arc::clone(&log), child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = kept.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let base = ready.trim().strip_prefix("Serving ").unwrap_or_default().to_owned();
        let host = Self { base, child, log };
        assert!(!ready.is_empty(), "the host did not start: {}", host.log());
        host
    }

    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub fn authority(&self) -> &str {
        self.base.strip_prefix("http://").unwrap()
    }

    /// Sends SIGTERM, then waits for the end.
    pub fn terminate(&mut self) -> Option<i32> {
        let sent = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Status and body of a GET.
pub fn fetch(url: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut response = agent.get(url).call().unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

pub fn get(url: &str) -> Value {
    let (status, body) = fetch(url);
    assert_eq!(status, 200, "{url}: {body}");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{url}: {error}: {body}"))
}

/// Sends bytes as they are and reads until the other side closes or `wait` is over.
pub fn raw(authority: &str, request: &[u8], wait: Duration) -> String {
    let mut stream = std::net::TcpStream::connect(authority).unwrap();
    std::io::Write::write_all(&mut stream, request).unwrap();
    stream.set_read_timeout(Some(wait)).unwrap();
    let mut answer = Vec::new();
    // Ends with an error when the time is over; what came until then counts.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Repeats a check until it holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A server that takes connections and never answers; its authority.
pub fn silent_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let authority = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        let mut taken = Vec::new();
        while let Ok((stream, _)) = listener.accept() {
            taken.push(stream);
        }
    });
    authority
}
