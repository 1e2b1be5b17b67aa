//! The files and pages that results point to. A clip is a real video, small and quickly made by FFmpeg, whose colours come from what was
//! asked for; a film shows the colours of its clips, one after the other. Without FFmpeg they are files of one second without pictures.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::Mutex;

use crate::world::{App, World};

/// How many films are kept; the oldest is made again when somebody asks.
const KEPT: usize = 64;
/// The longest that FFmpeg may take, on the busiest machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a clip is shown, alone and as a part of a film.
const CLIP_SECONDS: u32 = 8;
const PART_SECONDS: u32 = 3;
/// No more parts are shown in a film.
const PARTS: usize = 16;

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/media/{name}", get(media)).route("/posts/{platform}/{id}", get(post))
}

/// Films that were asked for. One is made at a time: whoever looks at a page asks for all that are on it.
#[derive(Clone, Default)]
pub(crate) struct Films(Arc<Mutex<VecDeque<Made>>>);

/// A film and its file.
type Made = (Film, Vec<u8>);

/// Three colours for each part of a film.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Film {
    parts: Vec<[u32; 3]>,
    part_seconds: u32,
}

async fn media(State(app): State<App>, Path(name): Path<String>) -> Response {
    let Some(name) = name.strip_suffix(".mp4") else { return StatusCode::NOT_FOUND.into_response() };
    let film = Film::named(name, &app.world());
    ([(header::CONTENT_TYPE, "video/mp4")], app.films.file(film).await).into_response()
}

async fn post(Path((platform, id)): Path<(String, String)>) -> Response {
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    match is_plain(&platform) && is_plain(&id) {
        true => Html(format!("<!doctype html><title>{id}</title><h1>Simulated post {id} on {platform}</h1>"))
            .into_response(),
        false => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Films {
    async fn file(&self, film: Film) -> Vec<u8> {
        let mut kept = self.0.lock().await;
        if let Some((_, file)) = kept.iter().find(|(known, _)| *known == film) {
            return file.clone();
        }
        let file = film.made().await.unwrap_or_else(without_pictures);
        kept.truncate(KEPT - 1);
        kept.push_front((film, file.clone()));
        file
    }
}

impl Film {
    /// The film of a task, by the task's id, or by `cdn-` and the id; any other name has colours of its own.
    fn named(name: &str, world: &World) -> Film {
        let task = |name: &str| world.any_task(name).map(|task| task.request.to_string());
        let asked = task(name.strip_prefix("cdn-").unwrap_or(name)).unwrap_or_else(|| name.to_owned());
        let clips = asked.split("/_sim/media/").skip(1).filter_map(|rest| rest.split_once(".mp4"));
        let parts: Vec<_> = clips.filter_map(|(clip, _)| task(clip)).take(PARTS).map(|clip| colours(&clip)).collect();
        match parts.is_empty() {
            true => Film { parts: vec![colours(&asked)], part_seconds: CLIP_SECONDS },
            false => Film { parts, part_seconds: PART_SECONDS },
        }
    }

    /// The file; none where FFmpeg is missing or too slow.
    async fn made(&self) -> Option<Vec<u8>> {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-hide_banner", "-nostdin", "-v", "error"]);
        for ([first, second, third], seed) in self.parts.iter().zip(1..) {
            let seconds = self.part_seconds;
            ffmpeg.args(["-f", "lavfi", "-i"]).arg(format!(
                "gradients=s=180x320:c0=0x{first:06X}:c1=0x{second:06X}:c2=0x{third:06X}:nb_colors=3:seed={seed}:speed=0.02:duration={seconds}:rate=24"
            ));
        }
        let count = self.parts.len();
        ffmpeg.args(["-filter_complex", &format!("concat=n={count},scale=360:640,format=yuv420p")]);
        // The movie box comes before the pictures, which FFmpeg can do in a file and not in a pipe.
        let file = tempfile::NamedTempFile::new().ok()?;
        ffmpeg.args([
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-crf",
            "30",
            "-movflags",
            "+faststart",
            "-f",
            "mp4",
            "-y",
        ]);
        ffmpeg.arg(file.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let status = tokio::time::timeout(PATIENCE, ffmpeg.status()).await.ok()?.ok()?;
        if status.success() { tokio::fs::read(file.path()).await.ok() } else { None }
    }
}

/// Dark, lively and light, by the words.
fn colours(words: &str) -> [u32; 3] {
    let hash = Sha256::digest(words.as_bytes());
    let at = |place: usize| u32::from(hash.get(place).copied().unwrap_or_default());
    let mixed = |place: usize, floor: u32, room: u32| {
        (place..place + 3).fold(0, |colour, channel| colour << 8 | (floor + at(channel) * room / 255))
    };
    [mixed(0, 0, 90), mixed(3, 40, 215), mixed(6, 140, 115)]
}

/// A valid MP4 file of one second without tracks: `ftyp`, `moov` with its `mvhd`, and an empty `mdat`.
fn without_pictures() -> Vec<u8> {
    let ftyp = boxed(b"ftyp", b"isom\0\0\x02\0isommp42");
    let moov = boxed(b"moov", &boxed(b"mvhd", &movie_header()));
    [ftyp, moov, boxed(b"mdat", &[])].concat()
}
/// ISO/IEC 14496-12, 8.2.2, version 0.
fn movie_header() -> Vec<u8> {
    let words: [u32; 25] = [
        0,           // version and flags
        0,           // created
        0,           // modified
        1000,        // units per second
        1000,        // duration
        0x0001_0000, // rate 1.0
        0x0100_0000, // volume 1.0, reserved
        0,
        0, // reserved
        0x0001_0000,
        0,
        0,
        0,
        0x0001_0000,
        0,
        0,
        0,
        0x4000_0000, // unity matrix
        0,
        0,
        0,
        0,
        0,
        0, // predefined
        1, // next track
    ];
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 8).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), kind.as_slice(), content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::NewTask;

    fn task(world: &mut World, task_id: &str, request: serde_json::Value) {
        let provider = crate::fault::Provider::all().next().unwrap();
        let (task_id, request) = (task_id.to_owned(), request);
        world.create(NewTask {
            provider,
            kind: "veo",
            task_id,
            job_id: None,
            callback_url: None,
            idempotency_key: None,
            request,
        });
    }

    #[test]
    fn a_clip_has_the_colours_of_its_prompt_and_a_film_of_its_clips() {
        let mut world = World::new(&crate::config::Config::default(), 0);
        task(&mut world, "one", serde_json::json!({"prompt": "a red shoe"}));
        task(&mut world, "two", serde_json::json!({"prompt": "the sea"}));
        let sources =
            ["http://sim/_sim/media/one.mp4", "http://sim/_sim/media/two.mp4", "http://sim/_sim/media/gone.mp4"];
        task(&mut world, "film", serde_json::json!({"clips": sources}));
        let [one, two, film] = ["one", "two", "film"].map(|name| Film::named(name, &world));
        assert_ne!(one.parts, two.parts);
        assert_eq!(film.parts, [one.parts.clone(), two.parts].concat());
        assert_eq!(Film::named("cdn-film", &world), film);
        assert_eq!(Film::named("anything", &world), Film::named("anything", &world));
    }

    #[tokio::test]
    async fn a_clip_is_a_video_that_plays_and_is_made_once() {
        let films = Films::default();
        let film = Film { parts: vec![colours("a"), colours("b")], part_seconds: 1 };
        let file = films.file(film.clone()).await;
        let movie = mw_mp4::read(&file, file.len() as u64).unwrap();
        assert!((movie.seconds - 2.0).abs() < 0.1, "{movie:?}");
        assert!(file.len() < 200_000, "small: {}", file.len());
        assert_eq!(films.0.lock().await.len(), 1);
        assert_eq!(films.file(film).await, file);
        assert_eq!(films.0.lock().await.len(), 1);
    }

    #[test]
    fn boxes_fill_the_file_exactly() {
        let file = without_pictures();
        let mut rest = file.as_slice();
        let mut kinds = Vec::new();
        while !rest.is_empty() {
            let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
            kinds.push(String::from_utf8(rest[4..8].to_vec()).unwrap());
            rest = &rest[length..];
        }
        assert_eq!(kinds, ["ftyp", "moov", "mdat"]);
        assert_eq!(movie_header().len(), 100);
    }
}
