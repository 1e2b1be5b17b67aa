//! The console's stylesheet and script. Their names carry a hash of their content, so that browsers may keep them.

use crate::problem::{self, Problem};
use crate::request::Request;
use crate::response::Response;

/// The tokens and parts that the link page has too, then what only the console has.
const STYLE: &str =
    concat!(include_str!("../../templates/shared.css"), include_str!("../../templates/console/console.css"));
const SCRIPT: &str = include_str!("../../templates/console/console.js");
const STYLE_HASH: u64 = hash(STYLE.as_bytes());
const SCRIPT_HASH: u64 = hash(SCRIPT.as_bytes());

/// FNV-1a: it tells versions apart and protects nothing, and a compiler can do it.
const fn hash(mut bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    while let Some((byte, rest)) = bytes.split_first() {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0000_0100_0000_01b3);
        bytes = rest;
    }
    hash
}

pub(super) fn style_path() -> String {
    format!("/console/assets/console.{STYLE_HASH:016x}.css")
}

pub(super) fn script_path() -> String {
    format!("/console/assets/console.{SCRIPT_HASH:016x}.js")
}

pub(super) fn answer(name: &str, request: &Request) -> Result<Response, Problem> {
    let (content_type, text) = match request.path.as_str() {
        path if path == style_path() => ("text/css; charset=utf-8", STYLE),
        path if path == script_path() => ("text/javascript; charset=utf-8", SCRIPT),
        _ => return Err(problem::not_found("Not Found").because(format!("no asset {name}"))),
    };
    Ok(Response::new(200, content_type, text).with_header("cache-control", "public, max-age=31536000, immutable"))
}
