//! Where settings come from: the environment, then `.env`, `.env.development`, then the development secrets in `.mw/env`.
//! The first place that names a setting wins; nothing is ever overridden. `MWPY_SKIP_DOTENV=1` leaves the files out.
//! What a setting means is `mw_configuration`'s, as it is for components.

use crate::error::{Error, Result};
use mw_configuration::{config::Config, words};
use mw_postgresql::Address;
use std::{collections::BTreeMap, path::Path};

#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What the person set: environment and the two dotenv files.
    given: BTreeMap<String, String>,
    /// What `./dev up` made up for development.
    development: BTreeMap<String, String>,
}

impl Settings {
    /// Reads all places; `root` is the clone, if there is one. A line of a file that cannot be read is an error, since the
    /// setting that it means would otherwise be silently another.
    pub fn load(root: Option<&Path>) -> Result<Self> {
        let mut settings = Self { given: std::env::vars().collect(), development: BTreeMap::new() };
        let (Some(root), false) = (root, settings.skips_files()?) else {
            return Ok(settings);
        };
        for file in [".env", ".env.development"] {
            for (key, value) in of_file(&root.join(file))? {
                settings.given.entry(key).or_insert(value);
            }
        }
        settings.development = of_file(&crate::folder::state(root).join("env"))?;
        Ok(settings)
    }

    fn skips_files(&self) -> Result<bool> {
        const NAME: &str = "MWPY_SKIP_DOTENV";
        let word = self.given(NAME).unwrap_or("false");
        words::switch(word).ok_or_else(|| Error::misuse(format!("{NAME} is {word}: it must be true or false")))
    }

    /// The settings as a component sees them, with its rules about them.
    #[must_use]
    pub fn config(&self) -> Config {
        let settings = self.clone();
        Config::new(Box::new(move |name| match name {
            "database_url" => settings.database_url().ok(),
            _ => settings.get(&name.to_uppercase()).map(str::to_owned),
        }))
    }

    /// Only these values, for tests and for stacks that must not depend on the caller's environment.
    #[must_use]
    pub fn of(given: BTreeMap<String, String>) -> Self {
        Self { given, development: BTreeMap::new() }
    }

    /// Sets one, whatever it was.
    pub fn set(&mut self, key: &str, value: String) {
        self.given.insert(key.to_owned(), value);
    }

    /// The setting, if it is there and not empty.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.given(key).or_else(|| self.development(key))
    }

    /// The development secret of that name.
    #[must_use]
    pub fn development(&self, key: &str) -> Option<&str> {
        self.development.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The setting, unless only the development file has it.
    #[must_use]
    pub fn given(&self, key: &str) -> Option<&str> {
        self.given.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The setting, or exit code 2 with how to set it.
    pub fn need(&self, key: &str) -> Result<&str> {
        self.get(key).ok_or_else(|| {
            Error::misuse(format!(
                "{key} is not set: export {key}=… (or run ./dev up, which writes development values to .mw/env)"
            ))
        })
    }

    /// The database: DATABASE_URL, else DB_URL as the original named it. An address that nothing could connect to is refused here,
    /// before anything is tried.
    pub fn database_url(&self) -> Result<String> {
        let named = ["DATABASE_URL", "DB_URL"].into_iter().find_map(|name| Some((name, self.get(name)?)));
        let (name, url) = named.ok_or_else(|| {
            Error::misuse(
                "DATABASE_URL is not set: export DATABASE_URL=postgresql://… (or run ./dev up, which makes a database)",
            )
        })?;
        say_ignored(name, &database_address(name, url)?);
        Ok(url.to_owned())
    }

    /// Where the HTTP API is.
    #[must_use]
    pub fn api_base_url(&self) -> String {
        self.get("API_BASE_URL").unwrap_or("http://127.0.0.1:3000").trim_end_matches('/').to_owned()
    }
}

/// What a file of NAME=VALUE lines sets.
fn of_file(path: &Path) -> Result<BTreeMap<String, String>> {
    mw_dotenv::read(path).map_err(|error| Error::misuse(format!("{}: {error}", path.display())))
}

/// Names, once, what an address has for other programs only: whoever relies on it there should know.
fn say_ignored(name: &str, address: &Address) {
    static SAID: std::sync::Once = std::sync::Once::new();
    let ignored: Vec<String> =
        address.ignored().iter().map(|ignored| format!("{} (of {})", ignored.name, ignored.of)).collect();
    if !ignored.is_empty() {
        SAID.call_once(|| eprintln!("mw: {name} has options that change nothing here: {}", ignored.join(", ")));
    }
}

/// The address that a setting has.
pub fn database_address(name: &str, url: &str) -> Result<Address> {
    Address::read(url).map_err(|fault| Error::misuse(format!("{name} {fault}")))
}

/// host:port of a database URL, for `allowed_outbound_hosts`.
pub fn database_host(url: &str) -> Result<String> {
    let place = database_address("DATABASE_URL", url)?.host_and_port();
    place.map_err(|fault| Error::misuse(format!("DATABASE_URL {fault}")))
}

/// scheme://host:port of a base URL, for `allowed_outbound_hosts`.
pub fn origin(key: &str, url: &str) -> Result<String> {
    let parsed = url::Url::parse(url).map_err(|error| Error::misuse(format!("{key} is no address: {error}")))?;
    match (parsed.scheme(), parsed.host_str(), parsed.port_or_known_default()) {
        (scheme @ ("http" | "https"), Some(host), Some(port)) => Ok(format!("{scheme}://{host}:{port}")),
        _ => Err(Error::misuse(format!("{key} must begin with http:// or https://"))),
    }
}

/// The setting that a `<base>_HOST` belongs to, with its value: SLACK → SLACK_BASE_URL, SWEEP → SWEEP_URL, OTLP → OTLP_ENDPOINT,
/// SENTRY → SENTRY_DSN.
pub fn address_of(base: &str, value: impl Fn(&str) -> Option<String>) -> Option<(String, String)> {
    let keys = ["BASE_URL", "URL", "ENDPOINT", "DSN"].map(|kind| format!("{base}_{kind}"));
    keys.into_iter().find_map(|key| value(&key).map(|url| (key, url)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> BTreeMap<String, String> {
        mw_dotenv::parse_lines(text).unwrap()
    }

    #[test]
    fn database_addresses() {
        assert_eq!(database_host("postgresql+psycopg://u:p@db.example/x").unwrap(), "db.example:5432");
        assert_eq!(database_host("postgres://u:p@127.0.0.1:54329/x?sslmode=disable").unwrap(), "127.0.0.1:54329");
        assert_eq!(database_host("postgres://u@[::1]:5/x").unwrap(), "[::1]:5");
        for bad in ["mysql://h/x", "nonsense", "postgresql:///x", "postgresql://u:p@ss@h/x"] {
            let refused = Settings::of(BTreeMap::from([("DATABASE_URL".to_owned(), bad.to_owned())])).database_url();
            for refused in [refused.unwrap_err(), database_host(bad).unwrap_err()] {
                assert_eq!(refused.exit_code(), 2);
                assert!(refused.to_string().starts_with("DATABASE_URL "), "{bad}: {refused}");
            }
        }
    }

    #[test]
    fn origins_carry_their_port() {
        assert_eq!(origin("K", "https://api.example").unwrap(), "https://api.example:443");
        assert_eq!(origin("K", "http://127.0.0.1:3900/slack").unwrap(), "http://127.0.0.1:3900");
        assert!(matches!(origin("K", "ftp://x"), Err(Error::Misuse(_))));
    }

    #[test]
    fn the_first_place_wins_and_empty_is_not_set() {
        let settings = Settings {
            given: parsed("A=given\nEMPTY="),
            development: parsed("A=development\nB=development\nEMPTY=development"),
        };
        assert_eq!(settings.get("A"), Some("given"));
        assert_eq!((settings.get("B"), settings.given("B")), (Some("development"), None));
        assert_eq!(settings.get("EMPTY"), Some("development"));
        assert_eq!(settings.need("NOWHERE").unwrap_err().exit_code(), 2);
    }
}
