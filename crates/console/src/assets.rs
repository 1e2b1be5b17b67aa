//! The console's stylesheet, script and icon. Their names carry a hash of their content, so that browsers may keep them.

use mw_edge::{Problem, Request, Response, problem};

/// The tokens and parts that the link page has too, then what only the console has.
const STYLE: &str =
    concat!(include_str!("../../operations/templates/shared.css"), include_str!("../templates/console.css"));
const SCRIPT: &str = include_str!("../templates/console.js");
const ICON: &str = include_str!("../templates/icon.svg");

/// FNV-1a: it tells versions apart and protects nothing, and a compiler can do it.
const fn hash(mut bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    while let Some((byte, rest)) = bytes.split_first() {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0000_0100_0000_01b3);
        bytes = rest;
    }
    hash
}

struct Asset {
    extension: &'static str,
    content_type: &'static str,
    text: &'static str,
    hash: u64,
}

const fn asset(extension: &'static str, content_type: &'static str, text: &'static str) -> Asset {
    Asset { extension, content_type, text, hash: hash(text.as_bytes()) }
}

const ASSETS: [Asset; 3] = [
    asset("css", "text/css; charset=utf-8", STYLE),
    asset("js", "text/javascript; charset=utf-8", SCRIPT),
    asset("svg", "image/svg+xml", ICON),
];

impl Asset {
    fn path(&self) -> String {
        format!("/console/assets/console.{:016x}.{}", self.hash, self.extension)
    }
}

/// Where the stylesheet, the script and the icon are.
pub(super) fn paths() -> [String; 3] {
    ASSETS.each_ref().map(Asset::path)
}

pub(super) fn answer(request: &Request) -> Result<Response, Problem> {
    let asset = ASSETS.iter().find(|asset| asset.path() == request.path);
    let asset = asset.ok_or_else(|| problem::not_found("Not Found"))?;
    let response = Response::new(200, asset.content_type, asset.text);
    Ok(response.with_header("cache-control", "public, max-age=31536000, immutable"))
}
