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
/// One alone could be at another pooler than the first, where several stand behind one address. Pools of sessions may be small.
const OTHERS: usize = 3;

impl Address {
    /// Looks by a few sessions at once. The first leaves a setting behind; in a pooler another gets its connection, or the first gets
    /// another one. Simple queries only, which need no prepared statement.
    pub fn pooling(&self) -> Result<Pooling, String> {
        let connected = || self.connect("mw").map_err(|error| error.to_string());
        let (mut first, mut others) = (connected()?, Vec::new());
        for _ in 0..OTHERS {
            others.push(connected()?);
        }
        looked(&mut first, &mut others).map_err(|error| crate::reason(&error))
    }
}

fn looked(first: &mut Client, others: &mut [Client]) -> Result<Pooling, Error> {
    let mark = format!("{}", std::process::id());
    first.simple_query(&format!("SELECT set_config('{SETTING}', '{mark}', false)"))?;
    let mut is_strewn = false;
    for other in &mut *others {
        let begun = other.batch_execute("BEGIN");
        is_strewn = is_strewn
            || begun.is_err()
            || sees(other)?.as_deref() == Some(&mark)
            || sees(first)?.as_deref() != Some(&mark);
    }
    for other in &mut *others {
        other.batch_execute("ROLLBACK")?;
    }
    if !is_strewn {
        return Ok(Pooling::Whole);
    }
    // The others forget all statements of the connection that the first has just prepared one on.
    let Ok(statement) = first.prepare("SELECT 1") else { return Ok(Pooling::LosesStatements) };
    for other in others {
        other.batch_execute("DEALLOCATE ALL")?;
    }
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
