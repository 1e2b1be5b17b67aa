//! The options of an address. Those of PostgreSQL's own library that we follow are used; those that other programs read (poolers,
//! drivers, services) are named and ignored, where nobody is less protected by that; all others are refused by name.

use crate::address::Fault;
use crate::tls::Roots;
use std::path::PathBuf;

/// What is asked for, in the words of PostgreSQL's library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SslMode {
    Disable,
    #[default]
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ChannelBinding {
    Disable,
    #[default]
    Prefer,
    Require,
}

/// What the options say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) ssl_mode: SslMode,
    pub(crate) roots: Option<Roots>,
    pub(crate) channel_binding: ChannelBinding,
    pub(crate) application_name: Option<String>,
    pub(crate) connect_timeout_seconds: Option<u32>,
    /// Command-line options of the session, like `-c search_path=media`.
    pub(crate) session: Option<String>,
    /// The folder of a local socket, where the address names no host.
    pub(crate) socket: Option<PathBuf>,
    pub(crate) ignored: Vec<Ignored>,
}

/// An option that changes nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ignored {
    pub name: &'static str,
    /// Who reads it.
    pub of: &'static str,
}

/// Options that others read. Nothing here asks for protection: dropping that silently would be worse than refusing it.
const OF_OTHERS: [(&str, &[&str]); 5] = [
    ("Prisma", &["pgbouncer", "connection_limit", "pool_timeout", "socket_timeout", "statement_cache_size"]),
    ("Supabase", &["supa", "workaround"]),
    (
        "connection pools of other programs",
        &["pool_size", "pool_max_conns", "pool_min_conns", "max_connections", "min_connections", "pool_mode"],
    ),
    (
        "other drivers",
        &[
            "prepareThreshold",
            "preparedStatementCacheQueries",
            "prepared_statements",
            "uselibpqcompat",
            "default_query_exec_mode",
            "ApplicationName",
        ],
    ),
    (
        "PostgreSQL's library",
        &[
            "keepalives",
            "keepalives_idle",
            "keepalives_interval",
            "keepalives_count",
            "keepalives_retries",
            "tcp_user_timeout",
            "sslcompression",
            "sslsni",
            "sslnegotiation",
            "gsslib",
            "krbsrvname",
            "client_encoding",
            "fallback_application_name",
            "load_balance_hosts",
        ],
    ),
];

/// Options that would change what is asked for, if they were dropped, with what to do instead.
const REFUSED: [(&[&str], &str); 8] = [
    (
        &["sslcert", "sslkey", "sslpassword", "sslidentity"],
        "asks for a certificate of the client, which Spin cannot show: let the role sign in by its password",
    ),
    (&["ssl", "sslaccept"], "is of other drivers: write sslmode=require, or sslmode=verify-full"),
    (&["sslcrl", "sslcrldir"], "asks for a list of revoked certificates, which is not read here"),
    (&["ssl_min_protocol_version", "ssl_max_protocol_version"], "is not followed here: TLS 1.2 and 1.3 are spoken"),
    (
        &["require_auth", "requirepeer", "gssencmode"],
        "is not followed here: use sslmode=verify-full and channel_binding=require",
    ),
    (
        &["user", "password", "dbname", "port", "hostaddr"],
        "belongs before the question mark: postgresql://user:password@host:5432/database",
    ),
    (&["service", "servicefile", "passfile"], "names a file of this machine: write what it says into the address"),
    (
        &["schema", "search_path", "currentSchema"],
        "is not of PostgreSQL: the product lives in the schema public (or write options=-c%20search_path%3D…)",
    ),
];

impl Options {
    /// Takes one option; `name` and `value` are decoded.
    pub(crate) fn take(&mut self, name: &str, value: &str) -> Result<(), Fault> {
        match name {
            "sslmode" => self.ssl_mode = ssl_mode(value)?,
            "sslrootcert" => self.roots = Some(roots(value)),
            "channel_binding" => self.channel_binding = channel_binding(value)?,
            "application_name" => self.application_name = Some(value.to_owned()),
            "connect_timeout" => {
                let seconds = value.parse().map_err(|_| Fault::Value(name.to_owned(), "a number of seconds"))?;
                self.connect_timeout_seconds = Some(seconds);
            }
            "options" => self.session = Some(value.to_owned()),
            "host" if value.starts_with('/') => self.socket = Some(PathBuf::from(value)),
            "host" => {
                return Err(Fault::Value(
                    name.to_owned(),
                    "the folder of a local socket (a host belongs before the question mark)",
                ));
            }
            "target_session_attrs" => self.target(value)?,
            // Whoever turns it off, or would take it, asks for no protection.
            "gssencmode" if matches!(value, "disable" | "prefer") => {
                self.ignored.push(Ignored { name: "gssencmode", of: "PostgreSQL's library" });
            }
            // Prisma's default.
            "schema" if value == "public" => self.ignored.push(Ignored { name: "schema", of: "Prisma" }),
            _ => self.others(name)?,
        }
        Ok(())
    }

    /// `mw db migrate` refuses a server that only reads, so that asking for one that writes asks for nothing more.
    fn target(&mut self, value: &str) -> Result<(), Fault> {
        let name = "target_session_attrs";
        match value {
            "any" | "read-write" | "primary" => self.ignored.push(Ignored { name, of: "PostgreSQL's library" }),
            _ => return Err(Fault::Value(name.to_owned(), "read-write: the product writes")),
        }
        Ok(())
    }

    fn others(&mut self, name: &str) -> Result<(), Fault> {
        for (of, names) in OF_OTHERS {
            if let Some(name) = names.iter().find(|known| **known == name) {
                self.ignored.push(Ignored { name, of });
                return Ok(());
            }
        }
        let refused = REFUSED.iter().find(|(names, _)| names.contains(&name));
        Err(refused.map_or_else(|| Fault::Unknown(name.to_owned()), |(_, why)| Fault::Refused(name.to_owned(), why)))
    }
}

fn ssl_mode(value: &str) -> Result<SslMode, Fault> {
    Ok(match value {
        "disable" => SslMode::Disable,
        // "allow" differs from "prefer" only in what is tried first.
        "allow" | "prefer" => SslMode::Prefer,
        "require" => SslMode::Require,
        "verify-ca" => SslMode::VerifyCa,
        "verify-full" => SslMode::VerifyFull,
        _ => return Err(Fault::Value("sslmode".to_owned(), "disable, prefer, require, verify-ca or verify-full")),
    })
}

fn roots(value: &str) -> Roots {
    if value == "system" { Roots::System } else { Roots::File(PathBuf::from(value)) }
}

fn channel_binding(value: &str) -> Result<ChannelBinding, Fault> {
    Ok(match value {
        "disable" => ChannelBinding::Disable,
        "prefer" => ChannelBinding::Prefer,
        "require" => ChannelBinding::Require,
        _ => return Err(Fault::Value("channel_binding".to_owned(), "disable, prefer or require")),
    })
}

impl SslMode {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

impl ChannelBinding {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
        }
    }
}
