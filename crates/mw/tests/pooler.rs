//! PgBouncer before the server, where it is installed: refused by name in transaction mode, as good as none in session mode.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use mw::folder;
use mw_postgresql::{Address, Pooling};
use mw_stack::{builder::Builder, cluster::Cluster, database::Database, ports, with};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// The first that carries prepared statements over.
const CARRIES: (u32, u32) = (1, 21);

struct Pooler {
    process: Child,
    folder: PathBuf,
    /// Through it.
    url: String,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The program, and its version: `PgBouncer 1.18.0` → (1, 18). Says so where there is none.
fn installed() -> Option<(&'static str, (u32, u32))> {
    let says = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    // Debian's is not on everybody's PATH.
    let Some(program) = ["pgbouncer", "/usr/sbin/pgbouncer"].into_iter().find(says) else {
        eprintln!("skipped: PgBouncer is not installed (Debian: pgbouncer)");
        return None;
    };
    let text = String::from_utf8(Command::new(program).arg("--version").output().unwrap().stdout).unwrap();
    let mut numbers = text.split_whitespace().nth(1).unwrap().split('.').map(|number| number.parse().unwrap());
    Some((program, (numbers.next().unwrap(), numbers.next().unwrap())))
}

impl Pooler {
    fn start(url: &str, mode: &str, (program, version): (&str, (u32, u32))) -> Self {
        let address = Address::read(url).unwrap();
        let folder = std::env::temp_dir().join(format!("mw-pooler-{}", mw_stack::secrets::random()));
        std::fs::create_dir(&folder).unwrap();
        let (users, settings) = (folder.join("users"), folder.join("pgbouncer.ini"));
        std::fs::write(&users, format!("\"{}\" \"{}\"\n", address.user().unwrap(), address.password().unwrap()))
            .unwrap();
        let port = ports::free().unwrap();
        let server = address.host_and_port().unwrap();
        let server = server.rsplit(':').next().unwrap();
        let carry = if version >= CARRIES { "max_prepared_statements = 100\n" } else { "" };
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = scram-sha-256\nauth_file = {}\npool_mode = {mode}\ndefault_pool_size = 5\n{carry}",
            users.display()
        );
        std::fs::write(&settings, text).unwrap();
        let mut command = Command::new(program);
        // It does not run as root.
        if Command::new("id").arg("-u").output().unwrap().stdout.starts_with(b"0\n") {
            command.args(["-u", "nobody"]);
        }
        let process = command.arg(&settings).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let url = url.replace(&format!(":{server}/"), &format!(":{port}/"));
        let pooler = Self { process, folder, url };
        ports::wait_for(Duration::from_secs(20), "PgBouncer", || {
            Ok(Address::read(&pooler.url).unwrap().connect("pooler").ok().map(drop))
        })
        .unwrap();
        pooler
    }

    fn mw(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mw"));
        let command = command.args(arguments).env("DATABASE_URL", &self.url).env("MWPY_SKIP_DOTENV", "1");
        let Output { status, stdout, stderr } = command.current_dir(folder::root().unwrap()).output().unwrap();
        (status.code(), [stdout, stderr].map(|text| String::from_utf8(text).unwrap()).concat())
    }
}

fn database() -> Database {
    Database::scratch_in(&Cluster::fast(&folder::root().unwrap())).unwrap()
}

#[test]
fn transaction_mode_is_refused_by_name() {
    let Some(found) = installed() else { return };
    let database = database();
    let pooler = Pooler::start(database.url(), "transaction", found);
    for arguments in [&["db", "migrate"][..], &["db", "migrate", "--dry-run"]] {
        let (code, said) = pooler.mw(arguments);
        assert!(
            code == Some(2) && said.contains("a pooler in transaction mode (like PgBouncer's) answers at 127.0.0.1:"),
            "{said}"
        );
    }
    let mut direct = Address::read(database.url()).unwrap().connect("pooler").unwrap();
    let made: i64 = direct.query_one("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", &[]).unwrap().get(0);
    assert_eq!(made, 0, "nothing was changed");

    let (code, said) = pooler.mw(&["db", "status"]);
    let pooling = Address::read(&pooler.url).unwrap().pooling().unwrap();
    if found.1 >= CARRIES {
        assert_eq!((pooling, code), (Pooling::Transactions, Some(1)));
        assert!(said.contains("0 of "), "{said}");
    } else {
        assert_eq!((pooling, code), (Pooling::LosesStatements, Some(1)));
        assert!(said.contains("loses prepared statements") && said.contains("PgBouncer 1.21"), "{said}");
    }
}

#[test]
fn session_mode_is_as_good_as_none() {
    let Some(found) = installed() else { return };
    let database = database();
    let pooler = Pooler::start(database.url(), "session", found);
    let (code, said) = pooler.mw(&["db", "migrate"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = pooler.mw(&["db", "status"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(Address::read(database.url()).unwrap().pooling(), Ok(Pooling::Whole));
}

#[test]
fn the_product_runs_behind_one_that_carries_statements() {
    let Some(found) = installed() else { return };
    if found.1 < CARRIES {
        eprintln!("skipped: this PgBouncer loses prepared statements ({}.{})", found.1.0, found.1.1);
        return;
    }
    let mut stack = Builder::new().cluster(Cluster::fast(&folder::root().unwrap())).start().unwrap();
    let pooler = Pooler::start(&stack.database().app_url().unwrap(), "transaction", found);
    stack.change("DATABASE_URL", &pooler.url);
    stack.replace_host(0).unwrap();
    for _ in 0..3 {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_mw"));
        demo.args(["demo", "--poll-interval", "0.05"]).envs(with::environment(&stack)).env("MWPY_SKIP_DOTENV", "1");
        let output = demo.current_dir(folder::root().unwrap()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}
