//! No file passes that is not the video that was asked for.

use super::*;
use crate::spec::Loudness;
use std::collections::BTreeSet;

fn demands(with_sound: bool) -> VideoDemands {
    let loudness = Loudness { integrated_lufs: -14.0, true_peak_db: -1.5, range_lu: 11.0 };
    let audio = with_sound.then(|| AudioDemands { codec: "aac".to_owned(), bitrate_kbps: 192, loudness });
    VideoDemands { picture: PictureDemands::lasting(15.0), faststart: true, audio }
}

fn good() -> (FileReport, ControlReport) {
    let worker = FileReport {
        container: "mp4".to_owned(),
        size_bytes: 3_000_000,
        sha256: "ab".repeat(32),
        duration_seconds: 15.02,
        bitrate_kbps: 1600,
        faststart: true,
        video: Some(VideoStream {
            codec: "h264".to_owned(),
            pixel_format: "yuv420p".to_owned(),
            width: 1080,
            height: 1920,
            fps: 30.0,
        }),
        audio: Some(AudioStream { codec: "aac".to_owned(), integrated_lufs: -14.3, true_peak_db: -1.4, range_lu: 4.0 }),
        ..FileReport::default()
    };
    let control = ControlReport {
        size_bytes: worker.size_bytes,
        sha256: worker.sha256.clone(),
        faststart: true,
        duration_seconds: 15.0,
        video_tracks: 1,
        audio_tracks: 1,
        width: 1080,
        height: 1920,
    };
    (worker, control)
}

fn broken(change: impl FnOnce(&mut FileReport, &mut ControlReport)) -> BTreeSet<Rule> {
    let (mut worker, mut control) = good();
    change(&mut worker, &mut control);
    let verification = Verification::of(&demands(true), Motion::Subtle, false, worker, control);
    let rules = verification.findings.iter().filter(|finding| !finding.kept).map(|finding| finding.rule).collect();
    assert_eq!(verification.is_passed(), verification.faults().is_empty());
    rules
}

#[test]
fn a_good_video_passes() {
    assert_eq!(broken(|_, _| {}), BTreeSet::new());
    let (mut worker, mut control) = good();
    (worker.audio, control.audio_tracks) = (None, 0);
    assert!(Verification::of(&demands(false), Motion::Subtle, false, worker, control).is_passed());
}

#[test]
fn each_broken_file_is_refused_by_its_rule() {
    let stretch = |start, end| vec![Stretch { start, end }];
    let video = |report: &mut FileReport, change: fn(&mut VideoStream)| change(report.video.as_mut().unwrap());
    let audio = |report: &mut FileReport, change: fn(&mut AudioStream)| change(report.audio.as_mut().unwrap());
    let only = |rule| BTreeSet::from([rule]);
    assert!(broken(|worker, control| (worker.size_bytes, control.size_bytes) = (0, 0)).contains(&Rule::NotEmpty));
    assert!(broken(|worker, _| worker.video = None).contains(&Rule::NotEmpty));
    assert_eq!(broken(|worker, _| worker.container = "matroska".to_owned()), only(Rule::Container));
    assert_eq!(broken(|worker, _| video(worker, |one| one.codec = "hevc".to_owned())), only(Rule::Codec));
    assert_eq!(broken(|worker, _| video(worker, |one| one.pixel_format = "yuv444p".to_owned())), only(Rule::Codec));
    assert_eq!(broken(|worker, _| video(worker, |one| one.width = 720)), only(Rule::Size));
    assert_eq!(broken(|_, control| control.height = 1080), only(Rule::Size));
    assert_eq!(broken(|_, control| control.video_tracks = 0), only(Rule::Size));
    assert_eq!(broken(|worker, _| video(worker, |one| one.fps = 25.0)), only(Rule::FrameRate));
    assert_eq!(broken(|worker, _| worker.bitrate_kbps = 12_001), only(Rule::Bitrate));
    assert_eq!(broken(|worker, _| worker.duration_seconds = 14.4), only(Rule::Duration));
    assert_eq!(broken(|_, control| control.duration_seconds = 9.0), only(Rule::Duration));
    assert_eq!(broken(|worker, _| worker.faststart = false), only(Rule::Faststart));
    assert_eq!(broken(|_, control| control.faststart = false), only(Rule::Faststart));
    assert_eq!(broken(|_, control| control.sha256 = "cd".repeat(32)), only(Rule::SameFile));
    assert_eq!(broken(|_, control| control.size_bytes = 10), only(Rule::SameFile));
    assert_eq!(broken(|worker, _| worker.black = stretch(3.0, 4.5)), only(Rule::NotBlack));
    assert_eq!(broken(|worker, _| worker.frozen = stretch(0.0, 15.0)), only(Rule::NotFrozen));
    assert_eq!(broken(|worker, _| worker.audio = None), only(Rule::SoundStream));
    assert_eq!(broken(|_, control| control.audio_tracks = 0), only(Rule::SoundStream));
    assert_eq!(broken(|worker, _| audio(worker, |one| one.codec = "mp3".to_owned())), only(Rule::SoundStream));
    assert_eq!(broken(|worker, _| worker.silent = stretch(0.0, 15.0)), only(Rule::NotSilent));
    assert_eq!(broken(|worker, _| audio(worker, |one| one.integrated_lufs = -20.0)), only(Rule::Loudness));
    assert_eq!(broken(|worker, _| audio(worker, |one| one.true_peak_db = 0.0)), only(Rule::Loudness));
    assert_eq!(broken(|worker, _| worker.thumbnail_is_blank = true), only(Rule::Thumbnail));
}

#[test]
fn numbers_that_are_none_keep_no_rule() {
    assert!(broken(|worker, _| worker.duration_seconds = f64::NAN).contains(&Rule::Duration));
    assert!(broken(|_, control| control.duration_seconds = f64::NAN).contains(&Rule::Duration));
    assert!(broken(|worker, _| worker.video.as_mut().unwrap().fps = f64::NAN).contains(&Rule::FrameRate));
    assert!(broken(|worker, _| worker.audio.as_mut().unwrap().integrated_lufs = f64::NAN).contains(&Rule::Loudness));
}

#[test]
fn sound_that_nobody_asked_for_is_a_fault() {
    let (worker, control) = good();
    assert!(!Verification::of(&demands(false), Motion::Subtle, false, worker, control).is_passed());
}

#[test]
fn what_is_meant_to_stand_still_may() {
    for (motion, has_template) in [(Motion::Minimal, false), (Motion::Punchy, true)] {
        let (mut worker, control) = good();
        worker.frozen = vec![Stretch { start: 0.0, end: 15.0 }];
        assert!(Verification::of(&demands(true), motion, has_template, worker, control).is_passed());
    }
}

#[test]
fn a_report_of_nothing_passes_nothing() {
    let nothing =
        Verification::of(&demands(false), Motion::Subtle, false, FileReport::default(), ControlReport::default());
    assert!(!nothing.is_passed());
    assert!(!Verification { findings: Vec::new(), ..nothing }.is_passed());
}
