//! The database port over a native client.

use crate::{Database, DbError, Param, statement};
use postgres::error::SqlState;
use postgres::types::ToSql;
use postgres::{Client as Driver, Config, NoTls};

/// A native connection.
pub struct Client {
    driver: Driver,
}

impl Client {
    /// Connects with a PostgreSQL URL or key=value string.
    pub fn connect(url: &str) -> Result<Self, DbError> {
        let mut config: Config = url.parse().map_err(classify)?;
        if config.get_application_name().is_none() {
            config.application_name("mw");
        }
        Ok(Client { driver: config.connect(NoTls).map_err(classify)? })
    }

    /// The driver itself, for migrations and tests.
    pub fn driver(&mut self) -> &mut Driver {
        &mut self.driver
    }
}

impl Database for Client {
    fn query(&mut self, function: &'static str, params: &[Param<'_>]) -> Result<String, DbError> {
        Database::query(&mut self.driver, function, params)
    }
}

/// The driver by itself, for whoever has connected in another way.
impl Database for Driver {
    fn query(&mut self, function: &'static str, params: &[Param<'_>]) -> Result<String, DbError> {
        let values: Vec<&(dyn ToSql + Sync)> = params
            .iter()
            .map(|param| match param {
                Param::Json(text) | Param::Observation(text) => text as &(dyn ToSql + Sync),
                Param::Bytes(bytes) => bytes,
            })
            .collect();
        let row = self.query_one(&statement(function, params), &values).map_err(classify)?;
        row.try_get(0).map_err(classify)
    }
}

fn classify(error: postgres::Error) -> DbError {
    let unavailable = error.is_closed()
        || match error.as_db_error() {
            None => error.code().is_none() && error.to_string().contains("connect"),
            Some(db) => [
                SqlState::TOO_MANY_CONNECTIONS,
                SqlState::CANNOT_CONNECT_NOW,
                SqlState::ADMIN_SHUTDOWN,
                SqlState::CRASH_SHUTDOWN,
                SqlState::T_R_SERIALIZATION_FAILURE,
                SqlState::T_R_DEADLOCK_DETECTED,
            ]
            .contains(db.code()),
        };
    let text =
        error.as_db_error().map_or_else(|| error.to_string(), |db| format!("{}: {}", db.code().code(), db.message()));
    if unavailable { DbError::Unavailable(text) } else { DbError::Failed(text) }
}
