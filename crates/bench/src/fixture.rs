//! What is measured: a stack of our own beside a floor, or a host that runs elsewhere (`--against`).

use crate::figures;
use crate::load::{self, Body, Measured, Pace};
use anyhow::{Context, Result, ensure};
use http::Request;
use mw::mode::Mode;
use mw_integrations::{Webhook, registry};
use mw_media::job::JobKind;
use mw_sim::Provider;
use mw_stack::builder::Builder;
use mw_stack::host::Kind;
use mw_stack::process::Process;
use mw_stack::stack::Stack;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Limits are for people; here they would be what is measured.
const LIMITS: [&str; 5] = [
    "RUNS_START_PER_MINUTE",
    "HITL_APPROVE_PER_MINUTE",
    "CHAT_PER_MINUTE",
    "RUNS_BULK_PER_MINUTE",
    "CONSOLE_LOGIN_PER_MINUTE",
];

pub(crate) struct Fixture {
    pub(crate) base: String,
    pub(crate) key: String,
    /// Whose deliveries are signed without their body, and with which secret: a callback pokes, and a receipt has a budget.
    pub(crate) poking: Signing,
    /// Whose deliveries are signed with their body, so that each gets its receipt.
    pub(crate) signing: Signing,
    pub(crate) database_url: String,
    /// Where the floor is, if there is one.
    pub(crate) floor: Option<String>,
    /// What serves the product, as figures name it.
    pub(crate) host: String,
    /// Where the simulator is, in sim mode.
    pub(crate) simulator: Option<String>,
    /// `None` where it runs elsewhere.
    pub(crate) stack: Option<Stack>,
    _floor: Option<Process>,
    agent: ureq::Agent,
}

/// A provider whose deliveries we make, as it would sign them.
#[derive(Debug, Clone)]
pub(crate) struct Signing {
    pub(crate) player: Provider,
    secret: String,
}

impl Signing {
    fn of(nature: fn(&Webhook) -> bool, setting: impl Fn(&str) -> Result<String>) -> Result<Signing> {
        let signed = registry::webhooks().filter_map(|webhook| Some((webhook, webhook.secret?)));
        let found = signed.into_iter().find(|(webhook, _)| nature(webhook));
        let (webhook, secret) = found.context("no provider signs like that")?;
        let player = Provider::named(webhook.system.name).context("nobody simulates it")?;
        Ok(Signing { player, secret: setting(&secret.to_ascii_uppercase())? })
    }

    /// A provider's word that a task is done.
    pub(crate) fn told(&self, task: &str, url: &str) -> (Vec<(&'static str, String)>, String) {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (headers, body) = self.player.lie(task, url, &self.secret, at).unwrap_or_default();
        (headers, body.to_string())
    }

    pub(crate) fn delivery(&self, path: &str, task: &str, url: &str) -> Request<Body> {
        let (headers, body) = self.told(task, url);
        let request = Request::post(path).header("content-type", "application/json");
        let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        request.body(body.into()).unwrap_or_default()
    }

    /// Where its deliveries go.
    pub(crate) fn path(&self, job: &str) -> String {
        format!("/v1/webhooks/{}?job={job}", self.player.name())
    }
}

impl Fixture {
    /// One host and PostgreSQL with fsync, beside all others.
    pub(crate) fn start(host: Option<Kind>, mode: Mode, part: figures::Stack) -> Result<Fixture> {
        let mut builder =
            Builder::new().host(host).mode(mode).cron(part == figures::Stack::Idle).setting("LOG_LEVEL", "warn");
        if part == figures::Stack::Model {
            builder = builder.setting("OPENAI_API_KEY", "dev-openai-key");
        }
        let stack = LIMITS.into_iter().fold(builder, |builder, name| builder.setting(name, "100000000")).start()?;
        let (process, floor) = stack.serve("floor", "crates/bench/floor/spin.toml")?;
        let setting = |name: &str| stack.setting(name).unwrap_or_default().to_owned();
        Ok(Fixture {
            base: stack.base_url(),
            host: stack.kind_of_host().to_string(),
            key: setting("API_KEY"),
            poking: Signing::of(|webhook| !webhook.signs_body, |name| Ok(setting(name)))?,
            signing: Signing::of(|webhook| webhook.signs_body, |name| Ok(setting(name)))?,
            database_url: stack.database().url().to_owned(),
            floor: Some(floor),
            simulator: stack.simulator_url(),
            stack: Some(stack),
            _floor: Some(process),
            agent: agent(),
        })
    }

    /// A product that runs: its keys and its database are in the environment.
    pub(crate) fn elsewhere(base: &str, floor: Option<&str>) -> Result<Fixture> {
        let setting =
            |name: &str| std::env::var(name).with_context(|| format!("--against needs {name} in the environment"));
        Ok(Fixture {
            base: base.trim_end_matches('/').to_owned(),
            host: format!("what runs at {base}"),
            key: setting("API_KEY")?,
            poking: Signing::of(|webhook| !webhook.signs_body, setting)?,
            signing: Signing::of(|webhook| webhook.signs_body, setting)?,
            database_url: setting("DATABASE_URL")?,
            floor: floor.map(str::to_owned),
            simulator: std::env::var("SIMULATOR_URL").ok(),
            stack: None,
            _floor: None,
            agent: agent(),
        })
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let request = self.agent.post(format!("{}{path}", self.base)).header("x-api-key", &self.key);
        let mut answer = request.send_json(body)?;
        ensure!(
            answer.status().is_success(),
            "POST {path}: {} {}",
            answer.status(),
            answer.body_mut().read_to_string()?
        );
        Ok(answer.body_mut().read_json()?)
    }

    /// A run of this project; its id.
    pub(crate) fn start_run(&self, project: &str) -> Result<String> {
        let run = self.post("/v1/runs/start", &json!({"project": project, "input": {"topic": "candles"}}))?;
        Ok(run["runId"].as_str().context("no runId")?.to_owned())
    }

    pub(crate) fn approve(&self, run_id: &str, gate: &str) -> Result<Value> {
        self.post(&format!("/v1/hitl/approve/{run_id}/{gate}"), &json!({}))
    }

    /// Ends a run.
    pub(crate) fn cancel(&self, run_id: &str) -> Result<Value> {
        self.post(&format!("/v1/runs/{run_id}/cancel"), &json!({"reason": "measured"}))
    }

    /// How long the simulator takes for a clip.
    pub(crate) fn clips_take(&self, milliseconds: u64) -> Result<()> {
        let simulator = self.simulator.as_deref().context("there is no simulator")?;
        let mut makers = registry::job_providers().filter(|(_, jobs)| jobs.makes().contains(&JobKind::Generate));
        let (maker, _) = makers.next().context("nobody makes clips")?;
        let latency = Value::Object([(maker.variable("ms"), milliseconds.into())].into_iter().collect());
        let answer = self.agent.post(format!("{simulator}/_sim/latency")).send_json(latency)?;
        ensure!(answer.status().is_success(), "the simulator answered {}", answer.status());
        Ok(())
    }

    pub(crate) fn database(&self) -> Result<postgres::Client> {
        Ok(mw::migrations::connect(&self.database_url)?)
    }

    /// What the simulator has seen.
    pub(crate) fn simulated(&self) -> Result<Value> {
        let simulator = self.simulator.as_deref().context("there is no simulator")?;
        Ok(self.agent.get(format!("{simulator}/_sim/state")).call()?.body_mut().read_json()?)
    }

    /// What the simulated language model was asked with a text in it.
    pub(crate) fn model_requests(&self, contains: &str) -> Result<Value> {
        let simulator = self.simulator.as_deref().context("there is no simulator")?;
        let address = format!("{simulator}/_sim/llm/requests?contains={contains}");
        Ok(self.agent.get(address).call()?.body_mut().read_json()?)
    }

    /// An authenticated request, for [`load::run`].
    pub(crate) fn request(&self, method: &str, path: &str, body: String) -> http::Request<Body> {
        let request = http::Request::builder().method(method).uri(path).header("x-api-key", &self.key);
        request.header("content-type", "application/json").body(body.into()).unwrap_or_default()
    }

    pub(crate) fn load(
        &self,
        connections: usize,
        pace: Pace,
        during: Duration,
        make: impl Fn(u64) -> http::Request<Body> + 'static,
    ) -> Result<Measured> {
        load::run(&self.base, connections, pace, during, make)
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(120)))
        .build()
        .into()
}
