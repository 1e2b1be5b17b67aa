//! What the operator's command reads from disks and servers that need not be ours.

use crate::Seen;
use mw::cli::backup::manifest::Manifest;
use mw::exposition::Exposition;
use mw_integrations::sentry::Dsn;
use mw_postgresql::Address;

/// A name is a name; what is read is written so that it is read as it was; what is refused shows no value.
pub(crate) fn env_file(bytes: &[u8]) -> Seen {
    let text = String::from_utf8_lossy(bytes);
    let settings = match mw_dotenv::parse_lines(&text) {
        Ok(settings) => settings,
        Err(error) => {
            assert!(!error.to_string().contains("secret-value-0123"), "{error}");
            return Seen::Refused;
        }
    };
    assert!(settings.len() <= text.split(['\n', '\r']).count());
    for (name, value) in &settings {
        assert!(!name.contains(['\n', '=']), "{name:?}");
        let again = mw_dotenv::parse_lines(&mw_dotenv::line(name, value)).unwrap();
        assert_eq!(again.get(name), Some(value), "{name}");
    }
    Seen::from(!settings.is_empty())
}

/// An address of a database: what it is shown as has no password, and what is wrong with it is a short sentence.
pub(crate) fn database_address(bytes: &[u8]) -> Seen {
    match Address::read(&String::from_utf8_lossy(bytes)) {
        Ok(address) => {
            assert!(!format!("{address:?}").contains("secret-value-0123"));
            Seen::Taken
        }
        Err(fault) => {
            assert!(fault.to_string().len() < 400, "{fault}");
            Seen::Refused
        }
    }
}

/// A scrape has at most one sample a line, and its sums are numbers.
pub(crate) fn exposition(bytes: &[u8]) -> Seen {
    let text = String::from_utf8_lossy(bytes);
    let scrape = Exposition::parse(&text);
    let samples: Vec<_> = scrape.all().collect();
    assert!(samples.len() <= text.lines().count());
    for sample in &samples {
        assert!(scrape.sum(&sample.name, &[]).is_some());
        let base = sample.name.strip_suffix("_bucket").unwrap_or(&sample.name);
        scrape.quantile_since(&Exposition::default(), base, &[], 0.95);
        scrape.quantile_since(&scrape, base, &[], 0.5);
    }
    Seen::from(!samples.is_empty())
}

/// A manifest that is read is written as it was, and nothing in it can carry a command.
pub(crate) fn backup_manifest(bytes: &[u8]) -> Seen {
    let Ok(manifest) = Manifest::parse(&String::from_utf8_lossy(bytes)) else { return Seen::Refused };
    let text = serde_json::to_string(&manifest).unwrap();
    assert!(!text.contains(['\\', '$', '`', ';', '\'', '\n']), "{text}");
    assert_eq!(Manifest::parse(&text).unwrap(), manifest);
    Seen::Taken
}

/// A project's address leads where it says, and does not show the key.
pub(crate) fn sentry_dsn(bytes: &[u8]) -> Seen {
    let text = String::from_utf8_lossy(bytes);
    let Some(dsn) = Dsn::parse(&text) else { return Seen::Refused };
    let url: http::Uri = dsn.envelope_url().parse().unwrap();
    assert!(url.host().is_some_and(|host| !host.is_empty()) && url.path().ends_with("/envelope/"));
    let is_key = text.split('@').next().is_some_and(|keys| keys.contains("public-key-0123"));
    let stands_once = text.matches("public-key-0123").count() == 1;
    assert!(!is_key || !stands_once || !format!("{dsn:?}").contains("public-key-0123"));
    Seen::Taken
}
