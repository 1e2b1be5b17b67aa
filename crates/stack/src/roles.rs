//! The roles of ops/postgres/roles.sql: hosts connect as the product's own, so that what it lacks the right to do fails here as it
//! would in production.

use crate::cluster::{APP, MIGRATOR};
use mw::{
    error::{Error, Result, While},
    migrations::{connect, reason},
    settings::database_address,
};
use std::path::Path;

/// Runs the file as who may make roles in this database, and lets the roles sign in by these passwords.
pub(crate) fn apply(root: &Path, url: &str, passwords: &[(&str, &str)]) -> Result<()> {
    let sql =
        std::fs::read_to_string(root.join("ops/postgres/roles.sql")).while_doing("read ops/postgres/roles.sql")?;
    let failed = |error: postgres::Error| Error::failed(format!("ops/postgres/roles.sql: {}", reason(&error)));
    // Roles belong to the whole server and locks to a database, so that one at a time is agreed in a database that every server has.
    let mut turn = connect(&database_address("DATABASE_URL", url)?.with_database("postgres").text())?;
    turn.batch_execute("SELECT pg_advisory_lock(2)").map_err(failed)?;
    let mut client = connect(url)?;
    client.batch_execute(&format!("SET client_min_messages = warning; {sql}")).map_err(failed)?;
    for (role, password) in passwords {
        client.batch_execute(&format!("ALTER ROLE {role} PASSWORD '{password}'")).map_err(failed)?;
    }
    // Many stacks share a server of development, and each may have several hosts.
    client.batch_execute(&format!("ALTER ROLE {APP} CONNECTION LIMIT -1")).map_err(failed)
}

/// As [`apply`], and migrates between the two times that docs/deployment.md has it run, as the role that is for it.
pub(crate) fn prepare(root: &Path, url: &str, passwords: &[(&str, &str)]) -> Result<()> {
    apply(root, url, passwords)?;
    let password = passwords.iter().find(|(role, _)| *role == MIGRATOR).map_or("", |(_, password)| password);
    let owner = database_address("DATABASE_URL", url)?.with_role(MIGRATOR, password).text();
    let schema = mw::migrations::from_folder(&root.join("migrations"))?;
    mw::migrations::migrate(&mut connect(&owner)?, &schema)?;
    apply(root, url, passwords)
}
