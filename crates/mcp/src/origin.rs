//! Where a browser's request comes from. A page of somebody else's must not reach us through a visitor's browser, not even by
//! a name that it made point here (DNS rebinding): only our own pages and those of this machine may.

use mw_edge::Request;
use mw_edge::config::Config;
use mw_edge::machine::is_this_machine;
use mw_edge::request::origin_of;

/// Whether a request comes from no browser, or from a page that may ask.
pub(super) fn is_allowed(request: &Request, config: &Config) -> bool {
    let Some(origin) = request.header("origin").map(str::trim) else { return true };
    let public = config.optional("public_base_url");
    public.is_some_and(|url| origin_of(&url) == Some(origin)) || is_this_machine(origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_pages_and_local_ones_may_ask() {
        let config = Config::of(&[("public_base_url", "https://mw.example/")]);
        let allowed =
            |origin: &str| is_allowed(&Request::in_memory("POST", "/mcp", &[("origin", origin)], ""), &config);
        for good in ["https://mw.example", "http://localhost:5173", "http://127.0.0.1:3000", "http://[::1]:80"] {
            assert!(allowed(good), "{good}");
        }
        for bad in [
            "https://evil.example",
            "http://mw.example",
            "https://mw.example:444",
            "null",
            "",
            "localhost",
            "https://localhost.evil.example",
            "https://mw.example.evil",
            "https://mw.example@evil.example",
        ] {
            assert!(!allowed(bad), "{bad}");
        }
        assert!(is_allowed(&Request::in_memory("POST", "/mcp", &[], ""), &config));
    }
}
