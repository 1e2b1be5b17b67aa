//! Grows the tree: an event begins spans, marks one, or ends some.

use super::{Attribute, Outcome, Span, span_id};
use crate::Timestamp;
use crate::job::JobKind;
use crate::run::{DecidedGate, Event, Recorded};
use crate::status::{GateName, ProvidersMode, Status};
use serde_json::Value;
use std::collections::BTreeMap;

/// What `options.entrypoint` of a run says that was started in chat.
const CHAT: &str = "brendan";

/// Which span; at most one of each is open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Run,
    Chat,
    Step,
    Gate,
    Decision,
    Persona,
    Pause,
    Job(String),
    Submit(String),
    Poll(String),
}

impl Key {
    fn role(&self) -> &'static str {
        match self {
            Key::Run => "run",
            Key::Chat => "chat",
            Key::Step => "step",
            Key::Gate => "gate",
            Key::Decision => "decision",
            Key::Persona => "persona",
            Key::Pause => "pause",
            Key::Job(_) => "job",
            Key::Submit(_) => "submit",
            Key::Poll(_) => "poll",
        }
    }

    fn parent(&self) -> Option<Key> {
        match self {
            Key::Run => None,
            Key::Chat | Key::Step | Key::Pause => Some(Key::Run),
            Key::Gate | Key::Persona | Key::Job(_) => Some(Key::Step),
            Key::Decision => Some(Key::Gate),
            Key::Submit(job_id) | Key::Poll(job_id) => Some(Key::Job(job_id.clone())),
        }
    }

    /// What LangSmith sorts spans by.
    fn kind(&self) -> &'static str {
        match self {
            Key::Job(_) | Key::Submit(_) | Key::Poll(_) => "tool",
            Key::Run | Key::Chat | Key::Step | Key::Gate | Key::Decision | Key::Persona | Key::Pause => "chain",
        }
    }
}

struct Tree<'a> {
    run_id: &'a str,
    project: String,
    mode: ProvidersMode,
    open: BTreeMap<Key, Span>,
    ended: Vec<Span>,
    /// Of jobs that may be asked for again.
    kinds: BTreeMap<&'a str, JobKind>,
}

pub(super) fn grow(run_id: &str, events: &[Recorded]) -> Vec<Span> {
    let (open, ended, kinds) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
    let mut tree = Tree { run_id, project: String::new(), mode: ProvidersMode::Mock, open, ended, kinds };
    for recorded in events {
        tree.take(recorded);
    }
    if let Some(last) = events.last() {
        tree.end_work(last.at);
        tree.end(&Key::Run, last.at, Outcome::Unset);
    }
    tree.ended
}

impl<'a> Tree<'a> {
    fn take(&mut self, recorded: &'a Recorded) {
        let at = recorded.at;
        match &recorded.event {
            Event::RunStarted(_) => self.run_started(recorded),
            Event::StepStarted { step, name, .. } => {
                self.end_work(at);
                self.begin(Key::Step, format!("step {name}"), recorded, [("step", (*step).into())]);
            }
            Event::GateOpened { gate, opening, .. } | Event::GateReopened { gate, opening, .. } => {
                self.end(&Key::Gate, at, Outcome::Unset);
                self.begin(Key::Gate, format!("gate {gate}"), recorded, gate_attributes(*gate, *opening));
            }
            Event::GateVoted(vote) => self.decision(vote, recorded),
            Event::GateDecided(decided) => {
                self.decision(decided, recorded);
                self.end(&Key::Gate, at, Outcome::Ok);
            }
            Event::GateExpired { .. } => self.end(&Key::Gate, at, Outcome::Error("expired".to_owned())),
            Event::GateWarned { .. } | Event::GateEscalated { .. } | Event::GateExtended { .. } => {
                self.mark(&Key::Gate, recorded);
            }
            Event::PersonaRequested { persona, .. } => self.persona(persona, recorded),
            Event::PersonaFinished { persona, source, .. } => self.persona_finished(persona, source, recorded),
            Event::JobRequested { job_id, spec, .. } => {
                self.job(job_id, spec.kind(), recorded);
                self.begin(Key::Submit(job_id.clone()), "submit".to_owned(), recorded, []);
            }
            Event::JobAdopted { job_id, spec, .. } => {
                self.job(job_id, spec.kind(), recorded);
                self.begin(Key::Poll(job_id.clone()), "poll".to_owned(), recorded, []);
            }
            Event::JobSubmitted { job_id, .. } => {
                self.end(&Key::Submit(job_id.clone()), at, Outcome::Ok);
                self.begin(Key::Poll(job_id.clone()), "poll".to_owned(), recorded, []);
            }
            Event::JobSubmissionRepeated { job_id, .. } => self.mark(&Key::Job(job_id.clone()), recorded),
            Event::JobSucceeded { job_id, .. } => self.end_job(job_id, at, Outcome::Ok),
            Event::JobFailed { job_id, code, .. } => self.end_job(job_id, at, Outcome::Error(code.clone())),
            Event::JobReplaced { job_id, .. } => self.end_job(job_id, at, Outcome::Error("replaced".to_owned())),
            Event::JobRetried { job_id, .. } => {
                self.end_job(job_id, at, Outcome::Unset);
                if let Some(kind) = self.kinds.get(job_id.as_str()).copied() {
                    self.job(job_id, kind, recorded);
                    self.begin(Key::Submit(job_id.clone()), "submit".to_owned(), recorded, []);
                }
            }
            Event::RunPaused { .. } => self.begin(Key::Pause, "paused".to_owned(), recorded, []),
            Event::RunResumed { .. } => self.end(&Key::Pause, at, Outcome::Unset),
            Event::ClipAdopted { .. } => self.mark(&Key::Step, recorded),
            Event::DeadlineExtended { .. } | Event::RunRetried { .. } | Event::ArtifactAttached(_) => {
                self.mark(&Key::Run, recorded);
            }
            Event::RunPublished => self.finish(Status::Published, Outcome::Ok, at),
            Event::RunRejected { .. } => self.finish(Status::Rejected, Outcome::Unset, at),
            Event::RunExpired { .. } => self.finish(Status::Expired, Outcome::Unset, at),
            Event::RunFailed { error_type, .. } => self.finish(Status::Failed, Outcome::Error(error_type.clone()), at),
            Event::RunCancelled { .. } => self.finish(Status::Cancelled, Outcome::Unset, at),
        }
    }

    fn run_started(&mut self, recorded: &Recorded) {
        let Event::RunStarted(started) = &recorded.event else { return };
        self.project.clone_from(&started.definition.key);
        self.mode = started.mode;
        let name = format!("{}-graph", self.project);
        let attributes = [
            ("mode", started.mode.as_str().into()),
            ("definition.version", started.definition.version.as_str().into()),
        ];
        self.begin(Key::Run, name.clone(), recorded, attributes);
        // LangSmith shows a trace under this name, and finds its metadata.
        self.say(&Key::Run, "langsmith.trace.name", name.as_str().into());
        self.say(&Key::Run, "langsmith.metadata.run_id", self.run_id.into());
        self.say(&Key::Run, "langsmith.metadata.project", started.definition.key.as_str().into());
        if let Some(inheritance) = &started.inheritance {
            self.say(&Key::Run, "parent_run_id", inheritance.parent_run_id.as_str().into());
        }
        if started.options.get("entrypoint").and_then(Value::as_str) == Some(CHAT) {
            self.begin(Key::Chat, "brendan-chat".to_owned(), recorded, []);
            self.end(&Key::Chat, recorded.at, Outcome::Ok);
        }
    }

    fn decision(&mut self, decided: &DecidedGate, recorded: &Recorded) {
        let [gate, opening] = gate_attributes(decided.gate, decided.opening);
        let said =
            [("decision", decided.verdict.outcome().into()), ("decision.channel", decided.channel.as_str().into())];
        self.begin(Key::Decision, "decision".to_owned(), recorded, [gate, opening].into_iter().chain(said));
        self.end(&Key::Decision, recorded.at, Outcome::Ok);
    }

    fn persona(&mut self, persona: &str, recorded: &Recorded) {
        self.begin(Key::Persona, format!("persona {persona}"), recorded, [("persona", persona.into())]);
    }

    /// One that speaks by rule is asked and answers in the same event.
    fn persona_finished(&mut self, persona: &str, source: &str, recorded: &Recorded) {
        if !self.open.contains_key(&Key::Persona) {
            self.persona(persona, recorded);
        }
        if let Some(model) = source.strip_prefix("model:") {
            self.say(&Key::Persona, "gen_ai.operation.name", "chat".into());
            self.say(&Key::Persona, "gen_ai.request.model", model.into());
        }
        self.end(&Key::Persona, recorded.at, Outcome::Ok);
    }

    fn job(&mut self, job_id: &'a str, kind: JobKind, recorded: &Recorded) {
        self.kinds.insert(job_id, kind);
        let work = match kind {
            JobKind::Generate => "generate",
            JobKind::Render => "render",
            JobKind::Publish => "publish",
        };
        let provider = match self.mode {
            ProvidersMode::Mock => "mock",
            ProvidersMode::Sim | ProvidersMode::Live => kind.provider(),
        };
        let attributes = [("provider", provider.into()), ("job_id", job_id.into())];
        self.begin(Key::Job(job_id.to_owned()), format!("{} {work}", kind.provider()), recorded, attributes);
    }

    fn end_job(&mut self, job_id: &str, at: Timestamp, outcome: Outcome) {
        for key in [Key::Submit(job_id.to_owned()), Key::Poll(job_id.to_owned()), Key::Job(job_id.to_owned())] {
            self.end(&key, at, outcome.clone());
        }
    }

    fn finish(&mut self, status: Status, outcome: Outcome, at: Timestamp) {
        self.end_work(at);
        self.say(&Key::Run, "status", status.as_str().into());
        self.end(&Key::Run, at, outcome);
    }

    /// Ends whatever is open but the run, children first.
    fn end_work(&mut self, at: Timestamp) {
        for key in self.open.keys().rev().filter(|key| **key != Key::Run).cloned().collect::<Vec<_>>() {
            self.end(&key, at, Outcome::Unset);
        }
    }

    fn begin(
        &mut self,
        key: Key,
        name: String,
        recorded: &Recorded,
        attributes: impl IntoIterator<Item = (&'static str, Attribute)>,
    ) {
        self.end(&key, recorded.at, Outcome::Unset);
        let parent = key.parent().and_then(|parent| self.open.get(&parent).or_else(|| self.open.get(&Key::Run)));
        let everywhere = [
            ("run_id", self.run_id.into()),
            ("project", self.project.as_str().into()),
            ("langsmith.span.kind", key.kind().into()),
        ];
        let span = Span {
            id: span_id(self.run_id, key.role(), recorded.seq),
            parent: parent.map(|parent| parent.id),
            name,
            is_call: matches!(key, Key::Submit(_) | Key::Poll(_)),
            start: recorded.at,
            end: recorded.at,
            attributes: everywhere.into_iter().chain(attributes).collect(),
            marks: Vec::new(),
            outcome: Outcome::Unset,
        };
        self.open.insert(key, span);
    }

    fn say(&mut self, key: &Key, name: &'static str, value: Attribute) {
        if let Some(span) = self.open.get_mut(key) {
            span.attributes.push((name, value));
        }
    }

    fn mark(&mut self, key: &Key, recorded: &Recorded) {
        if let Some(span) = self.open.get_mut(key) {
            span.marks.push((recorded.event.name(), recorded.at));
        }
    }

    fn end(&mut self, key: &Key, at: Timestamp, outcome: Outcome) {
        if let Some(mut span) = self.open.remove(key) {
            span.end = at.max(span.start);
            span.outcome = outcome;
            self.ended.push(span);
        }
    }
}

fn gate_attributes(gate: GateName, opening: u32) -> [(&'static str, Attribute); 2] {
    [("gate", gate.as_str().into()), ("gate.opening", opening.into())]
}
