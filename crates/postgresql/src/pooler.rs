//! Whether a pooler in transaction mode stands before the server: it gives every transaction of a session to whichever connection is
//! free, so that what a session keeps (locks, settings and, in many, prepared statements) is another's a moment later.

use crate::address::Address;
use postgres::{Client, Error, SimpleQueryMessage};

/// What becomes of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// It is the server's own, or a pooler keeps it whole.
    Whole,
    /// Its transactions are strewn over connections; prepared statements follow it (PgBouncer 1.21 and newer).
    Transactions,
    /// The same, and prepared statements get lost.
    LosesStatements,
}

const SETTING: &str = "mw.probe";

impl Address {
    /// Looks by two sessions at once. The first leaves a setting behind; in a pooler the second gets its connection, or the first gets
    /// another one. Simple queries only, which need no prepared statement.
    pub fn pooling(&self) -> Result<Pooling, String> {
        let connected = || self.connect("mw").map_err(|error| error.to_string());
        let (mut first, mut second) = (connected()?, connected()?);
        looked(&mut first, &mut second).map_err(|error| crate::reason(&error))
    }
}

fn looked(first: &mut Client, second: &mut Client) -> Result<Pooling, Error> {
    let mark = format!("{}", std::process::id());
    first.simple_query(&format!("SELECT set_config('{SETTING}', '{mark}', false)"))?;
    let begun = second.batch_execute("BEGIN");
    let is_strewn = begun.is_err() || sees(second)?.as_deref() == Some(&mark) || sees(first)?.as_deref() != Some(&mark);
    second.batch_execute("ROLLBACK")?;
    if !is_strewn {
        return Ok(Pooling::Whole);
    }
    // The second forgets all statements of the connection that the first has just prepared one on.
    let Ok(statement) = first.prepare("SELECT 1") else { return Ok(Pooling::LosesStatements) };
    second.batch_execute("DEALLOCATE ALL")?;
    Ok(if first.query(&statement, &[]).is_ok() { Pooling::Transactions } else { Pooling::LosesStatements })
}

fn sees(client: &mut Client) -> Result<Option<String>, Error> {
    let rows = client.simple_query(&format!("SELECT current_setting('{SETTING}', true)"))?;
    let row = rows.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    Ok(row.and_then(|row| row.get(0).map(str::to_owned)))
}
