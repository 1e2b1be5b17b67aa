//! One piece of work from its spec to a verified file.

use crate::files::Files;
use crate::program::{Failure, Programs, Runner, Stop};
use crate::scratch::Scratch;
use crate::verify::{self, Expected, Report};
use crate::{assembly, scene};
use mw_render::engine::Engine;
use mw_render::spec::{PictureDemands, RENDER_SPEC_VERSION, StandsFor, VideoDemands, WorkSpec};
use std::path::PathBuf;
use std::time::Duration;

/// What the worker has, whatever the work.
#[derive(Debug, Clone)]
pub struct Workshop {
    pub programs: Programs,
    /// The installation's logo, where there is one.
    pub logo: Option<PathBuf>,
    /// Where folders of work are made, for the time of the work.
    pub scratch: PathBuf,
    pub stop: Stop,
}

/// A file that was made. It is gone when this is dropped.
pub struct Made {
    _scratch: Scratch,
    pub video: PathBuf,
    /// Of a whole video only.
    pub thumbnail: Option<PathBuf>,
    pub report: Report,
}

#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    #[error(transparent)]
    Failed(#[from] Failure),
    #[error("this worker reads version {RENDER_SPEC_VERSION} of specs, and this is version {0}")]
    Version(u32),
    #[error("{0} is not an engine of this worker")]
    Engine(&'static str),
    #[error("what was made is refused: {}", .0.refused.iter().map(|refusal| refusal.detail.as_str()).collect::<Vec<_>>().join("; "))]
    Refused(Box<Report>),
}

impl Workshop {
    /// Does the work within its time. `progress` is told the share that is done, from 0 to 1.
    pub fn make(&self, spec: &WorkSpec, files: &Files, progress: &mut dyn FnMut(f64)) -> Result<Made, WorkError> {
        let (version, limit) = match spec {
            WorkSpec::Segment(spec) => (spec.render_spec_version, 120),
            WorkSpec::Assembly(spec) => (spec.render_spec_version, 600),
            WorkSpec::Template(spec) => (spec.render_spec_version, 60),
        };
        if version != RENDER_SPEC_VERSION {
            return Err(WorkError::Version(version));
        }
        let scratch =
            Scratch::new(&self.scratch).map_err(|error| Failure::Io("a folder for the work cannot be made", error))?;
        let runner = Runner::new(&self.programs, scratch.path(), &self.stop, Duration::from_secs(limit));
        let logo = self.logo.as_deref();
        let (made, expected) = match spec {
            WorkSpec::Segment(spec) => {
                if spec.engine != Engine::LocalFfmpeg {
                    return Err(WorkError::Engine(spec.engine.as_str()));
                }
                let share = share(progress, spec.render_seconds);
                scene::segment(&runner, spec, files, &mut { share })?;
                (scene::MADE, silent(&spec.output))
            }
            WorkSpec::Assembly(spec) => {
                let output = &spec.finish.output;
                assembly::assemble(&runner, spec, files, logo, &mut share(progress, output.picture.duration_seconds))?;
                (assembly::MADE, whole(output))
            }
            WorkSpec::Template(spec) => {
                let share = &mut share(progress, spec.render_seconds);
                scene::template(&runner, spec, &mut |_| {})?;
                match &spec.stands_for {
                    StandsFor::Segment { output, .. } => (scene::MADE, silent(output)),
                    StandsFor::Video { finish } => {
                        assembly::finish_template(&runner, spec, finish, files, logo, share)?;
                        (assembly::MADE, whole(&finish.output))
                    }
                }
            }
        };
        let video = scratch.file(made);
        let report = verify::verify(&self.programs, &video, &expected, &self.stop)?;
        if !report.accepted {
            return Err(WorkError::Refused(Box::new(report)));
        }
        let thumbnail = Some(scratch.file(assembly::THUMBNAIL)).filter(|file| file.exists());
        Ok(Made { _scratch: scratch, video, thumbnail, report })
    }
}

fn share(progress: &mut dyn FnMut(f64), seconds: f64) -> impl FnMut(f64) + '_ {
    move |made| progress((made / seconds).clamp(0.0, 1.0))
}

fn silent(output: &PictureDemands) -> Expected {
    Expected { sound: Some(false), ..pictures(output) }
}

fn whole(output: &VideoDemands) -> Expected {
    Expected { sound: Some(output.audio.is_some()), ..pictures(&output.picture) }
}

fn pictures(output: &PictureDemands) -> Expected {
    let size = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
    Expected {
        width: size(output.width),
        height: size(output.height),
        frames_per_second: f64::from(output.fps),
        seconds: Some(output.duration_seconds),
        sound: None,
    }
}
