//! The databases of a stack: the product's own in the private cluster, scratch ones for tests, or the one that DATABASE_URL names.

use crate::{
    cluster::{APP, Cluster, InUse, MIGRATOR, OWNER},
    process, roles, secrets,
};
use mw::{
    error::{Error, Result},
    migrations::{connect, reason},
    settings::database_address,
};
use postgres::Client;
use std::path::Path;

/// The product's database in the private cluster.
pub const PRODUCT: &str = "myloware";
const SCRATCH_PREFIX: &str = "scratch_";

/// Where a command in a stack finds the address as the product's role, beside DATABASE_URL: with it, a stack that it starts on the
/// same server can let its hosts sign in by that role, too.
pub const APP_VARIABLE: &str = "APP_DATABASE_URL";

/// A database that can be used as long as this value lives.
pub struct Database {
    /// As who owns it.
    url: String,
    /// The password of the product's role; without one, hosts connect as the owner.
    app_password: Option<String>,
    /// Dropped with this value: (address of the server's other database, name).
    scratch: Option<(String, String)>,
    cluster: Option<InUse>,
}

impl Database {
    /// The product's own: where `given` says, else in the private cluster.
    pub fn product(root: &Path, given: Option<&str>) -> Result<Self> {
        if let Some(url) = given {
            connect(url)?;
            return Ok(Self { url: url.to_owned(), app_password: None, scratch: None, cluster: None });
        }
        let cluster = enter(&Cluster::of(root))?;
        let app_password = Some(cluster.password_of(APP)?);
        Ok(Self { url: cluster.url(PRODUCT)?, app_password, scratch: None, cluster: Some(cluster) })
    }

    /// A fresh one on the server that `given` names, else in the private cluster; dropped with this value.
    pub fn scratch(root: &Path, given: Option<&str>, fast: bool) -> Result<Self> {
        let cluster = if fast { Cluster::fast(root) } else { Cluster::of(root) };
        Self::fresh(&cluster, given, &std::process::id().to_string())
    }

    /// A fresh one in this cluster; dropped with this value.
    pub fn scratch_in(cluster: &Cluster) -> Result<Self> {
        Self::fresh(cluster, None, &std::process::id().to_string())
    }

    /// A fresh one on a server as services rent them out, made as docs/deployment.md has it: by an administrator who is no superuser,
    /// and migrated by the role that is for it.
    pub fn managed(root: &Path) -> Result<Self> {
        let database = Self::scratch_in(&Cluster::managed(root))?;
        if let Some(cluster) = &database.cluster {
            let passwords = [(MIGRATOR, cluster.password_of(MIGRATOR)?), (APP, cluster.password_of(APP)?)];
            roles::prepare(
                root,
                &database.url,
                &passwords.each_ref().map(|(role, password)| (*role, password.as_str())),
            )?;
        }
        Ok(database)
    }

    /// A fresh one that nobody drops.
    pub fn kept(root: &Path, given: Option<&str>, fast: bool) -> Result<Self> {
        let cluster = if fast { Cluster::fast(root) } else { Cluster::of(root) };
        let mut database = Self::fresh(&cluster, given, "kept")?;
        database.scratch = None;
        Ok(database)
    }

    fn fresh(cluster: &Cluster, given: Option<&str>, maker: &str) -> Result<Self> {
        let (server, app_password, cluster) = match given {
            Some(url) => (url.to_owned(), given_password()?, None),
            None => {
                let cluster = enter(cluster)?;
                (cluster.url(PRODUCT)?, Some(cluster.password_of(APP)?), Some(cluster))
            }
        };
        let name = format!("{SCRATCH_PREFIX}{maker}_{}", secrets::random().get(..8).unwrap_or_default());
        let mut client = connect(&server)?;
        drop_abandoned(&mut client);
        execute(&mut client, &format!("CREATE DATABASE {name}"))?;
        if let Some(cluster) = &cluster {
            allow_vectors(cluster, &name)?;
        }
        Ok(Self { url: beside(&server, &name)?, app_password, scratch: Some((server, name)), cluster })
    }

    /// Its address as who owns it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its address as hosts have it: as the product's role, where this is a server of ours.
    pub fn app_url(&self) -> Result<String> {
        match &self.app_password {
            Some(password) => Ok(database_address("DATABASE_URL", &self.url)?.with_role(APP, password).text()),
            None => Ok(self.url.clone()),
        }
    }

    /// Gives the product's role its rights to what has been migrated.
    pub(crate) fn grant(&self, root: &Path) -> Result<()> {
        self.app_password.as_ref().map_or(Ok(()), |password| roles::apply(root, &self.url, &[(APP, password.as_str())]))
    }

    /// The private cluster that it is in, if it is.
    #[must_use]
    pub fn cluster(&self) -> Option<&InUse> {
        self.cluster.as_ref()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some((server, name)) = self.scratch.take()
            && let Err(error) = connect(&server).and_then(|mut client| drop_database(&mut client, &name))
        {
            eprintln!("mw-stack: the scratch database {name} was not dropped: {error}");
        }
    }
}

/// The password of the product's role on the server that DATABASE_URL names, where a stack around us says it.
fn given_password() -> Result<Option<String>> {
    let given = std::env::var(APP_VARIABLE).ok().filter(|url| !url.is_empty());
    given.map_or(Ok(None), |url| Ok(database_address(APP_VARIABLE, &url)?.password().map(str::to_owned)))
}

/// Starts the cluster and makes sure of the product's administrator and database. As where others run the server, the administrator
/// makes databases and roles and sees what runs, and is no superuser.
fn enter(cluster: &Cluster) -> Result<InUse> {
    let cluster = cluster.enter()?;
    let mut client = connect(&cluster.superuser_url("postgres")?)?;
    // Two commands may come here at once: the second waits for the first.
    execute(&mut client, "SELECT pg_advisory_lock(1)")?;
    let password = cluster.password_of(OWNER)?;
    for role in [MIGRATOR, APP] {
        cluster.password_of(role)?;
    }
    if !exists(&mut client, "SELECT FROM pg_roles WHERE rolname = $1", OWNER)? {
        execute(&mut client, &format!("CREATE ROLE {OWNER} LOGIN CREATEDB PASSWORD '{password}'"))?;
    }
    if !exists(&mut client, "SELECT FROM pg_roles WHERE rolname = $1 AND rolcreaterole", OWNER)? {
        execute(
            &mut client,
            &format!("ALTER ROLE {OWNER} CREATEROLE; GRANT pg_monitor, pg_signal_backend TO {OWNER}"),
        )?;
    }
    if !exists(&mut client, "SELECT FROM pg_database WHERE datname = $1", PRODUCT)? {
        execute(&mut client, &format!("CREATE DATABASE {PRODUCT} OWNER {OWNER}"))?;
        allow_vectors(&cluster, PRODUCT)?;
    }
    Ok(cluster)
}

/// pgvector, where the server has it: only a superuser may bring it into a database.
fn allow_vectors(cluster: &InUse, name: &str) -> Result<()> {
    let mut client = connect(&cluster.superuser_url(name)?)?;
    match exists(&mut client, "SELECT FROM pg_available_extensions WHERE name = $1", "vector")? {
        true => execute(&mut client, "CREATE EXTENSION IF NOT EXISTS vector"),
        false => Ok(()),
    }
}

fn exists(client: &mut Client, sql: &str, name: &str) -> Result<bool> {
    let rows = client.query(sql, &[&name]).map_err(|error| Error::failed(reason(&error)))?;
    Ok(!rows.is_empty())
}

fn execute(client: &mut Client, sql: &str) -> Result<()> {
    client
        .batch_execute(sql)
        .map_err(|error| Error::failed(format!("PostgreSQL refused {}: {}", verb(sql), reason(&error))))
}

/// The statement without a password that might be in it.
fn verb(sql: &str) -> String {
    sql.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

fn drop_database(client: &mut Client, name: &str) -> Result<()> {
    execute(client, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
}

/// Drops scratch databases whose makers were killed before they could. Failing to is no reason not to go on.
fn drop_abandoned(client: &mut Client) {
    let sql =
        "SELECT datname FROM pg_database WHERE datname LIKE 'scratch\\_%' AND pg_get_userbyid(datdba) = current_user";
    for row in client.query(sql, &[]).unwrap_or_default() {
        let name: String = row.get(0);
        if maker(&name).is_some_and(|process| !process::is_running(process, "")) {
            let _ = drop_database(client, &name);
        }
    }
}

/// `scratch_123_ab12` → 123
fn maker(name: &str) -> Option<i32> {
    name.strip_prefix(SCRATCH_PREFIX)?.split('_').next()?.parse().ok()
}

/// The address of another database on the same server.
fn beside(url: &str, name: &str) -> Result<String> {
    Ok(database_address("DATABASE_URL", url)?.with_database(name).text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_their_maker() {
        assert_eq!(maker("scratch_123_ab12"), Some(123));
        assert_eq!(maker("scratch_kept_ab12"), None);
        assert_eq!(maker("myloware"), None);
    }

    #[test]
    fn another_database_on_the_same_server() {
        assert_eq!(
            beside("postgresql://u:p@h:1/a?sslmode=disable", "b").unwrap(),
            "postgresql://u:p@h:1/b?sslmode=disable"
        );
    }

    #[test]
    fn passwords_stay_out_of_messages() {
        assert_eq!(verb("CREATE ROLE mw LOGIN PASSWORD 'x'"), "CREATE ROLE mw");
    }
}
