//! The command line: read the manifest, make everything ready, say so in one line, run until a signal.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use mw_host::manifest::{Manifest, Triggers};
use mw_host::routes::Router;
use mw_host::runtime::{App, Options};
use mw_host::runtime_config::RuntimeConfig;
use mw_host::variables::Variables;
use mw_host::{cron, http, logs};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

/// Runs the components of a Spin manifest, without Spin.
///
/// For development and CI: the same spin.toml and the same .wasm files run here and under `spin up`. What this host
/// doesn't implement it refuses by name when it starts. Variables come from the environment, as with Spin:
/// SPIN_VARIABLE_<NAME> in capitals for each name under [variables].
#[derive(Parser)]
#[command(
    version,
    after_help = "\
Examples:
  mw-host                                          spin.toml of this folder on 127.0.0.1:3000
  SPIN_VARIABLE_API_KEY=dev mw-host --listen 127.0.0.1:8080
  mw-host --manifest spin-cron.toml                the cron triggers of a manifest of their own

It prints `Serving http://<address>` (or `Running <n> cron triggers`) when it is ready.
What components print goes to stderr, each line after the component's name.

Exit codes: 0 stopped by a signal, 1 could not start, 2 wrong arguments."
)]
struct Arguments {
    /// The manifest: HTTP triggers or cron triggers, version 2
    #[arg(short, long, default_value = "spin.toml")]
    manifest: PathBuf,
    /// Where to serve HTTP; port 0 takes a free one. Unused by cron triggers
    #[arg(short, long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// Stop a guest that runs longer than this; Spin by itself never does [default: off]
    #[arg(long, value_name = "SECONDS")]
    request_timeout: Option<f32>,
    /// When told to stop, let running guests finish for this long; Spin doesn't wait
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0)]
    drain_seconds: f32,
    /// Guests at one time, of all components together; one more gets a 500, as on Spin
    #[arg(long, value_name = "N", default_value_t = 1000, env = "SPIN_MAX_INSTANCE_COUNT")]
    max_instances: u32,
    /// Spin's runtime configuration: `[outbound_pg] max_connections` is heeded
    #[arg(long, value_name = "FILE")]
    runtime_config_file: Option<PathBuf>,
    /// Where compiled components are kept [default: mw-host in the user's cache folder]
    #[arg(long, value_name = "FOLDER", env = "MW_CACHE_DIR")]
    cache_dir: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = tokio::runtime::Runtime::new().context("cannot start the async runtime").and_then(|runtime| {
        let outcome = runtime.block_on(run(arguments));
        // Guests still running are abandoned, as Spin abandons them.
        runtime.shutdown_background();
        outcome
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mw-host: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    let mut stop = Box::pin(stop_signal()?);
    let drain = seconds(arguments.drain_seconds).context("--drain-seconds")?;
    let manifest = Arc::new(Manifest::load(&arguments.manifest)?);
    let loading = start_loading(&arguments, &manifest)?;
    let loaded = async { loading.await.context("loading the components panicked")? };
    match &manifest.triggers {
        Triggers::Http(triggers) => {
            let router = Router::new(triggers)?;
            // Before the components are compiled, so that a busy port shows at once.
            let listener = bind(arguments.listen).await?;
            let Some(app) = unless_stopped(loaded, &mut stop).await? else {
                return Ok(());
            };
            println!("Serving http://{}", listener.local_addr()?);
            let connections = http::serve(Arc::clone(&app), router, listener, stop).await;
            // A guest that has ended may still have its answer on the way.
            drain_guests(&app, drain, connections.shutdown()).await;
        }
        Triggers::Cron(triggers) => {
            let jobs = cron::plan(triggers)?;
            let Some(app) = unless_stopped(loaded, &mut stop).await? else {
                return Ok(());
            };
            println!("Running {} cron triggers", jobs.len());
            tokio::select! {
                () = cron::run(Arc::clone(&app), jobs) => {}
                () = stop => {}
            }
            drain_guests(&app, drain, std::future::ready(())).await;
        }
    }
    Ok(())
}

/// Checks the variables, then compiles on another thread.
fn start_loading(arguments: &Arguments, manifest: &Arc<Manifest>) -> Result<JoinHandle<Result<Arc<App>>>> {
    let path = arguments.manifest.display().to_string();
    let variables = Variables::from_environment(&manifest.variables).with_context(|| path.clone())?;
    let request_timeout = arguments.request_timeout.map(seconds).transpose().context("--request-timeout")?;
    let runtime_config =
        arguments.runtime_config_file.as_deref().map(RuntimeConfig::load).transpose()?.unwrap_or_default();
    let options = Options {
        max_instances: arguments.max_instances,
        max_database_connections: runtime_config.outbound_pg.max_connections,
        request_timeout,
        cache_folder: arguments.cache_dir.clone().or_else(user_cache),
    };
    let manifest = Arc::clone(manifest);
    let loading = tokio::task::spawn_blocking(move || App::load(&manifest, &variables, &options).context(path));
    Ok(loading)
}

fn user_cache() -> Option<PathBuf> {
    let of_user = std::env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty());
    let folder = of_user.map(PathBuf::from).or_else(|| Some(std::env::home_dir()?.join(".cache")))?;
    Some(folder.join("mw-host"))
}

async fn unless_stopped<T>(work: impl Future<Output = Result<T>>, stop: impl Future<Output = ()>) -> Result<Option<T>> {
    tokio::select! {
        done = work => done.map(Some),
        () = stop => Ok(None),
    }
}

async fn drain_guests(app: &App, limit: Duration, answered: impl Future<Output = ()>) {
    if limit.is_zero() {
        return;
    }
    if tokio::time::timeout(limit, async { tokio::join!(answered, app.idle()) }).await.is_err() {
        logs::note(&format!("{} guests were still running when the drain time ended", app.running_count()));
    }
}

fn seconds(value: f32) -> Result<Duration> {
    Duration::try_from_secs_f32(value).with_context(|| format!("{value} is no number of seconds"))
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            anyhow::anyhow!("{address} is already in use: stop what uses it, or choose another with --listen")
        }
        _ => {
            anyhow::anyhow!("cannot listen on {address}: {error}: choose another with --listen")
        }
    })
}

fn stop_signal() -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
