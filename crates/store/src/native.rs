//! The database port over a native client.

use crate::{Database, DbError, Param, statement};
use mw_postgresql::Address;
use postgres::Client as Driver;
use postgres::error::SqlState;
use postgres::types::ToSql;

/// A native connection.
pub struct Client {
    driver: Driver,
}

impl Client {
    /// Connects to an address as DATABASE_URL has it.
    pub fn connect(url: &str) -> Result<Self, DbError> {
        let address = Address::read(url).map_err(|fault| DbError::Unavailable(format!("DATABASE_URL {fault}")))?;
        let driver = address.connect("mw").map_err(|error| DbError::Unavailable(error.to_string()))?;
        Ok(driver.into())
    }

    /// The driver itself, for migrations and tests.
    pub fn driver(&mut self) -> &mut Driver {
        &mut self.driver
    }
}

impl From<Driver> for Client {
    fn from(driver: Driver) -> Self {
        Self { driver }
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
        || error.as_db_error().is_some_and(|db| {
            [
                SqlState::TOO_MANY_CONNECTIONS,
                SqlState::CANNOT_CONNECT_NOW,
                SqlState::ADMIN_SHUTDOWN,
                SqlState::CRASH_SHUTDOWN,
                SqlState::T_R_SERIALIZATION_FAILURE,
                SqlState::T_R_DEADLOCK_DETECTED,
            ]
            .contains(db.code())
        });
    let text =
        error.as_db_error().map_or_else(|| error.to_string(), |db| format!("{}: {}", db.code().code(), db.message()));
    if unavailable { DbError::Unavailable(text) } else { DbError::Failed(text) }
}
