//! Counters and logs tell what the timeline tells.

use crate::engine::Engine;
use crate::failure::FailureCode;
use crate::run::observe::{LogLine, Metric, Observation, observe};
use crate::run::testing::{
    T0, assignment, claim_of, failed, finish_of, held, only, started_with, try_id, with_context,
};
use crate::run::{Command, Engines, RenderCommand, Run};
use crate::work::Place;
use mw_kernel::run::apply;
use serde_json::json;
use time::Duration;

const FIRST: Place = Place::Segment(0);

/// Sends commands one after the other, ten seconds apart, and gathers what is observed.
struct Watched {
    run: Run,
    at: i64,
    metrics: Vec<Observation>,
    lines: Vec<LogLine>,
}

impl Watched {
    fn start(body: serde_json::Value, engines: Engines) -> Watched {
        let decided = started_with(body, engines);
        let empty = Run::empty(decided.run.run_id.clone());
        let (metrics, lines) = observe(&empty, &decided);
        Watched { run: decided.run, at: 0, metrics, lines }
    }

    fn send(&mut self, command: RenderCommand) {
        self.at += 10;
        let now = T0 + Duration::seconds(self.at);
        let command = Command::Own(command);
        let decided = with_context(now, self.run.version, |context| apply(&self.run, &command, "t", context));
        let decided = decided.unwrap().unwrap();
        let (metrics, lines) = observe(&self.run, &decided);
        self.metrics.extend(metrics);
        self.lines.extend(lines);
        self.run = decided.run;
    }

    fn claim(&mut self, place: Place) {
        self.send(claim_of(&try_id(&self.run, place), 1, Engines::assumed()));
    }

    fn make(&mut self, place: Place) {
        self.claim(place);
        let (held, assignment) = (held(&self.run, place), assignment(&self.run, place));
        self.send(finish_of(&self.run, held, assignment, Engines::assumed()));
    }

    fn values(&self, metric: Metric) -> Vec<(String, f64)> {
        let seen = self.metrics.iter().filter(|one| one.metric == metric);
        let labels =
            |one: &Observation| one.labels.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" ");
        seen.map(|one| (labels(one), one.value)).collect()
    }

    fn logged(&self, event: &str) -> usize {
        self.lines.iter().filter(|line| line.event == event).count()
    }
}

#[test]
fn a_job_that_is_done_is_counted_once_with_its_times() {
    let mut watched = Watched::start(json!({}), Engines::assumed());
    for place in [FIRST, Place::Segment(1), Place::Video] {
        watched.make(place);
    }
    let one = |labels: &str, value| vec![(labels.to_owned(), value)];
    assert_eq!(watched.values(Metric::Jobs), one("PRODUCT_HERO product_hero_clean", 1.0));
    assert_eq!(watched.values(Metric::Success), one("PRODUCT_HERO", 1.0));
    assert_eq!(watched.values(Metric::Failure), []);
    assert_eq!(watched.values(Metric::JobSeconds), one("PRODUCT_HERO", 60.0));
    assert_eq!(watched.values(Metric::SegmentSeconds), vec![("local_ffmpeg".to_owned(), 10.0); 2]);
    for event in ["job_created", "job_dequeued", "assembly_complete"] {
        assert_eq!(watched.logged(event), 1, "{event}");
    }
    assert_eq!((watched.logged("segment_rendered"), watched.logged("segment_transition")), (2, 4));
    let moves: Vec<_> = watched.lines.iter().filter(|line| line.event == "job_transition").collect();
    let words: Vec<_> = moves.iter().map(|line| line.members["new"].as_str().unwrap()).collect();
    assert_eq!(words, ["PLANNING", "RENDERING_SEGMENTS", "ASSEMBLING", "DONE"]);
}

#[test]
fn fallbacks_are_counted_once_a_type_and_logged_each() {
    let engines = only(&[Engine::LocalFfmpeg]);
    let mut watched = Watched::start(json!({"archetype": "OVERLAY"}), engines.clone());
    for place in [FIRST, Place::Segment(1)] {
        watched.claim(place);
        let held = held(&watched.run, place);
        watched.send(failed(held, FailureCode::EngineFailed, engines.clone()));
        watched.make(place);
    }
    assert_eq!(watched.values(Metric::Fallback), [("template_fallback".to_owned(), 1.0)]);
    assert_eq!((watched.logged("template_fallback_start"), watched.logged("template_fallback_done")), (2, 2));
    assert_eq!(watched.logged("segment_render_failed"), 2);
    assert_eq!(watched.values(Metric::SegmentSeconds)[0].0, "template");
}

#[test]
fn a_failed_job_is_counted_under_its_reason() {
    let mut watched = Watched::start(json!({}), Engines::assumed());
    watched.claim(FIRST);
    watched.send(RenderCommand::ForceFail { error: None });
    assert_eq!(watched.values(Metric::Failure), [("PRODUCT_HERO forced".to_owned(), 1.0)]);
    assert_eq!((watched.values(Metric::Success), watched.values(Metric::JobSeconds)), (vec![], vec![]));
}

#[test]
fn histograms_have_the_contracts_buckets() {
    assert_eq!(Metric::SegmentSeconds.buckets(), Some([1, 5, 10, 20, 30, 60, 120, 300].as_slice()));
    assert_eq!(Metric::JobSeconds.buckets(), Some([10, 30, 60, 120, 300, 600].as_slice()));
    assert!(Metric::Jobs.buckets().is_none());
}
