//! `mw-stack demo`: `mw demo` against the product that runs, or else against a stack started for it and stopped afterwards.

use crate::{builder::Builder, host, prerequisites::own_program, with};
use mw::{
    error::{Result, While},
    folder,
    settings::Settings,
    signals,
};
use std::{ffi::OsString, process::Command, time::Duration};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// What serves the components of a stack that is started: the spin on PATH (the default where there is one) or the local host.
    #[arg(long, env = host::VARIABLE, ignore_case = true)]
    host: Option<host::Kind>,
    /// Those of `mw demo`, which `mw demo --help` explains.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

pub(crate) fn run(options: &Options) -> Result<u8> {
    let program = own_program("mw")?;
    let settings = Settings::load(folder::root().ok().as_deref())?;
    let address = settings.api_base_url();
    if settings.get("API_KEY").is_some() && answers(&address) {
        let status = Command::new(program).arg("demo").args(&options.arguments).status().while_doing("run mw demo")?;
        return Ok(with::exit_code(status));
    }
    signals::listen()?;
    eprintln!("Nothing answers at {address}: starting a stack for this demo.");
    let stack = Builder::new().host(options.host).quiet(false).start()?;
    let command: Vec<OsString> = [program.into(), "demo".into()].into_iter().chain(options.arguments.clone()).collect();
    with::run(stack, &command)
}

fn answers(address: &str) -> bool {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(20))).build().into();
    agent.get(format!("{address}/health")).call().is_ok()
}
