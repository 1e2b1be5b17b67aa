//! The model of media runs ([`mw_model`]): what only they promise, and each rule shown to notice the fault that it is there for.

use crate::definition::{Role, Step};
use crate::gate_policy::{Escalation, GatePolicy, OnExpiry};
use crate::job::JobSpec;
use crate::persona::PersonaOutput;
use crate::principal::{self, Principal};
use crate::run::Common;
use crate::run::MediaCommand;
use crate::run::MediaEvent;
use crate::run::testing::gates;
use crate::run::testing::{T0, approve, attachment, pause_at, request, with_context};
use crate::run::{
    Command, Context, DecidedGate, Edit, Event, Field, GateDecision, JobPhase, Media, OpenGate, PersonaSource, Refusal,
    Run, decide, start,
};
use crate::status::{GateName, Status, Verdict};
use mw_model::{Model, broken, visit};
use std::collections::BTreeSet;
use time::Duration;

type Decide = mw_model::Decide<Media>;

struct MediaModel;

impl Model for MediaModel {
    type Kind = Media;

    fn first_run() -> Run {
        first_run()
    }

    fn commands(run: &Run) -> Vec<Command> {
        commands(run)
    }

    fn shape(run: &Run) -> String {
        shape(run)
    }

    fn state_faults(run: &Run) -> Vec<&'static str> {
        state_faults(run)
    }

    fn step_faults(run: &Run, command: &Command, events: &[Event]) -> Vec<&'static str> {
        step_faults(run, command, events)
    }
}

/// A run without the step that only repeats others, so that all its states can be visited. Its first gate has everything
/// that a policy can ask for; at its second one changes can be asked for.
fn first_run() -> Run {
    let mut request = request("test_video_gen");
    request.personas = PersonaSource::Model;
    request.definition.steps.retain(|step| !matches!(step, Step::Persona { role: Role::Edit, .. }));
    for step in &mut request.definition.steps {
        if let Step::Gate { gate: name, policy, .. } = step {
            *policy = if name.as_str() == "workflow" { full_policy() } else { GatePolicy::default() };
        }
    }
    with_context(T0, |context| start(request, context)).unwrap().run
}

fn full_policy() -> GatePolicy {
    let escalate = Escalation { after_seconds: 3600, approvers: vec!["boss".into()], groups: Vec::new() };
    GatePolicy {
        approvers: vec!["operator".into(), "ann".into()],
        approvals: 2,
        edits: vec!["plan".into()],
        escalate: Some(escalate),
        on_expiry: OnExpiry::ExtendOnce,
        ..GatePolicy::default()
    }
}

/// Every command that could be meant for this run; jobs are named as they are, and wrongly.
fn commands(run: &Run) -> Vec<Command> {
    let (reason, actor) = ("r".to_owned(), "a".to_owned());
    let step = run.body.step;
    let mut commands = vec![
        Command::Cancel { reason: reason.clone(), actor: actor.clone() },
        pause_at(T0),
        Command::Resume { reason: reason.clone() },
        Command::Terminate { reason: reason.clone(), actor },
        Command::MarkFailed { role: "a".into() },
        Command::RestoreEffects { job_ids: run.body.jobs.keys().cloned().collect() },
        Command::Extend { until: T0 + Duration::days(9), reason: reason.clone() },
        Command::Retry { reason: reason.clone() },
        Command::WarnGate,
        Command::PassDeadline,
        Command::Own(MediaCommand::FinishPersona { step, output: PersonaOutput::default(), source: "m".into() }),
        Command::Own(MediaCommand::FinishPersona {
            step: step + 1,
            output: PersonaOutput::default(),
            source: "m".into(),
        }),
        Command::Own(MediaCommand::FailPersona { step, code: "c".into(), message: "m".into() }),
        Command::Attach(attachment()),
    ];
    for gate in &gates() {
        for verdict in Verdict::ALL {
            let comment = Some("c".to_owned());
            commands.push(Command::DecideGate(GateDecision { verdict: *verdict, comment, ..approve(*gate) }));
        }
        for name in ["ann", "boss", "eve"] {
            commands.push(Command::DecideGate(GateDecision { by: person(name), ..approve(*gate) }));
        }
        commands.push(Command::DecideGate(GateDecision { by: Principal::guest(GUEST), ..approve(*gate) }));
        let edit = Edit::from([(Field::Header(0).to_string(), "edited".to_owned())]);
        commands.push(Command::DecideGate(GateDecision { edit, ..approve(*gate) }));
        commands.push(Command::ReopenGate { gate: *gate, reason: reason.clone() });
    }
    for job_id in run.body.jobs.keys().cloned().chain(["unknown".to_owned()]) {
        let task_id = format!("task-{job_id}");
        commands.push(Command::Own(MediaCommand::SubmitJob { job_id: job_id.clone(), task_id, adopted: false }));
        commands.push(Command::Own(MediaCommand::RepeatSubmission { job_id: job_id.clone(), reason: reason.clone() }));
        commands.push(Command::Own(MediaCommand::FinishJob { job_id: job_id.clone(), url: "https://u".into() }));
        let (code, message) = ("c".to_owned(), "m".to_owned());
        commands.push(Command::Own(MediaCommand::ReplaceJob { job_id: job_id.clone(), code, message }));
        commands.push(Command::Own(MediaCommand::FailJob { job_id, code: "c".into(), message: "m".into() }));
    }
    commands
}

const GUEST: &str = "guest";

fn person(name: &str) -> Principal {
    Principal::known(name, principal::Role::Approver, Vec::new())
}

/// What tells two states apart: everything but names, times and the length of the timeline.
fn shape(run: &Run) -> String {
    let mut jobs: Vec<String> = run.body.jobs.values().map(job_shape).collect();
    // A replaced job is history.
    jobs.retain(|job| !job.ends_with("replaced"));
    jobs.sort();
    let clips: Vec<_> = run.body.clips.iter().map(|clip| std::mem::discriminant(&clip.state)).collect();
    // How often changes were asked for tells nothing.
    let verdicts: BTreeSet<_> = run.decided.iter().map(|decided| (decided.gate, decided.verdict)).collect();
    let voters = |open: &OpenGate| open.votes.iter().map(|vote| vote.approver.clone()).collect::<Vec<_>>();
    let gate = |open: &OpenGate| (open.gate, open.warned, open.escalated, open.extended, voters(open));
    let gates: Vec<_> = run.gates.iter().map(gate).collect();
    format!(
        "{} {} {gates:?} {} {} {jobs:?} {clips:?} {verdicts:?} {}",
        run.status,
        run.body.step,
        run.pause.is_some(),
        run.body.answered,
        run.body.render_url.is_some()
    )
}

fn job_shape(job: &crate::run::Job) -> String {
    let (kind, index) = match &job.spec {
        JobSpec::Generate(spec) => ("generate", spec.index),
        JobSpec::Render(_) => ("render", 0),
        JobSpec::Publish(_) => ("publish", 0),
    };
    let phase = match &job.phase {
        JobPhase::Requested => "requested",
        JobPhase::Submitted { .. } => "submitted",
        JobPhase::Succeeded { .. } => "succeeded",
        JobPhase::Failed { task_id: Some(_), .. } => "failed there",
        JobPhase::Failed { task_id: None, .. } => "failed here",
        JobPhase::Replaced { .. } => "replaced",
    };
    format!("{kind} {index} {phase}")
}

/// What must hold in every state.
fn state_faults(run: &Run) -> Vec<&'static str> {
    let ended = run.status.is_terminal();
    let gates_passed = run.body.pipeline.iter().take(run.body.step as usize).filter_map(|step| match step {
        Step::Gate { gate, .. } => Some(*gate),
        Step::Persona { .. } | Step::Generate { .. } | Step::Render { .. } | Step::Publish { .. } => None,
    });
    let approved =
        |gate: GateName| run.decided.iter().any(|decided| decided.gate == gate && decided.verdict == Verdict::Approve);
    let waits = match run.body.current_step() {
        Some(Step::Gate { waiting_status, .. }) => Some(Status::from(*waiting_status)),
        _ => None,
    };
    let rules = [
        (ended == run.is_ended(), "an end and a terminal state go together"),
        (ended || run.pause.is_some() || waits.is_none_or(|status| status == run.status), "a gate waits in its status"),
        (gates_passed.clone().all(approved), "no gate is passed without an approval"),
        (
            run.decided.iter().all(|decided| satisfies_policy(run, decided)),
            "every decision satisfies its gate's policy",
        ),
        (run.status != Status::Published || run.body.publish_url.is_some(), "published means that the post is out"),
        (run.body.publish_url.is_none() || run.body.render_url.is_some(), "only a final render is published"),
    ];
    broken(rules)
}

/// Whether enough different people whom the policy admits have approved; to stop a run takes one of them.
fn satisfies_policy(run: &Run, decided: &DecidedGate) -> bool {
    let policy = run.body.pipeline.iter().find_map(|step| match step {
        Step::Gate { gate, policy, .. } if *gate == decided.gate => Some(policy),
        _ => None,
    });
    let Some(policy) = policy else { return false };
    let people: BTreeSet<&String> = decided.with.iter().chain([&decided.approver]).collect();
    let who = |name: &str| if name == GUEST { Principal::guest(name) } else { person(name) };
    let admitted = people.iter().all(|name| policy.admits(&who(name), true));
    admitted && (decided.verdict != Verdict::Approve || people.len() >= policy.approvals as usize)
}

/// What must hold of a step from one state to the next.
fn step_faults(run: &Run, command: &Command, events: &[Event]) -> Vec<&'static str> {
    let submitted_twice = events.iter().any(|event| match event {
        Event::Own(MediaEvent::JobSubmitted { job_id, .. }) => {
            run.body.jobs.get(job_id).is_none_or(|job| job.phase != JobPhase::Requested)
        }
        _ => false,
    });
    let sent_while_held = run.pause.is_some()
        && !matches!(command, Command::Resume { .. } | Command::Retry { .. })
        && events.iter().any(|event| {
            matches!(event, Event::Own(MediaEvent::JobRequested { .. }) | Event::Common(Common::GateDecided(_)))
        });
    let rules = [
        (!submitted_twice, "a job is submitted once"),
        (!sent_while_held, "a held run sends nothing and decides nothing"),
    ];
    broken(rules)
}

#[test]
fn every_reachable_state_keeps_the_rules_and_can_be_ended() {
    let visit = visit::<MediaModel>(decide, 100_000);
    println!("{} states, {} steps", visit.states, visit.steps);
    assert_eq!(visit.faults, BTreeSet::new());
    assert_eq!(visit.unendable, Vec::<String>::new());
    assert!((200..100_000).contains(&visit.states), "{} states: fewer than there were, or not all", visit.states);
}

/// A decision function without its guard of ended runs.
fn without_terminal_guard(run: &Run, command: &Command, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
    let open = Run { status: Status::Running, deadline: Some(T0), end: None, finished_at: None, ..run.clone() };
    decide(if run.status.is_terminal() { &open } else { run }, command, context)
}

/// One that takes any provider's word for a submission.
fn without_job_guard(run: &Run, command: &Command, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Own(MediaCommand::SubmitJob { job_id, task_id, .. }) if !run.status.is_terminal() => {
            let (job_id, task_id) = (job_id.clone(), task_id.clone());
            Ok(vec![Event::Own(MediaEvent::JobSubmitted { job_id, task_id, adopted: false })])
        }
        _ => decide(run, command, context),
    }
}

/// One that decides gates of held runs.
fn without_pause_guard(run: &Run, command: &Command, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
    let open = Run { pause: None, ..run.clone() };
    decide(if matches!(command, Command::DecideGate(_)) { &open } else { run }, command, context)
}

/// One that lets everybody approve at once.
fn without_policy(run: &Run, command: &Command, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
    let mut open = run.clone();
    for open in &mut open.gates {
        open.policy = GatePolicy::default();
    }
    decide(&open, command, context)
}

/// One that enters the step behind the gate before anybody decides.
fn without_gates(run: &Run, command: &Command, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
    let mut events = decide(run, command, context)?;
    events.retain(|event| !matches!(event, Event::Common(Common::GateDecided(_))));
    Ok(events)
}

#[test]
fn each_guard_that_is_taken_away_is_noticed() {
    let mutants: [(&str, Decide, &str); 5] = [
        ("terminal guard", without_terminal_guard, "an ended run never moves"),
        ("job guard", without_job_guard, "a job is submitted once"),
        ("pause guard", without_pause_guard, "a held run sends nothing and decides nothing"),
        ("policy", without_policy, "every decision satisfies its gate's policy"),
        ("gate", without_gates, "no gate is passed without an approval"),
    ];
    for (name, mutant, rule) in mutants {
        let faults = visit::<MediaModel>(mutant, 2_000).faults;
        assert!(faults.contains(rule), "without its {name} the model should notice: {rule}; it noticed {faults:?}");
    }
}
