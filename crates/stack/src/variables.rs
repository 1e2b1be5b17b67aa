//! Settings → the Spin variables of the manifests: `SPIN_VARIABLE_<NAME>` for every variable that a manifest declares and
//! the settings name. `<x>_host` variables follow from the address they belong to.

use mw::{
    error::{Error, Result},
    mode::{Mode, is_provider_secret},
    settings::{Settings, address_of, database_address, database_host, origin},
};
use std::collections::{BTreeMap, BTreeSet};

const BOT_TOKENS: [&str; 2] = ["TELEGRAM_BOT_TOKEN", "SLACK_BOT_TOKEN"];

/// The environment for a host: `fixed` values (by upper-case name) win over the settings.
pub fn for_host(
    declared: &BTreeSet<String>,
    fixed: &BTreeMap<String, String>,
    settings: &Settings,
    mode: Mode,
) -> Result<BTreeMap<String, String>> {
    let value = |name: &str| {
        let of_provider = is_provider_secret(name);
        let setting = match mode {
            // There is no network, and so nobody to talk to.
            Mode::Mock if BOT_TOKENS.contains(&name) => return None,
            Mode::Mock | Mode::Sim if of_provider => settings.development(name),
            Mode::Live if of_provider => settings.given(name),
            Mode::Mock | Mode::Sim | Mode::Live => settings.get(name),
        };
        fixed.get(name).map(String::as_str).or(setting).map(str::to_owned)
    };
    let mut environment = BTreeMap::new();
    for variable in declared {
        let name = variable.to_uppercase();
        let derived = match name.strip_suffix("_HOST") {
            Some("DATABASE") => value("DATABASE_URL").map(|url| database_host(&url)),
            Some(base) => address_of(base, value).map(|(key, url)| origin(&key, &url)),
            None => None,
        };
        let given = match name.as_str() {
            "DATABASE_URL" => value(&name).map(|url| for_spin(&url, &mut environment)),
            _ => value(&name).map(Ok),
        };
        if let Some(value) = given.or(derived) {
            environment.insert(format!("SPIN_VARIABLE_{name}"), value?);
        }
    }
    Ok(environment)
}

/// The address as Spin's driver reads it; the authority that it trusts reaches a host by the environment.
fn for_spin(url: &str, environment: &mut BTreeMap<String, String>) -> Result<String> {
    let address = database_address("DATABASE_URL", url)?;
    if let Some(file) = address.root_file() {
        environment.insert("SSL_CERT_FILE".to_owned(), file.display().to_string());
    }
    address.for_spin().map_err(|fault| Error::misuse(format!("DATABASE_URL {fault}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;
    use mw_dotenv::parse_lines;

    fn environment(given: &str, fixed: &str, mode: Mode) -> BTreeMap<String, String> {
        let manifest = "[variables]\ndatabase_url = {}\ndatabase_host = {}\nslack_host = {}\nslack_base_url = {}\n\
                        slack_bot_token = {}\nsweep_host = {}\nsweep_url = {}\notlp_host = {}\notlp_endpoint = {}\n\
                        sentry_host = {}\nsentry_dsn = {}\n";
        let settings = Settings::of(parse_lines(given).unwrap());
        for_host(&Manifest::of(manifest).unwrap().variables(), &parse_lines(fixed).unwrap(), &settings, mode).unwrap()
    }

    #[test]
    fn hosts_follow_from_addresses() {
        let fixed = "DATABASE_URL=postgresql://u:p@db:6000/x\nSWEEP_URL=http://127.0.0.1:3000/v1/sweep\nOTHER=1";
        let found = environment("SLACK_BASE_URL=https://slack.example/x", fixed, Mode::Sim);
        assert_eq!(found["SPIN_VARIABLE_DATABASE_HOST"], "db:6000");
        assert_eq!(found["SPIN_VARIABLE_SWEEP_HOST"], "http://127.0.0.1:3000");
        assert_eq!(found["SPIN_VARIABLE_SLACK_HOST"], "https://slack.example:443");
        assert!(!found.contains_key("SPIN_VARIABLE_OTHER"));
        let given = "OTLP_ENDPOINT=http://collector:4318/x\nSENTRY_DSN=https://key@sentry.example/42";
        let found = environment(given, "", Mode::Live);
        assert_eq!(found["SPIN_VARIABLE_OTLP_HOST"], "http://collector:4318");
        assert_eq!(found["SPIN_VARIABLE_SENTRY_HOST"], "https://sentry.example:443");
        assert!(!environment(given, "", Mode::Sim).contains_key("SPIN_VARIABLE_SENTRY_HOST"));
    }

    #[test]
    fn a_host_gets_the_address_that_spin_reads() {
        let fixed = "DATABASE_URL=postgresql+psycopg://u:p@db/x?sslmode=verify-full&sslrootcert=/ca.pem&pgbouncer=true";
        let found = environment("", fixed, Mode::Sim);
        assert_eq!(found["SPIN_VARIABLE_DATABASE_URL"], "postgresql://u:p@db:5432/x?sslmode=require");
        assert_eq!(found["SSL_CERT_FILE"], "/ca.pem");
        assert!(!environment("", "DATABASE_URL=postgresql://u:p@db/x", Mode::Sim).contains_key("SSL_CERT_FILE"));
    }

    #[test]
    fn real_provider_secrets_are_for_live_mode_only() {
        let given = "SLACK_BOT_TOKEN=real\nDATABASE_URL=postgresql://h/x";
        assert!(!environment(given, "", Mode::Sim).contains_key("SPIN_VARIABLE_SLACK_BOT_TOKEN"));
        assert_eq!(environment(given, "", Mode::Live)["SPIN_VARIABLE_SLACK_BOT_TOKEN"], "real");
        assert_eq!(environment(given, "SLACK_BOT_TOKEN=dev-1", Mode::Sim)["SPIN_VARIABLE_SLACK_BOT_TOKEN"], "dev-1");
    }
}
