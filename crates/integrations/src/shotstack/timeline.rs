//! The edit that is rendered: the clips one after the other, each under its header and its subject.

use mw_media::job::{OverlayStyle, RenderClip, RenderSpec};
use serde_json::{Map, Value, json};

/// Clips overlap by this much, so that one fades in while the one before fades out.
const OVERLAP_SECONDS: f64 = 1.5;
/// Texts come this much after their clip, for at most so long.
const TEXT_DELAY_SECONDS: f64 = 0.5;
const TEXT_SECONDS: f64 = 5.0;
const SHORTEST_SECONDS: f64 = 0.5;

/// A text's look: size, box, and where it stands relative to the overlay's position.
struct TextBox {
    size: u32,
    weight: Option<u32>,
    width: u32,
    height: u32,
    offset_y: f64,
}

const HEADER: TextBox = TextBox { size: 92, weight: Some(500), width: 1000, height: 400, offset_y: 0.0 };
/// A little below the header (Shotstack counts upwards, in parts of the height).
const SUBJECT: TextBox = TextBox { size: 64, weight: None, width: 1000, height: 250, offset_y: -0.12 };

/// The body of a render request, without a callback.
pub fn timeline(spec: &RenderSpec) -> Value {
    let starts = starts(spec);
    // The first track is the top layer: every text stands above every clip, also above one that is still fading out.
    let texts = spec.clips.iter().zip(&starts).flat_map(|(clip, start)| {
        [(&clip.header, &HEADER), (&clip.subject, &SUBJECT)]
            .into_iter()
            .filter(|(text, _)| !text.trim().is_empty())
            .map(|(text, style)| text_clip(text, style, clip, *start, spec))
    });
    let last = spec.clips.len().saturating_sub(1);
    let videos = spec
        .clips
        .iter()
        .zip(&starts)
        .enumerate()
        .map(|(position, (clip, start))| video_clip(clip, *start, position == last, spec.effects));
    let tracks: Vec<Value> = texts.chain(videos).map(|clip| json!({"clips": [clip]})).collect();
    json!({
        "timeline": {"background": "#000000", "tracks": tracks},
        "output": {
            "format": "mp4",
            "resolution": resolution(&spec.resolution),
            "aspectRatio": spec.aspect_ratio,
            "fps": 30,
        },
    })
}

/// When each clip starts: with fades 1.5 s before the end of the one before (so 6.5·i for clips of 8 s), else at its end.
fn starts(spec: &RenderSpec) -> Vec<f64> {
    let overlap = if spec.effects { OVERLAP_SECONDS } else { 0.0 };
    spec.clips
        .iter()
        .scan(0.0, |next, clip| {
            let start = *next;
            *next += (length(clip) - overlap).max(SHORTEST_SECONDS);
            Some(seconds(start))
        })
        .collect()
}

fn length(clip: &RenderClip) -> f64 {
    match clip.duration_seconds.is_finite() {
        true => clip.duration_seconds.max(SHORTEST_SECONDS),
        false => SHORTEST_SECONDS,
    }
}

/// Milliseconds are fine enough, and sums of decimals don't look like 19.499999999999996.
fn seconds(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

fn video_clip(clip: &RenderClip, start: f64, is_last: bool, effects: bool) -> Value {
    let mut video = json!({
        "asset": {"type": "video", "src": clip.url},
        "start": start,
        "length": seconds(length(clip)),
        "fit": "crop",
    });
    if let (true, Some(fields)) = (effects, video.as_object_mut()) {
        let transition = match is_last {
            true => json!({"in": "fade"}),
            false => json!({"in": "fade", "out": "fade"}),
        };
        fields.insert("effect".into(), json!("zoomInSlow"));
        fields.insert("transition".into(), transition);
    }
    video
}

fn text_clip(text: &str, style: &TextBox, clip: &RenderClip, start: f64, spec: &RenderSpec) -> Value {
    let room = (length(clip) - TEXT_DELAY_SECONDS).max(SHORTEST_SECONDS);
    let mut placed = json!({
        "asset": text_asset(text, style, &spec.overlay),
        "start": seconds(start + TEXT_DELAY_SECONDS),
        "length": seconds(TEXT_SECONDS.min(room)),
        "position": position(&spec.overlay),
        "offset": {"x": 0, "y": style.offset_y},
    });
    if let (true, Some(fields)) = (spec.effects, placed.as_object_mut()) {
        fields.insert("transition".into(), json!({"in": "fade", "out": "fade"}));
    }
    placed
}

fn text_asset(text: &str, style: &TextBox, overlay: &OverlayStyle) -> Value {
    let text = match overlay.uppercase {
        true => text.trim().to_uppercase(),
        false => text.trim().to_owned(),
    };
    let (digits, opacity) = overlay.color.as_deref().and_then(color).unwrap_or(("#FFFFFF".to_owned(), 1.0));
    let mut font = Map::from_iter([
        ("family".to_owned(), json!("Futura")),
        ("size".to_owned(), json!(style.size)),
        ("color".to_owned(), json!(digits)),
        ("opacity".to_owned(), json!(opacity)),
    ]);
    if let Some(weight) = style.weight {
        font.insert("weight".into(), json!(weight));
    }
    let mut asset = json!({
        "type": "text",
        "text": text,
        "font": font,
        "width": style.width,
        "height": style.height,
        "alignment": {"horizontal": "center", "vertical": "center"},
    });
    let background = overlay.background.as_deref().and_then(color);
    if let (Some((color, opacity)), Some(fields)) = (background, asset.as_object_mut()) {
        fields.insert("background".into(), json!({"color": color, "opacity": opacity}));
    }
    asset
}

/// `#RRGGBB` or `#RRGGBBAA` as Shotstack takes it: a colour of six digits, and its opacity.
fn color(text: &str) -> Option<(String, f64)> {
    let digits = text.trim().strip_prefix('#')?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let opacity = match digits.len() {
        6 => 1.0,
        8 => f64::from(u8::from_str_radix(digits.get(6..)?, 16).ok()?) / 255.0,
        _ => return None,
    };
    Some((format!("#{}", digits.get(..6)?), (opacity * 100.0).round() / 100.0))
}

/// One of Shotstack's positions; a project's unknown word stands in the middle.
fn position(overlay: &OverlayStyle) -> &'static str {
    const POSITIONS: [&str; 8] = ["top", "topRight", "right", "bottomRight", "bottom", "bottomLeft", "left", "topLeft"];
    let wanted = overlay.position.as_deref().unwrap_or_default().trim();
    POSITIONS.into_iter().find(|position| position.eq_ignore_ascii_case(wanted)).unwrap_or("center")
}

/// Shotstack's name of a size, which may be given as `WxH` (its shorter side counts).
fn resolution(wanted: &str) -> &'static str {
    const NAMES: [&str; 6] = ["preview", "mobile", "sd", "hd", "1080", "4k"];
    let wanted = wanted.trim().to_ascii_lowercase();
    if let Some(name) = NAMES.into_iter().find(|name| *name == wanted) {
        return name;
    }
    let sides = wanted
        .split_once('x')
        .and_then(|(width, height)| Some((width.trim().parse::<u32>().ok()?, height.trim().parse::<u32>().ok()?)));
    match sides.map(|(width, height)| width.min(height)) {
        Some(2160..) => "4k",
        Some(1080..) => "1080",
        Some(720..) => "hd",
        Some(540..) => "sd",
        Some(_) => "mobile",
        None => "hd",
    }
}
