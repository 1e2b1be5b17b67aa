//! A whole job on this machine, without a control plane: plan, segments, assembly. What `mw-worker render` does.

use crate::files::Files;
use crate::work::{Made, WorkError, Workshop};
use mw_render::AssetRef;
use mw_render::engine::Engine;
use mw_render::spec::{MadeSegment, RenderSpec, WorkSpec};
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is going on, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stage {
    /// So many of so many segments are made.
    Segments(usize, usize),
    /// The share of the video that is assembled.
    Assembly(f64),
}

/// Makes the video of a job. So many segments are made at once; the assembly uses every core by itself.
pub fn render(
    workshop: &Workshop,
    spec: &RenderSpec,
    job: &str,
    mut files: Files,
    at_once: NonZero<usize>,
    watch: &(dyn Fn(Stage) + Sync),
) -> Result<Made, WorkError> {
    let plan = spec.plan(job);
    let count = u32::try_from(plan.len()).unwrap_or(u32::MAX);
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let fault = Mutex::new(None);
    watch(Stage::Segments(0, plan.len()));
    std::thread::scope(|scope| {
        for _ in 0..at_once.get().min(plan.len()) {
            scope.spawn(|| {
                while let Some(planned) = plan.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let work = WorkSpec::Segment(spec.segment(planned, count, spec.archetype, Engine::LocalFfmpeg));
                    match workshop.make(&work, &files, &mut |_| {}) {
                        Ok(made) => {
                            let mut done = done.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                            done.push((planned.clone(), made));
                            watch(Stage::Segments(done.len(), plan.len()));
                        }
                        Err(error) => {
                            // The others take no further segment.
                            next.store(plan.len(), Ordering::Relaxed);
                            fault.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get_or_insert(error);
                        }
                    }
                }
            });
        }
    });
    if let Some(error) = fault.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner()) {
        return Err(error);
    }
    let mut done: Vec<(_, Made)> = done.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    done.sort_by_key(|(planned, _)| planned.index);
    let mut segments = Vec::with_capacity(done.len());
    for (planned, made) in &done {
        // A segment is known by its content, as it is to a control plane.
        let sha256 = made.report.sha256.clone();
        let Some(asset) = AssetRef::parse(&format!("{}{sha256}", mw_render::asset::SCHEME)) else { continue };
        files.add(asset.clone(), made.video.clone());
        let seconds = made.report.probe.as_ref().map_or(0.0, |probe| probe.seconds);
        segments
            .push((planned.clone(), MadeSegment { asset, sha256, milliseconds: (seconds * 1000.0).round() as u32 }));
    }
    workshop.make(&WorkSpec::Assembly(spec.assembly(&segments)), &files, &mut |share| watch(Stage::Assembly(share)))
}
