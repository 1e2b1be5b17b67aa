//! Where a call goes, by a base URL that people have copied from somebody's page.

use super::dialect::{Dialect, NO_VERSION};

/// The address of a call.
pub struct Address {
    pub text: String,
    /// The base URL has no version, and one was put in.
    pub is_guessed: bool,
}

/// Adds the path of a call to a base URL: below the version that it names (`…/v1`, `…/v1beta/openai/`, `…/api/paas/v4`), below `/v1` where
/// it names none, unless the server was met to have none. A base URL that is the address of a call already, and a query, stay usable.
pub fn address(base_url: &str, path: &str, dialect: Dialect) -> Address {
    let (base, query) = base_url.split_at(base_url.find('?').unwrap_or(base_url.len()));
    let base = base.trim_end_matches('/');
    let base = ENDS.into_iter().find_map(|end| base.strip_suffix(end)).unwrap_or(base).trim_end_matches('/');
    // After the scheme and the host.
    let is_guessed = !base.split('/').skip(3).any(is_version) && !dialect.has(NO_VERSION);
    let version = if is_guessed { "/v1" } else { "" };
    Address { text: format!("{base}{version}{path}{query}"), is_guessed }
}

const ENDS: [&str; 3] = ["/chat/completions", "/messages", "/embeddings"];

/// `v1`, `v4`, `v1beta`
fn is_version(segment: &str) -> bool {
    segment.strip_prefix('v').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_base_url() {
        for (base_url, expected) in [
            ("https://api.openai.com", "https://api.openai.com/v1/chat/completions"),
            ("https://llm.example/v1/", "https://llm.example/v1/chat/completions"),
            ("https://v1.example//", "https://v1.example/v1/chat/completions"),
            ("https://g.example/v1beta/openai/", "https://g.example/v1beta/openai/chat/completions"),
            ("https://z.example/api/paas/v4", "https://z.example/api/paas/v4/chat/completions"),
            ("http://127.0.0.1:3900/openai", "http://127.0.0.1:3900/openai/v1/chat/completions"),
            ("https://o.example/api/v1/chat/completions", "https://o.example/api/v1/chat/completions"),
            ("https://a.example/openai/v1?api-version=x", "https://a.example/openai/v1/chat/completions?api-version=x"),
        ] {
            assert_eq!(address(base_url, "/chat/completions", Dialect::default()).text, expected);
        }
        let plain = address("https://p.example/inference", "/chat/completions", NO_VERSION);
        assert_eq!((plain.text.as_str(), plain.is_guessed), ("https://p.example/inference/chat/completions", false));
    }
}
