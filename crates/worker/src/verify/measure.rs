//! What is seen and heard when a file is played: FFmpeg decodes it once and detectors write what they find.

use crate::args;
use crate::probe::Probe;
use crate::program::{Failure, Runner};
use serde::Serialize;

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Measured {
    pub black: Vec<Stretch>,
    pub frozen: Vec<Stretch>,
    pub silent: Vec<Stretch>,
    /// Between the darkest and the brightest point of the picture at 1.0 s, of 255; nothing in a shorter video.
    pub contrast_at_one_second: Option<u16>,
    pub loudness: Option<Loudness>,
}

/// Seconds from the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Stretch {
    pub from: f64,
    pub to: f64,
}

impl Stretch {
    pub fn length(&self) -> f64 {
        self.to - self.from
    }
}

impl std::fmt::Display for Stretch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "from {:.2} to {:.2} s", self.from, self.to)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Loudness {
    pub integrated_lufs: f64,
    pub range_lu: f64,
    pub true_peak_db: f64,
}

/// The detectors see a small picture: a quarter of each side shows black and stillness as well, and costs a sixteenth.
/// Stillness is looked for before the picture is made smaller than a slow movement.
const SEEN: &str = "[0:v]scale=iw/4:ih/4:flags=area,freezedetect=n=-70dB:d=0.5,blackdetect=d=0.1:pix_th=0.08,\
    select='between(t,0.98,1.02)',signalstats,metadata=print:file=-[seen]";
const HEARD: &str = "[0:a]silencedetect=n=-60dB:d=0.3,ebur128=peak=true:framelog=verbose[heard]";

pub(super) fn measure(runner: &Runner<'_>, file: &str, probe: &Probe) -> Result<Measured, Failure> {
    let mut graph = Vec::new();
    let mut maps = Vec::new();
    if probe.video.is_some() {
        graph.push(SEEN);
        maps.extend(args!["-map", "[seen]"]);
    }
    if probe.audio.is_some() {
        graph.push(HEARD);
        maps.extend(args!["-map", "[heard]"]);
    }
    if graph.is_empty() {
        return Ok(Measured::default());
    }
    let mut arguments = args![
        "-v",
        "info",
        "-xerror",
        "-err_detect",
        "explode",
        "-protocol_whitelist",
        "file",
        "-f",
        "mov",
        "-i",
        file,
        "-filter_complex",
        graph.join(";"),
    ];
    arguments.extend(maps);
    arguments.extend(args!["-vsync", "passthrough", "-f", "null", "-"]);
    let said = runner.ffmpeg(&arguments, &mut |_| {})?;
    let mut measured = read(&said.errors, probe.seconds);
    let luma = |name: &str| last_number(&said.output, name);
    measured.contrast_at_one_second = luma("lavfi.signalstats.YMAX=")
        .zip(luma("lavfi.signalstats.YMIN="))
        .map(|(most, least)| if most > least { (most - least).min(255.0).round() as u16 } else { 0 });
    Ok(measured)
}

/// From FFmpeg's log. What goes on until the end has no end in it.
fn read(log: &str, seconds: f64) -> Measured {
    Measured {
        black: stretches(log, "black_start:", "black_end:", seconds),
        frozen: stretches(log, "freezedetect.freeze_start: ", "freezedetect.freeze_end: ", seconds),
        silent: stretches(log, "silence_start: ", "silence_end: ", seconds),
        contrast_at_one_second: None,
        loudness: log.rsplit_once("Summary:").and_then(|(_, summary)| loudness(summary)),
    }
}

fn stretches(log: &str, start: &str, end: &str, seconds: f64) -> Vec<Stretch> {
    let ends: Vec<f64> = numbers(log, end).collect();
    let until = |index: usize| ends.get(index).copied().unwrap_or(seconds);
    numbers(log, start).enumerate().map(|(index, from)| Stretch { from: from.max(0.0), to: until(index) }).collect()
}

fn loudness(summary: &str) -> Option<Loudness> {
    let first = |name: &str| numbers(summary, name).next();
    // Where nothing is heard the peak is "-inf".
    Some(Loudness {
        integrated_lufs: first("I: ")?,
        range_lu: first("LRA: ")?,
        true_peak_db: first("Peak: ").filter(|peak| peak.is_finite()).unwrap_or(-120.0),
    })
}

fn last_number(text: &str, name: &str) -> Option<f64> {
    numbers(text, name).last()
}

/// The numbers that stand after a name.
fn numbers<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = f64> + 'a {
    text.split(name).skip(1).filter_map(|rest| rest.split_whitespace().next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_ffmpeg_logs() {
        let log = "[blackdetect @ 0x1] black_start:0 black_end:1.5 black_duration:1.5\n\
            [freezedetect @ 0x2] lavfi.freezedetect.freeze_start: 1.2\n\
            [silencedetect @ 0x3] silence_start: -0.02\n[silencedetect @ 0x3] silence_end: 2.5 | silence_duration: 2.5\n\
            [Parsed_ebur128_1 @ 0x4] Summary:\n\n  Integrated loudness:\n    I:         -14.2 LUFS\n    Threshold: -24.2 LUFS\n\n  \
            Loudness range:\n    LRA:         3.1 LU\n    LRA low:   -16.0 LUFS\n\n  True peak:\n    Peak:       -1.7 dBFS\n";
        let measured = read(log, 3.0);
        assert_eq!(measured.black, [Stretch { from: 0.0, to: 1.5 }]);
        assert_eq!(measured.frozen, [Stretch { from: 1.2, to: 3.0 }]);
        assert_eq!(measured.silent, [Stretch { from: 0.0, to: 2.5 }]);
        let expected = Loudness { integrated_lufs: -14.2, range_lu: 3.1, true_peak_db: -1.7 };
        assert_eq!(measured.loudness, Some(expected));
    }
}
