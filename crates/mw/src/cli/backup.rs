//! `mw backup` and `mw restore`: the database in a file, with PostgreSQL's own programs underneath.
//!
//! Beside the file stands `<file>.json`, the manifest: from which release and schema it is, its hash, and what must be
//! there after a restore (counts, and one digest over the last hash of every timeline). Both are of one moment: the dump
//! reads the snapshot in which the manifest was counted.

pub mod manifest;

use super::Context;
use crate::{
    error::{Error, Result, While},
    migrations,
    postgresql::client::Programs,
    projects,
};
use clap::Args;
use manifest::{Contents, Manifest};
use mw_kinds::KINDS;
use mw_media::Timestamp;
use mw_store::doctor::{Scope, examine};
use postgres::{Client, IsolationLevel};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::io::Read;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

#[derive(Debug, Args)]
#[command(after_help = "\
Needs DATABASE_URL, and pg_dump of the server's version or newer. The product may be running: the dump is one moment.
The file holds everything that the product knows, keys only as hashes: only its owner may read it, and enter a folder
that is made for it. Keep it where the database's disk is not.

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
backup lacks, and lets the doctor look at every run. Counts and timelines that are not the manifest's are a failure.

Exit codes: 0 restored and healthy; 1 failed, or something differs; 2 the file, its manifest or --force is missing.

Example:
  mw restore /var/backups/myloware/2026-01-31.dump --force")]
pub(crate) struct RestoreOptions {
    file: PathBuf,
    /// Replace a database that has runs.
    #[arg(long)]
    force: bool,
}

const CONTENTS: &str = "SELECT jsonb_build_object('runs', (SELECT count(*) FROM public.runs),
    'events', (SELECT count(*) FROM public.run_events), 'gates', (SELECT count(*) FROM public.gates),
    'approvals', (SELECT count(*) FROM public.hitl_approvals), 'artifacts', (SELECT count(*) FROM public.artifacts),
    'receipts', (SELECT count(*) FROM public.webhook_events),
    'timelines', (SELECT encode(sha256(convert_to(coalesce(string_agg(run_id || encode(hash, 'hex'), ',' ORDER BY run_id), ''), 'UTF8')), 'hex')
       FROM (SELECT DISTINCT ON (run_id) run_id, hash FROM public.run_events ORDER BY run_id, seq DESC) AS last))";

/// The last words of a restore's transaction: what does not agree with the manifest is taken back. Numbers and hexadecimal
/// digits are all that the manifest's types let into it.
fn comparison(expected: &Contents) -> Result<String> {
    let expected = serde_json::to_string(expected).while_doing("read the manifest")?;
    Ok(format!(
        "DO $$ BEGIN IF ({CONTENTS}) <> '{expected}'::jsonb THEN RAISE EXCEPTION 'what is there now is not what the manifest says'; END IF; END $$;\n"
    ))
}

/// Takes away what the migrations made, whatever release made it; extensions and schemas stay. The names are read before
/// anything is dropped: a cascade takes routines away, and the name of one that is gone is a bare number.
const CLEAR: &str = "DO $$
DECLARE
    statement text;
BEGIN
    FOREACH statement IN ARRAY ARRAY(
        SELECT format('DROP TABLE IF EXISTS public.%I CASCADE', tablename) FROM pg_tables WHERE schemaname = 'public')
    LOOP EXECUTE statement; END LOOP;
    FOREACH statement IN ARRAY ARRAY(
        SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc
         WHERE pronamespace = 'public'::regnamespace
           AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e'))
    LOOP EXECUTE statement; END LOOP;
    FOREACH statement IN ARRAY ARRAY(
        SELECT format('DROP TYPE IF EXISTS %s CASCADE', oid::regtype) FROM pg_type
         WHERE typnamespace = 'public'::regnamespace AND typtype IN ('d', 'e')
           AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_type.oid AND deptype = 'e'))
    LOOP EXECUTE statement; END LOOP;
END $$;\n";

pub(crate) fn backup(context: &Context, options: &BackupOptions) -> Result<u8> {
    let url = context.settings.database_url()?;
    let created_at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let named = || PathBuf::from(format!("backups/myloware-{}.dump", created_at.replace(':', "")));
    let file = options.to.clone().unwrap_or_else(named);
    if let Some(folder) = file.parent() {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.while_doing(format!("make {}", folder.display()))?;
    }
    manifest::create_private(&file)?;
    let written = write(&url, &file, created_at);
    if written.is_err() {
        // Half a backup is worse than none.
        let _ = std::fs::remove_file(&file);
    }
    let manifest = written?;
    context.print(&json!({ "file": file, "manifest": manifest }), |_| {
        println!("{}  (and its manifest, .json beside it)", file.display());
        println!("migration {}, {}", manifest.migration, counts(&manifest.contents));
    })
}

/// Dumps into the file, which is there and empty, and writes its manifest.
fn write(url: &str, file: &Path, created_at: String) -> Result<Manifest> {
    let mut client = migrations::connect(url)?;
    let programs = Programs::for_server(url, server_version(&mut client)?)?;
    let reading = || "read the database (is it migrated? mw db migrate)";
    let mut moment = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .while_doing(reading())?;
    let snapshot: String = moment.query_one("SELECT pg_export_snapshot()", &[]).while_doing(reading())?.get(0);
    let contents = contents(&moment.query_one(CONTENTS, &[]).while_doing(reading())?)?;
    let newest = moment.query_one("SELECT max(version) FROM schema_migrations", &[]).while_doing(reading())?;
    programs.dump(&snapshot, file)?;
    let shaped = Error::failed;
    let manifest = Manifest {
        created_at: created_at.try_into().map_err(shaped)?,
        release: env!("CARGO_PKG_VERSION").to_owned().try_into().map_err(shaped)?,
        migration: newest.get::<_, i32>(0).unsigned_abs(),
        postgres: programs.server_version,
        sha256: hash_of(file)?.try_into().map_err(shaped)?,
        contents,
    };
    manifest.write(file)?;
    Ok(manifest)
}

pub(crate) fn restore(context: &Context, options: &RestoreOptions) -> Result<u8> {
    let url = context.settings.database_url()?;
    let manifest = trusted(&options.file)?;
    migrations::refuse_pooler(&url)?;
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
    replace(&Programs::for_server(&url, server)?, &options.file, &comparison(&manifest.contents)?)?;
    let migrated = migrations::migrate(&mut client, &migrations::embedded()?)?;
    let mut db = projects::connect(&url)?;
    let checkup =
        examine(&mut db, KINDS, Timestamp::now_utc(), &Scope::default(), &mut |_| {}).while_doing("examine")?;
    let report = json!({
        "file": options.file, "created_at": manifest.created_at, "replaced_runs": runs,
        "contents": manifest.contents, "migrations_applied": migrated, "doctor_findings": checkup.findings,
    });
    context.print(&report, |_| {
        println!("restored the backup of {} (release {}), over {runs} runs", manifest.created_at, manifest.release);
        println!("{}: as in the backup", counts(&manifest.contents));
        if !migrated.is_empty() {
            println!("brought it up to date: {} changes of the schema", migrated.len());
        }
        match checkup.findings.len() {
            0 => println!("the doctor finds nothing"),
            count => println!("the doctor has {count} findings: mw doctor"),
        }
    })?;
    Ok(u8::from(!checkup.findings.is_empty()))
}

/// Hosts that were not stopped may hold what we wait for while they wait for us; nothing was changed then.
fn replace(programs: &Programs, file: &Path, comparison: &str) -> Result<()> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        match programs.restore(file, CLEAR, comparison) {
            Err(error) if attempts < 5 && error.to_string().contains("deadlock detected") => {}
            outcome => return outcome,
        }
    }
}

/// The manifest of a file that is whole, and that this release can bring up to date.
fn trusted(file: &Path) -> Result<Manifest> {
    let manifest = Manifest::read(file)?;
    if hash_of(file)? != manifest.sha256.to_string() {
        return Err(Error::misuse(format!("{} is not what its manifest says: damaged or exchanged", file.display())));
    }
    let newest = migrations::embedded()?.version().unsigned_abs();
    if manifest.migration > newest {
        let sentence = format!(
            "the backup has migration {}, this release knows {newest}: use mw {}",
            manifest.migration, manifest.release
        );
        return Err(Error::misuse(sentence));
    }
    Ok(manifest)
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

fn contents(row: &postgres::Row) -> Result<Contents> {
    serde_json::from_value(row.get(0)).while_doing("count what is there")
}

fn counts(contents: &Contents) -> String {
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
