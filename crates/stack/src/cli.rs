//! `mw-stack`: the commands of development.

use crate::{builder::Builder, cluster::Cluster, coverage, database::Database, demo, host, kb_bench, sizes, up, with};
use clap::{Args, Parser, Subcommand};
use mw::{
    error::{Error, Result},
    folder,
    mode::Mode,
    signals,
};
use std::{ffi::OsString, process::ExitCode};

/// Runs the whole product on this machine, for development and tests.
#[derive(Debug, Parser)]
#[command(name = "mw-stack", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the product on 127.0.0.1:3000 until Ctrl-C: database, simulator, host, scheduled sweep.
    #[command(
        after_help = "DATABASE_URL in the environment uses another database instead of the private one in .mw/pg."
    )]
    Up(up::Options),
    /// Run the demo against the running stack, or else against one started for it and stopped afterwards.
    Demo(demo::Options),
    /// Run a command against a stack of its own: fresh database, free ports, secrets of its own.
    #[command(after_help = "\
The command finds in its environment: MW_BASE_URL, MW_BASE_URLS (all hosts), MW_API_KEY, MW_SWEEP_KEY, MW_SIM_URL,
MW_MODE, MW_LOG, MW_HOST, DATABASE_URL (who owns it), APP_DATABASE_URL (the product's role), API_BASE_URL, API_KEY, HITL_SECRET and the providers' development secrets.

Examples:
  mw-stack with -- cargo test -p mw-tests
  mw-stack with --mode mock --hosts 3 --set ADOPT_WAIT_SECONDS=1 -- ./my-check")]
    With(With),
    /// Print the sizes of the built components; fails when one is too large.
    Sizes,
    /// Print how much of the native crates the tests ran; fails below the minimum.
    Coverage(coverage::Options),
    /// Start the private PostgreSQL cluster, leave it running, and print the address of a fresh, empty database; or run a
    /// command with a fresh, migrated one that is dropped afterwards.
    #[command(after_help = "\
Examples:
  mw-stack db -- cargo test -p mw-store
  psql $(mw-stack db)
  mw-stack db --stop")]
    Db {
        /// Stop the cluster instead (as soon as nobody uses it).
        #[arg(long)]
        stop: bool,
        /// A cluster that does not wait for the disk: faster, for tests only.
        #[arg(long)]
        fast: bool,
        /// The command and its arguments, which find DATABASE_URL in their environment.
        #[arg(last = true, conflicts_with = "stop")]
        command: Vec<OsString>,
    },
    /// Make a large knowledge in a database of its own, and print how long searches take.
    KbBench(kb_bench::Options),
}

#[derive(Debug, Args)]
struct With {
    /// What serves the components: the spin on PATH (the default where there is one) or the local host.
    #[arg(long, env = host::VARIABLE, ignore_case = true)]
    host: Option<host::Kind>,
    /// Which providers: mock (none) or sim (the simulator).
    #[arg(long, default_value = "sim", ignore_case = true)]
    mode: Mode,
    /// How many hosts share the database.
    #[arg(long, default_value_t = 1)]
    hosts: usize,
    /// A cluster that does not wait for the disk: faster, for tests only.
    #[arg(long)]
    fast: bool,
    /// A server as services rent them out: TLS only, its administrator no superuser, roles and migrations as docs/deployment.md has it.
    #[arg(long)]
    managed: bool,
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

/// The whole program.
#[must_use]
pub fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("mw-stack: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(command: Command) -> Result<u8> {
    match command {
        Command::Up(options) => up::run(&options),
        Command::Demo(options) => demo::run(&options),
        Command::With(arguments) => run_with(arguments),
        Command::Sizes => sizes::run(&folder::root()?),
        Command::Coverage(options) => coverage::run(&options),
        Command::Db { stop: true, fast, .. } => stop_database(fast),
        Command::Db { fast, command, .. } if command.is_empty() => print_database(fast),
        Command::Db { fast, command, .. } => with_database(fast, &command),
        Command::KbBench(options) => kb_bench::run(&options),
    }
}

fn run_with(arguments: With) -> Result<u8> {
    if arguments.mode == Mode::Live {
        return Err(Error::misuse("tests never run against the real providers: use --mode mock or --mode sim"));
    }
    signals::listen()?;
    let mut builder =
        Builder::new().host(arguments.host).mode(arguments.mode).hosts(arguments.hosts).fast(arguments.fast);
    builder = builder.managed(arguments.managed);
    for (name, value) in arguments.set {
        builder = builder.setting(name, value);
    }
    with::run(builder.cron(!arguments.no_cron).quiet(false).start()?, &arguments.command)
}

fn cluster(fast: bool) -> Result<Cluster> {
    let root = folder::root()?;
    Ok(if fast { Cluster::fast(&root) } else { Cluster::of(&root) })
}

fn with_database(fast: bool, command: &[OsString]) -> Result<u8> {
    signals::listen()?;
    let root = folder::root()?;
    let given = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty());
    let database = Database::scratch(&root, given.as_deref(), fast)?;
    with::run_with_database(&root, database, command)
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
        eprintln!("mw-stack: somebody still uses the cluster; it stops when the last one is gone");
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
