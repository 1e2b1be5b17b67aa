//! The whole video: its segments one after the other, the product before them, captions, logo and sound, in one pass of FFmpeg.

use crate::args;
use crate::files::Files;
use crate::fonts;
use crate::program::{Failure, Runner};
use crate::{captions, scene, sound};
use mw_render::presets::{Transition, TransitionType};
use mw_render::spec::{Area, AssemblySpec, FPS, Finish, HEIGHT, Logo, Product, TemplateSpec, WIDTH};
use std::ffi::OsString;
use std::path::Path;

/// The names of the files that are made, in the folder of the work.
pub const MADE: &str = "video.mp4";
pub const THUMBNAIL: &str = "thumbnail.jpg";
const SUBTITLES: &str = "captions.ass";
const FONTS: &str = "fonts";
/// Where a template shows its picture: the middle of the frame.
const TEMPLATE_AREA: Area = Area { left: 210, top: 460, width: 660, height: 760 };
/// How long a product takes to come in, and how far it comes, in seconds and pixels.
const ENTRANCE: (f64, u32) = (0.35, 90);

pub fn assemble(
    runner: &Runner<'_>,
    spec: &AssemblySpec,
    files: &Files,
    logo: Option<&Path>,
    progress: &mut dyn FnMut(f64),
) -> Result<(), Failure> {
    let mut inputs = Vec::new();
    let mut graph = Vec::new();
    let mut labels = Vec::new();
    for (place, segment) in spec.segments.iter().enumerate() {
        let placed = files.place(&segment.asset, runner.folder, &format!("segment{place}"))?.video()?;
        // One thread decodes a segment: sixty seconds have twenty of them, and each thread keeps pictures in memory.
        inputs.extend(args!["-threads", "1"]);
        inputs.extend(placed.open());
        let last = place + 1 == spec.segments.len();
        let seconds = segment.duration_seconds + if last { 0.0 } else { crossfade(spec.transition) };
        graph.push(format!("[{place}:v]{}[segment{place}]", uniform(seconds)));
        labels.push((format!("[segment{place}]"), segment.start_seconds));
    }
    let joined = join(&labels, spec.transition, &mut graph);
    finish(runner, &spec.finish, &spec.products, Pictures { inputs, graph, joined }, files, logo, progress)
}

/// The template in the place of the whole video: what [`scene::template`] made, with the picture before it.
pub fn finish_template(
    runner: &Runner<'_>,
    spec: &TemplateSpec,
    finish: &Finish,
    files: &Files,
    logo: Option<&Path>,
    progress: &mut dyn FnMut(f64),
) -> Result<(), Failure> {
    let inputs = args!["-f", "mov", "-i", scene::MADE];
    let graph = vec![format!("[0:v]{}[template]", uniform(spec.render_seconds))];
    let product = spec.picture.clone().map(|picture| Product {
        picture,
        area: TEMPLATE_AREA,
        start_seconds: 0.0,
        end_seconds: spec.render_seconds,
    });
    let pictures = Pictures { inputs, graph, joined: "[template]".to_owned() };
    self::finish(runner, finish, product.as_slice(), pictures, files, logo, progress)
}

/// What there is to be seen so far: arguments that open it, filters, and the label of their last output.
struct Pictures {
    inputs: Vec<OsString>,
    graph: Vec<String>,
    joined: String,
}

fn crossfade(transition: Transition) -> f64 {
    match transition.kind {
        TransitionType::Crossfade => f64::from(transition.duration_ms) / 1000.0,
        TransitionType::Cut => 0.0,
    }
}

/// A file of whatever engine, as every other: size, rate, and exactly so long. Where it is too short its last picture stands.
fn uniform(seconds: f64) -> String {
    let frames = scene::frames(seconds);
    format!(
        "fps={FPS},scale={WIDTH}:{HEIGHT}:force_original_aspect_ratio=increase,crop={WIDTH}:{HEIGHT},setsar=1,format=yuv420p,\
        tpad=stop_mode=clone:stop_duration={seconds},trim=end_frame={frames},setpts=PTS-STARTPTS,fps={FPS}"
    )
}

/// One after the other. A crossfade begins where the next segment begins, and the segment before it is longer by as much, so that the
/// video is as long as its segments' shares, and captions keep their time.
fn join(labels: &[(String, f64)], transition: Transition, graph: &mut Vec<String>) -> String {
    let [(first, _), rest @ ..] = labels else { return String::new() };
    let seconds = crossfade(transition);
    if rest.is_empty() {
        return first.clone();
    }
    if seconds == 0.0 {
        let all: String = labels.iter().map(|(label, _)| label.as_str()).collect();
        graph.push(format!("{all}concat=n={}:v=1:a=0[joined]", labels.len()));
        return "[joined]".to_owned();
    }
    let mut joined = first.clone();
    for (place, (label, start)) in rest.iter().enumerate() {
        let next = format!("[joined{place}]");
        graph.push(format!("{joined}{label}xfade=transition=fade:duration={seconds}:offset={start}{next}"));
        joined = next;
    }
    joined
}

fn finish(
    runner: &Runner<'_>,
    finish: &Finish,
    products: &[Product],
    pictures: Pictures,
    files: &Files,
    logo: Option<&Path>,
    progress: &mut dyn FnMut(f64),
) -> Result<(), Failure> {
    let seconds = finish.output.picture.duration_seconds;
    let frames = scene::frames(seconds);
    let loudness = finish.sound.as_ref().map(|sound| sound::mix(runner, sound, files, seconds)).transpose()?;
    let Pictures { mut inputs, mut graph, mut joined } = pictures;
    for (place, product) in products.iter().enumerate() {
        let shown = scene::place(&product.picture, files, runner, &mut inputs, place)?;
        joined = show(&joined, &shown, product, place, &mut graph);
    }
    if let Some((look, path)) = finish.logo.as_ref().zip(logo) {
        joined = show_logo(&joined, look, path, runner, &mut inputs, &mut graph)?;
    }
    let texts = match finish.captions.is_empty() {
        true => "null".to_owned(),
        false => write_captions(runner.folder, finish)?,
    };
    graph.push(format!("{joined}{texts},trim=end_frame={frames},format=yuv420p[pictures]"));
    let mut arguments = args!["-v", "error"];
    arguments.extend(inputs);
    let mut maps = args!["-map", "[pictures]"];
    if let Some(filter) = loudness {
        let number = arguments.iter().filter(|arg| *arg == "-i").count();
        arguments.extend(args!["-f", "wav", "-i", sound::MIX]);
        graph.push(format!("[{number}:a]{filter},atrim=duration={seconds}[sound]"));
        maps.extend(args![
            "-map",
            "[sound]",
            "-c:a",
            "aac",
            "-b:a",
            "192k",
            "-ar",
            "48000",
            "-ac",
            "2",
            "-flags:a",
            "+bitexact"
        ]);
    }
    arguments.extend(args!["-filter_complex", graph.join(";")]);
    arguments.extend(maps);
    arguments.extend(scene::encoder("20"));
    arguments.extend(args!["-frames:v", frames.to_string(), "-movflags", "+faststart", "-f", "mp4", MADE]);
    runner.ffmpeg(&arguments, progress)?;
    thumbnail(runner, finish.thumbnail_at_seconds)
}

/// A product before the pictures: it comes in quickly and then stands, with a soft shadow. It is one still, so it costs little.
fn show(joined: &str, shown: &str, product: &Product, place: usize, graph: &mut Vec<String>) -> String {
    let Product { area, start_seconds, end_seconds, .. } = product;
    let (width, height) = (area.width, area.height);
    // Room around it for the shadow.
    let around = 60;
    let (all_width, all_height) = (width + 2 * around, height + 2 * around);
    graph.push(format!(
        "{shown}scale={width}:{height}:force_original_aspect_ratio=decrease,\
        pad={all_width}:{all_height}:(ow-iw)/2:(oh-ih)/2:color=black@0,format=gbrap,split[body{place}][cast{place}]"
    ));
    graph.push(format!(
        "[cast{place}]colorchannelmixer=rr=0:gg=0:bb=0:aa=0.5,gblur=sigma=18:planes=8,format=gbrap[shade{place}]"
    ));
    graph.push(format!(
        "[shade{place}][body{place}]overlay=x=0:y=-16:format=gbrp,scale=out_color_matrix=bt709,format=yuva420p[product{place}]"
    ));
    let next = format!("[with{place}]");
    let (seconds, pixels) = ENTRANCE;
    let (left, top) = (f64::from(area.left) - f64::from(around), f64::from(area.top) - f64::from(around) + 16.0);
    graph.push(format!(
        "{joined}[product{place}]overlay=x={left}:y='{top}+{pixels}*pow(max(0,1-(t-{start_seconds})/{seconds}),3)':\
        eval=frame:enable='gte(t,{start_seconds})*lt(t,{end_seconds})'{next}"
    ));
    next
}

fn show_logo(
    joined: &str,
    look: &Logo,
    path: &Path,
    runner: &Runner<'_>,
    inputs: &mut Vec<OsString>,
    graph: &mut Vec<String>,
) -> Result<String, Failure> {
    let placed = crate::files::place(path, runner.folder, "logo")?.image()?;
    let number = inputs.iter().filter(|arg| *arg == "-i").count();
    inputs.extend(placed.open());
    let Logo { corner, size_px, margin_px, opacity } = look;
    let place = match corner {
        mw_render::spec::Corner::TopRight => format!("x=W-w-{margin_px}:y={margin_px}"),
    };
    graph.push(format!(
        "[{number}:v]format=rgba,scale={size_px}:{size_px}:force_original_aspect_ratio=decrease,colorchannelmixer=aa={opacity},\
        scale=out_color_matrix=bt709,format=yuva420p[logo]"
    ));
    graph.push(format!("{joined}[logo]overlay={place}[branded]"));
    Ok("[branded]".to_owned())
}

/// Writes the subtitles and their font, and gives the filter that draws them. No text is part of it.
fn write_captions(folder: &Path, finish: &Finish) -> Result<String, Failure> {
    let look = &finish.caption_style;
    let font = fonts::shipped(look.font);
    let written = std::fs::write(folder.join(SUBTITLES), captions::subtitles(&finish.captions, look))
        .and_then(|()| std::fs::create_dir_all(folder.join(FONTS)))
        .and_then(|()| std::fs::write(folder.join(FONTS).join(font.file), font.bytes));
    written.map_err(|error| Failure::Io("the captions cannot be written", error))?;
    Ok(format!("ass=filename={SUBTITLES}:fontsdir={FONTS}:shaping=complex"))
}

fn thumbnail(runner: &Runner<'_>, at: f64) -> Result<(), Failure> {
    let at = at.to_string();
    let arguments = args![
        "-v",
        "error",
        "-ss",
        at,
        "-f",
        "mov",
        "-i",
        MADE,
        "-map",
        "0:v",
        "-frames:v",
        "1",
        "-q:v",
        "3",
        "-f",
        "image2",
        "-update",
        "1",
        THUMBNAIL,
    ];
    runner.ffmpeg(&arguments, &mut |_| {}).map(drop)
}
