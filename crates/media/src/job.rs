//! What a provider job is asked to make, whoever makes it: a definition names that. One spec per kind; the spec is fixed when the job is requested and is the
//! whole input of the submission, so that a repeated attempt asks for exactly the same thing.

use crate::disclosure::Disclosure;
use serde::{Deserialize, Serialize};

crate::words! {
    /// The three kinds of provider work, in the order in which a run needs them.
    JobKind {
        /// One clip.
        Generate = "generate",
        /// The final video.
        Render = "render",
        /// The post.
        Publish = "publish",
    }
}

/// One clip to generate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenerateSpec {
    /// Position of the clip in the video, from 0.
    pub index: u32,
    pub subject: String,
    pub header: String,
    pub prompt: String,
    /// The model's name at the provider.
    pub model: String,
    pub duration_seconds: f64,
    /// `720p` or `1080p`.
    pub quality: String,
    /// `9:16`, `16:9`, …
    pub aspect_ratio: String,
}

/// One generated clip, as the render uses it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RenderClip {
    pub index: u32,
    pub url: String,
    pub subject: String,
    pub header: String,
    pub duration_seconds: f64,
}

/// How on-screen text looks: a project's `overlay`, over the defaults of the timeline template.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct OverlayStyle {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<String>,
    #[serde(default)]
    pub uppercase: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
}

/// The final video to render.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RenderSpec {
    /// In playing order; never empty.
    pub clips: Vec<RenderClip>,
    pub overlay: OverlayStyle,
    /// `hd`, `1080`, `1080x1920`, …
    pub resolution: String,
    pub aspect_ratio: String,
    /// False when the editing persona is skipped: clips are joined without zoom and fades.
    pub effects: bool,
}

/// The post to publish.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublishSpec {
    pub video_url: String,
    pub caption: String,
    pub title: String,
    /// The account at the provider.
    pub account: String,
    pub platforms: Vec<String>,
    #[serde(default, skip_serializing_if = "Disclosure::is_default")]
    pub disclosure: Disclosure,
}

/// A job's input, by kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobSpec {
    Generate(GenerateSpec),
    Render(RenderSpec),
    Publish(PublishSpec),
}

impl JobSpec {
    pub fn kind(&self) -> JobKind {
        match self {
            JobSpec::Generate(_) => JobKind::Generate,
            JobSpec::Render(_) => JobKind::Render,
            JobSpec::Publish(_) => JobKind::Publish,
        }
    }
}
