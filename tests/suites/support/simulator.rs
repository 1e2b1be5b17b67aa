//! The provider simulator's controls. Its faults strike whoever comes, so tests that switch them on have it to
//! themselves (`storm`), and tests whose runs pass through it say so (`calm`).

use super::service::{Service, service};
use serde_json::{Value, json};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static WEATHER: RwLock<()> = RwLock::new(());

/// No faults while this is held.
pub(crate) fn calm() -> RwLockReadGuard<'static, ()> {
    WEATHER.read().unwrap_or_else(PoisonError::into_inner)
}

/// The simulator for this test alone, which is ignored where there is none. Everything is put right when it is dropped.
pub(crate) fn storm() -> Storm {
    let alone = WEATHER.write().unwrap_or_else(PoisonError::into_inner);
    let storm = Storm { simulator: Simulator::of(service()), _alone: alone };
    storm.put_right();
    storm
}

pub(crate) struct Storm {
    simulator: Simulator,
    _alone: RwLockWriteGuard<'static, ()>,
}

impl Storm {
    fn put_right(&self) {
        self.simulator.control("DELETE", "/_sim/faults", &Value::Null);
        self.simulator.release();
        self.simulator.latency(json!({"kieai_ms": 300, "shotstack_ms": 300, "upload_post_ms": 300}));
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return self.put_right();
        }
        // A second panic would hide the first.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.put_right()));
    }
}

impl std::ops::Deref for Storm {
    type Target = Simulator;

    fn deref(&self) -> &Simulator {
        &self.simulator
    }
}

/// Its control API.
#[derive(Debug, Clone)]
pub(crate) struct Simulator {
    service: Service,
}

impl Simulator {
    pub(crate) fn of(service: &Service) -> Simulator {
        let url = service.sim_url.clone().expect("this stack has a simulator");
        Simulator { service: service.through(&url) }
    }

    fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let call = self.service.call(method, path).json(body);
        let answer = call.try_send().unwrap_or_else(|error| panic!("simulator: {error}"));
        answer.expect(200).json()
    }

    pub(crate) fn state(&self) -> Value {
        self.control("GET", "/_sim/state", &Value::Null)
    }

    /// Switches one fault on, or several.
    pub(crate) fn fault(&self, rule: Value) {
        self.control("POST", "/_sim/faults", &rule);
    }

    pub(crate) fn clear(&self) {
        self.control("DELETE", "/_sim/faults", &Value::Null);
    }

    /// What the language model answers from now on: by the name of the schema, or under `script` what
    /// crates/sim/src/llm/script.rs says.
    pub(crate) fn model_says(&self, answers: Value) {
        self.control("POST", "/_sim/llm", &answers);
    }

    /// What the model was asked, where a text is in it, and what it said; oldest first.
    pub(crate) fn model_requests(&self, contains: &str) -> Vec<Value> {
        let answer = self.control("GET", &format!("/_sim/llm/requests?contains={contains}"), &Value::Null);
        answer["requests"].as_array().cloned().unwrap_or_default()
    }

    /// Keeps callbacks until they are released.
    pub(crate) fn hold(&self) {
        self.control("POST", "/_sim/callbacks/hold", &Value::Null);
    }

    pub(crate) fn release(&self) -> u64 {
        self.control("POST", "/_sim/callbacks/release", &Value::Null)["released"].as_u64().unwrap()
    }

    pub(crate) fn held(&self) -> u64 {
        self.state()["held_callbacks"].as_u64().unwrap_or(0)
    }

    pub(crate) fn latency(&self, milliseconds: Value) {
        self.control("POST", "/_sim/latency", &milliseconds);
    }

    /// What bots have sent, oldest first: to one address, or all of it.
    pub(crate) fn messages(&self, address: Option<&str>) -> Vec<Value> {
        let query = address.map(|address| format!("?address={address}")).unwrap_or_default();
        let answer = self.control("GET", &format!("/_sim/messages{query}"), &Value::Null);
        answer["messages"].as_array().cloned().unwrap_or_default()
    }

    /// Spans of a run that the collector has.
    pub(crate) fn spans(&self, run_id: &str) -> Vec<Value> {
        let answer = self.control("GET", &format!("/_sim/spans?run_id={run_id}"), &Value::Null);
        answer["spans"].as_array().cloned().unwrap_or_default()
    }

    /// Errors of a run that Sentry has.
    pub(crate) fn errors(&self, run_id: &str) -> Vec<Value> {
        let answer = self.control("GET", &format!("/_sim/errors?run_id={run_id}"), &Value::Null);
        answer["errors"].as_array().cloned().unwrap_or_default()
    }

    /// Somebody presses a button; what our webhook answered.
    pub(crate) fn press(&self, press: &Value) -> Value {
        self.control("POST", "/_sim/press", press)
    }

    /// Somebody writes to the bot; what our webhook answered.
    pub(crate) fn say(&self, words: &Value) -> Value {
        self.control("POST", "/_sim/say", words)
    }

    /// A group of Telegram becomes a supergroup with another id.
    pub(crate) fn upgrade(&self, upgrade: &Value) {
        self.control("POST", "/_sim/upgrade", upgrade);
    }

    /// A channel of Slack gets another id; what our address for events answered.
    pub(crate) fn convert(&self, convert: &Value) -> Value {
        self.control("POST", "/_sim/convert", convert)
    }

    /// The provider's tasks that belong to a run: by its id in the callback URL, or by our jobs.
    pub(crate) fn tasks(&self, job_ids: &[String]) -> Vec<Value> {
        let state = self.state();
        let tasks = state["tasks"].as_array().cloned().unwrap_or_default();
        let is_ours = |task: &Value| task["job_id"].as_str().is_some_and(|job| job_ids.iter().any(|ours| ours == job));
        tasks.into_iter().filter(is_ours).collect()
    }
}
