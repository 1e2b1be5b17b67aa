//! `./dev chaos`: breaks a running stack for a while, in an order that a seed decides, and then asks for the truth.
//!
//! - [`fault`]: what goes wrong: the plan, a pure function of the seed. [`inject`]: makes it happen.
//! - [`scene`]: the stack: a PostgreSQL of its own, the simulator, three hosts. [`api`]: the product over HTTP.
//! - [`population`]: people who start runs and decide; the place for new verbs. [`messages`]: forged webhooks.
//! - [`ledger`]: what the product acknowledged. [`verdict`]: the doctor, and what must be true end to end.
//! - [`report`]: counts, findings, and what is needed to look into a failure.

mod api;
mod fault;
mod inject;
mod ledger;
mod messages;
mod population;
mod report;
mod scene;
mod verdict;

use api::Api;
use clap::Parser;
use fault::Plan;
use ledger::Ledger;
use mw::error::Result;
use mw::signals;
use mw_stack::stack::Stack;
use population::Person;
use scene::Scene;
use serde_json::json;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Breaks a stack of its own for a while, lets it heal, and checks that nothing is stuck, lost or done twice.
///
/// Kills hosts, crashes and restarts PostgreSQL, terminates its backends, takes its connections away, locks runs, makes
/// the simulated providers misbehave in every way that they know, forges, doubles and delays webhooks, sweeps twice at
/// once, cancels and decides in odd moments, while people start runs and approve them. Then every run must come to its
/// end, `mw doctor` must find nothing, and all that was acknowledged must be true.
///
/// The sequence of faults is a function of the seed; what each of them meets is not. Exit codes: 0 all is well; 1
/// findings, which are printed, with the folder of the logs; 2 something is not built.
#[derive(Debug, Parser)]
#[command(
    name = "./dev chaos",
    after_help = "\
Examples:
  ./dev chaos                              a minute with a seed of its own, which it prints
  ./dev chaos --seed 7 --minutes 10        ten minutes
  ./dev chaos --seed 7 --faults 10000      until ten thousand faults have happened, however long it takes"
)]
struct Arguments {
    /// Decides which faults come, and in which order [default: another one each time].
    #[arg(long)]
    seed: Option<u64>,
    /// How long faults come; healing and checking takes about a minute more [default: 1, without --faults].
    #[arg(long)]
    minutes: Option<f64>,
    /// End after so many faults.
    #[arg(long)]
    faults: Option<u64>,
    /// How many hosts share the database.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    hosts: u8,
    /// How many people use it.
    #[arg(long, default_value_t = 3)]
    people: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("mw-chaos: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool> {
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    signals::listen()?;
    eprintln!("chaos with seed {seed}");
    let mut stack = scene::stack(usize::from(arguments.hosts))?;
    let simulator = stack.simulator_url().unwrap_or_default();
    let key = |name: &str| stack.setting(name).unwrap_or_default().to_owned();
    let api = Api::new(stack.base_urls(), simulator, key("API_KEY"), key("SWEEP_KEY"));
    let ledger = Ledger::default();
    let began = Instant::now();
    let found = {
        let hosts = usize::from(arguments.hosts);
        let random = fastrand::Rng::with_seed(seed ^ 0x5eed);
        let mut scene = Scene { stack: &mut stack, api: &api, ledger: &ledger, random, hosts };
        break_things(&mut scene, arguments, seed)?;
        let lasted = began.elapsed();
        eprintln!("healing");
        inject::heal(&mut scene)?;
        let mut found = verdict::bring_to_rest(&mut scene)?;
        found.extend(verdict::judge(&mut scene)?);
        report::counts(&scene, lasted)?;
        if !found.is_empty() {
            report::findings(&scene, &found)?;
        }
        found.len()
    };
    println!("{found} findings; repeat with: ./dev chaos {}", same_again(arguments, seed));
    finish(stack, found == 0);
    Ok(found == 0)
}

/// Logs are kept when somebody has to look at them.
fn finish(stack: Stack, is_well: bool) {
    let log = stack.log().to_path_buf();
    drop(stack);
    if is_well {
        let _ = std::fs::remove_dir_all(log);
    }
}

fn same_again(arguments: &Arguments, seed: u64) -> String {
    let minutes = arguments.minutes.map(|minutes| format!(" --minutes {minutes}")).unwrap_or_default();
    let faults = arguments.faults.map(|faults| format!(" --faults {faults}")).unwrap_or_default();
    format!("--seed {seed}{minutes}{faults} --hosts {} --people {}", arguments.hosts, arguments.people)
}

/// Faults, one after the other, while the people live.
fn break_things(scene: &mut Scene<'_>, arguments: &Arguments, seed: u64) -> Result<()> {
    let minutes = arguments.minutes.or(if arguments.faults.is_some() { None } else { Some(1.0) });
    let limit = minutes.and_then(|minutes| Duration::try_from_secs_f64(minutes * 60.0).ok()).unwrap_or(Duration::MAX);
    let faults_max = arguments.faults.unwrap_or(u64::MAX);
    // What the model answers for a project of two clips.
    inject::steer(
        scene,
        "POST",
        "llm",
        &json!({
            "ideate": {"summary": "Two.", "headers": ["A", "B"]}, "write": {"summary": "Two.", "prompts": ["a", "b"]},
            "edit": {"summary": "Cut."}, "caption": {"summary": "Said.", "caption": "Said!", "title": "Title"},
        }),
    )?;
    let stop = AtomicBool::new(false);
    let (api, ledger) = (scene.api, scene.ledger);
    std::thread::scope(|scope| {
        for number in 0..arguments.people {
            let random = fastrand::Rng::with_seed(seed.wrapping_add(1 + number));
            let person = Person { api, ledger, random, stop: &stop };
            scope.spawn(move || person.live());
        }
        let result = one_after_the_other(scene, Plan::new(seed, scene.hosts), limit, faults_max);
        stop.store(true, Ordering::Relaxed);
        result
    })
}

fn one_after_the_other(scene: &mut Scene<'_>, plan: Plan, limit: Duration, faults_max: u64) -> Result<()> {
    let (began, mut told) = (Instant::now(), Duration::ZERO);
    let mut count = 0;
    for fault in plan {
        if began.elapsed() >= limit || count >= faults_max {
            break;
        }
        signals::pause(Duration::from_millis(scene.random.u64(5..40)))?;
        inject::inject(scene, &fault)?;
        count += 1;
        if began.elapsed() - told >= Duration::from_secs(15) {
            told = began.elapsed();
            eprintln!("  {} s: {count} faults, {} runs started", told.as_secs(), scene.ledger.lock().started.len());
        }
    }
    Ok(())
}
