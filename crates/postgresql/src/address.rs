//! An address of a PostgreSQL server, as DATABASE_URL has it. It is taken apart here and nowhere else: libraries disagree about
//! what a raw `@` or `#` in a password means, and their errors quote what they could not read.

use crate::options::{ChannelBinding, Ignored, Options, SslMode};
use crate::tls::{Roots, Trust};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::path::PathBuf;
use std::time::Duration;

const USUAL_PORT: u16 = 5432;
const LONGEST_NAME: usize = 40;
/// A firewall that drops packets answers nothing: without a limit of its own, an attempt to connect would wait for minutes.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// What is wrong with an address, as the end of a sentence that begins with the name of its setting. Never a piece of it, except
/// for the name of an option.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("must look like postgresql://user:password@host:5432/database")]
    Shape,
    #[error(
        "cannot be read: percent-encode what is special in its user name and password (@ as %40, # as %23, / as %2F, ? as %3F, % as %25)"
    )]
    Raw,
    #[error("names no host")]
    NoHost,
    #[error("names several hosts: name the one that writes, or the service's one address for it")]
    SeveralHosts,
    #[error("has a port that is no number")]
    Port,
    #[error("names a local socket, which a component cannot reach: name a host")]
    Socket,
    #[error("has {0}, which must be {1}")]
    Value(String, &'static str),
    #[error("has {0}, which {1}")]
    Refused(String, &'static str),
    #[error("has {0}, which nothing here knows: leave it out")]
    Unknown(String),
}

/// An address that can be connected to. Its `Debug` form has no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    user: Option<String>,
    password: Option<String>,
    place: Place,
    database: Option<String>,
    options: Options,
    /// Whether it is of the form `postgresql+driver://`, which only SQLAlchemy reads.
    names_driver: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Host(String, u16),
    Socket(PathBuf, u16),
}

impl Address {
    pub fn read(text: &str) -> Result<Self, Fault> {
        let (scheme, rest) = text.trim().split_once("://").ok_or(Fault::Shape)?;
        let (family, driver) = scheme.split_once('+').map_or((scheme, None), |(family, driver)| (family, Some(driver)));
        if !matches!(family, "postgresql" | "postgres") {
            return Err(Fault::Shape);
        }
        // Of an address that is written right, only the separator before the host is a raw @, and no # is.
        let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = before.split_once('/').unwrap_or((before, ""));
        let is_raw =
            rest.matches('@').count() > 1 || rest.contains('#') || (rest.contains('@') && !authority.contains('@'));
        if is_raw || !is_encoded(rest) {
            return Err(Fault::Raw);
        }
        let (user_info, server) = match authority.split_once('@') {
            Some((user_info, server)) => (Some(user_info), server),
            None => (None, authority),
        };
        let (user, password) = match user_info.map(|info| info.split_once(':').unwrap_or((info, ""))) {
            Some((user, password)) => (some(decoded(user)?), some(decoded(password)?)),
            None => (None, None),
        };
        let (host, port) = server_of(server)?;
        let mut options = Options::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            // Only what looks like the name of an option is ever said.
            if !name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_') || name.len() > LONGEST_NAME {
                return Err(Fault::Raw);
            }
            options.take(name, &decoded(value)?)?;
        }
        let place = match (decoded(host)?, options.socket.take()) {
            (host, None) if host.starts_with('/') => Place::Socket(PathBuf::from(host), port),
            (host, None) if host.is_empty() => return Err(Fault::NoHost),
            (host, None) => Place::Host(host, port),
            (_, Some(folder)) => Place::Socket(folder, port),
        };
        let database = some(decoded(database)?);
        Ok(Self { user, password, place, database, options, names_driver: driver.is_some() })
    }

    /// `host:port`, as `allowed_outbound_hosts` has it.
    pub fn host_and_port(&self) -> Result<String, Fault> {
        match &self.place {
            Place::Host(..) => Ok(self.place_name()),
            Place::Socket(..) => Err(Fault::Socket),
        }
    }

    /// Where it leads, for messages.
    #[must_use]
    pub fn place_name(&self) -> String {
        match &self.place {
            Place::Host(host, port) if host.contains(':') => format!("[{host}]:{port}"),
            Place::Host(host, port) => format!("{host}:{port}"),
            Place::Socket(folder, port) => format!("{} (port {port})", folder.display()),
        }
    }

    /// Options that are there for others.
    #[must_use]
    pub fn ignored(&self) -> &[Ignored] {
        &self.options.ignored
    }

    /// The file with the certificates that are trusted, where it names one.
    #[must_use]
    pub fn root_file(&self) -> Option<&std::path::Path> {
        match &self.options.roots {
            Some(Roots::File(file)) => Some(file),
            Some(Roots::System) | None => None,
        }
    }

    /// How the server's certificate is judged; `None` where there is to be no TLS. As PostgreSQL's library does it: `require` with a
    /// root certificate asks for its signature, too, and without `sslrootcert` the one in the home folder counts, if it is there.
    pub(crate) fn trust(&self) -> Option<Trust> {
        let roots = || self.options.roots.clone().or_else(Roots::of_home);
        match self.options.ssl_mode {
            SslMode::Disable => None,
            SslMode::Prefer => Some(Trust::Anybody),
            SslMode::Require => Some(roots().map_or(Trust::Anybody, Trust::Chain)),
            SslMode::VerifyCa => Some(Trust::Chain(roots().unwrap_or(Roots::System))),
            SslMode::VerifyFull => Some(Trust::Name(roots().unwrap_or(Roots::System))),
        }
    }

    /// The driver's configuration.
    pub(crate) fn config(&self, application: &str) -> postgres::Config {
        use postgres::config::{ChannelBinding as Binding, SslMode as Mode};
        let mut config = postgres::Config::new();
        match &self.place {
            Place::Host(host, port) => config.host(host).port(*port),
            Place::Socket(folder, port) => config.host_path(folder).port(*port),
        };
        if let Some(user) = &self.user {
            config.user(user);
        }
        if let Some(password) = &self.password {
            config.password(password);
        }
        if let Some(database) = &self.database {
            config.dbname(database);
        }
        if let Some(session) = &self.options.session {
            config.options(session);
        }
        config.application_name(self.options.application_name.as_deref().unwrap_or(application));
        let seconds = self.options.connect_timeout_seconds.map(|seconds| Duration::from_secs(seconds.into()));
        config.connect_timeout(seconds.filter(|limit| !limit.is_zero()).unwrap_or(CONNECT_WITHIN));
        config.ssl_mode(match self.options.ssl_mode {
            SslMode::Disable => Mode::Disable,
            SslMode::Prefer => Mode::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => Mode::Require,
        });
        config.channel_binding(match self.options.channel_binding {
            ChannelBinding::Disable => Binding::Disable,
            ChannelBinding::Prefer => Binding::Prefer,
            ChannelBinding::Require => Binding::Require,
        });
        config
    }

    /// The same server's other database.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        Self { database: Some(name.to_owned()), ..self.clone() }
    }

    /// The same database as another role.
    #[must_use]
    pub fn with_role(&self, user: &str, password: &str) -> Self {
        Self { user: Some(user.to_owned()), password: Some(password.to_owned()), ..self.clone() }
    }

    /// The database's name, if there is one.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    #[must_use]
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// Whether the server must show a certificate that is trusted.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        !matches!(self.trust(), None | Some(Trust::Anybody))
    }

    /// What of it Spin would refuse: its driver fails for every option that it does not know, and for a scheme with a driver.
    #[must_use]
    pub fn strange_to_spin(&self) -> Vec<&'static str> {
        let options = &self.options;
        let verifies = matches!(options.ssl_mode, SslMode::VerifyCa | SslMode::VerifyFull);
        let own = [
            (self.names_driver, "the driver in its scheme"),
            (verifies, "sslmode=verify-…"),
            (options.roots.is_some(), "sslrootcert"),
        ];
        own.into_iter()
            .filter_map(|(is_there, name)| is_there.then_some(name))
            .chain(options.ignored.iter().map(|ignored| ignored.name))
            .collect()
    }

    /// The address for Spin. Whatever asks for TLS there also verifies the certificate and the name in it, so that `require` stands
    /// for the stricter modes; the file of `sslrootcert` must reach the host as SSL_CERT_FILE.
    pub fn for_spin(&self) -> Result<String, Fault> {
        self.host_and_port()?;
        let mode = match self.options.ssl_mode {
            SslMode::Prefer => None,
            SslMode::Disable => Some("disable"),
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => Some("require"),
        };
        Ok(self.written(mode, false))
    }

    /// PostgreSQL's own form, with everything that is followed here.
    #[must_use]
    pub fn text(&self) -> String {
        let mode = self.options.ssl_mode;
        self.written((mode != SslMode::Prefer).then(|| mode.name()), true)
    }

    fn written(&self, ssl_mode: Option<&str>, with_roots: bool) -> String {
        let options = &self.options;
        let user_info = match (&self.user, &self.password) {
            (None, None) => String::new(),
            (user, None) => format!("{}@", encoded(user.as_deref().unwrap_or_default())),
            (user, Some(password)) => {
                format!("{}:{}@", encoded(user.as_deref().unwrap_or_default()), encoded(password))
            }
        };
        let (server, socket) = match &self.place {
            Place::Host(..) => (self.place_name(), None),
            Place::Socket(folder, port) => (format!(":{port}"), Some(folder.display().to_string())),
        };
        let binding = options.channel_binding;
        let roots = options.roots.as_ref().filter(|_| with_roots).map(Roots::name);
        let pairs = [
            ("host", socket),
            ("sslmode", ssl_mode.map(str::to_owned)),
            ("sslrootcert", roots),
            ("channel_binding", (binding != ChannelBinding::default()).then(|| binding.name().to_owned())),
            ("application_name", options.application_name.clone()),
            ("connect_timeout", options.connect_timeout_seconds.map(|seconds| seconds.to_string())),
            ("options", options.session.clone()),
        ];
        let query: Vec<String> =
            pairs.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded(&value?)))).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        format!("postgresql://{user_info}{server}/{}{query}", encoded(self.database.as_deref().unwrap_or_default()))
    }

    /// The variables of PostgreSQL's own programs, which must find the password there: arguments are seen by everybody on the
    /// machine. `version` is the programs'.
    #[must_use]
    pub fn environment(&self, version: u32) -> Vec<(&'static str, String)> {
        let options = &self.options;
        let (host, port) = match &self.place {
            Place::Host(host, port) => (host.clone(), port),
            Place::Socket(folder, port) => (folder.display().to_string(), port),
        };
        let verifies = matches!(options.ssl_mode, SslMode::VerifyCa | SslMode::VerifyFull);
        let roots = options.roots.clone().or_else(Roots::of_home).or(verifies.then_some(Roots::System));
        let timeout =
            options.connect_timeout_seconds.unwrap_or(u32::try_from(CONNECT_WITHIN.as_secs()).unwrap_or_default());
        let variables = [
            ("PGHOST", Some(host)),
            ("PGPORT", Some(port.to_string())),
            ("PGUSER", self.user.clone()),
            ("PGDATABASE", self.database.clone()),
            ("PGPASSWORD", self.password.clone()),
            ("PGSSLMODE", Some(options.ssl_mode.name().to_owned())),
            ("PGSSLROOTCERT", roots.map(|roots| roots.for_library(version))),
            ("PGCHANNELBINDING", Some(options.channel_binding.name().to_owned())),
            ("PGCONNECT_TIMEOUT", Some(timeout.to_string())),
            ("PGOPTIONS", options.session.clone()),
        ];
        variables.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Address({})", self.place_name())
    }
}

/// The host, without the brackets of IPv6, and the port.
fn server_of(server: &str) -> Result<(&str, u16), Fault> {
    if server.contains(',') {
        return Err(Fault::SeveralHosts);
    }
    let (host, port) = match server.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':').unwrap_or(rest)),
        None => server.split_once(':').unwrap_or((server, "")),
    };
    let port = if port.is_empty() { USUAL_PORT } else { port.parse().map_err(|_| Fault::Port)? };
    Ok((host, port))
}

/// Whether every `%` begins two hexadecimal digits.
fn is_encoded(text: &str) -> bool {
    let mut pieces = text.split('%').skip(1);
    pieces.all(|piece| piece.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}

fn decoded(text: &str) -> Result<String, Fault> {
    percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned).map_err(|_| Fault::Raw)
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string().replace("%2D", "-").replace("%2E", ".").replace("%5F", "_")
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
