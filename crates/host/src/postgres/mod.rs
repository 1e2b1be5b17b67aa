//! `spin:postgres/postgres@4.0.0`, as Spin implements it.
//!
//! - `Pools`: one pool of 64 connections per component and address. A connection is recycled with deadpool's `Clean`,
//!   which never rolls back: a transaction left open by one guest is continued by the next, here as on Spin.
//! - An exhausted pool waits without limit, as on Spin; so does a guest above `outbound_pg.max_connections`, which counts the
//!   connections that guests hold, of all components together, and none that rests in a pool.
//! - Statements are prepared anew each time; nothing is cached.
//! - Errors: structured from `execute` and from a query's parse and bind; flattened to text once rows are on their way.
//! - `types`: SQL values ↔ the interface's values.
//! - TLS unless the address has `sslmode=disable`: whatever else it has, the server's certificate must be of the name that was
//!   connected to and signed by an authority that the system trusts, or one in the file that SSL_CERT_FILE names. A server without
//!   TLS is talked to in plain text unless the address has `sslmode=require`.

// The interface decides the size of its errors.
#![allow(clippy::result_large_err)]

mod types;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::Context;
use deadpool_postgres::{ManagerConfig, Pool, RecyclingMethod};
use futures::TryStreamExt;
use mw_postgresql::{Roots, Trust, client_config};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::config::{Host as PostgresHost, SslMode};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, NoTls, Row};
use tokio_postgres_rustls::MakeRustlsConnect;
use wasmtime::component::Resource;

use crate::allowed_hosts::AllowedHosts;
use crate::bindings::spin::postgres::postgres::{
    Column, DbError, Error, Host, HostConnection, ParameterValue, QueryError, RowSet,
};
use crate::logs::chain;
use crate::runtime::State;

const CONNECTIONS_PER_POOL: usize = 64;
const POOLS_PER_COMPONENT: usize = 16;
const RESULT_LIMIT_BYTES: usize = 128 << 20;

/// The guest's resource: one checked-out connection, handed back when the guest drops it or ends.
pub struct Connection {
    client: deadpool_postgres::Object,
    _permit: Option<OwnedSemaphorePermit>,
}

/// The pools of one component, by address.
pub struct Pools {
    by_address: Mutex<HashMap<String, Pool>>,
    /// Of all components together.
    permits: Option<Arc<Semaphore>>,
}

impl Pools {
    pub fn new(permits: Option<Arc<Semaphore>>) -> Self {
        Self { by_address: Mutex::default(), permits }
    }

    async fn connect(&self, address: &str) -> anyhow::Result<Connection> {
        let permit = match &self.permits {
            Some(permits) => Some(Arc::clone(permits).acquire_owned().await?),
            None => None,
        };
        let pool = self.pool(address).context("establishing PostgreSQL connection pool")?;
        Ok(Connection { client: pool.get().await?, _permit: permit })
    }

    fn pool(&self, address: &str) -> anyhow::Result<Pool> {
        let mut pools = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(address) {
            return Ok(pool.clone());
        }
        if pools.len() >= POOLS_PER_COMPONENT {
            // Connections in use live on; only the pool is forgotten.
            pools.clear();
        }
        let pool = new_pool(address)?;
        pools.insert(address.to_owned(), pool.clone());
        Ok(pool)
    }
}

fn new_pool(address: &str) -> anyhow::Result<Pool> {
    let config: Config = address.parse().context("parsing Postgres connection string")?;
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Clean };
    let manager = match (config.get_ssl_mode(), tls()) {
        (SslMode::Disable, _) => deadpool_postgres::Manager::from_config(config, NoTls, recycling),
        (_, Ok(tls)) => deadpool_postgres::Manager::from_config(config, tls, recycling),
        // Who has no authorities trusts no certificate, but needs none where there is no TLS.
        (SslMode::Prefer, Err(_)) => deadpool_postgres::Manager::from_config(config, NoTls, recycling),
        (_, Err(reason)) => anyhow::bail!(reason),
    };
    Pool::builder(manager).max_size(CONNECTIONS_PER_POOL).build().context("building Postgres connection pool")
}

/// Read once: a process keeps the authorities that it began with.
fn tls() -> Result<MakeRustlsConnect, String> {
    static TLS: OnceLock<Result<MakeRustlsConnect, String>> = OnceLock::new();
    TLS.get_or_init(|| client_config(&Trust::Name(Roots::System)).map(MakeRustlsConnect::new)).clone()
}

fn check_allowed(address: &str, allowed: &AllowedHosts) -> Result<(), Error> {
    let config: Config =
        address.parse().map_err(|error: tokio_postgres::Error| Error::ConnectionFailed(error.to_string()))?;
    let ports = config.get_ports();
    for (index, host) in config.get_hosts().iter().enumerate() {
        let PostgresHost::Tcp(name) = host else {
            return Err(Error::ConnectionFailed("Unix sockets are not supported on WebAssembly".into()));
        };
        let only_port = (ports.len() == 1).then(|| ports.first()).flatten();
        let port = ports.get(index).or(only_port).copied();
        if !allowed.allow("postgres", name, port) {
            let port_text = port.map(|port| format!(":{port}")).unwrap_or_default();
            return Err(Error::ConnectionFailed(format!("address postgres://{name}{port_text} is not permitted")));
        }
    }
    Ok(())
}

impl Host for State {}

impl HostConnection for State {
    async fn open(&mut self, address: String) -> wasmtime::Result<Result<Resource<Connection>, Error>> {
        if let Err(error) = check_allowed(&address, &self.component.allowed_hosts) {
            return Ok(Err(error));
        }
        let component = Arc::clone(&self.component);
        match component.pools.connect(&address).await {
            Ok(connection) => Ok(Ok(self.table.push(connection)?)),
            Err(error) => Ok(Err(Error::ConnectionFailed(chain(&error)))),
        }
    }

    async fn query(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<RowSet, Error>> {
        Ok(self.table.get(&connection)?.query(&statement, &parameters).await)
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<u64, Error>> {
        Ok(self.table.get(&connection)?.execute(&statement, &parameters).await)
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl Connection {
    async fn execute(&self, statement: &str, parameters: &[ParameterValue]) -> Result<u64, Error> {
        let parameters = types::to_sql_all(parameters).map_err(|error| Error::ValueConversionFailed(chain(&error)))?;
        let references: Vec<&(dyn ToSql + Sync)> = parameters.iter().map(|value| value.as_ref() as _).collect();
        self.client.execute(statement, &references).await.map_err(query_failed)
    }

    async fn query(&self, statement: &str, parameters: &[ParameterValue]) -> Result<RowSet, Error> {
        let parameters = types::to_sql_all(parameters).map_err(|error| Error::BadParameter(chain(&error)))?;
        let stream = self.client.query_raw(statement, parameters).await.map_err(query_failed)?;
        collect_rows(stream).await.map_err(|error| Error::QueryFailed(QueryError::Text(chain(&error))))
    }
}

/// An error in here reaches the guest as text, whatever PostgreSQL said: so it is on Spin.
async fn collect_rows(stream: tokio_postgres::RowStream) -> anyhow::Result<RowSet> {
    let mut stream = std::pin::pin!(stream);
    let mut set = RowSet { columns: Vec::new(), rows: Vec::new() };
    let mut size_bytes = 0;
    while let Some(row) = stream.try_next().await.map_err(query_failed)? {
        if set.rows.is_empty() {
            set.columns = columns_of(&row);
        }
        size_bytes += row.raw_size_bytes();
        anyhow::ensure!(size_bytes <= RESULT_LIMIT_BYTES, "query result exceeds limit of {RESULT_LIMIT_BYTES} bytes");
        set.rows.push(types::from_sql_row(&row)?);
    }
    Ok(set)
}

fn columns_of(row: &Row) -> Vec<Column> {
    let describe = |column: &tokio_postgres::Column| Column {
        name: column.name().to_owned(),
        data_type: types::data_type(column.type_()),
    };
    row.columns().iter().map(describe).collect()
}

fn query_failed(error: tokio_postgres::Error) -> Error {
    let as_text = format!("{error:?}");
    Error::QueryFailed(match error.as_db_error() {
        None => QueryError::Text(as_text),
        Some(db) => QueryError::DbError(DbError {
            as_text,
            severity: db.severity().to_owned(),
            code: db.code().code().to_owned(),
            message: db.message().to_owned(),
            detail: db.detail().map(str::to_owned),
            extras: extras(db),
        }),
    })
}

fn extras(db: &tokio_postgres::error::DbError) -> Vec<(String, String)> {
    let line = db.line().map(|line| line.to_string());
    [
        ("column", db.column()),
        ("constraint", db.constraint()),
        ("routine", db.routine()),
        ("hint", db.hint()),
        ("table", db.table()),
        ("datatype", db.datatype()),
        ("schema", db.schema()),
        ("file", db.file()),
        ("line", line.as_deref()),
        ("where_", db.where_()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
    .collect()
}
