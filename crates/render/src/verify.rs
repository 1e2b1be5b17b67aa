//! Whether a file is the video that was asked for. The worker measures it with the programs that it has; the control plane reads
//! the first bytes itself, since the worker's word is not enough. Both reports are held against the demands here, rule by rule.

use crate::plan::PlannedSegment;
use crate::presets::Motion;
use crate::spec::{AudioDemands, PictureDemands, RenderSpec, VideoDemands};
use serde::{Deserialize, Serialize};

/// A picture that stands still for longer than this is frozen, where something was to move, in seconds.
pub const FROZEN_SECONDS_MAX: f64 = 3.5;
/// The longest black stretch, in seconds.
pub const BLACK_SECONDS_MAX: f64 = 1.0;
/// The share of a video with sound that may be silent: a voice may be much shorter than the pictures.
pub const SILENT_SHARE_MAX: f64 = 0.95;
/// How far the measured loudness may be from the wanted one, in LU, and the true peak above its limit, in dB.
pub const LOUDNESS_TOLERANCE_LU: f64 = 1.0;
pub const TRUE_PEAK_TOLERANCE_DB: f64 = 0.5;
/// How far frame rates may differ that are written as fractions.
const FPS_TOLERANCE: f64 = 0.01;
/// How far two measurements of one length may be from each other.
const AGREEMENT_SECONDS: f64 = 0.1;

/// What the worker measured of a file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FileReport {
    pub container: String,
    pub size_bytes: u64,
    pub sha256: String,
    pub duration_seconds: f64,
    pub bitrate_kbps: u32,
    /// `moov` before `mdat`.
    pub faststart: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoStream>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioStream>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub black: Vec<Stretch>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frozen: Vec<Stretch>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<Stretch>,
    /// The frame of the thumbnail has one colour only.
    #[serde(default)]
    pub thumbnail_is_blank: bool,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct VideoStream {
    pub codec: String,
    pub pixel_format: String,
    pub width: u32,
    pub height: u32,
    pub fps: f64,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AudioStream {
    pub codec: String,
    pub integrated_lufs: f64,
    pub true_peak_db: f64,
    pub range_lu: f64,
}

/// A stretch of a video, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stretch {
    pub start: f64,
    pub end: f64,
}

/// What the control plane read of the stored file itself.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ControlReport {
    pub size_bytes: u64,
    pub sha256: String,
    pub faststart: bool,
    pub duration_seconds: f64,
    pub video_tracks: u32,
    pub audio_tracks: u32,
    pub width: u32,
    pub height: u32,
}

mw_kernel::words! {
    /// One rule about a file.
    Rule {
        NotEmpty = "not_empty",
        SameFile = "same_file",
        Container = "container",
        Codec = "codec",
        Size = "size",
        FrameRate = "frame_rate",
        Duration = "duration",
        Bitrate = "bitrate",
        Faststart = "faststart",
        NotBlack = "not_black",
        NotFrozen = "not_frozen",
        SoundStream = "sound_stream",
        NotSilent = "not_silent",
        Loudness = "loudness",
        Thumbnail = "thumbnail",
    }
}

/// A rule, and whether the file keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub rule: Rule,
    pub kept: bool,
    /// What was found.
    pub detail: String,
}

/// All that is known of a finished video: what was measured, and what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verification {
    pub findings: Vec<Finding>,
    pub worker: FileReport,
    pub control: ControlReport,
}

impl Verification {
    /// Holds a finished video against what was asked for; some of it may be templates, which stand still.
    pub fn of(
        demands: &VideoDemands,
        motion: Motion,
        has_template: bool,
        worker: FileReport,
        control: ControlReport,
    ) -> Verification {
        let mut findings = pictures(&demands.picture, &worker);
        findings.extend(control_findings(demands, &worker, &control));
        findings.push(faststart(demands, &worker, &control));
        findings.push(frozen(motion, has_template, &worker));
        findings.extend(sounds(demands.audio.as_ref(), &worker));
        let blank = worker.thumbnail_is_blank;
        findings.push(finding(Rule::Thumbnail, !blank, if blank { "one colour only" } else { "shows something" }));
        Verification { findings, worker, control }
    }

    /// Whether the video may be handed out.
    pub fn is_passed(&self) -> bool {
        !self.findings.is_empty() && self.findings.iter().all(|finding| finding.kept)
    }

    /// What is wrong, in one line; empty where nothing is.
    pub fn faults(&self) -> String {
        faults(&self.findings)
    }
}

/// Whether a segment's file is what was asked for. Its exact length is the assembly's business, which cuts and stretches.
pub fn segment(demands: &PictureDemands, report: &FileReport) -> Vec<Finding> {
    pictures(demands, report)
}

/// What is wrong, in one line; empty where nothing is.
pub fn faults(findings: &[Finding]) -> String {
    let broken = findings.iter().filter(|finding| !finding.kept);
    broken.map(|finding| format!("{}: {}", finding.rule, finding.detail)).collect::<Vec<_>>().join("; ")
}

fn finding(rule: Rule, kept: bool, detail: impl Into<String>) -> Finding {
    Finding { rule, kept, detail: detail.into() }
}

fn pictures(demands: &PictureDemands, report: &FileReport) -> Vec<Finding> {
    let video = report.video.clone().unwrap_or_default();
    let is_near = |seconds: f64| (seconds - demands.duration_seconds).abs() <= demands.duration_tolerance_seconds;
    let black = longest(&report.black);
    vec![
        finding(
            Rule::NotEmpty,
            report.size_bytes > 0 && report.video.is_some(),
            format!(
                "{} bytes, {} pictures",
                report.size_bytes,
                if report.video.is_some() { "with" } else { "without" }
            ),
        ),
        finding(Rule::Container, report.container == demands.container, report.container.clone()),
        finding(
            Rule::Codec,
            video.codec == demands.video_codec && video.pixel_format == demands.pixel_format,
            format!("{} {}", video.codec, video.pixel_format),
        ),
        finding(
            Rule::Size,
            (video.width, video.height) == (demands.width, demands.height),
            format!("{}×{}", video.width, video.height),
        ),
        finding(
            Rule::FrameRate,
            (video.fps - f64::from(demands.fps)).abs() <= FPS_TOLERANCE,
            format!("{} a second", video.fps),
        ),
        finding(
            Rule::Duration,
            is_near(report.duration_seconds),
            format!("{:.2} s of {:.2} s", report.duration_seconds, demands.duration_seconds),
        ),
        finding(
            Rule::Bitrate,
            report.bitrate_kbps <= demands.bitrate_kbps_max,
            format!("{} kbit/s", report.bitrate_kbps),
        ),
        finding(Rule::NotBlack, black <= BLACK_SECONDS_MAX, format!("black for {black:.2} s at most")),
    ]
}

/// What the control plane saw itself must agree with what it was told.
fn control_findings(demands: &VideoDemands, worker: &FileReport, control: &ControlReport) -> Vec<Finding> {
    let picture = &demands.picture;
    let is_same = control.size_bytes == worker.size_bytes && control.sha256 == worker.sha256 && control.size_bytes > 0;
    let is_near = (control.duration_seconds - picture.duration_seconds).abs() <= picture.duration_tolerance_seconds;
    let agree = (control.duration_seconds - worker.duration_seconds).abs() <= AGREEMENT_SECONDS;
    vec![
        finding(Rule::SameFile, is_same, format!("{} bytes, {}", control.size_bytes, control.sha256)),
        finding(
            Rule::Size,
            control.video_tracks == 1 && (control.width, control.height) == (picture.width, picture.height),
            format!("{} picture tracks, {}×{} in the file itself", control.video_tracks, control.width, control.height),
        ),
        finding(Rule::Duration, is_near && agree, format!("{:.2} s in the file itself", control.duration_seconds)),
        finding(
            Rule::SoundStream,
            control.audio_tracks == u32::from(demands.audio.is_some()),
            format!("{} sound tracks in the file itself", control.audio_tracks),
        ),
    ]
}

fn faststart(demands: &VideoDemands, worker: &FileReport, control: &ControlReport) -> Finding {
    let is_fast = worker.faststart && control.faststart;
    let detail = if is_fast { "the index comes first" } else { "the index comes last" };
    finding(Rule::Faststart, is_fast || !demands.faststart, detail)
}

fn frozen(motion: Motion, has_template: bool, report: &FileReport) -> Finding {
    let may_stand = has_template || motion == Motion::Minimal;
    let longest = longest(&report.frozen);
    finding(Rule::NotFrozen, may_stand || longest <= FROZEN_SECONDS_MAX, format!("still for {longest:.2} s at most"))
}

fn sounds(demands: Option<&AudioDemands>, report: &FileReport) -> Vec<Finding> {
    let (demands, audio) = match (demands, &report.audio) {
        (None, None) => return vec![finding(Rule::SoundStream, true, "none, as asked")],
        (None, Some(_)) => return vec![finding(Rule::SoundStream, false, "one, where none was asked for")],
        (Some(_), None) => return vec![finding(Rule::SoundStream, false, "none")],
        (Some(demands), Some(audio)) => (demands, audio),
    };
    let silent: f64 = report.silent.iter().map(Stretch::seconds).sum();
    let wanted = demands.loudness;
    let is_loud = (audio.integrated_lufs - wanted.integrated_lufs).abs() <= LOUDNESS_TOLERANCE_LU;
    let is_below_peak = audio.true_peak_db <= wanted.true_peak_db + TRUE_PEAK_TOLERANCE_DB;
    vec![
        finding(Rule::SoundStream, audio.codec == demands.codec, audio.codec.clone()),
        finding(
            Rule::NotSilent,
            silent <= report.duration_seconds * SILENT_SHARE_MAX,
            format!("silent for {silent:.2} s of {:.2} s", report.duration_seconds),
        ),
        finding(
            Rule::Loudness,
            is_loud && is_below_peak,
            format!("{:.1} LUFS, true peak {:.1} dB", audio.integrated_lufs, audio.true_peak_db),
        ),
    ]
}

fn longest(stretches: &[Stretch]) -> f64 {
    stretches.iter().map(Stretch::seconds).fold(0.0, f64::max)
}

impl Stretch {
    pub fn seconds(&self) -> f64 {
        (self.end - self.start).max(0.0)
    }
}

impl RenderSpec {
    /// What the file of a segment must be.
    pub fn segment_demands(&self, planned: &PlannedSegment, count: u32) -> PictureDemands {
        PictureDemands::lasting(self.render_seconds(planned, count))
    }
}

#[cfg(test)]
mod tests;
