//! What a server must be, and who may migrate it: looked at before the first change, so that nothing is half done when something is
//! missing. Simple queries only: a pooler may lose prepared ones.

use super::source::Schema;
use crate::error::{Error, Result};
use mw_postgresql::{Address, Pooling, reason};
use postgres::{Client, SimpleQueryMessage};
use std::collections::BTreeMap;

const OLDEST: u32 = 150_000;

/// Each fact by its name.
const FACTS: &str = "
    SELECT 'product' AS name, version() AS value
    UNION ALL SELECT 'version', current_setting('server_version_num')
    UNION ALL SELECT 'encoding', current_setting('server_encoding')
    UNION ALL SELECT 'strings', current_setting('standard_conforming_strings')
    UNION ALL SELECT 'read_only', current_setting('transaction_read_only')
    UNION ALL SELECT 'role', current_user::text
    UNION ALL SELECT 'schema', coalesce(current_schema()::text, '')
    UNION ALL SELECT 'creates', coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)::text
    UNION ALL SELECT 'language', (SELECT coalesce(bool_or(has_language_privilege(oid, 'USAGE')), false)::text FROM pg_language WHERE lanname = 'plpgsql')
    UNION ALL SELECT 'owner', tableowner::text FROM pg_tables
               WHERE schemaname = current_schema() AND tablename = 'schema_migrations' AND NOT pg_has_role(tableowner, 'USAGE')";

type Facts = BTreeMap<String, String>;

/// Fails with everything that the server, or who is connected to it, lacks.
pub(super) fn check(client: &mut Client, schema: &Schema) -> Result<()> {
    let facts = asked(client, FACTS)?;
    let mut unmet = unmet(&facts);
    // What is no PostgreSQL, or an old one, may not know the rest.
    if unmet.is_empty() {
        let available = asked(client, "SELECT name, '' AS value FROM pg_available_extensions")?;
        let missing = extensions(schema).filter(|name| !available.contains_key(*name));
        unmet.extend(missing.map(|name| {
            format!("it has no extension {name}: install it (postgresql-contrib, or as the service has it)")
        }));
    }
    if unmet.is_empty() {
        return Ok(());
    }
    Err(Error::misuse(format!("this server does not fit, and nothing was changed: {}", unmet.join("; "))))
}

/// Fails where a pooler in transaction mode stands before the server: migrations take a lock of the session.
pub fn refuse_pooler(url: &str) -> Result<()> {
    let address = Address::read(url).map_err(|fault| Error::misuse(format!("DATABASE_URL {fault}")))?;
    match address.pooling().map_err(Error::failed)? {
        Pooling::Whole => Ok(()),
        Pooling::Transactions | Pooling::LosesStatements => Err(Error::misuse(format!(
            "a pooler in transaction mode (like PgBouncer's) answers at {}, and a migration needs a session of its own: give it the server's own address, \
             or the pooler's session mode",
            address.place_name()
        ))),
    }
}

/// What the product itself would miss behind such a pooler.
pub fn pooler_problem(url: &str) -> Result<Option<String>> {
    let address = Address::read(url).map_err(|fault| Error::misuse(format!("DATABASE_URL {fault}")))?;
    let problem = match address.pooling().map_err(Error::failed)? {
        Pooling::Whole | Pooling::Transactions => None,
        Pooling::LosesStatements => Some(format!(
            "a pooler in transaction mode answers at {} and loses prepared statements, which Spin uses for every request: use PgBouncer 1.21 or \
             newer with max_prepared_statements above 0, or session mode",
            address.place_name()
        )),
    };
    Ok(problem)
}

fn asked(client: &mut Client, sql: &str) -> Result<Facts> {
    let failed =
        |error: postgres::Error| Error::failed(format!("cannot ask the server what it is: {}", reason(&error)));
    let messages = client.simple_query(sql).map_err(failed)?;
    let pair = |message| match message {
        SimpleQueryMessage::Row(row) => Some((row.get(0)?.to_owned(), row.get(1).unwrap_or_default().to_owned())),
        _ => None,
    };
    Ok(messages.into_iter().filter_map(pair).collect())
}

fn unmet(facts: &Facts) -> Vec<String> {
    let fact = |name: &str| facts.get(name).map_or("", String::as_str);
    let (role, schema) = (fact("role"), fact("schema"));
    let product = fact("product");
    let version = fact("version").parse().unwrap_or(0);
    let mut unmet = Vec::new();
    let mut needs = |is_met: bool, sentence: String| {
        if !is_met {
            unmet.push(sentence);
        }
    };
    needs(
        product.starts_with("PostgreSQL "),
        format!("it is no PostgreSQL, but says {}", product.split(" (").next().unwrap_or_default()),
    );
    needs(version >= OLDEST, format!("it is PostgreSQL {}, and 15 or newer is needed", version / 10_000));
    needs(
        fact("encoding") == "UTF8",
        format!(
            "the database's encoding is {}, and UTF8 is needed: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
            fact("encoding")
        ),
    );
    needs(
        fact("strings") == "on",
        "standard_conforming_strings is off for this role, database or server: set it on".to_owned(),
    );
    needs(
        fact("read_only") == "off",
        "it only reads (a standby, or default_transaction_read_only): connect to the one that writes".to_owned(),
    );
    needs(
        fact("language") == "true",
        "the language plpgsql is not there or not for this role: CREATE EXTENSION plpgsql".to_owned(),
    );
    match schema {
        "" => needs(
            false,
            format!(
                "the search_path of {role} names no schema that is there: ALTER ROLE {role} SET search_path = public"
            ),
        ),
        _ => needs(
            fact("creates") == "true",
            format!(
                "{role} may not create in the schema {schema}: connect as myloware_owner, after ops/postgres/roles.sql"
            ),
        ),
    }
    if let Some(owner) = facts.get("owner") {
        needs(false, format!("its tables belong to {owner}, and {role} is no member of it: connect as {owner}"));
    }
    unmet
}

/// The extensions that the schema cannot do without.
fn extensions(schema: &Schema) -> impl Iterator<Item = &str> {
    schema.tables.iter().flat_map(|file| {
        let pieces = file.sql.split("CREATE EXTENSION").skip(1);
        pieces.filter_map(|piece| {
            let piece = piece.trim_start();
            let piece = piece.strip_prefix("IF NOT EXISTS").unwrap_or(piece).trim_start();
            piece.split(|sign: char| !sign.is_alphanumeric() && sign != '_').next()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit() -> Facts {
        [
            ("product", "PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64"),
            ("version", "150018"),
            ("encoding", "UTF8"),
            ("strings", "on"),
            ("read_only", "off"),
            ("role", "ann"),
            ("schema", "public"),
            ("creates", "true"),
            ("language", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    #[test]
    fn a_server_that_fits_lacks_nothing() {
        assert_eq!(unmet(&fit()), Vec::<String>::new());
    }

    #[test]
    fn each_requirement_is_named() {
        for (name, value, part) in [
            ("product", "CockroachDB CCL v24.1.0 (x86_64)", "it is no PostgreSQL, but says CockroachDB CCL v24.1.0"),
            ("version", "140012", "it is PostgreSQL 14, and 15 or newer is needed"),
            ("encoding", "SQL_ASCII", "the database's encoding is SQL_ASCII"),
            ("strings", "off", "standard_conforming_strings is off"),
            ("read_only", "on", "it only reads"),
            ("schema", "", "the search_path of ann"),
            ("creates", "false", "ann may not create in the schema public"),
            ("language", "false", "plpgsql"),
            ("owner", "bob", "its tables belong to bob, and ann is no member of it"),
        ] {
            let mut facts = fit();
            facts.insert(name.to_owned(), value.to_owned());
            let unmet = unmet(&facts);
            assert!(unmet.len() == 1 && unmet[0].contains(part), "{name}: {unmet:?}");
        }
    }
}
