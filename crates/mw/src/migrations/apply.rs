//! What a database lacks of the schema, and applying it, under one advisory lock. Each version of the tables runs once, in a
//! transaction of its own. All functions that changed are applied in one transaction with what depends on them: a function whose
//! signature changed is dropped first, one whose file is gone is dropped, and nothing that stood on either may be lost.

use super::{
    reason, requirements,
    source::{Function, Migration, Schema},
};
use crate::{
    error::{Error, Result, While},
    release::{self, VERSION},
};
use postgres::{Client, Transaction};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Of all programs that use advisory locks on the database, only migrations take this one.
const LOCK: i64 = 0x006d_7772_6d69_6772;

/// The tables that say what was applied.
const LEDGER: &str = include_str!("../../../../migrations/ledger.sql");

/// How somebody with a database that cannot follow starts anew.
const ANEW: &str = "until 0.1.0 is released the schema may change freely, and no database is brought forward: start anew \
                    (in development, remove .mw/pg), or dump and restore what matters as docs/postgresql.md says";

/// What could be lost with a function that is dropped.
const DEPENDENTS: &str = "
    SELECT format('trigger %s of %s', tgname, tgrelid::regclass) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT format('constraint %s of %s', conname, conrelid::regclass) FROM pg_constraint
               WHERE connamespace = current_schema()::regnamespace AND conrelid <> 0
    UNION ALL SELECT format('relation %s', oid::regclass) FROM pg_class WHERE relnamespace = current_schema()::regnamespace
    UNION ALL SELECT format('column %s of %s', attname, attrelid::regclass) FROM pg_attribute
                JOIN pg_class ON pg_class.oid = attrelid AND relnamespace = current_schema()::regnamespace
               WHERE attnum > 0 AND NOT attisdropped
    UNION ALL SELECT format('default of %s, column %s', adrelid::regclass, adnum) FROM pg_attrdef
    UNION ALL SELECT format('aggregate %s', oid::regprocedure) FROM pg_proc
               WHERE pronamespace = current_schema()::regnamespace AND prokind = 'a'";

/// Bodies are checked when all functions are there, since they call one another.
const CHECK: &str = "
    SET LOCAL check_function_bodies = on;
    SELECT CASE lanname WHEN 'sql' THEN fmgr_sql_validator(pg_proc.oid) WHEN 'plpgsql' THEN plpgsql_validator(pg_proc.oid) END
      FROM pg_proc JOIN pg_language ON pg_language.oid = prolang
     WHERE pronamespace = current_schema()::regnamespace AND prokind = 'f'";

/// What was, or would be, applied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Versions of the tables.
    pub tables: Vec<String>,
    pub functions: Vec<String>,
    pub dropped_functions: Vec<String>,
}

impl Changes {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.tables.len() + self.functions.len() + self.dropped_functions.len()
    }
}

/// What `mw db status` shows of one file.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Standing {
    /// `tables` or `function`.
    pub kind: &'static str,
    pub name: String,
    /// `applied`, `pending`, `edited` (a version that was applied with another text) or `gone` (a function without a file).
    pub state: &'static str,
    pub applied_at: Option<String>,
}

/// A line of the ledger.
struct Applied {
    checksum: String,
    signature: String,
    at: String,
}

/// What the database says of itself.
#[derive(Default)]
struct Ledger {
    tables: BTreeMap<i32, Applied>,
    functions: BTreeMap<String, Applied>,
    /// Names of all functions that are there.
    existing: BTreeSet<String>,
    release: Option<String>,
}

/// The files that the database lacks.
struct Work<'a> {
    tables: Vec<&'a Migration>,
    functions: Vec<&'a Function>,
    gone: Vec<String>,
}

/// Applies what is missing.
pub fn migrate(client: &mut Client, schema: &Schema) -> Result<Changes> {
    requirements::check(client, schema)?;
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).map_err(|error| failed("lock the schema", &error))?;
    let outcome = migrate_locked(client, schema);
    // The lock goes with the connection too; a failure here must not hide the outcome.
    let _ = client.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]);
    outcome
}

fn migrate_locked(client: &mut Client, schema: &Schema) -> Result<Changes> {
    let ledger = Ledger::read(client)?;
    let work = ledger.work(schema)?;
    client
        .batch_execute(&format!("SET client_min_messages = warning; {LEDGER}"))
        .map_err(|error| failed("create the ledger of migrations", &error))?;
    for migration in &work.tables {
        apply_tables(client, migration)?;
    }
    if !work.functions.is_empty() || !work.gone.is_empty() {
        apply_functions(client, &work, &ledger)?;
    }
    register_providers(client, schema)?;
    if ledger.release.as_deref() != Some(VERSION) {
        let sql = "INSERT INTO schema_release (release) VALUES ($1)
                   ON CONFLICT (one) DO UPDATE SET release = excluded.release, migrated_at = now()";
        client.execute(sql, &[&VERSION]).map_err(|error| failed("write down the release", &error))?;
    }
    Ok(work.changes())
}

/// Gives every provider its row, where the schema has such rows; what operators have set of those that are there stays.
fn register_providers(client: &mut Client, schema: &Schema) -> Result<()> {
    if schema.functions.iter().any(|function| function.name == "providers_register") {
        mw_store::effects::register_providers(client, &mw_integrations::registry::rows())
            .while_doing("register the providers")?;
    }
    Ok(())
}

/// What `migrate` would apply; changes nothing.
pub fn pending(client: &mut Client, schema: &Schema) -> Result<Changes> {
    requirements::check(client, schema)?;
    Ok(Ledger::read(client)?.work(schema)?.changes())
}

/// Where each file stands in this database.
pub fn status(client: &mut Client, schema: &Schema) -> Result<Vec<Standing>> {
    let ledger = Ledger::read(client)?;
    let standing = |kind, name: &str, checksum: &str, applied: Option<&Applied>, edited| Standing {
        kind,
        name: name.to_owned(),
        state: match applied {
            None => "pending",
            Some(applied) if applied.checksum == checksum => "applied",
            Some(_) => edited,
        },
        applied_at: applied.map(|applied| applied.at.clone()),
    };
    let tables = schema
        .tables
        .iter()
        .map(|file| standing("tables", &file.name, &file.checksum, ledger.tables.get(&file.version), "edited"));
    let functions = schema.functions.iter().map(|file| {
        let applied = ledger.functions.get(&file.name).filter(|_| ledger.existing.contains(&file.name));
        standing("function", &file.name, &file.checksum, applied, "pending")
    });
    let gone = ledger.gone(schema);
    let gone = gone.iter().map(|name| standing("function", name, "", ledger.functions.get(name), "gone"));
    Ok(tables.chain(functions).chain(gone).collect())
}

fn apply_tables(client: &mut Client, migration: &Migration) -> Result<()> {
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

fn apply_functions(client: &mut Client, work: &Work<'_>, ledger: &Ledger) -> Result<()> {
    let doing = "apply the functions";
    let mut transaction = client.transaction().map_err(|error| failed(doing, &error))?;
    transaction.batch_execute("SET LOCAL check_function_bodies = off").map_err(|error| failed(doing, &error))?;
    let before = texts(&mut transaction, DEPENDENTS).map_err(|error| failed(doing, &error))?;
    let is_other = |function: &&&Function| {
        ledger.functions.get(&function.name).is_some_and(|applied| applied.signature != function.signature)
    };
    for name in work.functions.iter().filter(is_other).map(|function| &function.name).chain(&work.gone) {
        drop_function(&mut transaction, name).map_err(|error| failed(&format!("drop the function {name}"), &error))?;
    }
    for function in &work.functions {
        let doing = format!("apply the function {}", function.name);
        transaction.batch_execute(&function.sql).map_err(|error| failed(&doing, &error))?;
        let sql = "INSERT INTO schema_functions (name, checksum, signature) VALUES ($1, $2, $3)
                   ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, signature = excluded.signature, applied_at = now()";
        transaction
            .execute(sql, &[&function.name, &function.checksum, &function.signature])
            .map_err(|error| failed(&doing, &error))?;
    }
    transaction.batch_execute(CHECK).map_err(|error| failed("check the functions", &error))?;
    let after = texts(&mut transaction, DEPENDENTS).map_err(|error| failed(doing, &error))?;
    let lost: Vec<&str> = before.difference(&after).map(String::as_str).collect();
    if !lost.is_empty() {
        let lost = lost.join(", ");
        let sentence = format!(
            "cannot drop a function on which something stands: {lost}; a new version of the tables must drop it first, or make it anew"
        );
        return Err(Error::failed(sentence));
    }
    transaction.commit().map_err(|error| failed(doing, &error))
}

/// Drops what has this name, and what stands on it.
fn drop_function(transaction: &mut Transaction<'_>, name: &str) -> std::result::Result<(), postgres::Error> {
    let sql = "SELECT format('DROP FUNCTION IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc
                WHERE proname = $1 AND pronamespace = current_schema()::regnamespace AND prokind = 'f'";
    for row in transaction.query(sql, &[&name])? {
        transaction.batch_execute(row.get(0))?;
    }
    transaction.execute("DELETE FROM schema_functions WHERE name = $1", &[&name]).map(|_| ())
}

fn texts(transaction: &mut Transaction<'_>, sql: &str) -> std::result::Result<BTreeSet<String>, postgres::Error> {
    Ok(transaction.query(sql, &[])?.iter().map(|row| row.get(0)).collect())
}

fn failed(doing: &str, error: &postgres::Error) -> Error {
    Error::failed(format!("cannot {doing}: {}", reason(error)))
}

impl Ledger {
    fn read(client: &mut Client) -> Result<Self> {
        Self::ask(client).map_err(|error| failed("read what was applied to this database", &error))?.ok_or_else(|| {
            Error::failed(format!(
                "the schema was started anew before 0.1.0, and this database has the old one; {ANEW}"
            ))
        })
    }

    /// None: of a schema that was kept as one numbered history.
    fn ask(client: &mut Client) -> std::result::Result<Option<Self>, postgres::Error> {
        let there = "SELECT to_regclass('schema_migrations') IS NOT NULL, to_regclass('schema_functions') IS NOT NULL";
        let there = client.query_one(there, &[])?;
        match (there.get(0), there.get(1)) {
            (false, _) => return Ok(Some(Self::default())),
            (true, false) => return Ok(None),
            (true, true) => {}
        }
        let mut ledger = Self::default();
        let at = "to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";
        for row in client.query(&format!("SELECT version, checksum, '', {at} FROM schema_migrations"), &[])? {
            ledger.tables.insert(row.get(0), Applied { checksum: row.get(1), signature: row.get(2), at: row.get(3) });
        }
        for row in client.query(&format!("SELECT name, checksum, signature, {at} FROM schema_functions"), &[])? {
            ledger
                .functions
                .insert(row.get(0), Applied { checksum: row.get(1), signature: row.get(2), at: row.get(3) });
        }
        let existing = "SELECT proname::text FROM pg_proc WHERE pronamespace = current_schema()::regnamespace";
        ledger.existing = client.query(existing, &[])?.iter().map(|row| row.get(0)).collect();
        ledger.release = client.query_opt("SELECT release FROM schema_release", &[])?.map(|row| row.get(0));
        Ok(Some(ledger))
    }

    /// What is missing, unless this database is not ours to change.
    fn work<'a>(&self, schema: &'a Schema) -> Result<Work<'a>> {
        self.refuse_newer(schema)?;
        let mut tables = Vec::new();
        for migration in &schema.tables {
            match self.tables.get(&migration.version) {
                Some(applied) if applied.checksum == migration.checksum => {}
                Some(_) => return Err(Error::failed(edited(migration))),
                None => tables.push(migration),
            }
        }
        // New tables may have taken a function or its trigger with them.
        let functions = schema.functions.iter().filter(|function| !tables.is_empty() || !self.has(function)).collect();
        Ok(Work { tables, functions, gone: self.gone(schema) })
    }

    fn refuse_newer(&self, schema: &Schema) -> Result<()> {
        let version = self.tables.keys().next_back().copied().unwrap_or_default();
        let release = self.release.as_deref().unwrap_or_default();
        if version > schema.version() || release::order(release) > release::order(VERSION) {
            let sentence = format!(
                "this database is newer than this command: it has version {version} of the tables, migrated by release {release}, \
                 and this is release {VERSION} with version {}; use the newer mw",
                schema.version()
            );
            return Err(Error::failed(sentence));
        }
        Ok(())
    }

    fn has(&self, function: &Function) -> bool {
        self.existing.contains(&function.name)
            && self.functions.get(&function.name).is_some_and(|applied| applied.checksum == function.checksum)
    }

    fn gone(&self, schema: &Schema) -> Vec<String> {
        let names: BTreeSet<&String> = schema.functions.iter().map(|function| &function.name).collect();
        self.functions.keys().filter(|name| !names.contains(name)).cloned().collect()
    }
}

fn edited(migration: &Migration) -> String {
    format!(
        "{} was edited after it was applied to this database: put its text back and add a new version instead; {ANEW}",
        migration.name
    )
}

impl Work<'_> {
    fn changes(&self) -> Changes {
        Changes {
            tables: self.tables.iter().map(|migration| migration.name.clone()).collect(),
            functions: self.functions.iter().map(|function| function.name.clone()).collect(),
            dropped_functions: self.gone.clone(),
        }
    }
}
