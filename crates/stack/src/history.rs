//! A long history for a database, as a busy installation would have it: what plans and speed are measured against.

use mw::{
    error::{Error, Result},
    migrations::reason,
};
use mw_integrations::registry;
use mw_integrations::system::System;
use mw_media::job::JobKind;
use postgres::Client;

/// Fills a scratch database with this many finished runs and ten thousand open ones, made after `template`: a real run at
/// its first gate. A million take about a minute without fsync.
///
/// # Errors
/// What the database says. The schema may lack indexes and references then.
pub fn fill(client: &mut Client, template: &str, runs: u32) -> Result<()> {
    // Rows first, then the indexes and references that would be kept up row by row; the schema is the same afterwards.
    let later = statements(
        client,
        "SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
                format('ALTER TABLE %s ADD CONSTRAINT %I %s NOT VALID', conrelid::regclass, conname,
                       pg_get_constraintdef(oid))
           FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace
         UNION ALL
         SELECT format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid) FROM pg_index
          WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
            AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)",
    )?;
    later.iter().try_for_each(|(drop, _)| execute(client, drop))?;
    let rows = include_str!("history.sql").replace("$template", template).replace("$runs", &runs.to_string());
    let maker =
        |kind| registry::job_providers().find(|(_, jobs)| jobs.makes().contains(&kind)).map(|(system, _)| system);
    let stranger = registry::webhooks().find(|webhook| webhook.secret.is_none()).map(|webhook| webhook.system);
    let named = |system: Option<&System>| system.map_or("nobody", |system| system.name);
    let rows = rows
        .replace("$publisher", named(maker(JobKind::Publish)))
        .replace("$clips", named(maker(JobKind::Generate)))
        .replace("$stranger", named(stranger));
    execute(client, &rows)?;
    later.iter().try_for_each(|(_, make)| execute(client, make))?;
    execute(client, "VACUUM ANALYZE")
}

fn statements(client: &mut Client, sql: &str) -> Result<Vec<(String, String)>> {
    let rows = client.query(sql, &[]).map_err(|error| Error::failed(error.to_string()))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

fn execute(client: &mut Client, sql: &str) -> Result<()> {
    let begins: String = sql.chars().take(200).collect();
    client.batch_execute(sql).map_err(|error| Error::failed(format!("{begins}: {}", reason(&error))))
}
