//! Where traces and errors are exported to, from Spin variables; nowhere unless they are set (docs/traces.md).

use crate::config::Config;
use crate::startup;
use mw_integrations::otlp::{self, Collector, Service};
use mw_integrations::sentry::Dsn;

/// The project in LangSmith, as the original named it.
const LANGSMITH_PROJECT: &str = "myloware-dev";

/// The collector of traces: `OTLP_ENDPOINT`, else LangSmith where there is a key of it. LangSmith's key goes nowhere else.
/// The error names what cannot be read.
pub fn collector(config: &Config) -> Result<Option<Collector>, String> {
    if let Some(endpoint) = config.optional("otlp_endpoint") {
        let is_web = endpoint.starts_with("https://") || endpoint.starts_with("http://");
        if !is_web || endpoint.parse::<http::Uri>().is_err() {
            return Err("OTLP_ENDPOINT is not an address".to_owned());
        }
        let headers =
            otlp::headers(&config.or("otlp_headers", "")).map_err(|error| format!("OTLP_HEADERS: {error}"))?;
        return Ok(Some(Collector { endpoint, headers }));
    }
    let project = config.or("langsmith_project", LANGSMITH_PROJECT);
    Ok(config.optional("langsmith_api_key").map(|api_key| Collector::langsmith(api_key, project)))
}

/// Sentry's project. The error names what cannot be read.
pub fn sentry(config: &Config) -> Result<Option<Dsn>, String> {
    match config.optional("sentry_dsn") {
        None => Ok(None),
        Some(dsn) => Dsn::parse(&dsn).map(Some).ok_or_else(|| "SENTRY_DSN is not a DSN".to_owned()),
    }
}

/// As whom we export.
pub fn service(config: &Config) -> Service {
    Service { version: config.or("version", "unknown"), environment: startup::environment(config) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_exported_unless_it_is_configured() {
        let nothing = Config::of(&[("otlp_endpoint", ""), ("sentry_dsn", " "), ("langsmith_project", "x")]);
        assert_eq!((collector(&nothing), sentry(&nothing)), (Ok(None), Ok(None)));
    }

    #[test]
    fn a_key_of_langsmith_is_enough_and_goes_only_there() {
        let langsmith = collector(&Config::of(&[("langsmith_api_key", "ls-key")])).unwrap().unwrap();
        assert_eq!(langsmith.endpoint, "https://api.smith.langchain.com/otel");
        let (key, project) = (("x-api-key", "ls-key"), ("langsmith-project", "myloware-dev"));
        assert_eq!(langsmith.headers, [key, project].map(|(name, value)| (name.to_owned(), value.to_owned())));
        let elsewhere = [("langsmith_api_key", "ls-key"), ("otlp_endpoint", "https://other"), ("otlp_headers", "a=b")];
        let other = collector(&Config::of(&elsewhere)).unwrap().unwrap();
        assert_eq!((other.endpoint.as_str(), other.headers), ("https://other", vec![("a".to_owned(), "b".to_owned())]));
    }

    #[test]
    fn what_cannot_be_read_is_named_and_not_shown() {
        for (variables, name) in [
            (vec![("otlp_endpoint", "collector:4318")], "OTLP_ENDPOINT"),
            (vec![("otlp_endpoint", "http://x"), ("otlp_headers", "secret")], "OTLP_HEADERS"),
        ] {
            let error = collector(&Config::of(&variables)).unwrap_err();
            assert!(error.starts_with(name) && !error.contains("secret"), "{error}");
        }
        assert_eq!(sentry(&Config::of(&[("sentry_dsn", "https://secret")])), Err("SENTRY_DSN is not a DSN".to_owned()));
    }
}
