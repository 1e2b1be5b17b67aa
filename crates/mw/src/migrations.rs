//! The migrations, built in from migrations/*.sql, and applying them.
//!
//! Forward only: each file runs once, in order, in a transaction of its own, under one advisory lock, and is written down
//! in `schema_migrations` with the hash of its text. A file that was edited after it was applied is refused. Tables grow
//! by new files; a file of functions that changes is renamed to the next number, so that each function has one home.

use crate::error::{Error, Result, While};
use postgres::{Client, NoTls};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, path::Path};

/// Of all programs that use advisory locks on the database, only migrations take this one.
const LOCK: i64 = 0x006d_7772_6d69_6772;

/// (file name, text) of every migration known when the command was built.
const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    pub version: i32,
    pub name: String,
    pub checksum: String,
    sql: String,
}

impl Migration {
    /// `file` is like `0001_runs.sql`: the digits before the first `_` are the version.
    fn parse(file: &str, sql: &str) -> Result<Self> {
        let name = file.trim_end_matches(".sql");
        let version = name.split('_').next().unwrap_or_default();
        let version = version.parse().map_err(|_| {
            Error::misuse(format!("{file} does not begin with its number: name migrations like 0001_runs.sql"))
        })?;
        let checksum = Sha256::digest(sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { version, name: name.to_owned(), checksum, sql: sql.to_owned() })
    }
}

/// The migrations that are built in.
pub fn embedded() -> Result<Vec<Migration>> {
    in_order(EMBEDDED.iter().map(|(file, sql)| Migration::parse(file, sql)).collect::<Result<_>>()?)
}

/// The migrations of a folder.
pub fn from_folder(folder: &Path) -> Result<Vec<Migration>> {
    let entries = std::fs::read_dir(folder)
        .map_err(|error| Error::misuse(format!("cannot read the migrations in {}: {error}", folder.display())))?;
    let mut migrations = Vec::new();
    for entry in entries {
        let path = entry.while_doing("list migrations")?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            let sql = std::fs::read_to_string(&path).while_doing(format!("read {}", path.display()))?;
            let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            migrations.push(Migration::parse(&file, &sql)?);
        }
    }
    in_order(migrations)
}

fn in_order(mut migrations: Vec<Migration>) -> Result<Vec<Migration>> {
    migrations.sort_by_key(|migration| migration.version);
    for pair in migrations.windows(2) {
        if let [one, other] = pair
            && one.version == other.version
        {
            return Err(Error::misuse(format!("{} and {} have the same number", one.name, other.name)));
        }
    }
    Ok(migrations)
}

/// Connects to the database that `url` names.
pub fn connect(url: &str) -> Result<Client> {
    let url = crate::settings::plain_postgres_url(url);
    Client::connect(&url, NoTls).map_err(|error| {
        let place = crate::settings::database_host(&url).unwrap_or_else(|_| "the database".to_owned());
        Error::failed(format!("cannot connect to PostgreSQL at {place}: {}", reason(&error)))
    })
}

/// The server's or the system's own words, without the library's wrapping.
pub fn reason(error: &postgres::Error) -> String {
    use std::error::Error as _;
    if let Some(database) = error.as_db_error() {
        let mut words = database.message().to_owned();
        for more in [database.detail(), database.hint(), database.where_()].into_iter().flatten() {
            words.push_str(&format!(" ({more})"));
        }
        return words;
    }
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

/// What `mw db status` shows of one migration.
#[derive(Debug, Clone, serde::Serialize, PartialEq, Eq)]
pub struct Standing {
    pub version: i32,
    pub name: String,
    pub state: &'static str,
    pub applied_at: Option<String>,
}

/// Applies what is missing; returns the names of what it applied.
pub fn migrate(client: &mut Client, migrations: &[Migration]) -> Result<Vec<String>> {
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).map_err(|error| failed("lock the schema", &error))?;
    let outcome = migrate_locked(client, migrations);
    // The lock goes with the connection too; a failure here must not hide the outcome.
    let _ = client.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]);
    outcome
}

fn migrate_locked(client: &mut Client, migrations: &[Migration]) -> Result<Vec<String>> {
    client
        .batch_execute(
            "SET client_min_messages = warning;
             CREATE TABLE IF NOT EXISTS schema_migrations (
                version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now())",
        )
        .map_err(|error| failed("create schema_migrations", &error))?;
    let applied = applied(client)?;
    let mut names = Vec::new();
    for migration in migrations {
        match applied.get(&migration.version) {
            Some((checksum, _)) if *checksum == migration.checksum => {}
            Some(_) => return Err(Error::failed(edited(migration))),
            None => {
                apply(client, migration)?;
                names.push(migration.name.clone());
            }
        }
    }
    Ok(names)
}

fn edited(migration: &Migration) -> String {
    format!(
        "{} was edited after it was applied to this database: put its text back and add a new migration instead \
         (a development database can be dropped: remove .mw/pg)",
        migration.name
    )
}

fn apply(client: &mut Client, migration: &Migration) -> Result<()> {
    let doing = format!("apply {}", migration.name);
    let mut transaction = client.transaction().map_err(|error| failed(&doing, &error))?;
    transaction.batch_execute(&migration.sql).map_err(|error| failed(&doing, &error))?;
    transaction
        .execute(
            "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)",
            &[&migration.version, &migration.name, &migration.checksum],
        )
        .map_err(|error| failed(&doing, &error))?;
    transaction.commit().map_err(|error| failed(&doing, &error))
}

fn failed(doing: &str, error: &postgres::Error) -> Error {
    Error::failed(format!("cannot {doing}: {}", reason(error)))
}

/// version → (checksum, time of application)
fn applied(client: &mut Client) -> Result<BTreeMap<i32, (String, String)>> {
    let doing = "read schema_migrations";
    let there = client
        .query_one("SELECT to_regclass('schema_migrations') IS NOT NULL", &[])
        .map_err(|error| failed(doing, &error))?;
    if !there.get::<_, bool>(0) {
        return Ok(BTreeMap::new());
    }
    let sql = "SELECT version, checksum, to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')
               FROM schema_migrations";
    let rows = client.query(sql, &[]).map_err(|error| failed(doing, &error))?;
    Ok(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect())
}

/// Where each known migration stands in this database.
pub fn status(client: &mut Client, migrations: &[Migration]) -> Result<Vec<Standing>> {
    let applied = applied(client)?;
    let standing = |migration: &Migration| {
        let (state, applied_at) = match applied.get(&migration.version) {
            None => ("pending", None),
            Some((checksum, at)) if *checksum == migration.checksum => ("applied", Some(at.clone())),
            Some((_, at)) => ("edited", Some(at.clone())),
        };
        Standing { version: migration.version, name: migration.name.clone(), state, applied_at }
    };
    Ok(migrations.iter().map(standing).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_carry_the_version() {
        let migration = Migration::parse("0012_more_runs.sql", "SELECT 1").unwrap();
        assert_eq!((migration.version, migration.name.as_str()), (12, "0012_more_runs"));
        assert_eq!(migration.checksum.len(), 64);
        assert!(matches!(Migration::parse("runs.sql", ""), Err(Error::Misuse(_))));
    }

    #[test]
    fn two_files_of_one_number_are_refused() {
        let twice = vec![Migration::parse("1_a.sql", "").unwrap(), Migration::parse("0001_b.sql", "").unwrap()];
        assert!(in_order(twice).unwrap_err().to_string().contains("same number"));
    }

    #[test]
    fn what_is_built_in_is_in_order() {
        let versions: Vec<i32> = embedded().unwrap().iter().map(|migration| migration.version).collect();
        assert!(versions.is_sorted());
    }
}
