//! How the spec of each piece of work follows from the job's.

use crate::asset::AssetRef;
use crate::engine::{Engine, Policy};
use crate::job::{JobBody, JobDefaults};
use crate::plan::{self, PlannedSegment};
use crate::presets::{
    Archetype, Font, Levels, Motion, OverlayEffects, Position, Preset, SizeRule, Transition, TransitionType,
};
use crate::spec::{
    ASPECT_RATIO, Area, AssemblySegment, AssemblySpec, AudioDemands, CaptionLook, Constraints, Corner, Finish, HEIGHT,
    Logo, Loudness, MadeSegment, Picture, PictureDemands, Product, RENDER_SPEC_VERSION, RenderSpec,
    SEGMENT_MILLISECONDS_MAX, SegmentSpec, Sound, StandsFor, TemplateSpec, Track, VideoDemands, WIDTH,
};

const LOUDNESS: Loudness = Loudness { integrated_lufs: -14.0, true_peak_db: -1.5, range_lu: 11.0 };

impl RenderSpec {
    /// The spec of a body whose faults were looked for.
    pub(crate) fn of(body: &JobBody, preset: &Preset, target_seconds: u32, defaults: JobDefaults) -> RenderSpec {
        let archetype = body.archetype.unwrap_or(preset.archetype);
        let brand_safe = body.brand_safe.or(preset.brand_safe).unwrap_or(defaults.brand_safe);
        let asset = |uri: &Option<String>| uri.as_deref().and_then(AssetRef::parse);
        RenderSpec {
            render_spec_version: RENDER_SPEC_VERSION,
            aspect_ratio: ASPECT_RATIO.to_owned(),
            preset_id: preset.id.to_owned(),
            archetype,
            brand_safe,
            engine_policy: body.engine_policy.or(preset.engine_policy).unwrap_or(defaults.engine_policy),
            allow_template: body.allow_template,
            prompt: body.prompt.clone(),
            target_duration_seconds: target_seconds,
            segment_seconds: defaults.segment_seconds,
            images: body.image_uris.iter().filter_map(|uri| AssetRef::parse(uri)).collect(),
            mask: asset(&body.mask_uri),
            music: asset(&body.music_uri),
            voice: asset(&body.voice_uri),
            motion: if brand_safe { preset.motion_profile.brand_safe() } else { preset.motion_profile },
            transition: preset.transitions,
            levels: preset.audio,
            caption_style: CaptionLook::of(preset, archetype),
            captions: plan::captions(body.captions.as_ref(), &body.prompt, target_seconds),
            constraints: Constraints { keep_subject_static: brand_safe },
        }
    }

    /// The spec of a run before its first event.
    pub(crate) fn before_start() -> RenderSpec {
        let text_box = Area { left: 0, top: 0, width: WIDTH, height: HEIGHT };
        RenderSpec {
            render_spec_version: RENDER_SPEC_VERSION,
            aspect_ratio: ASPECT_RATIO.to_owned(),
            preset_id: String::new(),
            archetype: Archetype::Overlay,
            brand_safe: true,
            engine_policy: Policy::LocalOnly,
            allow_template: false,
            prompt: String::new(),
            target_duration_seconds: 0,
            segment_seconds: plan::SEGMENT_SECONDS,
            images: Vec::new(),
            mask: None,
            music: None,
            voice: None,
            motion: Motion::Minimal,
            transition: Transition { kind: TransitionType::Cut, duration_ms: 0 },
            levels: Levels { music_level_db: 0.0, voice_level_db: 0.0 },
            caption_style: CaptionLook {
                font: Font::Inter,
                size_rules: SizeRule::Auto,
                size_px: SizeRule::Auto.pixels(),
                position: Position::LowerThird,
                safe_margin_px: 0,
                text_box,
                uppercase: false,
                outline_px: 0,
                effects: OverlayEffects { shadow: false, glow: false },
            },
            captions: Vec::new(),
            constraints: Constraints { keep_subject_static: true },
        }
    }

    /// What the assembly makes of the pictures.
    pub(crate) fn finish_of_assembly(&self) -> Finish {
        self.finish(self.sound())
    }

    /// The same for the template, which is silent: a sound may be what could not be assembled.
    pub(crate) fn finish_of_template(&self) -> Finish {
        self.finish(None)
    }

    /// The segments of the job with this id.
    pub fn plan(&self, job_id: &str) -> Vec<PlannedSegment> {
        plan::segments(job_id, self.archetype, &self.prompt, self.target_duration_seconds, self.segment_seconds)
    }

    /// One segment for an engine; the archetype is the segment's own, which may have become simpler.
    pub fn segment(&self, planned: &PlannedSegment, count: u32, archetype: Archetype, engine: Engine) -> SegmentSpec {
        let render_seconds = self.render_seconds(planned, count);
        let prompt = match archetype == self.archetype {
            true => planned.prompt.clone(),
            false => plan::segment_prompt(archetype, &self.prompt, planned.index, count),
        };
        SegmentSpec {
            render_spec_version: RENDER_SPEC_VERSION,
            index: planned.index,
            count,
            engine,
            archetype,
            prompt,
            seed: planned.seed,
            duration_seconds: f64::from(planned.duration_seconds),
            render_seconds,
            motion: self.motion,
            constraints: self.constraints,
            picture: self.picture(planned.index).filter(|_| !(self.brand_safe && engine.is_generative())),
            output: PictureDemands::lasting(render_seconds),
        }
    }

    /// The whole video of its segments, of which all are there.
    pub fn assembly(&self, segments: &[(PlannedSegment, MadeSegment)]) -> AssemblySpec {
        let mut start = 0;
        let mut places = Vec::with_capacity(segments.len());
        let mut products = Vec::new();
        for (planned, made) in segments {
            let (start_seconds, duration_seconds) = (f64::from(start), f64::from(planned.duration_seconds));
            start += planned.duration_seconds;
            places.push(AssemblySegment {
                index: planned.index,
                asset: made.asset.clone(),
                sha256: made.sha256.clone(),
                start_seconds,
                duration_seconds,
                file_seconds: f64::from(made.milliseconds) / 1000.0,
            });
            products.extend(self.product(planned.index, start_seconds, f64::from(start)));
        }
        AssemblySpec {
            render_spec_version: RENDER_SPEC_VERSION,
            archetype: self.archetype,
            segments: places,
            transition: self.transition,
            products: joined(products),
            finish: self.finish_of_assembly(),
        }
    }

    /// The template in the place of a segment.
    pub fn segment_template(&self, planned: &PlannedSegment, count: u32) -> TemplateSpec {
        let render_seconds = self.render_seconds(planned, count);
        let output = PictureDemands::lasting(render_seconds);
        self.template(planned.index, render_seconds, StandsFor::Segment { index: planned.index, count, output })
    }

    /// The template in the place of the whole video.
    pub fn video_template(&self) -> TemplateSpec {
        let seconds = f64::from(self.target_duration_seconds);
        self.template(0, seconds, StandsFor::Video { finish: Box::new(self.finish_of_template()) })
    }

    fn template(&self, index: u32, render_seconds: f64, stands_for: StandsFor) -> TemplateSpec {
        let gradient = match self.archetype {
            Archetype::ProductHero => ["#F5F1EA", "#CDBFA8"],
            Archetype::Overlay => ["#1B2A41", "#0C1220"],
            Archetype::MemeText => ["#6A1B9A", "#1A0033"],
        };
        let shows_picture = match (&stands_for, self.archetype) {
            // The assembly lays the product over a segment; a whole video has nobody else to show it.
            (StandsFor::Segment { .. }, _) | (StandsFor::Video { .. }, Archetype::MemeText) => false,
            (StandsFor::Video { .. }, Archetype::ProductHero | Archetype::Overlay) => true,
        };
        TemplateSpec {
            render_spec_version: RENDER_SPEC_VERSION,
            archetype: self.archetype,
            render_seconds,
            gradient: gradient.map(str::to_owned),
            picture: self.picture(index).filter(|_| shows_picture),
            stands_for,
        }
    }

    /// How long a segment's file is: longer than its share by the crossfade to the next one, so that the video is not shortened.
    pub(crate) fn render_seconds(&self, planned: &PlannedSegment, count: u32) -> f64 {
        let crossfade = match self.transition.kind {
            TransitionType::Crossfade if planned.index + 1 < count => self.transition.duration_ms,
            TransitionType::Crossfade | TransitionType::Cut => 0,
        };
        let share = planned.duration_seconds * 1000;
        f64::from((share + crossfade).min(SEGMENT_MILLISECONDS_MAX.max(share))) / 1000.0
    }

    /// Each segment has a picture of its own when several are given. The mask belongs to the first.
    fn picture(&self, index: u32) -> Option<Picture> {
        let place = (index as usize).checked_rem(self.images.len())?;
        let mask = self.mask.clone().filter(|_| place == 0);
        self.images.get(place).map(|image| Picture { image: image.clone(), mask })
    }

    fn product(&self, index: u32, start_seconds: f64, end_seconds: f64) -> Option<Product> {
        let area = match self.archetype {
            Archetype::ProductHero => Area { left: 120, top: 360, width: 840, height: 960 },
            Archetype::Overlay => Area { left: 270, top: 520, width: 540, height: 680 },
            Archetype::MemeText => return None,
        };
        Some(Product { picture: self.picture(index)?, area, start_seconds, end_seconds })
    }

    fn sound(&self) -> Option<Sound> {
        let track = |asset: &Option<AssetRef>, level_db| asset.clone().map(|asset| Track { asset, level_db });
        let music = track(&self.music, self.levels.music_level_db);
        let voice = track(&self.voice, self.levels.voice_level_db);
        let duck_music = music.is_some() && voice.is_some();
        (music.is_some() || voice.is_some()).then_some(Sound { music, voice, duck_music, loudness: LOUDNESS })
    }

    fn finish(&self, sound: Option<Sound>) -> Finish {
        let seconds = f64::from(self.target_duration_seconds);
        let audio =
            sound.as_ref().map(|_| AudioDemands { codec: "aac".to_owned(), bitrate_kbps: 192, loudness: LOUDNESS });
        Finish {
            captions: self.captions.clone(),
            caption_style: self.caption_style.clone(),
            logo: self.brand_safe.then_some(Logo {
                corner: Corner::TopRight,
                size_px: 120,
                margin_px: 30,
                opacity: 0.6,
            }),
            sound,
            output: VideoDemands { picture: PictureDemands::lasting(seconds), faststart: true, audio },
            // The shortest video has no frame at one second.
            thumbnail_at_seconds: f64::min(1.0, seconds - 0.5),
        }
    }
}

/// Pictures that go on from one segment to the next stand once.
fn joined(products: Vec<Product>) -> Vec<Product> {
    let mut joined: Vec<Product> = Vec::with_capacity(products.len());
    for product in products {
        match joined.last_mut() {
            Some(last) if last.picture == product.picture => last.end_seconds = product.end_seconds,
            Some(_) | None => joined.push(product),
        }
    }
    joined
}

impl CaptionLook {
    pub(super) fn of(preset: &Preset, archetype: Archetype) -> CaptionLook {
        let style = preset.caption_style;
        let margin = style.safe_margin_px;
        let third = HEIGHT / 3;
        let (top, bottom) = match style.position {
            Position::UpperThird => (margin, third),
            Position::Center => (third, 2 * third),
            Position::LowerThird => (2 * third, HEIGHT - margin),
        };
        let is_meme = archetype == Archetype::MemeText;
        CaptionLook {
            font: style.font,
            size_rules: style.size_rules,
            size_px: style.size_rules.pixels(),
            position: style.position,
            safe_margin_px: margin,
            text_box: Area { left: margin, top, width: WIDTH - 2 * margin, height: bottom - top },
            uppercase: is_meme,
            outline_px: if is_meme { 6 } else { 2 },
            effects: preset.overlay_fx.unwrap_or(OverlayEffects { shadow: false, glow: false }),
        }
    }
}
