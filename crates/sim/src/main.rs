//! `mw-sim`: the provider simulator as a program.

use anyhow::Context;
use clap::{Arg, ArgMatches, Command};
use mw_sim::{Config, Latency};
use serde_json::{Map, Value};
use tokio::net::TcpListener;

const LISTEN: &str = "listen";
const PUBLIC_URL: &str = "public-url";
const RETRY_SCALE: &str = "retry-scale";
const SEED: &str = "seed";

fn command() -> Command {
    let fixed = [
        Arg::new(LISTEN).default_value("127.0.0.1:3900").help("Address to listen on"),
        Arg::new(PUBLIC_URL).env("MW_SIM_PUBLIC_URL").help("Base of the URLs of results [default: http://<listen>]"),
        Arg::new(RETRY_SCALE)
            .value_parser(clap::value_parser!(f64))
            .default_value(kept(Config::default().retry_scale.to_string()))
            .help("The providers' retry delays are multiplied by this"),
        Arg::new(SEED)
            .value_parser(clap::value_parser!(u64))
            .default_value("0")
            .help("Makes faults with a probability repeatable"),
    ];
    let settings = mw_sim::settings().map(|setting| {
        Arg::new(setting.name)
            .long(kept(option(setting.name)))
            .env(kept(setting.name.to_ascii_uppercase()))
            .hide_env_values(setting.is_secret)
            .help(setting.help)
    });
    let latencies = Latency::default();
    let latencies: Vec<Arg> = latencies
        .keys()
        .map(|(key, milliseconds)| {
            Arg::new(kept(key.to_owned()))
                .long(kept(option(key)))
                .value_parser(clap::value_parser!(u64))
                .default_value(kept(milliseconds.to_string()))
                .help("How long a job takes there")
        })
        .collect();
    let fixed = fixed.map(|argument| {
        let name = kept(argument.get_id().to_string());
        argument.long(name)
    });
    Command::new("mw-sim")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Simulates every outside system, faults included. Steer it under /_sim, which says where each answers.")
        .args(fixed.into_iter().chain(settings).chain(latencies))
}

/// clap wants texts that live as long as the program.
fn kept(text: String) -> &'static str {
    text.leak()
}

fn option(name: &str) -> String {
    name.replace('_', "-")
}

fn config(given: &ArgMatches, address: &str) -> anyhow::Result<Config> {
    let text = |name: &str| given.get_one::<String>(name).cloned();
    let latencies: Map<String, Value> = Latency::default()
        .keys()
        .filter_map(|(key, _)| Some((key.to_owned(), Value::from(*given.get_one::<u64>(key)?))))
        .collect();
    Ok(Config {
        public_url: text(PUBLIC_URL).unwrap_or_else(|| format!("http://{address}")),
        settings: mw_sim::settings().filter_map(|setting| Some((setting.name, text(setting.name)?))).collect(),
        latency: Latency::default().with(&latencies).map_err(anyhow::Error::msg)?,
        retry_scale: given.get_one::<f64>(RETRY_SCALE).copied().unwrap_or_default().clamp(0.0, 1.0),
        seed: given.get_one::<u64>(SEED).copied().unwrap_or_default(),
    })
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let given = command().get_matches();
    let wanted = given.get_one::<String>(LISTEN).cloned().unwrap_or_default();
    let listener = TcpListener::bind(&wanted)
        .await
        .with_context(|| format!("cannot listen on {wanted}: is another simulator running?"))?;
    let address = listener.local_addr()?.to_string();
    println!("mw-sim listens on http://{address}");
    mw_sim::serve(listener, config(&given, &address)?).await?;
    Ok(())
}
