//! The schema: its files, applying them to a database, and the page that shows it whole.
//!
//! - `source`     the files of migrations/, built in or read from a folder
//! - `apply`      what a database lacks, and applying it
//! - `page`       migrations/schema.sql

mod apply;
mod page;
mod source;

pub use apply::{Changes, Standing, migrate, pending, status};
pub use page::page;
pub use source::{Function, Migration, Schema, embedded, from_folder};

use crate::error::{Error, Result};
use postgres::{Client, NoTls};

/// Connects to the database that `url` names.
pub fn connect(url: &str) -> Result<Client> {
    let url = crate::settings::plain_postgres_url(url);
    Client::connect(&url, NoTls).map_err(|error| {
        let place = crate::settings::database_host(&url).unwrap_or_else(|_| "the database".to_owned());
        Error::failed(format!("cannot connect to PostgreSQL at {place}: {}", reason(&error)))
    })
}

/// The server's or the system's own words, without the library's wrapping.
pub fn reason(error: &postgres::Error) -> String {
    use std::error::Error as _;
    if let Some(database) = error.as_db_error() {
        let mut words = database.message().to_owned();
        for more in [database.detail(), database.hint(), database.where_()].into_iter().flatten() {
            words.push_str(&format!(" ({more})"));
        }
        return words;
    }
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}
