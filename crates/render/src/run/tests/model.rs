//! Every state that a short job can reach keeps the rules, and so does every walk of a longer one.

use crate::engine::{Engine, Policy};
use crate::failure::FailureCode;
use crate::run::testing::{T0, claim_of, failed, finish_of, only, report, started, try_any, with_context};
use crate::run::view::progress;
use crate::run::{Command, Engines, Event, JobStatus, Phase, Render, RenderCommand, RenderEvent, Run, Stage};
use crate::work::{Assignment, Held};
use mw_kernel::run::{Context, Refusal, apply, decide, fold};
use mw_kernel::status::End;
use mw_model::{Model, broken, visit};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeSet;
use time::Duration;

struct RenderModel;

/// What may be known of the engines.
fn surroundings() -> Vec<Engines> {
    let down = Engines { healthy: BTreeSet::new(), ..Engines::assumed() };
    let over = Engines { over: Some(Policy::ApiOnly), hop_after_seconds: Some(60), ..Engines::assumed() };
    vec![Engines::assumed(), only(&[Engine::LocalFfmpeg]), down, over]
}

/// Every command that workers, sweeps and operators could send about the run's work, and some that are too late.
fn work_commands(run: &Run, engines: &Engines) -> Vec<RenderCommand> {
    let mut commands = vec![
        RenderCommand::Reroute { engines: engines.clone() },
        RenderCommand::ForceFail { error: None },
        claim_of("unknown", 1, engines.clone()),
    ];
    for (_, work) in run.body.works() {
        match &work.stage {
            Stage::Waiting { one } => commands.push(claim_of(&one.id, 1, engines.clone())),
            Stage::Running { one, lease } => {
                let held = Held { try_id: one.id.clone(), fence: lease.fence };
                commands.push(claim_of(&one.id, lease.fence + 1, engines.clone()));
                commands.push(finish_of(run, held.clone(), one.assignment, engines.clone()));
                commands.push(finish_of(run, Held { fence: 0, ..held.clone() }, one.assignment, engines.clone()));
                commands.push(failed(held.clone(), FailureCode::EngineFailed, engines.clone()));
                commands.push(failed(held.clone(), FailureCode::Crashed, engines.clone()));
                commands.push(RenderCommand::ExpireLease { held, engines: engines.clone() });
            }
            Stage::Idle | Stage::Done | Stage::Failed => {}
        }
    }
    commands
}

fn state_faults(run: &Run) -> Vec<&'static str> {
    let body = &run.body;
    let is_working = body.works().any(|(_, work)| work.one().is_some());
    let is_verified = body.output.as_ref().is_some_and(|output| output.verification.is_passed());
    let is_open = !run.is_ended() && run.pause.is_none();
    let in_policy = |assignment: &Assignment| {
        body.spec.engine_policy != Policy::LocalOnly || assignment.engine().is_none_or(Engine::is_local)
    };
    broken([
        (!is_open || is_working, "an open job that is not paused waits for somebody"),
        (
            run.end != Some(End::Done) || (is_verified && body.is_complete()),
            "done means a verified video of all segments",
        ),
        (body.output.is_none() || is_verified, "no output is kept that did not pass"),
        (body.phase != Phase::Assembling || body.is_complete(), "nothing is assembled while a segment is missing"),
        (run.end == Some(End::Done) || progress(run) <= 90.0, "no job is further than 90 % before it is done"),
        (JobStatus::of(run) != JobStatus::Planning, "planning takes no time"),
        (body.fallback_used() == body.fallback_reason().is_some(), "flag and reason agree"),
        (
            body.counted_fallbacks().collect::<BTreeSet<_>>().len() == body.counted_fallbacks().count(),
            "a fallback counts once",
        ),
        (
            body.works().filter_map(|(_, work)| work.one()).all(|one| in_policy(&one.assignment)),
            "local_only stays local",
        ),
        (body.works().all(|(_, work)| work.failures.len() <= 60), "the state stays small"),
    ])
}

fn step_faults(run: &Run, events: &[Event]) -> Vec<&'static str> {
    let own = || events.iter().filter_map(|event| if let Event::Own(own) = event { Some(own) } else { None });
    let is_within = |event: &RenderEvent| match event {
        RenderEvent::Assigned { assignment, policy, .. } => {
            assignment.engine().is_none_or(|engine| policy.allows(engine))
        }
        _ => true,
    };
    let touches_done = |event: &RenderEvent| match event {
        RenderEvent::SegmentDone { index, .. } => run.body.segments[*index as usize].work.is_done(),
        RenderEvent::Assigned { assignment, .. } => {
            run.body.work(assignment.place()).is_some_and(|work| work.is_done())
        }
        _ => false,
    };
    let started = own().filter(|event| matches!(event, RenderEvent::Started { .. })).count();
    broken([
        (own().all(is_within), "every engine is within the policy that it was chosen under"),
        (!own().any(touches_done), "a segment that is there is never made again"),
        (started <= 1, "a claim starts one piece of work"),
        (run.pause.is_none() || started == 0, "nothing starts in a pause"),
    ])
}

impl Model for RenderModel {
    type Kind = Render;

    fn first_run() -> Run {
        started(json!({"target_duration_seconds": 2, "archetype": "OVERLAY", "engine_policy": "local_only"}))
    }

    fn commands(run: &Run) -> Vec<Command> {
        let (reason, actor) = (|| "r".to_owned(), || "a".to_owned());
        let mut commands = vec![
            Command::Cancel { reason: reason(), actor: actor() },
            Command::Terminate { reason: reason(), actor: actor() },
            Command::MarkFailed { role: "sql".to_owned() },
            Command::Pause { reason: reason(), actor: actor(), until: T0 + Duration::days(7) },
            Command::Resume { reason: reason() },
            Command::Retry { reason: reason() },
            Command::Extend { until: T0 + Duration::days(9), reason: reason() },
            Command::WarnGate,
            Command::PassDeadline,
        ];
        commands.extend(surroundings().iter().flat_map(|engines| work_commands(run, engines)).map(Command::Own));
        commands
    }

    fn shape(run: &Run) -> String {
        let body = &run.body;
        let work: Vec<_> = body
            .works()
            .map(|(_, work)| {
                let failures: Vec<_> = work.failures.iter().map(|one| (one.assignment, one.code)).collect();
                let waits = work.one().map(|one| (one.assignment, one.unserved_since.is_some()));
                (work.status(), waits, failures)
            })
            .collect();
        format!("{} {} {work:?} {} {:?}", run.status, body.phase, run.pause.is_some(), body.counted)
    }

    fn state_faults(run: &Run) -> Vec<&'static str> {
        state_faults(run)
    }

    fn step_faults(run: &Run, command: &Command, events: &[Event]) -> Vec<&'static str> {
        let is_stale = shown(command).is_some_and(|held| run.body.held(held).is_none());
        let mut faults = step_faults(run, events);
        faults.extend(broken([(!is_stale || events.is_empty(), STALE)]));
        faults
    }
}

const STALE: &str = "whoever no longer holds a piece of work changes nothing";

/// What a worker shows, where the command is a worker's.
fn shown(command: &Command) -> Option<&Held> {
    let Command::Own(command) = command else { return None };
    match command {
        RenderCommand::FinishSegment(finished) => Some(&finished.held),
        RenderCommand::FinishVideo(finished) => Some(&finished.held),
        RenderCommand::Fail(failed) => Some(&failed.held),
        RenderCommand::ExpireLease { held, .. } => Some(held),
        RenderCommand::Claim(_) | RenderCommand::Reroute { .. } | RenderCommand::ForceFail { .. } => None,
    }
}

/// The decision function without the guard of fences: whoever knows the try may finish it.
fn without_fences(run: &Run, command: &Command, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
    let mut command = command.clone();
    let fence = |held: &Held| run.body.find(&held.try_id).and_then(|(_, work)| work.lease()).map_or(0, |one| one.fence);
    match &mut command {
        Command::Own(RenderCommand::FinishSegment(finished)) => finished.held.fence = fence(&finished.held),
        Command::Own(RenderCommand::FinishVideo(finished)) => finished.held.fence = fence(&finished.held),
        _ => {}
    }
    decide(run, &command, context)
}

#[test]
fn the_model_misses_the_guard_of_fences() {
    let visit = visit::<RenderModel>(without_fences, 60);
    assert_eq!(visit.faults, BTreeSet::from([STALE.to_owned()]));
}

#[test]
fn every_reachable_state_keeps_the_rules_and_can_be_ended() {
    let visit = visit::<RenderModel>(decide, 700);
    println!("{} states, {} steps", visit.states, visit.steps);
    assert_eq!((visit.faults, visit.unendable), (BTreeSet::new(), Vec::new()));
    assert!(visit.states >= 300, "{} states: fewer than there were", visit.states);
}

/// A choice of a walk: which command, what is known of the engines, and how much later.
type Choice = (prop::sample::Index, prop::sample::Index, i64);

fn body() -> impl Strategy<Value = serde_json::Value> {
    let policy = prop::sample::select(Policy::WORDS);
    let archetype = prop::sample::select(crate::presets::Archetype::WORDS);
    (policy, archetype, 1u32..=12, any::<bool>()).prop_map(|(policy, archetype, seconds, allow)| {
        json!({"engine_policy": policy, "archetype": archetype, "target_duration_seconds": seconds, "allow_template": allow})
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn no_walk_breaks_a_rule(body in body(), choices in prop::collection::vec(any::<(prop::sample::Index, prop::sample::Index, u8)>(), 1..80)) {
        let first = crate::run::testing::started_with(body, Engines::assumed());
        let (mut run, mut events, mut now) = (first.run, first.events, T0);
        for (which, engines, later) in choices {
            let choice: Choice = (which, engines, i64::from(later));
            now += Duration::seconds(choice.2);
            let around = surroundings();
            let mut commands: Vec<Command> =
                work_commands(&run, choice.1.get(&around)).into_iter().map(Command::Own).collect();
            commands.retain(|command| !matches!(command, Command::Own(RenderCommand::ForceFail { .. })));
            let pause = Command::Pause { reason: "r".into(), actor: "a".into(), until: now + Duration::days(7) };
            commands.extend([pause, Command::Resume { reason: "r".into() }, Command::Resume { reason: "r".into() }]);
            let command = choice.0.get(&commands);
            let Ok(decided) = with_context(now, run.version, |context| apply(&run, command, "t", context)) else { continue };
            let Some(decided) = decided else { continue };
            let own: Vec<Event> = decided.events.iter().map(|event| event.event.clone()).collect();
            prop_assert_eq!(step_faults(&run, &own), Vec::<&str>::new());
            prop_assert!(progress(&decided.run) >= progress(&run), "progress fell");
            prop_assert!(decided.run.body.hops.len() >= run.body.hops.len(), "a hop was forgotten");
            run = decided.run;
            events.extend(decided.events);
            prop_assert_eq!(state_faults(&run), Vec::<&str>::new());
        }
        prop_assert_eq!(fold(&run.run_id, &events), run);
    }

    #[test]
    fn a_job_ends_whatever_keeps_failing(body in body(), codes in prop::collection::vec(prop::sample::select(FailureCode::ALL), 1..8)) {
        let mut run = started(body);
        let mut steps = 0;
        while !run.is_ended() {
            steps += 1;
            prop_assert!(steps < 600, "it goes on for ever");
            let engines = Engines::assumed();
            let found = run.body.works().find_map(|(_, work)| work.one()).unwrap();
            let id = found.id.clone();
            run = try_any(&run, &Command::Own(claim_of(&id, 1, engines.clone())), T0).unwrap();
            let held = Held { try_id: id, fence: 1 };
            run = try_any(&run, &Command::Own(failed(held, codes[steps % codes.len()], engines)), T0).unwrap();
        }
        prop_assert_eq!(JobStatus::of(&run), JobStatus::Failed);
    }

    #[test]
    fn every_accepted_job_has_a_spec_for_all_its_work(body in body()) {
        let run = started(body);
        for segment in &run.body.segments {
            let one = segment.work.one().unwrap();
            prop_assert!(run.body.spec_of(one.assignment).is_some());
            prop_assert!(report(&run, one.assignment).duration_seconds <= 4.0);
        }
    }
}
