//! Interrupt everywhere: a run of any kind is carried from its start to its good end by a client, a person, dispatchers, sweeps
//! and the provider's callbacks, one of which is killed at the k-th point, for every k. Time passes, others come, and
//! the run is done, healthy, and made once.

use crate::fixture::*;
use crate::fuse::{Fuse, Fused, FusedHttp, Mortal};
use crate::personas::canned;
use mw_engine::{Performer, World};
use mw_kernel::run::{AnyCommand, AnyRun, Context, Transition};
use mw_kernel::status::End;
use mw_media::run::{Command, Event, MediaCommand, MediaEvent, PersonaSource, Run};
use mw_media::status::{GateName, ProvidersMode};
use mw_store::commit::{Committed, Decision, Idempotency, TransitionError, commit, transition};
use mw_store::doctor::Scope;
use mw_store::native::Client;
use mw_store::webhooks::{Delivery, Match, accept};
use mw_store::{runs, sweep};
use mw_toy::Counting;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use time::Duration;

/// Whether the provider's callbacks reach us.
#[derive(Clone, Copy, PartialEq)]
enum Callbacks {
    Come,
    AreLost,
}

/// How a run begins, anew at each try.
type Begin<'a> = &'a dyn Fn(&Engine) -> Transition;

struct Story<'a> {
    engine: &'a mut Engine,
    db: Client,
    fuse: Fuse,
    callbacks: Callbacks,
    /// Tasks whose callback was answered.
    told: BTreeSet<String>,
}

impl Story<'_> {
    /// From the start to the end, whoever dies on the way.
    fn tell(&mut self, begin: Begin<'_>) -> AnyRun {
        let key = fresh_id();
        let run_id = self.insist(|story| story.start(&key, begin));
        for _ in 0..400 {
            self.dispatch();
            self.sweep();
            if self.callbacks == Callbacks::Come {
                self.call_back();
            }
            let run = runs::load(&mut self.db, self.engine.now(), &run_id, None).unwrap().run.unwrap();
            if run.is_ended() {
                return run;
            }
            match run.gates.first() {
                Some(open) => self.insist(|story| story.approve(&run_id, open.gate)),
                None => self.engine.pass_until_due(),
            }
        }
        panic!("the run goes nowhere: {:?}", self.engine.open_effects());
    }

    /// One life; whoever comes after a dead one has a connection of its own.
    fn live<T>(&mut self, work: impl FnOnce(&mut Engine, &mut Client, &Fuse) -> T) -> Option<T> {
        let (engine, db, fuse) = (&mut *self.engine, &mut self.db, &self.fuse);
        let done = fuse.live(|| work(engine, db, fuse));
        if done.is_none() {
            self.db = self.engine.db();
        }
        done
    }

    /// Who got no answer asks again.
    fn insist<T>(&mut self, mut ask: impl FnMut(&mut Self) -> Option<T>) -> T {
        (0..5).find_map(|_| ask(self)).expect("an answer")
    }

    fn start(&mut self, key: &str, begin: Begin<'_>) -> Option<String> {
        self.live(|engine, db, fuse| {
            let transition = begin(engine);
            let run_id = transition.run.run_id.clone();
            let idempotency = Idempotency { caller: "client".into(), key: key.into(), fingerprint: "same".into() };
            let decision =
                Decision { transition: Some(transition), idempotency: Some(idempotency), ..Decision::default() };
            match commit(&mut Fused { db, fuse }, engine.now(), &[decision]).unwrap().results.remove(0) {
                Committed::Committed => run_id,
                Committed::Replay { run_id } => run_id,
                other => panic!("{other:?}"),
            }
        })
    }

    /// Deciding again what was decided already is no error.
    fn approve(&mut self, run_id: &str, gate: GateName) -> Option<()> {
        self.live(|engine, db, fuse| {
            let (mut db, now) = (Fused { db, fuse }, engine.now());
            let run = runs::load(&mut db, now, run_id, None).unwrap().run.unwrap();
            let (approval, mut context) = (approval(gate).erase(), Context { now, new_id: &mut fresh_id });
            transition(&mut db, KINDS, run, &approval, "tester", &mut context).unwrap();
        })
    }

    fn dispatch(&mut self) -> Option<()> {
        self.live(|engine, db, fuse| {
            let (settings, media) = (engine.settings.clone(), engine.media.clone());
            let (mut world, http) = (Mortal { engine, db, fuse }, FusedHttp(fuse));
            let performers: [&dyn Performer<_>; 2] = [&media, &Counting];
            let work = mw_engine::work(&mut world, &http, KINDS, &performers, &settings);
            futures::executor::block_on(work).unwrap();
        })
    }

    fn sweep(&mut self) -> Option<mw_sweep::Report> {
        self.live(|engine, db, fuse| {
            mw_sweep::sweep(
                &mut Fused { db, fuse },
                KINDS,
                engine.now(),
                "tester",
                engine.exports,
                &mut fresh_id,
                &Default::default,
            )
            .unwrap()
        })
    }

    /// The provider calls back about each task until somebody answers.
    fn call_back(&mut self) {
        for task in self.engine.sim_state()["tasks"].as_array().unwrap() {
            let [task_id, provider, job_id] =
                ["task_id", "provider", "job_id"].map(|name| task[name].as_str().unwrap());
            if self.told.contains(task_id) {
                continue;
            }
            self.insist(|story| {
                story.live(|engine, db, fuse| {
                    let delivery = Delivery {
                        provider,
                        key: task_id,
                        headers: json!({}),
                        query: "",
                        signature_status: "unsigned",
                        trusted: false,
                        ignore: false,
                        matching: Match { job_id: Some(job_id.to_owned()), ..Match::default() },
                        hint: json!({"task_id": task_id}),
                    };
                    accept(&mut Fused { db, fuse }, engine.now(), &delivery, b"{}").unwrap()
                })
            });
            self.told.insert(task_id.to_owned());
        }
    }
}

/// Tells the story once for every point at which somebody can die; returns how many there are.
fn die_everywhere(
    callbacks: Callbacks,
    begin: Begin<'_>,
    again: impl Fn(u64) -> Option<u64>,
    made_once: impl Fn(&Engine, &AnyRun, u64),
) -> u64 {
    let mut engine = Engine::new();
    for point in 1.. {
        ureq::post(format!("{}/_sim/reset", engine.sim)).send_empty().unwrap();
        canned(&engine);
        let (db, fuse) = (engine.db(), Fuse::at(point, again(point)));
        let mut story = Story { engine: &mut engine, db, fuse: fuse.clone(), callbacks, told: BTreeSet::new() };
        let run = story.tell(begin);
        assert_eq!(run.end, Some(End::Done), "killed at point {point}: {run:?}");
        assert_eq!(engine.findings(Scope::run(&run.run_id)), [], "killed at point {point}");
        made_once(&engine, &run, point);
        if !fuse.is_burnt() {
            assert_eq!(engine.findings(Scope::default()), []);
            return point - 1;
        }
    }
    unreachable!()
}

/// No job was submitted twice while the provider could tell us of the first; what was repeated, the timeline says.
fn assert_made_once(engine: &Engine, run: &Run, callbacks: Callbacks, point: u64) {
    let mut tasks: BTreeMap<String, usize> = BTreeMap::new();
    for task in engine.sim_state()["tasks"].as_array().unwrap() {
        *tasks.entry(task["job_id"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(tasks.len(), run.body.jobs.len());
    let events = engine.events(&run.run_id);
    for (job_id, job) in &run.body.jobs {
        let repeated = events.iter().filter(
            |event| matches!(&event.event, Event::Own(MediaEvent::JobSubmissionRepeated { job_id: repeated, .. }) if repeated == job_id),
        );
        let provider = job.provider.as_str();
        let can_tell = callbacks == Callbacks::Come || provider == "upload-post";
        let allowed = if can_tell { 1 } else { 1 + repeated.count() };
        assert!(
            tasks[job_id] <= allowed,
            "killed at point {point}: {provider} has {} tasks of {job_id}",
            tasks[job_id]
        );
    }
}

/// The same for a media run.
fn die_everywhere_in_media(callbacks: Callbacks, personas: PersonaSource, again: impl Fn(u64) -> Option<u64>) -> u64 {
    let begin = |engine: &Engine| engine.born("test_video_gen", ProvidersMode::Sim, personas).erase().unwrap();
    let made_once = |engine: &Engine, run: &AnyRun, point| assert_made_once(engine, &typed(run), callbacks, point);
    die_everywhere(callbacks, &begin, again, made_once)
}

#[test]
fn a_kind_that_nobody_here_knows_survives_every_death() {
    let begin = |engine: &Engine| {
        let (now, mut new_id) = (engine.now(), fresh_id);
        let mut context = Context { now, new_id: &mut new_id };
        mw_toy::start(&fresh_id(), 2, &Default::default(), &mut context).erase().unwrap()
    };
    let counted_once = |engine: &Engine, run: &AnyRun, point| {
        let counted = engine.names(&run.run_id).iter().filter(|name| *name == "count.counted").count();
        assert_eq!(counted, 2, "killed at point {point}");
    };
    for again in [None, Some(7)] {
        let points = die_everywhere(Callbacks::AreLost, &begin, |_| again, counted_once);
        println!("{points} points of interruption of a counting run");
        assert!(points > 30, "{points}");
    }
}

#[test]
fn whoever_is_killed_anywhere_the_run_is_published_and_nothing_is_made_twice() {
    let points = die_everywhere_in_media(Callbacks::Come, PersonaSource::Model, |_| None);
    println!("{points} points of interruption, callbacks delivered");
    assert!(points > 90, "{points}");
}

#[test]
fn without_callbacks_too_and_what_had_to_be_repeated_is_in_the_timeline() {
    let points = die_everywhere_in_media(Callbacks::AreLost, PersonaSource::Rules, |_| None);
    println!("{points} points of interruption, callbacks lost");
    assert!(points > 90, "{points}");
}

#[test]
fn whoever_comes_to_help_may_be_killed_too() {
    // The second death comes soon after the first, while that is mended; each first death has another second one.
    let points = die_everywhere_in_media(Callbacks::Come, PersonaSource::Rules, |point| Some(1 + point * 7 % 23));
    println!("{points} points of interruption, with a second death each");
    assert!(points > 70, "{points}");
}

/// Work for every reconciler: an overdue gate, overdue work, a silent holder, a dead letter that has its job by now,
/// observations, an old receipt.
fn work_for_the_sweep(engine: &mut Engine) -> [String; 3] {
    let gate = engine.start("test_video_gen", ProvidersMode::Sim, PersonaSource::Rules);
    let overdue = engine.generating("test_video_gen");
    let old = "INSERT INTO webhook_events (idempotency_key, provider, headers, payload, signature_status, outcome,
        received_at) VALUES (gen_random_uuid()::text, 'kieai', '{}', '', 'invalid', 'refused', 'epoch')";
    engine.db().driver().batch_execute(old).unwrap();
    engine.ahead += Duration::days(8);
    let alive = engine.generating("test_video_gen");
    let job_id = alive.body.step_jobs().next().unwrap().0.clone();
    let task_id = fresh_id();
    let early = Delivery {
        provider: "kieai",
        key: &task_id,
        headers: json!({}),
        query: "",
        signature_status: "valid",
        trusted: false,
        ignore: false,
        matching: Match { task_id: Some(task_id.clone()), ..Match::default() },
        hint: json!({}),
    };
    accept(&mut engine.db(), engine.now(), &early, b"{}").unwrap();
    let now = engine.now();
    mw_store::effects::claim(&mut engine.db(), now, 16, 45).unwrap();
    engine.tell(&alive.run_id, &Command::Own(MediaCommand::SubmitJob { job_id, task_id, adopted: false }));
    engine.ahead += Duration::seconds(50);
    [gate.run_id, overdue.run_id, alive.run_id]
}

#[test]
fn a_sweep_killed_anywhere_is_finished_by_a_later_one() {
    let mut engine = Engine::new();
    for point in 1.. {
        let runs = work_for_the_sweep(&mut engine);
        let (db, fuse) = (engine.db(), Fuse::at(point, None));
        let mut story =
            Story { engine: &mut engine, db, fuse: fuse.clone(), callbacks: Callbacks::AreLost, told: BTreeSet::new() };
        story.sweep();
        // The dead one's lease runs out.
        story.engine.ahead += Duration::seconds(61);
        story.fuse = Fuse::default();
        assert!(story.sweep().unwrap().granted);
        let ended = runs.each_ref().map(|run_id| engine.run(run_id).status.as_str());
        assert_eq!(ended, ["expired", "failed", "running"], "killed at point {point}");
        let left = "SELECT (SELECT count(*) FROM outbox WHERE state = 'leased') + (SELECT count(*) FROM webhook_dlq)
            + (SELECT count(*) FROM webhook_events WHERE received_at = 'epoch') + (SELECT count(*) FROM metric_observations)";
        assert_eq!(engine.count(left), 0, "killed at point {point}");
        assert_eq!(engine.findings(Scope::default()), [], "killed at point {point}");
        end(&mut engine, &runs);
        if !fuse.is_burnt() {
            println!("{} points of interruption in a sweep", point - 1);
            assert!(point > 10, "{point}");
            return;
        }
    }
}

/// What is still open would be work for the next point.
fn end(engine: &mut Engine, run_ids: &[String]) {
    for run_id in run_ids {
        let run = engine.any_run(run_id);
        let cancel = AnyCommand::Cancel { reason: "done".into(), actor: "tester".into() };
        let now = engine.now();
        let mut context = Context { now, new_id: &mut fresh_id };
        let ended = transition(&mut engine.db(), KINDS, run, &cancel, "tester", &mut context);
        assert!(matches!(ended, Ok(_) | Err(TransitionError::Refused(_))), "{ended:?}");
    }
    sweep::fold_metrics(&mut engine.db(), 1000).unwrap();
}
