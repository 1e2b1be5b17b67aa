//! What a worker is handed says all that the contract asks for.

use super::*;
use crate::job::{JobBody, JobDefaults};
use crate::plan::PlannedSegment;
use serde_json::{Value, json};

fn asset(digit: char) -> AssetRef {
    AssetRef::parse(&format!("asset:{}", digit.to_string().repeat(32))).unwrap()
}

fn spec(changes: Value) -> RenderSpec {
    let mut body = json!({"preset_id": "product_hero_clean", "prompt": "a red shoe", "target_duration_seconds": 7});
    body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    serde_json::from_value::<JobBody>(body).unwrap().accept(JobDefaults::default()).unwrap()
}

fn segment(spec: &RenderSpec, index: usize, engine: Engine) -> SegmentSpec {
    let plan = spec.plan("job-1");
    spec.segment(&plan[index], plan.len() as u32, spec.archetype, engine)
}

fn whole(spec: &RenderSpec) -> AssemblySpec {
    let made = |planned: PlannedSegment| {
        let milliseconds = planned.duration_seconds * 1000 + 150;
        (planned, MadeSegment { asset: asset('9'), sha256: "0".repeat(64), milliseconds })
    };
    spec.assembly(&spec.plan("job-1").into_iter().map(made).collect::<Vec<_>>())
}

#[test]
fn the_stored_spec_says_what_the_contract_says() {
    let stored = serde_json::to_value(spec(json!({}))).unwrap();
    assert_eq!((&stored["render_spec_version"], &stored["aspect_ratio"]), (&json!(1), &json!("9:16")));
    assert_eq!(stored["constraints"], json!({"keep_subject_static": true}));
    let unsafe_one = spec(json!({"brand_safe": false}));
    assert!(!unsafe_one.constraints.keep_subject_static);
    let read: RenderSpec = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), stored);
}

#[test]
fn a_crossfade_lengthens_every_segment_but_the_last() {
    let rendered = |spec: &RenderSpec| -> Vec<f64> {
        (0..3).map(|index| segment(spec, index, Engine::LocalFfmpeg).render_seconds).collect()
    };
    assert_eq!(rendered(&spec(json!({}))), [3.15, 3.15, 1.0]);
    assert_eq!(rendered(&spec(json!({"preset_id": "meme_fast"}))), [3.0, 3.0, 1.0]);
    let mut long = spec(json!({"target_duration_seconds": 9}));
    long.segment_seconds = 4;
    assert_eq!(rendered(&long), [4.0, 4.0, 1.0], "no engine makes more than 4 s");
}

#[test]
fn each_segment_has_its_own_picture_the_mask_the_first() {
    let (a, b, mask) = (asset('a'), asset('b'), asset('c'));
    let spec = spec(json!({"image_uris": [a, b], "mask_uri": mask}));
    let pictures: Vec<_> = (0..3).map(|index| segment(&spec, index, Engine::LocalFfmpeg).picture.unwrap()).collect();
    let with_mask = Picture { image: a, mask: Some(mask) };
    assert_eq!(pictures, [with_mask.clone(), Picture { image: b, mask: None }, with_mask]);
}

#[test]
fn a_brand_safe_product_is_never_made_anew() {
    let shown = |brand_safe: bool, engine| {
        let spec = spec(json!({"image_uris": [asset('a')], "brand_safe": brand_safe}));
        segment(&spec, 0, engine).picture.is_some()
    };
    assert!(shown(true, Engine::LocalFfmpeg) && !shown(true, Engine::LocalComfyui) && !shown(true, Engine::ApiLuma));
    assert!(Engine::ALL.iter().all(|engine| shown(false, *engine)));
    let safe = spec(json!({"image_uris": [asset('a')]}));
    assert_eq!(whole(&safe).products.len(), 1, "the assembly shows it as it is");
}

#[test]
fn a_brand_safe_video_moves_softly_and_has_a_logo() {
    let bold = spec(json!({"preset_id": "overlay_bold"}));
    assert_eq!((bold.motion, bold.caption_style.font), (Motion::Subtle, Font::Montserrat));
    let logo = whole(&bold).finish.logo.unwrap();
    assert_eq!((logo.corner, logo.size_px, logo.margin_px, logo.opacity), (Corner::TopRight, 120, 30, 0.6));
    let free = spec(json!({"preset_id": "overlay_bold", "brand_safe": false}));
    assert_eq!((free.motion, whole(&free).finish.logo), (Motion::Punchy, None));
}

#[test]
fn the_assembly_has_every_segment_and_the_whole_length() {
    let assembly = whole(&spec(json!({})));
    let places: Vec<_> =
        assembly.segments.iter().map(|one| (one.index, one.start_seconds, one.duration_seconds)).collect();
    assert_eq!(places, [(0, 0.0, 3.0), (1, 3.0, 3.0), (2, 6.0, 1.0)]);
    let output = assembly.finish.output;
    assert_eq!((output.picture.duration_seconds, output.picture.duration_tolerance_seconds), (7.0, 0.5));
    assert_eq!(
        (output.picture.width, output.picture.height, output.picture.fps, output.picture.bitrate_kbps_max),
        (1080, 1920, 30, 12_000)
    );
    assert!(output.faststart);
    assert_eq!(assembly.finish.thumbnail_at_seconds, 1.0);
    let shortest = spec(json!({"target_duration_seconds": 1}));
    assert_eq!(shortest.video_template().render_seconds, 1.0);
    assert_eq!(whole(&shortest).finish.thumbnail_at_seconds, 0.5);
}

#[test]
fn the_product_stands_over_its_segments_but_not_in_memes() {
    let two = spec(json!({"image_uris": [asset('a'), asset('b')]}));
    let windows: Vec<_> = whole(&two).products.iter().map(|one| (one.start_seconds, one.end_seconds)).collect();
    assert_eq!(windows, [(0.0, 3.0), (3.0, 6.0), (6.0, 7.0)]);
    let one = spec(json!({"image_uris": [asset('a')]}));
    let windows: Vec<_> = whole(&one).products.iter().map(|one| (one.start_seconds, one.end_seconds)).collect();
    assert_eq!(windows, [(0.0, 7.0)], "one picture stands for as long as the video lasts");
    assert_eq!(whole(&spec(json!({"image_uris": [asset('a')], "archetype": "MEME_TEXT"}))).products, []);
}

#[test]
fn music_gives_way_to_the_voice_and_silence_has_no_stream() {
    let both = whole(&spec(json!({"music_uri": asset('a'), "voice_uri": asset('b')}))).finish;
    let sound = both.sound.unwrap();
    assert_eq!((sound.music.unwrap().level_db, sound.voice.unwrap().level_db, sound.duck_music), (-18.0, -6.0, true));
    assert_eq!(sound.loudness, Loudness { integrated_lufs: -14.0, true_peak_db: -1.5, range_lu: 11.0 });
    let audio = both.output.audio.unwrap();
    assert_eq!((audio.codec.as_str(), audio.bitrate_kbps), ("aac", 192));
    let music = whole(&spec(json!({"music_uri": asset('a')}))).finish.sound.unwrap();
    assert!(music.voice.is_none() && !music.duck_music);
    let silent = whole(&spec(json!({}))).finish;
    assert!(silent.sound.is_none() && silent.output.audio.is_none());
}

#[test]
fn captions_stay_within_the_safe_margin() {
    for preset in crate::presets::PRESETS {
        for archetype in Archetype::ALL {
            let look = CaptionLook::of(preset, *archetype);
            let Area { left, top, width, height } = look.text_box;
            let margin = preset.caption_style.safe_margin_px;
            assert!(left >= margin && left + width <= WIDTH - margin, "{}", preset.id);
            assert!(top >= margin && top + height <= HEIGHT - margin && height >= 2 * look.size_px, "{}", preset.id);
        }
    }
    let minimal = spec(json!({"preset_id": "brand_safe_minimal"})).caption_style;
    assert_eq!((minimal.size_px, minimal.safe_margin_px), (40, 140));
}

#[test]
fn a_simpler_archetype_has_its_own_prompt() {
    let spec = spec(json!({}));
    let plan = spec.plan("job-1");
    let simple = spec.segment(&plan[0], 3, Archetype::Overlay, Engine::LocalFfmpeg);
    assert!(simple.prompt.starts_with("Moving background") && simple.prompt.ends_with(": a red shoe"));
    assert_eq!(segment(&spec, 0, Engine::LocalFfmpeg).prompt, plan[0].prompt);
}

#[test]
fn a_template_stands_for_a_segment_or_silently_for_the_video() {
    let spec = spec(json!({"image_uris": [asset('a')], "music_uri": asset('b')}));
    let plan = spec.plan("job-1");
    let of_segment = spec.segment_template(&plan[0], 3);
    assert_eq!((of_segment.render_seconds, of_segment.picture), (3.15, None));
    let of_video = spec.video_template();
    assert_eq!((of_video.render_seconds, of_video.picture.is_some()), (7.0, true));
    let StandsFor::Video { finish } = of_video.stands_for else { panic!() };
    assert!(finish.sound.is_none() && finish.output.audio.is_none() && !finish.captions.is_empty());
}

#[test]
fn a_worker_is_told_every_file_that_it_needs() {
    let (a, b, mask, music) = (asset('a'), asset('b'), asset('c'), asset('d'));
    let spec = spec(json!({"image_uris": [a, b], "mask_uri": mask, "music_uri": music}));
    let first = WorkSpec::Segment(segment(&spec, 0, Engine::LocalFfmpeg));
    assert_eq!(first.inputs(), BTreeSet::from([a.clone(), mask.clone()]));
    let video = WorkSpec::Assembly(whole(&spec));
    assert_eq!(video.inputs(), BTreeSet::from([a.clone(), b, mask.clone(), music, asset('9')]));
    assert_eq!(WorkSpec::Template(spec.video_template()).inputs(), BTreeSet::from([a, mask]));
    let text = serde_json::to_string(&video).unwrap();
    assert!(
        text.contains(&format!("\"kind\":\"{}\"", video.kind())) && !text.contains("file:") && !text.contains("http")
    );
    assert_eq!(serde_json::from_str::<WorkSpec>(&text).unwrap(), video);
}
