//! What a worker is handed, whole: whoever has a spec and its files needs to ask nobody anything. A spec names files by reference
//! only. [`RenderSpec`] is the job's own, stored with it; the spec of each piece of work follows from it.

mod build;

use crate::asset::AssetRef;
use crate::engine::{Engine, Policy};
use crate::plan::Caption;
use crate::presets::{Archetype, Font, Levels, Motion, OverlayEffects, Position, SizeRule, Transition};
use crate::work::WorkKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The version of everything here. A worker refuses another one clearly.
pub const RENDER_SPEC_VERSION: u32 = 1;
pub const ASPECT_RATIO: &str = "9:16";
pub const WIDTH: u32 = 1080;
pub const HEIGHT: u32 = 1920;
pub const FPS: u32 = 30;
/// What a segment may last at any engine, with what a crossfade needs beyond its share of the video.
pub const SEGMENT_MILLISECONDS_MAX: u32 = 4_000;

/// A job as it was accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RenderSpec {
    pub render_spec_version: u32,
    pub aspect_ratio: String,
    pub preset_id: String,
    pub archetype: Archetype,
    pub brand_safe: bool,
    pub engine_policy: Policy,
    pub allow_template: bool,
    pub prompt: String,
    pub target_duration_seconds: u32,
    pub segment_seconds: u32,
    pub images: Vec<AssetRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<AssetRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub music: Option<AssetRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<AssetRef>,
    pub motion: Motion,
    pub transition: Transition,
    pub levels: Levels,
    pub caption_style: CaptionLook,
    pub captions: Vec<Caption>,
    pub constraints: Constraints,
}

/// What no engine may do to the video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraints {
    pub keep_subject_static: bool,
}

/// How captions look, in pixels of the video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaptionLook {
    pub font: Font,
    pub size_rules: SizeRule,
    pub size_px: u32,
    pub position: Position,
    pub safe_margin_px: u32,
    /// Nothing of a caption leaves it, its shadow and glow excepted.
    pub text_box: Area,
    pub uppercase: bool,
    pub outline_px: u32,
    pub effects: OverlayEffects,
}

/// A rectangle of the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Area {
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
}

/// A piece of work, as a claim hands it out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WorkSpec {
    Segment(SegmentSpec),
    Assembly(AssemblySpec),
    Template(TemplateSpec),
}

/// One segment, without captions and sound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentSpec {
    pub render_spec_version: u32,
    /// From 0, of so many.
    pub index: u32,
    pub count: u32,
    pub engine: Engine,
    pub archetype: Archetype,
    pub prompt: String,
    pub seed: u32,
    /// Its share of the video.
    pub duration_seconds: f64,
    /// What to make: its share, and what the crossfade to the next one takes.
    pub render_seconds: f64,
    pub motion: Motion,
    pub constraints: Constraints,
    /// What is to be seen. Engines that make new pictures get none where the product's must stay as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
    pub output: PictureDemands,
}

/// A picture, and which part of it is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    pub image: AssetRef,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<AssetRef>,
}

/// The whole video, of its segments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssemblySpec {
    pub render_spec_version: u32,
    pub archetype: Archetype,
    /// In playing order; never empty, and none is left out.
    pub segments: Vec<AssemblySegment>,
    /// Overlaps the segments without shortening the video.
    pub transition: Transition,
    pub products: Vec<Product>,
    pub finish: Finish,
}

/// A segment that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeSegment {
    pub asset: AssetRef,
    pub sha256: String,
    /// How long the file is, in milliseconds, measured.
    pub milliseconds: u32,
}

/// A segment's place in the video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssemblySegment {
    pub index: u32,
    pub asset: AssetRef,
    pub sha256: String,
    pub start_seconds: f64,
    /// Its share of the video.
    pub duration_seconds: f64,
    /// How long its file is: where that is less than its share and the crossfade, its last frame stands.
    pub file_seconds: f64,
}

/// A product picture over the video, for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Product {
    #[serde(flatten)]
    pub picture: Picture,
    /// The picture is fitted into it, whole.
    pub area: Area,
    pub start_seconds: f64,
    pub end_seconds: f64,
}

/// What makes pictures a video: texts, logo, sound, and the demands on the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finish {
    pub captions: Vec<Caption>,
    pub caption_style: CaptionLook,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<Logo>,
    /// None where the video has no sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sound: Option<Sound>,
    pub output: VideoDemands,
    /// Where the thumbnail is taken.
    pub thumbnail_at_seconds: f64,
}

/// The installation's logo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logo {
    pub corner: Corner,
    pub size_px: u32,
    pub margin_px: u32,
    pub opacity: f64,
}

mw_kernel::words! {
    /// Where the logo stands.
    Corner {
        TopRight = "top_right",
    }
}

/// The sounds of a video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sound {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub music: Option<Track>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<Track>,
    /// The music gives way while the voice speaks.
    pub duck_music: bool,
    pub loudness: Loudness,
}

/// A sound, and how loud it is before the mix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Track {
    pub asset: AssetRef,
    pub level_db: f64,
}

/// How loud the whole is, by EBU R 128.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Loudness {
    pub integrated_lufs: f64,
    pub true_peak_db: f64,
    pub range_lu: f64,
}

/// What every file of moving pictures must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PictureDemands {
    pub container: String,
    pub video_codec: String,
    pub pixel_format: String,
    pub width: u32,
    pub height: u32,
    pub fps: u32,
    pub bitrate_kbps_max: u32,
    pub duration_seconds: f64,
    pub duration_tolerance_seconds: f64,
}

/// What the finished video must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoDemands {
    #[serde(flatten)]
    pub picture: PictureDemands,
    /// `moov` before `mdat`, so that it plays while it is still loading.
    pub faststart: bool,
    /// None where the video has no sound, and then it has no such stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioDemands>,
}

/// What the sound of the finished video must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudioDemands {
    pub codec: String,
    pub bitrate_kbps: u32,
    pub loudness: Loudness,
}

/// Plain pictures without any engine, in the place of a segment or of the whole video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplateSpec {
    pub render_spec_version: u32,
    pub archetype: Archetype,
    pub render_seconds: f64,
    /// From the top of the frame to its bottom.
    pub gradient: [String; 2],
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
    pub stands_for: StandsFor,
}

/// What a template replaces.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum StandsFor {
    Segment { index: u32, count: u32, output: PictureDemands },
    Video { finish: Box<Finish> },
}

impl PictureDemands {
    /// Of a file that is as long as this.
    pub fn lasting(duration_seconds: f64) -> PictureDemands {
        PictureDemands {
            container: "mp4".to_owned(),
            video_codec: "h264".to_owned(),
            pixel_format: "yuv420p".to_owned(),
            width: WIDTH,
            height: HEIGHT,
            fps: FPS,
            bitrate_kbps_max: 12_000,
            duration_seconds,
            duration_tolerance_seconds: 0.5,
        }
    }
}

impl WorkSpec {
    pub fn kind(&self) -> WorkKind {
        match self {
            WorkSpec::Segment(_) => WorkKind::Segment,
            WorkSpec::Assembly(_) => WorkKind::Assembly,
            WorkSpec::Template(_) => WorkKind::Template,
        }
    }

    /// Every file that the worker needs, each once.
    pub fn inputs(&self) -> BTreeSet<AssetRef> {
        let mut inputs = BTreeSet::new();
        match self {
            WorkSpec::Segment(spec) => inputs.extend(spec.picture.iter().flat_map(Picture::files)),
            WorkSpec::Assembly(spec) => {
                inputs.extend(spec.segments.iter().map(|segment| segment.asset.clone()));
                inputs.extend(spec.products.iter().flat_map(|product| product.picture.files()));
                inputs.extend(spec.finish.files());
            }
            WorkSpec::Template(spec) => {
                inputs.extend(spec.picture.iter().flat_map(Picture::files));
                match &spec.stands_for {
                    StandsFor::Segment { .. } => {}
                    StandsFor::Video { finish } => inputs.extend(finish.files()),
                }
            }
        }
        inputs
    }
}

impl Picture {
    fn files(&self) -> impl Iterator<Item = AssetRef> {
        [Some(&self.image), self.mask.as_ref()].into_iter().flatten().cloned()
    }
}

impl Finish {
    fn files(&self) -> impl Iterator<Item = AssetRef> {
        let tracks = self.sound.iter().flat_map(|sound| [&sound.music, &sound.voice]);
        tracks.flatten().map(|track| track.asset.clone())
    }
}

#[cfg(test)]
mod tests;
