//! Spans of whole runs, on their good way and on any other.

use crate::Timestamp;
use crate::run::Media;
use crate::run::testing::gate;
use crate::run::testing::{T0, approve, at_gate, attachment, pause_at, request, with_context};
use crate::run::{Command, Decided, MediaCommand, PersonaSource, Recorded, Run, StartRequest, apply, start};
use crate::status::ProvidersMode;
use mw_kernel::trace::{Attribute, Line, Outcome, Span, spans, trace_id};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use time::Duration;

/// A run and its timeline, growing together; a second passes between commands.
struct Told {
    run: Run,
    events: Vec<Recorded>,
    now: Timestamp,
}

impl Told {
    fn begin(request: StartRequest) -> Told {
        let Decided { run, events, .. } = with_context(T0, |context| start(request, context)).unwrap();
        Told { run, events, now: T0 }
    }

    fn tell(&mut self, command: &Command) {
        self.now += Duration::SECOND;
        let answer = with_context(self.now, |context| apply(&self.run, command, "tester", context));
        if let Ok(Some(transition)) = answer {
            self.run = transition.run;
            self.events.extend(transition.events);
        }
    }

    /// The good way to the end.
    fn published(mut self) -> Told {
        while !self.run.status.is_terminal() {
            for command in next(&self.run) {
                self.tell(&command);
            }
        }
        self
    }

    fn spans(&self) -> Vec<Span> {
        spans::<Media>(&self.run.run_id, &lines(&self.events))
    }
}

/// As they come out of the database.
fn lines(events: &[Recorded]) -> Vec<Line> {
    let stored = events.iter().map(|event| serde_json::to_value(event).unwrap());
    stored.map(|event| serde_json::from_value(event).unwrap()).collect()
}

/// What the run waits for.
fn next(run: &Run) -> Vec<Command> {
    if let Some(open) = run.gates.first() {
        return vec![Command::DecideGate(approve(open.gate))];
    }
    let jobs: Vec<String> = run.body.step_jobs().map(|(job_id, _)| job_id.clone()).collect();
    let submitted = |job_id: &String| {
        Command::Own(MediaCommand::SubmitJob { job_id: job_id.clone(), task_id: "t".into(), adopted: false })
    };
    let finished = |job_id: &String| {
        Command::Own(MediaCommand::FinishJob { job_id: job_id.clone(), url: "https://files.test/x".into() })
    };
    jobs.iter().map(submitted).chain(jobs.iter().map(finished)).collect()
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

fn text(span: &Span, name: &str) -> String {
    match span.attributes.iter().find(|(found, _)| *found == name) {
        Some((_, Attribute::Text(text))) => text.clone(),
        other => panic!("{name}: {other:?}"),
    }
}

/// The name of a span's parent.
fn above<'a>(spans: &'a [Span], span: &Span) -> &'a str {
    spans.iter().find(|other| Some(other.id) == span.parent).map_or("", |parent| &parent.name)
}

/// What a clip's span is called, after who makes it.
fn clip_span() -> String {
    let definition = crate::run::testing::definition("test_video_gen");
    let maker = definition.works().find(|work| work.kind == crate::job::JobKind::Generate).unwrap();
    format!("{} generate", maker.provider)
}

/// One tree with unique ids, children within their parents, every span about this run.
fn assert_one_tree(spans: &[Span]) {
    let ids: BTreeMap<_, _> = spans.iter().map(|span| (span.id, span)).collect();
    assert_eq!(ids.len(), spans.len(), "ids are unique");
    assert_eq!(spans.iter().filter(|span| span.parent.is_none()).count(), 1, "one root");
    for span in spans {
        assert!(span.start <= span.end, "{span:?}");
        assert_eq!((text(span, "run_id").as_str(), text(span, "project").as_str()), ("run-1", "test_video_gen"));
        if let Some(parent) = span.parent {
            let parent = ids.get(&parent).unwrap_or_else(|| panic!("no parent: {span:?}"));
            assert!(parent.start <= span.start && span.end <= parent.end, "{span:?} is not within {parent:?}");
        }
    }
}

#[test]
fn a_published_run_is_one_tree_with_its_steps_gates_decisions_and_calls() {
    let told = Told::begin(request("test_video_gen")).published();
    let spans = told.spans();
    assert_one_tree(&spans);
    let root = named(&spans, "test_video_gen-graph")[0];
    assert_eq!((root.start, root.end, &root.outcome), (T0, told.now, &Outcome::Ok));
    assert_eq!((text(root, "status").as_str(), text(root, "mode").as_str()), ("published", "mock"));
    let gates: Vec<_> = spans.iter().filter(|span| span.name.starts_with("gate ")).collect();
    assert_eq!(gates.iter().map(|span| text(span, "gate")).collect::<Vec<_>>(), ["workflow", "ideate", "prepublish"]);
    assert_eq!(above(&spans, gates[1]), "step ideate");
    let decisions = named(&spans, "decision");
    assert_eq!(decisions.len(), 3);
    assert_eq!((text(decisions[2], "gate"), text(decisions[2], "decision")), ("prepublish".into(), "approved".into()));
    assert_eq!(above(&spans, decisions[2]), "gate prepublish");
    let clips = named(&spans, &clip_span());
    assert_eq!((clips.len(), above(&spans, clips[0])), (2, "step generate"));
    assert_eq!((named(&spans, "submit").len(), named(&spans, "poll").len()), (4, 4), "two clips, a render, a post");
    assert!(named(&spans, "submit").iter().all(|span| span.is_call && span.outcome == Outcome::Ok));
    assert_eq!(named(&spans, "brendan-chat").len(), 0, "nobody chatted");
}

#[test]
fn a_run_that_chat_started_has_the_turns_span() {
    let options = serde_json::json!({"entrypoint": "brendan"});
    let told = Told::begin(StartRequest { options, ..request("test_video_gen") });
    let spans = told.spans();
    let chat = named(&spans, "brendan-chat");
    assert_eq!((chat.len(), above(&spans, chat[0])), (1, "test_video_gen-graph"));
}

#[test]
fn a_persona_with_a_model_takes_its_time_and_names_the_model() {
    let mut told = Told::begin(StartRequest { personas: PersonaSource::Model, ..request("test_video_gen") });
    told.tell(&Command::DecideGate(approve(gate("workflow"))));
    let (step, source) = (told.run.body.step, "model:gpt-5-nano".to_owned());
    told.tell(&Command::Own(MediaCommand::FinishPersona { step, output: Default::default(), source }));
    let spans = told.spans();
    let persona = named(&spans, "persona iggy")[0];
    assert_eq!(persona.end - persona.start, Duration::SECOND);
    assert_eq!(text(persona, "gen_ai.request.model"), "gpt-5-nano");
}

#[test]
fn a_failed_run_says_so_by_its_code_alone() {
    let mut told = Told::begin(request("test_video_gen"));
    for gate in [gate("workflow"), gate("ideate")] {
        told.tell(&Command::DecideGate(approve(gate)));
    }
    for (job_id, _) in told.run.clone().body.step_jobs() {
        let (code, message) = ("402".to_owned(), "no credits, dear ann".to_owned());
        told.tell(&Command::Own(MediaCommand::FailJob { job_id: job_id.clone(), code, message }));
    }
    let spans = told.spans();
    assert_one_tree(&spans);
    assert_eq!(named(&spans, "test_video_gen-graph")[0].outcome, Outcome::Error("402".into()));
    assert_eq!(named(&spans, &clip_span())[0].outcome, Outcome::Error("402".into()));
    assert!(!format!("{spans:?}").contains("dear ann"));
}

#[test]
fn no_word_of_people_or_models_and_no_url_gets_into_a_span() {
    let mut request = request("test_video_gen");
    request.input.topic = Some("a very private topic".into());
    request.user_id = "ann@example.com".into();
    let told = Told::begin(request).published();
    let shown = format!("{:?}", told.spans());
    for word in ["private", "ann@", "operator", "starter", "files.test", "tester"] {
        assert!(!shown.contains(word), "{word}: {shown}");
    }
    assert!(format!("{:?}", told.events).contains("private"), "the timeline has it");
}

#[test]
fn what_is_attached_later_and_clocks_that_lag_break_nothing() {
    let mut told = Told::begin(request("test_video_gen")).published();
    told.tell(&Command::Attach(attachment()));
    for (place, event) in told.events.iter_mut().enumerate() {
        if place % 3 == 2 {
            event.at -= Duration::MINUTE;
        }
    }
    let spans = told.spans();
    assert!(spans.iter().all(|span| span.start <= span.end));
    assert_eq!(spans.iter().filter(|span| span.parent.is_none()).count(), 1);
}

#[test]
fn traces_of_two_runs_share_no_id() {
    let other = |run_id: &str| Told::begin(StartRequest { run_id: run_id.into(), ..request("test_video_gen") });
    let ids = |told: &Told| told.spans().iter().map(|span| span.id).collect::<BTreeSet<_>>();
    assert!(ids(&other("run-1")).is_disjoint(&ids(&other("run-2"))));
    assert_ne!(trace_id("run-1"), trace_id("run-2"));
}

fn any_command(run: &Run, choice: u8) -> Command {
    let job_id = run.body.jobs.keys().nth(choice as usize % run.body.jobs.len().max(1)).cloned().unwrap_or_default();
    let (code, message, reason) = ("501".to_owned(), "m".to_owned(), "r".to_owned());
    match choice % 14 {
        0 | 1 => Command::DecideGate(approve(run.gates.first().map_or(gate("workflow"), |open| open.gate))),
        2 | 3 => Command::Own(MediaCommand::SubmitJob { job_id, task_id: "t".into(), adopted: choice > 100 }),
        4 => Command::Own(MediaCommand::FinishJob { job_id, url: "https://files.test/x".into() }),
        5 => Command::Own(MediaCommand::FailJob { job_id, code, message }),
        6 => Command::Own(MediaCommand::ReplaceJob { job_id, code, message }),
        7 => pause_at(T0),
        8 | 9 => Command::Resume { reason },
        10 => Command::Retry { reason },
        11 => Command::ReopenGate { gate: run.gates.first().map_or(gate("ideate"), |open| open.gate), reason },
        12 => Command::Extend { until: T0 + Duration::days(3), reason },
        _ => Command::Attach(attachment()),
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_trace_is_one_tree_and_exported_twice_the_same(choices in prop::collection::vec(any::<u8>(), 0..80)) {
        let mut told = Told::begin(StartRequest { mode: ProvidersMode::Sim, ..request("test_video_gen") });
        for choice in choices {
            let command = any_command(&told.run, choice);
            told.tell(&command);
        }
        let first = told.spans();
        assert_one_tree(&first);
        prop_assert_eq!(&first, &told.spans());
        // A span that has ended stays as it is, whatever comes later.
        let before = told.events.len();
        told = told.published_or_cancelled();
        let ended: Vec<_> = spans::<Media>("run-1", &lines(&told.events[..before]));
        let later = told.spans();
        let ids: BTreeSet<_> = later.iter().map(|span| span.id).collect();
        prop_assert!(ended.iter().all(|span| ids.contains(&span.id)));
    }
}

impl Told {
    fn published_or_cancelled(mut self) -> Told {
        self.tell(&Command::Cancel { reason: "r".into(), actor: "a".into() });
        self
    }
}

#[test]
fn an_expired_gate_is_an_error_of_the_gate_not_of_the_run() {
    let run = at_gate(gate("workflow"));
    let mut told = Told::begin(request("test_video_gen"));
    told.now = run.deadline.unwrap();
    told.tell(&Command::PassDeadline);
    let spans = told.spans();
    assert_eq!(named(&spans, "gate workflow")[0].outcome, Outcome::Error("expired".into()));
    assert_eq!(text(named(&spans, "test_video_gen-graph")[0], "status"), "expired");
}
