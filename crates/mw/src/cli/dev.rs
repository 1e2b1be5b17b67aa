//! `mw dev`: the development stack.

use crate::{
    dev::{cluster::Cluster, database::Database, folder, stack::Builder, variables::Mode, with},
    error::{Error, Result},
};
use clap::{Args, Subcommand};
use std::ffi::OsString;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a command against a stack of its own: fresh database, free ports, secrets of its own.
    #[command(after_help = "\
The command finds in its environment: MW_BASE_URL, MW_BASE_URLS (all hosts), MW_API_KEY, MW_SWEEP_KEY, MW_SIM_URL,
MW_MODE, MW_LOG, DATABASE_URL, API_BASE_URL, API_KEY, HITL_SECRET and the providers' development secrets.

Examples:
  mw dev with -- cargo test -p mw-tests
  mw dev with --mode mock --hosts 3 --set POLL_SECONDS=1 -- ./my-check")]
    With(With),
    /// Start the private PostgreSQL cluster, leave it running, and print the address of a fresh, empty database.
    #[command(after_help = "Example:\n  DATABASE_URL=$(mw dev db) cargo test -p mw-store")]
    Db {
        /// Stop the cluster instead (as soon as nobody uses it).
        #[arg(long)]
        stop: bool,
        /// A cluster that does not wait for the disk: faster, for tests only.
        #[arg(long)]
        fast: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct With {
    /// Which providers: mock (none) or sim (the simulator).
    #[arg(long, default_value = "sim")]
    mode: Mode,
    /// How many hosts share the database.
    #[arg(long, default_value_t = 1)]
    hosts: usize,
    /// A cluster that does not wait for the disk: faster, for tests only.
    #[arg(long)]
    fast: bool,
    /// No scheduled sweep.
    #[arg(long)]
    no_cron: bool,
    /// Another value for a setting.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// The command and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

fn pair(text: &str) -> std::result::Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_uppercase(), value.to_owned()))
}

pub(crate) fn run(command: Command) -> Result<u8> {
    match command {
        Command::With(arguments) => run_with(arguments),
        Command::Db { stop: true, fast } => stop_database(fast),
        Command::Db { stop: false, fast } => print_database(fast),
    }
}

fn run_with(arguments: With) -> Result<u8> {
    if arguments.mode == Mode::Live {
        return Err(Error::misuse(
            "tests never run against the real providers: use --mode mock or --mode sim",
        ));
    }
    let mut builder = Builder::new()
        .mode(arguments.mode)
        .hosts(arguments.hosts)
        .fast(arguments.fast);
    for (name, value) in arguments.set {
        builder = builder.setting(name, value);
    }
    with::run(
        builder.cron(!arguments.no_cron).quiet(false).start()?,
        &arguments.command,
    )
}

fn cluster(fast: bool) -> Result<Cluster> {
    let root = folder::root()?;
    Ok(if fast {
        Cluster::fast(&root)
    } else {
        Cluster::of(&root)
    })
}

fn print_database(fast: bool) -> Result<u8> {
    let cluster = cluster(fast)?;
    let in_use = cluster.enter()?;
    cluster.keep(true)?;
    println!("{}", Database::kept(&folder::root()?, None, fast)?.url());
    drop(in_use);
    Ok(0)
}

fn stop_database(fast: bool) -> Result<u8> {
    let cluster = cluster(fast)?;
    cluster.keep(false)?;
    if !cluster.stop_if_unused()? {
        eprintln!("mw: somebody still uses the cluster; it stops when the last one is gone");
    }
    Ok(0)
}
