//! The timeline that Shotstack renders.

use crate::common::*;
use mw_integrations::shotstack;
use proptest::prelude::*;
use serde_json::{Value, json};

/// The tracks of a timeline that hold this type of asset, as (start, length, clip).
fn clips(timeline: &Value, kind: &str) -> Vec<Value> {
    let tracks = timeline["timeline"]["tracks"].as_array().unwrap();
    tracks.iter().map(|track| track["clips"][0].clone()).filter(|clip| clip["asset"]["type"] == kind).collect()
}

#[test]
fn the_template_of_two_clips() {
    let timeline = shotstack::timeline(&render());
    assert_eq!(timeline["timeline"]["background"], "#000000");
    assert_eq!(timeline["output"], json!({"format": "mp4", "resolution": "hd", "aspectRatio": "9:16", "fps": 30}));
    let texts = clips(&timeline, "text");
    let shown: Vec<&str> = texts.iter().map(|text| text["asset"]["text"].as_str().unwrap()).collect();
    assert_eq!(shown, ["cheeseburger", "subject 0", "pickle", "subject 1"]);
    let header = &texts[0];
    assert_eq!((&header["start"], &header["length"]), (&json!(0.5), &json!(5.0)));
    assert_eq!(
        header["asset"]["font"],
        json!({"family": "Futura", "size": 92, "weight": 500, "color": "#FFFFFF", "opacity": 1.0})
    );
    assert_eq!((&header["asset"]["width"], &header["asset"]["height"]), (&json!(1000), &json!(400)));
    assert_eq!(header["transition"], json!({"in": "fade", "out": "fade"}));
    assert_eq!((&header["position"], header["asset"].get("background")), (&json!("center"), None));
    assert_eq!((&texts[1]["asset"]["font"]["size"], &texts[1]["asset"]["height"]), (&json!(64), &json!(250)));
    assert_eq!(texts[2]["start"], json!(7.0));
    let videos = clips(&timeline, "video");
    assert_eq!((&videos[0]["start"], &videos[0]["length"]), (&json!(0.0), &json!(8.0)));
    assert_eq!(
        (&videos[0]["transition"], &videos[0]["effect"]),
        (&json!({"in": "fade", "out": "fade"}), &json!("zoomInSlow"))
    );
    assert_eq!((&videos[1]["start"], &videos[1]["transition"]), (&json!(6.5), &json!({"in": "fade"})));
    // Texts are the upper layers.
    assert_eq!(timeline["timeline"]["tracks"][0]["clips"][0]["asset"]["type"], "text");
}

#[test]
fn the_overlay_of_a_project() {
    let mut spec = render();
    spec.overlay.position = Some("Top".into());
    spec.overlay.uppercase = true;
    spec.overlay.background = Some("#000000AA".into());
    spec.overlay.color = Some("#FFEE00".into());
    spec.clips[0].subject = " ".into();
    let texts = clips(&shotstack::timeline(&spec), "text");
    assert_eq!(texts.len(), 3);
    assert_eq!(texts[0]["asset"]["text"], "CHEESEBURGER");
    assert_eq!(texts[0]["position"], "top");
    assert_eq!(texts[0]["asset"]["background"], json!({"color": "#000000", "opacity": 0.67}));
    assert_eq!(texts[0]["asset"]["font"]["color"], "#FFEE00");
}

#[test]
fn senseless_styles_fall_back() {
    let mut spec = render();
    spec.overlay.position = Some("somewhere".into());
    spec.overlay.background = Some("black".into());
    spec.overlay.color = Some("#12345".into());
    spec.clips[0].duration_seconds = f64::NAN;
    let timeline = shotstack::timeline(&spec);
    let texts = clips(&timeline, "text");
    assert_eq!((&texts[0]["position"], texts[0]["asset"].get("background")), (&json!("center"), None));
    assert_eq!(texts[0]["asset"]["font"]["color"], "#FFFFFF");
    assert_eq!(clips(&timeline, "video")[0]["length"], json!(0.5));
    for color in ["#00000", "#gggggg", "#é0000"] {
        spec.overlay.color = Some(color.into());
        assert_eq!(clips(&shotstack::timeline(&spec), "text")[0]["asset"]["font"]["color"], "#FFFFFF");
    }
}

#[test]
fn without_effects_clips_are_joined() {
    let mut spec = render();
    spec.effects = false;
    let timeline = shotstack::timeline(&spec);
    let videos = clips(&timeline, "video");
    assert_eq!(videos[1]["start"], json!(8.0));
    assert_eq!((videos[0].get("effect"), videos[0].get("transition")), (None, None));
    assert_eq!(clips(&timeline, "text")[0].get("transition"), None);
}

#[test]
fn sizes_have_names() {
    for (wanted, name) in [
        ("hd", "hd"),
        ("1080", "1080"),
        (" 4K ", "4k"),
        ("1080x1920", "1080"),
        ("1920x1080", "1080"),
        ("2160x3840", "4k"),
        ("720x1280", "hd"),
        ("540 x 960", "sd"),
        ("360x640", "mobile"),
        ("huge", "hd"),
        ("axb", "hd"),
    ] {
        let mut spec = render();
        spec.resolution = wanted.into();
        assert_eq!(shotstack::timeline(&spec)["output"]["resolution"], name, "{wanted}");
    }
}

proptest! {
    #[test]
    fn clips_start_in_order_and_texts_stay_within_theirs(
        durations in prop::collection::vec(0.0f64..60.0, 1..20), effects: bool,
    ) {
        let mut spec = render();
        spec.effects = effects;
        spec.clips = durations.iter().enumerate().map(|(index, duration)| {
            let mut clip = clip(index as u32, "h");
            clip.duration_seconds = *duration;
            clip
        }).collect();
        let timeline = shotstack::timeline(&spec);
        let starts: Vec<f64> = clips(&timeline, "video").iter().map(|clip| clip["start"].as_f64().unwrap()).collect();
        prop_assert!(starts.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert_eq!(starts.len(), durations.len());
        for clip in clips(&timeline, "text") {
            prop_assert!((0.5..=5.0).contains(&clip["length"].as_f64().unwrap()));
        }
    }
}
