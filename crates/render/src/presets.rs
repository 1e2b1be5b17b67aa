//! The named styles of videos. A request chooses one and may say otherwise in part: request beats preset beats defaults.

use crate::engine::Policy;
use crate::job::JobDefaults;
use serde::{Deserialize, Serialize};

mw_kernel::words! {
    /// How a video is built.
    Archetype {
        /// The product fills the frame.
        ProductHero = "PRODUCT_HERO",
        /// Texts and the product over moving pictures.
        Overlay = "OVERLAY",
        /// Large texts, without the product.
        MemeText = "MEME_TEXT",
    }
}

mw_kernel::words! {
    /// The typeface of the captions, by the name that presets use. A worker sets Impact and Arial Black, which may not
    /// be shipped, in free stand-ins.
    Font {
        Inter = "Inter",
        BebasNeue = "Bebas Neue",
        Montserrat = "Montserrat",
        Impact = "Impact",
        ArialBlack = "Arial Black",
    }
}

mw_kernel::words! {
    /// How large captions are.
    SizeRule {
        Small = "small",
        Auto = "auto",
        Large = "large",
    }
}

impl SizeRule {
    /// The height of the letters, in pixels of the video. Under `auto` a worker may choose a smaller one for a text that would
    /// leave its box.
    pub fn pixels(self) -> u32 {
        match self {
            SizeRule::Small => 40,
            SizeRule::Auto => 56,
            SizeRule::Large => 72,
        }
    }
}

mw_kernel::words! {
    /// Where captions stand.
    Position {
        UpperThird = "upper_third",
        Center = "center",
        LowerThird = "lower_third",
    }
}

mw_kernel::words! {
    /// How the pictures move.
    Motion {
        Minimal = "minimal",
        Subtle = "subtle",
        Smooth = "smooth",
        Punchy = "punchy",
        Chaotic = "chaotic",
    }
}

impl Motion {
    /// The motion of a brand-safe video: what would shake the product becomes subtle.
    pub fn brand_safe(self) -> Motion {
        match self {
            Motion::Punchy | Motion::Chaotic => Motion::Subtle,
            Motion::Minimal | Motion::Subtle | Motion::Smooth => self,
        }
    }
}

mw_kernel::words! {
    /// How one segment becomes the next.
    TransitionType {
        Crossfade = "crossfade",
        Cut = "cut",
    }
}

/// From one segment to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    #[serde(rename = "type")]
    pub kind: TransitionType,
    pub duration_ms: u32,
}

/// How captions look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CaptionStyle {
    pub font: Font,
    pub size_rules: SizeRule,
    pub position: Position,
    pub safe_margin_px: u32,
}

/// How loud the sounds are before they are mixed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Levels {
    pub music_level_db: f64,
    pub voice_level_db: f64,
}

/// What is drawn around captions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverlayEffects {
    pub shadow: bool,
    pub glow: bool,
}

/// A named style.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    pub id: &'static str,
    pub name: &'static str,
    pub archetype: Archetype,
    /// None where the style asks for neither, so that the installation's default is meant.
    pub brand_safe: Option<bool>,
    /// None where the installation's default is meant.
    pub engine_policy: Option<Policy>,
    pub caption_style: CaptionStyle,
    pub motion_profile: Motion,
    pub transitions: Transition,
    pub audio: Levels,
    pub overlay_fx: Option<OverlayEffects>,
}

/// A preset as `GET /api/v1/presets` answers it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PresetView {
    pub id: &'static str,
    pub name: &'static str,
    pub archetype: Archetype,
    pub brand_safe: bool,
    pub engine_policy: Policy,
    pub caption_style: CaptionStyle,
    pub motion_profile: Motion,
    pub transitions: Transition,
    pub audio: Levels,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlay_fx: Option<OverlayEffects>,
}

impl Preset {
    /// The preset of an id.
    pub fn find(id: &str) -> Option<&'static Preset> {
        PRESETS.iter().find(|preset| preset.id == id)
    }

    /// As it is answered, where these are the installation's defaults.
    pub fn view(&self, defaults: JobDefaults) -> PresetView {
        PresetView {
            id: self.id,
            name: self.name,
            archetype: self.archetype,
            brand_safe: self.brand_safe.unwrap_or(defaults.brand_safe),
            engine_policy: self.engine_policy.unwrap_or(defaults.engine_policy),
            caption_style: self.caption_style,
            motion_profile: self.motion_profile,
            transitions: self.transitions,
            audio: self.audio,
            overlay_fx: self.overlay_fx,
        }
    }
}

const CROSSFADE: Transition = Transition { kind: TransitionType::Crossfade, duration_ms: 150 };
const CUT: Transition = Transition { kind: TransitionType::Cut, duration_ms: 0 };
/// How far captions stay from the edges of the frame.
const SAFE_MARGIN_PX: u32 = 120;

const fn caption(font: Font, size_rules: SizeRule, position: Position) -> CaptionStyle {
    CaptionStyle { font, size_rules, position, safe_margin_px: SAFE_MARGIN_PX }
}

const fn levels(music_level_db: f64, voice_level_db: f64) -> Levels {
    Levels { music_level_db, voice_level_db }
}

/// All presets, in the order in which they are listed.
pub const PRESETS: &[Preset] = &[
    Preset {
        id: "product_hero_clean",
        name: "Product hero, clean",
        archetype: Archetype::ProductHero,
        brand_safe: Some(true),
        engine_policy: None,
        caption_style: caption(Font::Inter, SizeRule::Auto, Position::LowerThird),
        motion_profile: Motion::Subtle,
        transitions: CROSSFADE,
        audio: levels(-18.0, -6.0),
        overlay_fx: None,
    },
    Preset {
        id: "product_hero_punchy",
        name: "Product hero, punchy",
        archetype: Archetype::ProductHero,
        brand_safe: None,
        engine_policy: None,
        caption_style: caption(Font::BebasNeue, SizeRule::Large, Position::Center),
        motion_profile: Motion::Punchy,
        transitions: CROSSFADE,
        audio: levels(-14.0, -5.0),
        overlay_fx: None,
    },
    Preset {
        id: "overlay_classic",
        name: "Overlay, classic",
        archetype: Archetype::Overlay,
        brand_safe: Some(true),
        engine_policy: None,
        caption_style: caption(Font::Inter, SizeRule::Auto, Position::LowerThird),
        motion_profile: Motion::Subtle,
        transitions: CROSSFADE,
        audio: levels(-20.0, -6.0),
        overlay_fx: None,
    },
    Preset {
        id: "overlay_glow",
        name: "Overlay, glowing",
        archetype: Archetype::Overlay,
        brand_safe: Some(true),
        engine_policy: None,
        caption_style: caption(Font::Inter, SizeRule::Auto, Position::LowerThird),
        motion_profile: Motion::Smooth,
        transitions: CROSSFADE,
        audio: levels(-18.0, -6.0),
        overlay_fx: Some(OverlayEffects { shadow: true, glow: true }),
    },
    Preset {
        id: "overlay_bold",
        name: "Overlay, bold",
        archetype: Archetype::Overlay,
        brand_safe: Some(true),
        engine_policy: None,
        caption_style: caption(Font::Montserrat, SizeRule::Large, Position::UpperThird),
        motion_profile: Motion::Punchy,
        transitions: CROSSFADE,
        audio: levels(-16.0, -6.0),
        overlay_fx: None,
    },
    Preset {
        id: "meme_fast",
        name: "Meme, fast",
        archetype: Archetype::MemeText,
        brand_safe: None,
        engine_policy: None,
        caption_style: caption(Font::Impact, SizeRule::Large, Position::Center),
        motion_profile: Motion::Chaotic,
        transitions: CUT,
        audio: levels(-12.0, -6.0),
        overlay_fx: None,
    },
    Preset {
        id: "meme_smooth",
        name: "Meme, smooth",
        archetype: Archetype::MemeText,
        brand_safe: None,
        engine_policy: None,
        caption_style: caption(Font::ArialBlack, SizeRule::Large, Position::Center),
        motion_profile: Motion::Smooth,
        transitions: CROSSFADE,
        audio: levels(-14.0, -6.0),
        overlay_fx: None,
    },
    Preset {
        id: "brand_safe_minimal",
        name: "Brand-safe, minimal",
        archetype: Archetype::Overlay,
        brand_safe: Some(true),
        engine_policy: Some(Policy::LocalOnly),
        caption_style: CaptionStyle {
            font: Font::Inter,
            size_rules: SizeRule::Small,
            position: Position::LowerThird,
            safe_margin_px: 140,
        },
        motion_profile: Motion::Minimal,
        transitions: CROSSFADE,
        audio: levels(-22.0, -8.0),
        overlay_fx: None,
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_preset_answers_in_the_shape_of_the_contract() {
        let glow = Preset::find("overlay_glow")
            .unwrap()
            .view(JobDefaults { engine_policy: Policy::ApiOnly, ..JobDefaults::default() });
        assert_eq!(
            serde_json::to_value(glow).unwrap(),
            json!({
                "id": "overlay_glow", "name": "Overlay, glowing", "archetype": "OVERLAY", "brand_safe": true,
                "engine_policy": "api_only",
                "caption_style": {"font": "Inter", "size_rules": "auto", "position": "lower_third", "safe_margin_px": 120},
                "motion_profile": "smooth", "transitions": {"type": "crossfade", "duration_ms": 150},
                "audio": {"music_level_db": -18.0, "voice_level_db": -6.0},
                "overlay_fx": {"shadow": true, "glow": true},
            })
        );
        let bold = serde_json::to_value(Preset::find("overlay_bold").unwrap().view(JobDefaults::default())).unwrap();
        assert_eq!((&bold["engine_policy"], bold.get("overlay_fx")), (&json!("local_preferred"), None));
    }

    #[test]
    fn presets_are_those_of_the_contract() {
        let rows: Vec<String> = PRESETS
            .iter()
            .map(|preset| {
                let CaptionStyle { font, size_rules, position, safe_margin_px } = preset.caption_style;
                let Levels { music_level_db, voice_level_db } = preset.audio;
                format!(
                    "{} {} {} {font} {size_rules}={} {position} {safe_margin_px} {} {}={} {music_level_db}/{voice_level_db} {}",
                    preset.id,
                    preset.archetype,
                    preset.view(JobDefaults::default()).brand_safe,
                    size_rules.pixels(),
                    preset.motion_profile,
                    preset.transitions.kind,
                    preset.transitions.duration_ms,
                    preset.engine_policy.map_or("default", Policy::as_str),
                )
            })
            .collect();
        assert_eq!(
            rows,
            [
                "product_hero_clean PRODUCT_HERO true Inter auto=56 lower_third 120 subtle crossfade=150 -18/-6 default",
                "product_hero_punchy PRODUCT_HERO false Bebas Neue large=72 center 120 punchy crossfade=150 -14/-5 default",
                "overlay_classic OVERLAY true Inter auto=56 lower_third 120 subtle crossfade=150 -20/-6 default",
                "overlay_glow OVERLAY true Inter auto=56 lower_third 120 smooth crossfade=150 -18/-6 default",
                "overlay_bold OVERLAY true Montserrat large=72 upper_third 120 punchy crossfade=150 -16/-6 default",
                "meme_fast MEME_TEXT false Impact large=72 center 120 chaotic cut=0 -12/-6 default",
                "meme_smooth MEME_TEXT false Arial Black large=72 center 120 smooth crossfade=150 -14/-6 default",
                "brand_safe_minimal OVERLAY true Inter small=40 lower_third 140 minimal crossfade=150 -22/-8 local_only",
            ]
        );
    }

    #[test]
    fn a_brand_safe_video_neither_shakes_nor_wipes() {
        assert_eq!((Motion::Punchy.brand_safe(), Motion::Chaotic.brand_safe()), (Motion::Subtle, Motion::Subtle));
        for motion in [Motion::Minimal, Motion::Subtle, Motion::Smooth] {
            assert_eq!(motion.brand_safe(), motion);
        }
    }
}
