//! The database port over a native client.

use crate::{Database, DbError, Param};
use postgres::error::SqlState;
use postgres::types::{Json, ToSql};
use postgres::{Client as Driver, NoTls};
use serde_json::value::RawValue;

/// A native connection.
pub struct Client {
    driver: Driver,
}

impl Client {
    /// Connects with a PostgreSQL URL or key=value string.
    pub fn connect(url: &str) -> Result<Self, DbError> {
        Ok(Client { driver: Driver::connect(url, NoTls).map_err(classify)? })
    }

    /// The driver itself, for migrations and tests.
    pub fn driver(&mut self) -> &mut Driver {
        &mut self.driver
    }
}

impl Database for Client {
    fn query(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<String, DbError> {
        let mut values: Vec<Box<dyn ToSql + Sync + '_>> = Vec::with_capacity(params.len());
        for param in params {
            match param {
                Param::Json(text) => {
                    let value: &RawValue =
                        serde_json::from_str(text).map_err(|error| DbError::Failed(error.to_string()))?;
                    values.push(Box::new(Json(value)));
                }
                Param::Bytes(bytes) => values.push(Box::new(*bytes)),
            }
        }
        let references: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
        let row = self.driver.query_one(sql, &references).map_err(classify)?;
        let Json(answer) = row.try_get::<_, Json<Box<RawValue>>>(0).map_err(classify)?;
        Ok(Box::<str>::from(answer).into())
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
