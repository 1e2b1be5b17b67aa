//! A database of the release before becomes what a new one is, and works at every migration on the way, while instances of that
//! release still run.
//!
//! `schema.sql` is an empty database of that release. A new release makes its own from one that its `mw db migrate` made:
//!
//! ```sh
//! pg_dump --inserts --no-owner --no-privileges --no-comments "$DATABASE_URL" | grep -v -e '^\\' -e '^--' | cat -s > schema.sql
//! ```

use crate::{Call, ask, calls};
use mw::{folder, migrations, migrations::Migration};
use mw_stack::database::Database;
use mw_store::native::Client;

/// What there is in a database, a line each: columns, constraints, indexes, triggers, how tables are kept, functions.
const SHAPE: &str = "
    SELECT format('column %s.%s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull,
                  pg_get_expr(adbin, adrelid))
      FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
      JOIN pg_class ON pg_class.oid = attrelid
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT format('constraint %s %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
     WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT format('index %s', indexdef) FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT format('trigger %s', pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT format('kept %s %s %s', relname, relpersistence, reloptions) FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
    UNION ALL
    SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
     ORDER BY 1";

fn scratch() -> (Database, Client) {
    let given = std::env::var("DATABASE_URL").ok();
    let database = Database::scratch(&folder::root().unwrap(), given.as_deref(), true).unwrap();
    let client = Client::connect(database.url()).unwrap();
    (database, client)
}

/// An empty database of the release before.
fn restored() -> (Database, Client) {
    let (database, mut client) = scratch();
    client.driver().batch_execute(include_str!("schema.sql")).unwrap();
    // The dump leaves settings behind.
    let client = Client::connect(database.url()).unwrap();
    (database, client)
}

fn shape(client: &mut Client) -> Vec<String> {
    client.driver().query(SHAPE, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// The migrations of now that the release before does not know.
fn newer(client: &mut Client) -> Vec<Migration> {
    let known = client.driver().query("SELECT version FROM schema_migrations", &[]).unwrap();
    let known: Vec<i32> = known.iter().map(|row| row.get(0)).collect();
    migrations::embedded().unwrap().into_iter().filter(|migration| !known.contains(&migration.version)).collect()
}

#[test]
fn a_database_of_the_release_before_becomes_what_a_new_one_is() {
    let (_upgraded, mut upgraded) = restored();
    migrations::migrate(upgraded.driver(), &migrations::embedded().unwrap()).unwrap();
    let (_new, mut new) = scratch();
    migrations::migrate(new.driver(), &migrations::embedded().unwrap()).unwrap();
    let (upgraded, new) = (shape(&mut upgraded), shape(&mut new));
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).cloned().collect()
    };
    assert_eq!(only(&upgraded, &new), Vec::<String>::new(), "what an upgraded database has and a new one has not");
    assert_eq!(only(&new, &upgraded), Vec::<String>::new(), "what an upgraded database lacks");
}

#[test]
fn the_release_before_goes_on_at_every_migration_of_an_upgrade() {
    let calls: Vec<Call> = calls();
    let (_database, mut first) = restored();
    let newer = newer(&mut first);
    for count in 0..newer.len() {
        let (_database, mut client) = restored();
        migrations::migrate(client.driver(), &newer[..count]).unwrap();
        let after = count.checked_sub(1).map_or("none", |last| newer[last].name.as_str());
        println!("after {after}: {} answers", ask(&mut client, &calls, after).len());
    }
}
