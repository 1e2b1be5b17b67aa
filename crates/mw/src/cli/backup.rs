//! `mw backup` and `mw restore`: the database in a file, with PostgreSQL's own programs underneath.
//!
//! Beside the file stands `<file>.json`, the manifest: from which release and schema it is, its hash, and what must be
//! there after a restore (counts, and one digest over the last hash of every timeline). Both are of one moment: the dump
//! reads the snapshot in which the manifest was counted.

use super::Context;
use crate::{
    dev::postgres::Programs,
    error::{Error, Result, While},
    migrations,
};
use clap::Args;
use mw_core::Timestamp;
use mw_store::{
    doctor::{Scope, examine},
    native,
};
use postgres::{Client, IsolationLevel};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

#[derive(Debug, Args)]
#[command(after_help = "\
Needs DATABASE_URL, and pg_dump of the server's version or newer. The product may be at work: the dump is one moment.
The file holds everything that the product knows, keys only as hashes. Keep it where the database's disk is not.

Example:
  mw backup --to /var/backups/myloware/$(date +%F).dump")]
pub(crate) struct BackupOptions {
    /// The file; backups/myloware-<time>.dump unless given. It must not exist.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Needs DATABASE_URL, pg_restore and psql. Stop the hosts first, or drain: what is written meanwhile is lost. Replaces all
tables and functions in one transaction: a restore that fails changes nothing. Then applies the migrations that the
backup lacks, compares counts and timelines with the manifest, and lets the doctor look at every run.

Exit codes: 0 restored and healthy; 1 failed, or something differs; 2 the file, its manifest or --force is missing.

Example:
  mw restore /var/backups/myloware/2026-01-31.dump --force")]
pub(crate) struct RestoreOptions {
    file: PathBuf,
    /// Replace a database that has runs.
    #[arg(long)]
    force: bool,
}

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    created_at: String,
    release: String,
    /// The newest migration that was applied.
    migration: i32,
    postgres: u32,
    sha256: String,
    contents: Contents,
}

/// What must be there again after a restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Contents {
    runs: i64,
    events: i64,
    gates: i64,
    approvals: i64,
    artifacts: i64,
    receipts: i64,
    /// Over the last hash of every timeline, which itself covers all events before it.
    timelines: String,
}

const CONTENTS: &str = "SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM run_events), (SELECT count(*) FROM gates),
    (SELECT count(*) FROM hitl_approvals), (SELECT count(*) FROM artifacts), (SELECT count(*) FROM webhook_events),
    (SELECT encode(sha256(convert_to(coalesce(string_agg(run_id || encode(hash, 'hex'), ',' ORDER BY run_id), ''), 'UTF8')), 'hex')
       FROM (SELECT DISTINCT ON (run_id) run_id, hash FROM run_events ORDER BY run_id, seq DESC) AS last)";

/// Takes away what the migrations made, whatever release made it; extensions and schemas stay.
const CLEAR: &str = "DO $$
DECLARE
    doomed text;
BEGIN
    FOR doomed IN SELECT format('DROP TABLE IF EXISTS public.%I CASCADE', tablename) FROM pg_tables WHERE schemaname = 'public'
    LOOP EXECUTE doomed; END LOOP;
    FOR doomed IN SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc
                   WHERE pronamespace = 'public'::regnamespace
                     AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
    LOOP EXECUTE doomed; END LOOP;
END $$;\n";

pub(crate) fn backup(context: &Context, options: &BackupOptions) -> Result<u8> {
    let url = context.settings.database_url()?;
    let created_at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let named = || PathBuf::from(format!("backups/myloware-{}.dump", created_at.replace(':', "")));
    let file = options.to.clone().unwrap_or_else(named);
    if file.exists() {
        return Err(Error::misuse(format!("{} exists: a backup overwrites nothing", file.display())));
    }
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).while_doing(format!("make {}", folder.display()))?;
    }
    let mut client = migrations::connect(&url)?;
    let programs = Programs::for_server(&url, server_version(&mut client)?)?;
    let reading = || "read the database (is it migrated? mw db migrate)";
    let mut moment = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .while_doing(reading())?;
    let snapshot: String = moment.query_one("SELECT pg_export_snapshot()", &[]).while_doing(reading())?.get(0);
    let contents = contents(&moment.query_one(CONTENTS, &[]).while_doing(reading())?);
    let newest = moment.query_one("SELECT max(version) FROM schema_migrations", &[]).while_doing(reading())?;
    programs.dump(&snapshot, &file)?;
    let manifest = Manifest {
        created_at,
        release: env!("CARGO_PKG_VERSION").to_owned(),
        migration: newest.get(0),
        postgres: programs.server_version,
        sha256: hash_of(&file)?,
        contents,
    };
    let text = serde_json::to_string_pretty(&manifest).while_doing("write the manifest")?;
    std::fs::write(manifest_of(&file), format!("{text}\n")).while_doing("write the manifest")?;
    context.print(&json!({ "file": file, "manifest": manifest }), |_| {
        println!("{}  (and its manifest, .json beside it)", file.display());
        println!("migration {}, {}", manifest.migration, told(&manifest.contents));
    })
}

pub(crate) fn restore(context: &Context, options: &RestoreOptions) -> Result<u8> {
    let url = context.settings.database_url()?;
    let manifest = trusted(&options.file)?;
    let mut client = migrations::connect(&url)?;
    let server = server_version(&mut client)?;
    if server < manifest.postgres {
        let sentence = format!(
            "the backup is of PostgreSQL {}, the server is {server}: restore into a newer one",
            manifest.postgres
        );
        return Err(Error::misuse(sentence));
    }
    let runs = runs_there(&mut client)?;
    if runs > 0 && !options.force {
        return Err(Error::misuse(format!("the database has {runs} runs: --force replaces them; mw backup first")));
    }
    Programs::for_server(&url, server)?.restore(&options.file, CLEAR)?;
    let found = contents(&client.query_one(CONTENTS, &[]).while_doing("count what was restored")?);
    let migrated = migrations::migrate(&mut client, &migrations::embedded()?)?;
    let mut db = native::Client::connect(&url).while_doing("connect for the doctor")?;
    let checkup = examine(&mut db, Timestamp::now_utc(), &Scope::default(), &mut |_| {}).while_doing("examine")?;
    let is_same = found == manifest.contents;
    let report = json!({
        "file": options.file, "created_at": manifest.created_at, "replaced_runs": runs, "contents": found,
        "same_as_backup": is_same, "migrations_applied": migrated, "doctor_findings": checkup.findings,
    });
    context.print(&report, |_| {
        println!("restored the backup of {} (release {}), over {runs} runs", manifest.created_at, manifest.release);
        println!("{}: {}", told(&found), if is_same { "as in the backup" } else { "NOT as in the backup" });
        migrated.iter().for_each(|name| println!("applied {name}"));
        match checkup.findings.len() {
            0 => println!("the doctor finds nothing"),
            count => println!("the doctor has {count} findings: mw doctor"),
        }
    })?;
    Ok(u8::from(!is_same || !checkup.findings.is_empty()))
}

/// The manifest of a file that is whole, and that this release can bring up to date.
fn trusted(file: &Path) -> Result<Manifest> {
    let beside = manifest_of(file);
    let text = std::fs::read_to_string(&beside).map_err(|error| {
        Error::misuse(format!("{} cannot be read ({error}): it belongs to the backup", beside.display()))
    })?;
    let manifest: Manifest = serde_json::from_str(&text)
        .map_err(|error| Error::misuse(format!("{} is no manifest of a backup: {error}", beside.display())))?;
    if hash_of(file)? != manifest.sha256 {
        return Err(Error::misuse(format!("{} is not what its manifest says: damaged or exchanged", file.display())));
    }
    let newest = migrations::embedded()?.last().map_or(0, |migration| migration.version);
    if manifest.migration > newest {
        let sentence = format!(
            "the backup has migration {}, this release knows {newest}: use mw {}",
            manifest.migration, manifest.release
        );
        return Err(Error::misuse(sentence));
    }
    Ok(manifest)
}

fn manifest_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

fn hash_of(file: &Path) -> Result<String> {
    let mut reader = std::fs::File::open(file)
        .map_err(|error| Error::misuse(format!("{} cannot be read: {error}", file.display())))?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 65_536];
    loop {
        let length = reader.read(&mut piece).while_doing(format!("read {}", file.display()))?;
        match piece.get(..length) {
            Some(bytes) if length > 0 => hash.update(bytes),
            _ => break,
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn contents(row: &postgres::Row) -> Contents {
    Contents {
        runs: row.get(0),
        events: row.get(1),
        gates: row.get(2),
        approvals: row.get(3),
        artifacts: row.get(4),
        receipts: row.get(5),
        timelines: row.get(6),
    }
}

fn told(contents: &Contents) -> String {
    format!(
        "{} runs, {} events, {} gates, {} approvals, {} artifacts, {} receipts",
        contents.runs, contents.events, contents.gates, contents.approvals, contents.artifacts, contents.receipts
    )
}

/// 15 for 15.7
fn server_version(client: &mut Client) -> Result<u32> {
    let row = client.query_one("SELECT current_setting('server_version_num')::integer / 10000", &[]);
    let version: i32 = row.while_doing("ask the server's version")?.get(0);
    Ok(version.unsigned_abs())
}

/// None in a database that was never migrated.
fn runs_there(client: &mut Client) -> Result<i64> {
    let asking = "look for runs";
    let there: bool =
        client.query_one("SELECT to_regclass('public.runs') IS NOT NULL", &[]).while_doing(asking)?.get(0);
    if !there {
        return Ok(0);
    }
    Ok(client.query_one("SELECT count(*) FROM runs", &[]).while_doing(asking)?.get(0))
}
