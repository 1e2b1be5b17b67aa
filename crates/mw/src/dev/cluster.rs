//! The private PostgreSQL cluster under `.mw/`: made once from the installed programs, started when somebody needs it,
//! stopped when the last one is gone.
//!
//! Several commands may use it at once (`up`, a `with`, the tests): each holds a shared lock on `<name>.users`, and who
//! finds on leaving that nobody else holds it, stops the server. Starting and stopping happen under `<name>.lock`.

use super::{account::Account, folder, ports, prerequisites, secrets};
use crate::error::{Error, Result, While};
use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

const FIRST_PORT: u16 = 54329;
pub const SUPERUSER: &str = "postgres";
pub const OWNER: &str = "mw";

/// A cluster in its folder, running or not.
#[derive(Debug, Clone)]
pub struct Cluster {
    folder: PathBuf,
    log: PathBuf,
    /// Off only where losing everything in a power cut is fine.
    durable: bool,
}

impl Cluster {
    /// The cluster of this clone.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        let state = folder::state(root);
        Self {
            folder: state.join("pg"),
            log: state.join("log/postgres.log"),
            durable: true,
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
        }
    }

    /// Makes the cluster if there is none, starts it if it is down, and counts us as one of its users.
    pub fn enter(&self) -> Result<InUse> {
        folder::made(self.folder.clone())?;
        let _starting = self.exclusive()?;
        let server = Server::locate(self)?;
        let port = server.ensure_running()?;
        let users = self.lock_file("users")?;
        users
            .lock_shared()
            .while_doing("count as a user of the cluster")?;
        Ok(InUse {
            cluster: self.clone(),
            port,
            users,
        })
    }

    /// Keeps the server up when its last user leaves (`mw dev db`), or no longer.
    pub fn keep(&self, keep: bool) -> Result<()> {
        let marker = self.folder.join("keep");
        if keep {
            return fs::write(marker, "").while_doing("mark the cluster");
        }
        let _ = fs::remove_file(marker);
        Ok(())
    }

    /// Stops the server unless somebody uses it; tells whether it is down now.
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

    fn exclusive(&self) -> Result<File> {
        let lock = self.lock_file("lock")?;
        lock.lock().while_doing("lock the cluster")?;
        Ok(lock)
    }

    fn lock_file(&self, kind: &str) -> Result<File> {
        let path = self.folder.with_extension(kind);
        let mut options = OpenOptions::new();
        options
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .while_doing(format!("open {}", path.display()))
    }
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

    /// The password of the owner of the product's databases.
    pub fn owner_password(&self) -> Result<String> {
        read_password(&self.cluster.folder, OWNER)
    }

    fn url_as(&self, user: &str, database: &str) -> Result<String> {
        let password = read_password(&self.cluster.folder, user)?;
        Ok(format!(
            "postgresql://{user}:{password}@127.0.0.1:{}/{database}",
            self.port
        ))
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
            eprintln!("mw: PostgreSQL was not stopped: {error}");
        }
    }
}

/// The server programs and the user who runs them; used under the cluster's lock only.
struct Server {
    cluster: Cluster,
    data: PathBuf,
    programs: PathBuf,
    account: Option<Account>,
}

impl Server {
    fn locate(cluster: &Cluster) -> Result<Self> {
        let data = cluster.folder.join("data");
        let account = Account::choose(&cluster.folder, &data)?;
        let made_by = fs::read_to_string(cluster.folder.join("version"))
            .ok()
            .and_then(|text| text.trim().parse().ok());
        Ok(Self {
            cluster: cluster.clone(),
            data,
            programs: prerequisites::postgres_programs(made_by)?,
            account,
        })
    }

    /// Returns the port.
    fn ensure_running(&self) -> Result<u16> {
        if !self.cluster.folder.join("version").exists() {
            self.make()?;
        }
        if let Some(port) = self.running_port() {
            return Ok(port);
        }
        self.start()
    }

    /// Makes it aside and renames it, so that a half-made cluster is never taken for one.
    fn make(&self) -> Result<()> {
        let folder = &self.cluster.folder;
        let fresh = folder.join("data.new");
        for old in [&fresh, &self.data] {
            if old.exists() {
                fs::remove_dir_all(old).while_doing("remove a half-made cluster")?;
            }
        }
        fs::create_dir(&fresh).while_doing("make the cluster's folder")?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o700))
            .while_doing("close the cluster's folder")?;
        let password = write_password(folder, SUPERUSER)?;
        write_password(folder, OWNER)?;
        let password_file = fresh.with_extension("password");
        write_private(&password_file, &password)?;
        self.give(&fresh)?;
        self.give(&password_file)?;
        let mut command = self.command("initdb");
        command.args([
            "--username",
            SUPERUSER,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--pwfile",
        ]);
        command.arg(&password_file).arg("-D").arg(&fresh);
        let made = run(command, "initdb");
        let _ = fs::remove_file(&password_file);
        made?;
        fs::rename(&fresh, &self.data).while_doing("keep the new cluster")?;
        let version =
            fs::read_to_string(self.data.join("PG_VERSION")).while_doing("read PG_VERSION")?;
        fs::write(folder.join("version"), version).while_doing("note the cluster's version")
    }

    fn start(&self) -> Result<u16> {
        self.forget_stale_pid()?;
        let wanted = fs::read_to_string(self.cluster.folder.join("port"))
            .ok()
            .and_then(|text| text.trim().parse().ok());
        let port = ports::free_from(wanted.unwrap_or(FIRST_PORT))?;
        fs::write(self.cluster.folder.join("port"), port.to_string())
            .while_doing("note the cluster's port")?;
        self.configure(port)?;
        self.prepare_log()?;
        let mut command = self.command("pg_ctl");
        command
            .args(["start", "-w", "-t", "60", "-D"])
            .arg(&self.data)
            .arg("-l")
            .arg(&self.cluster.log);
        run(command, "pg_ctl start").map_err(|error| {
            let log = fs::read_to_string(&self.cluster.log).unwrap_or_default();
            let mut tail: Vec<&str> = log.lines().rev().take(5).collect();
            tail.reverse();
            Error::failed(format!(
                "PostgreSQL did not start: {error}\n{}",
                tail.join("\n")
            ))
        })?;
        Ok(port)
    }

    fn configure(&self, port: u16) -> Result<()> {
        let durability = if self.cluster.durable {
            ""
        } else {
            "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"
        };
        let text = format!(
            "# Written by mw dev at every start.\nlisten_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\n\
             max_connections = 400\nlog_line_prefix = '%m [%p] %u@%d '\n{durability}"
        );
        let path = self.data.join("postgresql.auto.conf");
        fs::write(&path, text).while_doing("configure the cluster")?;
        self.give(&path)
    }

    fn prepare_log(&self) -> Result<()> {
        if let Some(parent) = self.cluster.log.parent() {
            folder::made(parent.to_path_buf())?;
        }
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.cluster.log)
            .while_doing("open PostgreSQL's log")?;
        self.give(&self.cluster.log)
    }

    /// `mode` is pg_ctl's: fast or immediate. A server that is down already is fine.
    fn stop(&self, mode: &str) -> Result<()> {
        if self.running_port().is_none() {
            return Ok(());
        }
        let mut command = self.command("pg_ctl");
        command
            .args(["stop", "-w", "-t", "60", "-m", mode, "-D"])
            .arg(&self.data);
        run(command, "pg_ctl stop").map(drop)
    }

    /// The port of the running server, from its pid file: line 1 is the process, line 4 the port.
    fn running_port(&self) -> Option<u16> {
        let text = fs::read_to_string(self.data.join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let process = lines.next()?.trim().parse().ok()?;
        let port = lines.nth(2)?.trim().parse().ok()?;
        (super::process::is_running(process, "postgres") && ports::is_busy(port)).then_some(port)
    }

    /// After a crash the pid file can name a process that is somebody else by now; PostgreSQL would refuse to start.
    fn forget_stale_pid(&self) -> Result<()> {
        let path = self.data.join("postmaster.pid");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let process = text
            .lines()
            .next()
            .and_then(|line| line.trim().parse().ok());
        if process.is_some_and(|process| !super::process::is_running(process, "postgres")) {
            fs::remove_file(&path).while_doing("remove a stale postmaster.pid")?;
        }
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = self.account.as_ref().map_or_else(
            || Command::new(&program),
            |account| account.command(&program),
        );
        // PostgreSQL's programs want to read the current folder, which their user might not be allowed to.
        command
            .current_dir("/")
            .stdin(Stdio::null())
            .env("LC_ALL", "C")
            .env_remove("PGDATA");
        command
    }

    fn give(&self, path: &Path) -> Result<()> {
        self.account
            .as_ref()
            .map_or(Ok(()), |account| account.give(path))
    }
}

fn run(mut command: Command, what: &str) -> Result<Output> {
    let output = command.output().while_doing(format!("run {what}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let words = String::from_utf8_lossy(if output.stderr.is_empty() {
        &output.stdout
    } else {
        &output.stderr
    })
    .into_owned();
    Err(Error::failed(format!("{what} failed: {}", words.trim())))
}

fn password_path(folder: &Path, user: &str) -> PathBuf {
    folder.join(format!("{user}.password"))
}

fn read_password(folder: &Path, user: &str) -> Result<String> {
    fs::read_to_string(password_path(folder, user))
        .while_doing(format!("read the password of {user}"))
}

fn write_password(folder: &Path, user: &str) -> Result<String> {
    let password = secrets::random();
    write_private(&password_path(folder, user), &password)?;
    Ok(password)
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    let _ = fs::remove_file(path);
    let mut options = OpenOptions::new();
    let mut file = options
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .while_doing(format!("write {}", path.display()))?;
    std::io::Write::write_all(&mut file, text.as_bytes())
        .while_doing(format!("write {}", path.display()))
}
