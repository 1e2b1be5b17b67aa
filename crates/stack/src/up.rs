//! `mw-stack up`: the product on its usual ports, watched until Ctrl-C.
//!
//! Only one per clone: `.mw/up.lock` is held while it runs. What an `up` that was killed left running is stopped first,
//! by the process ids in `.mw/up.processes`.

use crate::{
    database::Database,
    host::{self, Host},
    ports,
    prerequisites::own_program,
    process, secrets,
    stack::{Plan, Stack},
};
use mw::{
    error::{Error, Result, While},
    folder,
    mode::{Mode, SIMULATOR_URL, need_live_secrets},
    progress::Step,
    settings::{Settings, database_host},
    signals,
};
use std::{
    collections::{BTreeMap, VecDeque},
    fs::{self, File},
    io::{Read, Write},
    path::Path,
    time::{Duration, Instant},
};

/// A host that dies this often within a minute is not started again.
const RESTARTS_PER_MINUTE: usize = 5;

/// What can be chosen.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Which providers: mock (none), sim (the simulator, the default) or live (the real ones).
    #[arg(long, ignore_case = true)]
    pub mode: Option<Mode>,
    /// What serves the components: the spin on PATH (the default where there is one) or the local host.
    #[arg(long, env = host::VARIABLE, ignore_case = true)]
    pub host: Option<host::Kind>,
    /// The port of the API.
    #[arg(long, default_value_t = 3000)]
    pub port: u16,
    /// The port of the provider simulator.
    #[arg(long, default_value_t = 3900)]
    pub sim_port: u16,
}

/// Runs until somebody asks it to stop.
pub fn run(options: &Options) -> Result<u8> {
    let root = folder::root()?;
    signals::listen()?;
    let _only_one = only_one(&root)?;
    let mut stack = start(&root, options)?;
    note_processes(&root, &mut stack)?;
    print_welcome(&root, &stack);
    let outcome = watch(&root, &mut stack);
    eprintln!("stopping …");
    drop(stack);
    let _ = fs::remove_file(processes_file(&root));
    eprintln!("stopped.");
    outcome.map(|()| 0)
}

fn start(root: &Path, options: &Options) -> Result<Stack> {
    stop_leftovers(root);
    secrets::ensure(root)?;
    let host = Host::choose(options.host)?;
    let settings = Settings::load(Some(root))?;
    let mode = Mode::choose(options.mode, &settings)?;
    if mode == Mode::Live {
        need_live_secrets(&settings)?;
    }
    ports::need_free(options.port, "the API", "stop that program, or choose another: ./dev up --port 3001")?;
    if mode == Mode::Sim {
        ports::need_free(
            options.sim_port,
            "the simulator",
            "stop that program, or choose another: ./dev up --sim-port 3901",
        )?;
    }
    let given = settings.given("DATABASE_URL").or_else(|| settings.given("DB_URL")).map(str::to_owned);
    let database = product_database(root, given.as_deref())?;
    secrets::store(root, "DATABASE_URL", database.url())?;
    secrets::store(root, "API_BASE_URL", &format!("http://127.0.0.1:{}", options.port))?;
    secrets::store(root, SIMULATOR_URL.0, &format!("http://127.0.0.1:{}", options.sim_port))?;
    let log = folder::state(root).join("log");
    for name in ["host.log", "sim.log", "schedule.log"] {
        let _ = fs::remove_file(log.join(name));
    }
    let plan = Plan {
        root: root.to_path_buf(),
        host,
        mode,
        log,
        fixed: BTreeMap::new(),
        settings: Settings::load(Some(root))?,
        inherit_variables: true,
        quiet: false,
    };
    Stack::start(plan, database, &[options.port], options.sim_port, true)
}

fn product_database(root: &Path, given: Option<&str>) -> Result<Database> {
    let name = if given.is_some() { "database of DATABASE_URL" } else { "private PostgreSQL" };
    let step = Step::begin(name, false);
    let database = Database::product(root, given)?;
    step.done(&database_host(database.url())?);
    Ok(database)
}

/// The lock of the one `up` of this clone; its text is the process that holds it.
fn only_one(root: &Path) -> Result<File> {
    let path = folder::made(folder::state(root))?.join("up.lock");
    let mut options = fs::OpenOptions::new();
    let mut file =
        options.create(true).truncate(false).read(true).write(true).open(&path).while_doing("open .mw/up.lock")?;
    if file.try_lock().is_err() {
        let mut holder = String::new();
        let _ = file.read_to_string(&mut holder);
        return Err(Error::misuse(format!(
            "./dev up runs already in this clone (process {}): use that one, or stop it with Ctrl-C",
            holder.trim()
        )));
    }
    file.set_len(0).while_doing("write .mw/up.lock")?;
    writeln!(file, "{}", std::process::id()).while_doing("write .mw/up.lock")?;
    Ok(file)
}

fn processes_file(root: &Path) -> std::path::PathBuf {
    folder::state(root).join("up.processes")
}

fn note_processes(root: &Path, stack: &mut Stack) -> Result<()> {
    let lines: Vec<String> =
        stack.processes().map(|process| format!("{} {}", process.id(), process.program())).collect();
    fs::write(processes_file(root), lines.join("\n")).while_doing("note the processes")
}

/// Stops what an `up` that could not clean up left running.
fn stop_leftovers(root: &Path) {
    for line in fs::read_to_string(processes_file(root)).unwrap_or_default().lines() {
        if let Some((id, program)) = line.split_once(' ')
            && let Ok(id) = id.parse()
            && process::stop_leftover(id, program)
        {
            eprintln!("mw-stack: stopped {program} (process {id}), left by an earlier ./dev up that was killed");
        }
    }
}

/// Returns when asked to stop, or when something that can't be started again has died.
fn watch(root: &Path, stack: &mut Stack) -> Result<()> {
    let mut restarts: VecDeque<Instant> = VecDeque::new();
    while !signals::asked_to_stop() {
        std::thread::sleep(Duration::from_millis(100));
        let mut started_again = false;
        for process in stack.processes() {
            let Some(status) = process.ended() else {
                continue;
            };
            let (name, log) = (process.name().to_owned(), process.log_tail());
            restarts.push_back(Instant::now());
            restarts.retain(|at| at.elapsed() < Duration::from_secs(60));
            // The simulator holds its tasks in memory: without them the runs under way could not go on.
            if name == "sim" || restarts.len() > RESTARTS_PER_MINUTE {
                return Err(Error::failed(format!("{name} ended ({status}):\n{log}")));
            }
            process.start_again()?;
            eprintln!("mw-stack: {name} ended ({status}) and was started again; see {}", process.log().display());
            started_again = true;
        }
        if started_again {
            note_processes(root, stack)?;
        }
    }
    Ok(())
}

fn print_welcome(root: &Path, stack: &Stack) {
    let text = welcome(root, stack);
    // Whoever reads us through a pipe may be gone; the stack goes on.
    let _ = std::io::stdout().write_all(text.as_bytes());
    let _ = std::io::stdout().flush();
}

fn welcome(root: &Path, stack: &Stack) -> String {
    let base = stack.base_url();
    let key = stack.setting("API_KEY").unwrap_or_default();
    let simulator = stack.simulator_url().map(|url| format!("  simulator  {url}/_sim/\n")).unwrap_or_default();
    let place = folder::state(root);
    let command = own_program("mw").ok().map(|program| format!("  mw         {}\n", program.display()));
    let command = command.unwrap_or_default();
    format!(
        "\nMyloWare runs on {host}. Providers: {mode}. Ctrl-C stops it.\n\n  API        {base}\n  API key    {key}\n{simulator}  \
         database   DATABASE_URL in {place}/env\n  logs       {place}/log/\n{command}\nTry it (or watch it all at once: ./dev demo):\n\n  \
         # ask for a video\n  curl -s {base}/v1/chat/brendan -H 'x-api-key: {key}' -H 'content-type: application/json' \
         -d '{{\"user_id\":\"me\",\"message\":\"Make a test video gen about the moon\"}}'\n\n  \
         # see the run (its id is the runId of the answer)\n  curl -s {base}/v1/runs/RUN -H 'x-api-key: {key}'\n\n  \
         # get the link with which you approve it; open it in a browser\n  \
         curl -s {base}/v1/hitl/link/RUN/workflow -H 'x-api-key: {key}'\n\n",
        host = stack.kind_of_host(),
        mode = stack.mode().name(),
        place = place.display(),
    )
}
