//! What a decision adds to metrics and logs. Both follow from its events, so that they agree with flag, reason and metadata.

use crate::run::body::Render;
use crate::run::event::{Fallback, RenderEvent};
use crate::run::force_fail::FailureReason;
use crate::run::view::JobStatus;
use crate::run::{Event, Run};
use crate::work::{Place, WorkKind};
use mw_kernel::run::Decided;
use mw_kernel::status::End;
use serde::Serialize;
use serde_json::{Value, json};

mw_kernel::words! {
    /// The counters and histograms of render jobs.
    Metric {
        Jobs = "pytoon_render_jobs_total",
        Success = "pytoon_render_success_total",
        Failure = "pytoon_render_failure_total",
        Fallback = "pytoon_fallback_total",
        SegmentSeconds = "pytoon_segment_render_seconds",
        JobSeconds = "pytoon_job_total_seconds",
    }
}

impl Metric {
    /// The bounds of a histogram's buckets, in seconds; none of a counter.
    pub fn buckets(self) -> Option<&'static [u32]> {
        match self {
            Metric::Jobs | Metric::Success | Metric::Failure | Metric::Fallback => None,
            Metric::SegmentSeconds => Some(&[1, 5, 10, 20, 30, 60, 120, 300]),
            Metric::JobSeconds => Some(&[10, 30, 60, 120, 300, 600]),
        }
    }
}

/// One more for a metric: 1 for a counter, the seconds for a histogram. Labels come from closed lists.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    pub metric: Metric,
    pub labels: Vec<(&'static str, String)>,
    pub value: f64,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LogLine {
    pub event: &'static str,
    pub job_id: String,
    #[serde(flatten)]
    pub members: Value,
}

/// What a decision adds, given the run before it.
pub fn observe(before: &Run, decided: &Decided<Render>) -> (Vec<Observation>, Vec<LogLine>) {
    let mut run = before.clone();
    let mut seen = Seen { metrics: Vec::new(), lines: Vec::new() };
    for recorded in &decided.events {
        let previous = run.clone();
        run.evolve(recorded);
        match &recorded.event {
            Event::Started(_) => seen.started(&run),
            Event::Own(event) => seen.own(&previous, &run, event),
            Event::Common(_) => {}
        }
        seen.transitions(&previous, &run);
        if let (None, Some(end)) = (previous.end, run.end) {
            seen.ended(&run, end);
        }
    }
    (seen.metrics, seen.lines)
}

struct Seen {
    metrics: Vec<Observation>,
    lines: Vec<LogLine>,
}

impl Seen {
    fn count(&mut self, metric: Metric, labels: Vec<(&'static str, String)>) {
        self.metrics.push(Observation { metric, labels, value: 1.0 });
    }

    fn log(&mut self, run: &Run, event: &'static str, members: Value) {
        self.lines.push(LogLine { event, job_id: run.body.job_id.clone(), members });
    }

    fn started(&mut self, run: &Run) {
        let spec = &run.body.spec;
        let labels = vec![("archetype", spec.archetype.to_string()), ("preset", spec.preset_id.clone())];
        self.count(Metric::Jobs, labels);
        let members = json!({"attempt": run.body.attempt, "preset": spec.preset_id, "segments": run.body.count()});
        self.log(run, "job_created", members);
    }

    fn own(&mut self, before: &Run, run: &Run, event: &RenderEvent) {
        match event {
            RenderEvent::PickedUp { worker, .. } => self.log(run, "job_dequeued", json!({"worker": worker})),
            RenderEvent::Unserved { try_id } => {
                let place = run.body.find(try_id).map(|(place, _)| place.to_string());
                self.log(run, "no_healthy_engine", json!({"work": place}));
            }
            RenderEvent::FellBack(hop) => {
                if hop.counted {
                    self.count(Metric::Fallback, vec![("fallback_type", hop.fallback.to_string())]);
                }
                let name = match hop.fallback {
                    Fallback::Engine => "engine_fallback_used",
                    Fallback::Archetype => "archetype_fallback",
                    Fallback::Template => "template_fallback_start",
                };
                let place = hop.place.to_string();
                self.log(run, name, json!({"work": place, "from": hop.from, "to": hop.to, "reason": hop.reason}));
            }
            RenderEvent::Failed { assignment, code, message, .. } => {
                let name = match assignment.place() {
                    Place::Segment(_) => "segment_render_failed",
                    Place::Video => "assembly_failed",
                };
                let place = assignment.place().to_string();
                let members = json!({"work": place, "engine": assignment.maker(), "code": code, "message": message});
                self.log(run, name, members);
            }
            RenderEvent::SegmentDone { index, .. } => self.segment_done(before, run, *index),
            RenderEvent::VideoMade { .. } => {
                let maker = run.body.output.as_ref().map(|output| output.assignment);
                if maker.is_some_and(|assignment| assignment.kind() == WorkKind::Template) {
                    self.log(run, "template_fallback_done", json!({"work": Place::Video.to_string()}));
                }
                self.log(run, "assembly_complete", json!({}));
            }
            RenderEvent::Planned { .. }
            | RenderEvent::Assigned { .. }
            | RenderEvent::Started { .. }
            | RenderEvent::Withdrawn { .. }
            | RenderEvent::Served { .. }
            | RenderEvent::Restored { .. }
            | RenderEvent::SegmentFailed { .. }
            | RenderEvent::Assembling { .. }
            | RenderEvent::Done => {}
        }
    }

    /// How long it took is measured from its worker's claim.
    fn segment_done(&mut self, before: &Run, run: &Run, index: u32) {
        let Some(made) = run.body.segment(index).and_then(|segment| segment.made.as_ref()) else { return };
        let (engine, place) = (made.assignment.maker(), Place::Segment(index));
        let claimed = before.body.work(place).and_then(|work| work.lease()).map(|lease| lease.started_at);
        let finished = run.body.work(place).and_then(|work| work.completed_at);
        let seconds = claimed.zip(finished).map_or(0.0, |(claimed, finished)| (finished - claimed).as_seconds_f64());
        let labels = vec![("engine", engine.to_owned())];
        self.metrics.push(Observation { metric: Metric::SegmentSeconds, labels, value: seconds });
        if made.assignment.kind() == WorkKind::Template {
            self.log(run, "template_fallback_done", json!({"work": place.to_string()}));
        }
        self.log(run, "segment_rendered", json!({"index": index, "engine": engine, "seconds": seconds}));
    }

    fn transitions(&mut self, before: &Run, run: &Run) {
        let (old, new) = (JobStatus::of(before), JobStatus::of(run));
        if old != new {
            self.log(run, "job_transition", json!({"old": old, "new": new}));
        }
        for (was, is) in before.body.segments.iter().zip(&run.body.segments) {
            if was.work.status() != is.work.status() {
                self.log(run, "segment_transition", json!({"index": is.planned.index, "new": is.work.status()}));
            }
        }
    }

    fn ended(&mut self, run: &Run, end: End) {
        let archetype = ("archetype", run.body.spec.archetype.to_string());
        match FailureReason::of(run) {
            Some(reason) => {
                self.count(Metric::Failure, vec![archetype, ("reason", reason.to_string())]);
                if reason == FailureReason::Crash {
                    self.log(run, "job_runner_crash", json!({"error": run.error}));
                }
            }
            None if end == End::Done => {
                self.count(Metric::Success, vec![archetype.clone()]);
                let took = run.finished_at.map_or(0.0, |at| (at - run.started_at).as_seconds_f64());
                self.metrics.push(Observation { metric: Metric::JobSeconds, labels: vec![archetype], value: took });
            }
            None => {}
        }
    }
}
