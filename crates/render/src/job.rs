//! The body of a job: what may be asked, and what is wrong with what was. Types and words are read at the edge; this is what they
//! must keep beside.

use crate::asset::{AssetRef, Category, NOT_AN_ASSET};
use crate::engine::Policy;
use crate::plan::{self, CaptionTexts, TARGET_SECONDS_MAX, TARGET_SECONDS_MIN};
use crate::presets::{Archetype, Preset};
use crate::spec::RenderSpec;
use mw_kernel::run::FieldError;
use serde::{Deserialize, Serialize};

/// The longest prompt, and the longest caption, in characters.
pub const PROMPT_CHARS_MAX: usize = 2_000;
pub const CAPTION_CHARS_MAX: usize = 200;
/// The most pictures, and the most captions between hook and call to action.
pub const IMAGES_MAX: usize = 20;
pub const BEATS_MAX: usize = 20;
/// How long a video is where nobody says.
pub const TARGET_SECONDS_DEFAULT: u32 = 15;

/// A request for a video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobBody {
    pub preset_id: String,
    #[serde(default)]
    pub prompt: String,
    #[serde(default = "target_seconds_default")]
    pub target_duration_seconds: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brand_safe: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_policy: Option<Policy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archetype: Option<Archetype>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_uris: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub music_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captions: Option<CaptionTexts>,
    /// Whether the plain template may stand in for what no engine could make.
    #[serde(default = "yes")]
    pub allow_template: bool,
}

fn target_seconds_default() -> i64 {
    i64::from(TARGET_SECONDS_DEFAULT)
}

fn yes() -> bool {
    true
}

/// What the installation says where neither request nor preset does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobDefaults {
    /// `ENGINE_POLICY_DEFAULT`.
    pub engine_policy: Policy,
    /// `BRAND_SAFE_DEFAULT`.
    pub brand_safe: bool,
    /// `SEGMENT_SECONDS`.
    pub segment_seconds: u32,
}

impl Default for JobDefaults {
    fn default() -> Self {
        JobDefaults { engine_policy: Policy::default(), brand_safe: false, segment_seconds: plan::SEGMENT_SECONDS }
    }
}

/// Why a body is no job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobRefusal {
    /// 400.
    #[error("Unknown preset: {0}")]
    UnknownPreset(String),
    /// 422.
    #[error("the job is not valid")]
    Invalid(Vec<FieldError>),
}

/// A file that a body names: where, for what, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    pub pointer: String,
    pub category: Category,
    pub asset: AssetRef,
}

/// What is said of a reference to a file that whoever asks does not have, or that is something else.
pub fn missing_asset(reference: &Reference) -> FieldError {
    let Reference { pointer, category, asset } = reference;
    FieldError { pointer: pointer.clone(), detail: format!("{asset} is no uploaded {category} of yours") }
}

impl JobBody {
    /// The spec of the job that is asked for. Whether the files exist is for whoever keeps them to say: [`JobBody::references`].
    pub fn accept(&self, defaults: JobDefaults) -> Result<RenderSpec, JobRefusal> {
        let Some(preset) = Preset::find(&self.preset_id) else {
            return Err(JobRefusal::UnknownPreset(self.preset_id.clone()));
        };
        let errors = self.errors();
        let target = u32::try_from(self.target_duration_seconds);
        match (target, errors.is_empty()) {
            (Ok(target), true) => Ok(RenderSpec::of(self, preset, target, defaults)),
            (Ok(_) | Err(_), _) => Err(JobRefusal::Invalid(errors)),
        }
    }

    /// Everything that is wrong with the body, each fault with its place.
    pub fn errors(&self) -> Vec<FieldError> {
        let mut errors = Errors::default();
        errors.length("#/prompt", &self.prompt, PROMPT_CHARS_MAX);
        if self.target_duration_seconds < i64::from(TARGET_SECONDS_MIN) {
            let detail = format!("Input should be greater than or equal to {TARGET_SECONDS_MIN}");
            errors.add("#/target_duration_seconds", detail);
        } else if self.target_duration_seconds > i64::from(TARGET_SECONDS_MAX) {
            let detail = format!("Input should be less than or equal to {TARGET_SECONDS_MAX}");
            errors.add("#/target_duration_seconds", detail);
        }
        errors.count("#/image_uris", self.image_uris.len(), IMAGES_MAX);
        for (pointer, _, uri) in self.uris() {
            if AssetRef::parse(uri).is_none() {
                errors.add(&pointer, NOT_AN_ASSET.to_owned());
            }
        }
        if self.mask_uri.is_some() && self.image_uris.is_empty() {
            errors.add("#/mask_uri", "a mask needs the image that it belongs to".to_owned());
        }
        if let Some(captions) = &self.captions {
            errors.length("#/captions/hook", &captions.hook, CAPTION_CHARS_MAX);
            errors.count("#/captions/beats", captions.beats.len(), BEATS_MAX);
            for (index, beat) in captions.beats.iter().enumerate() {
                errors.length(&format!("#/captions/beats/{index}"), beat, CAPTION_CHARS_MAX);
            }
            errors.length("#/captions/cta", &captions.cta, CAPTION_CHARS_MAX);
        }
        errors.0
    }

    /// The files that a valid body names.
    pub fn references(&self) -> Vec<Reference> {
        let reference = |(pointer, category, uri)| Some(Reference { pointer, category, asset: AssetRef::parse(uri)? });
        self.uris().into_iter().filter_map(reference).collect()
    }

    fn uris(&self) -> Vec<(String, Category, &str)> {
        let images = (0..).zip(&self.image_uris);
        let images =
            images.map(|(index, uri): (u32, _)| (format!("#/image_uris/{index}"), Category::Image, uri.as_str()));
        let others = [
            ("#/mask_uri", Category::Mask, &self.mask_uri),
            ("#/music_uri", Category::Audio, &self.music_uri),
            ("#/voice_uri", Category::Audio, &self.voice_uri),
        ];
        let others = others
            .into_iter()
            .filter_map(|(pointer, category, uri)| Some((pointer.to_owned(), category, uri.as_deref()?)));
        images.chain(others).collect()
    }
}

/// Faults while they are gathered; the texts are those of the original's validator.
#[derive(Default)]
struct Errors(Vec<FieldError>);

impl Errors {
    fn add(&mut self, pointer: &str, detail: String) {
        self.0.push(FieldError { pointer: pointer.to_owned(), detail });
    }

    fn length(&mut self, pointer: &str, text: &str, most: usize) {
        if text.chars().count() > most {
            self.add(pointer, format!("String should have at most {most} characters"));
        }
    }

    fn count(&mut self, pointer: &str, count: usize, most: usize) {
        if count > most {
            self.add(pointer, format!("List should have at most {most} items after validation, not {count}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn body(changes: Value) -> JobBody {
        let mut body = json!({"preset_id": "overlay_classic", "prompt": "a red shoe"});
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value(body).unwrap()
    }

    fn faults(changes: Value) -> Vec<(String, String)> {
        match body(changes).accept(JobDefaults::default()) {
            Err(JobRefusal::Invalid(errors)) => errors.into_iter().map(|one| (one.pointer, one.detail)).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn asset(digit: char) -> String {
        format!("asset:{}", digit.to_string().repeat(32))
    }

    #[test]
    fn request_beats_preset_beats_defaults() {
        let defaults = JobDefaults { engine_policy: Policy::ApiOnly, ..JobDefaults::default() };
        let spec = body(json!({})).accept(defaults).unwrap();
        assert_eq!((spec.engine_policy, spec.brand_safe, spec.archetype), (Policy::ApiOnly, true, Archetype::Overlay));
        assert_eq!(spec.target_duration_seconds, 15);
        let safe = JobDefaults { brand_safe: true, ..defaults };
        assert!(body(json!({"preset_id": "meme_fast"})).accept(safe).unwrap().brand_safe);
        assert!(!body(json!({"preset_id": "meme_fast"})).accept(defaults).unwrap().brand_safe);
        let preset = body(json!({"preset_id": "brand_safe_minimal"})).accept(defaults).unwrap();
        assert_eq!(preset.engine_policy, Policy::LocalOnly);
        let said = json!({"brand_safe": false, "engine_policy": "local_preferred", "archetype": "MEME_TEXT"});
        let said = body(said).accept(defaults).unwrap();
        assert_eq!(
            (said.engine_policy, said.brand_safe, said.archetype),
            (Policy::LocalPreferred, false, Archetype::MemeText)
        );
    }

    #[test]
    fn an_unknown_preset_is_named() {
        let refused = body(json!({"preset_id": "nope"})).accept(JobDefaults::default()).unwrap_err();
        assert_eq!(refused.to_string(), "Unknown preset: nope");
    }

    #[test]
    fn what_is_at_the_limit_is_accepted() {
        let images: Vec<String> = (0..20).map(|_| asset('a')).collect();
        let captions = json!({"hook": "é".repeat(200), "beats": vec!["b".repeat(200); 20], "cta": "c".repeat(200)});
        let body = body(json!({
            "prompt": "é".repeat(2000), "target_duration_seconds": 60, "image_uris": images, "captions": captions,
        }));
        assert_eq!(body.errors(), []);
    }

    #[test]
    fn each_fault_has_its_place_and_its_text() {
        let long = |most| format!("String should have at most {most} characters");
        let many = |count| format!("List should have at most 20 items after validation, not {count}");
        let images: Vec<String> = (0..21).map(|_| asset('a')).collect();
        let at = |pointer: &str, detail: &str| (pointer.to_owned(), detail.to_owned());
        for (changes, expected) in [
            (json!({"prompt": "x".repeat(2001)}), at("#/prompt", &long(2000))),
            (
                json!({"target_duration_seconds": 0}),
                at("#/target_duration_seconds", "Input should be greater than or equal to 1"),
            ),
            (
                json!({"target_duration_seconds": 61}),
                at("#/target_duration_seconds", "Input should be less than or equal to 60"),
            ),
            (json!({"image_uris": images}), at("#/image_uris", &many(21))),
            (json!({"image_uris": [asset('a'), "/etc/passwd"]}), at("#/image_uris/1", NOT_AN_ASSET)),
            (json!({"music_uri": "https://example.com/a.mp3"}), at("#/music_uri", NOT_AN_ASSET)),
            (json!({"voice_uri": "file:///a.wav"}), at("#/voice_uri", NOT_AN_ASSET)),
            (json!({"mask_uri": asset('b')}), at("#/mask_uri", "a mask needs the image that it belongs to")),
            (json!({"captions": {"hook": "x".repeat(201)}}), at("#/captions/hook", &long(200))),
            (json!({"captions": {"beats": vec!["x"; 21]}}), at("#/captions/beats", &many(21))),
            (json!({"captions": {"beats": ["x".repeat(201)]}}), at("#/captions/beats/0", &long(200))),
            (json!({"captions": {"cta": "x".repeat(201)}}), at("#/captions/cta", &long(200))),
        ] {
            assert_eq!(faults(changes), [expected]);
        }
        let two = faults(json!({"target_duration_seconds": 0, "prompt": "x".repeat(2001)}));
        assert_eq!(two.len(), 2);
    }

    #[test]
    fn a_body_names_its_files_with_their_use() {
        let body = body(json!({"image_uris": [asset('a')], "mask_uri": asset('b'), "voice_uri": asset('c')}));
        let found: Vec<_> = body.references().into_iter().map(|one| (one.pointer, one.category)).collect();
        let at = |pointer: &str, category| (pointer.to_owned(), category);
        assert_eq!(
            found,
            [
                at("#/image_uris/0", Category::Image),
                at("#/mask_uri", Category::Mask),
                at("#/voice_uri", Category::Audio),
            ]
        );
        let missing = missing_asset(&body.references()[2]);
        assert_eq!(missing.detail, format!("{} is no uploaded audio of yours", asset('c')));
    }

    #[test]
    fn words_and_types_of_others_are_no_body() {
        for changes in [
            json!({"engine_policy": "cloud"}),
            json!({"archetype": "overlay"}),
            json!({"target_duration_seconds": 15.5}),
            json!({"target_duration_seconds": "15"}),
            json!({"brand_safe": "yes"}),
            json!({"captions": {"beats": "x"}}),
        ] {
            let mut body = json!({"preset_id": "overlay_classic"});
            body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            assert!(serde_json::from_value::<JobBody>(body).is_err(), "{changes}");
        }
    }
}
