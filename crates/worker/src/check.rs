//! What this machine can do: the programs, and what they were built with. A worker claims only what it can do.

use crate::args;
use crate::program::{Failure, Programs, Runner, Stop};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

const ENCODERS: &[&str] = &["libx264", "aac", "mjpeg"];
const DEMUXERS: &[&str] = &["jpeg_pipe", "mov,mp4,m4a,3gp,3g2,mj2", "mp3", "png_pipe", "ppm_pipe", "wav", "webp_pipe"];
const FILTERS: &[&str] = &[
    "alphaextract",
    "alphamerge",
    "amix",
    "ass",
    "blackdetect",
    "colorchannelmixer",
    "concat",
    "crop",
    "ebur128",
    "eq",
    "freezedetect",
    "gblur",
    "loop",
    "loudnorm",
    "overlay",
    "pad",
    "perspective",
    "scale",
    "scale2ref",
    "sidechaincompress",
    "signalstats",
    "silencedetect",
    "tpad",
    "xfade",
];

/// One line for each thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub found: bool,
    pub text: String,
}

/// Everything that rendering needs. What is missing is one line that says what to do.
pub fn check(programs: &Programs) -> Vec<Line> {
    let mut lines = Vec::new();
    let stop = Stop::default();
    let runner = Runner::new(programs, Path::new("/"), &stop, Duration::from_secs(20));
    let first = |text: String| text.lines().next().unwrap_or_default().to_owned();
    let ffprobe = runner.ffprobe(&args!["-version"]).map(|said| first(said.output));
    let ffmpeg = runner.ffmpeg(&args!["-version"], &mut |_| {}).map(|said| first(said.output));
    let is_there = ffmpeg.is_ok();
    for program in [ffmpeg, ffprobe] {
        lines.push(match program {
            Ok(version) => Line { found: true, text: version },
            Err(error) => Line { found: false, text: error.to_string() },
        });
    }
    if is_there {
        for (kind, option, needed) in [
            ("encoder", "-encoders", ENCODERS),
            ("reader of files", "-demuxers", DEMUXERS),
            ("filter", "-filters", FILTERS),
        ] {
            lines.push(built_in(&runner, kind, option, needed));
        }
    }
    lines
}

fn built_in(runner: &Runner<'_>, kind: &str, option: &str, needed: &[&str]) -> Line {
    let said = match runner.ffmpeg(&args![option], &mut |_| {}) {
        Ok(said) => said.output,
        Err(error) => return Line { found: false, text: error.to_string() },
    };
    // " .S. blackdetect       V->V       Detect video intervals that are (almost) black."
    let known: BTreeSet<&str> = said.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    let missing: Vec<_> = needed.iter().filter(|name| !known.contains(*name)).copied().collect();
    match missing.as_slice() {
        [] => Line { found: true, text: format!("every {kind} that is needed ({})", needed.len()) },
        missing => {
            let text = format!(
                "this FFmpeg was built without the {kind} {}: install your system's full FFmpeg",
                missing.join(", ")
            );
            Line { found: false, text }
        }
    }
}

/// Whether FFmpeg can render here; otherwise the first thing that is missing.
pub fn is_able(programs: &Programs) -> Result<(), Failure> {
    match check(programs).into_iter().find(|line| !line.found) {
        None => Ok(()),
        Some(line) => Err(Failure::Input(line.text)),
    }
}
