//! Whether a file may be delivered: what its head says, what ffprobe says, and what is seen and heard when it is played.

mod measure;
mod reason;

pub use measure::{Loudness, Measured, Stretch};
pub use reason::{Reason, Refusal};

use crate::input::Content;
use crate::probe::{self, Probe};
use crate::program::{Failure, Programs, Runner, Stop};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);
const PIXELS: &str = "yuv420p";
/// The ceiling of the contract, and what a short video may need beyond it for its first picture.
const BITS_PER_SECOND: u64 = 12_000_000;
const LOUDNESS: f64 = -14.0;
const LOUDNESS_OFF: f64 = 1.0;
/// The sound is limited to −1.5 dBTP before it is encoded; AAC may add to it.
const TRUE_PEAK: f64 = -1.0;
/// Stretches are found from these lengths on, and refused from others.
const BLACK_REFUSED: f64 = 0.5;
const FROZEN_REFUSED: f64 = 2.0;
/// This much of a video with sound must be more than silence.
const HEARD_SHARE: f64 = 0.05;

/// What the file should be. What is `None` is not asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    pub width: u16,
    pub height: u16,
    pub frames_per_second: f64,
    pub seconds: Option<f64>,
    /// Whether there must be sound, as loud as it is delivered.
    pub sound: Option<bool>,
}

impl Expected {
    /// The output of the contract.
    pub const OUTPUT: Expected =
        Expected { width: 1080, height: 1920, frames_per_second: 30.0, seconds: None, sound: None };
}

#[derive(Debug, Serialize)]
pub struct Report {
    pub accepted: bool,
    pub refused: Vec<Refusal>,
    pub size: u64,
    pub sha256: String,
    #[serde(flatten)]
    pub probe: Option<Probe>,
    #[serde(flatten)]
    pub measured: Option<Measured>,
}

/// Looks at the whole file. An error is ours; what is wrong with the file stands in the report.
pub fn verify(programs: &Programs, file: &Path, expected: &Expected, stop: &Stop) -> Result<Report, Failure> {
    let unreadable = |error| Failure::Io("the file cannot be read", error);
    let path = file.canonicalize().map_err(unreadable)?;
    let (size, sha256, head) = read(&path).map_err(unreadable)?;
    let mut report = Report { accepted: false, refused: Vec::new(), size, sha256, probe: None, measured: None };
    let movie = mw_mp4::read(&head, size);
    if let Err(fault) = &movie {
        report.refused.push(fault.into());
        if !matches!(fault, mw_mp4::Fault::NotFastStart) {
            return Ok(report);
        }
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(report) };
    let runner = Runner::new(programs, folder, stop, LIMIT);
    let name = format!("./{}", name.to_string_lossy());
    let probe = match probe::probe(&runner, &name, Content::Mp4) {
        Ok(probe) => probe,
        Err(Failure::Failed { said, .. }) => {
            report.refused.push(Refusal::new(Reason::Undecodable, said));
            return Ok(report);
        }
        Err(other) => return Err(other),
    };
    let seconds = expected.seconds.unwrap_or(probe.seconds);
    if let Ok(movie) = &movie {
        let sound = expected.sound == Some(true);
        let Expected { width, height, frames_per_second, .. } = *expected;
        let expected = mw_mp4::Expected { width, height, frames_per_second, seconds, sound };
        report.refused.extend(movie.mismatches(&expected).iter().map(Refusal::from));
    }
    judge_probe(&probe, expected, &mut report.refused);
    match measure::measure(&runner, &name, &probe) {
        Ok(measured) => {
            judge_measured(&measured, probe.seconds, expected, &mut report.refused);
            report.measured = Some(measured);
        }
        Err(Failure::Failed { said, .. }) => report.refused.push(Refusal::new(Reason::Undecodable, said)),
        Err(other) => return Err(other),
    }
    report.probe = Some(probe);
    let mut known = Vec::new();
    report.refused.retain(|refusal| {
        !known.contains(&refusal.reason) && {
            known.push(refusal.reason);
            true
        }
    });
    report.accepted = report.refused.is_empty();
    Ok(report)
}

fn judge_probe(probe: &Probe, expected: &Expected, refused: &mut Vec<Refusal>) {
    let mut refuse = |reason, detail: String| refused.push(Refusal::new(reason, detail));
    match &probe.video {
        None => refuse(Reason::NoPicture, "ffprobe finds no picture".to_owned()),
        Some(video) => {
            if video.codec != "h264" {
                refuse(Reason::WrongCodec, format!("the picture is {}, not h264", video.codec));
            }
            if video.pixel_format != PIXELS {
                refuse(Reason::WrongPixelFormat, format!("the pixels are {}, not {PIXELS}", video.pixel_format));
            }
            if (video.width, video.height) != (expected.width.into(), expected.height.into()) {
                let (is, should) = ((video.width, video.height), (expected.width, expected.height));
                refuse(Reason::WrongSize, format!("the picture is {}×{}, not {}×{}", is.0, is.1, should.0, should.1));
            }
            if (video.frames_per_second - expected.frames_per_second).abs() > 0.05 {
                refuse(Reason::WrongFrameRate, format!("{:.2} pictures a second", video.frames_per_second));
            }
            if video.bits_per_second > BITS_PER_SECOND {
                refuse(
                    Reason::TooManyBits,
                    format!("{} bits a second, more than {BITS_PER_SECOND}", video.bits_per_second),
                );
            }
        }
    }
    match &probe.audio {
        None if expected.sound == Some(true) => refuse(Reason::NoSound, "ffprobe finds no sound".to_owned()),
        Some(_) if expected.sound == Some(false) => {
            refuse(Reason::UnwantedSound, "there is sound, and should be none".to_owned())
        }
        Some(audio) if audio.codec != "aac" => {
            refuse(Reason::WrongCodec, format!("the sound is {}, not aac", audio.codec))
        }
        None | Some(_) => {}
    }
    if let Some(seconds) =
        expected.seconds.filter(|seconds| (probe.seconds - seconds).abs() > mw_mp4::TOLERANCE_SECONDS)
    {
        refuse(Reason::WrongDuration, format!("it plays for {:.2} s, not {seconds:.2}", probe.seconds));
    }
}

fn judge_measured(measured: &Measured, seconds: f64, expected: &Expected, refused: &mut Vec<Refusal>) {
    let mut refuse = |reason, detail: String| refused.push(Refusal::new(reason, detail));
    let longest =
        |stretches: &[Stretch], least: f64| stretches.iter().find(|stretch| stretch.length() >= least).copied();
    if let Some(stretch) = longest(&measured.black, BLACK_REFUSED) {
        refuse(Reason::Black, format!("black {stretch}"));
    }
    if measured.contrast_at_one_second == Some(0) {
        refuse(Reason::Uniform, "the picture at 1.0 s is of one colour".to_owned());
    }
    if let Some(stretch) = longest(&measured.frozen, FROZEN_REFUSED.min(seconds * 0.9)) {
        refuse(Reason::Frozen, format!("nothing moves {stretch}"));
    }
    let silence: f64 = measured.silent.iter().map(Stretch::length).sum();
    if measured.loudness.is_some() && silence > seconds * (1.0 - HEARD_SHARE) {
        refuse(Reason::Silent, format!("{silence:.2} of {seconds:.2} s are silent"));
    } else if let Some(loudness) = measured.loudness.filter(|_| expected.sound == Some(true)) {
        if (loudness.integrated_lufs - LOUDNESS).abs() > LOUDNESS_OFF {
            refuse(Reason::WrongLoudness, format!("{:.1} LUFS, not {LOUDNESS}", loudness.integrated_lufs));
        }
        if loudness.true_peak_db > TRUE_PEAK {
            refuse(Reason::PeakTooHigh, format!("a true peak of {:.1} dB, above {TRUE_PEAK}", loudness.true_peak_db));
        }
    }
}

/// Size, hash and head of a file, read once.
fn read(path: &Path) -> io::Result<(u64, String, Vec<u8>)> {
    let (mut file, mut hash, mut size, mut head) = (File::open(path)?, Sha256::new(), 0_u64, Vec::new());
    let mut piece = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut piece)?;
        let Some(read) = piece.get(..read).filter(|read| !read.is_empty()) else { break };
        hash.update(read);
        size += read.len() as u64;
        let wanted = mw_mp4::HEAD.saturating_sub(head.len()).min(read.len());
        head.extend_from_slice(read.get(..wanted).unwrap_or_default());
    }
    let mut hexadecimal = String::new();
    for byte in hash.finalize() {
        let _ = write!(hexadecimal, "{byte:02x}");
    }
    Ok((size, hexadecimal, head))
}
