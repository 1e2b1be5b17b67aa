//! PostgreSQL's own client programs against one database. The password goes by the environment: arguments are seen by
//! everybody on the machine.

use super::{newest_programs, programs_of};
use crate::error::{Error, Result, While};
use crate::settings::database_address;
use std::{
    ffi::OsStr,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The programs of the server's version, else the newest ones, else those in PATH.
pub(crate) struct Programs {
    folder: Option<PathBuf>,
    environment: Vec<(&'static str, String)>,
    pub(crate) server_version: u32,
}

impl Programs {
    pub(crate) fn for_server(url: &str, server_version: u32) -> Result<Self> {
        let same = programs_of(server_version).map(|folder| (server_version, folder));
        let (version, folder) = same.or_else(newest_programs).unzip();
        let environment = database_address("DATABASE_URL", url)?.environment(version.unwrap_or(server_version));
        Ok(Self { folder, environment, server_version })
    }

    fn command(&self, program: &str) -> Command {
        let beside = self.folder.as_ref().map(|folder| folder.join(program)).filter(|path| path.is_file());
        let mut command = Command::new(beside.unwrap_or_else(|| PathBuf::from(program)));
        command.envs(self.environment.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
        command
    }

    /// Writes the database, as this exported snapshot shows it, to a file of PostgreSQL's own format. Counts of the
    /// current minute, which nothing depends on, are left out.
    pub(crate) fn dump(&self, snapshot: &str, file: &Path) -> Result<()> {
        let mut command = self.command("pg_dump");
        command.args(["--format=custom", "--no-owner", "--no-unlogged-table-data"]);
        command.arg(format!("--snapshot={snapshot}")).arg("--file").arg(file);
        let output = command.output().map_err(|error| missing("pg_dump", &error))?;
        if output.status.success() { Ok(()) } else { Err(said("pg_dump", &output.stderr)) }
    }

    /// pg_restore puts what a file holds under psql's `\restrict` since August 2025 (CVE-2025-8714); before that, a name in
    /// a backup could be a command of psql's, which runs whatever it says on this machine.
    fn can_restrict(&self) -> Result<()> {
        let output = self.command("pg_restore").arg("--help").output();
        let output = output.map_err(|error| missing("pg_restore", &error))?;
        if String::from_utf8_lossy(&output.stdout).contains("--restrict-key") {
            return Ok(());
        }
        Err(Error::misuse(
            "this pg_restore would let a backup run commands on this machine: install PostgreSQL's client programs of August 2025 or newer (13.22, 14.19, 15.14, 16.10, 17.6)",
        ))
    }

    /// Runs `before`, what the file holds, and `after`, in one transaction; the last two where psql obeys no command of its
    /// own.
    pub(crate) fn restore(&self, file: &Path, before: &str, after: &str) -> Result<()> {
        self.can_restrict()?;
        let after = format!("\\restrict {RESTRICT_KEY}\n{after}");
        let mut reading = self.command("pg_restore");
        // What an extension says of itself only its owner may repeat, a superuser.
        reading.args(["--no-owner", "--no-comments", "--file=-"].map(OsStr::new)).arg(file);
        let mut reading = reading.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let reading = reading.as_mut().map_err(|error| missing("pg_restore", error))?;
        let mut writing = self.command("psql");
        writing.args(["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]);
        let writing = writing.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut writing = writing.map_err(|error| missing("psql", &error))?;
        let (mut from, mut to) = (reading.stdout.take(), writing.stdin.take());
        let copied = copy(before, from.as_mut(), to.as_mut());
        drop(from);
        let mut words = String::new();
        if let Some(mut errors) = reading.stderr.take() {
            let _ = errors.read_to_string(&mut words);
        }
        let is_read = reading.wait().while_doing("wait for pg_restore")?.success();
        if let Some(to) = &mut to {
            let is_whole = is_read && copied.is_ok();
            // A psql that has gone says why itself.
            let _ = to.write_all(if is_whole { after.as_bytes() } else { ABANDON });
        }
        drop(to);
        let written = writing.wait_with_output().while_doing("wait for psql")?;
        // A psql that stopped early closes the pipe, of which pg_restore dies without a word: the program that has one says why.
        if !written.status.success() && (is_read || words.trim().is_empty()) {
            return Err(said("psql", &written.stderr));
        }
        if !is_read {
            return Err(said("pg_restore", words.as_bytes()));
        }
        copied.while_doing("hand the backup to psql")
    }
}

/// What would end the restriction, if anything that follows could say it: our own sentences do not.
const RESTRICT_KEY: &str = "comparison";

/// Ends a COPY that was cut off, then fails: psql would commit what it has got when its input just ends.
const ABANDON: &[u8] = b"\n\\.\nDO $$ BEGIN RAISE EXCEPTION 'the backup ended early'; END $$;\n";

fn copy(before: &str, from: Option<&mut impl Read>, to: Option<&mut impl Write>) -> std::io::Result<()> {
    if let (Some(from), Some(to)) = (from, to) {
        to.write_all(before.as_bytes())?;
        std::io::copy(from, to)?;
    }
    Ok(())
}

fn missing(program: &str, error: &std::io::Error) -> Error {
    Error::misuse(format!("cannot run {program} ({error}): install PostgreSQL's client programs"))
}

fn said(program: &str, words: &[u8]) -> Error {
    Error::failed(format!("{program}: {}", String::from_utf8_lossy(words).trim()))
}
