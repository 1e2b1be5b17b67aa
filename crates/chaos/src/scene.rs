//! The stack under fire, and the superuser's view of its database, which no limit binds.

use crate::api::Api;
use crate::ledger::Ledger;
use crate::messages::KnownTask;
use mw::error::{Error, Result, While};
use mw::folder;
use mw_stack::builder::Builder;
use mw_stack::cluster::{Cluster, InUse};
use mw_stack::stack::Stack;
use postgres::{Client, Row, types::ToSql};
use std::time::{Duration, Instant};

/// So long may a killed host take until it serves again: its port may be somebody else's for a moment.
const HOST_BACK_WITHIN: Duration = Duration::from_secs(180);

/// A stack with a cluster of its own, which may be crashed, limits that nobody reaches, and short waits.
pub(crate) fn stack(hosts: usize) -> Result<Stack> {
    let root = folder::root()?;
    [
        ("RUNS_START_PER_MINUTE", "1000000"),
        ("HITL_APPROVE_PER_MINUTE", "1000000"),
        ("CHAT_PER_MINUTE", "1000000"),
        ("ADOPT_WAIT_SECONDS", "8"),
        // Personas ask the simulated model.
        ("OPENAI_API_KEY", "dev-chaos"),
    ]
    .into_iter()
    .fold(Builder::new(), |builder, (name, value)| builder.setting(name, value))
    .root(&root)
    .cluster(Cluster::chaos(&root))
    .hosts(hosts)
    .quiet(false)
    .start()
}

pub(crate) struct Scene<'a> {
    pub(crate) stack: &'a mut Stack,
    pub(crate) api: &'a Api,
    pub(crate) ledger: &'a Ledger,
    /// For what a fault meets; what comes is the plan's.
    pub(crate) random: fastrand::Rng,
    pub(crate) hosts: usize,
}

impl Scene<'_> {
    pub(crate) fn setting(&self, name: &str) -> String {
        self.stack.setting(name).unwrap_or_default().to_owned()
    }

    pub(crate) fn cluster(&self) -> Result<&InUse> {
        self.stack.database().cluster().ok_or_else(|| Error::misuse("chaos needs a cluster of its own"))
    }

    /// The name of the stack's database.
    pub(crate) fn database(&self) -> String {
        let url = self.stack.database().url();
        let path = url.rsplit('/').next().unwrap_or_default();
        path.split('?').next().unwrap_or_default().to_owned()
    }

    pub(crate) fn admin(&self) -> Result<Client> {
        let url = self.cluster()?.superuser_url(&self.database())?;
        mw::migrations::connect(&url)
    }

    pub(crate) fn rows(&self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        self.admin()?.query(sql, parameters).while_doing("ask the database")
    }

    /// An open run, the first from a random place.
    pub(crate) fn some_open_run(&mut self, condition: &str) -> Result<Option<(String, Option<String>)>> {
        let from = self.random_id();
        let sql = format!(
            "SELECT run_id, awaiting_gate FROM runs WHERE finished_at IS NULL AND {condition} \
             ORDER BY run_id < $1, run_id LIMIT 1"
        );
        Ok(self.rows(&sql, &[&from])?.first().map(|row| (row.get(0), row.get(1))))
    }

    /// A job that its provider knows, of any run, ended ones included.
    pub(crate) fn some_task(&mut self) -> Result<KnownTask> {
        let from = self.random_id();
        let sql = "SELECT run_id, job_id, task_id FROM provider_jobs WHERE task_id IS NOT NULL AND job_id >= $1 ORDER BY job_id LIMIT 1";
        let known = self.rows(sql, &[&from])?.first().map(|row| KnownTask {
            run_id: row.get(0),
            job_id: row.get(1),
            task_id: row.get(2),
        });
        Ok(known.unwrap_or(KnownTask { run_id: from.clone(), job_id: from.clone(), task_id: from }))
    }

    fn random_id(&mut self) -> String {
        uuid::Uuid::from_u128(self.random.u128(..)).to_string()
    }

    /// Starts a host again until it serves.
    pub(crate) fn bring_back(&mut self, host: usize) -> Result<()> {
        let began = Instant::now();
        loop {
            match self.stack.start_host_again(host) {
                Err(_) if began.elapsed() < HOST_BACK_WITHIN => mw::signals::pause(Duration::from_secs(1))?,
                result => return result,
            }
        }
    }
}
