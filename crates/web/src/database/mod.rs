//! The store's port over `spin:postgres@4`: one connection per request, opened at the first statement. Never a second one
//! beside it: Spin's pool waits for ever when it is empty, and two requests that each wait for the other's never end.

use mw_store::metrics::Seen;
use mw_store::{Database, DbError, Param, statement};
use spin_sdk::pg4::{Connection, DbValue, ParameterValue, PgError as Error, QueryError};
use std::time::Instant;

pub struct PooledDatabase {
    address: String,
    connection: Option<Connection>,
    /// The request that a writing statement counts beside its work, and since when it lasts.
    riding: Option<(String, Instant)>,
    /// Some statement has counted the request.
    counted: bool,
}

impl PooledDatabase {
    pub fn new(address: String) -> PooledDatabase {
        PooledDatabase { address, connection: None, riding: None, counted: false }
    }

    /// Lets the next writing statement count the request, with these labels.
    pub(crate) fn carry(&mut self, labels: String, started: Instant) {
        self.riding = Some((labels, started));
    }

    /// Whether some statement has counted the request.
    pub(crate) fn has_counted(&self) -> bool {
        self.counted
    }

    /// Gives the connection back to the pool; the next statement opens again.
    pub fn release(&mut self) {
        self.connection = None;
    }
}

impl Database for PooledDatabase {
    fn query(&mut self, function: &'static str, params: &[Param<'_>]) -> Result<String, DbError> {
        let values: Vec<ParameterValue> = params.iter().map(value).collect();
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.address).map_err(classify)?,
        };
        let rows = connection.query(&statement(function, params), &values).map_err(classify)?;
        // Only a connection that has just worked is used again.
        self.connection = Some(connection);
        let cell = rows.rows.into_iter().next().and_then(|row| row.into_iter().next());
        match cell {
            Some(DbValue::Str(answer)) => Ok(answer),
            Some(_) => Err(DbError::Failed("statement gave no text".to_owned())),
            None => Err(DbError::Failed("statement gave no row".to_owned())),
        }
    }

    fn seen(&self) -> Option<Seen> {
        let riding = self.riding.as_ref().filter(|_| !self.counted);
        riding.map(|(labels, started)| Seen { labels: labels.clone(), seconds: started.elapsed().as_secs_f64() })
    }

    fn counted(&mut self) {
        self.counted = true;
    }
}

fn value(param: &Param<'_>) -> ParameterValue {
    match param {
        Param::Bytes(bytes) => ParameterValue::Binary(bytes.to_vec()),
        Param::Json(text) => ParameterValue::Str((*text).to_owned()),
    }
}

/// SQLSTATEs of a server that is full, starting, stopping or gone, of statements that it cut off to protect itself, and
/// of two writers that met: trying again later is right for all of them.
const PASSING: [&str; 12] =
    ["40001", "40P01", "53300", "53400", "55P03", "57014", "57P01", "57P02", "57P03", "08000", "08003", "08006"];
/// The same as Spin flattens them, and what its pool and driver say when there is no server or the connection broke.
const PASSING_TEXTS: [&str; 14] = [
    "kind: closed",
    "kind: io",
    "too many clients",
    "too many connections",
    "remaining connection slots",
    "connection refused",
    "connection closed",
    "connection reset",
    "broken pipe",
    "timed out",
    "timeout",
    "shutting down",
    "starting up",
    "terminating connection",
];

fn classify(error: Error) -> DbError {
    match error {
        Error::ConnectionFailed(text) => DbError::Unavailable(text),
        Error::QueryFailed(QueryError::DbError(error)) if PASSING.contains(&error.code.as_str()) => {
            DbError::Unavailable(format!("{}: {}", error.code, error.message))
        }
        Error::QueryFailed(QueryError::DbError(error)) => DbError::Failed(format!("{}: {}", error.code, error.message)),
        Error::QueryFailed(QueryError::Text(text)) | Error::Other(text) => classify_text(text),
        Error::BadParameter(text) | Error::ValueConversionFailed(text) => DbError::Failed(text),
    }
}

/// Spin flattens errors of a running query into debug text. Where that names a SQLSTATE, the state decides; the rest of the
/// text may quote data.
fn classify_text(text: String) -> DbError {
    let lower = text.to_ascii_lowercase();
    let passing = match sql_state(&text) {
        Some(state) => PASSING.contains(&state),
        None => PASSING_TEXTS.iter().any(|name| lower.contains(name)),
    };
    if passing { DbError::Unavailable(text) } else { DbError::Failed(text) }
}

/// The five characters in `SqlState(E57P01)`.
fn sql_state(text: &str) -> Option<&str> {
    let (_, after) = text.split_once("SqlState(E")?;
    after.get(..5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unavailable(error: Error) -> bool {
        matches!(classify(error), DbError::Unavailable(_))
    }

    #[test]
    fn a_server_that_is_gone_full_or_restarting_is_unavailable() {
        assert!(unavailable(Error::ConnectionFailed("error connecting to server".to_owned())));
        let flattened = [
            "Error { kind: Db, cause: Some(DbError { severity: \"FATAL\", code: SqlState(E57P01), message: \"terminating connection due to administrator command\" }) }",
            "db error: FATAL: sorry, too many clients already",
            // As chaos found them: the whole of what the driver says.
            "Error { kind: Closed, cause: None }",
            "Error::QueryFailed(QueryError::Text(\"Error { kind: Closed, cause: None }\"))",
            "Error { kind: Io, cause: Some(Kind(UnexpectedEof)) }",
            "error communicating with the server: Connection reset by peer (os error 104)",
        ];
        for text in flattened {
            assert!(unavailable(Error::QueryFailed(QueryError::Text(text.to_owned()))), "{text}");
        }
    }

    #[test]
    fn our_own_mistakes_are_failures() {
        let texts = ["db error: ERROR: invalid input syntax for type json", "column \"x\" does not exist"];
        for text in texts {
            assert!(!unavailable(Error::QueryFailed(QueryError::Text(text.to_owned()))), "{text}");
        }
        assert!(!unavailable(Error::ValueConversionFailed("x".to_owned())));
    }
}
