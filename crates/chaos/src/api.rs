//! The product over HTTP, as clients see it while it is being broken: any call may come back without an answer.

use crate::ledger::Ledger;
use serde_json::Value;
use std::time::Duration;

/// Longer than any answer of a healthy host.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn is_acknowledged(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.body.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

/// All hosts of the stack, and the simulator.
pub(crate) struct Api {
    agent: ureq::Agent,
    pub(crate) hosts: Vec<String>,
    pub(crate) simulator: String,
    pub(crate) key: String,
    pub(crate) sweep_key: String,
}

impl Api {
    pub(crate) fn new(hosts: Vec<String>, simulator: String, key: String, sweep_key: String) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
        Self { agent: agent.into(), hosts, simulator, key, sweep_key }
    }

    /// Asks a host with the API key; `None` when no answer came.
    pub(crate) fn ask(&self, ledger: &Ledger, host: usize, path: &str, body: Option<&Value>) -> Option<Answer> {
        self.ask_with(ledger, host, path, body, &[("x-api-key", &self.key)])
    }

    /// The same with other headers: POST when there is a body, else GET.
    pub(crate) fn ask_with(
        &self,
        ledger: &Ledger,
        host: usize,
        path: &str,
        body: Option<&Value>,
        headers: &[(&str, &str)],
    ) -> Option<Answer> {
        self.send(ledger, host, path, body.map(Value::to_string).as_deref(), headers)
    }

    pub(crate) fn send(
        &self,
        ledger: &Ledger,
        host: usize,
        path: &str,
        body: Option<&str>,
        headers: &[(&str, &str)],
    ) -> Option<Answer> {
        let base = self.hosts.get(host % self.hosts.len().max(1))?;
        let answer = self.call(&format!("{base}{path}"), if body.is_some() { "POST" } else { "GET" }, body, headers);
        ledger.answered(path, answer.as_ref());
        answer
    }

    /// The simulator's control.
    pub(crate) fn simulator(&self, method: &str, path: &str, body: &Value) -> Option<Answer> {
        self.call(&format!("{}/_sim/{path}", self.simulator), method, Some(&body.to_string()), &[])
    }

    fn call(&self, url: &str, method: &str, body: Option<&str>, headers: &[(&str, &str)]) -> Option<Answer> {
        let mut request = http::Request::builder().method(method).uri(url).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = match method {
            "GET" => self.agent.run(request.body(()).ok()?),
            _ => self.agent.run(request.body(body.unwrap_or_default().to_owned()).ok()?),
        };
        let mut answer = sent.ok()?;
        let status = answer.status().as_u16();
        // An answer that breaks off is none. The simulator's state is long.
        let text = answer.body_mut().with_config().limit(1 << 30).read_to_string().ok()?;
        Some(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::Null) })
    }
}
