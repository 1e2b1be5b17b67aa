//! One test's world: a database, a simulator, a clock, and the runs in it.

use crate::migrated::migrate;
use mw_engine::{Links, Notify, Report, Settings, World, media};
use mw_integrations::otlp::{Collector, Service};
use mw_integrations::sentry::Dsn;
use mw_integrations::system::System;
use mw_integrations::{HttpClient, TransportError, llm, registry};
use mw_kernel::run::{AnyRun, KindOf, Kinds, Transition};
use mw_media::Timestamp;
use mw_media::definition::{Definition, Step};
use mw_media::gate_policy::GatePolicy;
use mw_media::principal::Principal;
use mw_media::run::{
    Command, Context, Decided, GateDecision, Input, Media, PersonaSource, Recorded, Run, StartRequest, start,
};
use mw_media::status::{Channel, GateName, ProvidersMode, Status, Verdict};
use mw_store::commit::{Committed, Decision, commit, transition};
use mw_store::doctor::{Finding, Scope, examine};
use mw_store::native::Client;
use mw_store::sweep::Exports;
use mw_store::webhooks::{Accepted, Delivery, Match, accept};
use mw_store::{Database, DbError, runs};
use mw_toy::Counting;
use serde_json::{Value, json};
use time::Duration;

/// The kinds of these tests: the product's, and one that it does not know.
pub(crate) const KINDS: Kinds = Kinds(&[&KindOf::<Media>::new(), &KindOf::<mw_toy::Counter>::new()]);

pub(crate) struct Engine {
    pub(crate) database_url: String,
    admin_url: String,
    name: String,
    pub(crate) sim: String,
    /// How far the clock is ahead of the wall.
    pub(crate) ahead: Duration,
    pub(crate) settings: Settings,
    /// What performs the effects of media runs.
    pub(crate) media: media::Settings,
    /// What its sweeps say is exported: nothing, unless a test wants it.
    pub(crate) exports: Exports,
    /// What its sweeps are told of how long they take.
    pub(crate) sweep_takes: std::time::Duration,
    /// Connections opened so far, and which of them are refused.
    pub(crate) opened: u32,
    pub(crate) outage: std::ops::Range<u32>,
}

impl Engine {
    pub(crate) fn new() -> Engine {
        let admin_url =
            std::env::var("DATABASE_URL").expect("DATABASE_URL: run the tests with DATABASE_URL=$(mw-stack db)");
        let name = format!("engine_{}", uuid::Uuid::new_v4().simple());
        Client::connect(&admin_url).unwrap().driver().batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
        let database_url = beside(&admin_url, &name);
        migrate(&mut Client::connect(&database_url).unwrap());
        let sim = start_simulator();
        let simulated = |system: &'static System| {
            let base_url = format!("{sim}/{}", system.addresses[0].simulated);
            (system.name, mw_integrations::Settings { base_url, api_key: "key".into() })
        };
        let media = media::Settings {
            providers: registry::job_providers().map(|(system, _)| simulated(system)).collect(),
            llm: Some(llm::Settings {
                api: llm::Api::OpenAi,
                base_url: format!("{sim}/openai"),
                api_key: "key".into(),
                model: "sim".into(),
                dialect: llm::Learnt::default(),
            }),
            // Nobody listens there: callbacks are brought by the tests.
            webhook_base_url: "http://127.0.0.1:1".into(),
            adopt_wait_seconds: 90,
        };
        let settings = Settings {
            notify: Notify {
                bots: registry::messengers().map(|(system, _)| simulated(system)).collect(),
                links: Some(Links {
                    secret: "a-long-hitl-secret".into(),
                    public_base_url: "https://myloware.example".into(),
                    expiry_hours: 24,
                }),
            },
            exports: mw_engine::Exports {
                collector: Some(Collector {
                    endpoint: format!("{sim}/otlp"),
                    headers: vec![("x-api-key".into(), "a-long-collector-key".into())],
                }),
                sentry: Dsn::parse(&format!("{}/sentry/42", sim.replace("://", "://publickey@"))),
                service: Service { version: "1.2.3".into(), environment: "local".into() },
            },
        };
        let (ahead, exports, sweep_takes) = Default::default();
        Engine {
            database_url,
            admin_url,
            name,
            sim,
            ahead,
            settings,
            media,
            exports,
            sweep_takes,
            opened: 0,
            outage: 0..0,
        }
    }

    pub(crate) fn db(&self) -> Client {
        Client::connect(&self.database_url).unwrap()
    }

    /// Another dispatcher on the same database and simulator.
    pub(crate) fn twin(&self) -> Twin {
        Twin { database_url: self.database_url.clone(), ahead: self.ahead, opened: 0, outage: 0..0 }
    }

    pub(crate) fn start(&mut self, project: &str, mode: ProvidersMode, personas: PersonaSource) -> Run {
        let transition = self.born(project, mode, personas);
        self.commit_start(transition)
    }

    /// A run whose gates have this policy, in mock mode.
    pub(crate) fn start_with_policy(&mut self, policy: &GatePolicy) -> Run {
        let mut definition = definition("test_video_gen");
        for step in &mut definition.steps {
            if let Step::Gate { policy: held, .. } = step {
                *held = policy.clone();
            }
        }
        let transition = self.born_of(definition, ProvidersMode::Mock, PersonaSource::Rules);
        self.commit_start(transition)
    }

    pub(crate) fn commit_start(&mut self, transition: Decided) -> Run {
        let run = transition.run.clone();
        self.commit_any(transition.erase().unwrap());
        run
    }

    /// A run of any kind begins.
    pub(crate) fn commit_any(&mut self, transition: Transition) -> String {
        let run_id = transition.run.run_id.clone();
        let decision = Decision { transition: Some(transition), ..Decision::default() };
        assert_eq!(commit(&mut self.db(), self.now(), &[decision]).unwrap().results, [Committed::Committed]);
        run_id
    }

    /// A run's start, not yet committed.
    pub(crate) fn born(&self, project: &str, mode: ProvidersMode, personas: PersonaSource) -> Decided {
        self.born_of(definition(project), mode, personas)
    }

    fn born_of(&self, definition: Definition, mode: ProvidersMode, personas: PersonaSource) -> Decided {
        let request = StartRequest {
            run_id: fresh_id(),
            digest: definition.digest(),
            definition,
            input: Input { object: Some("candle".into()), ..Input::default() },
            options: json!({}),
            user_id: "user".into(),
            started_by: None,
            mode,
            personas,
            skip: Vec::new(),
            add: Vec::new(),
        };
        start(request, &mut Context { now: self.now(), new_id: &mut fresh_id }).unwrap()
    }

    /// A run whose clips are requested.
    pub(crate) fn generating(&mut self, project: &str) -> Run {
        let run = self.start(project, ProvidersMode::Sim, PersonaSource::Rules);
        self.approve(&run.run_id, mw_media::gate!("workflow"));
        self.approve(&run.run_id, mw_media::gate!("ideate"))
    }

    pub(crate) fn tell(&mut self, run_id: &str, command: &Command) -> Run {
        let run = self.any_run(run_id);
        let (now, command) = (self.now(), command.clone().erase());
        let mut new_id = fresh_id;
        let mut context = Context { now, new_id: &mut new_id };
        typed(&transition(&mut self.db(), KINDS, run, &command, "tester", &mut context).unwrap().run)
    }

    pub(crate) fn approve(&mut self, run_id: &str, gate: GateName) -> Run {
        self.tell(run_id, &approval(gate))
    }

    pub(crate) fn run(&self, run_id: &str) -> Run {
        typed(&self.any_run(run_id))
    }

    pub(crate) fn any_run(&self, run_id: &str) -> AnyRun {
        runs::load(&mut self.db(), self.now(), run_id, None).unwrap().run.unwrap()
    }

    /// Dispatches once: everything that is due now.
    pub(crate) fn dispatch(&mut self) -> Report {
        let (settings, media) = (self.settings.clone(), self.media.clone());
        futures::executor::block_on(mw_engine::work(self, &Http, KINDS, &[&media, &Counting], &settings)).unwrap()
    }

    /// Dispatches, and lets the time pass until the next effect is due, until the run waits for a person or has ended.
    pub(crate) fn carry(&mut self, run_id: &str) -> Run {
        for _ in 0..100 {
            self.dispatch();
            let run = self.run(run_id);
            if !run.gates.is_empty() || run.status.is_terminal() {
                return run;
            }
            self.pass_until_due();
        }
        panic!("the run goes nowhere: {:?}", self.open_effects());
    }

    /// Until an effect is due and, if its provider's breaker is open, until that lets a probe through.
    pub(crate) fn pass_until_due(&mut self) {
        let sql =
            "SELECT coalesce(extract(epoch FROM min(greatest(due_at, retry_at)) - $1::text::timestamptz), 60)::float8
                     FROM outbox LEFT JOIN provider_states USING (provider) WHERE state = 'due'";
        let now = mw_media::run::rfc3339(self.now());
        let seconds: f64 = self.db().driver().query_one(sql, &[&now]).unwrap().get(0);
        self.ahead += Duration::seconds_f64(seconds.max(0.0) + 0.001);
    }

    pub(crate) fn sweep(&mut self) -> mw_sweep::Report {
        let (now, takes) = (self.now(), self.sweep_takes);
        mw_sweep::sweep(&mut self.db(), KINDS, now, "tester", self.exports, &mut fresh_id, &|| takes).unwrap()
    }

    /// Where a provider is looked for.
    pub(crate) fn address_of(&mut self, provider: &str) -> &mut String {
        &mut self.media.providers.get_mut(provider).unwrap().base_url
    }

    pub(crate) fn fault(&self, rule: &Value) {
        ureq::post(format!("{}/_sim/faults", self.sim)).send_json(rule).unwrap();
    }

    pub(crate) fn sim_state(&self) -> Value {
        ureq::get(format!("{}/_sim/state", self.sim)).call().unwrap().body_mut().read_json().unwrap()
    }

    /// Task ids that the simulator has for one of our jobs.
    pub(crate) fn tasks_of(&self, job_id: &str) -> Vec<String> {
        let state = self.sim_state();
        let tasks = state["tasks"].as_array().unwrap().iter();
        tasks.filter(|task| task["job_id"] == job_id).map(|task| task["task_id"].as_str().unwrap().to_owned()).collect()
    }

    /// A callback as its component would accept it.
    pub(crate) fn callback(&self, provider: &str, job_id: &str, task_id: &str) -> Accepted {
        let delivery = Delivery {
            provider,
            key: &fresh_id(),
            headers: json!({}),
            query: "",
            signature_status: "unsigned",
            trusted: false,
            ignore: false,
            matching: Match { job_id: Some(job_id.to_owned()), ..Match::default() },
            hint: json!({"task_id": task_id}),
        };
        accept(&mut self.db(), self.now(), &delivery, b"{}").unwrap()
    }

    /// Names of the run's events.
    pub(crate) fn events(&self, run_id: &str) -> Vec<Recorded> {
        let sql = "SELECT body FROM run_events WHERE run_id = $1 ORDER BY seq";
        let rows = self.db().driver().query(sql, &[&run_id]).unwrap();
        let events: Vec<Recorded> = rows.iter().map(|row| serde_json::from_str(row.get(0)).unwrap()).collect();
        assert_eq!(self.findings(Scope::run(run_id)), []);
        events
    }

    /// Names of the events of a run of any kind.
    pub(crate) fn names(&self, run_id: &str) -> Vec<String> {
        let sql = "SELECT type FROM run_events WHERE run_id = $1 ORDER BY seq";
        self.db().driver().query(sql, &[&run_id]).unwrap().iter().map(|row| row.get(0)).collect()
    }

    /// What the doctor finds.
    pub(crate) fn findings(&self, scope: Scope) -> Vec<Finding> {
        examine(&mut self.db(), KINDS, self.now(), &scope, &mut |_| {}).unwrap().findings
    }

    pub(crate) fn count_events(&self, run_id: &str, name: &str) -> usize {
        self.events(run_id).iter().filter(|event| event.event.name() == name).count()
    }

    /// What is not done, for the message of a failed test.
    pub(crate) fn open_effects(&self) -> Vec<String> {
        let sql = "SELECT to_jsonb(outbox)::text FROM outbox WHERE state <> 'done'";
        self.db().driver().query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
    }

    pub(crate) fn count(&self, sql: &str) -> i64 {
        self.db().driver().query_one(sql, &[]).unwrap().get(0)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Ok(mut client) = Client::connect(&self.admin_url) {
            let _ = client.driver().batch_execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        }
    }
}

pub(crate) struct Twin {
    database_url: String,
    ahead: Duration,
    opened: u32,
    outage: std::ops::Range<u32>,
}

impl Twin {
    /// Dispatches once.
    pub(crate) fn work(&mut self, settings: &Settings, media: &media::Settings) -> Report {
        futures::executor::block_on(mw_engine::work(self, &Http, KINDS, &[media, &Counting], settings)).unwrap()
    }
}

macro_rules! world {
    ($name:ty) => {
        impl World for $name {
            fn database(&mut self) -> Result<Box<dyn Database + '_>, DbError> {
                self.opened += 1;
                if self.outage.contains(&self.opened) {
                    return Err(DbError::Unavailable("too many connections".into()));
                }
                Ok(Box::new(Client::connect(&self.database_url)?))
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
    };
}
world!(Engine);
world!(Twin);

/// The providers' port over a blocking client.
pub(crate) struct Http;

impl HttpClient for Http {
    async fn send(&self, request: http::Request<Vec<u8>>) -> Result<http::Response<Vec<u8>>, TransportError> {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = agent.run(request).map_err(|error| match error {
            ureq::Error::ConnectionFailed | ureq::Error::HostNotFound => TransportError::NotSent(error.to_string()),
            ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => {
                TransportError::NotSent(io.to_string())
            }
            other => TransportError::Unanswered(other.to_string()),
        })?;
        let body = answer.body_mut().read_to_vec().map_err(|error| TransportError::Unanswered(error.to_string()))?;
        let (parts, _) = answer.into_parts();
        Ok(http::Response::from_parts(parts, body))
    }
}

pub(crate) fn definition(project: &str) -> Definition {
    let path = format!("{}/../../projects/{project}.json", env!("CARGO_MANIFEST_DIR"));
    Definition::from_json(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn fresh_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

pub(crate) fn approval(gate: GateName) -> Command {
    Command::DecideGate(GateDecision::new(gate, Verdict::Approve, Principal::operator(), Channel::Api))
}

/// A decision about a media run, ready to be committed.
pub(crate) fn of(decided: Decided) -> Decision {
    Decision { transition: Some(decided.erase().unwrap()), ..Decision::default() }
}

/// A media run that was loaded.
pub(crate) fn typed(run: &AnyRun) -> Run {
    run.read().unwrap()
}

pub(crate) fn is_published(run: &Run) -> bool {
    run.status == Status::Published
}

fn beside(url: &str, name: &str) -> String {
    let (server, query) =
        url.split_once('?').map_or((url, String::new()), |(server, query)| (server, format!("?{query}")));
    let (server, _) = server.rsplit_once('/').unwrap();
    format!("{server}/{name}{query}")
}

fn start_simulator() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let config =
        mw_sim::Config { public_url: url.clone(), latency: mw_sim::Latency::all(0), ..mw_sim::Config::default() };
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            mw_sim::serve(listener, config).await.unwrap();
        });
    });
    url
}
