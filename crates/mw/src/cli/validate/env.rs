//! The environment: what a host would be started with. The rules for taking traffic are those of /ready
//! (`mw_configuration::startup`); beside them stand those that only an operator can check, like public addresses.

use super::{Context, config, providers, providers::Of};
use crate::{
    error::{Error, Result},
    mode::Mode,
    settings::{Settings, address_of, database_address, database_host, origin},
};
use mw_configuration::{
    machine::{is_this_machine, told},
    startup,
};
use mw_media::status::ProvidersMode;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

const MANIFESTS: [&str; 2] = [include_str!("../../../../../spin.toml"), include_str!("../../../../../spin-cron.toml")];
const PREFIX: &str = "SPIN_VARIABLE_";
/// What only `mw` reads.
const OURS: [&str; 13] = [
    "API_BASE_URL",
    "CLI_API_ENV",
    "DB_URL",
    "EMBEDDINGS_MODEL",
    "ITERATIONS",
    "MWPY_SKIP_DOTENV",
    "MW_ACTOR",
    "MW_APPROVER",
    "SIMULATOR_URL",
    "STAGING_API_KEY",
    "SYNTHETIC_CHECK_ARTIFACT",
    "SYNTHETIC_CHECK_BUDGET_MS",
    "SYNTHETIC_CHECK_URL",
];
const OUR_SECRETS: [&str; 2] = ["DB_URL", "STAGING_API_KEY"];
/// What Spin and its libraries read themselves, in a host's environment.
const OF_SPIN: [&str; 11] = [
    "SPIN_MAX_INSTANCE_COUNT",
    "SPIN_MAX_INSTANCE_MEMORY",
    "SPIN_HTTP_LISTEN_ADDR",
    "SPIN_LOG_DIR",
    "SPIN_TRUNCATE_LOGS",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
];
const PUBLIC: [&str; 2] = ["PUBLIC_BASE_URL", "WEBHOOK_BASE_URL"];

pub(super) fn run(context: &Context, file: Option<&Path>) -> Result<u8> {
    let known = known()?;
    let (settings, strangers) = match file {
        Some(file) => of_file(file, &known)?,
        None => (context.settings.clone(), strangers_in_environment(&known)),
    };
    let mode = mode(&settings, file.is_some());
    let of = file.map_or_else(|| mode.as_ref().ok().copied().map_or(Of::Host, Of::Stack), |_| Of::Host);
    let mut problems = problems(&settings, &known, &strangers, of);
    if file.is_some() {
        problems.extend(of_host(&settings));
    }
    let environment = startup::environment(&settings.config());
    // Nobody is asked before the mode is known.
    let hosts = mode.as_ref().ok().and_then(|_| providers::hosts(&settings, of).ok()).unwrap_or(Value::Null);
    let mode = mode.map_or("unknown", Mode::name);
    let shown: BTreeMap<&str, String> =
        known.iter().map(|(name, is_secret)| (name.as_str(), state(&settings, name, *is_secret))).collect();
    let report = json!({
        "environment": environment, "mode": mode, "provider_hosts": hosts, "variables": shown,
        "unknown": strangers, "problems": problems, "ok": problems.is_empty(),
    });
    context.print(&report, |_| {
        println!("environment {environment}");
        println!("providers   {mode}");
        for (name, host) in hosts.as_object().into_iter().flatten() {
            println!("  {name:<12} {}", host.as_str().unwrap_or_default());
        }
        shown.iter().filter(|(_, state)| *state != "not set").for_each(|(name, state)| println!("{name:<36} {state}"));
        strangers.iter().for_each(|name| println!("{name:<36} read by nobody"));
        problems.iter().for_each(|problem| println!("PROBLEM     {problem}"));
        println!("{}", if problems.is_empty() { "fine" } else { "change what is named above" });
    })?;
    Ok(if problems.is_empty() { 0 } else { 2 })
}

/// Every variable of the manifests by upper-case name, and whether it is a secret.
fn known() -> Result<BTreeMap<String, bool>> {
    let mut known: BTreeMap<String, bool> =
        OURS.iter().map(|name| ((*name).to_owned(), OUR_SECRETS.contains(name))).collect();
    for (name, variable) in variables()? {
        known.insert(name, variable.get("secret").and_then(toml::Value::as_bool).unwrap_or_default());
    }
    Ok(known)
}

/// The manifests' defaults by upper-case name.
fn defaults() -> Result<BTreeMap<String, String>> {
    let default = |variable: &toml::Value| Some(variable.get("default")?.as_str()?.to_owned());
    Ok(variables()?.into_iter().filter_map(|(name, variable)| Some((name, default(&variable)?))).collect())
}

/// The variables of both manifests, by upper-case name.
fn variables() -> Result<BTreeMap<String, toml::Value>> {
    let mut variables = BTreeMap::new();
    for manifest in MANIFESTS {
        let parsed: toml::Table =
            manifest.parse().map_err(|error| Error::failed(format!("the manifest is no TOML: {error}")))?;
        let declared = parsed.get("variables").and_then(toml::Value::as_table).into_iter().flatten();
        variables.extend(declared.map(|(name, variable)| (name.to_uppercase(), variable.clone())));
    }
    Ok(variables)
}

/// A file's settings, and the names in it that nothing reads.
fn of_file(file: &Path, known: &BTreeMap<String, bool>) -> Result<(Settings, Vec<String>)> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Error::misuse(format!("{} cannot be read: {error}", file.display())))?;
    let lines = mw_dotenv::parse_lines(&text).map_err(|error| Error::misuse(format!("{}: {error}", file.display())))?;
    let plain = |name: &str| name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
    let is_known = |name: &str| known.contains_key(&plain(name)) || OF_SPIN.contains(&name);
    let strangers = lines.keys().filter(|name| !is_known(name)).cloned().collect();
    let mut given: BTreeMap<String, String> = lines.into_iter().map(|(name, value)| (plain(&name), value)).collect();
    // A host that is not told where a component may connect takes the manifest's word for it.
    for (name, default) in defaults()?.into_iter().filter(|(name, _)| name.ends_with("_HOST")) {
        given.entry(name).or_insert(default);
    }
    Ok((Settings::of(given), strangers))
}

/// What only a host minds: how its own driver reads the address of the database, and what makes it slow.
fn of_host(settings: &Settings) -> Vec<String> {
    let mut problems = Vec::new();
    let address = settings.database_url().and_then(|url| database_address("DATABASE_URL", &url));
    if let Ok(address) = address {
        let strange = address.strange_to_spin();
        if !strange.is_empty() {
            let secure = if address.is_verified() {
                "; sslmode=require verifies the certificate and its name there, and SSL_CERT_FILE names an authority of your own"
            } else {
                ""
            };
            let strange = strange.join(", ");
            problems.push(format!("DATABASE_URL has {strange}, which Spin refuses: leave it out for hosts{secure}"));
        }
    }
    if let Some(value) = settings.get("RUST_BACKTRACE").filter(|value| *value != "0") {
        problems
            .push(format!("RUST_BACKTRACE is {value}: it costs Spin a quarter of its requests a second; set it to 0"));
    }
    problems
}

/// Of the environment only Spin's own names can be ours and misspelt.
fn strangers_in_environment(known: &BTreeMap<String, bool>) -> Vec<String> {
    let names = std::env::vars().map(|(name, _)| name);
    names.filter(|name| name.strip_prefix(PREFIX).is_some_and(|rest| !known.contains_key(rest))).collect()
}

fn state(settings: &Settings, name: &str, is_secret: bool) -> String {
    match settings.get(name) {
        None => "not set".to_owned(),
        Some(_) if is_secret => "set (secret)".to_owned(),
        Some(value) => told(value),
    }
}

/// A file is for hosts, whose own default is mock; `./dev up` takes sim.
fn mode(settings: &Settings, of_host: bool) -> Result<Mode> {
    if of_host { Mode::of_host(&settings.config()) } else { Mode::choose(None, settings) }
}

fn problems(settings: &Settings, known: &BTreeMap<String, bool>, strangers: &[String], of: Of) -> Vec<String> {
    let config = settings.config();
    let mut problems = startup::reasons(&config);
    problems.extend(config::check_settings(settings).err().map(|error| error.to_string()));
    problems.extend(providers::hosts(settings, of).err().map(|error| error.to_string()));
    if matches!((of, startup::mode(&config)), (Of::Host, Ok(ProvidersMode::Sim))) {
        problems.extend(providers::real_in_sim(settings));
    }
    problems.extend(known.keys().filter_map(|name| misfit(settings, name)));
    if startup::environment(&config) != "local" {
        problems.extend(PUBLIC.iter().filter_map(|name| not_public(settings, name)));
        if settings.get("SWEEP_KEY").is_none() {
            problems.push("SWEEP_KEY is not set".to_owned());
        }
    }
    let is_ours = |name: &&String| name.starts_with(PREFIX);
    problems.extend(strangers.iter().filter(is_ours).map(|name| format!("{name} is read by nobody: is it misspelt?")));
    problems
}

/// A `<x>_HOST` that lets a component connect elsewhere than the address it belongs to.
fn misfit(settings: &Settings, name: &str) -> Option<String> {
    let base = name.strip_suffix("_HOST")?;
    let given = settings.get(name)?;
    let expected = match base {
        "DATABASE" => settings.database_url().and_then(|url| database_host(&url)).ok()?,
        _ => {
            let (key, address) = address_of(base, |key| settings.get(key).map(str::to_owned))?;
            origin(&key, &address).ok()?
        }
    };
    let same = given == expected || origin(name, given).is_ok_and(|given| given == expected);
    (!same).then(|| {
        format!(
            "{name} is {given}, but its address is at {expected}, and no component could connect: set {name} to that \
             (and leave allowed_outbound_hosts in the manifest alone, which Spin would have you edit)"
        )
    })
}

/// People and providers reach us from elsewhere.
fn not_public(settings: &Settings, name: &str) -> Option<String> {
    let is_public = settings
        .get(name)
        .and_then(|url| url::Url::parse(url).ok())
        .is_some_and(|url| url.scheme() == "https" && !is_this_machine(url.as_str()));
    (!is_public).then(|| format!("{name} must be an https address that others reach"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(text: &str) -> Vec<String> {
        let settings = Settings::of(mw_dotenv::parse_lines(text).unwrap());
        problems(&settings, &known().unwrap(), &["SPIN_VARIABLE_KIAI_API_KEY".to_owned()], Of::Host)
    }

    #[test]
    fn production_is_held_to_more_than_development() {
        let development = problems_of("API_KEY=dev-x\nDB_URL=postgresql+psycopg://u:p@h/x");
        assert_eq!(development, ["SPIN_VARIABLE_KIAI_API_KEY is read by nobody: is it misspelt?"]);
        let production = problems_of(
            "ENVIRONMENT=prod\nAPI_KEY=dev-local-api-key\nDATABASE_URL=postgresql://u:p@h/x\nDATABASE_HOST=other:5432\n\
             PUBLIC_BASE_URL=http://media.example.com\nLOG_LEVEL=loud\nTELEGRAM_HOST=https://api.telegram.org\n\
             TELEGRAM_BASE_URL=https://proxy.example.com/bot",
        )
        .join("\n");
        for part in [
            "API_KEY is a development default",
            "HITL_SECRET is not set",
            "PUBLIC_BASE_URL must be",
            "WEBHOOK_BASE_URL must be",
            "LOG_LEVEL must be",
            "SWEEP_KEY is not set",
            "DATABASE_HOST is other:5432, but its address is at h:5432",
            "TELEGRAM_HOST is https://api.telegram.org, but its address is at https://proxy.example.com:443",
        ] {
            assert!(production.contains(part), "{part}: {production}");
        }
    }

    #[test]
    fn a_host_in_sim_mode_must_not_ask_real_systems() {
        let probes = mw_integrations::registry::SYSTEMS.iter().flat_map(|system| system.probes);
        let addresses = probes.filter(|probe| !probe.optional).map(|probe| probe.address.variable.to_ascii_uppercase());
        let addresses: Vec<String> = addresses.collect();
        let sim = format!("API_KEY=dev-x\nPROVIDERS_MODE=sim\n{}=http://127.0.0.1:3900/simulated", addresses[0]);
        let said = problems_of(&sim).join("\n");
        assert!(!said.contains(&addresses[0]), "{said}");
        for real in &addresses[1..] {
            assert!(said.contains(&format!("{real} is the address of the real")), "{said}");
        }
        assert!(!problems_of("API_KEY=dev-x\nPROVIDERS_MODE=mock").join("\n").contains("the address of the real"));
    }

    #[test]
    fn words_that_a_host_refuses_are_problems() {
        for word in ["PROVIDERS_MODE=real", "USE_MOCK_PROVIDERS=maybe", "LOG_LEVEL=loud", "ENVIRONMENT=Prod"] {
            let said = problems_of(&format!("API_KEY=dev-x-dev-x-dev-x\n{word}")).join("\n");
            assert!(said.contains(word.split('=').next().unwrap()), "{word}: {said}");
        }
    }

    #[test]
    fn a_hosts_file_may_name_variables_as_spin_does() {
        let file = std::env::temp_dir().join(format!("mw-env-{}", uuid::Uuid::new_v4()));
        let text = "SPIN_VARIABLE_API_KEY=very-secret-value\nLOG_LEVEL=debug\nOTHER=1\nSPIN_MAX_INSTANCE_COUNT=1000\n\
                    SPIN_VARIABLE_DATABASE_URL=postgresql+psycopg://u:p@db.example/x?sslmode=verify-full&pgbouncer=true\n\
                    SSL_CERT_FILE=/etc/ca.pem\nRUST_BACKTRACE=full\n";
        std::fs::write(&file, text).unwrap();
        let (settings, strangers) = of_file(&file, &known().unwrap()).unwrap();
        std::fs::remove_file(file).unwrap();
        assert_eq!(state(&settings, "API_KEY", known().unwrap()["API_KEY"]), "set (secret)");
        assert_eq!((state(&settings, "LOG_LEVEL", false).as_str(), strangers), ("debug", vec!["OTHER".to_owned()]));
        assert_eq!(mode(&settings, true).unwrap(), Mode::Mock);
        let problems = [problems(&settings, &known().unwrap(), &[], Of::Host), of_host(&settings)].concat().join("\n");
        for part in [
            "DATABASE_URL has the driver in its scheme, sslmode=verify-…, pgbouncer, which Spin refuses",
            "sslmode=require verifies the certificate and its name there",
            "RUST_BACKTRACE is full: it costs Spin a quarter",
            // By the manifest's default.
            "DATABASE_HOST is 127.0.0.1:5432, but its address is at db.example:5432",
            "set DATABASE_HOST to that",
        ] {
            assert!(problems.contains(part), "{part}: {problems}");
        }
        assert!(!problems.contains("SPIN_MAX") && !problems.contains("SSL_CERT_FILE is"), "{problems}");
    }
}
