//! Why a file is refused.

use mw_mp4::{Fault, Mismatch};
use serde::Serialize;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Refusal {
    pub reason: Reason,
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    Empty,
    NotMp4,
    CutOff,
    NotFastStart,
    Malformed,
    Undecodable,
    NoPicture,
    NoSound,
    UnwantedSound,
    WrongCodec,
    WrongPixelFormat,
    WrongSize,
    WrongFrameRate,
    WrongDuration,
    TooManyBits,
    Black,
    Uniform,
    Frozen,
    Silent,
    WrongLoudness,
    PeakTooHigh,
}

impl Refusal {
    pub fn new(reason: Reason, detail: String) -> Refusal {
        Refusal { reason, detail }
    }
}

impl From<&Fault> for Refusal {
    fn from(fault: &Fault) -> Refusal {
        let reason = match fault {
            Fault::Empty => Reason::Empty,
            Fault::NotMp4 => Reason::NotMp4,
            Fault::CutOff { .. } => Reason::CutOff,
            Fault::NotFastStart => Reason::NotFastStart,
            Fault::HeadTooShort(_) | Fault::NoMedia | Fault::Malformed(_) => Reason::Malformed,
        };
        Refusal::new(reason, fault.to_string())
    }
}

impl From<&Mismatch> for Refusal {
    fn from(mismatch: &Mismatch) -> Refusal {
        let reason = match mismatch {
            Mismatch::NoVideo => Reason::NoPicture,
            Mismatch::NoSound => Reason::NoSound,
            Mismatch::Codec(..) => Reason::WrongCodec,
            Mismatch::Size(..) => Reason::WrongSize,
            Mismatch::FrameRate(..) => Reason::WrongFrameRate,
            Mismatch::Duration(..) => Reason::WrongDuration,
        };
        Refusal::new(reason, mismatch.to_string())
    }
}
