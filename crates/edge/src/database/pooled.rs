//! Statements on a connection of the component's own pool, by `spin:postgres@4`. Never a second connection beside it: Spin's
//! pool waits for ever when it is empty, and two requests that each wait for the other's never end.

use super::{Answer, Way};
use crate::config::Config;
use mw_store::{DbError, Param, statement};
use spin_sdk::pg4::{Connection, DbValue, ParameterValue, PgError as Error, QueryError};
use std::time::Duration;
use wasi::clocks::monotonic_clock::subscribe_duration;

/// The pauses before asking again a server that has no connection to spare: it has one soon, since statements are short, and
/// connections that rest are ended (`idle_session_timeout` of the role).
const OPEN_PAUSES_MILLISECONDS: [u64; 8] = [20, 50, 100, 250, 500, 1000, 2000, 3000];

/// The way through the component's own pool.
pub struct Pooled {
    address: Option<String>,
    connection: Option<Connection>,
}

impl Way for Pooled {
    fn open(config: &Config, _request_id: &str) -> Box<dyn Way> {
        Box::new(Pooled { address: config.optional("database_url"), connection: None })
    }

    fn query(&mut self, function: &str, params: &[Param<'_>]) -> Result<Answer, DbError> {
        match self.query_once(function, params) {
            // The server ended the connection while nothing was asked of it, so that nothing was done.
            Err(error) if has_rested_too_long(&error) => self.query_once(function, params),
            outcome => outcome,
        }
    }

    fn release(&mut self) {
        self.connection = None;
    }
}

impl Pooled {
    fn query_once(&mut self, function: &str, params: &[Param<'_>]) -> Result<Answer, DbError> {
        let values: Vec<ParameterValue> = params.iter().map(value).collect();
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let address = self.address.as_deref();
                open(address.ok_or_else(|| DbError::Unavailable("DATABASE_URL is not set".to_owned()))?)?
            }
        };
        let rows = connection.query(&statement(function, params), &values).map_err(classify)?;
        // Only a connection that has just worked is used again.
        self.connection = Some(connection);
        let mut row = rows.rows.into_iter().next().unwrap_or_default().into_iter();
        match row.next() {
            Some(DbValue::Str(text)) => {
                Ok(Answer { text, recorded: matches!(row.next(), Some(DbValue::Boolean(true))) })
            }
            Some(_) => Err(DbError::Failed("statement gave no text".to_owned())),
            None => Err(DbError::Failed("statement gave no row".to_owned())),
        }
    }
}

/// SQLSTATE 57P05, in either of the forms in which it reaches a component.
fn has_rested_too_long(error: &DbError) -> bool {
    let (DbError::Unavailable(text) | DbError::Failed(text)) = error;
    text.contains("57P05")
}

/// Nothing has been asked yet, so that asking again repeats nothing.
fn open(address: &str) -> Result<Connection, DbError> {
    let mut pauses = OPEN_PAUSES_MILLISECONDS.into_iter();
    loop {
        let error = match Connection::open(address) {
            Ok(connection) => return Ok(connection),
            Err(error) => classify(error),
        };
        match (is_full(&error), pauses.next()) {
            (true, Some(milliseconds)) => {
                let pause = Duration::from_millis(milliseconds);
                subscribe_duration(u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX)).block();
            }
            (true, None) | (false, _) => return Err(error),
        }
    }
}

/// Whether the server said that it has no connection to spare, in any of the words that reach a component.
fn is_full(error: &DbError) -> bool {
    let DbError::Unavailable(text) = error else { return false };
    let lower = text.to_ascii_lowercase();
    ["53300", "too many connections", "too many clients", "remaining connection slots"]
        .iter()
        .any(|word| lower.contains(word))
}

fn value(param: &Param<'_>) -> ParameterValue {
    match param {
        Param::Bytes(bytes) => ParameterValue::Binary(bytes.to_vec()),
        Param::Json(text) | Param::Observation(text) => ParameterValue::Str((*text).to_owned()),
    }
}

/// SQLSTATEs of a server that is full, starting, stopping or gone, of statements that it cut off to protect itself, and
/// of two writers that met: trying again later is right for all of them.
const PASSING: [&str; 13] = [
    "40001", "40P01", "53300", "53400", "55P03", "57014", "57P01", "57P02", "57P03", "57P05", "08000", "08003", "08006",
];
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
