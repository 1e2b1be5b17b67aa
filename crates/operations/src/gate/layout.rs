//! What the pages of a gate share. Compile-time templates (`templates/`), all values escaped, no scripts, nothing from elsewhere; a
//! strict Content-Security-Policy says so to the browser.

use mw_edge::{Problem, Response, clock, problem};

/// The tokens and parts of every page of ours.
pub const SHARED_STYLE: &str = include_str!("../../templates/shared.css");

/// A time, as `<time>` wants it and as people read it.
pub struct Moment {
    pub machine: String,
    pub people: String,
}

impl Moment {
    pub fn of(at: mw_kernel::Timestamp) -> Moment {
        Moment { machine: clock::rfc3339(at), people: clock::minute(at) }
    }
}

/// Only web addresses become links: a provider's answer could hold any scheme.
pub fn is_web_link(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// Names the styles of one answer, so that the browser takes no others.
pub fn nonce() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// A rendered page with the headers that keep it to itself.
pub fn answer(status: u16, page: askama::Result<String>, nonce: &str) -> Result<Response, Problem> {
    let page = page.map_err(|error| problem::internal().because(error))?;
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; media-src https: http:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    Ok(Response::html(status, page)
        .with_header("content-security-policy", policy)
        .with_header("referrer-policy", "no-referrer")
        .with_header("x-frame-options", "DENY")
        .with_header("x-robots-tag", "noindex, nofollow")
        .with_header("cache-control", "no-store"))
}
