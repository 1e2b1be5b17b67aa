//! Broken files, each refused by its reason. They are small: what is wrong with them is not their size.

use crate::ffmpeg;
use mw_worker::program::{Programs, Stop};
use mw_worker::verify::{Expected, Reason, Report, verify};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const EXPECTED: Expected =
    Expected { width: 270, height: 480, frames_per_second: 30.0, seconds: Some(2.0), sound: Some(true) };

/// Two seconds that are as they should be, but for what is said.
struct Film {
    picture: &'static str,
    sound: &'static str,
    video: &'static [&'static str],
    audio: &'static [&'static str],
    flags: &'static str,
}

const GOOD: Film = Film {
    picture: "testsrc2=s=270x480:r=30:d=2",
    sound: "sine=f=440:d=2,volume=7.8dB,aformat=channel_layouts=stereo",
    video: &["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"],
    audio: &["-c:a", "aac", "-b:a", "192k"],
    flags: "+faststart",
};

impl Film {
    fn make(&self, folder: &Path) -> PathBuf {
        let mut args = vec!["-f", "lavfi", "-i", self.picture, "-f", "lavfi", "-i", self.sound];
        args.extend(self.video);
        args.extend(self.audio);
        args.extend(["-movflags", self.flags]);
        ffmpeg(folder, &args, "film.mp4")
    }
}

fn judge(file: &Path, expected: &Expected) -> Report {
    verify(&Programs::default(), file, expected, &Stop::default()).unwrap()
}

fn reasons(report: &Report) -> Vec<Reason> {
    report.refused.iter().map(|refusal| refusal.reason).collect()
}

#[track_caller]
fn refused(film: &Film, expected: &[Reason]) {
    let folder = TempDir::new().unwrap();
    let report = judge(&film.make(folder.path()), &EXPECTED);
    assert_eq!(reasons(&report), expected, "{:#?}", report.refused);
    assert!(!report.accepted);
}

#[test]
fn a_good_file_is_accepted_with_its_measures() {
    let folder = TempDir::new().unwrap();
    let file = GOOD.make(folder.path());
    let report = judge(&file, &EXPECTED);
    assert!(report.accepted, "{:#?}", report.refused);
    assert_eq!((report.size, report.sha256.len()), (fs::metadata(&file).unwrap().len(), 64));
    let measured = report.measured.unwrap();
    assert!(
        (measured.loudness.unwrap().integrated_lufs + 14.0).abs() < 1.0
            && measured.contrast_at_one_second.unwrap() > 100
    );
    let video = report.probe.unwrap().video.unwrap();
    assert_eq!((video.width, video.height, video.codec.as_str()), (270, 480, "h264"));
}

#[test]
fn files_that_do_not_play_are_refused() {
    let folder = TempDir::new().unwrap();
    let whole = fs::read(GOOD.make(folder.path())).unwrap();
    let file = folder.path().join("broken.mp4");
    let judged = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        reasons(&judge(&file, &EXPECTED))
    };
    assert_eq!(judged(b""), [Reason::Empty]);
    assert_eq!(judged(b"#EXTM3U\nfile:///etc/passwd\n"), [Reason::NotMp4]);
    for part in [10, 50, 99] {
        assert_eq!(judged(&whole[..whole.len() * part / 100]), [Reason::CutOff], "{part} %");
    }
    assert_eq!(judged(&whole[..whole.len() - 1]), [Reason::CutOff]);
    let mut damaged = whole.clone();
    let from = whole.len() / 2;
    damaged[from..from + 20_000].fill(0x5a);
    assert_eq!(judged(&damaged), [Reason::Undecodable]);
}

#[test]
fn media_before_the_movie_is_refused() {
    refused(&Film { flags: "+use_metadata_tags", ..GOOD }, &[Reason::NotFastStart]);
}

#[test]
fn wrong_codecs_are_refused() {
    refused(&Film { video: &["-c:v", "mpeg4", "-q:v", "3"], ..GOOD }, &[Reason::WrongCodec]);
    refused(&Film { audio: &["-c:a", "libmp3lame"], ..GOOD }, &[Reason::WrongCodec]);
    refused(
        &Film { video: &["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p"], ..GOOD },
        &[Reason::WrongPixelFormat],
    );
}

#[test]
fn wrong_size_rate_or_length_is_refused() {
    refused(&Film { picture: "testsrc2=s=480x270:r=30:d=2", ..GOOD }, &[Reason::WrongSize]);
    refused(&Film { picture: "testsrc2=s=270x480:r=25:d=2", ..GOOD }, &[Reason::WrongFrameRate]);
    let (picture, sound) =
        ("testsrc2=s=270x480:r=30:d=3", "sine=f=440:d=3,volume=7.8dB,aformat=channel_layouts=stereo");
    refused(&Film { picture, sound, ..GOOD }, &[Reason::WrongDuration]);
    let sound = "sine=f=440:d=9,volume=7.8dB,aformat=channel_layouts=stereo";
    refused(&Film { sound, ..GOOD }, &[Reason::WrongDuration]);
}

#[test]
fn black_one_coloured_and_frozen_pictures_are_refused() {
    let black = "testsrc2=s=270x480:r=30:d=2,drawbox=t=fill:color=black:enable='between(t,1.2,1.9)'";
    refused(&Film { picture: black, ..GOOD }, &[Reason::Black]);
    refused(&Film { picture: "color=red:s=270x480:r=30:d=2", ..GOOD }, &[Reason::Uniform, Reason::Frozen]);
    refused(
        &Film { picture: "testsrc2=s=270x480:r=30:d=0.04,loop=-1:1:0,trim=end_frame=60,setpts=N/30/TB", ..GOOD },
        &[Reason::Frozen],
    );
}

#[test]
fn silence_and_wrong_loudness_are_refused() {
    refused(&Film { sound: "anullsrc=d=2", ..GOOD }, &[Reason::Silent]);
    refused(
        &Film { sound: "sine=f=440:d=2,volume=-6dB,aformat=channel_layouts=stereo", ..GOOD },
        &[Reason::WrongLoudness],
    );
    let loud = "sine=f=440:d=2,volume=20dB,aformat=channel_layouts=stereo";
    refused(&Film { sound: loud, ..GOOD }, &[Reason::WrongLoudness, Reason::PeakTooHigh]);
}

#[test]
fn sound_is_there_exactly_where_it_should_be() {
    let folder = TempDir::new().unwrap();
    let with = GOOD.make(folder.path());
    let unwanted = judge(&with, &Expected { sound: Some(false), ..EXPECTED });
    assert_eq!(reasons(&unwanted), [Reason::UnwantedSound]);
    let without =
        ffmpeg(folder.path(), &["-i", "film.mp4", "-an", "-c", "copy", "-movflags", "+faststart"], "silent.mp4");
    assert_eq!(reasons(&judge(&without, &EXPECTED)), [Reason::NoSound]);
    assert!(judge(&without, &Expected { sound: Some(false), ..EXPECTED }).accepted);
}
