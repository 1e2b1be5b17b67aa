//! A run, driven over HTTP as its user and its approver would.

use super::service::Service;
use super::wait::within;
use super::{service, unique};
use serde_json::{Value, json};

pub(crate) const TERMINAL: [&str; 5] = ["published", "failed", "cancelled", "rejected", "expired"];

#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) service: Service,
    pub(crate) id: String,
    pub(crate) user: String,
}

impl Run {
    /// A new run of test_video_gen, waiting at its first gate.
    pub(crate) fn start() -> Run {
        Run::start_at(service(), "test_video_gen")
    }

    pub(crate) fn start_at(service: &Service, project: &str) -> Run {
        let user = unique("user");
        let body = json!({"project": project, "input": {"object": "candle"}, "options": {"user_id": user}});
        let answer = service.post("/v1/runs/start").json(&body).send().expect(200).json();
        assert_eq!(answer["status"], "pending_workflow");
        Run { service: service.clone(), id: answer["runId"].as_str().unwrap().to_owned(), user }
    }

    /// A new run whose clips are being made.
    pub(crate) fn generating() -> Run {
        Run::start().approved("workflow").approved("ideate")
    }

    /// A new run that waits for its last approval.
    pub(crate) fn rendered() -> Run {
        Run::generating().waiting_for("awaiting_prepublish")
    }

    /// What the gate that waits decides about: a link is good for this only.
    pub(crate) fn subject(&self, gate: &str) -> String {
        let shown = self.service.get(&format!("/v1/gates/{}/{gate}", self.id)).send().expect(200).json();
        shown["brief"]["subject_sha256"].as_str().unwrap().to_owned()
    }

    pub(crate) fn view(&self) -> Value {
        self.service.get(&format!("/v1/runs/{}", self.id)).send().expect(200).json()
    }

    pub(crate) fn status(&self) -> String {
        self.view()["status"].as_str().unwrap().to_owned()
    }

    /// Waits until the run has this status. Time that the product waits on purpose is passed in the database.
    #[track_caller]
    pub(crate) fn wait_for(&self, status: &str) -> Value {
        let mut looks = 0;
        let limit = std::time::Duration::from_secs(30);
        let found = within(limit, || {
            let view = self.view();
            let now = view["status"].as_str().unwrap();
            if now == status {
                return Some(view);
            }
            assert!(!TERMINAL.contains(&now), "run {} is {now}, not {status}: {}", self.id, view["result"]["error"]);
            looks += 1;
            if looks % 8 == 0 {
                self.pass_time();
            }
            None
        });
        found.unwrap_or_else(|| panic!("run {} not {status} within {limit:?}:\n{}", self.id, self.whereabouts()))
    }

    /// Where a run is that does not go on.
    fn whereabouts(&self) -> String {
        let sql = "SELECT kind, provider, state, attempt, due_at, lease_until, sent_at, poked, last_error FROM outbox
                   WHERE run_id = $1 AND state <> 'done' ORDER BY effect_id";
        let effects = self.service.database().rows(sql, &[&self.id]);
        let mut lines = vec![format!("status {}, events {:?}", self.status(), self.event_types())];
        lines.extend(effects.iter().map(Value::to_string));
        lines.join("\n")
    }

    pub(crate) fn waiting_for(self, status: &str) -> Run {
        self.wait_for(status);
        self
    }

    /// Retries and polls of this run that wait come now.
    pub(crate) fn pass_time(&self) {
        self.service.database().pass_waits(&self.id);
        self.service.sweep();
    }

    pub(crate) fn gate_path(&self, gate: &str) -> String {
        format!("/v1/hitl/approve/{}/{gate}", self.id)
    }

    /// Approves with the API key as soon as the gate is open.
    #[track_caller]
    pub(crate) fn approved(self, gate: &str) -> Run {
        self.wait_for(waiting_status(gate));
        self.service.post(&self.gate_path(gate)).json(&json!({})).send().expect(200);
        self
    }

    /// The signed link of the open gate, path and query only.
    pub(crate) fn link(&self, gate: &str) -> String {
        self.link_for(gate, None)
    }

    pub(crate) fn link_for(&self, gate: &str, approver: Option<&str>) -> String {
        let query = approver.map(|name| format!("?approver={name}")).unwrap_or_default();
        let answer = self.service.get(&format!("/v1/hitl/link/{}/{gate}{query}", self.id)).send().expect(200).json();
        path_of(answer["approvalUrl"].as_str().unwrap())
    }

    /// All gates approved, waited until published.
    pub(crate) fn published(self) -> Run {
        let run = self.approved("workflow").approved("ideate").approved("prepublish");
        run.waiting_for("published")
    }

    /// `type` of its artifacts, with the gate or the notification's type where there is one.
    pub(crate) fn artifact_names(&self) -> Vec<String> {
        let view = self.view();
        view["artifacts"].as_array().unwrap().iter().map(artifact_name).collect()
    }

    pub(crate) fn artifacts(&self, kind: &str) -> Vec<Value> {
        let view = self.view();
        view["artifacts"].as_array().unwrap().iter().filter(|artifact| artifact["type"] == kind).cloned().collect()
    }

    /// The timeline, from the API.
    pub(crate) fn events(&self) -> Vec<Value> {
        let answer = self.service.get(&format!("/v1/runs/{}/events?limit=200", self.id)).send().expect(200).json();
        answer["events"].as_array().unwrap().clone()
    }

    pub(crate) fn event_types(&self) -> Vec<String> {
        self.events().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn count_events(&self, kind: &str) -> usize {
        self.event_types().iter().filter(|name| *name == kind).count()
    }

    pub(crate) fn job_ids(&self) -> Vec<String> {
        let rows = self
            .service
            .database()
            .rows("SELECT job_id FROM provider_jobs WHERE run_id = $1 ORDER BY created_at, job_id", &[&self.id]);
        rows.iter().map(|row| row["job_id"].as_str().unwrap().to_owned()).collect()
    }

    /// Its jobs of one kind, once the provider has them.
    pub(crate) fn jobs(&self, kind: &str) -> Vec<Value> {
        self.service.database().rows(
            "SELECT job_id, task_id, state FROM provider_jobs WHERE run_id = $1 AND kind = $2 ORDER BY task_id",
            &[&self.id, &kind],
        )
    }

    /// The doctor finds nothing: the state is the fold of the timeline, and all that belongs to it agrees.
    #[track_caller]
    pub(crate) fn assert_healthy(&self) {
        let mut db = mw_store::native::Client::connect(&self.service.database_url).unwrap();
        let now = mw_media::Timestamp::now_utc();
        let checkup = mw_store::doctor::examine(
            &mut db,
            mw_kinds::KINDS,
            now,
            &mw_store::doctor::Scope::run(&self.id),
            &mut |_| {},
        )
        .unwrap();
        assert_eq!(checkup.findings, [], "run {}", self.id);
    }
}

pub(crate) fn artifact_name(artifact: &Value) -> String {
    let kind = artifact["type"].as_str().unwrap();
    let metadata = &artifact["metadata"];
    match kind {
        "hitl.request" | "hitl.approval" => format!("{kind}({})", metadata["gate"].as_str().unwrap()),
        "notification" => format!("{kind}({})", metadata["type"].as_str().unwrap()),
        _ => kind.to_owned(),
    }
}

pub(crate) fn waiting_status(gate: &str) -> &'static str {
    match gate {
        "workflow" => "pending_workflow",
        "ideate" => "awaiting_ideate",
        "prepublish" => "awaiting_prepublish",
        other => panic!("no gate {other}"),
    }
}

/// Path and query of an absolute URL.
pub(crate) fn path_of(url: &str) -> String {
    let (_, rest) = url.split_once("://").unwrap_or_else(|| panic!("{url} is not absolute"));
    rest.find('/').map_or_else(|| "/".to_owned(), |at| rest[at..].to_owned())
}
