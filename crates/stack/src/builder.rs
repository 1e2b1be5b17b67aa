//! What kind of stack to start beside all others: for tests and `mw-stack with`.

use crate::{
    cluster::Cluster,
    database::Database,
    host::{Host, Kind},
    ports, secrets,
    stack::{Plan, Stack},
};
use mw::{
    error::{Result, While},
    folder, migrations,
    mode::Mode,
    progress::Step,
    settings::Settings,
};
use std::{collections::BTreeMap, path::PathBuf};

/// What kind of stack to start.
pub struct Builder {
    root: Option<PathBuf>,
    host: Option<Kind>,
    mode: Mode,
    hosts: usize,
    cron: bool,
    fast: bool,
    managed: bool,
    cluster: Option<Cluster>,
    quiet: bool,
    provider_limits: bool,
    settings: BTreeMap<String, String>,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// Simulated providers, one host, the scheduled sweep, a fresh database, free ports, secrets of its own.
    #[must_use]
    pub fn new() -> Self {
        Self {
            root: None,
            host: None,
            mode: Mode::Sim,
            hosts: 1,
            cron: true,
            fast: false,
            managed: false,
            cluster: None,
            quiet: true,
            provider_limits: false,
            settings: BTreeMap::new(),
        }
    }

    #[must_use]
    pub fn root(mut self, root: impl Into<PathBuf>) -> Self {
        self.root = Some(root.into());
        self
    }

    /// What serves the components; by default MW_HOST says it, else whether there is a Spin on PATH.
    #[must_use]
    pub fn host(mut self, host: Option<Kind>) -> Self {
        self.host = host;
        self
    }

    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Whether providers have their limits and breakers. Not by default: the tests that share a stack would wait for
    /// each other's clips, and for the end of each other's faults.
    #[must_use]
    pub fn provider_limits(mut self, limits: bool) -> Self {
        self.provider_limits = limits;
        self
    }

    /// How many hosts share the database.
    #[must_use]
    pub fn hosts(mut self, hosts: usize) -> Self {
        self.hosts = hosts.max(1);
        self
    }

    /// Whether the sweep comes by itself.
    #[must_use]
    pub fn cron(mut self, cron: bool) -> Self {
        self.cron = cron;
        self
    }

    /// A cluster that does not wait for the disk.
    #[must_use]
    pub fn fast(mut self, fast: bool) -> Self {
        self.fast = fast;
        self
    }

    /// A server as services rent them out: TLS only, an administrator who is no superuser, and the roles of docs/deployment.md.
    #[must_use]
    pub fn managed(mut self, managed: bool) -> Self {
        self.managed = managed;
        self
    }

    /// This cluster and no other, whatever DATABASE_URL says.
    #[must_use]
    pub fn cluster(mut self, cluster: Cluster) -> Self {
        self.cluster = Some(cluster);
        self
    }

    /// Whether steps are shown.
    #[must_use]
    pub fn quiet(mut self, quiet: bool) -> Self {
        self.quiet = quiet;
        self
    }

    /// Sets one setting by its upper-case name, like `ADOPT_WAIT_SECONDS`.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.insert(name.into(), value.into());
        self
    }

    /// Starts a stack beside all others. DATABASE_URL in the environment names another server for its database.
    pub fn start(self) -> Result<Stack> {
        let root = self.root.map_or_else(folder::root, Ok)?;
        let host = Host::choose(self.host)?;
        let given = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty());
        let step = Step::begin("database", self.quiet);
        let database = match &self.cluster {
            Some(cluster) => Database::scratch_in(cluster)?,
            None if self.managed => Database::managed(&root)?,
            None => Database::scratch(&root, given.as_deref(), self.fast)?,
        };
        step.done("");
        let log =
            folder::state(&root).join("log").join(format!("{}-{}", std::process::id(), short(&secrets::random())));
        let mut fixed: BTreeMap<String, String> = secrets::names().map(|name| (name, secrets::made_up())).collect();
        fixed.extend(self.settings);
        let plan = Plan {
            root,
            host,
            mode: self.mode,
            log,
            fixed,
            settings: Settings::default(),
            inherit_variables: false,
            quiet: self.quiet,
        };
        let mut host_ports = Vec::new();
        for _ in 0..self.hosts {
            host_ports.push(ports::free()?);
        }
        let stack = Stack::start(plan, database, &host_ports, ports::free()?, self.cron)?;
        if !self.provider_limits {
            lift_limits(stack.database().url())?;
        }
        Ok(stack)
    }
}

fn lift_limits(database_url: &str) -> Result<()> {
    let lift = "UPDATE provider_states SET starts_max = NULL, open_jobs_max = NULL, in_flight_max = NULL,
                breaker_failures = 1000000";
    migrations::connect(database_url)?.batch_execute(lift).while_doing("lift the providers' limits")
}

fn short(random: &str) -> &str {
    random.get(..6).unwrap_or(random)
}
