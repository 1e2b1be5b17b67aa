//! Grows the tree: an event begins spans, marks one, or ends some.

use super::line::Line;
use super::{Attribute, Outcome, Span, span_id};
use crate::Timestamp;
use crate::run::{CommonName, Kind, RUN_STARTED};
use crate::status::{Channel, End, ProvidersMode, Verdict};
use std::collections::BTreeMap;

/// Which span; at most one of each is open. Children come after their parents.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Run,
    Step,
    Pause,
    /// By its opening.
    Gate(u32),
    Decision(u32),
    /// What only a kind has: beside the steps.
    Beside(&'static str),
    /// The same within a step.
    Within(&'static str),
    /// A job at a provider, by its id.
    Job(String),
    /// A call about a job.
    Call(&'static str, String),
}

impl Key {
    fn role(&self) -> &'static str {
        match self {
            Key::Run => "run",
            Key::Step => "step",
            Key::Pause => "pause",
            Key::Gate(_) => "gate",
            Key::Decision(_) => "decision",
            Key::Job(_) => "job",
            Key::Beside(role) | Key::Within(role) | Key::Call(role, _) => role,
        }
    }

    fn parent(&self) -> Option<Key> {
        match self {
            Key::Run => None,
            Key::Step | Key::Pause | Key::Beside(_) => Some(Key::Run),
            Key::Gate(_) | Key::Within(_) | Key::Job(_) => Some(Key::Step),
            Key::Decision(opening) => Some(Key::Gate(*opening)),
            Key::Call(_, job_id) => Some(Key::Job(job_id.clone())),
        }
    }

    /// What LangSmith sorts spans by.
    fn kind(&self) -> &'static str {
        match self {
            Key::Job(_) | Key::Call(..) => "tool",
            Key::Run | Key::Step | Key::Pause | Key::Gate(_) | Key::Decision(_) | Key::Beside(_) | Key::Within(_) => {
                "chain"
            }
        }
    }
}

/// Spans that are open, and those that have ended.
pub struct Tree<'a> {
    run_id: &'a str,
    project: &'a str,
    mode: ProvidersMode,
    open: BTreeMap<Key, Span>,
    ended: Vec<Span>,
    /// What a kind remembers of its jobs, by their ids.
    notes: BTreeMap<String, String>,
}

pub(super) fn grow<B: Kind>(run_id: &str, timeline: &[Line]) -> Vec<Span> {
    let (open, ended, notes) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
    let mut tree = Tree { run_id, project: "", mode: ProvidersMode::Mock, open, ended, notes };
    for line in timeline {
        tree.take::<B>(line);
    }
    if let Some(last) = timeline.last() {
        tree.end_work(last.at);
        tree.end(&Key::Run, last.at, Outcome::Unset);
    }
    tree.ended
}

impl<'a> Tree<'a> {
    fn take<B: Kind>(&mut self, line: &'a Line) {
        if line.name == RUN_STARTED {
            self.run_started(line);
            return B::trace_started(self, line);
        }
        match CommonName::parse(&line.name) {
            Some(name) => self.take_common(name, line),
            None => B::trace(self, line),
        }
    }

    fn take_common(&mut self, name: CommonName, line: &'a Line) {
        let at = line.at;
        let gate = Key::Gate(line.number("opening"));
        match name {
            CommonName::GateOpened | CommonName::GateReopened => {
                self.end(&Key::Gate(line.number("previous")), at, Outcome::Unset);
                self.begin(gate, format!("gate {}", line.text("gate")), line, gate_attributes(line));
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
                let error = Outcome::Error(line.text("error_type").to_owned());
                self.finish(End::Failed.as_str(), error, at);
            }
            CommonName::RunCancelled => self.finish(End::Cancelled.as_str(), Outcome::Unset, at),
        }
    }

    fn run_started(&mut self, line: &'a Line) {
        let (key, version) = (line.text_in("definition", "key"), line.text_in("definition", "version"));
        self.project = key;
        self.mode = ProvidersMode::parse(line.text("mode")).unwrap_or(self.mode);
        let name = format!("{key}-graph");
        let attributes = [("mode", self.mode.as_str().into()), ("definition.version", version.into())];
        self.begin(Key::Run, name.clone(), line, attributes);
        // LangSmith shows a trace under this name, and finds its metadata.
        self.say(&Key::Run, "langsmith.trace.name", name.as_str().into());
        self.say(&Key::Run, "langsmith.metadata.run_id", self.run_id.into());
        self.say(&Key::Run, "langsmith.metadata.project", key.into());
        let parent = line.text_in("parent", "run_id");
        if !parent.is_empty() {
            self.say(&Key::Run, "parent_run_id", parent.into());
        }
    }

    fn decision(&mut self, line: &Line) {
        let verdict = Verdict::parse(line.text("verdict")).map_or("", Verdict::outcome);
        let channel = Channel::parse(line.text("channel")).map_or("", Channel::as_str);
        let said = [("decision", verdict.into()), ("decision.channel", channel.into())];
        let key = Key::Decision(line.number("opening"));
        self.begin(key.clone(), "decision".to_owned(), line, gate_attributes(line).into_iter().chain(said));
        self.end(&key, line.at, Outcome::Ok);
    }

    /// How providers were met.
    pub fn mode(&self) -> ProvidersMode {
        self.mode
    }

    /// What was kept of a job.
    pub fn note(&self, job_id: &str) -> Option<&str> {
        self.notes.get(job_id).map(String::as_str)
    }

    /// Keeps something of a job for its later events.
    pub fn keep(&mut self, job_id: &str, note: &str) {
        self.notes.insert(job_id.to_owned(), note.to_owned());
    }

    pub fn is_open(&self, key: &Key) -> bool {
        self.open.contains_key(key)
    }

    /// Ends a job and the calls about it.
    pub fn end_job(&mut self, job_id: &str, at: Timestamp, outcome: Outcome) {
        let is_its = |key: &&Key| matches!(key, Key::Job(id) | Key::Call(_, id) if id == job_id);
        for key in self.open.keys().rev().filter(is_its).cloned().collect::<Vec<_>>() {
            self.end(&key, at, outcome.clone());
        }
    }

    /// The run has ended.
    pub fn finish(&mut self, status: &str, outcome: Outcome, at: Timestamp) {
        self.end_work(at);
        self.say(&Key::Run, "status", status.into());
        self.end(&Key::Run, at, outcome);
    }

    /// Ends whatever is open but the run, children first.
    pub fn end_work(&mut self, at: Timestamp) {
        for key in self.open.keys().rev().filter(|key| **key != Key::Run).cloned().collect::<Vec<_>>() {
            self.end(&key, at, Outcome::Unset);
        }
    }

    pub fn begin(
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
            is_call: matches!(key, Key::Call(..)),
            start: line.at,
            end: line.at,
            attributes: everywhere.into_iter().chain(attributes).collect(),
            marks: Vec::new(),
            outcome: Outcome::Unset,
        };
        self.open.insert(key, span);
    }

    pub fn say(&mut self, key: &Key, name: &'static str, value: Attribute) {
        if let Some(span) = self.open.get_mut(key) {
            span.attributes.push((name, value));
        }
    }

    /// The event is a mark on the run.
    pub fn mark_run(&mut self, line: &Line) {
        self.mark(&Key::Run, line);
    }

    /// The event is a mark on a span.
    pub fn mark(&mut self, key: &Key, line: &Line) {
        if let Some(span) = self.open.get_mut(key) {
            span.marks.push((line.name.clone(), line.at));
        }
    }

    pub fn end(&mut self, key: &Key, at: Timestamp, outcome: Outcome) {
        if let Some(mut span) = self.open.remove(key) {
            span.end = at.max(span.start);
            span.outcome = outcome;
            self.ended.push(span);
        }
    }
}

fn gate_attributes(line: &Line) -> [(&'static str, Attribute); 2] {
    [("gate", line.text("gate").into()), ("gate.opening", line.number("opening").into())]
}
