//! What ffprobe says of a file.

use crate::args;
use crate::input::Content;
use crate::program::{Failure, Runner};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Probe {
    pub seconds: f64,
    pub video: Option<Video>,
    pub audio: Option<Audio>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Video {
    pub codec: String,
    pub width: u32,
    pub height: u32,
    pub pixel_format: String,
    pub frames_per_second: f64,
    pub bits_per_second: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audio {
    pub codec: String,
    pub channels: u32,
    pub samples_per_second: u32,
    pub bits_per_second: u64,
}

/// The file is named relative to the runner's folder, and read as what its content is.
pub fn probe(runner: &Runner<'_>, file: &str, content: Content) -> Result<Probe, Failure> {
    let said = runner.ffprobe(&args![
        "-v", "error", "-protocol_whitelist", "file", "-f", content.format(), "-show_entries",
        "format=duration:stream=codec_type,codec_name,width,height,pix_fmt,avg_frame_rate,bit_rate,channels,sample_rate,duration",
        "-of", "json", file,
    ])?;
    let said: Output =
        serde_json::from_str(&said.output).map_err(|error| Failure::Unreadable("ffprobe", error.to_string()))?;
    Ok(read(&said))
}

fn read(said: &Output) -> Probe {
    let stream = |kind: &str| said.streams.iter().find(|stream| stream.codec_type == kind);
    let video = stream("video").map(|stream| Video {
        codec: stream.codec_name.clone(),
        width: stream.width,
        height: stream.height,
        pixel_format: stream.pix_fmt.clone(),
        frames_per_second: ratio(&stream.avg_frame_rate),
        bits_per_second: number(&stream.bit_rate),
    });
    let audio = stream("audio").map(|stream| Audio {
        codec: stream.codec_name.clone(),
        channels: stream.channels,
        samples_per_second: number(&stream.sample_rate),
        bits_per_second: number(&stream.bit_rate),
    });
    Probe { seconds: said.format.duration.parse().unwrap_or(0.0), video, audio }
}

/// ffprobe writes numbers as texts; what it does not know is absent or `N/A`.
fn number<N: std::str::FromStr + Default>(text: &str) -> N {
    text.parse().unwrap_or_default()
}

/// "30000/1001"
fn ratio(text: &str) -> f64 {
    let (over, under) = text.split_once('/').unwrap_or((text, "1"));
    let (over, under): (f64, f64) = (number(over), number(under));
    if under > 0.0 { over / under } else { 0.0 }
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Output {
    streams: Vec<Stream>,
    format: Format,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Stream {
    codec_type: String,
    codec_name: String,
    width: u32,
    height: u32,
    pix_fmt: String,
    avg_frame_rate: String,
    bit_rate: String,
    channels: u32,
    sample_rate: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Format {
    duration: String,
}
