//! Anything may happen to runs of any kind, in an order that a seed decides: what people, operators, dispatchers and sweeps do,
//! while dispatchers die. Afterwards every run comes to its end, and the doctor finds nothing.

use crate::fixture::*;
use mw_engine::World;
use mw_kernel::run::{AnyCommand, AnyRun, Context, GateDecision, Order, Transition};
use mw_kernel::status::{Channel, Verdict};
use mw_media::principal::Principal;
use mw_media::run::PersonaSource;
use mw_media::status::ProvidersMode;
use mw_store::commit::{self, TransitionError};
use mw_store::doctor::Scope;
use time::Duration;

const HAPPENINGS: usize = 120;
const RUNS: usize = 4;

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// What somebody wants of a run.
enum Wish {
    Order(Order),
    /// About one of its open gates.
    Decide(Verdict),
}

fn ask(engine: &Engine, run: AnyRun, wish: &Wish, dice: &mut Dice) -> Option<AnyRun> {
    let (now, mut new_id) = (engine.now(), fresh_id);
    let mut context = Context { now, new_id: &mut new_id };
    let moved = match wish {
        Wish::Order(order) => commit::order(&mut engine.db(), KINDS, run, order, "chaos", "chaos", &mut context),
        Wish::Decide(verdict) => {
            let open = run.gates.get(dice.below(run.gates.len().max(1)))?;
            let mut decision = GateDecision::new(open.gate, *verdict, Principal::operator(), Channel::Api);
            decision.comment = Some("chaos".to_owned());
            let command = AnyCommand::DecideGate(decision);
            commit::transition(&mut engine.db(), KINDS, run, &command, "chaos", &mut context)
        }
    };
    match moved {
        Ok(moved) => Some(moved.run),
        Err(TransitionError::Refused(_)) => None,
        Err(error) => panic!("{error:?}"),
    }
}

/// One thing happens; what a run refuses is an answer.
fn happen(engine: &mut Engine, runs: &mut Vec<String>, dice: &mut Dice) {
    let wish = match dice.below(16) {
        0..4 => Wish::Decide(Verdict::Approve),
        4 if dice.below(3) == 0 => Wish::Decide(Verdict::Reject),
        5 => Wish::Decide(Verdict::RequestChanges),
        6 => Wish::Order(Order::Pause { until: engine.now() + Duration::days(7) }),
        7 | 8 => Wish::Order(Order::Resume),
        9 => Wish::Order(Order::Extend { until: engine.now() + Duration::days(2) }),
        10 if dice.below(3) == 0 => Wish::Order(Order::Cancel),
        11 if dice.below(3) == 0 => Wish::Order(Order::Terminate),
        12 => Wish::Order(Order::Retry { key: String::new(), fresh: false }),
        13 => {
            // A dispatcher claims and dies.
            mw_store::effects::claim(&mut engine.db(), engine.now(), 16, 45).unwrap();
            engine.ahead += Duration::seconds(20);
            return;
        }
        14 => {
            engine.sweep();
            engine.ahead += Duration::seconds(31);
            return;
        }
        _ => {
            engine.dispatch();
            return;
        }
    };
    let run = engine.any_run(&runs[dice.below(runs.len())]);
    if let Some(run) = ask(engine, run, &wish, dice)
        && !runs.contains(&run.run_id)
    {
        runs.push(run.run_id);
    }
}

/// Whoever waits for a person gets one, until no run is open.
fn bring_to_rest(engine: &mut Engine, runs: &[String], dice: &mut Dice) {
    for _ in 0..200 {
        engine.dispatch();
        engine.sweep();
        let open: Vec<AnyRun> = runs.iter().map(|id| engine.any_run(id)).filter(|run| !run.is_ended()).collect();
        if open.is_empty() {
            return;
        }
        for run in open {
            let wish = match run.pause {
                Some(_) => Wish::Order(Order::Resume),
                None => Wish::Decide(Verdict::Approve),
            };
            ask(engine, run, &wish, dice);
        }
        engine.ahead += Duration::seconds(16);
    }
    panic!("some run goes nowhere: {:?}", engine.open_effects());
}

fn survives(begin: impl Fn(&Engine) -> Transition, seeds: &[u64]) {
    for seed in seeds {
        let (mut engine, mut dice) = (Engine::new(), Dice(*seed));
        let mut runs: Vec<String> = Vec::new();
        for _ in 0..RUNS {
            let transition = begin(&engine);
            runs.push(engine.commit_any(transition));
        }
        for _ in 0..HAPPENINGS {
            happen(&mut engine, &mut runs, &mut dice);
        }
        bring_to_rest(&mut engine, &runs, &mut dice);
        assert_eq!(engine.findings(Scope::default()), [], "seed {seed}");
    }
}

#[test]
fn media_runs_survive_whatever_happens() {
    let begin =
        |engine: &Engine| engine.born("test_video_gen", ProvidersMode::Sim, PersonaSource::Rules).erase().unwrap();
    survives(begin, &[7, 11]);
}

#[test]
fn runs_of_a_kind_that_nobody_here_knows_survive_too() {
    let begin = |engine: &Engine| {
        let (now, mut new_id) = (engine.now(), fresh_id);
        let mut context = Context { now, new_id: &mut new_id };
        mw_toy::start(&fresh_id(), 3, &Default::default(), &mut context).erase().unwrap()
    };
    survives(begin, &[7, 11, 13]);
}
