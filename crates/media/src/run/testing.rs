//! Runs in every state, for the tests of each command.

use crate::Timestamp;
use crate::definition::{Definition, Step};
use crate::gate_policy::GatePolicy;
use crate::principal::Principal;
use crate::run::{
    self, Command, Context, GateDecision, Input, MediaCommand, PersonaSource, Recorded, Refusal, Run, StartRequest,
    fold,
};
use crate::status::{Channel, GateName, ProvidersMode, Verdict};
use std::cell::Cell;

/// The gate of a name.
pub(crate) fn gate(name: &str) -> GateName {
    GateName::parse(name).unwrap()
}

/// The names of the shipped projects' gates.
pub(crate) fn gates() -> [GateName; 3] {
    ["workflow", "ideate", "prepublish"].map(gate)
}

/// The moment at which every test begins.
pub(crate) const T0: Timestamp = time::macros::datetime!(2026-01-02 03:04:05.678901 UTC);

pub(crate) fn context_at(now: Timestamp, new_id: &mut dyn FnMut() -> String) -> Context<'_> {
    Context { now, new_id }
}

thread_local! { static COUNTER: Cell<u32> = const { Cell::new(0) }; }

/// Calls with a context at [`T0`] whose ids are counted.
pub(crate) fn with_context<T>(now: Timestamp, call: impl FnOnce(&mut Context<'_>) -> T) -> T {
    let mut new_id = || {
        COUNTER.with(|counter| {
            counter.set(counter.get() + 1);
            format!("id-{:04}", counter.get())
        })
    };
    call(&mut Context { now, new_id: &mut new_id })
}

pub(crate) fn definition(key: &str) -> Definition {
    let path = format!("{}/../../projects/{key}.json", env!("CARGO_MANIFEST_DIR"));
    Definition::from_json(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn request(key: &str) -> StartRequest {
    let definition = definition(key);
    StartRequest {
        run_id: "run-1".into(),
        digest: definition.digest(),
        definition,
        input: Input { topic: Some("candles".into()), ..Input::default() },
        options: serde_json::json!({}),
        user_id: "user-1".into(),
        started_by: Some("starter".into()),
        mode: ProvidersMode::Mock,
        personas: PersonaSource::Rules,
        skip: Vec::new(),
        add: Vec::new(),
    }
}

pub(crate) fn started(key: &str) -> Run {
    with_context(T0, |context| run::start(request(key), context)).unwrap().run
}

/// Applies a command and checks on the way that the state is the fold of the events.
pub(crate) fn try_command_at(run: &Run, command: Command, now: Timestamp) -> Result<Run, Refusal> {
    let transition = with_context(now, |context| run::apply(run, &command, "tester", context))?;
    let Some(transition) = transition else { return Ok(run.clone()) };
    let mut folded = run.clone();
    for event in &transition.events {
        let text = serde_json::to_string(event).unwrap();
        let event: Recorded = serde_json::from_str(&text).unwrap();
        folded.evolve(&event);
    }
    assert_eq!(folded, transition.run, "the state is the fold of its events");
    assert_eq!(transition.expected_version, run.version);
    Ok(transition.run)
}

pub(crate) fn try_command(run: &Run, command: Command) -> Result<Run, Refusal> {
    try_command_at(run, command, T0)
}

pub(crate) fn decide_with(run: &Run, command: Command) -> Run {
    try_command(run, command).unwrap()
}

pub(crate) fn approve(gate: GateName) -> GateDecision {
    GateDecision::new(gate, Verdict::Approve, Principal::operator(), Channel::Api)
}

/// A run that waits at a gate with this policy; its other gates have the shipped one.
pub(crate) fn at_gate_with(gate: GateName, policy: GatePolicy) -> Run {
    let mut request = request("test_video_gen");
    for step in &mut request.definition.steps {
        if let Step::Gate { gate: name, policy: held, .. } = step {
            *held = if *name == gate { policy.clone() } else { GatePolicy::default() };
        }
    }
    let mut run = with_context(T0, |context| run::start(request, context)).unwrap().run;
    while run.open_gate(gate).is_none() {
        run = step_on(&run);
    }
    run
}

/// A test_video_gen run that waits at a gate.
pub(crate) fn at_gate(gate: GateName) -> Run {
    let mut run = started("test_video_gen");
    while run.open_gate(gate).is_none() {
        run = step_on(&run);
    }
    run
}

/// A run that waits at a gate whose definition names neither a status nor a sentence of its own.
pub(crate) fn at_own_gate() -> Run {
    let mut request = request("test_video_gen");
    if let Some(Step::Gate { gate: name, waiting_status, question, summary, .. }) = request.definition.steps.first_mut()
    {
        (*name, *waiting_status, *question, *summary) = (gate("legal_review"), Default::default(), None, None);
    }
    with_context(T0, |context| run::start(request, context)).unwrap().run
}

pub(crate) fn at_generate() -> Run {
    decide_with(&at_gate(gate("ideate")), Command::DecideGate(approve(gate("ideate"))))
}

/// A run whose personas are spoken for by a model, at its first persona.
pub(crate) fn at_persona() -> Run {
    let mut request = request("test_video_gen");
    request.personas = PersonaSource::Model;
    let run = with_context(T0, |context| run::start(request, context)).unwrap().run;
    decide_with(&run, Command::DecideGate(approve(gate("workflow"))))
}

pub(crate) fn job_ids(run: &Run) -> Vec<String> {
    run.body.step_jobs().map(|(id, _)| id.clone()).collect()
}

/// The next thing that happens to a run on its good way.
pub(crate) fn step_on(run: &Run) -> Run {
    if let Some(open) = run.gates.first() {
        return decide_with(run, Command::DecideGate(approve(open.gate)));
    }
    let mut run = run.clone();
    let is_new = |job: &run::Job| job.phase == run::JobPhase::Requested;
    let new: Vec<String> = run.body.step_jobs().filter(|(_, job)| is_new(job)).map(|(id, _)| id.clone()).collect();
    for job_id in &new {
        let task_id = format!("task-{job_id}");
        run = decide_with(
            &run,
            Command::Own(MediaCommand::SubmitJob { task_id, job_id: job_id.clone(), adopted: false }),
        );
    }
    for job_id in new {
        run = decide_with(
            &run,
            Command::Own(MediaCommand::FinishJob { url: format!("https://files.test/{job_id}"), job_id }),
        );
    }
    run
}

pub(crate) fn attachment() -> run::Attachment {
    run::Attachment {
        artifact_type: "note".into(),
        provider: "api".into(),
        url: None,
        checksum: None,
        persona: None,
        metadata: serde_json::json!({}),
    }
}

/// The command that pauses a run for the usual time.
pub(crate) fn pause_at(now: Timestamp) -> Command {
    let until = now + time::Duration::days(run::PAUSE_DAYS);
    Command::Pause { reason: "r".into(), actor: "ann".into(), until }
}

pub(crate) fn paused(run: &Run) -> Run {
    decide_with(run, pause_at(T0))
}

pub(crate) fn resume_at(run: &Run, now: Timestamp) -> Run {
    try_command_at(run, Command::Resume { reason: "r".into() }, now).unwrap()
}

/// At least one run in every reachable state.
pub(crate) fn every_state() -> Vec<Run> {
    let mut runs = vec![at_persona(), at_own_gate()];
    let mut run = started("test_video_gen");
    loop {
        runs.push(run.clone());
        if run.status.is_terminal() {
            break;
        }
        run = step_on(&run);
    }
    let base = at_gate(gate("workflow"));
    let overdue = base.deadline.unwrap();
    runs.push(try_command_at(&base, Command::PassDeadline, overdue).unwrap());
    let reject = GateDecision { verdict: Verdict::Reject, ..approve(gate("workflow")) };
    runs.push(decide_with(&base, Command::DecideGate(reject)));
    runs.push(decide_with(&base, Command::Cancel { reason: "r".into(), actor: "a".into() }));
    let generating = at_generate();
    let overdue = generating.deadline.unwrap();
    runs.push(try_command_at(&generating, Command::PassDeadline, overdue).unwrap());
    runs.extend([at_gate(gate("ideate")), at_generate(), at_persona()].iter().map(paused));
    runs
}

#[test]
fn every_status_is_reached() {
    use crate::status::Status;
    let reached: std::collections::BTreeSet<_> = every_state().iter().map(|run| run.status).collect();
    let expected: std::collections::BTreeSet<_> = Status::ALL.iter().copied().collect();
    assert_eq!(reached, expected);
}

#[test]
fn terminal_states_absorb_every_command() {
    let commands = |run: &Run| {
        let job_id = run.body.jobs.keys().next().cloned().unwrap_or_default();
        let mut commands = vec![
            Command::Cancel { reason: "r".into(), actor: "a".into() },
            Command::PassDeadline,
            Command::WarnGate,
            Command::ReopenGate { gate: gate("workflow"), reason: "r".into() },
            pause_at(T0),
            Command::Resume { reason: "r".into() },
            Command::Terminate { reason: "r".into(), actor: "a".into() },
            Command::MarkFailed { role: "a".into() },
            Command::RestoreEffects { job_ids: vec![job_id.clone()] },
            Command::Extend { until: T0 + time::Duration::days(30), reason: "r".into() },
            Command::Retry { reason: "r".into() },
            Command::Own(MediaCommand::FinishPersona {
                step: run.body.step,
                output: Default::default(),
                source: "m".into(),
            }),
            Command::Own(MediaCommand::FailPersona { step: run.body.step, code: "c".into(), message: "m".into() }),
            Command::Own(MediaCommand::SubmitJob { job_id: job_id.clone(), task_id: "t".into(), adopted: false }),
            Command::Own(MediaCommand::RepeatSubmission { job_id: job_id.clone(), reason: "r".into() }),
            Command::Own(MediaCommand::FinishJob { job_id: job_id.clone(), url: "u".into() }),
            Command::Own(MediaCommand::FailJob { job_id, code: "c".into(), message: "m".into() }),
        ];
        commands.extend(gates().into_iter().map(|gate| Command::DecideGate(approve(gate))));
        commands
    };
    for run in every_state().iter().filter(|run| run.status.is_terminal()) {
        for command in commands(run) {
            match try_command(run, command) {
                Ok(next) => assert_eq!(&next, run),
                Err(Refusal::AlreadyTerminal { .. } | Refusal::AlreadyDecided { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_whole_timeline_folds_to_the_state() {
    let mut events = Vec::new();
    let transition = with_context(T0, |context| run::start(request("aismr"), context)).unwrap();
    events.extend(transition.events);
    let mut run = transition.run;
    while !run.status.is_terminal() {
        let command = match (run.gates.first(), run.body.step_jobs().next()) {
            (Some(open), _) => Command::DecideGate(approve(open.gate)),
            (None, _) => next_job_command(&run),
        };
        let transition = with_context(T0, |context| run::apply(&run, &command, "t", context)).unwrap().unwrap();
        events.extend(transition.events);
        run = transition.run;
    }
    assert_eq!(fold("run-1", &events), run);
    assert!(events.iter().enumerate().all(|(index, event)| event.seq == index as u64 + 1));
}

fn next_job_command(run: &Run) -> Command {
    use crate::run::JobPhase;
    for (job_id, job) in run.body.step_jobs() {
        match &job.phase {
            JobPhase::Requested => {
                return Command::Own(MediaCommand::SubmitJob {
                    job_id: job_id.clone(),
                    task_id: "t".into(),
                    adopted: false,
                });
            }
            JobPhase::Submitted { .. } => {
                return Command::Own(MediaCommand::FinishJob { job_id: job_id.clone(), url: "u".into() });
            }
            JobPhase::Succeeded { .. } | JobPhase::Failed { .. } | JobPhase::Replaced { .. } => {}
        }
    }
    panic!("no open job")
}
