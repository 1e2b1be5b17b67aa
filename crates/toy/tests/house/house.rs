//! One test's house: a database of its own, a clock, the product's handlers, and counting runs in it.

use crate::migrated::migrate;
use mw_edge::config::Config;
use mw_edge::database::{Answer, Way};
use mw_edge::route::answer;
use mw_edge::{Context, Problem, Request, Response};
use mw_engine::{Exports, Links, Notify, Report, Settings, World};
use mw_integrations::{HttpClient, TransportError};
use mw_kernel::Timestamp;
use mw_kernel::gate_policy::GatePolicy;
use mw_kernel::run::{self, AnyCommand, AnyRun, Order, Transition};
use mw_store::commit::{self, Committed, Decision, TransitionError};
use mw_store::doctor::{Finding, Scope, examine};
use mw_store::native::Client;
use mw_store::{Database, DbError, Param, statement};
use mw_toy::{Counting, KINDS};
use postgres::types::ToSql;
use std::cell::RefCell;
use time::Duration;

const KEY: &str = "a-long-api-key-of-the-house";

pub(crate) struct House {
    pub(crate) url: String,
    admin: String,
    name: String,
    /// How far the clock is ahead of the wall; routes and pages know the wall only.
    pub(crate) ahead: Duration,
}

impl House {
    pub(crate) fn new() -> House {
        let admin = std::env::var("DATABASE_URL").expect("DATABASE_URL: run the tests with `mw-stack db --fast --`");
        let name = format!("toy_{}", uuid::Uuid::new_v4().simple());
        Client::connect(&admin).unwrap().driver().batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
        let (server, query) = admin
            .split_once('?')
            .map_or((admin.as_str(), String::new()), |(server, query)| (server, format!("?{query}")));
        let url = format!("{}/{name}{query}", server.rsplit_once('/').unwrap().0);
        let house = House { url, admin, name, ahead: Duration::ZERO };
        migrate(&mut house.db());
        house.db().driver().batch_execute(WORDS).unwrap();
        house
    }

    pub(crate) fn db(&self) -> Client {
        Client::connect(&self.url).unwrap()
    }

    /// A run that counts so far begins.
    pub(crate) fn start(&self, target: u32) -> String {
        self.start_with(target, &GatePolicy::default())
    }

    pub(crate) fn start_with(&self, target: u32, policy: &GatePolicy) -> String {
        let transition = self.begun(target, policy);
        let run_id = transition.run.run_id.clone();
        let decision = Decision { transition: Some(transition), ..Decision::default() };
        let answer = commit::commit(&mut self.db(), self.now(), &[decision]).unwrap();
        assert_eq!(answer.results, [Committed::Committed]);
        run_id
    }

    /// The start of a run, not yet committed.
    pub(crate) fn begun(&self, target: u32, policy: &GatePolicy) -> Transition {
        let mut new_id = fresh_id;
        let mut context = run::Context { now: self.now(), new_id: &mut new_id };
        mw_toy::start(&fresh_id(), target, policy, &mut context).erase().unwrap()
    }

    pub(crate) fn run(&self, run_id: &str) -> AnyRun {
        mw_store::runs::load(&mut self.db(), self.now(), run_id, None).unwrap().run.unwrap()
    }

    pub(crate) fn status(&self, run_id: &str) -> String {
        self.run(run_id).status.to_string()
    }

    /// Tells the run a command, as every caller does.
    pub(crate) fn tell(&self, run_id: &str, command: &AnyCommand) -> Result<AnyRun, TransitionError> {
        let mut new_id = fresh_id;
        let mut context = run::Context { now: self.now(), new_id: &mut new_id };
        let run = self.run(run_id);
        commit::transition(&mut self.db(), KINDS, run, command, "tester", &mut context).map(|moved| moved.run)
    }

    pub(crate) fn order(&self, run_id: &str, order: &Order) -> Result<AnyRun, TransitionError> {
        let mut new_id = fresh_id;
        let mut context = run::Context { now: self.now(), new_id: &mut new_id };
        let run = self.run(run_id);
        commit::order(&mut self.db(), KINDS, run, order, "why", "tester", &mut context).map(|moved| moved.run)
    }

    /// Carries out whatever is due.
    pub(crate) fn dispatch(&mut self) -> Report {
        self.dispatch_over(&Outside::default())
    }

    pub(crate) fn dispatch_over(&mut self, outside: &Outside) -> Report {
        let telegram = mw_integrations::Settings { base_url: "http://telegram.test".into(), api_key: "bot".into() };
        let links = Links {
            secret: "a-long-hitl-secret".into(),
            public_base_url: "https://myloware.example".into(),
            expiry_hours: 24,
        };
        let notify = Notify { bots: [("telegram", telegram)].into(), links: Some(links) };
        let settings = Settings { notify, exports: Exports::default() };
        futures::executor::block_on(mw_engine::work(self, outside, KINDS, &[&Counting], &settings)).unwrap()
    }

    pub(crate) fn sweep(&self) -> mw_sweep::Report {
        let (now, mut new_id) = (self.now(), fresh_id);
        let exports = mw_store::sweep::Exports::default();
        mw_sweep::sweep(&mut self.db(), KINDS, now, "tester", exports, &mut new_id, &Default::default).unwrap()
    }

    /// Names of the run's events, in order.
    pub(crate) fn events(&self, run_id: &str) -> Vec<String> {
        let sql = "SELECT type FROM run_events WHERE run_id = $1 ORDER BY seq";
        self.db().driver().query(sql, &[&run_id]).unwrap().iter().map(|row| row.get(0)).collect()
    }

    pub(crate) fn findings(&self, scope: &Scope) -> Vec<Finding> {
        examine(&mut self.db(), KINDS, self.now(), scope, &mut |_| {}).unwrap().findings
    }

    /// One request with the environment's key, to whichever component has its route.
    pub(crate) fn ask(&self, method: &str, target: &str, body: &str) -> Result<Response, Problem> {
        self.send(method, target, &[("x-api-key", KEY), ("content-type", "application/json")], body)
    }

    pub(crate) fn json(&self, method: &str, target: &str, body: &str) -> serde_json::Value {
        let answer = self.ask(method, target, body).unwrap_or_else(|problem| panic!("{target}: {problem:?}"));
        serde_json::from_slice(&answer.body).unwrap()
    }

    pub(crate) fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Response, Problem> {
        let variables = [
            ("api_key", KEY),
            ("hitl_secret", "a-long-hitl-secret"),
            ("public_base_url", "http://house.test"),
            ("database_url", self.url.as_str()),
            ("providers_mode", "mock"),
            ("log_level", "error"),
        ];
        let mut context = Context::with(Native::open, Config::of(&variables), "request-1".to_owned());
        context.kinds = KINDS;
        let mut request = Request::in_memory(method, target, headers, body);
        match request.segments().first().map(String::as_str) {
            Some("console") if method == "GET" || target == "/console/login" => {
                mw_console::pages(&mut request, &mut context)
            }
            Some("console") => mw_console::actions(&mut request, &mut context),
            _ => answer(mw_routes::TABLES, &mut request, &mut context),
        }
    }

    /// Signs in to the console: the session's cookie.
    pub(crate) fn sign_in(&self) -> String {
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")];
        let answer = self.send("POST", "/console/login", &headers, &format!("key={KEY}&next=/console")).unwrap();
        assert_eq!(answer.status, 303);
        let cookie = answer.headers.iter().find(|(name, _)| *name == "set-cookie").unwrap();
        cookie.1.split(';').next().unwrap().to_owned()
    }

    /// A page of the console.
    pub(crate) fn page(&self, cookie: &str, target: &str) -> String {
        let answer = self.send("GET", target, &[("cookie", cookie)], "").unwrap();
        let html = String::from_utf8(answer.body).unwrap();
        assert_eq!(answer.status, 200, "{target}: {html}");
        html
    }

    /// A form of the console is sent; the address that it leads to.
    pub(crate) fn press(&self, cookie: &str, target: &str, form: &str) -> String {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", "same-origin"),
            ("cookie", cookie),
        ];
        let answer = self.send("POST", target, &headers, form).unwrap();
        assert_eq!(answer.status, 303, "{}", String::from_utf8_lossy(&answer.body));
        let location = answer.headers.into_iter().find(|(name, _)| *name == "location").unwrap().1;
        // It is relative to the form's own address, and leads to one of ours from the root.
        format!("/{}", location.trim_start_matches("../"))
    }
}

/// The value of a form's hidden field on a page.
pub(crate) fn hidden<'a>(html: &'a str, name: &str) -> &'a str {
    let (_, rest) = html.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("no {name}"));
    rest.split_once('"').unwrap().0
}

impl Drop for House {
    fn drop(&mut self) {
        if let Ok(mut client) = Client::connect(&self.admin) {
            let _ = client.driver().batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        }
    }
}

impl World for House {
    fn database(&mut self) -> Result<Box<dyn Database + '_>, DbError> {
        Ok(Box::new(Client::connect(&self.url)?))
    }

    fn now(&self) -> Timestamp {
        let now = Timestamp::now_utc() + self.ahead;
        now.replace_nanosecond(now.nanosecond() / 1000 * 1000).unwrap()
    }

    fn new_id(&mut self) -> String {
        fresh_id()
    }

    fn random(&mut self) -> u8 {
        0
    }

    fn sleep(&mut self, duration: Duration) {
        self.ahead += duration;
    }
}

/// Whoever is asked outside says "yes"; what they were sent is kept.
#[derive(Default)]
pub(crate) struct Outside(pub(crate) RefCell<Vec<String>>);

impl HttpClient for Outside {
    async fn send(&self, request: http::Request<Vec<u8>>) -> Result<http::Response<Vec<u8>>, TransportError> {
        self.0.borrow_mut().push(String::from_utf8_lossy(request.body()).into_owned());
        Ok(http::Response::new(br#"{"ok":true,"result":{}}"#.to_vec()))
    }
}

/// The database as handlers reach it.
struct Native(Client);

impl Way for Native {
    fn open(config: &Config, _: &str) -> Box<dyn Way> {
        Box::new(Native(Client::connect(&config.optional("database_url").unwrap()).unwrap()))
    }

    fn query(&mut self, function: &str, params: &[Param<'_>]) -> Result<Answer, DbError> {
        let values: Vec<&(dyn ToSql + Sync)> = params
            .iter()
            .map(|param| match param {
                Param::Json(text) | Param::Observation(text) => text as &(dyn ToSql + Sync),
                Param::Bytes(bytes) => bytes,
            })
            .collect();
        let row = self.0.driver().query_one(&statement(function, params), &values);
        row.map(|row| Answer { text: row.get(0), recorded: row.try_get(1).unwrap_or(false) })
            .map_err(|error| DbError::Failed(format!("{function}: {error:?}")))
    }
}

pub(crate) fn fresh_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A CHECK for the words of this kind, as a kind that is shipped brings it in a file of its own.
const WORDS: &str = "ALTER TABLE runs ADD CONSTRAINT runs_counter_status CHECK (kind <> 'counter' OR CASE
    WHEN ended = 'done' THEN status = 'counted'
    WHEN ended IS NOT NULL OR status = 'paused' THEN true
    WHEN awaiting_gate IS NOT NULL THEN status = 'checking'
    ELSE status IN ('counting', 'resting') END)";
