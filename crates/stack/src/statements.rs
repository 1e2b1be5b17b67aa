//! Counts the product's statements in a database of the private cluster, by PostgreSQL's own pg_stat_statements.

use crate::database::Database;
use mw::{
    error::{Error, Result, While},
    migrations,
};
use postgres::Client;
use std::collections::BTreeMap;

pub struct Statements(Client);

impl Statements {
    /// Begins to count.
    ///
    /// # Errors
    /// When the database is elsewhere, since only a superuser may count, or PostgreSQL lacks the extension.
    pub fn begin(database: &Database) -> Result<Self> {
        let cluster =
            database.cluster().ok_or_else(|| Error::misuse("statements are counted in the private cluster only"))?;
        let name = database.url().rsplit('/').next().unwrap_or_default();
        let mut client = migrations::connect(&cluster.superuser_url(name)?)?;
        let begin = "CREATE EXTENSION IF NOT EXISTS pg_stat_statements; SELECT pg_stat_statements_reset()";
        client
            .batch_execute(begin)
            .while_doing("count statements (some systems package PostgreSQL's contrib apart)")?;
        Ok(Self(client))
    }

    /// Calls by function. What a host's pool sends to clean a connection for the next request is no function of ours.
    pub fn counted(&mut self) -> Result<BTreeMap<String, i64>> {
        let sql = "SELECT substring(query, '([a-z_]+)[(][$]1::'), sum(calls)::bigint FROM pg_stat_statements
            WHERE query ~ '^SELECT (answer::text, request_observe.* FROM )?[a-z_]+[(][$]1::' AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
            GROUP BY 1";
        let rows = self.0.query(sql, &[]).while_doing("read pg_stat_statements")?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }
}
