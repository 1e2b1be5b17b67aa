//! The schema: its files, applying them to a database, and the page that shows it whole.
//!
//! - `source`     the files of migrations/, built in or read from a folder
//! - `apply`      what a database lacks, and applying it
//! - `page`       migrations/schema.sql
//! - `requirements`  what a server must be before it is changed

mod apply;
mod page;
mod requirements;
mod source;

pub use apply::{Changes, Standing, migrate, pending, status};
pub use page::page;
pub use requirements::{pooler_problem, refuse_pooler};
pub use source::{Function, Migration, Schema, embedded, from_folder};

pub use mw_postgresql::reason;

use crate::error::{Error, Result};
use mw_postgresql::Address;
use postgres::Client;

/// Connects to the database that `url` names.
pub fn connect(url: &str) -> Result<Client> {
    let address = Address::read(url).map_err(|fault| Error::misuse(format!("DATABASE_URL {fault}")))?;
    address.connect("mw").map_err(|error| Error::failed(error.to_string()))
}
