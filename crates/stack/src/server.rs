//! The server of a cluster: its programs, the user who runs them, making, starting, stopping. Used under the cluster's lock only.

use crate::{
    account::Account,
    certificates,
    cluster::{Cluster, OWNER, SUPERUSER},
    ports, prerequisites, process, secrets,
};
use mw::{
    error::{Error, Result, While},
    folder,
};
use std::{
    fs::{self, OpenOptions},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

pub(super) struct Server {
    cluster: Cluster,
    data: PathBuf,
    programs: PathBuf,
    account: Option<Account>,
}

impl Server {
    pub(super) fn locate(cluster: &Cluster) -> Result<Self> {
        let data = cluster.folder.join("data");
        let account = Account::choose(&cluster.folder, &data)?;
        let made_by = fs::read_to_string(cluster.folder.join("version")).ok().and_then(|text| text.trim().parse().ok());
        Ok(Self { cluster: cluster.clone(), data, programs: prerequisites::postgres_programs(made_by)?, account })
    }

    /// Returns the port.
    pub(super) fn ensure_running(&self) -> Result<u16> {
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
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o700)).while_doing("close the cluster's folder")?;
        let password = write_password(folder, SUPERUSER)?;
        write_password(folder, OWNER)?;
        let password_file = fresh.with_extension("password");
        write_private(&password_file, &password)?;
        self.give(&fresh)?;
        self.give(&password_file)?;
        let mut command = self.command("initdb");
        command.args(["--username", SUPERUSER, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--pwfile"]);
        command.arg(&password_file).arg("-D").arg(&fresh);
        let made = run(command, "initdb");
        let _ = fs::remove_file(&password_file);
        made?;
        if self.cluster.tls {
            self.make_certificates(&fresh)?;
        }
        fs::rename(&fresh, &self.data).while_doing("keep the new cluster")?;
        let version = fs::read_to_string(self.data.join("PG_VERSION")).while_doing("read PG_VERSION")?;
        fs::write(folder.join("version"), version).while_doing("note the cluster's version")
    }

    /// A certificate that an authority of this cluster's own signed, and a server that speaks to nobody without it.
    fn make_certificates(&self, data: &Path) -> Result<()> {
        let made = certificates::made(&["localhost", "127.0.0.1"])?;
        fs::write(self.cluster.authority(), made.authority).while_doing("write the authority's certificate")?;
        for (name, text) in [("server.crt", made.certificate), ("server.key", made.key)] {
            write_private(&data.join(name), &text)?;
            self.give(&data.join(name))?;
        }
        let hba = data.join("pg_hba.conf");
        fs::write(&hba, "hostssl all all all scram-sha-256\n").while_doing("write pg_hba.conf")?;
        self.give(&hba)
    }

    /// Another program (a second cluster, say) can take the port between our look and the server's start: then the next.
    fn start(&self) -> Result<u16> {
        self.forget_stale_pid()?;
        let remembered = self.cluster.folder.join("port");
        let mut wanted = fs::read_to_string(&remembered)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(self.cluster.first_port);
        for _ in 0..20 {
            let port = ports::free_from(wanted)?;
            match self.start_at(port) {
                Ok(()) => {
                    fs::write(&remembered, port.to_string()).while_doing("note the cluster's port")?;
                    return Ok(port);
                }
                Err(error) if is_taken(&error.to_string()) => wanted = port + 1,
                Err(error) => return Err(error),
            }
        }
        Err(Error::failed(format!("PostgreSQL found no port to listen on from {} on", self.cluster.first_port)))
    }

    fn start_at(&self, port: u16) -> Result<()> {
        self.configure(port)?;
        self.prepare_log()?;
        let mut command = self.command("pg_ctl");
        command.args(["start", "-w", "-t", "60", "-D"]).arg(&self.data).arg("-l").arg(&self.cluster.log);
        run(command, "pg_ctl start").map(drop).map_err(|error| {
            let log = fs::read_to_string(&self.cluster.log).unwrap_or_default();
            let mut tail: Vec<&str> = log.lines().rev().take(6).collect();
            tail.reverse();
            Error::failed(format!("PostgreSQL did not start: {error}\n{}", tail.join("\n")))
        })
    }

    fn configure(&self, port: u16) -> Result<()> {
        let durability =
            if self.cluster.durable { "" } else { "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n" };
        // What counts statements for tests and benches; some systems package it apart.
        let library = self.programs.join("../lib/pg_stat_statements.so");
        let counting = if library.is_file() { "shared_preload_libraries = 'pg_stat_statements'\n" } else { "" };
        let tls = if self.cluster.tls { "ssl = on\n" } else { "" };
        let text = format!(
            "# Written by mw-stack at every start.\nlisten_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\n\
             max_connections = 800\nlog_line_prefix = '%m [%p] %u@%d '\n{durability}{counting}{tls}"
        );
        let path = self.data.join("postgresql.auto.conf");
        fs::write(&path, text).while_doing("configure the cluster")?;
        self.give(&path)
    }

    fn prepare_log(&self) -> Result<()> {
        if let Some(parent) = self.cluster.log.parent() {
            folder::made(parent.to_path_buf())?;
        }
        OpenOptions::new().create(true).append(true).open(&self.cluster.log).while_doing("open PostgreSQL's log")?;
        self.give(&self.cluster.log)
    }

    /// `mode` is pg_ctl's: fast or immediate. A server that is down already is fine.
    pub(super) fn stop(&self, mode: &str) -> Result<()> {
        if self.running_port().is_none() {
            return Ok(());
        }
        let mut command = self.command("pg_ctl");
        command.args(["stop", "-w", "-t", "60", "-m", mode, "-D"]).arg(&self.data);
        run(command, "pg_ctl stop").map(drop)
    }

    /// The port of the running server, from its pid file: line 1 is the process, line 4 the port.
    fn running_port(&self) -> Option<u16> {
        let text = fs::read_to_string(self.data.join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let process = lines.next()?.trim().parse().ok()?;
        let port = lines.nth(2)?.trim().parse().ok()?;
        (process::is_running(process, "postgres") && ports::is_busy(port)).then_some(port)
    }

    /// After a crash the pid file can name a process that is somebody else by now; PostgreSQL would refuse to start.
    fn forget_stale_pid(&self) -> Result<()> {
        let path = self.data.join("postmaster.pid");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let process = text.lines().next().and_then(|line| line.trim().parse().ok());
        if process.is_some_and(|process| !process::is_running(process, "postgres")) {
            fs::remove_file(&path).while_doing("remove a stale postmaster.pid")?;
        }
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command =
            self.account.as_ref().map_or_else(|| Command::new(&program), |account| account.command(&program));
        // PostgreSQL's programs want to read the current folder, which their user might not be allowed to.
        command.current_dir("/").stdin(Stdio::null()).env("LC_ALL", "C").env_remove("PGDATA");
        command
    }

    fn give(&self, path: &Path) -> Result<()> {
        self.account.as_ref().map_or(Ok(()), |account| account.give(path))
    }
}

/// Whether PostgreSQL did not start since its port is another's: of two that ask at once, one may be told so at `bind`, or only at
/// `listen`.
fn is_taken(said: &str) -> bool {
    said.contains("could not bind") || said.contains("could not listen on")
}

fn run(mut command: Command, what: &str) -> Result<Output> {
    let output = command.output().while_doing(format!("run {what}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let words =
        String::from_utf8_lossy(if output.stderr.is_empty() { &output.stdout } else { &output.stderr }).into_owned();
    Err(Error::failed(format!("{what} failed: {}", words.trim())))
}

fn password_path(folder: &Path, user: &str) -> PathBuf {
    folder.join(format!("{user}.password"))
}

pub(super) fn read_password(folder: &Path, user: &str) -> Result<String> {
    fs::read_to_string(password_path(folder, user)).while_doing(format!("read the password of {user}"))
}

pub(super) fn made_password(folder: &Path, user: &str) -> Result<String> {
    if password_path(folder, user).is_file() { read_password(folder, user) } else { write_password(folder, user) }
}

fn write_password(folder: &Path, user: &str) -> Result<String> {
    let password = secrets::random();
    write_private(&password_path(folder, user), &password)?;
    Ok(password)
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    let _ = fs::remove_file(path);
    let mut options = OpenOptions::new();
    let mut file =
        options.create_new(true).write(true).mode(0o600).open(path).while_doing(format!("write {}", path.display()))?;
    std::io::Write::write_all(&mut file, text.as_bytes()).while_doing(format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_another_took_is_told_in_two_ways() {
        let bind = "LOG:  could not bind IPv4 address \"127.0.0.1\": Address already in use";
        let listen = "LOG:  could not listen on IPv4 address \"127.0.0.1\": Address already in use";
        assert!(is_taken(bind) && is_taken(listen) && !is_taken("FATAL:  could not create lock file"));
    }
}
