//! A running stack: database → migrations → projects, knowledge → simulator → hosts → schedule. Dropping it stops all of that.
//!
//! ```no_run
//! let mut stack = mw_stack::builder::Builder::new().hosts(3).start()?;
//! stack.host(1)?.kill();
//! stack.start_host_again(1)?;
//! # Ok::<(), mw::Error>(())
//! ```

use crate::{
    database::Database,
    host::{Host, Service},
    manifest::Manifest,
    ports, prerequisites,
    process::{Launch, Process},
    schedule::{Caller, Schedule},
    variables,
};
use mw::{
    error::{Error, Result},
    folder,
    knowledge::{SHIPPED, folder::Folder, ingest::plan},
    migrations,
    mode::{Mode, SIMULATOR_URL, address, provider_secrets},
    progress::Step,
    projects,
    settings::Settings,
};
use mw_integrations::registry;
use mw_media::Timestamp;
use mw_store::native::Client;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// A host that has not compiled the components before takes long on a machine that is busy. It shows how far it is, and a
/// process that has ended is noticed at once, so that only one that hangs is waited for in vain.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1200);
/// One that answers has compiled them, and is not ready for another reason.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// What is the same for every program of a stack.
pub(super) struct Plan {
    pub root: PathBuf,
    pub host: Host,
    pub mode: Mode,
    pub log: PathBuf,
    /// Settings that are fixed for this stack, by upper-case name.
    pub fixed: BTreeMap<String, String>,
    /// Where all others come from.
    pub settings: Settings,
    pub inherit_variables: bool,
    pub quiet: bool,
}

/// Fields are dropped in this order: the hosts finish their work while the database is still there.
pub struct Stack {
    schedule: Option<Schedule>,
    hosts: Vec<(u16, Process)>,
    simulator: Option<(u16, Process)>,
    database: Database,
    plan: Plan,
}

impl Stack {
    pub(super) fn start(
        plan: Plan,
        database: Database,
        host_ports: &[u16],
        simulator_port: u16,
        is_scheduled: bool,
    ) -> Result<Self> {
        folder::made(plan.log.clone())?;
        let mut stack = Self { schedule: None, hosts: Vec::new(), simulator: None, database, plan };
        stack.prepare_database()?;
        let first = host_ports.first().copied().ok_or_else(|| Error::misuse("a stack needs at least one host"))?;
        stack.fix_addresses(first, simulator_port)?;
        if stack.plan.mode == Mode::Sim {
            let step = Step::begin("provider simulator", stack.plan.quiet);
            stack.simulator = Some((simulator_port, stack.start_simulator(simulator_port)?));
            step.done(&url(simulator_port));
        }
        for port in host_ports {
            stack.add_host_at(*port)?;
        }
        if is_scheduled {
            stack.schedule = Some(stack.start_schedule()?);
        }
        Ok(stack)
    }

    /// The scheduled component where the host has a cron trigger, else calls of our own.
    fn start_schedule(&self) -> Result<Schedule> {
        let step = Step::begin("scheduled sweep", self.plan.quiet);
        if !self.plan.host.has_cron() {
            let setting = |name: &str| self.setting(name).unwrap_or_default().to_owned();
            let caller = Caller::start(setting("SWEEP_URL"), setting("SWEEP_KEY"));
            step.done(&format!("called by this program, since {} has no cron trigger", self.plan.host));
            return Ok(Schedule::Calls { _until_dropped: caller });
        }
        let mut process = Process::start(self.host_launch("schedule", "spin-cron.toml", None)?)?;
        std::thread::sleep(Duration::from_millis(50));
        process.need_alive()?;
        step.done(&format!("the scheduled component, on {}", self.plan.host));
        Ok(Schedule::Component(process))
    }

    fn prepare_database(&mut self) -> Result<()> {
        let step = Step::begin("migrations", self.plan.quiet);
        let list = migrations::from_folder(&self.plan.root.join("migrations"))?;
        let mut client = migrations::connect(self.database.url())?;
        let applied = migrations::migrate(&mut client, &list)?;
        step.done(&if applied.is_empty() { "nothing new".to_owned() } else { format!("{} applied", applied.len()) });
        let step = Step::begin("projects", self.plan.quiet);
        let mut client = projects::connect(self.database.url())?;
        let mut keys = Vec::new();
        for definition in projects::from_folder(&self.plan.root.join("projects"))? {
            projects::apply(&mut client, &definition)?;
            keys.push(definition.key);
        }
        step.done(&keys.join(", "));
        self.prepare_knowledge(&mut client)?;
        self.database.grant(&self.plan.root)
    }

    /// The shipped knowledge, where there is none: somebody's own stays.
    fn prepare_knowledge(&self, client: &mut Client) -> Result<()> {
        let step = Step::begin("knowledge", self.plan.quiet);
        let plan = plan(client, Folder::read(&self.plan.root.join(SHIPPED))?)?;
        if !plan.finds_nothing() {
            step.done("there is some");
            return Ok(());
        }
        let report = plan.carry_out(client, Timestamp::now_utc(), |_| {})?;
        step.done(&format!("{} documents", report.added.len()));
        Ok(())
    }

    /// What every program of the stack must know of the others.
    fn fix_addresses(&mut self, first_host: u16, simulator: u16) -> Result<()> {
        let base = url(first_host);
        let fixed = &mut self.plan.fixed;
        fixed.insert("DATABASE_URL".into(), self.database.app_url()?);
        fixed.insert("SWEEP_URL".into(), format!("{base}/v1/sweep"));
        fixed.insert("PROVIDERS_MODE".into(), self.plan.mode.name().into());
        fixed.insert("USE_MOCK_PROVIDERS".into(), (self.plan.mode == Mode::Mock).to_string());
        for name in ["PUBLIC_BASE_URL", "WEBHOOK_BASE_URL"] {
            if self.plan.settings.get(name).is_none() {
                fixed.entry(name.into()).or_insert_with(|| base.clone());
            }
        }
        if self.plan.mode == Mode::Sim {
            self.plan.settings.set(SIMULATOR_URL.0, url(simulator));
            for system in registry::SYSTEMS.iter().flat_map(|system| system.addresses) {
                let url = address(system, &self.plan.settings, Mode::Sim);
                fixed.insert(system.variable.to_ascii_uppercase(), url);
            }
        }
        Ok(())
    }

    fn start_simulator(&self, port: u16) -> Result<Process> {
        // The simulator checks our keys and signs with our secrets, as the providers would.
        let mut environment: BTreeMap<String, String> = provider_secrets()
            .filter_map(|name| Some((name.clone(), self.provider_secret(&name)?.to_owned())))
            .collect();
        let callbacks = self.setting("WEBHOOK_BASE_URL").unwrap_or_default();
        // For providers that have one URL for an account, and not one for a job.
        for webhook in registry::webhooks() {
            let name = webhook.system.variable("webhook_url").to_ascii_uppercase();
            environment.insert(name, format!("{callbacks}/v1/webhooks/{}", webhook.system.name));
        }
        environment.insert("TELEGRAM_WEBHOOK_URL".into(), format!("{callbacks}/v1/telegram/webhook"));
        environment.insert("SLACK_INTERACTIONS_URL".into(), format!("{callbacks}/v1/slack/interactions"));
        let arguments = vec!["--listen".into(), format!("127.0.0.1:{port}")];
        let mut process = Process::start(Launch {
            name: "sim".to_owned(),
            program: prerequisites::own_program("mw-sim")?,
            arguments,
            folder: self.plan.root.clone(),
            environment,
            log: self.plan.log.join("sim.log"),
            inherit_variables: self.plan.inherit_variables,
        })?;
        wait_for_answer(&mut process, &format!("{}/_sim/", url(port)))?;
        Ok(process)
    }

    /// Starts one more host on the same database; returns its number.
    pub fn add_host(&mut self) -> Result<usize> {
        self.add_host_at(ports::free()?)?;
        Ok(self.hosts.len() - 1)
    }

    fn add_host_at(&mut self, port: u16) -> Result<()> {
        let number = self.hosts.len();
        let name = if number == 0 { "host".to_owned() } else { format!("host-{number}") };
        let step = Step::begin(format!("{name} ({})", self.plan.host), self.plan.quiet);
        let mut process = Process::start(self.host_launch(&name, "spin.toml", Some(port))?)?;
        wait_for_host(&mut process, &format!("{}/ready", url(port)), &self.api_key(), Some(&step))?;
        self.hosts.push((port, process));
        step.done(&url(port));
        Ok(())
    }

    fn host_launch(&self, name: &str, manifest: &str, port: Option<u16>) -> Result<Launch> {
        let declared = Manifest::read(&self.plan.root.join(manifest))?.variables();
        let environment = variables::for_host(&declared, &self.plan.fixed, &self.plan.settings, self.plan.mode)?;
        let service = Service { name, root: &self.plan.root, manifest, port, log: &self.plan.log };
        let launch = self.plan.host.launch(&service, environment)?;
        Ok(Launch { inherit_variables: self.plan.inherit_variables, ..launch })
    }

    /// A setting of this stack, by its upper-case name.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.plan.fixed.get(name).map(String::as_str).or_else(|| self.plan.settings.get(name))
    }

    fn api_key(&self) -> String {
        self.setting("API_KEY").unwrap_or_default().to_owned()
    }

    /// The person's real secrets never reach the simulator.
    fn provider_secret(&self, name: &str) -> Option<&str> {
        self.plan.fixed.get(name).map(String::as_str).or_else(|| self.plan.settings.development(name))
    }

    /// The addresses of its hosts; the first is the one that providers call back.
    #[must_use]
    pub fn base_urls(&self) -> Vec<String> {
        self.hosts.iter().map(|(port, _)| url(*port)).collect()
    }

    #[must_use]
    pub fn base_url(&self) -> String {
        self.hosts.first().map(|(port, _)| url(*port)).unwrap_or_default()
    }

    /// The address of its simulator, in sim mode.
    #[must_use]
    pub fn simulator_url(&self) -> Option<String> {
        self.simulator.as_ref().map(|(port, _)| url(*port))
    }

    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// What serves its components.
    #[must_use]
    pub fn kind_of_host(&self) -> &Host {
        &self.plan.host
    }

    #[must_use]
    pub fn mode(&self) -> Mode {
        self.plan.mode
    }

    /// Where its programs log.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.plan.log
    }

    /// Starts a host of its own for another manifest of the clone, on the same database: its process and its address. It is the
    /// caller's, and ends when that drops it.
    pub fn serve(&self, name: &str, manifest: &str) -> Result<(Process, String)> {
        let port = ports::free()?;
        let mut process = Process::start(self.host_launch(name, manifest, Some(port))?)?;
        wait_for_answer(&mut process, &format!("{}/", url(port)))?;
        Ok((process, url(port)))
    }

    /// The processes of its hosts and of their schedule, for measuring what they use.
    pub fn serving(&self) -> impl Iterator<Item = &Process> {
        let schedule = self.schedule.as_ref().and_then(Schedule::process);
        self.hosts.iter().map(|(_, process)| process).chain(schedule)
    }

    /// One of its hosts.
    pub fn host(&mut self, number: usize) -> Result<&mut Process> {
        self.hosts
            .get_mut(number)
            .map(|(_, process)| process)
            .ok_or_else(|| Error::misuse(format!("there is no host {number}")))
    }

    /// Starts a host again on its port, after `kill` or instead of what runs there.
    pub fn start_host_again(&mut self, number: usize) -> Result<()> {
        let api_key = self.api_key();
        let (port, process) =
            self.hosts.get_mut(number).ok_or_else(|| Error::misuse(format!("there is no host {number}")))?;
        process.start_again()?;
        wait_for_host(process, &format!("{}/ready", url(*port)), &api_key, None)
    }

    /// Another value for a setting; hosts see it from their next [`Stack::replace_host`] on.
    pub fn change(&mut self, name: &str, value: &str) {
        self.plan.fixed.insert(name.to_owned(), value.to_owned());
    }

    /// Lets a host finish what it does and starts another with the settings of now on its port, as a rolling restart does.
    pub fn replace_host(&mut self, number: usize) -> Result<()> {
        self.host(number)?.stop();
        let port = self.hosts.get(number).map(|(port, _)| *port).unwrap_or_default();
        let name = format!("host-{number}-again");
        let mut process = Process::start(self.host_launch(&name, "spin.toml", Some(port))?)?;
        wait_for_host(&mut process, &format!("{}/ready", url(port)), &self.api_key(), None)?;
        if let Some(host) = self.hosts.get_mut(number) {
            host.1 = process;
        }
        Ok(())
    }

    /// Its running programs, the simulator first.
    pub(super) fn processes(&mut self) -> impl Iterator<Item = &mut Process> {
        let simulator = self.simulator.iter_mut().map(|(_, process)| process);
        let hosts = self.hosts.iter_mut().map(|(_, process)| process);
        simulator.chain(hosts).chain(self.schedule.as_mut().and_then(Schedule::process_mut))
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// What asks whether a program answers yet.
fn asker() -> ureq::Agent {
    let timeout = Some(Duration::from_secs(5));
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(timeout).build().into()
}

/// Waits until `address` answers, whatever it says.
fn wait_for_answer(process: &mut Process, address: &str) -> Result<()> {
    let (agent, name) = (asker(), process.name().to_owned());
    ports::wait_for(ANSWERS_WITHIN, &name, || {
        process.need_alive()?;
        Ok(agent.get(address).call().ok().map(drop))
    })
}

/// Waits until a host says with 200 that it is ready, and shows meanwhile how far it is; says why when it does not, which the
/// key opens.
fn wait_for_host(process: &mut Process, address: &str, key: &str, step: Option<&Step>) -> Result<()> {
    let agent = asker();
    let mut said: Option<(Instant, String)> = None;
    let mut looked = Instant::now();
    let name = process.name().to_owned();
    ports::wait_for(ANSWERS_WITHIN, &name, || {
        process.need_alive()?;
        if let Some(step) = step.filter(|_| looked.elapsed() > Duration::from_millis(500)) {
            looked = Instant::now();
            step.note(
                process.progress().as_deref().unwrap_or("compiles new components, a minute or two on a busy machine"),
            );
        }
        let Ok(mut answer) = agent.get(address).header("x-api-key", key).call() else {
            return Ok(None);
        };
        if answer.status().is_success() {
            return Ok(Some(()));
        }
        let text = format!("{}: {}", answer.status(), answer.body_mut().read_to_string().unwrap_or_default());
        let since = said.as_ref().map_or_else(Instant::now, |(since, _)| *since);
        if since.elapsed() > READY_WITHIN {
            let seconds = READY_WITHIN.as_secs();
            let tail = process.log_tail();
            return Err(Error::failed(format!("{name} is not ready after {seconds} s; {address} says {text}\n{tail}")));
        }
        said = Some((since, text));
        Ok(None)
    })
}
