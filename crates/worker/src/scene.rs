//! One segment, made by FFmpeg alone, and the plain template that stands in for whatever could not be made.
//!
//! A scene is a still that moves. Behind a product or texts it is soft, so it is drawn and moved at a third of its size; a meme
//! shows its picture sharp. The product itself, the captions and the sound are the assembly's.

use crate::args;
use crate::backdrop;
use crate::files::{Files, Placed};
use crate::motion;
use crate::program::{Failure, Runner};
use mw_render::presets::{Archetype, Motion};
use mw_render::spec::{FPS, HEIGHT, Picture, SegmentSpec, TemplateSpec, WIDTH};
use std::ffi::OsString;

/// The name of the file that is made, in the folder of the work.
pub const MADE: &str = "segment.mp4";
const STILL: &str = "backdrop.ppm";

pub fn segment(
    runner: &Runner<'_>,
    spec: &SegmentSpec,
    files: &Files,
    progress: &mut dyn FnMut(f64),
) -> Result<(), Failure> {
    let still = backdrop::scene(spec.archetype, &spec.prompt, spec.seed);
    write_still(runner, &still)?;
    let frames = frames(spec.render_seconds);
    let moved = motion::filter(spec.motion, frames, spec.index.is_multiple_of(2), spec.seed);
    let mut inputs = args!["-f", "ppm_pipe", "-i", STILL];
    let graph = match &spec.picture {
        None => format!("[0:v]format=gbrp{}", soft(&moved, frames)),
        Some(picture) => {
            let shown = place(picture, files, runner, &mut inputs, 1)?;
            match spec.archetype {
                Archetype::ProductHero => behind(&shown, "eq=brightness=0.05:saturation=0.85", &moved, frames),
                Archetype::Overlay => {
                    behind(&shown, "eq=brightness=-0.14:saturation=1.1:contrast=0.85", &moved, frames)
                }
                Archetype::MemeText => sharp(&shown, &moved, frames),
            }
        }
    };
    encode(runner, inputs, &graph, frames, progress)
}

/// The template's moving pictures, for as long as it stands. They move barely, but a picture that stands still looks broken.
pub fn template(runner: &Runner<'_>, spec: &TemplateSpec, progress: &mut dyn FnMut(f64)) -> Result<(), Failure> {
    write_still(runner, &backdrop::template(&spec.gradient))?;
    let frames = frames(spec.render_seconds);
    let moved = motion::filter(Motion::Minimal, frames, true, 0);
    let graph = format!("[0:v]format=gbrp{}", soft(&moved, frames));
    encode(runner, args!["-f", "ppm_pipe", "-i", STILL], &graph, frames, progress)
}

/// How many pictures a video of this length has.
pub fn frames(seconds: f64) -> u32 {
    (seconds * f64::from(FPS)).round().max(1.0) as u32
}

fn write_still(runner: &Runner<'_>, still: &[u8]) -> Result<(), Failure> {
    std::fs::write(runner.folder.join(STILL), still)
        .map_err(|error| Failure::Io("the backdrop cannot be written", error))
}

/// Opens a picture, and says how a graph calls it: with its mask, where it has one, as its transparency. The mask is made as large as
/// the picture, which is RGBA in any case.
pub fn place(
    picture: &Picture,
    files: &Files,
    runner: &Runner<'_>,
    inputs: &mut Vec<OsString>,
    index: usize,
) -> Result<String, Failure> {
    let image = files.place(&picture.image, runner.folder, &format!("image{index}"))?.image()?;
    let count = |inputs: &[OsString]| inputs.iter().filter(|arg| *arg == "-i").count();
    let number = count(inputs);
    inputs.extend(image.open());
    let label = format!("picture{index}");
    let Some(mask) = &picture.mask else { return Ok(format!("[{number}:v]format=rgba[{label}];[{label}]")) };
    let mask: Placed = files.place(mask, runner.folder, &format!("mask{index}"))?.image()?;
    inputs.extend(mask.open());
    let masked = number + 1;
    Ok(format!(
        "[{number}:v]format=rgba[bare{index}];[{masked}:v]format=rgba[mask{index}];[mask{index}][bare{index}]scale2ref[fit{index}][bare{index}];\
        [fit{index}]format=rgba,alphaextract[part{index}];[bare{index}]format=rgba[whole{index}];[whole{index}][part{index}]alphamerge[{label}];[{label}]"
    ))
}

/// Large enough to cover the size, and cut to it.
fn cover(width: u32, height: u32) -> String {
    format!("scale={width}:{height}:force_original_aspect_ratio=increase,crop={width}:{height},setsar=1")
}

/// A small still that moves and is then made large.
fn soft(moved: &str, frames: u32) -> String {
    format!(
        ",scale=out_color_matrix=bt709,format=yuv420p,{still},{moved},scale={WIDTH}:{HEIGHT}:flags=bilinear,setsar=1[out]",
        still = repeated(frames)
    )
}

/// The picture, out of focus, as the surroundings of whatever stands before it.
fn behind(shown: &str, tone: &str, moved: &str, frames: u32) -> String {
    let (width, height) = (backdrop::WIDTH as u32, backdrop::HEIGHT as u32);
    format!(
        "{shown}{cover}[near];[0:v][near]overlay=format=rgb,gblur=sigma=14,format=yuv420p,{tone}{soft}",
        cover = cover(width, height),
        soft = soft(moved, frames)
    )
}

/// The picture itself, in focus, before the backdrop where it is transparent.
fn sharp(shown: &str, moved: &str, frames: u32) -> String {
    format!(
        "{shown}{cover}[near];[0:v]scale={WIDTH}:{HEIGHT}:flags=bicubic[far];[far][near]overlay=format=rgb,\
        scale=out_color_matrix=bt709,format=yuv420p,{still},{moved},setsar=1[out]",
        cover = cover(WIDTH, HEIGHT),
        still = repeated(frames)
    )
}

/// One picture, as often as it is needed.
fn repeated(frames: u32) -> String {
    format!("loop=-1:1:0,trim=end_frame={frames},setpts=N/{FPS}/TB,fps={FPS}")
}

/// An intermediate file: quickly written, with little lost, since the assembly encodes it again.
fn encode(
    runner: &Runner<'_>,
    inputs: Vec<OsString>,
    graph: &str,
    frames: u32,
    progress: &mut dyn FnMut(f64),
) -> Result<(), Failure> {
    let mut arguments = args!["-v", "error"];
    arguments.extend(inputs);
    arguments.extend(args!["-filter_complex", graph, "-map", "[out]", "-frames:v", frames.to_string()]);
    arguments.extend(encoder("18"));
    arguments.extend(args!["-movflags", "+faststart", "-f", "mp4", MADE]);
    runner.ffmpeg(&arguments, progress).map(drop)
}

/// H.264 as every player takes it, in the colours of HD, below the ceiling of the contract. `ultrafast` costs half of `superfast` and a
/// third of `veryfast`, for files that are larger and look the same; only its missing deblocking is seen, and costs little.
pub fn encoder(quality: &str) -> Vec<OsString> {
    args![
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-x264-params",
        "no-deblock=0:deblock=0,0",
        "-crf",
        quality,
        "-maxrate",
        "10M",
        "-bufsize",
        "10M",
        "-profile:v",
        "high",
        "-pix_fmt",
        "yuv420p",
        "-r",
        FPS.to_string(),
        "-g",
        "60",
        "-colorspace",
        "bt709",
        "-color_primaries",
        "bt709",
        "-color_trc",
        "bt709",
        "-color_range",
        "tv",
        "-map_metadata",
        "-1",
        "-fflags",
        "+bitexact",
        "-flags:v",
        "+bitexact",
    ]
}
