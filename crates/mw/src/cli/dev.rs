//! `mw dev`: the development stack.

use super::{Context, demo};
use crate::{
    api::Api,
    dev::{
        builder::Builder, cluster::Cluster, coverage, database::Database, folder, signals, sizes, up, variables::Mode,
        with,
    },
    error::{Error, Result},
};
use clap::{Args, Subcommand};
use std::ffi::OsString;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
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
MW_MODE, MW_LOG, DATABASE_URL, API_BASE_URL, API_KEY, HITL_SECRET and the providers' development secrets.

Examples:
  mw dev with -- cargo test -p mw-tests
  mw dev with --mode mock --hosts 3 --set ADOPT_WAIT_SECONDS=1 -- ./my-check")]
    With(With),
    /// Print the sizes of the built components; fails when one is too large.
    Sizes,
    /// Print how much of the native crates the tests ran; fails below the minimum.
    Coverage(coverage::Options),
    /// Start the private PostgreSQL cluster, leave it running, and print the address of a fresh, empty database; or run a
    /// command with a fresh, migrated one that is dropped afterwards.
    #[command(after_help = "\
Examples:
  mw dev db -- cargo test -p mw-store
  psql $(mw dev db)
  mw dev db --stop")]
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

pub(crate) fn run(context: &Context, command: Command) -> Result<u8> {
    match command {
        Command::Up(options) => up::run(&options),
        Command::Demo(options) => run_demo(context, &options),
        Command::With(arguments) => run_with(arguments),
        Command::Sizes => sizes::run(&folder::root()?),
        Command::Coverage(options) => coverage::run(&options),
        Command::Db { stop: true, fast, .. } => stop_database(fast),
        Command::Db { fast, command, .. } if command.is_empty() => print_database(fast),
        Command::Db { fast, command, .. } => with_database(fast, &command),
    }
}

fn run_demo(context: &Context, options: &demo::Options) -> Result<u8> {
    if let Ok(api) = Api::new(&context.settings)
        && api.get("/health").is_ok()
    {
        return demo::against(context, api, options);
    }
    signals::listen()?;
    eprintln!("Nothing answers at {}: starting a stack for this demo.", context.settings.api_base_url());
    let stack = Builder::new().quiet(context.json).start()?;
    let api = Api::at(stack.base_url(), stack.setting("API_KEY").unwrap_or_default());
    let outcome = demo::against(context, api, options);
    if !matches!(outcome, Ok(0)) {
        eprintln!("mw: the stack's logs are in {}", stack.log().display());
    }
    outcome
}

fn run_with(arguments: With) -> Result<u8> {
    if arguments.mode == Mode::Live {
        return Err(Error::misuse("tests never run against the real providers: use --mode mock or --mode sim"));
    }
    signals::listen()?;
    let mut builder = Builder::new().mode(arguments.mode).hosts(arguments.hosts).fast(arguments.fast);
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
        eprintln!("mw: somebody still uses the cluster; it stops when the last one is gone");
    }
    Ok(0)
}
