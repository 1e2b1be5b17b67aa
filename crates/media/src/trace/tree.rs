//! Grows the tree: an event begins spans, marks one, or ends some.

use super::line::Line;
use super::{Attribute, Outcome, Span, span_id};
use crate::Timestamp;
use crate::job::JobKind;
use crate::run::MediaEventName;
use crate::status::{Channel, ProvidersMode, Status, Verdict};
use mw_kernel::run::{CommonName, RUN_STARTED};
use mw_kernel::status::End;
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
    /// By its opening.
    Gate(u32),
    Decision(u32),
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
            Key::Gate(_) => "gate",
            Key::Decision(_) => "decision",
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
            Key::Gate(_) | Key::Persona | Key::Job(_) => Some(Key::Step),
            Key::Decision(opening) => Some(Key::Gate(*opening)),
            Key::Submit(job_id) | Key::Poll(job_id) => Some(Key::Job(job_id.clone())),
        }
    }

    /// What LangSmith sorts spans by.
    fn kind(&self) -> &'static str {
        match self {
            Key::Job(_) | Key::Submit(_) | Key::Poll(_) => "tool",
            Key::Run | Key::Chat | Key::Step | Key::Gate(_) | Key::Decision(_) | Key::Persona | Key::Pause => "chain",
        }
    }
}

struct Tree<'a> {
    run_id: &'a str,
    project: &'a str,
    mode: ProvidersMode,
    open: BTreeMap<Key, Span>,
    ended: Vec<Span>,
    /// Of jobs that may be asked for again.
    kinds: BTreeMap<&'a str, JobKind>,
}

pub(super) fn grow(run_id: &str, timeline: &[Line]) -> Vec<Span> {
    let (open, ended, kinds) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
    let mut tree = Tree { run_id, project: "", mode: ProvidersMode::Mock, open, ended, kinds };
    for line in timeline {
        tree.take(line);
    }
    if let Some(last) = timeline.last() {
        tree.end_work(last.at);
        tree.end(&Key::Run, last.at, Outcome::Unset);
    }
    tree.ended
}

impl<'a> Tree<'a> {
    fn take(&mut self, line: &'a Line) {
        if line.name == RUN_STARTED {
            return self.run_started(line);
        }
        match (CommonName::parse(&line.name), MediaEventName::parse(&line.name)) {
            (Some(name), _) => self.take_common(name, line),
            (None, Some(name)) => self.take_media(name, line),
            // What a kind has of its own is a mark on its run.
            (None, None) => self.mark(&Key::Run, line),
        }
    }

    fn take_common(&mut self, name: CommonName, line: &'a Line) {
        let (at, data) = (line.at, &line.data);
        let gate = Key::Gate(data.opening.unwrap_or_default());
        match name {
            CommonName::GateOpened | CommonName::GateReopened => {
                self.end(&Key::Gate(data.previous.unwrap_or_default()), at, Outcome::Unset);
                let name = data.gate.as_ref().map_or("", |gate| gate.as_str());
                self.begin(gate, format!("gate {name}"), line, gate_attributes(line));
            }
            CommonName::GateVoted => self.decision(line),
            CommonName::GateDecided => {
                self.decision(line);
                self.end(&gate, at, Outcome::Ok);
            }
            CommonName::GateExpired => self.end(&gate, at, Outcome::Error("expired".to_owned())),
            CommonName::GateWithdrawn => self.end(&gate, at, Outcome::Unset),
            CommonName::GateWarned | CommonName::GateEscalated | CommonName::GateExtended => self.mark(&gate, line),
            CommonName::RunPaused => self.begin(Key::Pause, "paused".to_owned(), line, []),
            CommonName::RunResumed => self.end(&Key::Pause, at, Outcome::Unset),
            CommonName::DeadlineExtended | CommonName::RunRetried | CommonName::ArtifactAttached => {
                self.mark(&Key::Run, line);
            }
            CommonName::RunRejected => self.finish(End::Rejected.as_str(), Outcome::Unset, at),
            CommonName::RunExpired => self.finish(End::Expired.as_str(), Outcome::Unset, at),
            CommonName::RunFailed => {
                let error = Outcome::Error(text(&data.error_type).to_owned());
                self.finish(End::Failed.as_str(), error, at);
            }
            CommonName::RunCancelled => self.finish(End::Cancelled.as_str(), Outcome::Unset, at),
        }
    }

    fn take_media(&mut self, name: MediaEventName, line: &'a Line) {
        let (at, data) = (line.at, &line.data);
        let job_id = text(&data.job_id);
        match name {
            MediaEventName::StepStarted => {
                self.end_work(at);
                let step = data.step.unwrap_or_default();
                self.begin(Key::Step, format!("step {}", text(&data.name)), line, [("step", step.into())]);
            }
            MediaEventName::PersonaRequested => self.persona(line),
            MediaEventName::PersonaFinished => self.persona_finished(line),
            MediaEventName::JobRequested => self.job(line, Key::Submit),
            MediaEventName::JobAdopted => self.job(line, Key::Poll),
            MediaEventName::JobSubmitted => {
                self.end(&Key::Submit(job_id.to_owned()), at, Outcome::Ok);
                self.begin(Key::Poll(job_id.to_owned()), "poll".to_owned(), line, []);
            }
            MediaEventName::JobSubmissionRepeated | MediaEventName::JobEffectRestored => {
                self.mark(&Key::Job(job_id.to_owned()), line);
            }
            MediaEventName::JobSucceeded => self.end_job(job_id, at, Outcome::Ok),
            MediaEventName::JobFailed => self.end_job(job_id, at, Outcome::Error(text(&data.code).to_owned())),
            MediaEventName::JobReplaced => self.end_job(job_id, at, Outcome::Error("replaced".to_owned())),
            MediaEventName::JobRetried => {
                self.end_job(job_id, at, Outcome::Unset);
                self.job(line, Key::Submit);
            }
            MediaEventName::ClipAdopted => self.mark(&Key::Step, line),
            MediaEventName::RunPublished => self.finish(Status::Published.as_str(), Outcome::Ok, at),
        }
    }

    fn run_started(&mut self, line: &'a Line) {
        let data = &line.data;
        let (key, version) = data.definition.as_ref().map_or(("", ""), |pinned| (&pinned.key, &pinned.version));
        self.project = key;
        self.mode = data.mode.unwrap_or(self.mode);
        let name = format!("{key}-graph");
        let attributes = [("mode", self.mode.as_str().into()), ("definition.version", version.into())];
        self.begin(Key::Run, name.clone(), line, attributes);
        // LangSmith shows a trace under this name, and finds its metadata.
        self.say(&Key::Run, "langsmith.trace.name", name.as_str().into());
        self.say(&Key::Run, "langsmith.metadata.run_id", self.run_id.into());
        self.say(&Key::Run, "langsmith.metadata.project", key.into());
        if let Some(parent) = &data.parent {
            self.say(&Key::Run, "parent_run_id", parent.run_id.as_str().into());
        }
        if data.options.get("entrypoint").and_then(Value::as_str) == Some(CHAT) {
            self.begin(Key::Chat, "brendan-chat".to_owned(), line, []);
            self.end(&Key::Chat, line.at, Outcome::Ok);
        }
    }

    fn decision(&mut self, line: &Line) {
        let verdict = line.data.verdict.map_or("", Verdict::outcome);
        let channel = line.data.channel.map_or("", Channel::as_str);
        let said = [("decision", verdict.into()), ("decision.channel", channel.into())];
        let key = Key::Decision(line.data.opening.unwrap_or_default());
        self.begin(key.clone(), "decision".to_owned(), line, gate_attributes(line).into_iter().chain(said));
        self.end(&key, line.at, Outcome::Ok);
    }

    fn persona(&mut self, line: &Line) {
        let persona = text(&line.data.persona);
        self.begin(Key::Persona, format!("persona {persona}"), line, [("persona", persona.into())]);
    }

    /// One that speaks by rule is asked and answers in the same event.
    fn persona_finished(&mut self, line: &Line) {
        if !self.open.contains_key(&Key::Persona) {
            self.persona(line);
        }
        if let Some(model) = text(&line.data.source).strip_prefix("model:") {
            self.say(&Key::Persona, "gen_ai.operation.name", "chat".into());
            self.say(&Key::Persona, "gen_ai.request.model", model.into());
        }
        self.end(&Key::Persona, line.at, Outcome::Ok);
    }

    /// A job and its first effect. One that is asked for again is of the kind that it was.
    fn job(&mut self, line: &'a Line, effect: fn(String) -> Key) {
        let job_id = text(&line.data.job_id);
        let known = self.kinds.get(job_id).copied();
        let Some(kind) = line.data.spec.as_ref().map(|spec| spec.kind).or(known) else { return };
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
        self.begin(Key::Job(job_id.to_owned()), format!("{} {work}", kind.provider()), line, attributes);
        let effect = effect(job_id.to_owned());
        let name = effect.role().to_owned();
        self.begin(effect, name, line, []);
    }

    fn end_job(&mut self, job_id: &str, at: Timestamp, outcome: Outcome) {
        for key in [Key::Submit(job_id.to_owned()), Key::Poll(job_id.to_owned()), Key::Job(job_id.to_owned())] {
            self.end(&key, at, outcome.clone());
        }
    }

    fn finish(&mut self, status: &str, outcome: Outcome, at: Timestamp) {
        self.end_work(at);
        self.say(&Key::Run, "status", status.into());
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
        line: &Line,
        attributes: impl IntoIterator<Item = (&'static str, Attribute)>,
    ) {
        self.end(&key, line.at, Outcome::Unset);
        let parent = key.parent().and_then(|parent| self.open.get(&parent).or_else(|| self.open.get(&Key::Run)));
        let everywhere = [
            ("run_id", self.run_id.into()),
            ("project", self.project.into()),
            ("langsmith.span.kind", key.kind().into()),
        ];
        let span = Span {
            id: span_id(self.run_id, key.role(), line.seq),
            parent: parent.map(|parent| parent.id),
            name,
            is_call: matches!(key, Key::Submit(_) | Key::Poll(_)),
            start: line.at,
            end: line.at,
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

    fn mark(&mut self, key: &Key, line: &Line) {
        if let Some(span) = self.open.get_mut(key) {
            span.marks.push((line.name.clone(), line.at));
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

fn gate_attributes(line: &Line) -> [(&'static str, Attribute); 2] {
    let gate = line.data.gate.as_ref().map_or("", |gate| gate.as_str());
    [("gate", gate.into()), ("gate.opening", line.data.opening.unwrap_or_default().into())]
}

/// A member that events of this kind have.
fn text(member: &Option<String>) -> &str {
    member.as_deref().unwrap_or_default()
}
