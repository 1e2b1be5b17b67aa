//! Connecting, and why it failed: where, in the server's or the system's own words, with what to do about it.

use crate::address::Address;
use crate::tls;
use postgres::Client;
use tokio_postgres_rustls::MakeRustlsConnect;

/// An attempt to connect that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to PostgreSQL at {place}: {reason}")]
pub struct Unconnected {
    place: String,
    reason: String,
}

impl Address {
    /// Connects; `application` is the name that the server shows for it, unless the address has one.
    pub fn connect(&self, application: &str) -> Result<Client, Unconnected> {
        let failed = |reason| Unconnected { place: self.place_name(), reason };
        let config = self.config(application);
        let connected = match self.trust() {
            None => config.connect(postgres::NoTls),
            Some(trust) => {
                let tls = tls::client_config(&trust).map_err(failed)?;
                config.connect(MakeRustlsConnect::new(tls))
            }
        };
        connected.map_err(|error| failed(reason_with_cure(&error)))
    }
}

/// The server's or the system's own words, without the library's wrapping.
#[must_use]
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

fn reason_with_cure(error: &postgres::Error) -> String {
    let reason = reason(error);
    let cures = [
        ("no encryption", "the server wants TLS: add sslmode=require, or better sslmode=verify-full"),
        ("does not support TLS", "add sslmode=disable where the way to it is safe, like on one machine"),
        ("UnknownIssuer", "add sslrootcert=FILE with the certificate of the authority that signed the server's"),
        ("CaUsedAsEndEntity", "add sslrootcert=FILE with this certificate of the server, which is signed by itself"),
        ("not valid for name", "connect to the name that the certificate has, or add sslmode=verify-ca"),
    ];
    match cures.iter().find(|(words, _)| reason.contains(words)) {
        Some((_, cure)) => format!("{reason}; {cure}"),
        None => reason,
    }
}
