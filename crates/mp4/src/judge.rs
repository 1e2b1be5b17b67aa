//! What a file must be that is delivered, as far as its head can say.

use crate::{Kind, Movie};

/// H.264, and AAC. Size and rate stand in the contract of the output; how long it plays is the job's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    pub width: u16,
    pub height: u16,
    pub frames_per_second: f64,
    pub seconds: f64,
    /// Whether there must be sound. Without it, nothing is said of sound.
    pub sound: bool,
}

/// How far a video may be from the length that it should have.
pub const TOLERANCE_SECONDS: f64 = 0.5;

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Mismatch {
    #[error("there is no picture")]
    NoVideo,
    #[error("there is no sound, and there should be")]
    NoSound,
    #[error("the {0} is not {1}")]
    Codec(&'static str, &'static str),
    #[error("the picture is {0}×{1}, not {2}×{3}")]
    Size(u16, u16, u16, u16),
    #[error("it shows {0:.2} pictures a second, not {1:.2}")]
    FrameRate(f64, f64),
    #[error("it plays for {0:.2} s, not {1:.2}")]
    Duration(f64, f64),
}

impl Movie {
    /// All that is wrong with it, the most important first.
    pub fn mismatches(&self, expected: &Expected) -> Vec<Mismatch> {
        let mut wrong = Vec::new();
        match self.track(Kind::Video) {
            None => wrong.push(Mismatch::NoVideo),
            Some(video) => {
                if video.codec != *b"avc1" {
                    wrong.push(Mismatch::Codec("picture", "H.264"));
                }
                if (video.width, video.height) != (expected.width, expected.height) {
                    wrong.push(Mismatch::Size(video.width, video.height, expected.width, expected.height));
                }
                if (video.samples_per_second - expected.frames_per_second).abs() > 0.05 {
                    wrong.push(Mismatch::FrameRate(video.samples_per_second, expected.frames_per_second));
                }
                if (video.seconds - expected.seconds).abs() > TOLERANCE_SECONDS {
                    wrong.push(Mismatch::Duration(video.seconds, expected.seconds));
                }
            }
        }
        match self.track(Kind::Audio) {
            None if expected.sound => wrong.push(Mismatch::NoSound),
            Some(audio) if audio.codec != *b"mp4a" => wrong.push(Mismatch::Codec("sound", "AAC")),
            None | Some(_) => {}
        }
        let reported = wrong.iter().any(|mismatch| matches!(mismatch, Mismatch::Duration(..)));
        if !reported && (self.seconds - expected.seconds).abs() > TOLERANCE_SECONDS {
            wrong.push(Mismatch::Duration(self.seconds, expected.seconds));
        }
        wrong
    }
}
