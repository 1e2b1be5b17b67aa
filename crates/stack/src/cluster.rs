//! The private PostgreSQL cluster under `.mw/`: made once from the installed programs, started when somebody needs it,
//! stopped when the last one is gone.
//!
//! Several commands may use it at once (`up`, a `with`, the tests): each holds a shared lock on `<name>.users`, and who
//! finds on leaving that nobody else holds it, stops the server. Starting and stopping happen under `<name>.lock`.

use crate::server::{Server, made_password, read_password};
use mw::{
    error::{Result, While},
    folder,
};
use std::{
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
};

pub const SUPERUSER: &str = "postgres";
/// Who makes the databases and roles of the product here: as who has rented a server may do, and no superuser.
pub const OWNER: &str = "mw";
/// Whom hosts connect as: ops/postgres/roles.sql makes it.
pub const APP: &str = "myloware_app";
/// Who migrates, where that is not the administrator.
pub const MIGRATOR: &str = "myloware_owner";

/// A cluster in its folder, running or not.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub(super) folder: PathBuf,
    pub(super) log: PathBuf,
    /// Off only where losing everything in a power cut is fine.
    pub(super) durable: bool,
    /// Where it looks for a port when it is made.
    pub(super) first_port: u16,
    /// Whether it speaks to nobody without TLS, as rented servers do.
    pub(super) tls: bool,
}

const FIRST_PORT: u16 = 54329;

impl Cluster {
    /// The cluster of this clone.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        let state = folder::state(root);
        Self {
            folder: state.join("pg"),
            log: state.join("log/postgres.log"),
            durable: true,
            first_port: FIRST_PORT,
            tls: false,
        }
    }

    /// A second one that does not wait for the disk (fsync off): for tests.
    #[must_use]
    pub fn fast(root: &Path) -> Self {
        let state = folder::state(root);
        Self {
            folder: state.join("pg-fast"),
            log: state.join("log/postgres-fast.log"),
            durable: false,
            first_port: FIRST_PORT,
            tls: false,
        }
    }

    /// One as a service would rent it out: TLS only, and its administrator is no superuser. For tests.
    #[must_use]
    pub fn managed(root: &Path) -> Self {
        let state = folder::state(root);
        Self {
            folder: state.join("pg-managed"),
            log: state.join("log/postgres-managed.log"),
            tls: true,
            ..Self::fast(root)
        }
    }

    /// A third one, for chaos to crash: durable, since what was acknowledged must survive, and on a port that the system
    /// gives to no outgoing connection while the server is down.
    #[must_use]
    pub fn chaos(root: &Path) -> Self {
        let state = folder::state(root);
        Self {
            folder: state.join("pg-chaos"),
            log: state.join("log/postgres-chaos.log"),
            durable: true,
            first_port: 25_432,
            tls: false,
        }
    }

    /// Makes the cluster if there is none, starts it if it is down, and counts us as one of its users.
    pub fn enter(&self) -> Result<InUse> {
        folder::made(self.folder.clone())?;
        let _starting = self.exclusive()?;
        let server = Server::locate(self)?;
        let port = server.ensure_running()?;
        let users = self.lock_file("users")?;
        users.lock_shared().while_doing("count as a user of the cluster")?;
        Ok(InUse { cluster: self.clone(), port, users })
    }

    /// Keeps the server up when its last user leaves (`mw-stack db`), or no longer.
    pub fn keep(&self, keep: bool) -> Result<()> {
        let marker = self.folder.join("keep");
        if keep {
            return fs::write(marker, "").while_doing("mark the cluster");
        }
        let _ = fs::remove_file(marker);
        Ok(())
    }

    /// Stops the server unless somebody uses it; returns whether it is down now.
    pub fn stop_if_unused(&self) -> Result<bool> {
        if !self.folder.is_dir() {
            return Ok(true);
        }
        let _stopping = self.exclusive()?;
        self.stop_locked()
    }

    fn stop_locked(&self) -> Result<bool> {
        let alone = self.lock_file("users")?.try_lock().is_ok();
        if alone && !self.folder.join("keep").exists() {
            Server::locate(self)?.stop("fast")?;
            return Ok(true);
        }
        Ok(false)
    }

    /// The certificate of the authority that signed the server's.
    pub(super) fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    fn exclusive(&self) -> Result<File> {
        let lock = self.lock_file("lock")?;
        lock.lock().while_doing("lock the cluster")?;
        Ok(lock)
    }

    fn lock_file(&self, kind: &str) -> Result<File> {
        let path = self.folder.with_extension(kind);
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true).open(&path).while_doing(format!("open {}", path.display()))
    }
}

fn encoded(path: &Path) -> String {
    url::form_urlencoded::byte_serialize(path.display().to_string().as_bytes()).collect::<String>().replace('+', "%20")
}

/// A running cluster that we are a user of. Dropping it leaves; the last one to leave stops the server.
#[derive(Debug)]
pub struct InUse {
    cluster: Cluster,
    port: u16,
    users: File,
}

impl InUse {
    /// The address of one of its databases, as the owner of the product's databases.
    pub fn url(&self, database: &str) -> Result<String> {
        self.url_as(OWNER, database)
    }

    /// The address of one of its databases, as the superuser.
    pub fn superuser_url(&self, database: &str) -> Result<String> {
        self.url_as(SUPERUSER, database)
    }

    /// The password of a role of the product; made up when it is first asked for.
    pub fn password_of(&self, role: &str) -> Result<String> {
        made_password(&self.cluster.folder, role)
    }

    fn url_as(&self, user: &str, database: &str) -> Result<String> {
        let password = read_password(&self.cluster.folder, user)?;
        let options = match self.cluster.tls {
            true => format!("?sslmode=verify-full&sslrootcert={}", encoded(&self.cluster.authority())),
            false => String::new(),
        };
        Ok(format!("postgresql://{user}:{password}@127.0.0.1:{}/{database}{options}", self.port))
    }

    /// Stops the server (`fast`, or `immediate` like a crash) and starts it again on its port: for tests of just that.
    pub fn restart(&self, mode: &str) -> Result<()> {
        let _locked = self.cluster.exclusive()?;
        let server = Server::locate(&self.cluster)?;
        server.stop(mode)?;
        server.ensure_running().map(drop)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let Ok(_stopping) = self.cluster.exclusive() else {
            return;
        };
        let left = self.users.unlock();
        if left.is_ok()
            && let Err(error) = self.cluster.stop_locked()
        {
            eprintln!("mw-stack: PostgreSQL was not stopped: {error}");
        }
    }
}
