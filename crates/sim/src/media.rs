//! The files and pages that results point to.

use axum::Router;
use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use crate::world::App;

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/media/{name}", get(media)).route("/posts/{platform}/{id}", get(post))
}

/// Any name gives the same film: none.
async fn media(Path(name): Path<String>) -> Response {
    match name.ends_with(".mp4") {
        true => ([(header::CONTENT_TYPE, "video/mp4")], mp4()).into_response(),
        false => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn post(Path((platform, id)): Path<(String, String)>) -> Response {
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    match is_plain(&platform) && is_plain(&id) {
        true => Html(format!("<!doctype html><title>{id}</title><h1>Simulated post {id} on {platform}</h1>"))
            .into_response(),
        false => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A valid MP4 file of one second without tracks: `ftyp`, `moov` with its `mvhd`, and an empty `mdat`.
fn mp4() -> Vec<u8> {
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

    #[test]
    fn boxes_fill_the_file_exactly() {
        let file = mp4();
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
