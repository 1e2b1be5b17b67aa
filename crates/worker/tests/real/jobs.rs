//! Whole jobs, from the body to the file that is delivered.

use crate::ffmpeg;
use mw_render::spec::WorkSpec;
use mw_render::{AssetRef, JobBody, JobDefaults, RenderSpec};
use mw_worker::files::Files;
use mw_worker::program::{Failure, Programs, Stop};
use mw_worker::render::{Stage, render};
use mw_worker::work::{Made, WorkError, Workshop};
use serde_json::{Value, json};
use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::sync::Mutex;
use tempfile::TempDir;

fn asset(digit: char) -> AssetRef {
    AssetRef::parse(&format!("asset:{}", digit.to_string().repeat(32))).unwrap()
}

fn spec(body: Value) -> RenderSpec {
    let defaults = JobDefaults { segment_seconds: 2, ..JobDefaults::default() };
    serde_json::from_value::<JobBody>(body).unwrap().accept(defaults).unwrap()
}

fn workshop(folder: &Path) -> Workshop {
    let scratch = folder.join("scratch");
    fs::create_dir_all(&scratch).unwrap();
    Workshop { programs: Programs::default(), logo: None, scratch, stop: Stop::default() }
}

fn left(workshop: &Workshop) -> usize {
    fs::read_dir(&workshop.scratch).unwrap().count()
}

fn made(workshop: &Workshop, spec: &RenderSpec, files: Files) -> Result<Made, WorkError> {
    render(workshop, spec, "job", files, NonZero::new(2).unwrap(), &|_| {})
}

#[test]
fn a_job_with_everything_is_one_verified_video() {
    let folder = TempDir::new().unwrap();
    let bottle = "color=black@0:s=300x500:d=1,format=rgba,geq=r=200:g=90:b=40:a='if(lt(hypot((X-150)/100,(Y-250)/200),1),255,0)'";
    let mut files = Files::default();
    let mut add = |digit, args: &[&str], name| files.add(asset(digit), ffmpeg(folder.path(), args, name));
    add('a', &["-f", "lavfi", "-i", bottle, "-frames:v", "1"], "bottle.png");
    add('b', &["-f", "lavfi", "-i", "mandelbrot=s=640x480", "-frames:v", "1"], "photo.jpg");
    add('c', &["-f", "lavfi", "-i", "color=white@0.5:s=200x100,format=rgba", "-frames:v", "1"], "mask.png");
    add('d', &["-f", "lavfi", "-i", "aevalsrc='0.4*sin(2*PI*(220+60*floor(mod(2*t,4)))*t)':d=1"], "music.mp3");
    add('e', &["-f", "lavfi", "-i", "sine=f=900:d=1.5:r=22050", "-ac", "1"], "voice.wav");
    let workshop = Workshop { logo: Some(folder.path().join("bottle.png")), ..workshop(folder.path()) };
    let spec = spec(json!({
        "preset_id": "overlay_glow", "prompt": "a candle", "target_duration_seconds": 3,
        "image_uris": [asset('a'), asset('b')], "mask_uri": asset('c'), "music_uri": asset('d'), "voice_uri": asset('e'),
        "captions": {"hook": "{\\p1} it's 100%: 'a', [b]; c=d \\N", "beats": ["قهوة 漢字 😀"], "cta": "x".repeat(190)},
    }));
    let stages = Mutex::new(Vec::new());
    let watch = |stage| stages.lock().unwrap().push(stage);
    let made = render(&workshop, &spec, "job", files, NonZero::new(2).unwrap(), &watch).unwrap();
    let report = &made.report;
    assert!(report.accepted);
    assert!((report.probe.as_ref().unwrap().seconds - 3.0).abs() < 0.04, "crossfades do not shorten it");
    assert!(fs::read(made.thumbnail.as_ref().unwrap()).unwrap().starts_with(b"\xff\xd8\xff"));
    let stages = stages.into_inner().unwrap();
    assert!(stages.contains(&Stage::Segments(2, 2)) && matches!(stages.last(), Some(Stage::Assembly(_))));
    drop(made);
    assert_eq!(left(&workshop), 0);
}

#[test]
fn a_meme_without_files_is_cut_and_silent() {
    let folder = TempDir::new().unwrap();
    let workshop = workshop(folder.path());
    let made = made(
        &workshop,
        &spec(json!({"preset_id": "meme_fast", "prompt": "when it compiles", "target_duration_seconds": 3})),
        Files::default(),
    );
    let report = made.unwrap().report;
    assert!(report.accepted && report.probe.unwrap().audio.is_none());
}

#[test]
fn a_template_stands_for_a_segment_or_the_video() {
    let folder = TempDir::new().unwrap();
    let mut files = Files::default();
    files.add(
        asset('a'),
        ffmpeg(folder.path(), &["-f", "lavfi", "-i", "mandelbrot=s=640x480", "-frames:v", "1"], "photo.png"),
    );
    let workshop = workshop(folder.path());
    let spec = spec(
        json!({"preset_id": "product_hero_clean", "prompt": "x", "target_duration_seconds": 2, "image_uris": [asset('a')]}),
    );
    let made = |template| workshop.make(&WorkSpec::Template(template), &files, &mut |_| {}).unwrap();
    let video = made(spec.video_template());
    assert!(video.report.accepted && video.thumbnail.is_some());
    let segment = made(spec.segment_template(&spec.plan("job")[0], 1));
    assert!(segment.report.accepted && segment.thumbnail.is_none());
}

#[test]
fn a_playlist_is_no_picture_whatever_its_name() {
    let folder = TempDir::new().unwrap();
    let workshop = workshop(folder.path());
    let spec = spec(
        json!({"preset_id": "meme_fast", "prompt": "x", "target_duration_seconds": 2, "image_uris": [asset('a')]}),
    );
    for content in ["#EXTM3U\nfile:///etc/passwd\n", "ffconcat version 1.0\nfile /etc/passwd\n", "<svg/>", ""] {
        let file = folder.path().join("photo.png");
        fs::write(&file, content).unwrap();
        let mut files = Files::default();
        files.add(asset('a'), file);
        let end = made(&workshop, &spec, files).err();
        assert!(matches!(end, Some(WorkError::Failed(Failure::Input(_)))), "{end:?}");
        assert_eq!(left(&workshop), 0);
    }
}

#[test]
fn a_broken_picture_fails_for_good() {
    let folder = TempDir::new().unwrap();
    let workshop = workshop(folder.path());
    let file = folder.path().join("photo.png");
    fs::write(&file, b"\x89PNG\r\n\x1a\nand no more").unwrap();
    let mut files = Files::default();
    files.add(asset('a'), file);
    let spec = spec(
        json!({"preset_id": "meme_fast", "prompt": "x", "target_duration_seconds": 2, "image_uris": [asset('a')]}),
    );
    match made(&workshop, &spec, files).err() {
        Some(WorkError::Failed(failure)) => assert!(!failure.is_transient(), "{failure}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_spec_of_another_version_is_refused_clearly() {
    let folder = TempDir::new().unwrap();
    let mut template =
        spec(json!({"preset_id": "meme_fast", "prompt": "x", "target_duration_seconds": 2})).video_template();
    template.render_spec_version = 2;
    let end =
        workshop(folder.path()).make(&WorkSpec::Template(template), &Files::default(), &mut |_| {}).err().unwrap();
    assert_eq!(end.to_string(), "this worker reads version 1 of specs, and this is version 2");
}
